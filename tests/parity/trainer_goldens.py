#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every case of goldens of the shared folder that opatrain reads, with one thread and with two."""
import subprocess
import sys

from common import ROOT, arguments

CASES = ("llama_text", "llava15_small_geometry", "llava15_tiny", "llava15_original_layout", "onevision_tiny")


def main():
    args = arguments(__doc__)
    golden = next(ROOT.glob("build*/tests/parity/trainer/golden"), None)
    if golden is None or not (args.shared / "parity").exists():
        print("skipped: no goldens, or opatrain and its tests are not built")
        return 77
    failed = 0
    for case in CASES:
        for threads in ("1", "2"):
            print(f"-- {case}, {threads} thread(s)", flush=True)
            failed += subprocess.run([golden, args.shared / "parity" / case, threads]).returncode != 0
    print(f"{failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
