#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real language model learns real preferences: SmolLM2-135M through dpo on 200 pairs of captions without images, measured on 100
others before and after.

    text_pairs.py --checkpoint DIR [--keep FOLDER] [--lr 2e-4 --epochs 3 ...]

A pair is a person's caption of a COCO photo (chosen) and GPT-4's edit of it that is no longer true (rejected), of Hal-Eval; sample i
takes the i-th kind of edit in turn: place, object, attribute, event. Pictures of the 100 are none of the 200. Accuracy by
likelihood: the chosen text has the higher log-prob, in all or a token; by reward: it gained more than the rejected one. Where
transformers and PEFT are installed they score 20 of the 100 with the trained adapter, too. The checkpoint is what the shared
folder's peer/smollm2.py writes. Two threads take some minutes."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import peer_model
from common import ROOT, Failures, Tool, arguments, lines, workplace

TRAIN, HELD_OUT, PEERS = 200, 100, 20
CHATML = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")


def write_pairs(f, work, source):
    records = json.loads(source.read_text(encoding="utf-8"))[:TRAIN + HELD_OUT]
    pictures = [{r["image"] for r in part} for part in (records[:TRAIN], records[TRAIN:])]
    f.check(not pictures[0] & pictures[1], "a picture is in both parts")
    for name, begin, end in (("train", 0, TRAIN), ("held-out", TRAIN, TRAIN + HELD_OUT)):
        with open(work / f"{name}.jsonl", "w", encoding="utf-8") as out:
            for i in range(begin, end):
                edit = records[i]["hal_caption"][i % len(records[i]["hal_caption"])]
                row = {"id": f"pair-{i:03d}", "prompt": "Describe the image.", "generated": edit["caption"].strip(),
                       "revised": records[i]["caption"].strip()}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def make_pack(tool, work, name, checkpoint):
    store, pack = work / f"{name}.opa", work / name
    tool("init", store)
    tool("import", store, work / f"{name}.jsonl")
    tool("pack", store, "-o", pack, "--recipe", "dpo", "--tokenizer", checkpoint)
    return pack


def score(opatrain, out, *args):
    subprocess.run([opatrain, "score", *map(str, args), "-o", out], check=True)
    return lines(out)


def summary(rows, before=None):
    """What the log-probs of chosen and rejected say, and against those before what they gained."""
    out = {"chosen": 0.0, "rejected": 0.0, "likelier": 0.0, "likelier a token": 0.0}
    for row in rows:
        sides = row["responses"]["revised"], row["responses"]["generated"]
        sums = [s["sum"] for s in sides]
        means = [s["sum"] / len(s["logprobs"]) for s in sides]
        out["chosen"] += sums[0] / len(rows)
        out["rejected"] += sums[1] / len(rows)
        out["likelier"] += (sums[0] > sums[1]) / len(rows)
        out["likelier a token"] += (means[0] > means[1]) / len(rows)
    if before is not None:
        gained = [[a["responses"][r]["sum"] - b["responses"][r]["sum"] for r in ("revised", "generated")]
                  for a, b in zip(rows, before, strict=True)]
        out["gained more"] = sum(g[0] > g[1] for g in gained) / len(gained)
    return out


def print_table(before, after):
    print(f"{HELD_OUT} pairs that were not trained on{'before':>17}{'after':>10}")
    print(f"  log-prob of the chosen caption  {before['chosen']:14.2f}{after['chosen']:10.2f}")
    print(f"  log-prob of the rejected one    {before['rejected']:14.2f}{after['rejected']:10.2f}")
    print(f"  margin                          {before['chosen'] - before['rejected']:14.2f}{after['chosen'] - after['rejected']:10.2f}")
    print(f"  the chosen one is likelier      {before['likelier']:14.0%}{after['likelier']:10.0%}")
    print(f"  the chosen one is likelier, a token {before['likelier a token']:10.0%}{after['likelier a token']:10.0%}")
    print(f"  the chosen one gained more      {'-':>14}{after['gained more']:10.0%}")


