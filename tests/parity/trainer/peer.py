#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Greedy ids and log-probs of a text checkpoint, beside transformers.

    peer.py --opatrain build/trainer/opatrain --opapairs build/cli/opapairs --checkpoint DIR [--tokens 48]

Generates 20 answers with both, then packs opatrain's answers and scores them with both. Ids have to be equal unless
transformers' own two likeliest logits are closer than 1e-3 there; log-probs within 1e-3. Needs torch and transformers; both run in float32 over
the stored weights.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROMPTS = [
    "The capital of France is", "Once upon a time", "def fibonacci(n):", "Water boils at", "The opposite of hot is",
    "In 1969, the first", "A recipe for pancakes:\n", "My favourite colour", "The quick brown fox", "1, 2, 3, 4,",
    "Roses are red,", "To be or not to be", "The theory of relativity", "Das Wetter ist heute", "Il était une fois",
    "Question: What is 7 times 8?\nAnswer:", "import numpy as np\n", "Dear Sir or Madam,", "The largest planet", "Zürich is a city",
]


def run(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL)


def lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--opatrain", required=True)
    parser.add_argument("--opapairs", required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=48)
    args = parser.parse_args()
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        print("skipped: needs torch and transformers")
        return 77
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint)
    model = AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32).eval()

    def logits(ids):
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].double()

    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        with open(tmp / "prompts.jsonl", "w") as f:
            for i, prompt in enumerate(PROMPTS):
                f.write(json.dumps({"id": f"p{i}", "prompt": prompt}) + "\n")
        run(args.opatrain, "generate", "--model", args.checkpoint, "--prompts", tmp / "prompts.jsonl", "--max-new-tokens", args.tokens,
            "-o", tmp / "answers.jsonl")
        answers, differ = lines(tmp / "answers.jsonl"), 0
        for prompt, answer in zip(PROMPTS, answers):
            ids = tokenizer(prompt).input_ids
            with torch.no_grad():
                want = model.generate(torch.tensor([ids]), max_new_tokens=args.tokens, do_sample=False)[0, len(ids):].tolist()
            same = next((k for k, (a, b) in enumerate(zip(want, answer["ids"])) if a != b), None)
            if same is not None:
                top = logits(ids + want[:same])[-1].topk(2).values
                differ += (top[0] - top[1]).item() > 1e-3
                print(f"{prompt!r}: other token at {same}, margin {(top[0] - top[1]).item():.2g}")
            elif len(want) != len(answer["ids"]):
                differ += 1
                print(f"{prompt!r}: {len(answer['ids'])} tokens, {len(want)} expected")
        with open(tmp / "samples.jsonl", "w") as f:
            for prompt, answer in zip(PROMPTS, answers):
                f.write(json.dumps({"id": answer["id"], "prompt": prompt, "generated": answer["text"]}) + "\n")
        run(args.opapairs, "init", tmp / "set.opa")
        run(args.opapairs, "import", tmp / "set.opa", tmp / "samples.jsonl")
        subprocess.run([args.opapairs, "pack", tmp / "set.opa", "-o", tmp / "pack", "--tokenizer", args.checkpoint],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run(args.opatrain, "score", "--model", args.checkpoint, tmp / "pack", "-o", tmp / "scores.jsonl")
        worst, count = 0.0, 0
        for score in lines(tmp / "scores.jsonl"):
            member = json.loads(subprocess.run([args.opapairs, "cat", tmp / "pack", score["id"]], stdout=subprocess.PIPE, check=True).stdout)
            prompt, ids = tokenizer(member["prompt"]).input_ids, member["responses"]["generated"]["ids"]
            table = torch.log_softmax(logits(prompt + ids), -1)
            for k, token in enumerate(ids):
                worst = max(worst, abs(table[len(prompt) + k - 1, token].item() - score["responses"]["generated"]["logprobs"][k]))
            count += len(ids)
        print(f"greedy: {len(answers) - differ} of {len(answers)} answers equal; log-probs of {count} tokens within {worst:.2g}")
        return int(differ > 0 or worst > 1e-3 or count == 0)


if __name__ == "__main__":
    sys.exit(main())
