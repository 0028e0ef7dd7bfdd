#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trained LLaMA of 260,000 parameters tells its known story: the file format of llama2.c, rewritten as a Hugging Face
checkpoint, and 200 greedy tokens from nothing but the beginning of a text."""
import json
import shutil
import struct
import subprocess
import sys

from common import ROOT, arguments, workplace

TOKENS = 200


def read_model(path):
    """The header, and every tensor as its bytes, in the names of transformers."""
    with open(path, "rb") as f:
        dim, hidden, layers, heads, kv_heads, vocabulary, length = struct.unpack("<7i", f.read(28))
        head = dim // heads
        tensors = {}

        def take(name, *shape):
            count = 1
            for n in shape:
                count *= n
            tensors[name] = (list(shape), f.read(4 * count))

        def take_layers(name, *shape):
            for i in range(layers):
                take("model.layers.%d.%s.weight" % (i, name), *shape)

        take("model.embed_tokens.weight", vocabulary, dim)
        take_layers("input_layernorm", dim)
        take_layers("self_attn.q_proj", dim, dim)
        take_layers("self_attn.k_proj", kv_heads * head, dim)
        take_layers("self_attn.v_proj", kv_heads * head, dim)
        take_layers("self_attn.o_proj", dim, dim)
        take_layers("post_attention_layernorm", dim)
        take_layers("mlp.gate_proj", hidden, dim)
        take_layers("mlp.down_proj", dim, hidden)
        take_layers("mlp.up_proj", hidden, dim)
        take("model.norm.weight", dim)
    for name in tensors:
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            tensors[name] = (tensors[name][0], halves(tensors[name][1], head, dim))
    config = {
        "model_type": "llama",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": length,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    return config, tensors


def halves(rows, head, dim):
    """llama2.c rotates neighbours, transformers the two halves of a head: its even rows first, then its odd ones."""
    size = 4 * dim
    out = []
    for begin in range(0, len(rows) // size, head):
        order = [begin + i for i in range(0, head, 2)] + [begin + i for i in range(1, head, 2)]
        out += [rows[size * i : size * (i + 1)] for i in order]
    return b"".join(out)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def read_pieces(path, count):
    with open(path, "rb") as f:
        f.read(4)
        pieces = []
        for i in range(count):
            score, size = struct.unpack("<fi", f.read(8))
            piece = f.read(size).decode()
            pieces.append((["<unk>", "<s>", "</s>"][i] if i < 3 else piece.replace(" ", "\u2581"), score))
    return pieces


def write_tokenizer(path, pieces):
    vocabulary = {piece: i for i, (piece, _) in enumerate(pieces)}
    merges = []
    for piece, score in sorted(pieces[259:], key=lambda p: -p[1]):
        for cut in range(1, len(piece)):
            if piece[:cut] in vocabulary and piece[cut:] in vocabulary:
                merges.append([piece[:cut], piece[cut:]])
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    begin = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    document = {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": c, **special} for i, c in enumerate(("<unk>", "<s>", "</s>"))],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, space]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": begin,
            "pair": begin,
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": merges,
        },
    }
    path.write_text(json.dumps(document), encoding="utf-8")


def main():
    args = arguments(__doc__)
    opatrain = next((p for p in ROOT.glob("build*/trainer/opatrain")), None)
    source = args.shared / "weights/stories260K"
    if opatrain is None or not source.is_dir():
        print("skipped: no weights, or opatrain is not built")
        return 77
    work = workplace()
    try:
        config, tensors = read_model(source / "stories260K.bin")
        (work / "config.json").write_text(json.dumps(config))
        write_safetensors(work / "model.safetensors", tensors)
        write_tokenizer(work / "tokenizer.json", read_pieces(source / "tok512.bin", config["vocab_size"]))
        (work / "prompts.jsonl").write_text('{"id": "story", "prompt": ""}\n')
        p = subprocess.run(
            [opatrain, "generate", "--model", work, "--prompts", work / "prompts.jsonl", "--max-new-tokens", str(TOKENS)],
            capture_output=True,
        )
        print(p.stderr.decode(), end="")
        told = json.loads(p.stdout)["text"] if p.returncode == 0 else ""
    finally:
        shutil.rmtree(work)
    expected = (source / "expected_stdout_t0_n200.txt").read_text(encoding="utf-8").rstrip("\n")
    print("the story is %s" % ("as expected" if told.startswith(expected) else "another one: " + told[:200]))
    return not told.startswith(expected)


if __name__ == "__main__":
    sys.exit(main())
