#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library as its users meet it: every public header compiles alone as C11 and C++17, only opa_ names are exported, each of them is
declared in a public header. What is installed is tested in tests/install/."""
import argparse
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

P = argparse.ArgumentParser()
P.add_argument("--cc", nargs="+", required=True)
P.add_argument("--source", type=Path, required=True)
P.add_argument("--library", type=Path, required=True)
A, REST = P.parse_known_args()
INCLUDE = A.source / "libopapairs/include"
HEADERS = sorted((INCLUDE / "opapairs").glob("*.h"))


class Api(unittest.TestCase):
    def compile(self, compiler, *flags):
        for header in HEADERS:
            r = subprocess.run([*compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", INCLUDE, "-"],
                               input=f"#include <opapairs/{header.name}>\n", text=True, capture_output=True)
            self.assertEqual(r.returncode, 0, f"{header.name}: {r.stderr}")

    def test_headers_alone_c11(self):
        self.compile(A.cc, "-std=c11", "-xc")

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler")
    def test_headers_alone_cxx17(self):
        self.compile(["c++"], "-std=c++17", "-xc++")

    def symbols(self):
        out = subprocess.run(["nm", "-D", "--defined-only", A.library], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].split("@")[0] for line in out.splitlines()}

    def test_exports(self):
        names = {n for n in self.symbols() if not re.match(r"_|__asan|__ubsan|asan\.", n)}
        self.assertTrue(names)
        self.assertEqual([n for n in sorted(names) if not n.startswith("opa_")], [])

    def test_declared_and_defined(self):
        text = "\n".join(h.read_text() for h in HEADERS)
        declared = set(re.findall(r"OPA_API[^;{]*?\b(opa_\w+)\(", text))
        self.assertEqual(sorted(declared - self.symbols()), [], "declared, but not defined")
        self.assertEqual(sorted(n for n in self.symbols() if n.startswith("opa_") and n not in declared), [], "exported, but not declared")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *REST])
