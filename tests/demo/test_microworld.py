# SPDX-License-Identifier: Apache-2.0
"""The micro world's program: the same world everywhere, records that import reads, and clear words for bad input."""

import hashlib
import json
import os
import unittest

from demo_support import BASE, DATA, DEMO, MICROWORLD, WorldCase, documents


class Scenes(WorldCase):
    def test_golden(self):
        """To the byte what it was; OPA_WRITE_GOLDEN=1 writes it anew."""
        self.world("scenes", "--seed", 900, "--count", 20, "--captions", 2, "--questions", 2, "--raw", "-o", self.path("w"))
        with open(self.path("w", "scenes.jsonl"), "rb") as f:
            lines = f.read()
        with open(self.path("w", "pictures.u8"), "rb") as f:
            pictures = f.read()
        self.assertEqual(len(pictures), 20 * 56 * 56 * 3)
        digest = hashlib.sha256(pictures).hexdigest() + "  pictures.u8\n"
        if os.environ.get("OPA_WRITE_GOLDEN"):
            with open(os.path.join(DATA, "world", "scenes.jsonl"), "wb") as f:
                f.write(lines)
            with open(os.path.join(DATA, "world", "pictures.sha256"), "w") as f:
                f.write(digest)
        with open(os.path.join(DATA, "world", "scenes.jsonl"), "rb") as f:
            self.assertEqual(lines.decode(), f.read().decode())
        with open(os.path.join(DATA, "world", "pictures.sha256")) as f:
            self.assertEqual(digest, f.read())

    def test_questions(self):
        """A prompt each, beside pictures that can be sent with it."""
        self.world("scenes", "--count", 3, "--questions", 2, "-o", self.path("w"))
        scenes, asked = documents(self.path("w", "scenes.jsonl")), documents(self.path("w", "questions.jsonl"))
        self.assertEqual([a["id"] for a in asked], ["%s-q%d" % (s["id"], k) for s in scenes for k in range(2)])
        self.assertEqual([a["prompt"] for a in asked], [q["question"] for s in scenes for q in s["questions"]])
        for a in asked:
            self.assertTrue(os.path.exists(self.path("w", a["image"])))
        self.world("scenes", "--questions", 1, "--raw", "-o", self.path("raw"))
        self.assertEqual(sorted(os.listdir(self.path("raw"))), ["pictures.u8", "scenes.jsonl"])

    def test_first(self):
        """A part of a world is that part."""
        self.world("scenes", "--count", 6, "-o", self.path("all"))
        self.world("scenes", "--first", 4, "--count", 2, "-o", self.path("part"))
        self.assertEqual(documents(self.path("all", "scenes.jsonl"))[4:], documents(self.path("part", "scenes.jsonl")))
        self.assertEqual(
            sorted(os.listdir(self.path("part"))), ["scene-200-00004.png", "scene-200-00005.png", "scenes.jsonl"]
        )


class Expert(WorldCase):
    def answers(self, count=60):
        """Web captions, as if a model had said them."""
        self.world("scenes", "--count", count, "--captions", 1, "--raw", "-o", self.path("w"))
        scenes = documents(self.path("w", "scenes.jsonl"))
        return self.write_lines("answers.jsonl", [{"id": s["id"], "text": " " + s["captions"][0]} for s in scenes])

    def test_import_reads_it(self):
        self.world("expert", self.answers(), "-o", self.path("step0_rank0.json"))
        store = self.path("s.opa")
        self.run_any("init", store)
        p = self.run_any("import", store, self.path("step0_rank0.json"))
        self.assertEqual(p.returncode, 0, p.err)
        self.assertIn("60 exact", p.out.decode())
        self.assertEqual(self.run_any("pack", store, "-o", self.path("pack"), "--tokenizer", BASE).returncode, 0)

    def test_measures(self):
        answers = self.answers()
        self.world("expert", answers, "-o", self.path("r.json"))
        with open(self.path("r.json")) as f:
            records = json.load(f)
        fixed = self.write_lines(
            "fixed.jsonl", [{"id": r["image_id"][:-4], "text": r["AI_pseudo_response"]} for r in records]
        )
        before, after = self.measures(answers, fixed)
        self.assertEqual(before["answers"], 60)
        self.assertGreater(before["hal_rate"], 20)
        self.assertEqual((after["hal_rate"], after["attribute_errors"]), (0, 0))


class Recipe(WorldCase):
    def test_corrections_is_the_default_but_for_its_pairs(self):
        ours, default = (json.loads(self.run_any("recipe", name).out)
                         for name in (os.path.join(DEMO, "corrections.json"), "opa-dpo"))
        default["pairs"] = [p for p in default["pairs"] if "ground_truth" not in (p.get("chosen"), p.get("response"))]
        default["filters"]["unedited"] = "drop"
        for key in ("name", "description"):
            default[key] = ours[key]
        self.assertEqual(ours, default)


class BadInput(WorldCase):
    def test_words(self):
        not_ours = self.write_lines("a.jsonl", [{"id": "scene-1-00001", "text": "A cup."}, {"id": "COCO_1", "text": "A."}])
        question = self.write_lines("q.jsonl", [{"id": "scene-1-00001-q0", "text": "Yes."}])
        no_text = self.write_lines("b.jsonl", [{"id": "scene-1-00001"}])
        torn = self.write("c.jsonl", '{"id": "scene-1-00001", "te')
        for args, code, words in (
            (("measure", not_ours), 65, "a.jsonl:2: 'COCO_1' is no picture of this world"),
            (("measure", question), 65, "q.jsonl:1: 'scene-1-00001-q0' is no picture of this world"),
            (("measure", no_text), 65, "b.jsonl:1: no answer with an id and a text"),
            (("measure", torn), 65, "c.jsonl"),
            (("expert", self.path("nothing"), "-o", self.path("x")), 66, "nothing"),
            (("expert", no_text), 2, "give -o FILE"),
            (("scenes", "--count", 1), 2, "give -o DIR"),
            (("scenes", "--first", 999999999, "--count", 2, "-o", self.path("x")), 2, "a world has 1000000000 scenes"),
            (("scenes", "--fillers", 101, "-o", self.path("x")), 2, "101 is more than 100 per cent"),
            (("scenes", "-o", no_text), 73, "b.jsonl"),
            (("report", self.path("nothing"), "--tokenizer", BASE), 66, "base.jsonl"),
            (("report", self.folder), 2, "--tokenizer"),
        ):
            with self.subTest(args=args):
                out, err = self.world(*args, code=code)
                self.assertIn(words, err)

    def test_help_begins_with_an_example(self):
        for verb in ("scenes", "expert", "measure", "report"):
            out, _ = self.world(verb, "--help")
            self.assertTrue(out.startswith("Example: microworld " + verb), out)
            self.assertLessEqual(max(map(len, out.splitlines())), 110)


if __name__ == "__main__":
    print("microworld:", MICROWORLD)
    unittest.main()
