#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TensorBoard's own reader over the event files of a run that was killed and resumed: every scalar of log.jsonl and eval.jsonl at its
step, once, and none of the steps that the checkpoint did not know. Needs the Python package tensorboard."""
import json
import subprocess
import sys
from pathlib import Path

from common import ROOT, Failures, Tool, arguments, workplace

sys.path.insert(0, str(ROOT / "tests/trainer"))
from kills import count_lines, kill_between_checkpoints  # noqa: E402

CASE = ROOT / "tests/data/trainer/llava"
SHORT = {"logp_chosen": "logp/chosen", "logp_rejected": "logp/rejected", "reward_chosen": "reward/chosen",
         "reward_rejected": "reward/rejected", "margin": "reward/margin", "accuracy": "reward/accuracy"}


def tag_of(key, name):
    if name == "eval.jsonl":
        return "eval/" + key
    if key in ("loss", "learning_rate", "grad_norm", "targets", "tokens", "seconds"):
        return "train/" + key
    return SHORT.get(key, "terms/" + key)


def killed_run(opatrain, pack, out):
    """Killed behind a checkpoint and lines that it does not know, then resumed."""
    args = [opatrain, "dpo", "--model", CASE / "checkpoint", "--adapter", CASE / "adapter_init", pack, "-o", out, "--threads", "1", "--batch",
            "1", "--epochs", "4", "--save-every", "3", "--lr", "1e-3", "--eval", pack]
    p = subprocess.Popen(args, stderr=subprocess.DEVNULL)
    kill_between_checkpoints(p, out / "log.jsonl", 3)
    newest = max(int(path.name[5:]) for path in (out / "checkpoints").glob("step-" + 6 * "[0-9]"))
    if count_lines(out / "log.jsonl") <= newest:
        raise AssertionError(f"the log knows no more than the checkpoint of update {newest}")
    subprocess.run([*args, "--resume"], check=True, stderr=subprocess.DEVNULL)


def main():
    a = arguments(__doc__, opatrain=str(ROOT / "build/trainer/opatrain"))
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        print("skipped: needs the Python package tensorboard")
        return 77
    if not Path(a.opatrain).exists():
        print("skipped: opatrain is not built")
        return 77
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    tool("init", work / "set.opa")
    tool("import", work / "set.opa", *sorted((ROOT / "demo/rollouts").glob("*.json")), ok=(0, 1))
    tool("pack", work / "set.opa", "-o", work / "pack", "--tokenizer", ROOT / "demo/tokenizer.json", ok=(0, 1))
    out = work / "run"
    killed_run(a.opatrain, work / "pack", out)
    seen = EventAccumulator(str(out), size_guidance={"scalars": 0})
    seen.Reload()
    tags = set(seen.Tags()["scalars"])
    for name in ("log.jsonl", "eval.jsonl"):
        lines = [json.loads(line) for line in (out / name).read_text().splitlines()]
        for key in set(lines[0]) - {"step"}:
            tag = tag_of(key, name)
            if not f.check(tag in tags, f"no chart {tag}"):
                continue
            tags.remove(tag)
            events = seen.Scalars(tag)
            f.check([e.step for e in events] == [line["step"] for line in lines], f"{tag}: steps {[e.step for e in events]}")
            f.check(all(abs(e.value - line[key]) <= 1e-6 * abs(line[key]) for e, line in zip(events, lines)), f"{tag}: other values")
    f.check(not tags, f"charts of no field: {sorted(tags)}")
    files = sorted(p.name for p in out.glob("*tfevents*"))
    f.check(len(files) == 2, f"files: {files}")
    print(f"{len(files)} files, {len(seen.Tags()['scalars'])} charts: {f.count} failures")
    return f.count > 0


if __name__ == "__main__":
    sys.exit(main())
