#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Add up what the test programs counted themselves: count.py testlog.json... -> 'N passed, N failed, N skipped' as the last line."""
import json
import re
import sys


def count(entry):
    """(passed, failed, skipped) of one program: cmocka's and unittest's closing lines; else the program itself is one test."""
    text = entry.get("stdout", "") + entry.get("stderr", "")
    ok = entry["result"] in ("OK", "EXPECTEDFAIL")
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test\(s\)", text, re.M))
    failed = len(set(re.findall(r"^\[  FAILED  \] (?!\d)(\S+)$", text, re.M)))
    skipped = sum(int(n) for n in re.findall(r"^\[  SKIPPED \] (\d+) test\(s\)", text, re.M))
    for n in re.findall(r"^Ran (\d+) tests? in", text, re.M):
        bad = sum(int(x) for x in re.findall(r"(?:failures|errors)=(\d+)", text))
        skip = sum(int(x) for x in re.findall(r"skipped=(\d+)", text))
        passed, failed, skipped = passed + int(n) - bad - skip, failed + bad, skipped + skip
    if not passed + failed + skipped:
        passed, failed, skipped = (1, 0, 0) if ok else (0, 0, 1) if entry["result"] == "SKIP" else (0, 1, 0)
    if not ok and entry["result"] != "SKIP" and not failed:
        failed = 1  # it ended badly after its last test
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                totals = [a + b for a, b in zip(totals, count(json.loads(line)))]
    print("%d passed, %d failed, %d skipped" % tuple(totals))
    return totals[1] != 0 or totals[0] == 0


if __name__ == "__main__":
    sys.exit(main())
