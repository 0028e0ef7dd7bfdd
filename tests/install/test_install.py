#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `meson install` gives: installed into an empty folder, and used from there alone. The examples build with what
pkg-config says, against the shared and the static library, with every compiler that is there; the headers compile one by
one; man and bash find what is theirs; no file tells where it was built; and installing again changes nothing."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

P = argparse.ArgumentParser()
P.add_argument("--cc", nargs="+", required=True)
P.add_argument("--source", type=Path, required=True)
P.add_argument("--build", type=Path, required=True)
P.add_argument("--prefix", required=True)
P.add_argument("--version", required=True)
A, REST = P.parse_known_args()
SANITIZE = sorted(set(re.findall(r"-fsanitize=\S+", (A.build / "build.ninja").read_text())))
PACKAGE = "/usr/share/bash-completion/bash_completion"


def run(*args, **more):
    p = subprocess.run(
        [*map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, **more
    )
    if p.returncode != 0:
        raise AssertionError(
            "%s: exit %d\n%s%s" % (" ".join(map(str, args)), p.returncode, p.stdout[-2000:], p.stderr[-4000:])
        )
    return p.stdout


def install(folder):
    run("meson", "install", "-C", A.build, "--no-rebuild", "--quiet", "--destdir", folder)


def files(folder):
    """Name -> bytes, or the target of a link."""
    return {
        str(p.relative_to(folder)): os.readlink(p) if p.is_symlink() else p.read_bytes()
        for p in folder.rglob("*")
        if not p.is_dir() or p.is_symlink()
    }


def compilers():
    """The build's own first. What was built with sanitizers can only be linked by the same one."""
    yield A.cc
    if not SANITIZE:
        for name in ("gcc", "clang"):
            if shutil.which(name) and [name] != A.cc:
                yield [name]


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = Path(tempfile.mkdtemp(prefix="opapairs-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.tmp, ignore_errors=True)
        cls.stage = cls.tmp / "stage"
        install(cls.stage)
        cls.prefix = cls.stage / A.prefix.lstrip("/")
        pc = next(cls.stage.rglob("opapairs.pc"))
        cls.lib = pc.parent.parent
        # As it would be with this folder for a prefix: everything in it has to follow from that one line.
        text = pc.read_text()
        assert text.startswith("prefix=%s\n" % A.prefix), text
        (cls.tmp / pc.name).write_text(text.replace(A.prefix, str(cls.prefix), 1))

    def flags(self, *args):
        """What pkg-config says of the installed library, and of nothing else when no other package is named."""
        packages = [arg for arg in args if not arg.startswith("-")] or ["opapairs"]
        options = [arg for arg in args if arg.startswith("-")]
        return run("pkg-config", *options, *packages, env=dict(os.environ, PKG_CONFIG_PATH=str(self.tmp))).split()

    def build(self, compiler, name, flags):
        program = self.tmp / ("%s-%s" % (name, compiler[0].replace("/", "_")))
        source = self.prefix / "share/doc/opapairs/examples" / (name + ".c")
        run(*compiler, *SANITIZE, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags)
        return program

    def use(self, compiler, flags, **env):
        """Build the three examples and run them on the demo's set."""
        environment = {**os.environ, **env}
        diff, write, read = (self.build(compiler, name, flags) for name in ("diff_texts", "store_to_pack", "read_pack"))
        self.assertIn("'dog' -> 'cat'", run(diff, "A dog sits.", "A cat sits.", env=environment))
        work = Path(tempfile.mkdtemp(dir=self.tmp))
        rollouts = sorted((A.source / "demo/rollouts").glob("*.json"))
        said = run(write, work / "set.opa", work / "pack", A.source / "demo/tokenizer.json", *rollouts, env=environment)
        self.assertIn("48 records, 48 samples, 48 packed", said)
        self.assertEqual(len(run(read, work / "pack", env=environment).splitlines()), 48)
        run(self.prefix / "bin/opapairs", "verify", work / "pack")

    def test_examples_with_the_shared_library(self):
        for compiler in compilers():
            with self.subTest(compiler=compiler):
                self.use(compiler, self.flags("--cflags", "--libs"), LD_LIBRARY_PATH=str(self.lib))

    def test_examples_with_the_static_library(self):
        """Only the library itself is static, with the shared ones that it needs itself: what --static adds for those
        below them is not there on every system."""
        needed = [
            line.split()[0]
            for line in run("pkg-config", "--print-requires-private", self.tmp / "opapairs.pc").splitlines()
        ]
        self.assertIn("sqlite3", needed)
        below = self.flags("--libs", *needed) + ["-pthread", "-lm"]
        every = self.flags("--static", "--libs")
        self.assertEqual([f for f in below if f not in every and not f.startswith("-L")], [])
        flags = ["-l:libopapairs.a" if f == "-lopapairs" else f for f in self.flags("--cflags", "--libs")] + below
        for compiler in compilers():
            with self.subTest(compiler=compiler):
                self.use(compiler, flags)

    def test_pkg_config_says_the_version(self):
        self.assertEqual(self.flags("--modversion"), [A.version])

    def test_every_header_compiles_alone(self):
        headers = sorted((self.prefix / "include/opapairs").iterdir())
        self.assertEqual(
            [h.name for h in headers], sorted(h.name for h in (A.source / "libopapairs/include/opapairs").iterdir())
        )
        languages = [(c, "-std=c11", "-xc") for c in compilers()]
        languages += [(["c++"], "-std=c++17", "-xc++")] if shutil.which("c++") else []
        for compiler, *flags in languages:
            for header in headers:
                source = self.tmp / "one.c"
                source.write_text("#include <opapairs/%s>\n" % header.name)
                run(
                    *compiler,
                    *flags,
                    "-Wall",
                    "-Wextra",
                    "-Wpedantic",
                    "-Werror",
                    "-fsyntax-only",
                    source,
                    *self.flags("--cflags")
                )

    def test_program(self):
        self.assertTrue(run(self.prefix / "bin/opapairs", "--version").startswith("opapairs %s\n" % A.version))

    def test_schemas(self):
        known = run(self.prefix / "bin/opapairs", "schema").split()
        installed = {
            p.name[: -len(".schema.json")] for p in (self.prefix / "share/opapairs/schemas").glob("*.schema.json")
        }
        self.assertEqual(installed, set(known))

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_man_finds_every_page(self):
        verbs = re.findall(r"(?m)^  ([a-z]+) +\S", run(self.prefix / "bin/opapairs", "help"))
        pages = [("1", "opapairs")] + [("1", "opapairs-" + verb) for verb in verbs]
        pages += [("5", "opapairs-" + name) for name in ("store", "recipe", "pack")]
        man = self.prefix / "share/man"
        self.assertEqual(len(list(man.rglob("*.[0-9]"))), len(pages))
        for section, name in pages:
            path = run("man", "-M", man, "-w", section, name).strip()
            self.assertEqual(path, str(man / ("man" + section) / (name + "." + section)))
            text = run("man", "-l", path)
            self.assertIn(name.upper() + "(" + section + ")", text)
            self.assertIn("SEE ALSO", text)

    @unittest.skipUnless(os.path.exists(PACKAGE), "bash-completion is not installed")
    def test_bash_loads_the_completion(self):
        script = (
            """. %s; loader=$(complete -p -D); loader=${loader#*-F }; ${loader%%%% *} opapairs; complete -p opapairs"""
            % PACKAGE
        )
        env = dict(os.environ, BASH_COMPLETION_USER_DIR=str(self.prefix / "share/bash-completion"))
        p = subprocess.run(
            ["bash", "--norc", "-ic", script],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.assertEqual(p.stdout, b"complete -F _opapairs opapairs\n", p.stderr)

    def test_no_file_tells_where_it_was_built(self):
        for path in self.stage.rglob("*"):
            if path.is_dir() or path.is_symlink():
                continue
            data = path.read_bytes()
            if data.startswith((b"\x7fELF", b"!<arch>")):  # debug information does
                continue
            for folder in (A.build, A.source, self.stage):
                self.assertNotIn(str(folder).encode(), data, path)

    def test_installing_again_changes_nothing(self):
        before = files(self.stage)
        install(self.stage)
        self.assertEqual(files(self.stage), before)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *REST])
