# SPDX-License-Identifier: Apache-2.0
"""What the larger checks share: the program, the shared folder, running and reading JSON Lines."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def arguments(doc, **extra):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--opapairs", default=str(ROOT / "build/cli/opapairs"))
    p.add_argument("--shared", default=os.environ.get("OPA_TEST_SHARED", str(ROOT.parent / "shared")))
    for name, value in extra.items():
        if isinstance(value, bool):
            p.add_argument("--" + name, action="store_true")
        else:
            p.add_argument("--" + name, default=value, type=type(value) if value is not None else str)
    a = p.parse_args()
    a.opapairs = str(Path(a.opapairs).resolve())
    a.shared = Path(a.shared)
    if not a.shared.is_dir():
        print("SKIP: no shared folder beside the checkout")
        sys.exit(77)
    return a


class Tool:
    """opapairs as a function: out, err and exit status of one call."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *args, ok=(0,), text=None):
        r = subprocess.run([self.program, *map(str, args)], input=text, capture_output=True)
        if ok is not None and r.returncode not in ok:
            raise AssertionError(f"opapairs {' '.join(map(str, args))}: exit {r.returncode}\n{r.stderr.decode(errors='replace')[:2000]}")
        return r

    def lines(self, *args, ok=(0,)):
        return [json.loads(line) for line in self(*args, ok=ok).stdout.splitlines()]


class Failures:
    """Counts and prints what does not hold."""

    def __init__(self):
        self.count = 0

    def check(self, holds, what):
        if not holds:
            self.count += 1
            print("FAIL:", what)
        return bool(holds)


def lines(path):
    """The documents of a file of JSON Lines."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def workplace():
    return Path(tempfile.mkdtemp(prefix="opapairs-parity-"))
