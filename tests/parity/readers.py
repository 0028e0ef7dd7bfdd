#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs as others read them: sha256sum, tar, webdataset and datasets (the last two where they are installed); same bytes over import
order, locale, umask, time zone and threads; and 1,000 random bit flips, all of which verify must find."""
import filecmp
import json
import os
import random
import shutil
import subprocess
import sys

from common import Failures, Tool, arguments, workplace
from expert import step_files


def same(a, b):
    names = sorted(p.name for p in a.iterdir())
    return names == sorted(p.name for p in b.iterdir()) and filecmp.cmpfiles(a, b, names, shallow=False)[0] == names


def check_same_bytes(f, tool, work, files, tokenizer, first):
    order = list(files)
    random.Random(7).shuffle(order)
    store = work / "other.opa"
    old = os.umask(0o077)
    os.environ.update(LC_ALL="tr_TR.UTF-8", TZ="Pacific/Chatham")
    tool("init", store)
    for path in order:
        tool("import", store, path, "--threads", 1)
    tool("pack", store, "-o", work / "again", "--tokenizer", tokenizer, "--threads", 3)
    os.umask(old)
    f.check(same(first, work / "again"), "the bytes depend on order, locale, umask, time zone or threads")


def check_readers(f, pack, count):
    f.check(subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=pack).returncode == 0, "sha256sum -c")
    listed = 0
    for shard in sorted(pack.glob("*.tar")):
        listed += len(subprocess.run(["tar", "tf", shard], capture_output=True, check=True).stdout.split())
    f.check(listed == 2 * count, f"tar lists {listed} members")
    try:
        import webdataset
        n = 0
        for s in webdataset.WebDataset([str(p) for p in sorted(pack.glob("*.tar"))], shardshuffle=False, empty_check=False):
            json.loads(s["json"])
            n += 1
        f.check(n == count, f"webdataset reads {n}")
        print(f"  webdataset {webdataset.__version__}: {n} samples")
    except ImportError:
        print("  SKIP webdataset: not installed")
    try:
        import datasets
        datasets.disable_progress_bars()
        n = 0
        for kind in ("jpg", "png", "text"):
            shards = [str(p) for p in sorted(pack.glob(kind + "-*.tar"))]
            if shards:
                n += len(datasets.load_dataset("webdataset", data_files={"train": shards}, split="train",
                                               cache_dir=str(pack.parent / "hf")))
        f.check(n == count, f"datasets reads {n}")
        print(f"  datasets {datasets.__version__}: {n} samples")
    except ImportError:
        print("  SKIP datasets: not installed")


def check_flips(f, tool, pack, flips, seed):
    rng = random.Random(seed)
    paths = sorted(p for p in pack.iterdir())
    sizes = [p.stat().st_size for p in paths]
    missed = 0
    for _ in range(flips):
        path = rng.choices(paths, sizes)[0] if rng.random() < 0.7 else rng.choice(paths)
        at, bit = rng.randrange(path.stat().st_size), rng.randrange(8)
        with open(path, "r+b") as file:
            file.seek(at)
            old = file.read(1)[0]
            file.seek(at)
            file.write(bytes([old ^ 1 << bit]))
        r = tool("verify", pack, ok=None)
        if r.returncode not in (1, 65) or not r.stdout + r.stderr:
            missed += 1
            print(f"FAIL: bit {bit} of byte {at} of {path.name}: exit {r.returncode}")
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(bytes([old]))
    f.count += missed
    print(f"  {flips} bit flips, seed {seed}: {missed} missed")


def main():
    a = arguments(__doc__, flips=1000, seed=1)
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    tokenizer = a.shared / "tokenizers/llama2/vicuna_tokenizer.json"
    files = step_files(a.shared / "data/expert/rollouts")
    store, pack = work / "s.opa", work / "pack"
    tool("init", store)
    tool("import", store, *files)
    tool("pack", store, "-o", pack, "--tokenizer", tokenizer)
    check_readers(f, pack, 48)
    check_same_bytes(f, tool, work, files, tokenizer, pack)
    small = work / "small.opa"
    tool("init", small)
    tool("import", small, files[4])
    tool("pack", small, "-o", work / "small", "--tokenizer", tokenizer)
    check_flips(f, tool, work / "small", a.flips, a.seed)
    print(f"readers: {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
