# SPDX-License-Identifier: Apache-2.0
"""Inspect, ls and stats: what the specification promises of every document."""

import json
import re
import unicodedata

from support import Case, TOKENIZER, main, rollout


def widest(line):
    """Columns of a line on a terminal that joins nothing: the sum over its characters."""
    width = lambda c: 0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
    return sum(map(width, line))


class Inspect(Case):
    def assert_hunks(self, s, token_count=None):
        generated = s["generated"].encode("utf-8", "surrogatepass")
        revised = s["revised"].encode("utf-8", "surrogatepass")
        sides = (("generated", generated), ("revised", revised))
        at = {name: [0, 0, 0] for name, _ in sides}
        for h in s["hunks"]:
            pieces = []
            for name, text in sides:
                for k, unit in enumerate(("bytes", "chars", "tokens")):
                    begin, end = h[name][unit]
                    self.assertEqual(begin, at[name][k], (name, unit))
                    self.assertLessEqual(begin, end)
                    at[name][k] = end
                b, e = h[name]["bytes"]
                pieces.append(text[b:e])
                c, d = h[name]["chars"]
                self.assertEqual(s[name][c:d].encode("utf-8", "surrogatepass"), text[b:e])
            self.assertEqual(h["op"] == "keep", pieces[0] == pieces[1])
            self.assertEqual(h["op"] == "insert", pieces[0] == b"" and pieces[1] != b"")
            self.assertEqual(h["op"] == "delete", pieces[1] == b"" and pieces[0] != b"")
        for name, text in sides:
            self.assertEqual(at[name][0], len(text))
            self.assertEqual(at[name][1], len(s[name]))
            if token_count:
                self.assertEqual(at[name][2], token_count(s[name]))
        kept = sum(h["generated"]["tokens"][1] - h["generated"]["tokens"][0] for h in s["hunks"] if h["op"] == "keep")
        deleted = sum(
            h["generated"]["tokens"][1] - h["generated"]["tokens"][0] for h in s["hunks"] if h["op"] != "keep"
        )
        inserted = sum(h["revised"]["tokens"][1] - h["revised"]["tokens"][0] for h in s["hunks"] if h["op"] != "keep")
        self.assertEqual(s["counts"], {"kept": kept, "deleted": deleted, "inserted": inserted})

    def count_tokens(self, texts):
        lines = "".join(json.dumps(t) + "\n" for t in texts).encode()
        out = self.jsonl("tokenize", "--tokenizer", TOKENIZER, "--no-special", input=lines)
        return dict(zip(texts, (len(x["ids"]) for x in out)))

    def test_demo(self):
        store = self.demo_store()
        samples = self.jsonl("inspect", store, "--tokenizer", TOKENIZER, schema="inspect")
        counts = self.count_tokens([s[k] for s in samples for k in ("generated", "revised")])
        edited = 0
        for s in samples:
            self.assert_hunks(s, counts.get)
            edited += s["generated"] != s["revised"]
            for x in s["sentences"]:
                if x["generated_bytes"]:
                    b, e = x["generated_bytes"]
                    self.assertEqual(
                        s["generated"].encode()[b:e].decode().strip(), s["generated"].encode()[b:e].decode()
                    )
            self.assertEqual(
                [x["index"] for x in s["sentences"] if not x["added"]],
                list(range(sum(not x["added"] for x in s["sentences"]))),
            )
        self.assertGreater(edited, 10)
        for s in self.jsonl("inspect", store):
            self.assert_hunks(s)

    def test_by_id(self):
        store = self.demo_store()
        ids = [s["id"] for s in self.jsonl("ls", store)]
        self.assertEqual([s["id"] for s in self.jsonl("inspect", store, ids[5], ids[2])], [ids[5], ids[2]])
        self.run_cli("inspect", store, "nobody", code=66)
        self.assertIn("nobody", self.err)

    def test_added_moved_and_unplaced_sentences(self):
        record = rollout(
            "One dog. Two cats. Three hens.",
            [("Two cats.", "Two cats.", 4), ("One dog.", "One fox.", 1), ("Three hens.", "Three hens.", 4)],
        )
        record["AI_json_report"]["Added"] = {
            "copied_content": "",
            "score": 4,
            "error_type": "correct",
            "object": [],
            "rewritten_content": "Four pigs.",
            "reason": "Missing.",
        }
        store = self.store(self.write("a.json", [record]))
        (s,) = self.jsonl("inspect", store, schema="inspect")
        self.assertTrue(any(x["moved"] for x in s["sentences"]))
        added = [x for x in s["sentences"] if x["added"]]
        self.assertEqual(len(added), 1)
        self.assertIsNone(added[0]["index"])
        self.assertNotEqual(s["certificate"], "exact")
        self.assert_hunks(s)
        text = self.run_cli("inspect", store)
        for word in ("moved", "added", "[-dog-]{+fox+}", "score 1", "image_recognition_error", "It is not so."):
            self.assertIn(word, text)

    def test_removed_sentence_leaves_one_space(self):
        record = rollout(
            "One dog. Two cats. Three hens.",
            [("One dog.", "One dog.", 4), ("Two cats.", "", 1), ("Three hens.", "Three hens.", 4)],
        )
        (s,) = self.jsonl("inspect", self.store(self.write("a.json", [record])))
        self.assertEqual(s["revised"], "One dog. Three hens.")
        self.assert_hunks(s)

    def test_strange_texts(self):
        samples = []
        alphabet = [
            "a",
            "dog ",
            " ",
            "\n",
            "\u00e9",
            "e\u0301",
            "\u4e2d",
            "\U0001f600",
            "\ud800",
            "\u0000",
            ".",
            "\u200d",
            "\u202e",
            "\t",
        ]
        for i in range(60):
            pick = lambda: "".join(self.random.choice(alphabet) for _ in range(self.random.randrange(1, 30)))
            samples.append({"id": "s%d" % i, "prompt": "p", "generated": "x" + pick(), "revised": "x" + pick()})
        store = self.store(self.write_lines("s.jsonl", samples))
        texts = {s["id"]: s for s in samples}
        found = self.jsonl("inspect", store, "--tokenizer", TOKENIZER)
        self.assertEqual(len(found), 60)
        counts = self.count_tokens([s[k] for s in found for k in ("generated", "revised")])
        for s in found:
            self.assertEqual(s["generated"], texts[s["id"]]["generated"])
            self.assertEqual(s["revised"], texts[s["id"]]["revised"])
            self.assert_hunks(s, counts.get)
        plain = self.run_cli("inspect", store) + self.run_cli("inspect", store, "--detail")
        self.assertFalse(set(plain) & set("\u0000\t\u202e\u200e\x1b"))

    def test_no_line_is_wider_than_the_terminal(self):
        pieces = [
            "word ", "\u4e2d\u6587\u3002", "\uff08\u5b57\uff09", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", " ",
            "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "e\u0301", "a" + "\u0301" * 90, "\u1112\u1161\u11ab", "\u0915\u094d\u0937\u093f",
            "\n", "\t", "\u202e", "\ud800", "x" * 30, "\u1100" * 40, "\u0903" * 40, "\U0001f3f4\U000e0067\U000e007f",
        ]
        samples = []
        for i in range(80):
            pick = lambda: "".join(self.random.choice(pieces) for _ in range(self.random.randrange(1, 60)))
            samples.append({"id": "%d%s" % (i, pick()), "prompt": pick(), "generated": "x" + pick(), "revised": pick()})
        store = self.store(self.write_lines("s.jsonl", samples))
        for columns in (40, 80, 200):
            env = {"COLUMNS": str(columns)}
            text = self.run_cli("inspect", store, "--detail", env=env)
            pages = [text, self.run_cli("inspect", store, env=env), self.run_cli("inspect", store, "--wide", env=env)]
            for line in "\n".join(pages).split("\n"):
                self.assertLessEqual(widest(line), columns, ascii(line))
            self.assertEqual(len(pages[1].splitlines()), len(samples) + 1)
            # Nothing is lost by wrapping: the words of the widest view are those of the narrowest.
            squeezed = re.sub(r"\s", "", text)
            self.assertEqual(squeezed, getattr(self, "squeezed", squeezed))
            self.squeezed = squeezed

    def test_pack_and_store_say_the_same(self):
        store = self.demo_store()
        pack = self.pack(store)
        of_store = {s["id"]: s for s in self.jsonl("inspect", store)}
        of_pack = {s["id"]: s for s in self.jsonl("inspect", pack, schema="inspect")}
        self.assertLessEqual(set(of_pack), set(of_store))
        for i, s in of_pack.items():
            self.assert_hunks(s)
            for key in ("generated", "revised", "ground_truth", "certificate", "source"):
                self.assertEqual(s[key], of_store[i][key], key)
        listed = {s["id"]: s for s in self.jsonl("ls", pack, schema="ls")}
        for s in self.jsonl("ls", store):
            if s["id"] in listed:
                self.assertEqual(listed[s["id"]]["pairs"], s["pairs"])
                self.assertEqual(listed[s["id"]]["edited"], s["edited"])


