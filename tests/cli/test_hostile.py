# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile input through every door: an exit code and a message, never a signal, and nothing lost."""

import json
import os

from support import Case, TOKENIZER, main, rollout, rollout_files


class Hostile(Case):
    def damage(self, data):
        """One of several kinds of damage."""
        data = bytearray(data)
        kind = self.random.randrange(5)
        if kind == 0 or not data:
            for _ in range(self.random.randrange(1, 20)):
                data[self.random.randrange(len(data)) if data else 0 : 1] = bytes([self.random.randrange(256)])
        elif kind == 1:
            del data[self.random.randrange(len(data)) :]
        elif kind == 2:
            at = self.random.randrange(len(data))
            data[at:at] = self.random.randbytes(self.random.randrange(1, 200))
        elif kind == 3:
            at = self.random.randrange(len(data))
            del data[at : at + self.random.randrange(1, 500)]
        else:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def test_imports(self):
        record = rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)])
        text = json.dumps([record, record, record]).encode()
        store = self.store(rollout_files()[0])
        before = {s["id"] for s in self.jsonl("ls", store)}
        for i in range(30):
            p = self.run_any("import", store, self.write("x.json", self.damage(text)))
            self.assertIn(p.returncode, (0, 1, 65))
        self.assertLessEqual(before, {s["id"] for s in self.jsonl("ls", store)})
        self.run_any("check", store, "--images")
        self.run_any("inspect", store)
        self.pack(store)
        self.run_cli("verify", self.path("pack"))

    def test_special_imports(self):
        store = self.store(rollout_files()[0])
        deep = b"[" * 100000
        contents = [
            b"",
            b" ",
            b"null",
            b"[]",
            b"{}",
            b"[[]]",
            b'"x"',
            b"\xef\xbb\xbf[]",
            b"\xff\xfe[\0]\0",
            deep,
            deep + b"]" * 100000,
            b'{"id":' * 5000,
            b"\x1f\x8b\x08\0\0\0\0\0",
            b'{"id":"a"}\n{"id":',
            b"[{},{},{}]",
            b"[,]",
            b"\0" * 1000,
            b'[{"query": ' + b"9" * 100000 + b"}]",
            os.urandom(5000),
        ]
        for content in contents:
            p = self.run_any("import", store, self.write("x.json", content))
            self.assertIn(p.returncode, (0, 1, 65), content[:30])
            if p.returncode != 0:
                self.assertTrue(p.err)
        p = self.run_any("import", store, self.folder)
        self.assertIn(p.returncode, (65, 66, 74))
        self.assertEqual(len(self.jsonl("ls", store)), 8)

    def test_stores(self):
        store = self.store(rollout_files()[0])
        with open(store, "rb") as f:
            data = f.read()
        for i in range(15):
            path = self.write("broken.opa", self.damage(data))
            for verb in ("ls", "check", "inspect"):
                self.run_any(verb, path)
            self.run_any("pack", path, "-o", self.path("p%d" % i), "--tokenizer", TOKENIZER)

    def test_packs(self):
        packed = self.pack(self.store(rollout_files()[0]))
        files = self.files_of(packed)
        for i in range(30):
            name = self.random.choice(sorted(files))
            path = os.path.join(packed, name)
            os.chmod(path, 0o644)
            with open(path, "wb") as f:
                f.write(self.damage(files[name]))
            for args in (["verify"], ["ls"], ["inspect", "--jsonl"], ["check"], ["stats"]):
                p = self.run_any(*args[:1], packed, *args[1:])
                if args == ["verify"] and self.files_of(packed) != files:
                    self.assertIn(p.returncode, (1, 65), name)
            with open(path, "wb") as f:
                f.write(files[name])
        self.run_cli("verify", packed)

    def test_index_tricks(self):
        packed = self.pack(self.store(rollout_files()[0]))
        path = os.path.join(packed, "index.tsv")
        os.chmod(path, 0o644)
        with open(path, "rb") as f:
            good = f.read()
        lines = good.splitlines(keepends=True)
        cells = lines[-1].rstrip(b"\n").split(b"\t")
        for column, value in (
            (2, b"../../../etc/passwd"),
            (2, b"/etc/passwd"),
            (3, b"18446744073709551615"),
            (3, b"-1"),
            (4, b"0"),
            (4, b"99999999999999999999"),
            (4, b"1"),
            (0, b""),
            (5, b"zz"),
            (2, b"."),
            (3, b"512x"),
        ):
            bad = cells[:]
            bad[column] = value
            with open(path, "wb") as f:
                f.write(b"".join(lines[:-1]) + b"\t".join(bad) + b"\n")
            for verb in ("ls", "inspect", "check"):
                self.run_any(verb, packed)
            self.assertIn(self.run_any("verify", packed).returncode, (1, 65))

    def test_tokenizers(self):
        with open(TOKENIZER, "rb") as f:
            data = f.read()
        for _ in range(40):
            self.run_any(
                "tokenize", "--tokenizer", self.write("t.json", self.damage(data)), input=b"A dog on the beach.\n"
            )

    def test_recipes(self):
        data = self.run_cli("recipe", "opa-dpo").encode()
        for _ in range(40):
            self.run_any("recipe", self.write("r.json", self.damage(data)))

    def test_reports(self):
        store = self.store(rollout_files()[0])
        sample = self.jsonl("ls", store)[0]["id"]
        record = rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)])
        data = json.dumps(record["AI_json_report"]).encode()
        for _ in range(30):
            self.run_any("edit", store, sample, "--report", self.write("r.json", self.damage(data)))
        self.run_cli("inspect", store, sample)

    def test_names_with_control_characters(self):
        name = "bad\x1b[31m\nname.json"
        store = self.store()
        self.run_any("import", store, self.write(name, [17]))
        for verb in ("check", "import"):
            p = self.run_any(verb, store, *([self.path(name)] if verb == "import" else []))
            self.assertNotIn(b"\x1b", p.out + p.err)

    def test_many_and_long(self):
        """Sizes at which something quadratic would be felt."""
        long = " ".join("w%d" % self.random.randrange(50000) for _ in range(40000)) + "."
        other = " ".join("v%d" % self.random.randrange(50000) for _ in range(40000)) + "."
        many = ["Sentence number %d." % i for i in range(3000)]
        samples = [
            {"id": "long", "prompt": "p", "generated": long, "revised": other},
            {"id": "nospace", "prompt": "p", "generated": "x" * 300000, "revised": "x" * 299999 + "y"},
        ]
        record = rollout(
            " ".join(many),
            [(s, s if i % 7 else s.replace("number", "item"), 4 if i % 7 else 2) for i, s in enumerate(many)],
        )
        store = self.store(self.write_lines("s.jsonl", samples), self.write("r.json", [record]))
        self.assertEqual(len(self.jsonl("inspect", store, timeout=60)), 3)
        self.run_any("inspect", store, timeout=60)
        self.run_any("check", store, timeout=60)


if __name__ == "__main__":
    main()
