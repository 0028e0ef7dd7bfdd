# SPDX-License-Identifier: Apache-2.0
"""The log, for people and as documents."""

import json

from support import Case, main, rollout
from test_diff import columns

RECORDS = [
    rollout("A dog. A cat %d." % i, [("A dog.", "A dog.", 4), ("A cat %d." % i, "A cow %d." % i, 1)])
    for i in range(3)
]


class Log(Case):
    def setUp(self):
        super().setUp()
        self.set = self.store(self.write("r.json", RECORDS))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]

    def work(self):
        """An entry of each kind."""
        report = dict(RECORDS[1]["AI_json_report"])
        report["1"] = dict(report["1"], score=3)
        self.run_cli("edit", self.set, self.ids[0], "--revised", "A dog. A hen 0.", "--by", "anna", "--why", "typo")
        self.run_cli("edit", self.set, self.ids[1], "--report", self.write("r2.json", report), "--by", "bert")
        self.run_cli("exclude", self.set, self.ids[2], "--why", "faces", "--by", "anna")
        self.run_cli("accept", self.set, self.ids[1], "--by", "anna")
        self.run_cli("undo", self.set, self.ids[2], "--by", "cleo")

    def lines(self, *args, width=200):
        return self.run_cli("log", self.set, *args, env={"COLUMNS": str(width)}).splitlines()

    def test_what_each_entry_did(self):
        self.work()
        lines = self.lines()
        self.assertEqual(len(lines), 6)
        for line, parts in zip(lines, (
            ("     1  ", "import    r.json  3 samples (entries 1 to 3)"),
            ("     4  ", "revised   %s  by anna  re-edited (1 edit)  typo" % self.ids[0]),
            ("     5  ", "report    %s  by bert  re-scored" % self.ids[1]),
            ("     6  ", "exclude   %s  by anna  faces" % self.ids[2]),
            ("     7  ", "accept    %s  by anna" % self.ids[1]),
            ("     8  ", "undo      %s  by cleo  takes back 6  included again" % self.ids[2]),
        )):
            self.assertTrue(line.startswith(parts[0]), line)
            self.assertTrue(line.endswith(parts[1]), line)

    def test_of_one_sample(self):
        self.work()
        lines = self.lines(self.ids[2])
        self.assertEqual([line.split()[2] for line in lines], ["import", "exclude", "undo"])
        self.assertNotIn(self.ids[2], "".join(lines))

    def test_patch(self):
        self.work()
        text = " ".join(" ".join(self.lines("-p")).split())
        self.assertIn("revised A dog. A [-cow-]{+hen+} 0.", text)
        self.assertIn("sentence 1 score 1 -> 3", text)
        one = " ".join(" ".join(self.lines(self.ids[0], "--patch")).split())
        self.assertIn("A [-cow-]{+hen+} 0.", one)
        self.assertNotIn("sentence 1", one)
        self.run_cli("log", self.set, "-p", "--jsonl", code=2)

    def test_imports_of_other_files_are_other_lines(self):
        again = [dict(RECORDS[0], AI_pseudo_response="Else.", AI_json_report={"0": dict(
            RECORDS[0]["AI_json_report"]["0"], rewritten_content="Else.")})]
        more = [rollout("A man.", [("A man.", "A boy.", 1)])]
        self.store(self.write("s.json", more), self.write("t.json", again))
        lines = self.lines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[1].endswith("import    s.json  1 sample"), lines)
        self.assertIn("import    %s" % self.ids[0], lines[2])
        self.assertTrue(lines[2].endswith("  t.json"), lines)
        self.assertIn("re-edited (", lines[2])

    def test_documents_in_order(self):
        """Entries of one second stand in the order in which they were made."""
        self.work()
        for i in range(4):
            self.run_cli("edit", self.set, self.ids[0], "--revised", "Text %d." % i)
        entries = self.jsonl("log", self.set, schema="log")
        self.assertEqual([e["sequence"] for e in entries], list(range(1, len(entries) + 1)))
        self.assertEqual([e["what"] for e in entries[:8]],
                         ["import"] * 3 + ["revised", "report", "exclude", "accept", "undo"])
        self.assertEqual([e["revised"] for e in entries[-4:]], ["Text %d." % i for i in range(4)])
        self.assertEqual(sorted(e["at"] for e in entries[3:]), [e["at"] for e in entries[3:]])
        self.assertEqual([e["by_hand"] for e in entries[:5]], [False, False, False, True, False])
        self.assertEqual(entries[7]["undoes"], 6)
        self.assertEqual(json.loads(json.dumps(entries[4]["report"]))["1"]["score"], 3)

    def test_from_40_to_200_columns(self):
        self.work()
        self.run_cli("edit", self.set, self.ids[0], "--revised", "\u72d7\u5728\u6d77\u6ee9\u4e0a\u8dd1\u3002" * 20, "--why",
                     "\u56e0\u4e3a" * 60, "--by", "\u674e" * 12)
        for width in (40, 63, 64, 80, 200):
            for args in ((), ("-p",), (self.ids[0],), (self.ids[0], "-p")):
                worst = max(self.lines(*args, width=width), key=columns)
                self.assertLessEqual(columns(worst), width, worst)

    def test_a_new_ground_truth_shows(self):
        record = {"id": "a", "prompt": "p", "generated": "A dog.", "ground_truth": "A cat."}
        files = [self.write_lines("%s.jsonl" % t, [dict(record, ground_truth="A %s." % t)]) for t in ("cat", "cow")]
        store = self.store(*files, name="truths.opa")
        log = self.jsonl("log", store, schema="log")
        self.assertEqual([e["ground_truth"] for e in log], ["A cat.", "A cow."])
        self.assertIn("import    a  other ground truth", self.run_cli("log", store).splitlines()[-1])
        page = self.run_cli("log", store, "-p")
        self.assertIn("[-cat-]{+cow+}", page)


if __name__ == "__main__":
    main()