class Stats(Case):
    def test_stats_agree_with_ls_and_pack(self):
        store = self.demo_store()
        stats = json.loads(self.run_cli("stats", store, "--json", "--tokenizer", TOKENIZER))
        self.assert_schema("stats", [stats])
        rows = self.jsonl("ls", store)
        self.assertEqual(stats["samples"], len(rows))
        self.assertEqual(stats["edited_samples"], sum(r["edited"] for r in rows))
        for kind in ("language", "image", "anchor"):
            self.assertEqual(stats["pairs"][kind], sum(r["pairs"][kind] for r in rows))
        total = {"kept": 0, "deleted": 0, "inserted": 0}
        for s in self.jsonl("inspect", store, "--tokenizer", TOKENIZER):
            for k in total:
                total[k] += s["counts"][k]
        self.assertEqual(stats["tokens"], total)
        pack = self.pack(store)
        packed = json.loads(self.run_cli("stats", pack, "--json"))
        self.assertEqual(packed["pairs"], stats["pairs"])
        self.assertIn("samples", self.run_cli("stats", store))

    def test_ls_plain(self):
        text = self.run_cli("ls", self.demo_store())
        self.assertEqual(len(text.splitlines()), 49)

    def test_an_empty_store(self):
        store = self.store()
        for verb in ("ls", "inspect", "check", "stats", "log"):
            self.run_cli(verb, store)
        self.assertEqual(json.loads(self.run_cli("stats", store, "--json"))["samples"], 0)


if __name__ == "__main__":
    main()
