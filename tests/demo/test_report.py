# SPDX-License-Identifier: Apache-2.0
"""The report's numbers, from a folder whose answers and log-probs are made up here so that they are known."""

import json
import os
import re
import unittest

from demo_support import BASE, WorldCase, documents

SURE, UNSURE = -0.01, -1.2  # log-probs: 0.99 and 0.30
EDITED, KEPT = -5.0, -1.0


class Report(WorldCase):
    def lines(self, *args):
        p = self.run_any(*args)
        self.assertEqual(p.returncode, 0, p.err)
        return [json.loads(line) for line in p.out.decode().splitlines()]

    def pack(self, name, source, *images):
        store, pack = self.path(name + ".opa"), self.path(name)
        for args in (("init", store), ("import", store, source, *images), ("pack", store, "-o", pack, "--tokenizer", BASE)):
            self.assertIn(self.run_any(*args).returncode, (0, 1))
        return store

    def setUp(self):
        super().setUp()
        for folder in ("answers", "scores"):
            os.mkdir(self.path(folder))
        self.world("scenes", "--seed", 900, "--count", 80, "--captions", 1, "-o", self.path("pictures"))
        self.scenes = documents(self.path("pictures", "scenes.jsonl"))
        self.said = {s["id"]: " " + s["captions"][0] for s in self.scenes}
        self.write_answers("base", self.said)
        self.write_test_scores()
        self.write_training_scores()

    def write_answers(self, name, texts):
        self.write_lines(
            "answers/%s.jsonl" % name,
            [{"id": s["id"], "image": s["image"], "prompt": s["prompt"], "text": texts[s["id"]]} for s in self.scenes],
        )

    def invented(self, scene, word):
        there = {o["object"] for o in scene["objects"]}
        return word in self.kinds - there

    @property
    def kinds(self):
        return {o["object"] for s in self.scenes for o in s["objects"]}

    def write_test_scores(self):
        """The base is unsure of just what it made up."""
        texts = self.write("texts", "".join(json.dumps(self.said[s["id"]]) + "\n" for s in self.scenes))
        tokens = self.lines("tokenize", "--tokenizer", BASE, "--no-special", "--jsonl", texts)
        scores = []
        for scene, t in zip(self.scenes, tokens):
            data = self.said[scene["id"]].encode()
            words = [data[b:e].decode().strip() for b, e in t["offsets"]]
            logprobs = [UNSURE if self.invented(scene, w) else SURE for w in words] + [SURE]
            scores.append({"id": scene["id"], "responses": {"generated": {"logprobs": logprobs, "sum": sum(logprobs)}}})
        self.write_lines("scores/test.jsonl", scores)

    def write_training_scores(self):
        """Edited tokens, as inspect names them, have one log-prob, and all others another."""
        self.world("expert", self.path("answers", "base.jsonl"), "-o", self.path("step0_rank0.json"))
        store = self.pack("pack", self.path("step0_rank0.json"))
        scores = []
        for sample in self.lines("inspect", store, "--tokenizer", BASE, "--jsonl"):
            logprobs = []
            for hunk in sample["hunks"]:
                begin, end = hunk["revised"]["tokens"]
                logprobs += [KEPT if hunk["op"] == "keep" else EDITED] * (end - begin)
            logprobs.append(KEPT)
            scores.append({"id": sample["id"], "responses": {"revised": {"logprobs": logprobs, "sum": sum(logprobs)}}})
        self.write_lines("scores/base.jsonl", scores)
        self.write_lines("scores/opa.jsonl", scores)

    def report(self):
        out, _ = self.world("report", self.folder, "--tokenizer", BASE, "-o", self.path("report.html"))
        return out

    def row(self, out, label):
        """HalRate, Cover, over the curve (None: empty)"""
        found = re.search(r"(?m)^%s +([\d.]+) \+- [\d.]+ +([\d.]+) \+- [\d.]+ {1,7}([+-][\d.]+)?" % re.escape(label), out)
        self.assertIsNotNone(found, out)
        return float(found[1]), float(found[2]), found[3] and float(found[3])

    def test_on_the_curve(self):
        """Who leaves out exactly what the base is unsure of lies on its curve: nothing invented, and the same Cover."""
        kept = {}
        for scene in self.scenes:
            sentences = re.findall(r"[^.]+\.", self.said[scene["id"]])
            kept[scene["id"]] = "".join(
                s for s in sentences if not any(self.invented(scene, w) for w in re.findall("[a-z]+", s))
            )
        self.write_answers("opa", kept)
        out = self.report()
        base, opa = self.row(out, "base"), self.row(out, "OPA")
        self.assertGreater(base[0], 20)
        self.assertEqual(base[1], opa[1])
        self.assertEqual((opa[0], opa[2]), (0, 0))

    def test_off_the_curve(self):
        """Here the base could have left out all that is wrong at no price, and did not: the whole HalRate is excess.
        Who says half of it lies beyond the curve's end."""
        self.write_answers("dpo", self.said)
        self.write_answers("opa", {i: t if n % 2 else "" for n, (i, t) in enumerate(self.said.items())})
        out = self.report()
        self.assertEqual(self.row(out, "DPO without OPA, all pairs")[2], self.row(out, "base")[0])
        self.assertIsNone(self.row(out, "OPA")[2])

    def test_on_policy(self):
        words = "expert's words: %.2f in the base, %.2f behind OPA\n(of the words that stayed: %.2f, %.2f)"
        out = self.report()
        self.assertIn(words % (EDITED, EDITED, KEPT, KEPT), out)

    def test_premises(self):
        """One says yes to everything, the other to what is there."""
        os.mkdir(self.path("premises"))
        self.world("scenes", "--seed", 900, "--count", 40, "--questions", 2, "-o", self.path("asked"))
        scenes, asked = documents(self.path("asked", "scenes.jsonl")), documents(self.path("asked", "questions.jsonl"))
        truth = [q for s in scenes for q in s["questions"]]
        self.write_lines("premises/base.jsonl", [{"id": a["id"], "text": " yes, there is."} for a in asked])
        right = [{"id": a["id"], "text": " " + q["answer"]} for a, q in zip(asked, truth)]
        right[1]["text"] = " Nobody knows."
        self.write_lines("premises/opa.jsonl", right)
        half = [{"id": a["id"], "text": " Yes." if n % 8 < 4 else " No."} for n, a in enumerate(asked)]
        self.write_lines("premises/opa-dpo.jsonl", half[0::2])  # about what is there
        self.write_answers("opa", self.said)
        out = self.report()
        row = lambda label, *shares: "(?m)^%s +" % label + r" \+- 0.0 +".join("%.1f" % s for s in shares) + r" \+- 0.0$"
        self.assertRegex(out, row("base", 100, 100, 100, 100))
        self.assertRegex(out, row("OPA", 100, 100, 0, 0))
        near = [n for n, q in enumerate(truth) if q["about"] == "near"]
        share = sum(n % 8 < 4 for n in near) / len(near)
        error = (share * (1 - share) / len(near)) ** 0.5
        self.assertRegex(out, r"(?m)^OPA-DPO +%.1f \+- %.1f +[\d.]+ \+- [\d.]+ +$" % (100 * share, 100 * error))
        self.assertIn("Neither Yes nor No: 1 answers.", out)
        with open(self.path("report.html"), encoding="utf-8") as f:
            self.assertIn("neither Yes nor No: 1.", f.read())
        self.write_lines("premises/opa.jsonl", [{"id": "scene-900-00001", "text": "Yes."}])
        _, err = self.world("report", self.folder, "--tokenizer", BASE, code=65)
        self.assertIn("opa.jsonl:1: 'scene-900-00001' is no question of this world", err)

    def test_volumes(self):
        for seed, text in ((1, self.said), (2, {i: "" for i in self.said}), (3, self.said)):
            os.makedirs(self.path("volumes", "s%d" % seed, "n600", "answers"))
            self.write_answers("x", text)
            os.rename(self.path("answers", "x.jsonl"), self.path("volumes", "s%d" % seed, "n600", "answers", "opa.jsonl"))
        found = re.search(r"(?m)^OPA +600 +3 +([\d.]+) \+- ([\d.]+) ", self.report())
        hal_rate = self.measures(self.path("answers", "base.jsonl"))[0]["hal_rate"]
        self.assertAlmostEqual(float(found[1]), hal_rate * 2 / 3, delta=0.051)
        self.assertAlmostEqual(float(found[2]), hal_rate / 3, delta=0.051)

    def test_other_scores(self):
        scores = documents(self.path("scores", "test.jsonl"))
        scores[3]["responses"]["generated"]["logprobs"].pop()
        self.write_lines("scores/test.jsonl", scores)
        _, err = self.world("report", self.folder, "--tokenizer", BASE, code=65)
        self.assertIn("test.jsonl: scene-900-00003 has", err)
        scores[3]["id"] = "scene-900-77777"
        self.write_lines("scores/test.jsonl", scores)
        _, err = self.world("report", self.folder, "--tokenizer", BASE, code=65)
        self.assertIn("'scene-900-77777' is not among the answers", err)


if __name__ == "__main__":
    unittest.main()
