# SPDX-License-Identifier: Apache-2.0
"""Stats: counts against ones made here from the records, the filters, bars, and the drawing."""

import collections
import json
import os
import stat
import unicodedata
import unittest
import xml.dom.minidom

from support import Case, TOKENIZER, main, rollout, rollout_records

SVG = "http://www.w3.org/2000/svg"


def sentence(copied, rewritten, score, kind, objects):
    return {
        "copied_content": copied,
        "score": score,
        "error_type": kind,
        "object": objects,
        "rewritten_content": rewritten,
        "reason": "It is so.",
    }


def folded(text):
    """How corrections are compared."""
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


class Stats(Case):
    def stats(self, target, *more):
        document = json.loads(self.run_cli("stats", target, "--json", *more))
        self.assert_schema("stats", [document])
        return document

    def random_set(self, count):
        """Records of which everything that is counted is known."""
        colors = ["red", "blue", "green", "grey", "Pink", "BROWN"]
        for i in range(count):
            sentences = []
            for k in range(self.random.randrange(1, 6)):
                noun = self.random.choice(["dog", "cat", "car", "tree"])
                old, new = self.random.sample(colors, 2)
                copied = "Number %d %d is a %s %s on the left side." % (i, k, old, noun)
                score = self.random.choice([1, 2, 3, 4, 4])
                kind = (
                    "correct"
                    if score == 4
                    else self.random.choice(["image_recognition_error", "language_comprehension_error"])
                )
                rewritten = copied if score == 4 else copied.replace(old, new)
                spelled = self.random.choice(["%s -> %s", " %s->%s ", "%s  ->\t%s"]) % (
                    old,
                    self.random.choice([new, new.upper()]),
                )
                sentences.append(sentence(copied, rewritten, score, kind, [] if score == 4 else [spelled]))
            yield rollout(" ".join(s["copied_content"] for s in sentences), sentences)

    def test_counts(self):
        records = list(self.random_set(40))
        counts = self.stats(self.store(self.write("set.json", records)))
        sentences = [s for r in records for k, s in r["AI_json_report"].items() if k.isdigit()]
        self.assertEqual(counts["samples"], len(records))
        self.assertEqual(counts["sentences"], len(sentences))
        for score in (1, 2, 3, 4):
            self.assertEqual(counts["scores"][str(score)], sum(s["score"] == score for s in sentences))
        for kind in ("correct", "image_recognition_error", "language_comprehension_error"):
            self.assertEqual(counts["error_types"][kind], sum(s["error_type"] == kind for s in sentences))
        self.assert_objects(counts["objects"], [o for s in sentences for o in s["object"]])
        self.assertEqual(counts["review"]["unseen"], len(records))
        self.assertIsNone(counts["filter"])

    def assert_objects(self, got, objects):
        groups = collections.defaultdict(collections.Counter)
        for text in objects:
            sides = tuple(" ".join(side.split()) for side in text.split("->", 1))
            groups[tuple(map(folded, sides))][sides] += 1
        self.assertEqual(got["named"], len(objects))
        self.assertEqual(got["distinct"], len(groups))
        # The commonest spelling, the least of equally common ones.
        wanted = [
            (sum(g.values()), *min(g.items(), key=lambda x: (-x[1], [s.encode() for s in x[0]]))[0])
            for g in groups.values()
        ]
        wanted.sort(key=lambda x: (-x[0], x[1].encode(), x[2].encode()))
        self.assertEqual([(x["count"], x["from"], x["to"]) for x in got["top"]], wanted[:100])

    def test_shares(self):
        """The histogram from inspect's spans; whole tens belong to the lower bin."""
        samples = [
            {"id": "same", "prompt": "Say", "generated": "A dog.", "revised": "A dog."},
            {"id": "none", "prompt": "Say", "generated": "A cat."},
            {"id": "tenth", "prompt": "Say", "generated": "a b c d e f g h i j", "revised": "a b c d e f g h i z"},
            {"id": "all", "prompt": "Say", "generated": "a b", "revised": "y z"},
        ]
        store = self.demo_store()
        self.run_cli("import", store, self.write_lines("more.jsonl", samples))
        for tokenizer in ((), ("--tokenizer", TOKENIZER)):
            none, without, tenths = 0, 0, [0] * 10
            kept, deleted, inserted = 0, 0, 0
            for s in self.jsonl("inspect", store, *tokenizer):
                if s["revised"] is None:
                    without += 1
                    continue
                spans = [(h["op"], h[side]["tokens"]) for h in s["hunks"] for side in ("generated", "revised")]
                edited = sum(e - b for op, (b, e) in spans if op != "keep")
                everything = sum(e - b for _, (b, e) in spans)
                if edited == 0:
                    none += 1
                else:
                    tenths[-(-edited * 10 // everything) - 1] += 1
            got = self.stats(store, *tokenizer)["edit_share"]
            self.assertEqual(got, {"none": none, "tenths": tenths, "without_revised": without})
            self.assertEqual(without, 1)
        words = self.stats(store, "--ids", self.write("ids", "tenth\n"))
        self.assertEqual(words["edit_share"]["tenths"], [1] + [0] * 9)
        words = self.stats(store, "--ids", self.write("ids", "all\n"))
        self.assertEqual(words["edit_share"]["tenths"], [0] * 9 + [1])

    def test_the_demo_set(self):
        records = [r for _, _, r in rollout_records()]
        counts = self.stats(self.demo_store())
        sentences = [s for r in records for s in r["AI_json_report"].values() if isinstance(s, dict)]
        self.assert_objects(counts["objects"], [o for s in sentences for o in s.get("object") or []])
        self.assertEqual(sum(counts["certificates"].values()), len(records))

    def test_review(self):
        store = self.store(self.write("set.json", list(self.random_set(6))))
        ids = [s["id"] for s in self.jsonl("ls", store)]
        self.run_cli("exclude", store, ids[0], "--why", "a test")
        self.run_cli("edit", store, ids[1], "--revised", "Another text.")
        self.run_cli("accept", store, ids[2], ids[3])
        wanted = {"unseen": 2, "seen": 0, "accepted": 2, "changed": 1, "excluded": 1}
        self.assertEqual(self.stats(store)["review"], wanted)
        self.assertRegex(self.run_cli("stats", store), r"accepted +2 +33 %")
        self.assertIsNone(self.stats(self.pack(store))["review"])

    def test_filters(self):
        store = self.store(self.write("set.json", list(self.random_set(30))))
        chosen = self.jsonl("ls", store, "--score", "1", "--only", "edited")
        self.assertTrue(0 < len(chosen) < 30)
        counts = self.stats(store, "--score", "1", "--only", "edited")
        self.assertEqual(counts["samples"], len(chosen))
        wanted = dict(
            only=["edited"], score="1", type=None, code=[], grep=[], ignore_case=False, ids=None, sort=None, limit=None
        )
        self.assertEqual(counts["filter"], wanted)
        self.assertIn(
            "\nchosen: --only edited --score 1\n", self.run_cli("stats", store, "--score", "1", "--only", "edited")
        )
        few = self.stats(store, "--sort", "id", "--limit", "3")
        self.assertEqual((few["samples"], few["filter"]["limit"], few["filter"]["sort"]), (3, 3, "id"))
        self.assertEqual(self.stats(store, "--grep", "no such text")["samples"], 0)

    def test_findings_of_lost_records_count_for_all_samples_only(self):
        bad = self.write("bad.jsonl", '{"id":"a","prompt":"p","generated":"g"}\n{"id":1.5}\n')
        store = self.store(bad)
        lost = [c for c, i in self.codes(store) if i == "1.5"]
        self.assertTrue(lost)
        self.assertIn(lost[0], self.stats(store)["findings"])
        self.assertNotIn(lost[0], self.stats(store, "--only", "unedited")["findings"])

    def test_a_pack_counts_as_its_store_does(self):
        store = self.demo_store()
        packed = self.pack(store, "pack", code=0)
        a, b = self.stats(store, "--tokenizer", TOKENIZER), self.stats(packed, "--tokenizer", TOKENIZER)
        for key in (
            "samples",
            "images",
            "pairs",
            "tokens",
            "scores",
            "error_types",
            "objects",
            "edit_share",
            "certificates",
        ):
            self.assertEqual(a[key], b[key], key)

    def test_nothing_to_count(self):
        store = self.store()
        counts = self.stats(store)
        self.assertEqual((counts["samples"], counts["objects"]["top"]), (0, []))
        self.assertTrue(self.run_cli("stats", store).startswith("0 samples, 0 images;"))
        self.assert_drawing(self.run_cli("stats", store, "--svg", "-"))

    # ---- for people ----

    def width(self, line):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in line)

    def test_it_fits_every_width(self):
        objects = ["\u6d88\u9632\u8f66" * 40 + " -> \u72d7", "x" * 5000]
        objects += 2 * ["%s -> %d" % ("a" * n, n) for n in range(20, 36, 2)]  # around the room that there is
        hostile = sentence("A dog.", "A cat.", 2, "image_recognition_error", objects)
        store = self.store(self.write("set.json", list(self.random_set(20)) + [rollout("A dog.", [hostile])]))
        for columns in (40, 41, 77, 80, 100, 120, 160, 200):
            out = self.run_cli("stats", store, env={"COLUMNS": str(columns), "LC_ALL": "C.UTF-8"})
            lines = out.split("\n")
            self.assertLessEqual(max(map(self.width, lines)), columns, (columns, max(lines, key=self.width)))
            self.assertEqual([line for line in lines if line.endswith(" ")], [])
            for title in ("share of edited tokens", "scores of sentences", "review", "lengths", "certificates"):
                self.assertIn(title, out)
        lines = [len(self.run_cli("stats", store, env={"COLUMNS": c}).split("\n")) for c in ("40", "80", "120")]
        self.assertGreater(lines[0], lines[1])
        self.assertGreater(lines[1], lines[2])

    def test_bars(self):
        """As long as their counts, in eighths of a block or whole #; the longest fills the line."""
        texts = ["Number %d is here." % i for i in range(11)]
        sentences = [sentence(t, t, 4 if i < 8 else 3, "correct", []) for i, t in enumerate(texts)]
        store = self.store(self.write("set.json", [rollout(" ".join(texts), sentences)]))
        parts = "\u258f\u258e\u258d\u258c\u258b\u258a\u2589"
        for env, full in (
            ({"LC_ALL": "C.UTF-8"}, "\u2588"),
            ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "de_DE.utf8"}, "\u2588"),
            ({"LC_ALL": "C", "LANG": "de_DE.utf8"}, "#"),
        ):
            lines = self.run_cli("stats", store, env={"COLUMNS": "40", **env}).split("\n")
            lines = {line[0]: line for line in lines if line[:2] in ("1 ", "2 ", "3 ", "4 ")}
            bars = {score: line.split("%")[1].strip() for score, line in lines.items()}
            self.assertEqual((bars["1"], bars["2"]), ("", ""))
            self.assertEqual(self.width(lines["4"]), 40)
            self.assertEqual(set(bars["4"]), {full})
            length = bars["3"].count(full) + sum((parts.index(c) + 1) / 8 for c in bars["3"] if c != full)
            self.assertAlmostEqual(length, len(bars["4"]) * 3 / 8, delta=0.5 if full == "#" else 0.07)

    # ---- the drawing ----

    def assert_drawing(self, text):
        root = xml.dom.minidom.parseString(text.encode()).documentElement
        self.assertEqual((root.tagName, root.namespaceURI), ("svg", SVG))
        names = {e.tagName for e in root.getElementsByTagName("*")}
        self.assertLessEqual(names, {"svg", "title", "style", "rect", "text", "tspan", "path"})
        self.assertEqual(text.count("http"), 1, "only the namespace: nothing is fetched")
        return root

    def texts(self, root):
        return [
            "".join(n.data for n in e.childNodes if n.nodeType == n.TEXT_NODE)
            for e in root.getElementsByTagName("text")
        ]

    def assert_bars(self, root, numbers):
        """The first card: a track for each number, and a bar on it where the number is not 0."""
        rects = [(e.getAttribute("class"), int(e.getAttribute("width"))) for e in root.getElementsByTagName("rect")]
        first = [c for c, _ in rects].index("track")
        whole = rects[first][1]
        wanted = []
        for color, n in zip(("good", "fine", "warn", "bad"), numbers):
            wanted += [("track", whole)] + [(color, int(n / max(numbers) * whole + 0.5))] * (n > 0)
        self.assertEqual(rects[first : first + len(wanted)], wanted)

    def test_drawing(self):
        store = self.store(self.write("set.json", list(self.random_set(30))))
        counts = self.stats(store)
        drawn = self.run_cli("stats", store, "--svg", "-")
        root = self.assert_drawing(drawn)
        texts = self.texts(root)
        for title in (
            "set.opa",
            "Scores of sentences",
            "Error types of sentences",
            "Share of edited tokens",
            "Certificates",
            "Most often corrected",
            "Review",
        ):
            self.assertIn(title, texts)
        for label, n in zip(
            ("4 accurate", "3 slight", "2 substantial", "1 wrong"), (counts["scores"][c] for c in "4321")
        ):
            self.assertEqual(texts[texts.index(label) + 1], str(n))
        self.assert_bars(root, [counts["scores"][c] for c in "4321"])
        top = counts["objects"]["top"][0]
        at = texts.index("%s -> %s" % (top["from"], top["to"]))
        self.assertEqual(texts[at + 1], str(top["count"]))
        self.assertEqual(
            self.run_cli("stats", store, "--svg", "-", env={"COLUMNS": "40", "LC_ALL": "C", "TZ": "UTC+5"}), drawn
        )
        self.assertIn("chosen: --score 1", self.run_cli("stats", store, "--svg", "-", "--score", "1"))

    def test_hostile_objects(self):
        objects = [
            "</text><script>alert('1')</script> -> <b>\"&amp;\"",
            "a\x00b\x1b[31m -> c\x07\x9b",
            "\ud800 -> \udfff\ufffe\uffff",
            "\u202egod -> cat\u2066",
            "y" * 100000 + " -> " + "z" * 100000,
            "no arrow",
            " -> nothing before",
            "nothing behind -> ",
            "->",
            "",
            "Dog -> dog",
            "one -> two -> three",
            "CAFE\u0301 \u2192 caf\u00e9s",
            "caf\u00e9 \u2192 Caf\u00e9s",
        ]
        store = self.store(
            self.write("set.json", [rollout("A dog.", [sentence("A dog.", "A cat.", 2, "correct", objects)])])
        )
        counts = self.stats(store)
        self.assertEqual(counts["objects"]["named"], len(objects))
        got = {(x["from"], x["to"]): x["count"] for x in counts["objects"]["top"]}
        self.assertEqual(got[("no arrow", None)], 1)
        self.assertEqual(got[("", "nothing before")], 1)
        self.assertEqual(got[("nothing behind", "")], 1)
        self.assertEqual(got[("one", "two -> three")], 1)
        self.assertEqual(sorted(n for (a, _), n in got.items() if a.startswith("CAF")), [2])
        self.assertIn(("y" * 100000, "z" * 100000), got)
        self.assertNotIn("dog", [a.casefold() for a, _ in got])
        drawn = self.run_cli("stats", store, "--svg", "-")
        self.assert_drawing(drawn)
        self.assertNotIn("<script", drawn)
        self.assertLess(len(drawn), 100000)
        out = self.run_cli("stats", store, env={"LC_ALL": "C.UTF-8"})
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)

    def test_the_file_appears_whole_or_not_at_all(self):
        store = self.demo_store()
        path = self.path("stats.svg")
        old = os.umask(0o027)
        try:
            text = self.run_cli("stats", store, "--svg", path)
        finally:
            os.umask(old)
        self.assertTrue(text.startswith("48 samples"), "the text comes as well")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        with open(path, encoding="utf-8") as f:
            drawn = f.read()
        self.assertEqual(drawn, self.run_cli("stats", store, "--svg", "-"))
        self.assertIn('"samples":48', self.run_cli("stats", store, "--json", "--svg", path))
        self.assertEqual(sorted(os.listdir(self.folder)), ["demo.opa", "stats.svg"])
        self.run_cli("stats", store, "--svg", self.path("none", "stats.svg"), code=73)
        self.run_cli("stats", store, "--svg", self.folder, code=73)
        self.run_cli("stats", store, "--svg", "-", "--json", code=2)

    def test_links_lead_to_the_file(self):
        store = self.demo_store()
        os.mkdir(self.path("there"))
        os.symlink(os.path.join("there", "stats.svg"), self.path("link.svg"))
        self.write("there/stats.svg", b"old")
        self.run_cli("stats", store, "--svg", self.path("link.svg"))
        self.assertTrue(os.path.islink(self.path("link.svg")))
        with open(self.path("there", "stats.svg"), encoding="utf-8") as f:
            self.assert_drawing(f.read())

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk(self):
        store = self.demo_store()
        link = self.path("full.svg")  # so that a program that does wrong replaces this, and not the device
        os.symlink("/dev/full", link)
        self.run_cli("stats", store, "--svg", link, code=74)
        self.assertTrue(os.path.islink(link))


if __name__ == "__main__":
    main()