def check_evals(f, run, before, after):
    """eval.jsonl tells what score tells."""
    evals = lines(run / "eval.jsonl")
    for line, want in ((evals[0], before), (evals[-1], after)):
        for side in ("chosen", "rejected"):
            f.check(abs(line["logp_" + side] - want[side]) < 1e-3, f"step {line['step']}: logp_{side} {line['logp_' + side]}, not {want[side]}")
    f.check(abs(evals[0]["margin"]) < 1e-4, f"margin {evals[0]['margin']} before the first update")
    f.check(abs(evals[-1]["accuracy"] - after["gained more"]) < 0.011, f"accuracy {evals[-1]['accuracy']}, not {after['gained more']}")
    for line in evals:
        print(f"  eval at step {line['step']}: loss {line['loss']:.4f}, margin {line['margin']:.3f}, accuracy {line['accuracy']:.0%}")


def check_moves(f, before, after):
    f.check(after["gained more"] >= 0.7, "too few of the chosen gained more than their rejected")
    f.check(after["likelier"] >= before["likelier"], "the accuracy fell")
    f.check(after["chosen"] - after["rejected"] > before["chosen"] - before["rejected"] + 2, "the margin hardly grew")


def check_peers(f, a, work, rows):
    if not peer_model.available():
        print("SKIP: no torch, transformers and PEFT to compare with")
        return
    model = peer_model.load(a.checkpoint, work / "dpo")
    other, beyond = peer_model.adapter_difference(model, work / "dpo")
    f.check(not other and not beyond, f"PEFT holds another adapter: {other[:3]} {beyond[:3]}")
    peer = peer_model.Peer(a.opapairs, work / "held-out", a.checkpoint, model, CHATML)
    found = [peer.compare(row) for row in rows[:PEERS]]
    worst, count = max(w for w, _ in found), sum(n for _, n in found)
    print(f"  PEFT on transformers: {count} log-probs of {PEERS} pairs within {worst:.1e}")
    f.check(worst < 1e-4 and count > 0, "PEFT gives other log-probs")


def main():
    a = arguments(__doc__, opatrain=str(ROOT / "build/trainer/opatrain"), checkpoint=os.environ.get("OPA_TEST_SMOLLM2", ""), keep="",
                  lr="2e-4", epochs="3", batch="20", rank="16", threads="0")
    source = a.shared / "data/pref_text/hal_eval/in_domain_evaluation.json"
    if not a.checkpoint or not Path(a.opatrain).exists() or not source.exists():
        print("SKIP: give --checkpoint (or OPA_TEST_SMOLLM2), and build opatrain")
        return 77
    tool, f, work = Tool(a.opapairs), Failures(), Path(a.keep) if a.keep else workplace()
    work.mkdir(parents=True, exist_ok=True)
    write_pairs(f, work, source)
    train, held_out = make_pack(tool, work, "train", a.checkpoint), make_pack(tool, work, "held-out", a.checkpoint)
    model = ("--model", a.checkpoint, "--template", "chatml", "--threads", a.threads)
    before = score(a.opatrain, work / "before.jsonl", *model, held_out)
    subprocess.run([a.opatrain, "dpo", *model, train, "--eval", held_out, "-o", work / "dpo", "--objective", "sigmoid", "--lr", a.lr, "--warmup",
                    "0.1", "--epochs", a.epochs, "--batch", a.batch, "--rank", a.rank], check=True)
    after = score(a.opatrain, work / "after.jsonl", *model, "--adapter", work / "dpo", held_out)
    told = summary(before), summary(after, before)
    print_table(*told)
    check_evals(f, work / "dpo", *told)
    check_moves(f, *told)
    check_peers(f, a, work, after)
    print(f"text_pairs: {f.count} failures")
    if not a.keep:
        shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
