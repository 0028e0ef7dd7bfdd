# SPDX-License-Identifier: Apache-2.0
"""What diff says of two stores or packs."""

import base64
import json
import os
import shutil
import unicodedata

from support import Case, main, png, rollout

RECIPES = ("opa-dpo", "opa-dpo-release", "dpo", "rlhf-v")


def sentence(copied, rewritten, score, kind, objects=(), reason="It is so."):
    return {"copied_content": copied, "score": score, "error_type": kind, "object": list(objects),
            "rewritten_content": rewritten, "reason": reason}


def applied(text, hunks):
    """The new text, from the hunks alone and the bytes that they name."""
    old, new, at_old, at_new = (text["old"] or "").encode(), (text["new"] or "").encode(), 0, 0
    made = b""
    for h in hunks:
        assert h["old"][0] == at_old and h["new"][0] == at_new, "hunks do not tile"
        at_old, at_new = h["old"][1], h["new"][1]
        a, b = old[h["old"][0]:at_old], new[h["new"][0]:at_new]
        assert (a == b) == (h["op"] == "keep"), h
        made += a if h["op"] == "keep" else b
    assert at_old == len(old) and at_new == len(new), "hunks do not cover"
    return made.decode()


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


class Diff(Case):
    def setUp(self):
        super().setUp()
        self.set = self.demo_store()
        self.rows = self.jsonl("ls", self.set)
        self.ids = [r["id"] for r in self.rows]
        self.packed = [r["id"] for r in self.rows if any(r["pairs"].values())]

    def copy(self, name="before.opa"):
        shutil.copy(self.set, self.path(name))
        return self.path(name)

    def diff(self, a, b, code=1):
        found = self.jsonl("diff", a, b, code=code)
        said = self.err
        self.assert_schema("diff", found)
        self.err = said
        return found

    def changes(self, a, b, code=1):
        """id -> (change, fields)"""
        return {d["id"]: (d["change"], tuple(d["fields"])) for d in self.diff(a, b, code)}

    def edit(self, id, text):
        self.run_cli("edit", self.set, id, "--revised", text)

    # ---- the same ----

    def test_with_itself(self):
        pack = self.pack(self.set)
        for a, b in ((self.set, self.set), (self.set, self.copy()), (pack, pack), (self.set, pack), (pack, self.set)):
            self.assertEqual(self.diff(a, b, code=0), [])
            text = self.run_cli("diff", a, b)
            self.assertTrue(text.startswith("0 added, 0 removed, 0 changed, "), text)
            self.assertNotIn("changed  ", text)

    def test_a_store_and_its_pack_by_every_recipe(self):
        for recipe in RECIPES:
            pack = self.pack(self.set, recipe, "--recipe", recipe)
            self.assertEqual(self.diff(self.set, pack, code=0), [], recipe)

    # ---- exactly the edits ----

    def test_one_edit(self):
        before = self.copy()
        was = self.jsonl("inspect", self.set, self.ids[0])[0]["revised"]
        self.edit(self.ids[0], "Something else: \u72ac.")
        (d,) = self.diff(before, self.set)
        self.assertEqual((d["id"], d["change"], d["fields"]), (self.ids[0], "changed", ["revised"]))
        text = d["texts"]["revised"]
        self.assertEqual((text["old"], text["new"]), (was, "Something else: \u72ac."))
        self.assertEqual(applied(text, text["hunks"]), text["new"])
        (back,) = self.diff(self.set, before)
        self.assertEqual(back["texts"]["revised"]["new"], was)

    def test_a_pack_and_the_later_edits(self):
        """Exactly the edits, as the pack that the store would give now has them, whatever the recipe."""
        packs = {r: self.pack(self.set, r, "--recipe", r) for r in RECIPES}
        # rlhf-v has no samples that are not edited: an edit would add them.
        chosen = self.random.sample([r["id"] for r in self.rows if r["id"] in self.packed and r["edited"]], 6)
        for id in chosen[:3]:
            self.edit(id, "Edited " + id + ".")
        for id in chosen[3:5]:
            self.run_cli("exclude", self.set, id, "--why", "x")
        self.edit(chosen[5], "On the way.")
        self.run_cli("undo", self.set, chosen[5])
        wanted = {id: "changed" for id in chosen[:3]}
        wanted.update({id: "removed" for id in chosen[3:5]})
        mirrored = {"changed": "changed", "removed": "added"}
        for recipe, pack in packs.items():
            later = self.pack(self.set, recipe + "-later", "--recipe", recipe)
            found = self.changes(pack, self.set)
            self.assertEqual({i: c for i, (c, _) in found.items()}, wanted, recipe)
            self.assertEqual({f for _, f in found.values()}, {("revised",), ()}, recipe)
            back = self.changes(self.set, pack)
            self.assertEqual({i: mirrored[c] for i, c in wanted.items()}, {i: c for i, (c, _) in back.items()})
            packed = self.changes(pack, later)
            self.assertEqual({i: c for i, (c, _) in packed.items()}, wanted, recipe)
            self.assertEqual(self.diff(later, self.set, code=0), [], recipe)

    def test_a_stored_text_that_comes_into_force(self):
        """The same bytes in the store, but now by hand: the report's text is not in force any more."""
        record = rollout("A dog.", [("A dog.", "A cat.", 1)], AI_pseudo_response="Stored, not in force.")
        self.set = self.store(self.write("r.json", [record]), name="stored.opa")
        before, (row,) = self.copy(), self.jsonl("inspect", self.set)
        self.assertEqual(row["revised"], "A cat.")
        self.edit(row["id"], "Stored, not in force.")
        (d,) = self.diff(before, self.set)
        self.assertEqual((d["texts"]["revised"]["old"], d["texts"]["revised"]["new"]), ("A cat.", "Stored, not in force."))

    def test_between_stores_exclusion_is_a_field(self):
        before = self.copy()
        self.run_cli("exclude", self.set, self.ids[1], "--why", "faces", "--by", "anna")
        (d,) = self.diff(before, self.set)
        self.assertEqual((d["id"], d["fields"], d["excluded"]), (self.ids[1], ["excluded"], True))
        (d,) = self.diff(self.set, before)
        self.assertEqual((d["fields"], d["excluded"]), (["excluded"], False))
        text = self.run_cli("diff", self.set, before, code=1)
        self.assertIn("1 included again", text)
        self.assertIn("%s excluded by anna: faces" % self.ids[1], " ".join(self.run_cli("diff", before, self.set, code=1).split()))

    # ---- what a pack leaves out ----

    def test_left_out_then_and_now_is_no_difference(self):
        id = self.packed[2]
        self.run_cli("exclude", self.set, id, "--why", "faces")
        pack = self.pack(self.set)
        self.assertEqual(self.diff(pack, self.set, code=0), [])
        self.edit(id, "Edited while it is excluded.")
        self.assertEqual(self.diff(pack, self.set, code=0), [])
        self.assertIn("1 excluded (OP701)", " ".join(self.run_cli("diff", pack, self.set).split()))
        self.run_cli("undo", self.set, id)
        self.run_cli("undo", self.set, id)
        (d,) = self.diff(pack, self.set)
        self.assertEqual((d["id"], d["change"], d["fields"], d["left_out"]["code"]), (id, "added", [], "OP701"))
        self.assertEqual(self.diff(self.set, pack)[0]["change"], "removed")
        self.assertIn("left out before: excluded by a person (OP701)", self.run_cli("diff", pack, self.set, code=1))

    def test_excluded_later_says_so(self):
        pack = self.pack(self.set)
        self.run_cli("exclude", self.set, self.packed[0], "--why", "faces", "--by", "anna")
        self.assertIn("left out now: excluded by anna: faces (OP701)",
                      " ".join(self.run_cli("diff", pack, self.set, code=1).split()))
        (d,) = self.diff(pack, self.set)
        self.assertEqual((d["change"], d["left_out"]["code"], d["left_out"]["name"]), ("removed", "OP701", "excluded"))
        (d,) = self.diff(pack, self.pack(self.set, "second"))
        self.assertEqual((d["change"], d["left_out"]["code"]), ("removed", "OP701"))

    def test_filtered_and_broken_samples(self):
        recipe = json.loads(self.run_cli("recipe", "opa-dpo"))
        recipe["filters"]["report"] = "required"
        broken = rollout("A man. A bus.", [("A man.", "A man.", 4), ("A bus.", "A van.", 1)], image_bytes="")
        store = self.store(
            self.write("r.json", [rollout("A dog.", [("A dog.", "A cat.", 1)]), broken]),
            self.write_lines("s.jsonl", [{"id": "plain", "prompt": "p", "generated": "g", "revised": "r"}]),
            name="other.opa")
        pack = self.pack(store, "filtered", "--recipe", self.write("recipe.json", recipe))
        self.assertEqual(self.diff(pack, store, code=0), [])
        text = " ".join(self.run_cli("diff", pack, store).split())
        self.assertIn("1 image-missing (OP401)", text)
        self.assertIn("1 filtered (OP702)", text)
        # What the filter asked for comes: now the pack would have it.
        report = {"0": sentence("g", "r", 1, "image_recognition_error")}
        self.run_cli("edit", store, "plain", "--report", self.write("report.json", report))
        (d,) = self.diff(pack, store)
        self.assertEqual((d["id"], d["change"], d["left_out"]["code"]), ("plain", "added", "OP702"))

    def test_too_long_for_the_recipe(self):
        recipe = json.loads(self.run_cli("recipe", "opa-dpo"))
        recipe["limits"]["response_tokens"] = 40
        store = self.store(self.write_lines("s.jsonl", [
            {"id": "long", "prompt": "p", "generated": " ".join("w%d" % i for i in range(60)), "revised": "r"},
            {"id": "short", "prompt": "p", "generated": "g", "revised": "r"}]), name="other.opa")
        pack = self.pack(store, "limited", "--recipe", self.write("recipe.json", recipe), code=1)
        self.assertEqual([x["code"] for x in self.jsonl_manifest(pack)["left_out"]], ["OP509"])
        self.assertEqual(self.diff(pack, store, code=0), [])
        self.assertEqual(self.diff(store, pack, code=0), [])

    def test_samples_that_come_later(self):
        pack = self.pack(self.set)
        before = self.copy()
        good, bad = rollout("A dog.", [("A dog.", "A cat.", 1)]), rollout("A man.", [("A man.", "A boy.", 1)], image_bytes="")
        self.store(self.write("later.json", [good, bad]), name="demo.opa")
        new = [r for r in self.jsonl("ls", self.set) if r["id"] not in self.ids]
        self.assertEqual(len(new), 2)
        (d,) = self.diff(pack, self.set)
        self.assertEqual((d["id"], d["change"]), (next(r["id"] for r in new if any(r["pairs"].values())), "added"))
        self.assertNotIn("left_out", d)
        self.assertEqual(set(self.changes(before, self.set)), {r["id"] for r in new})
        self.assertEqual({c for c, _ in self.changes(self.set, before).values()}, {"removed"})

    # ---- every kind ----

    def test_every_text_and_the_image(self):
        picture, other = base64.b64encode(png(32, 24)).decode(), base64.b64encode(png(40, 20)).decode()
        a = {"id": "s", "prompt": "What?", "generated": "A dog.", "revised": "A cat.", "ground_truth": "A cow.",
             "image": {"bytes": picture}}
        b = {"id": "s", "prompt": "What now?", "generated": "A hen.", "revised": "A fox.", "ground_truth": "A yak.",
             "image": {"bytes": other}}
        one = self.store(self.write_lines("a.jsonl", [a]), name="a.opa")
        two = self.store(self.write_lines("b.jsonl", [b]), name="b.opa")
        fields = ["revised", "ground_truth", "image", "prompt", "generated"]
        (d,) = self.diff(one, two)
        self.assertEqual(d["fields"], fields)
        self.assertEqual({k: (t["old"], t["new"]) for k, t in d["texts"].items()},
                         {k: (a[k], b[k]) for k in ("revised", "ground_truth", "prompt", "generated")})
        self.assertEqual((d["image"]["old"]["width"], d["image"]["new"]["height"]), (32, 20))
        text = self.run_cli("diff", one, two, code=1)
        sha = d["image"]["old"]["sha256"][:8], d["image"]["new"]["sha256"][:8]
        self.assertIn("png 32 x 24, %s -> png 40 x 20, %s" % sha, " ".join(text.split()))
        self.assertIn("A [-cat-]{+fox+}.", text)
        self.assertIn("A [-cow-]{+yak+}.", text)
        (d,) = self.diff(self.pack(one, "pa"), self.pack(two, "pb"))
        self.assertEqual([f for f in d["fields"] if f != "weights"], fields)
        del a["image"]
        self.assertIsNone(self.diff(one, self.store(self.write_lines("c.jsonl", [a]), name="c.opa"))[0]["image"]["new"])

    def test_scores_sentence_by_sentence(self):
        report = {"0": sentence("A dog.", "A dog.", 4, "correct"),
                  "1": sentence("A cat.", "A cow.", 1, "image_recognition_error", ["cat -> cow"]),
                  "2": sentence("A bus.", "A bus.", 4, "correct")}
        base = {"id": "s", "prompt": "p", "generated": "A dog. A cat. A bus."}
        one = self.store(self.write_lines("a.jsonl", [dict(base, feedback=report)]), name="a.opa")
        report["0"].update(score=2, error_type="language_comprehension_error")
        report["1"].update(object=["cat -> bull"], reason="It has horns.")
        del report["2"]
        report["Added"] = {"rewritten_content": "It rains."}
        two = self.store(self.write_lines("b.jsonl", [dict(base, feedback=report)]), name="b.opa")
        (d,) = self.diff(one, two)
        self.assertTrue({"feedback", "weights"} < set(d["fields"]), d["fields"])
        got = [(s["index"], s["fields"], s["old"] and s["old"]["score"], s["new"] and s["new"]["score"])
               for s in d["sentences"]]
        self.assertEqual(got, [(0, ["score", "error_type"], 4, 2), (1, ["object", "reason"], 1, 1), (2, [], 4, None),
                               (None, [], None, None)])
        text = " ".join(self.run_cli("diff", one, two, code=1).split())
        for part in ("sentence 0 score 4 -> 2, correct -> language_comprehension_error",
                     "object cat -> [-cow-]{+bull+}", "{+has horns+}", "sentence 2 gone from the report: score 4",
                     "Added new in the report", "1 re-scored"):
            self.assertIn(part, text)

    def test_a_report_that_only_reads_otherwise(self):
        """White space between tokens is nothing; another reason is feedback, and no other weights."""
        base = {"id": "s", "prompt": "p", "generated": "A dog."}
        report = {"0": sentence("A dog.", "A cat.", 1, "image_recognition_error")}
        line = json.dumps(dict(base, feedback=report))
        one = self.store(self.write("a.jsonl", line + "\n"), name="a.opa")
        two = self.store(self.write("b.jsonl", line.replace(": ", " :  ") + "\n"), name="b.opa")
        self.assertEqual(self.diff(one, two, code=0), [])
        report["0"]["reason"] = "Look at the ears."
        three = self.store(self.write_lines("c.jsonl", [dict(base, feedback=report)]), name="c.opa")
        self.assertEqual(self.diff(one, three)[0]["fields"], ["feedback"])
        self.assertIn("1 report reworded", self.run_cli("diff", one, three, code=1))
        self.assertEqual(self.diff(self.pack(one, "pa"), three)[0]["fields"], ["feedback"])

    # ---- packs of another kind ----

    def test_packs_of_other_recipe_seed_and_tokenizer(self):
        pack = self.pack(self.set)
        for name, more, said in (("recipe", ("--recipe", "dpo"), "other recipe (opa-dpo, dpo)"),
                                 ("seed", ("--seed", "7"), "other seed (0, 7)")):
            other = self.pack(self.set, name, *more)
            self.assertEqual(self.diff(pack, other, code=0), [])
            self.assertIn(said, self.err)
            self.assertIn(said, " ".join(self.run_cli("diff", pack, other).split()))
        self.edit(self.packed[0], "Another.")
        (d,) = self.diff(pack, self.pack(self.set, "recipe-later", "--recipe", "dpo"))
        self.assertEqual((d["id"], d["fields"]), (self.packed[0], ["revised"]))
        (d,) = self.diff(pack, self.pack(self.set, "later"))
        self.assertEqual((d["id"], d["fields"]), (self.packed[0], ["revised", "weights"]))

    # ---- damage ----

    def test_a_missing_shard(self):
        """What can be read is compared; what cannot is never called added or removed."""
        pack = self.pack(self.set)
        whole = self.path("whole")
        shutil.copytree(pack, whole)
        shard = self.jsonl_manifest(pack)["shards"][0]["name"]
        os.remove(os.path.join(pack, shard))
        with open(os.path.join(whole, "index.tsv")) as f:
            kept = [line.split("\t")[0] for line in f if line.split("\t")[2] != shard]
        self.assertTrue(kept, "one shard only: nothing is left to compare")
        for a, b in ((pack, self.set), (self.set, pack), (pack, whole)):
            self.assertEqual(self.diff(a, b, code=65), [])
            self.assertLessEqual(self.err.count("No such file"), 3)
        self.edit(kept[0], "Another.")
        self.assertEqual(set(self.changes(pack, self.set, code=65)), {kept[0]})
        self.assertIn("cannot be read", self.run_cli("diff", pack, self.set, code=65))

    def jsonl_manifest(self, pack):
        with open(os.path.join(pack, "manifest.json")) as f:
            return json.load(f)

    def test_an_altered_sample(self):
        pack = self.pack(self.set)
        with open(os.path.join(pack, "index.tsv")) as f:
            key, _, shard, offset = f.readline().split("\t")[:4]
        with open(os.path.join(pack, shard), "r+b") as f:
            f.seek(int(offset) + 700)
            byte = f.read(1)
            f.seek(int(offset) + 700)
            f.write(bytes([byte[0] ^ 1]))
        self.assertEqual(self.diff(pack, self.set, code=65), [])
        self.assertIn(key, self.err)

    def test_what_is_no_side(self):
        pack = self.pack(self.set)
        self.run_cli("diff", pack, self.path("none"), code=66)
        self.run_cli("diff", self.path("none"), pack, code=66)
        self.run_cli("diff", self.set, self.write("x.txt", "x"), code=65)
        self.run_cli("diff", self.set, code=2)
        self.run_cli("diff", self.set, pack, "--stat", "--names", code=2)
        self.run_cli("diff", self.set, pack, "--stat", "--jsonl", code=2)

    # ---- how it looks ----

    def test_a_change_in_a_long_text_is_seen_at_once(self):
        words = [self.random.choice(("a", "dog", "runs", "over", "the", "green", "field")) for _ in range(1000)]
        words[500] = "sheep"
        generated = " ".join(words)
        store = self.store(self.write_lines("s.jsonl", [{"id": "s", "prompt": "p", "generated": generated}]), name="a.opa")
        self.run_cli("edit", store, "s", "--revised", generated)
        before = self.path("b.opa")
        shutil.copy(store, before)
        self.run_cli("edit", store, "s", "--revised", generated.replace("sheep", "wolves"))
        text = self.run_cli("diff", before, store, code=1, env={"COLUMNS": "80"})
        self.assertIn("[-sheep-]{+wolves+}", " ".join(text.split()))
        self.assertLessEqual(len(text.splitlines()), 8, text)
        self.assertEqual(text.count("\u2026"), 2)

    def test_where_nothing_is_the_same_it_is_not_cut_up(self):
        old = "The image features a man sitting in a bathtub filled with bubbles in the morning."
        new = "Nobody stands at a crossing in a foreign town, since the lamps are out."
        store = self.store(self.write_lines("s.jsonl", [{"id": "s", "prompt": "p", "generated": "g", "revised": old}]), name="a.opa")
        before = self.path("b.opa")
        shutil.copy(store, before)
        self.run_cli("edit", store, "s", "--revised", new)
        text = " ".join(self.run_cli("diff", before, store, code=1).split())
        self.assertLessEqual(text.count("[-"), 2, text)

    def test_from_40_to_200_columns(self):
        old = "\u72d7\u5728\u6d77\u6ee9\u4e0a\u8dd1\uff0c" * 30 + "\u7ea2\u4f1e\u3002" + " A long word: " + "x" * 90 + "."
        new = old.replace("\u7ea2", "\u84dd").replace("long", "l\u00f6ng e\u0301")
        base = {"id": "an-id-that-is-quite-long-for-a-narrow-terminal-page", "prompt": "p", "generated": "g"}
        report = {"0": sentence("g", "g", 4, "correct", reason="\u56e0\u4e3a" * 40)}
        one = self.store(self.write_lines("a.jsonl", [dict(base, revised=old, feedback=report)]), name="a.opa")
        report["0"].update(score=1, error_type="language_comprehension_error", reason="\u6240\u4ee5" * 40)
        two = self.store(self.write_lines("b.jsonl", [dict(base, revised=new, feedback=report)]), name="b.opa")
        for width in (40, 41, 60, 63, 64, 80, 120, 200):
            for more in ((), ("--names",), ("--stat",)):
                text = self.run_cli("diff", one, two, *more, code=1, env={"COLUMNS": str(width)})
                worst = max(text.split("\n"), key=columns)
                self.assertLessEqual(columns(worst), width, worst)

    def test_what_does_not_fit_is_paged(self):
        before, seen = self.copy(), self.path("seen")
        for id in self.packed[:12]:
            self.edit(id, "Edited " + id + ".")
        env = {"PAGER": "cat > '%s'" % seen}
        for args in (("diff", before, self.set), ("log", self.set, "-p")):
            code = int(args[0] == "diff")
            self.assertEqual(self.on_terminal(*args, env=env, rows=10, columns=80, code=code), b"")
            with open(seen, "rb") as f:
                self.assertIn(b"{+Edited", f.read())
            os.remove(seen)
            for more, rows in (("--no-pager", 10), (None, 500)):
                out = self.on_terminal(*args, *filter(None, [more]), env=env, rows=rows, columns=80, code=code)
                self.assertIn(b"{+Edited", out)
            self.assertFalse(os.path.exists(seen))

    def test_stat_and_names(self):
        before = self.copy()
        self.edit(self.ids[0], "Another.")
        self.run_cli("exclude", self.set, self.ids[1], "--why", "x", "--by", "anna")
        stat = self.run_cli("diff", before, self.set, "--stat", code=1)
        n = len(self.ids)
        self.assertEqual(stat, "0 added, 0 removed, 2 changed, %d the same\n  1 re-edited, 1 excluded\n" % (n - 2))
        names = self.run_cli("diff", before, self.set, "--names", code=1)
        self.assertEqual(sorted(names.splitlines()[2:]), sorted(["changed  %s  re-edited" % self.ids[0],
                                                                 "changed  %s  excluded by anna: x" % self.ids[1]]))

    def test_colour_beside_the_marks(self):
        before = self.copy()
        self.edit(self.ids[0], "Another.")
        text = self.run_cli("diff", before, self.set, "--color", "always", code=1)
        self.assertRegex(text, "\033\\[[0-9;]+m\\[-")
        self.assertRegex(text, "\033\\[[0-9;]+m{\\+Another")
        self.assertNotIn("\033", self.run_cli("diff", before, self.set, code=1))


if __name__ == "__main__":
    main()
