# SPDX-License-Identifier: Apache-2.0
"""What a sample costs at least: operations of its prefix tree, and bytes that a decoded token reads. Counted as the peer counts."""
import json
from pathlib import Path

PATHS = {"score": 3, "sft": 2, "dpo": 5}    # responses of a sample
VERSIONS = {"score": 1, "sft": 1, "dpo": 2}  # images that they stand under
RANK = 256


class Llama:
    """The language model's sizes, from config.json."""

    def __init__(self, checkpoint):
        config = json.loads((Path(checkpoint) / "config.json").read_text())
        c = config.get("text_config", config)
        self.hidden, self.intermediate = c["hidden_size"], c["intermediate_size"]
        self.layers, self.vocabulary = c["num_hidden_layers"], c["vocab_size"]
        heads = c["num_attention_heads"]
        self.kv = c.get("num_key_value_heads", heads) * c.get("head_dim", self.hidden // heads)
        self.layer_weights = 2 * self.hidden * (self.hidden + self.kv) + 3 * self.hidden * self.intermediate
        self.lora_weights = RANK * (2 * 2 * self.hidden + 2 * (self.hidden + self.kv) + 3 * (self.hidden + self.intermediate))


def triangle(n):
    return n * (n + 1) / 2


def tree_flops(llama, stage, tokens, targets):
    """Of a sample's tree with @tokens and @targets response tokens, as if its responses were equally long.

    Forward: 2 a weight and token (base, LoRA), 4 hidden a pair of query and key that it sees, 2 V hidden a target. Backward:
    frozen weights give dX only, LoRA dX and dW, attention twice its forward, the frozen head once.
    """
    paths, versions = PATHS[stage], VERSIONS[stage]
    prefix = (tokens - (targets - paths)) / versions
    below = targets / paths - 1
    pairs = versions * triangle(prefix) + paths * (below * prefix + triangle(below))
    base = 2 * tokens * llama.layers * llama.layer_weights
    lora = 2 * tokens * llama.layers * llama.lora_weights
    attention = 4 * llama.layers * llama.hidden * pairs
    head = 2 * llama.vocabulary * llama.hidden * targets
    forward = base + lora + attention + head
    return forward if stage == "score" else 2 * base + 3 * lora + 3 * attention + 2 * head


def step_bytes(llama, dtype, batch, length):
    """Read for one token more in each row of a batch: weights once, and keys and values (f32) of @length tokens a row."""
    weights = llama.layers * llama.layer_weights + llama.vocabulary * llama.hidden
    return weights * {"f32": 4, "bf16": 2}[dtype] + batch * llama.layers * 2 * llama.kv * length * 4
