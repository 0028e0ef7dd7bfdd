#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every case of goldens of the shared folder that opatrain reads, with one thread and with two. --golden names the program of another
build than build/."""
import subprocess
import sys
from pathlib import Path

from common import ROOT, arguments

CASES = ("llama_text", "llava15_small_geometry", "llava15_tiny", "llava15_original_layout", "onevision_tiny")


def built():
    """The one of build/, or of another build; one with sanitizers, which takes ten times as long, only where there is no other."""
    found = sorted(ROOT.glob("build*/tests/parity/trainer/golden"), key=lambda path: (sanitized(path), path))
    return found[0] if found else None


def sanitized(program):
    return b"__ubsan_handle" in (content := program.read_bytes()) or b"__asan_init" in content


def main():
    args = arguments(__doc__, golden="")
    golden = Path(args.golden) if args.golden else built()
    if golden is None or not golden.exists() or not (args.shared / "parity").exists():
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
