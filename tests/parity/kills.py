#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at 100 random moments of an import and of a pack: what was there stays, the next run finishes the work, and the result is that
of an uninterrupted run. --set names a folder with a larger set (rollouts/), the default are the 48 real records."""
import random
import shutil
import subprocess
import sys
import time

from common import Failures, Tool, arguments, workplace
from expert import step_files
from readers import same


def killed(program, args, rng, longest):
    p = subprocess.Popen([program, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(rng.random() * longest)
    p.kill()
    return p.wait() < 0


def ids(tool, store):
    return {r["id"] for r in tool.lines("ls", store, "--jsonl")}


def main():
    a = arguments(__doc__, set="", kills=100, seed=1)
    tool, f, work, rng = Tool(a.opapairs), Failures(), workplace(), random.Random(a.seed)
    files = step_files(type(work)(a.set) / "rollouts" if a.set else a.shared / "data/expert/rollouts")
    tokenizer = a.shared / "tokenizers/llama2/vicuna_tokenizer.json"
    whole, store, pack = work / "whole.opa", work / "s.opa", work / "pack"
    tool("init", whole)
    start = time.time()
    tool("import", whole, *files, ok=(0, 1))
    longest = time.time() - start
    want = tool("ls", whole, "--jsonl").stdout
    start = time.time()
    tool("pack", whole, "-o", work / "want", "--tokenizer", tokenizer, ok=(0, 1))
    pack_longest = time.time() - start
    tool("init", store)
    hits, seen, half = 0, set(), files[:len(files) // 2]
    for k in range(a.kills // 2):
        if k % 10 == 0:
            store.unlink()
            for side in ("-wal", "-shm", "-journal"):
                type(store)(str(store) + side).unlink(missing_ok=True)
            tool("init", store)
            if k % 20 == 0:  # else the first kill meets the load of an empty store, which has a journal and no log
                tool("import", store, *half[:1], ok=(0, 1))
            seen = ids(tool, store)
        hits += killed(a.opapairs, ["import", store, *files], rng, longest)
        now = ids(tool, store)
        f.check(seen <= now, f"kill {k}: {len(seen - now)} samples lost")
        seen = now
    tool("import", store, *files, ok=(0, 1))
    f.check(tool("ls", store, "--jsonl").stdout == want, "after the kills the store is not that of an uninterrupted import")
    shutil.copytree(work / "want", pack)
    for k in range(a.kills - a.kills // 2):
        hits += killed(a.opapairs, ["pack", store, "-o", pack, "--seed", k, "--tokenizer", tokenizer], rng, pack_longest)
        f.check(tool("verify", pack, ok=None).returncode == 0, f"kill {k}: the pack is damaged")
    tool("pack", store, "-o", pack, "--tokenizer", tokenizer, ok=(0, 1))
    f.check(same(work / "want", pack), "after the kills the pack is not that of an uninterrupted run")
    left = [p.name for p in work.iterdir() if p.name not in {"whole.opa", "s.opa", "pack", "want"} and not p.name.endswith(("-wal", "-shm"))]
    f.check(not left, f"left behind: {left}")
    print(f"kills: {hits} of {a.kills} hit, seed {a.seed}, {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
