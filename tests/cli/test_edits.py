# SPDX-License-Identifier: Apache-2.0
"""Edit, exclude, undo: what they do, what they say, and that it can be taken back to the byte."""

import getpass
import json
import os
import shutil

from support import Case, main, rollout

RECORDS = [
    rollout("A dog. A cat %d." % i, [("A dog.", "A dog.", 4), ("A cat %d." % i, "A cow %d." % i, 1)])
    for i in range(4)
]


def report_of(i=0, **second):
    report = json.loads(json.dumps(RECORDS[i]["AI_json_report"]))
    report["1"].update(second)
    return report


class Edits(Case):
    def setUp(self):
        super().setUp()
        self.set = self.store(self.write("r.json", RECORDS))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]
        self.before = self.path("before.opa")
        shutil.copy(self.set, self.before)

    def revised(self, i=0):
        return self.jsonl("inspect", self.set, self.ids[i])[0]["revised"]

    def log(self):
        return self.jsonl("log", self.set, schema="log")

    def diff(self, code=1):
        return {d["id"]: d["fields"] for d in self.jsonl("diff", self.before, self.set, code=code)}

    def said(self, *args, **more):
        """What it says, on one line."""
        return " ".join(self.run_cli(*args, **more).split())

    # ---- edit ----

    def test_revised(self):
        text = self.said("edit", self.set, self.ids[0], "--revised", "A dog. A h\u00e9n.", "--by", "anna", "--why", "Typo.")
        self.assertEqual(self.revised(), "A dog. A h\u00e9n.")
        self.assertEqual(self.diff(), {self.ids[0]: ["revised"]})
        self.assertIn("%s re-edited revised A dog. A [-cow 0-]{+h\u00e9n+}. certificate exact" % self.ids[0], text)
        self.assertIn("finding OP305 rewritten-unplaced: ", text)
        entry = self.log()[-1]
        self.assertEqual((entry["what"], entry["by"], entry["why"], entry["revised"], entry["by_hand"]),
                         ("revised", "anna", "Typo.", "A dog. A h\u00e9n.", True))
        self.assertRegex(entry["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_only_new_findings_are_told(self):
        """Of two sentences one was not in the revised text before, whichever stands first."""
        for i, first, new in ((0, "A dog. All else.", 0), (1, "All else. A cow 1.", 1)):
            self.assertIn("OP305", self.said("edit", self.set, self.ids[i], "--revised", first))
            text = self.said("edit", self.set, self.ids[i], "--revised", "Everything.")
            self.assertIn("finding OP305 rewritten-unplaced: AI_json_report.%d.rewritten_content: " % new, text)
            self.assertNotIn("times)", text)

    def test_revised_from_a_file(self):
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", self.write("t.txt", "Two\nlines.\n"))
        self.assertEqual(self.revised(1), "Two\nlines.")
        self.run_cli("edit", self.set, self.ids[1], "--revised-file", "-", input=b"From stdin.")
        self.assertEqual(self.revised(1), "From stdin.")

    def test_report(self):
        path = self.write("r2.json", report_of(rewritten_content="A goat 0.", score=2))
        text = self.said("edit", self.set, self.ids[0], "--report", path, "--by", "bert")
        self.assertEqual(self.revised(), "A dog. A goat 0.")
        self.assertEqual(self.diff(), {self.ids[0]: ["revised", "feedback", "weights"]})
        self.assertIn("re-edited, re-scored revised A dog. A [-cow-]{+goat+} 0. sentence 1 score 1 -> 2 certificate exact",
                      text)
        # The text set by hand gives way to what the report gives.
        self.run_cli("edit", self.set, self.ids[0], "--revised", "By hand.")
        self.run_cli("edit", self.set, self.ids[0], "--report", path)
        self.assertEqual(self.revised(), "A dog. A goat 0.")

    def test_a_certificate_that_falls_is_said(self):
        path = self.write("r2.json", report_of(copied_content="A zebra on the moon."))
        text = self.said("edit", self.set, self.ids[0], "--report", path)
        self.assertIn("certificate exact -> broken", text)
        self.assertIn("finding OP101 segment-missing", text)
        text = self.said("undo", self.set, self.ids[0])
        self.assertIn("certificate broken -> exact", text)
        self.assertIn("settled OP101 segment-missing", text)

    def test_what_changes_nothing_is_no_entry(self):
        entries = len(self.log())
        for more in (("--revised", self.revised()), ("--report", self.write("same.json", json.dumps(report_of(), indent=3)))):
            text = self.run_cli("edit", self.set, self.ids[0], *more)
            self.assertEqual(text, "%s: it is so already, nothing is changed\n" % self.ids[0])
        self.run_cli("edit", self.set, self.ids[1], "--revised", "New.")
        self.assertIn("already", self.run_cli("edit", self.set, self.ids[1], "--revised", "New.", "--by", "x"))
        self.run_cli("exclude", self.set, self.ids[2], "--why", "x")
        self.run_cli("exclude", self.set, self.ids[2], "--why", "again")
        self.assertEqual(len(self.log()), entries + 2)

    def test_dry_run(self):
        was, entries = self.revised(), self.log()
        report = self.write("r2.json", report_of(rewritten_content="A goat 0."))
        for more in (("--revised", "Else."), ("--report", report)):
            text = self.run_cli("edit", self.set, self.ids[0], *more, "--dry-run")
            self.assertTrue(text.endswith("nothing is written: this was a dry run\n"), text)
            dry = text.rsplit("nothing", 1)[0]
            self.assertEqual((self.revised(), self.log()), (was, entries))
            self.assertEqual(self.run_cli("edit", self.set, self.ids[0], *more), dry)
            self.assertIn("taken back", self.run_cli("undo", self.set, self.ids[0], "-n"))
            self.assertNotEqual(self.revised(), was)
            self.run_cli("undo", self.set, self.ids[0])
            entries = self.log()

    def test_bad_input(self):
        pack = self.pack(self.set)
        entries = self.log()
        for code, more, said in (
            (65, ("--revised-file", self.write("bad.txt", b"\xff")), "bad.txt: the revised text is not UTF-8"),
            (65, ("--revised", b"\xff"), "--revised: the revised text is not UTF-8"),
            (65, ("--revised", " \n"), "opapairs exclude"),
            (65, ("--revised-file", self.write("empty.txt", "\n")), "empty.txt: the revised text is empty"),
            (66, ("--revised-file", self.path("no.txt")), "no.txt"),
            (65, ("--report", self.write("no.json", "I am sorry, I cannot help with that.")), "no.json: report-refused"),
            (65, ("--report", self.write("five.json", '{"0": 5}')), "five.json: report-unreadable"),
            (65, ("--report", self.write("empty.json", "")), "empty.json: there is no report in it"),
            (65, ("--report", self.write("latin.json", b'{"0": {"copied_content": "\xe9"}}')), "latin.json"),
            (2, (), "exactly one of"),
            (2, ("--revised", "a", "--report", "b"), "exactly one of"),
            (2, ("--revised", "a", "--why", b"\xff"), "UTF-8"),
        ):
            self.run_raw(code, "edit", self.set, self.ids[0], *more)
            self.assertIn(said, self.err)
        self.run_cli("edit", pack, self.ids[0], "--revised", "x", code=65)
        self.assertIn("a pack is never edited", self.err)
        self.run_cli("undo", pack, self.ids[0], code=65)
        self.run_cli("edit", self.path("none.opa"), self.ids[0], "--revised", "x", code=66)
        self.assertEqual(self.log(), entries)

    def run_raw(self, code, *args):
        """With arguments that are no text."""
        p = self.run_any(*(os.fsdecode(a) if isinstance(a, bytes) else a for a in args))
        self.assertEqual(p.returncode, code, (args, p.err))
        self.err = p.err.decode()

    def test_a_blank_revised_text_is_none_to_diff(self):
        store = self.store(self.write_lines("s.jsonl", [{"id": "s", "prompt": "p", "generated": "g", "revised": " \n",
                                                         "ground_truth": "t"}]), name="blank.opa")
        self.assertEqual(self.jsonl("diff", store, self.pack(store)), [])

    def test_who_is_the_login_name(self):
        for env, who in (({"LOGNAME": "lena", "USER": "ute"}, "lena"), ({"LOGNAME": "", "USER": "ute"}, "ute"),
                         ({"LOGNAME": "", "USER": ""}, None)):
            self.run_cli("edit", self.set, self.ids[0], "--revised", "By %s." % who, env=env)
            by = self.log()[-1]["by"]
            self.assertEqual(by, who or by)
            self.assertTrue(by)
        self.assertTrue(getpass.getuser())

    # ---- exclude ----

    def test_exclude(self):
        self.run_cli("exclude", self.set, self.ids[0], "nobody", "--why", "x", code=66)
        self.assertFalse(any(s["excluded"] for s in self.jsonl("ls", self.set)))
        twice = (self.ids[0], self.ids[2], self.ids[0])  # named twice is excluded, and told, once
        told = self.run_cli("exclude", self.set, *twice, "--why", "a person", "--by", "anna")
        self.assertEqual(len(told.splitlines()), 2)
        rows = self.jsonl("ls", self.set)
        self.assertEqual([s["excluded"] for s in rows], [True, False, True, False])
        self.assertEqual(rows[0]["pairs"], {"language": 0, "image": 0, "anchor": 0})
        self.assertIn("a person", self.run_cli("log", self.set, self.ids[0]))
        text = self.said("undo", self.set, self.ids[0])
        self.assertIn("exclude by anna", text)
        self.assertIn("a person", text)
        self.assertEqual([s["excluded"] for s in self.jsonl("ls", self.set)], [False, False, True, False])

    # ---- undo ----

    def test_undos_walk_back(self):
        id, states = self.ids[0], [self.revised()]
        for text in ("One.", "Two."):
            self.run_cli("edit", self.set, id, "--revised", text)
            states.append(self.revised())
        self.run_cli("edit", self.set, id, "--report", self.write("r2.json", report_of(rewritten_content="A goat 0.")))
        self.run_cli("exclude", self.set, id, "--why", "faces", "--by", "anna")
        entries = {e["sequence"]: e for e in self.jsonl("log", self.set, id)}
        order = sorted(entries)
        for taken, force in zip(order[:0:-1], order[-2::-1]):
            text = self.said("undo", self.set, id)
            self.assertIn("taken back %d, %s" % (taken, entries[taken]["what"]), text)
            self.assertIn("in force %d, %s" % (force, entries[force]["what"]), text)
            now = self.jsonl("log", self.set, id)[-1]
            self.assertEqual((now["undoes"], now["revised"], now["report"], now["excluded"]),
                             (taken, entries[force]["revised"], entries[force]["report"], entries[force]["excluded"]))
        self.assertEqual(self.revised(), states[0])
        self.assertEqual(self.diff(code=0), {})
        self.run_cli("undo", self.set, id, code=66)
        self.assertIn("has no edit to take back", self.err)
        # After an edit that follows undos, one undo takes that edit back.
        self.run_cli("edit", self.set, id, "--revised", "Three.")
        self.run_cli("undo", self.set, id)
        self.assertEqual(self.revised(), states[0])

    def test_undo_brings_the_bytes_of_the_pack_back(self):
        earlier = self.files_of(self.pack(self.set, "earlier"))
        self.assertIn("SHA256SUMS", earlier)
        self.run_cli("edit", self.set, self.ids[0], "--revised", "Another text.")
        self.run_cli("exclude", self.set, self.ids[1], "--why", "x")
        self.run_cli("edit", self.set, self.ids[2], "--report", self.write("r2.json", report_of(2, score=3)))
        self.run_cli("edit", self.set, self.ids[3], "--revised", "First.")
        self.run_cli("edit", self.set, self.ids[3], "--report", self.write("r3.json", report_of(3, score=2)))
        self.run_cli("accept", self.set, self.ids[3])
        changed = self.files_of(self.pack(self.set, "changed"))
        self.assertNotEqual(changed["SHA256SUMS"], earlier["SHA256SUMS"])
        for i, times in enumerate((1, 1, 1, 3)):
            for _ in range(times):
                self.assertNotEqual(self.files_of(self.pack(self.set, "between"))["SHA256SUMS"] == earlier["SHA256SUMS"],
                                    True)
                self.run_cli("undo", self.set, self.ids[i])
        again = self.files_of(self.pack(self.set, "again"))
        self.assertEqual(again.keys(), earlier.keys())
        for name in earlier:
            self.assertEqual(again[name], earlier[name], name)
        self.assertEqual(self.jsonl("diff", self.path("earlier"), self.set), [])

    # ---- which sample is meant ----

    def test_unknown_samples(self):
        for args in (
            ("edit", self.set, "x", "--revised", "t"),
            ("undo", self.set, "x"),
            ("log", self.set, "x"),
            ("exclude", self.set, "x", "--why", "y"),
            ("accept", self.set, "x"),
            ("inspect", self.set, "x"),
            ("inspect", self.pack(self.set), "x"),
        ):
            self.run_cli(*args, code=66)
            self.assertIn("'x'", self.err)
            self.assertIn("opapairs ls", self.err)

    def test_a_near_id_is_named_and_never_taken(self):
        entries = self.log()
        for id in (self.ids[0][:-1], self.ids[0] + "0", self.ids[0][:-3] + self.ids[0][-2] + self.ids[0][-3] + self.ids[0][-1]):
            if id in self.ids:
                continue
            for verb in (("edit", "--revised", "t"), ("exclude", "--why", "t"), ("undo",), ("log",)):
                self.run_cli(verb[0], self.set, id, *verb[1:], code=66)
                self.assertIn("did you mean '%s'?" % self.ids[0], self.err)
        self.run_cli("edit", self.set, "test-", "--revised", "t", code=66)
        self.assertIn("4 ids begin so, the first is '%s'" % min(self.ids), self.err)
        self.assertEqual(self.log(), entries)


class ImportedEdits(Case):
    """Edits that come as a file."""

    def setUp(self):
        super().setUp()
        self.set = self.store(self.write("r.json", RECORDS))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]

    def log(self, id):
        return [(e["what"], e["by"], e["revised"]) for e in self.jsonl("log", self.set, id)][1:]

    def test_they_stand_in_the_log_and_can_be_taken_back(self):
        pack = self.files_of(self.pack(self.set, "earlier"))
        lines = [{"id": self.ids[0], "revised": "One.", "by": "anna", "at": "2025-03-02T09:30:00Z"},
                 {"id": self.ids[1], "feedback": report_of(1, rewritten_content="A goat 1.")},
                 {"id": self.ids[0], "revised": "Two.", "by": "bert"}]
        path = self.write_lines("e.jsonl", lines)
        self.run_cli("import", self.set, path)
        first = self.jsonl("log", self.set, self.ids[0])[1]
        self.assertEqual((first["what"], first["by"], first["at"], first["why"]),
                         ("revised", "anna", "2025-03-02T09:30:00Z", "e.jsonl"))
        self.assertEqual(self.log(self.ids[0]), [("revised", "anna", "One."), ("revised", "bert", "Two.")])
        self.assertEqual(self.log(self.ids[1]), [("report", "import", "A dog. A goat 1.")])
        self.run_cli("import", self.set, path)
        self.assertEqual(len(self.log(self.ids[0])), 2, "importing again changes nothing")
        for id in (self.ids[0], self.ids[1], self.ids[0]):
            self.run_cli("undo", self.set, id)
        self.run_cli("undo", self.set, self.ids[0], code=66)
        self.assertEqual(self.files_of(self.pack(self.set, "again")), pack)

    def test_edits_in_front_of_their_samples(self):
        new = rollout("A man. A bus.", [("A man.", "A man.", 4), ("A bus.", "A van.", 1)])
        ids = {s["id"] for s in self.jsonl("ls", self.store(self.write("n.json", [new]), name="other.opa"))}
        (id,) = ids
        edits = self.write_lines("e.jsonl", [{"id": id, "revised": "A man. A tram.", "by": "anna"}])
        self.run_cli("import", self.set, edits, code=1)
        self.assertIn("the edit waits until it is imported", self.err)
        self.run_cli("import", self.set, self.path("n.json"))
        self.assertEqual(self.log(id), [("revised", "anna", "A man. A tram.")])
        self.assertNotIn("OP608", [c for c, _ in self.codes(self.set)])
        both = self.store(name="both.opa")
        self.run_cli("import", both, edits, self.path("n.json"))
        self.assertEqual(self.jsonl("inspect", both)[0]["revised"], "A man. A tram.")
        self.run_cli("undo", both, id)
        self.assertEqual(self.jsonl("inspect", both)[0]["revised"], "A man. A van.")


if __name__ == "__main__":
    main()
