#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TensorBoard's own reader over the event files of a run that was killed and resumed: every scalar of log.jsonl and eval.jsonl at its
step, once, and none of the steps that the checkpoint did not know. Needs the Python package tensorboard."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from common import ROOT, Failures, Tool, arguments, workplace

CASE = ROOT / "tests/data/trainer/llava"
SHORT = {"logp_chosen": "logp/chosen", "logp_rejected": "logp/rejected", "reward_chosen": "reward/chosen",
         "reward_rejected": "reward/rejected", "margin": "reward/margin", "accuracy": "reward/accuracy"}


def tag_of(key, name):
    if name == "eval.jsonl":
        return "eval/" + key
    if key in ("loss", "learning_rate", "grad_norm", "targets", "tokens", "seconds"):
        return "train/" + key
    return SHORT.get(key, "terms/" + key)


def count_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_between_checkpoints(p, log):
    """SIGKILL behind an update that is not saved and before one that will be. It is held while that is looked at."""
    while True:
        if p.poll() is not None:
            raise AssertionError("the run ended before it was killed")
        time.sleep(0.001)
        n = count_lines(log)
        if n < 5 or n % 3 != 2:
            continue
        p.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if count_lines(log) == n:
            break
        p.send_signal(signal.SIGCONT)
    p.send_signal(signal.SIGKILL)
    p.wait()


def killed_run(opatrain, pack, out):
    """Killed behind a checkpoint and lines that it does not know, then resumed."""
    args = [opatrain, "dpo", "--model", CASE / "checkpoint", "--adapter", CASE / "adapter_init", pack, "-o", out, "--threads", "1", "--batch",
            "1", "--epochs", "4", "--save-every", "3", "--lr", "1e-3", "--eval", pack]
    p = subprocess.Popen(args, stderr=subprocess.DEVNULL)
    kill_between_checkpoints(p, out / "log.jsonl")
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
