# SPDX-License-Identifier: Apache-2.0
"""Every exit code, and what standard output and the disk may do."""

import json
import os
import resource
import sqlite3
import subprocess
import unittest

from support import Case, PROGRAM, TOKENIZER, main, rollout_files

READERS = ("check", "stats", "ls", "inspect", "log")


class ExitCodes(Case):
    def test_no_such_input(self):
        for verb in READERS:
            self.run_cli(verb, self.path("none.opa"), code=66)
            self.assertIn("none.opa", self.err)
        self.run_cli("pack", self.path("none.opa"), "-o", self.path("p"), "--tokenizer", TOKENIZER, code=66)
        store = self.demo_store()
        self.run_cli("pack", store, "-o", self.path("p"), "--tokenizer", self.path("none"), code=66)
        self.run_cli("pack", store, "-o", self.path("p"), "--tokenizer", TOKENIZER, "--recipe", "none", code=66)
        self.assertFalse(os.path.exists(self.path("p")))

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_a_store_that_may_not_be_read(self):
        store = self.demo_store()
        os.chmod(store, 0)
        for verb in READERS:
            self.run_cli(verb, store, code=74)
            self.assertIn("Permission denied", self.err)

    def test_bad_data(self):
        text = self.write("text.opa", b"this is no store, and it is long enough to be looked at\n" * 100)
        empty = self.write("empty.opa", b"")
        folder = self.path("folder")
        os.mkdir(folder)
        other = self.path("other.db")
        with sqlite3.connect(other) as db:
            db.execute("create table t (x)")
        db.close()
        for path in (text, folder, other, empty):
            for verb in READERS[:4]:
                self.run_cli(verb, path, code=65)
                self.assertIn(os.path.basename(path), self.err)
        recipe = self.write("r.json", b'{"pairs": 3}')
        store = self.demo_store()
        self.run_cli("pack", store, "-o", self.path("p"), "--tokenizer", TOKENIZER, "--recipe", recipe, code=65)
        self.run_cli("recipe", recipe, code=65)

    def test_cannot_create(self):
        self.run_cli("init", self.write("there.opa", b"something"), code=73)
        with open(self.path("there.opa"), "rb") as f:
            self.assertEqual(f.read(), b"something")
        self.run_cli("init", self.path("no", "such", "folder.opa"), code=73)
        store = self.demo_store()
        self.run_cli("init", store, code=73)
        self.assertEqual(len(self.jsonl("ls", store)), 48)
        self.run_cli("pack", store, "-o", self.write("file", b"x"), "--tokenizer", TOKENIZER, code=73)
        self.run_cli("pack", store, "-o", self.path("no", "such", "pack"), "--tokenizer", TOKENIZER, code=73)

    def test_init_of_an_empty_store_again(self):
        store = self.store()
        self.run_cli("init", store)

    def test_busy(self):
        store = self.store(rollout_files()[0])
        db = sqlite3.connect(store, isolation_level=None)
        db.execute("begin exclusive")
        try:
            p = self.run_any("import", store, rollout_files()[1])
        finally:
            db.execute("rollback")
            db.close()
        self.assertEqual(p.returncode, 75, p.err)
        self.run_cli("import", store, rollout_files()[1])

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk(self):
        store = self.demo_store()
        for args in (
            ["ls", store],
            ["inspect", store, "--jsonl"],
            ["--help"],
            ["stats", store, "--json"],
            ["check", "--codes"],
        ):
            with open("/dev/full", "wb") as full:
                p = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(p.returncode, 74, args)
            self.assertIn(b"standard output", p.stderr)

    def test_options_are_not_abbreviated(self):
        store = self.demo_store()
        for verb in ("ls", "check", "log", "inspect"):
            self.assertEqual(self.run_cli(verb, store, "--json", code=2), "")
            self.assertIn("did you mean '--jsonl'?", self.err)
        for option in (("--json=yes",), ("--colo", "never"), ("--color=never", "--jso"), ("--hel",), ("--tok",)):
            self.assertEqual(self.run_cli("check", store, *option, code=2), "")
            self.assertIn("unknown option", self.err)
        # What only looks like an option is a value.
        self.run_cli("exclude", store, self.jsonl("ls", store)[0]["id"], "--why", "--json", "--by", "--jso")
        self.assertEqual(self.jsonl("log", store)[-1]["why"], "--json")
        self.assertEqual(len(self.run_cli("ls", store, "--color", "never").splitlines()), 49)

    def test_standard_input_is_a_minus(self):
        store = self.demo_store()
        recipe = self.run_cli("recipe", "rlhf-v")
        written = self.run_cli("recipe", self.write("r.json", recipe))
        self.assertEqual(self.run_cli("recipe", "-", input=recipe.encode()), written)
        self.run_cli("recipe", "-", input=b"[", code=65)
        self.assertIn("standard input", self.err)
        out = self.path("p")
        self.run_cli("pack", store, "-o", out, "--tokenizer", TOKENIZER, "--recipe", "-", input=recipe.encode(), code=1)
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["recipe"]["name"], "rlhf-v")
        with open(TOKENIZER, "rb") as f:
            tokenizer = f.read()
        text = self.write("t.txt", "A dog on a beach.\n")
        tokens = self.run_cli("tokenize", "--tokenizer", TOKENIZER, text)
        self.assertEqual(self.run_cli("tokenize", "--tokenizer", "-", text, input=tokenizer), tokens)
        self.run_cli("tokenize", "--tokenizer", "-", input=tokenizer, code=2)
        self.run_cli("pack", store, "-o", out, "--tokenizer", "-", "--recipe", "-", code=2)
        self.run_cli("pack", store, "-o", "-", "--tokenizer", TOKENIZER, code=2)
        self.assertIn("a pack is a folder", self.err)

    def test_nobody_has_an_empty_name(self):
        store = self.demo_store()
        one = self.jsonl("ls", store)[0]["id"]
        for args in (
            ("exclude", store, one, "--why", "x"),
            ("accept", store, one),
            ("edit", store, one, "--revised", "x"),
            ("undo", store, one),
            ("import", store, rollout_files()[0]),
        ):
            for by, why in (("", "empty"), ("\udcff", "UTF-8")):
                self.run_cli(*args, "--by", by, code=2)
                self.assertRegex(self.err, "--by.*" + why)
        self.assertEqual(len(self.jsonl("log", store)), 48)

    def test_closed_standard_streams(self):
        store = self.demo_store()
        p = subprocess.run(["/bin/sh", "-c", '"$0" ls "$1" >&-', PROGRAM, store], stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 74)
        p = subprocess.run(["/bin/sh", "-c", '"$0" ls "$1" 2>&- <&-', PROGRAM, store], stdout=subprocess.PIPE)
        self.assertEqual(p.returncode, 0)
        self.assertEqual(len(p.stdout.splitlines()), 49)

    def test_a_reader_that_goes_away_is_no_failure(self):
        store = self.demo_store()
        p = self.start("inspect", store, "--jsonl")
        p.stdout.read(10)
        p.stdout.close()
        err = p.stderr.read()
        p.stderr.close()
        p.stdin.close()
        self.assertEqual((p.wait(), err), (0, b""))

    def test_file_size_limit(self):
        store = self.demo_store()

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

        p = self.run_any("pack", store, "-o", self.path("p"), "--tokenizer", TOKENIZER, preexec_fn=limit)
        self.assertEqual(p.returncode, 74)
        self.assertFalse(os.path.exists(self.path("p")))
        fresh = self.store(name="fresh.opa")
        p = self.run_any("import", fresh, *rollout_files(), preexec_fn=limit)
        self.assertEqual(p.returncode, 74)
        self.run_cli("import", fresh, *rollout_files())
        self.assertEqual(self.run_cli("ls", fresh), self.run_cli("ls", store))


if __name__ == "__main__":
    main()
