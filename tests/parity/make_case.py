#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the committed case of the trainer's tests: tests/data/trainer/llava.

    make_case.py --golden ../shared/parity/make_golden.py --out tests/data/trainer

A LLaVA-1.5 of random values over the demo's tokenizer (530 pieces), so that weights and goldens fit a repository, with two
records and images of the demo. The numbers are torch's, transformers' and PEFT's, through the functions of the shared
make_golden.py, whose cases have LLaMA's 32,000 pieces. Needs the packages that it names at its head.
"""
import argparse
import base64
import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
RECORDS = [("step0_rank0.json", 0), ("step0_rank0.json", 1)]
VOCABULARY = 544  # 530 pieces, <image>, <pad>, and rows that no token has

CASE = {
    "name": "llava", "kind": "llava", "seed": 77, "dtype": "bf16", "layout": "released", "config_style": "tf4", "shards": 2,
    "tokenizer_files": ["json"], "full_grads": True, "lora": {"r": 4, "alpha": 8},
    "annotations": "annotations.jsonl", "image_root": "images", "records": [],
    "config": {
        "architectures": ["LlavaForConditionalGeneration"], "image_token_index": 530, "model_type": "llava",
        "pad_token_id": 531, "projector_hidden_act": "gelu", "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "text_config": {
            "hidden_size": 24, "intermediate_size": 56, "max_position_embeddings": 2048, "model_type": "llama",
            "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 2, "rms_norm_eps": 1e-05,
            "vocab_size": VOCABULARY},
        "vision_config": {
            "hidden_size": 32, "image_size": 56, "intermediate_size": 64, "model_type": "clip_vision_model",
            "num_attention_heads": 4, "num_hidden_layers": 3, "patch_size": 14, "projection_dim": 32, "vocab_size": 600},
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default"},
}


def load_golden(path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("make_golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_tokens(golden):
    """Ids of the demo's tokenizer in the place of LLaMA's SentencePiece model."""
    from tokenizers import Tokenizer

    class DemoTokens(golden.LlamaTokens):
        def __init__(self):
            self.tokenizer = Tokenizer.from_file(str(DEMO / "tokenizer.json"))
            self.sp = self

        def encode(self, text):
            return self.tokenizer.encode(text, add_special_tokens=False).ids

        def is_byte(self, i):
            piece = self.tokenizer.id_to_token(i)
            return len(piece) == 6 and piece.startswith("<0x")

        def id_to_piece(self, i):
            return self.tokenizer.id_to_token(i)

    return DemoTokens()


def write_records(root):
    (root / "images").mkdir()
    with open(root / "annotations.jsonl", "w") as out:
        for file, place in RECORDS:
            record = json.loads((DEMO / "rollouts" / file).read_text())[place]
            (root / "images" / record["image_id"]).write_bytes(base64.b64decode(record["image_bytes"]))
            name = record["image_id"].split(".")[0]
            CASE["records"].append(name)
            record.update(id=name, prompt=record["query"].removeprefix("<image>\n"), image=record["image_id"],
                          AI_pseudo_response=record["AI_pseudo_response"].strip())
            del record["image_bytes"]
            out.write(json.dumps(record) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    golden = load_golden(args.golden.resolve())
    tokens = make_tokens(golden)
    space = tokens.tokenizer.token_to_id("\u2581")
    make_samples = golden.make_samples

    def with_space(case, root, tok, folder):
        samples = make_samples(case, root, tok, folder)
        for sample in samples:
            sample["prompt_ids_dpo"][-1] = space  # LLaMA's is 29871
        (folder / "samples.jsonl").write_text("".join(json.dumps(s, ensure_ascii=False) + "\n" for s in samples))
        return samples

    def write_tokenizer(folder, setup, which, extra):
        tokenizer = json.loads((DEMO / "tokenizer.json").read_text())
        for i, text in ((530, "<image>"), (531, "<pad>")):
            tokenizer["added_tokens"].append({"id": i, "content": text, "single_word": False, "lstrip": False,
                                              "rstrip": False, "normalized": False, "special": True})
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
        golden.write_json(folder / "tokenizer_config.json", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                          "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048})

    golden.make_samples, golden.write_llama_tokenizer = with_space, write_tokenizer
    out = args.out.resolve()
    shutil.rmtree(out / CASE["name"], ignore_errors=True)
    with tempfile.TemporaryDirectory() as tmp:
        write_records(Path(tmp))
        golden.run_llava(CASE, out, {"root": Path(tmp)}, tokens)
    for file in out.rglob("*.safetensors"):
        file.chmod(0o644)


if __name__ == "__main__":
    main()
