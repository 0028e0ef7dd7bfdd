# SPDX-License-Identifier: Apache-2.0
"""Edit, exclude, log, undo, diff."""

import json
import shutil
import unittest

from support import Case, main, rollout

RECORDS = [
    rollout("A dog. A cat %d." % i, [("A dog.", "A dog.", 4), ("A cat %d." % i, "A cow %d." % i, 1)])
    for i in range(3)
]


class Edits(Case):
    def setUp(self):
        super().setUp()
        self.set = self.store(self.write("r.json", RECORDS))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]
        self.before = self.path("before.opa")
        shutil.copy(self.set, self.before)

    def revised(self, i=0):
        return self.jsonl("inspect", self.set, self.ids[i])[0]["revised"]

    def diff(self, code=1):
        return self.jsonl("diff", self.before, self.set, code=code, schema="diff")

    def test_revised(self):
        was = self.revised()
        self.run_cli("edit", self.set, self.ids[0], "--revised", "A dog. A h\u00e9n.", "--by", "anna")
        self.assertEqual(self.revised(), "A dog. A h\u00e9n.")
        self.assertEqual(self.diff(), [{"id": self.ids[0], "change": "changed", "fields": ["revised"]}])
        entry = self.jsonl("log", self.set, self.ids[0])[-1]
        self.assertEqual((entry["by"], entry["revised"]), ("anna", "A dog. A h\u00e9n."))
        self.assertRegex(entry["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.run_cli("undo", self.set, self.ids[0])
        self.assertEqual(self.revised(), was)
        self.assertEqual(self.diff(code=0), [])
        self.run_cli("undo", self.set, self.ids[0], code=66)
        self.assertGreaterEqual(len(self.jsonl("log", self.set)), len(self.ids) + 2)
        self.assertIn("anna", self.run_cli("log", self.set))

    def test_revised_from_a_file(self):
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", self.write("t.txt", "Two\nlines.\n"))
        self.assertEqual(self.revised(1), "Two\nlines.")
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", "-", input=b"From stdin.")
        self.assertEqual(self.revised(1), "From stdin.")
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", self.write("bad.txt", b"\xff"), code=65)
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", self.path("no.txt"), code=66)
        self.assertEqual(self.revised(1), "From stdin.")

    def test_report(self):
        report = dict(RECORDS[0]["AI_json_report"])
        report["1"] = dict(report["1"], rewritten_content="A goat 0.", score=2)
        self.run_cli("edit", self.set, self.ids[0], "--report", self.write("r2.json", report), "--by", "bert")
        self.assertEqual(self.revised(), "A dog. A goat 0.")
        (change,) = self.diff()
        self.assertEqual(change["fields"], ["revised", "feedback", "weights"])
        self.run_cli("edit", self.set, self.ids[0], "--report", self.write("bad.json", "no report"), code=65)
        self.assertEqual(self.revised(), "A dog. A goat 0.")

    def test_exclude(self):
        self.run_cli("exclude", self.set, self.ids[0], "nobody", "--why", "x", code=66)
        self.assertFalse(any(s["excluded"] for s in self.jsonl("ls", self.set)))
        self.run_cli("exclude", self.set, self.ids[0], self.ids[2], "--why", "a person", "--by", "anna")
        rows = self.jsonl("ls", self.set)
        self.assertEqual([s["excluded"] for s in rows], [True, False, True])
        self.assertEqual(rows[0]["pairs"], {"language": 0, "image": 0, "anchor": 0})
        self.assertIn("a person", self.run_cli("log", self.set, self.ids[0]))
        self.run_cli("undo", self.set, self.ids[0])
        self.assertEqual([s["excluded"] for s in self.jsonl("ls", self.set)], [False, False, True])

    def test_diff_of_stores_and_packs(self):
        pack = self.pack(self.set)
        self.assertEqual(self.jsonl("diff", self.set, pack), [])
        self.run_cli("edit", self.set, self.ids[0], "--revised", "Another.")
        self.run_cli("exclude", self.set, self.ids[1], "--why", "x")
        second = self.pack(self.set, "second")
        found = {d["id"]: d for d in self.jsonl("diff", pack, second, code=1)}
        self.assertEqual(found[self.ids[1]]["change"], "removed")
        self.assertEqual(found[self.ids[0]]["fields"], ["revised", "weights"])
        self.assertEqual(len(found), 2)
        back = {d["id"]: d["change"] for d in self.jsonl("diff", second, pack, code=1)}
        self.assertEqual(back, {self.ids[1]: "added", self.ids[0]: "changed"})
        text = self.run_cli("diff", pack, second, code=1)
        self.assertTrue(text.startswith("0 added, 1 removed, 1 changed, 1 the same\n"), text)
        self.run_cli("diff", pack, pack)
        self.run_cli("diff", pack, self.path("none"), code=66)

    def test_a_blank_revised_text_is_none_to_diff(self):
        self.run_cli("edit", self.set, self.ids[0], "--revised", " \n")
        self.assertEqual(self.jsonl("diff", self.set, self.pack(self.set)), [])

    def test_unknown_samples(self):
        for args in (
            ("edit", self.set, "x", "--revised", "t"),
            ("undo", self.set, "x"),
            ("log", self.set, "x"),
            ("exclude", self.set, "x", "--why", "y"),
            ("inspect", self.set, "x"),
        ):
            self.run_cli(*args, code=66)
            self.assertIn("'x'", self.err)


if __name__ == "__main__":
    main()
