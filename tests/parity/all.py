#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All larger checks against the shared folder that take no longer than some minutes, one after the other. By name go text_pairs.py,
seven_billion.py, trainer/peer.py and trainer/adapters.py, which want a checkpoint, and real_run.py with all records."""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKS = (("expert",), ("real_texts",), ("readers",), ("bad_inputs",), ("kills",), ("damaged_set",), ("trainer_goldens",), ("stories260k",),
          ("tensorboard_reader",), ("real_run", "--records", "2"))


def main():
    results = {}
    for name, *options in CHECKS:
        print(f"== {name}", flush=True)
        results[name] = subprocess.run([sys.executable, HERE / f"{name}.py", *options, *sys.argv[1:]]).returncode
    failed = [n for n, code in results.items() if code not in (0, 77)]
    skipped = [n for n, code in results.items() if code == 77]
    print(f"{len(results) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped", *failed)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
