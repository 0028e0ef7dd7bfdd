#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything in shared/data/bad_inputs through every door of the program: no signal, no hang, a message that names the place, and what
was in the store stays."""
import base64
import json
import shutil
import subprocess
import sys

from common import ROOT, Failures, Tool, arguments, workplace

ALLOWED = {0, 1, 2, 65, 66, 69, 73, 74, 75}


class Doors:
    def __init__(self, tool, f, work):
        self.tool, self.f, self.work, self.count = tool, f, work, 0
        self.store = work / "s.opa"
        tool("init", self.store)
        tool("import", self.store, ROOT / "demo/rollouts/step0_rank0.json")
        self.before = tool("ls", self.store, "--jsonl").stdout

    def through(self, what, *args):
        self.count += 1
        try:
            r = subprocess.run([self.tool.program, *map(str, args)], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            self.f.check(False, f"{what} hangs: {args[0]}")
            return None
        self.f.check(r.returncode in ALLOWED, f"{what}: {args[0]} ends with {r.returncode}: {r.stderr[-300:]!r}")
        if r.returncode >= 2:
            self.f.check(r.stderr.strip(), f"{what}: {args[0]} exits {r.returncode} without a word")
        return r

    def same_store(self, what):
        self.f.check(self.before == self.tool("ls", self.store, "--jsonl").stdout, f"{what}: the store changed")


def json_files(doors, folder):
    for path in sorted(folder.rglob("*.json")):
        for fmt in ("rollout", "samples"):
            doors.through(path.name, "import", doors.store, path, "--as", fmt)
        doors.through(path.name, "import", doors.store, path)
        doors.through(path.name, "edit", doors.store, "no-such-id", "--report", path)
        doors.through(path.name, "tokenize", "--tokenizer", path, path)
        doors.through(path.name, "tokenize", "--tokenizer", ROOT / "demo/tokenizer.json", "--jsonl", path)
        doors.through(path.name, "pack", doors.store, "-o", doors.work / "pack", "--recipe", path, "--tokenizer", ROOT / "demo/tokenizer.json")
    doors.same_store("json")


def json_suite(doors, folder):
    """JSONTestSuite as one value of a samples record: y_ goes in, n_ does not (but for the repairs)."""
    # The last one closes the record itself, so the brace too many stands behind a sound record: a finding on the file.
    repaired = {"n_number_NaN.json", "n_number_infinity.json", "n_number_minus_infinity.json", "n_number_-NaN.json", "n_structure_object_followed_by_closing_object.json"}
    for path in sorted((folder / "test_parsing").glob("[yn]_*.json")):
        raw = path.read_bytes()
        record = b'{"id":"x","prompt":"p","generated":"g","extra":' + raw + b"}\n"
        file = doors.work / "suite.jsonl"
        file.write_bytes(record)
        store = doors.work / "suite.opa"
        store.unlink(missing_ok=True)
        doors.tool("init", store)
        doors.through(path.name, "import", store, file, "--as", "samples")
        n = len(doors.tool.lines("ls", store, "--jsonl"))
        # Inside a record, text before or after the value is a matter of the record, not of the value.
        if path.name.startswith("y_"):
            doors.f.check(n == 1, f"{path.name}: refused")
        elif path.name not in repaired:
            doors.f.check(n == 0, f"{path.name}: accepted")


def images(doors, folder):
    rows, expected = [], 0
    for k, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        rows.append({"id": f"i{k}", "prompt": "p", "generated": "g", "revised": "r", "image": {"bytes": base64.b64encode(path.read_bytes()).decode()}})
        expected += 1
    file, store = doors.work / "images.jsonl", doors.work / "images.opa"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    doors.tool("init", store)
    doors.through("images", "import", store, file)
    doors.f.check(len(doors.tool.lines("ls", store, "--jsonl")) == expected, "images: a record is missing")
    doors.through("images", "check", store, "--images", "--jsonl")
    doors.through("images", "pack", store, "-o", doors.work / "images-pack", "--tokenizer", ROOT / "demo/tokenizer.json")
    doors.through("images", "verify", doors.work / "images-pack")


def tars(doors, folder):
    """Each archive in the place of a pack's shard, as a tokenizer, a store and a file to import."""
    good = doors.work / "good"
    doors.tool("pack", doors.store, "-o", good, "--tokenizer", ROOT / "demo/tokenizer.json")
    shard = sorted(good.glob("*.tar"))[0].name
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        bad = doors.work / "bad"
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(good, bad)
        (bad / shard).chmod(0o644)
        shutil.copyfile(path, bad / shard)
        r = doors.through(path.name, "verify", bad)
        doors.f.check(r and r.returncode == 1 and r.stdout + r.stderr, f"{path.name}: verify says nothing")
        for verb in ("inspect", "ls", "stats", "check"):
            doors.through(path.name, verb, bad)
        doors.through(path.name, "import", doors.store, path)
        doors.through(path.name, "ls", path)
        doors.through(path.name, "tokenize", "--tokenizer", path, path)
    doors.same_store("tars")


def main():
    a = arguments(__doc__)
    f, work = Failures(), workplace()
    doors = Doors(Tool(a.opapairs), f, work)
    bad = a.shared / "data/bad_inputs"
    json_files(doors, bad / "json")
    json_suite(doors, bad / "json")
    images(doors, bad / "images")
    tars(doors, bad / "tar")
    print(f"bad_inputs: {doors.count} calls, {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
