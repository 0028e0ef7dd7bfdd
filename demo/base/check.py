#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the micro world's base: the numbers of README.md, all greedy.

    ninja -C build trainer/opatrain demo/world/microworld
    demo/base/check.py --build build [--model DIR] [--dtype bf16] [--golden tests/data/world/base.jsonl]

On the dev scenes (world 6, 400) and the test scenes (world 900, 800): what `microworld measure` says of its captions,
and how often it says Yes to questions about what is and is not there; the captions of the first 20 once more through
transformers, which must be the same to the letter: that part needs torch, transformers and Pillow.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SPLITS = (("dev", 6, 400), ("test", 900, 800))
QUESTIONS, COMPARED, GOLDEN = 2, 20, 4


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def answers_to(arguments, prompts, pictures, name):
    """prompts: a file, its pictures beside it -> what the model says, a dict a line; also in the file `name`."""
    subprocess.run([os.path.join(arguments.build, "trainer/opatrain"), "generate", "--model", arguments.model,
                    "--template", "llava_hf", "--dtype", arguments.dtype, "--prompts", prompts, "--images", pictures,
                    "--batch", "50", "--max-new-tokens", "80", "-o", name], check=True)
    return read_lines(name)


def yes_by_kind(arguments, scenes, pictures):
    """-> percentage of Yes by what the question is about, with the number of such questions."""
    said = answers_to(arguments, pictures + "/questions.jsonl", pictures, pictures + "/said.jsonl")
    votes = collections.defaultdict(list)
    for answer, question in zip(said, (q for s in scenes for q in s["questions"]), strict=True):
        text = answer["text"].strip()
        if not text.startswith(("Yes, ", "No, ")):
            print("neither yes nor no: " + text)
        votes[question["about"]].append(text.startswith("Yes, "))
    return "  ".join("%s %.1f %% of %d" % (k, 100 * sum(v) / len(v), len(v)) for k, v in sorted(votes.items()))


def of_transformers(model, scenes, pictures):
    """-> for each scene the greedy answer's text, and the log-probs of its tokens, the end among them."""
    import torch
    from PIL import Image
    from transformers import AutoProcessor, LlavaForConditionalGeneration
    llava, loading = LlavaForConditionalGeneration.from_pretrained(model, dtype=torch.float32, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
    processor, said = AutoProcessor.from_pretrained(model), []
    for scene in scenes:
        image = Image.open(os.path.join(pictures, scene["image"]))
        asked = processor(images=image, text="USER: <image>\nDescribe the picture. ASSISTANT:", return_tensors="pt")
        with torch.no_grad():
            ids = llava.eval().generate(**asked, do_sample=False, max_new_tokens=80)
            asked["input_ids"], length = ids, asked["input_ids"].shape[1]
            asked["attention_mask"] = torch.ones_like(ids)
            logprobs = llava(**asked).logits.log_softmax(-1)[0, length - 1:-1]
        answer = ids[0, length:]
        said.append((processor.decode(answer, skip_special_tokens=True).strip(),
                     logprobs.gather(1, answer[:, None])[:, 0].tolist()))
    return said


def write_golden(path, scenes, said):
    with open(path, "w", encoding="utf-8") as file:
        for scene, (text, logprobs) in zip(scenes, said):
            rounded = [round(x, 6) for x in logprobs]
            file.write(json.dumps({"id": scene["id"], "text": text, "logprobs": rounded}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, metavar="DIR", help="the build directory")
    parser.add_argument("--model", default=HERE, metavar="DIR", help="the checkpoint (the one beside this script)")
    parser.add_argument("--dtype", default="f32", help="of opatrain's products: f32 (default) or bf16")
    parser.add_argument("--golden", metavar="FILE", help="write what transformers says of the first test scenes")
    arguments = parser.parse_args()
    microworld = os.path.join(arguments.build, "demo/world/microworld")
    different = False
    with tempfile.TemporaryDirectory() as scratch:
        for name, seed, count in SPLITS:
            pictures = os.path.join(scratch, name)
            subprocess.run([microworld, "scenes", "--seed", str(seed), "--count", str(count), "--questions",
                            str(QUESTIONS), "-o", pictures], check=True)
            scenes = read_lines(pictures + "/scenes.jsonl")
            captions = answers_to(arguments, pictures + "/scenes.jsonl", pictures, pictures + "/captions.jsonl")
            print("%s, %d scenes" % (name, count), flush=True)
            subprocess.run([microworld, "measure", pictures + "/captions.jsonl"], check=True)
            print("Yes: " + yes_by_kind(arguments, scenes, pictures), flush=True)
            theirs = of_transformers(arguments.model, scenes[:COMPARED], pictures)
            same = sum(a["text"].strip() == text for a, (text, _) in zip(captions, theirs))
            print("opatrain and transformers: %d of the first %d captions are the same" % (same, COMPARED), flush=True)
            different |= same != COMPARED
            if name == "test" and arguments.golden:
                write_golden(arguments.golden, scenes, theirs[:GOLDEN])
    sys.exit(different)


if __name__ == "__main__":
    main()
