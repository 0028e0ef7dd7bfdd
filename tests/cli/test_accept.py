# SPDX-License-Identifier: Apache-2.0
"""Accept, and what it leaves as it is."""

from support import Case, main, rollout

RECORDS = [
    rollout("A dog. A cat %d." % i, [("A dog.", "A dog.", 4), ("A cat %d." % i, "A cow %d." % i, 1)])
    for i in range(3)
]


class Accept(Case):
    def setUp(self):
        super().setUp()
        self.set = self.store(self.write("r.json", RECORDS))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]

    def log(self, *ids):
        return self.jsonl("log", self.set, *ids, schema="log")

    def test_the_log_says_who_and_why(self):
        out = self.run_cli("accept", self.set, self.ids[0], self.ids[1], "--by", "anna", "--why", "twice checked")
        self.assertEqual(out, "".join("%s: accepted\n" % i for i in self.ids[:2]))
        entry = self.log(self.ids[0])[-1]
        self.assertEqual((entry["what"], entry["by"], entry["why"]), ("accept", "anna", "twice checked"))
        self.assertEqual(entry["revised"], "A dog. A cow 0.")
        self.assertRegex(entry["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(self.run_cli("log", self.set, self.ids[0]), r"accept +by anna +twice checked\n")

    def test_again_is_said_and_not_logged(self):
        self.run_cli("accept", self.set, self.ids[0])
        entries = self.log()
        self.assertIn("accepted already", self.run_cli("accept", self.set, self.ids[0]))
        self.assertEqual(self.log(), entries)
        self.run_cli("edit", self.set, self.ids[0], "--revised", "A fox.")
        self.assertIn(": accepted\n", self.run_cli("accept", self.set, self.ids[0]))

    def test_undo(self):
        self.run_cli("accept", self.set, self.ids[0])
        self.run_cli("undo", self.set, self.ids[0])
        self.assertEqual([e["what"] for e in self.log(self.ids[0])], ["import", "accept", "undo"])
        self.run_cli("undo", self.set, self.ids[0], code=66)

    def test_all_ids_or_none(self):
        entries = self.log()
        self.run_cli("accept", self.set, self.ids[0], "nobody", code=66)
        self.assertIn("no sample 'nobody'", self.err)
        self.assertEqual(self.log(), entries)
        self.run_cli("accept", self.set, code=2)
        self.run_cli("accept", self.path("no.opa"), "x", code=66)

    def test_excluded_are_left(self):
        self.run_cli("exclude", self.set, self.ids[0], "--why", "blurred")
        out = self.run_cli("accept", self.set, *self.ids[:2], code=1)
        self.assertEqual(out, "%s: accepted\n" % self.ids[1])
        self.assertIn("excluded, so not accepted", self.err)
        self.assertEqual(self.log(self.ids[0])[-1]["what"], "exclude")

    def test_packs_and_diffs_do_not_see_it(self):
        before = self.files_of(self.pack(self.set, "before"))
        other = self.store(self.path("r.json"), name="other.opa")
        self.run_cli("accept", self.set, *self.ids)
        self.run_cli("undo", self.set, self.ids[2])
        self.assertEqual(self.files_of(self.pack(self.set, "after")), before)
        self.assertEqual(self.jsonl("diff", other, self.set), [])
        self.run_cli("exclude", self.set, self.ids[0], "--why", "blurred")
        self.assertNotEqual(self.files_of(self.pack(self.set, "excluded")), before)

    def test_importing_again_changes_nothing(self):
        self.run_cli("accept", self.set, *self.ids)
        entries = self.log()
        self.run_cli("import", self.set, self.path("r.json"))
        self.assertEqual(self.log(), entries)


if __name__ == "__main__":
    main()
