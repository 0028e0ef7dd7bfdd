#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of 7B's shape on one machine: the memory plan, then one real update within it.

    seven_billion.py --checkpoint DIR --plan-only              a minute: the plan, then an end
    seven_billion.py --checkpoint DIR                          sft of one real sample, one update
    seven_billion.py --checkpoint DIR --verb dpo               dpo: reference, five responses, two images
    seven_billion.py --checkpoint DIR --verb score             score of one sample
    seven_billion.py --checkpoint DIR --options "--rank 128 --bf16-moments"        instead of --rank 64; for score instead of none

Shows what opatrain says, watches its memory each second, and says the time, the largest resident set, how much of it was mapped
weights and how much its own. Fails where the run does, and where its own memory and the weights took more than --memory. The
checkpoint is the shared folder's make_checkpoint.py --shape 7b --dtype bf16 (13.5 GB), or LLaVA-1.5-7B itself. The update takes the
machine for a quarter of an hour (sft) to an hour (dpo), and needs --memory free."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import ROOT, Failures, Tool, arguments, workplace
from expert import step_files


class Watch(threading.Thread):
    """The largest figures of /proc/PID/status while it runs, in KiB."""

    NAMES = ("VmRSS", "RssAnon", "RssFile")

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.most = Path(f"/proc/{pid}/status"), dict.fromkeys(self.NAMES, 0)
        self.start()

    def run(self):
        try:
            while True:
                for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", self.path.read_text(), re.M):
                    if name in self.most:
                        self.most[name] = max(self.most[name], int(kib))
                time.sleep(1)
        except OSError:
            pass


def one_sample(a, tool, work):
    """A pack of the first real record."""
    record = json.loads(step_files(a.shared / "data/expert/rollouts")[0].read_text(encoding="utf-8"))[:1]
    (work / "one.json").write_text(json.dumps(record), encoding="utf-8")
    tool("init", work / "one.opa")
    tool("import", work / "one.opa", work / "one.json")
    tool("pack", work / "one.opa", "-o", work / "one", "--tokenizer", a.checkpoint)
    return work / "one"


def command(a, pack, work):
    args = [a.opatrain, a.verb, "--model", a.checkpoint, pack, "-o", work / "out", "--memory", a.memory]
    if a.verb != "score":
        args += ["--batch", "1", "--epochs", "1", "--warmup", "0"]
    options = ("" if a.verb == "score" else "--rank 64") if a.options is None else a.options
    return [str(x) for x in [*args, *shlex.split(options)]]


def run(args, plan_only):
    """Exit status (None: ended behind the plan), all that was said, seconds, and the watch."""
    print("$", shlex.join(args), flush=True)
    began, said = time.time(), []
    p = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
    watch = Watch(p.pid)
    for line in p.stderr:
        print(f"{time.time() - began:8.1f} s  {line}", end="", flush=True)
        said.append(line)
        if plan_only and "plan: " in line:
            p.kill()
            p.wait()
            return None, said, time.time() - began, watch
    return p.wait(), said, time.time() - began, watch


def limit(memory):
    """Bytes of a size as opatrain takes it: 22G, 22GB, 22GiB, 1.5t, 500M, 2e10."""
    found = re.fullmatch(r"((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:([KMGT])(?:iB|B)?)?", memory, re.I)
    if not found or float(found[1]) <= 0:
        sys.exit(f"--memory: '{memory}' is no size like 8G or 500M")
    return int(float(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1 if found[2] else 0))


def main():
    a = arguments(__doc__, opatrain=str(ROOT / "build/trainer/opatrain"), checkpoint=os.environ.get("OPA_TEST_7B", ""), verb="sft",
                  memory="22G", options=None, **{"plan-only": False})
    allowed = limit(a.memory)
    if a.plan_only and a.verb == "score":
        sys.exit("--plan-only is of sft and dpo: score makes no plan")
    if not a.checkpoint or not Path(a.opatrain).exists():
        print("SKIP: give --checkpoint (or OPA_TEST_7B), and build opatrain")
        return 77
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    status, said, seconds, watch = run(command(a, one_sample(a, tool, work), work), a.plan_only)
    mib = {name: kib >> 10 for name, kib in watch.most.items()}
    print(f"{seconds:.1f} s; resident {mib['VmRSS']:,} MiB at most: mapped {mib['RssFile']:,}, its own {mib['RssAnon']:,}")
    f.check(status in (None, 0), f"exit {status}")
    f.check(watch.most["VmRSS"] << 10 <= allowed, f"more than {a.memory}")
    f.check(a.verb == "score" or any("plan: " in line for line in said), "no plan")
    if status == 0 and a.verb != "score":
        line = json.loads((work / "out/log.jsonl").read_text().splitlines()[0])
        print(f"update 1: loss {line['loss']:.4f}, norm of the gradient {line['grad_norm']:.3g}, {line['tokens']} tokens in {line['seconds']:.0f} s")
        f.check(0 < line["grad_norm"] < 1e6, "the gradient")
    shutil.rmtree(work)
    print(f"seven_billion: {f.count} failures")
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
