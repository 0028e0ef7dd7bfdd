# SPDX-License-Identifier: Apache-2.0
"""The options that say which samples: ls, inspect, stats and exclude against the same choice made in Python."""

import json
import re

from support import Case, TOKENIZER, main, rollout, rollout_records, rollout_id


class Filters(Case):
    def setUp(self):
        super().setUp()
        records = [
            rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)]),
            rollout("B dog. B cat.", [("B cat.", "B cat.", 4), ("B dog.", "B fox.", 2)]),  # moved
            rollout("C dog. C cat.", [("C dog.", "C dog.", 4), ("No such words at all.", "x", 3)]),  # broken
            rollout("D dog. D cat.", [("D dog.", "D dog.", 4), ("D cat.", "D cat.", 4)]),
            rollout("E dog.", [], AI_json_report=None, AI_pseudo_response=None),
            rollout("\u00c9toile. F  cat\u3002", [("\u00c9toile.", "\u00c9toiles.", 3), ("F cat\u3002", "F cat\u3002", 4)]),
            rollout("G dog. G long cat and hen.", [("G dog.", "", 1), ("G long cat and hen.", "G long cow and hen.", 2)]),
        ]
        records[3]["AI_json_report"]["Added"] = {"rewritten_content": "A hen.", "score": 4, "reason": "Missing HEN."}
        records[1]["AI_json_report"]["1"]["error_type"] = "language_comprehension_error"
        records[6]["AI_json_report"]["0"]["error_type"] = "language_comprehension_error"
        lines = [{"id": "odd # id", "prompt": "p", "generated": "One\ntwo.", "revised": "One\nthree."}]
        self.set = self.store(self.write("r.json", records), self.write_lines("s.jsonl", lines))
        self.read()

    def read(self):
        self.rows = {r["id"]: r for r in self.jsonl("ls", self.set)}
        self.samples = {s["id"]: s for s in self.jsonl("inspect", self.set)}
        self.order = list(self.rows)

    def ids(self, *options, verb="ls", **more):
        return [r["id"] for r in self.jsonl(verb, self.set, *options, schema=verb, **more)]

    def assert_chosen(self, predicate, *options):
        """ls, inspect and stats choose those for which the predicate (row, sample) holds, in their order."""
        expected = [i for i in self.order if predicate(self.rows[i], self.samples[i])]
        self.assertEqual(self.ids(*options), expected, options)
        self.assertEqual(self.ids(*options, verb="inspect"), expected, options)
        stats = json.loads(self.run_cli("stats", self.set, "--json", *options))
        self.assertEqual(stats["samples"], len(expected), options)
        return expected

    def test_only(self):
        severity = {c["code"]: c["severity"] for c in self.jsonl("check", "--codes")}
        has = lambda r, kind: any(severity[c] == kind for c in r["findings"])
        words = {
            "edited": lambda r, s: r["edited"],
            "unedited": lambda r, s: not r["edited"],
            "no-report": lambda r, s: r["certificate"] is None,
            "excluded": lambda r, s: r["excluded"],
            "included": lambda r, s: not r["excluded"],
            "left-out": lambda r, s: r["pairs"]["language"] == 0,
            "error": lambda r, s: has(r, "error"),
            "warning": lambda r, s: has(r, "warning"),
            "moved": lambda r, s: any(x["moved"] for x in s["sentences"]),
            "added": lambda r, s: any(x["added"] for x in s["sentences"]),
        }
        for c in ("exact", "repaired", "ambiguous", "broken"):
            words[c] = lambda r, s, c=c: r["certificate"] == c
        self.run_cli("exclude", self.set, self.order[0], "--why", "x")
        self.read()
        some = 0
        for word, predicate in words.items():
            some += len(self.assert_chosen(predicate, "--only", word)) > 0
        self.assertGreaterEqual(some, 12)
        self.assert_chosen(lambda r, s: words["moved"](r, s) or words["broken"](r, s), "--only", "moved,broken")
        self.assert_chosen(
            lambda r, s: words["edited"](r, s) and words["repaired"](r, s), "--only", "edited", "--only", "repaired"
        )
        self.assert_chosen(lambda r, s: False, "--only", "edited", "--only", "unedited")

    def test_reviews(self):
        a, b = self.order[0], self.order[1]
        self.assertEqual(self.ids("--only", "unseen"), self.order)
        self.run_cli("accept", self.set, a, "--by", "anna")
        self.run_cli("edit", self.set, b, "--revised", "B.")
        self.assertEqual(self.ids("--only", "accepted"), [a])
        self.assertEqual(self.ids("--only", "changed"), [b])
        self.assertEqual(self.ids("--only", "accepted,changed", verb="inspect"), [a, b])
        self.assertEqual(self.ids("--only", "undecided"), self.order[2:])
        self.assertEqual(self.ids("--only", "seen"), [])

    def test_scores_and_types(self):
        def some(s, scores=None, types=None):
            return any(
                (scores is None or x["score"] in scores) and (types is None or x["error_type"] in types)
                for x in s["sentences"]
            )

        image, language = "image_recognition_error", "language_comprehension_error"
        self.assertEqual(len(self.assert_chosen(lambda r, s: some(s, {1}), "--score", "1")), 2)
        self.assert_chosen(lambda r, s: some(s, {1, 2}), "--score", "1,2")
        self.assert_chosen(lambda r, s: some(s, {None}), "--score", "none")
        self.assert_chosen(lambda r, s: some(s, None, {image}), "--type", image)
        self.assert_chosen(lambda r, s: some(s, None, {image, "correct"}), "--type", image + ",correct")
        # One sentence has both: G has a 2 and a language error, but not in the same one.
        both = self.assert_chosen(lambda r, s: some(s, {2}, {language}), "--score", "2", "--type", language)
        self.assertEqual(both, [self.order[1]])
        self.assertIn(self.order[6], self.ids("--score", "2"))
        self.assertIn(self.order[6], self.ids("--type", language))

    def test_codes(self):
        codes = sorted({c for r in self.rows.values() for c in r["findings"]})
        self.assertGreater(len(codes), 3)
        for code in codes:
            self.assertTrue(self.assert_chosen(lambda r, s: code in r["findings"], "--code", code))
            prefix = code[:3]
            self.assert_chosen(lambda r, s: any(c.startswith(prefix) for c in r["findings"]), "--code", prefix + "xx")
        two = codes[0] + "," + codes[-1]
        self.assert_chosen(lambda r, s: codes[0] in r["findings"] or codes[-1] in r["findings"], "--code", two)
        self.assert_chosen(
            lambda r, s: codes[0] in r["findings"] and codes[-1] in r["findings"], "--code", codes[0], "--code", codes[-1]
        )

    def test_grep(self):
        def found(pattern, flags=re.M):
            texts = lambda s: [s["generated"], s["revised"], s["ground_truth"], *(x["reason"] for x in s["sentences"])]
            return lambda r, s: any(re.search(pattern, t, flags) for t in texts(s) if t)

        for pattern in ("cow", "c(ow|at)", "^A", "dog\\.$", "no$", "HEN", "\u00c9.oile", "^two", "^..toile"):
            self.assert_chosen(found(pattern), "--grep", pattern)
        self.assertEqual(len(self.ids("--grep", "^.toile")), 1)  # a character, not a byte
        for pattern in ("hEn", "DOG", "\u00e9TOILE"):
            self.assertEqual(self.ids("--grep", pattern), [])
            self.assertTrue(self.assert_chosen(found(pattern, re.M | re.I), "--grep", pattern, "--ignore-case"))
        self.assertEqual(len(self.ids("--grep", "Describe the picture")), 7)  # prompts
        self.assertEqual(self.ids("--grep", "cow", "--grep", "long"), [self.order[6]])
        nul = self.write_lines("nul.jsonl", [{"id": "nul", "prompt": "p", "generated": "a\u0000needle", "revised": "b"}])
        self.run_cli("import", self.set, nul)
        self.assertEqual(self.ids("--grep", "needle"), ["nul"])

    def test_sort_and_limit(self):
        both = lambda s: s["counts"]["deleted"] + s["counts"]["inserted"]
        tokens = lambda s: sum(h[k]["tokens"][1] - h[k]["tokens"][0] for h in s["hunks"] for k in ("generated", "revised"))
        share = lambda s: both(s) / tokens(s) if s["hunks"] else 0
        score = lambda s: min([x["score"] for x in s["sentences"] if x["score"]], default=5)
        lines = "".join(json.dumps(s["generated"]) + "\n" for s in self.samples.values()).encode()
        out = self.jsonl("tokenize", "--tokenizer", TOKENIZER, "--no-special", input=lines)
        length = dict(zip(self.samples, (len(x["ids"]) for x in out)))
        by = {
            "edit-share": lambda i: -share(self.samples[i]),
            "score": lambda i: score(self.samples[i]),
            "id": lambda i: i.encode(),
        }
        for key, rank in by.items():
            expected = sorted(self.order, key=rank)
            self.assertEqual(self.ids("--sort", key), expected, key)
            self.assertEqual(self.ids("--sort", key, "--limit", "3", verb="inspect"), expected[:3], key)
        expected = sorted(self.order, key=lambda i: -length[i])
        self.assertEqual(self.ids("--sort", "length", "--tokenizer", TOKENIZER, verb="inspect"), expected)
        self.assertNotEqual(expected, self.order)
        self.assertEqual(self.ids("--limit", "2"), self.order[:2])
        self.assertEqual(self.ids("--limit", "0"), [])
        edited = [i for i in self.order if self.rows[i]["edited"]]
        self.assertEqual(self.ids("--limit", "3", "--only", "edited"), edited[:3])
        self.assertEqual(
            self.ids("--sort", "id", "--limit", "2", "--only", "edited"), sorted(edited, key=lambda i: i.encode())[:2]
        )

    def test_ids(self):
        a, b, odd = self.order[4], self.order[1], "odd # id"
        listed = self.write("ids.txt", "%s\r\n\n%s\n%s" % (a, odd, b))
        self.assertEqual(self.ids("--ids", listed), [i for i in self.order if i in (a, b, odd)])
        self.assertEqual(self.ids("--ids", "-", input=(a + "\n").encode()), [a])
        self.assertEqual(self.ids("--ids", self.write("none.txt", "\n")), [])
        self.assertEqual(self.ids(a, b, "--only", "edited", verb="inspect"), [b])
        self.assertEqual(self.ids(b, a, "--sort", "id", verb="inspect"), sorted([a, b]))
        unknown = self.write("bad.txt", "".join("nobody%d\n" % i for i in range(20)) + a)
        for verb in ("ls", "inspect", "stats"):
            out = self.run_cli(verb, self.set, "--ids", unknown, code=66)
            self.assertEqual(out, "")
            self.assertIn("20 of its 21 ids are not in", self.err)
            self.assertIn("'nobody0'", self.err)
        self.run_cli("ls", self.set, "--ids", self.path("no-such-file"), code=66)

    def test_packs_too(self):
        pack = self.pack(self.set, code=1)
        packed = [r["id"] for r in self.jsonl("ls", pack)]
        self.assertGreater(len(packed), 3)
        rows = self.jsonl("ls", pack, "--only", "edited", "--sort", "id")
        self.assertEqual([r["id"] for r in rows], sorted((i for i in packed if self.rows[i]["edited"]), key=str.encode))
        self.run_cli("ls", pack, "--ids", self.write("x.txt", "nobody\n"), code=66)
        self.run_cli("exclude", pack, packed[0], "--why", "x", code=65)

    def test_the_table_of_a_pack_does_not_wait_for_comparisons(self):
        """What needs all samples is said where all of them are asked for."""
        twins = [{"id": i, "prompt": "p", "generated": "The same dog.", "revised": "A cat.", "ground_truth": "A fox."}
                 for i in ("a", "b")]
        store = self.store(self.write("twins.json", twins))
        pack = self.pack(store, "twins")
        self.assertIn("OP606", self.run_cli("ls", store))
        for verb in ("ls", "inspect"):
            self.assertNotIn("OP606", self.run_cli(verb, pack))
            for more in (("--jsonl",), ("--sort", "id"), ("--code", "OP606")):
                self.assertIn("OP606", self.run_cli(verb, pack, *more), more)

    def test_usage(self):
        for args, words in (
            (["--only", "brokn"], ["broken", "ambiguous", "did you mean 'broken'"]),
            (["--only", "edited,,moved"], ["missing"]),
            (["--only", ""], ["missing"]),
            (["--score", "5"], ["none, 1, 2, 3, 4"]),
            (["--type", "image"], ["did you mean 'image_recognition_error'"]),
            (["--code", "OP9999"], ["check --codes"]),
            (["--code", "101"], ["check --codes"]),
            (["--code", "OPxx1"], ["check --codes"]),
            (["--sort", "edit-shar"], ["edit-share, score, length, id"]),
            (["--grep", "("], ["'('"]),
            (["--ignore-case"], ["--grep"]),
            (["--limit", "-1"], ["whole number"]),
            (["--only", "edited"] * 9, ["8 times"]),
        ):
            for verb in ("ls", "inspect", "stats", "exclude"):
                self.run_cli(verb, self.set, *args, code=2)
                for word in words:
                    self.assertIn(word, self.err)

    def excluded(self):
        return [r["id"] for r in self.jsonl("ls", self.set) if r["excluded"]]

    def test_exclude(self):
        moved = self.ids("--only", "moved")
        out = self.run_cli("exclude", self.set, "--only", "moved", "-n")
        self.assertEqual(out, "".join(i + ": would be excluded\n" for i in moved))
        self.assertEqual(self.excluded(), [])
        self.run_cli("exclude", self.set, "--only", "moved", code=2)  # no reason
        out = self.run_cli("exclude", self.set, "--only", "moved", "--why", "order", "--by", "anna")
        self.assertEqual(out, "".join(i + ": excluded\n" for i in moved))
        self.assertEqual(self.excluded(), moved)
        entry = self.jsonl("log", self.set, moved[0])[-1]
        self.assertEqual((entry["what"], entry["by"], entry["why"]), ("exclude", "anna", "order"))
        before = len(self.jsonl("log", self.set))
        self.run_cli("exclude", self.set, "--only", "moved", "--why", "again")
        self.assertEqual(len(self.jsonl("log", self.set)), before)
        self.run_cli("undo", self.set, moved[0])
        self.assertEqual(self.excluded(), moved[1:])

    def test_exclude_never_all_by_accident(self):
        self.run_cli("exclude", self.set, "--why", "x", code=2)
        self.run_cli("exclude", self.set, "--limit", "2", "--why", "x", code=2)
        for more in ([], ["--dry-run"]):
            self.run_cli("exclude", self.set, "--only", "edited,unedited", "--why", "x", *more, code=2)
            self.assertIn("all 8 samples", self.err)
        self.run_cli("exclude", self.set, "--ids", self.write("bad.txt", self.order[0] + "\nnobody\n"), "--why", "x", code=66)
        self.assertEqual(self.excluded(), [])
        everything = self.write("all.txt", "\n".join(self.order))
        self.run_cli("exclude", self.set, "--ids", everything, "--why", "all of it")
        self.assertEqual(self.excluded(), self.order)

    def test_a_real_set(self):
        """The demo's records, by what stands in the files themselves."""
        store = self.demo_store()
        expected = []
        for _, _, record in rollout_records():
            report = record["AI_json_report"]
            report = json.loads(report) if isinstance(report, str) else report
            if any(isinstance(s, dict) and s.get("score") in (1, "1") for s in report.values()):
                expected.append(rollout_id(record))
        self.assertGreater(len(expected), 1)
        self.assertEqual(sorted(r["id"] for r in self.jsonl("ls", store, "--score", "1")), sorted(expected))


if __name__ == "__main__":
    main()
