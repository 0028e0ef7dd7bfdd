# SPDX-License-Identifier: Apache-2.0
"""The report's numbers, from a folder whose answers and log-probs are made up here so that they are known."""

import json
import math
import os
import random
import re
import statistics
import unittest

from demo_support import BASE, WorldCase, documents

SURE, HALF_SURE, UNSURE = -0.01, -0.5, -1.2  # log-probs: 0.99, 0.61 and 0.30
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

    def write_test_scores(self, logprob=None):
        """Without @logprob of a scene and a word, the base is unsure of just what it made up."""
        logprob = logprob or (lambda scene, word: UNSURE if self.invented(scene, word) else SURE)
        texts = self.write("texts", "".join(json.dumps(self.said[s["id"]]) + "\n" for s in self.scenes))
        tokens = self.lines("tokenize", "--tokenizer", BASE, "--no-special", "--jsonl", texts)
        scores = []
        for scene, t in zip(self.scenes, tokens):
            data = self.said[scene["id"]].encode()
            words = [data[b:e].decode().strip() for b, e in t["offsets"]]
            logprobs = [logprob(scene, w) for w in words] + [SURE]
            scores.append({"id": scene["id"], "responses": {"generated": {"logprobs": logprobs, "sum": sum(logprobs)}}})
        self.write_lines("scores/test.jsonl", scores)

    def write_training_scores(self):
        """Edited tokens, as inspect names them, have one log-prob, and all others another. OPA finds all of them a nat
        likelier."""
        self.world("expert", self.path("answers", "base.jsonl"), "-o", self.path("step0_rank0.json"))
        store = self.pack("pack", self.path("step0_rank0.json"))
        scores, opa = [], []
        for sample in self.lines("inspect", store, "--tokenizer", BASE, "--jsonl"):
            logprobs = []
            for hunk in sample["hunks"]:
                begin, end = hunk["revised"]["tokens"]
                logprobs += [KEPT if hunk["op"] == "keep" else EDITED] * (end - begin)
            logprobs.append(KEPT)
            for lines, gain in ((scores, 0), (opa, 1)):
                gained = [x + gain for x in logprobs]
                lines.append({"id": sample["id"], "responses": {"revised": {"logprobs": gained, "sum": sum(gained)}}})
        self.write_lines("scores/base.jsonl", scores)
        self.write_lines("scores/opa.jsonl", opa)

    def report(self):
        out, _ = self.world("report", self.folder, "--tokenizer", BASE, "-o", self.path("report.html"))
        return out

    def row(self, out, label):
        """HalRate, Cover, over the curve and its error (None: empty)"""
        found = re.search(
            r"(?m)^%s +([\d.]+) \+- [\d.]+ +([\d.]+) \+- [\d.]+ {1,3}(?:([+-][\d.]+) \+- ([\d.]+))?" % re.escape(label), out
        )
        self.assertIsNotNone(found, out)
        return tuple(x and float(x) for x in found.groups())

    def outcome(self, scene, text):
        """Whether it invents, and how much of the scene it names."""
        named = self.kinds & set(re.findall("[a-z]+", text))
        there = {o["object"] for o in scene["objects"]}
        return float(bool(named - there)), len(named & there) / len(there)

    def test_on_the_curve(self):
        """Who leaves out exactly what the base is unsure of lies on its curve: nothing invented, and the same Cover."""
        self.write_answers("opa", self.without(self.invented))
        out = self.report()
        base, opa = self.row(out, "base"), self.row(out, "OPA")
        self.assertGreater(base[0], 20)
        self.assertEqual(base[1], opa[1])
        self.assertEqual((opa[0], opa[2], opa[3]), (0, 0, 0))

    def test_off_the_curve(self):
        """Here the base could have left out all that is wrong at no price, and did not: the whole HalRate is excess.
        Who says half of it lies beyond the curve's end."""
        self.write_answers("dpo", self.said)
        self.write_answers("opa", {i: t if n % 2 else "" for n, (i, t) in enumerate(self.said.items())})
        out = self.report()
        self.assertEqual(self.row(out, "DPO without OPA, all pairs")[2], self.row(out, "base")[0])
        self.assertIsNone(self.row(out, "OPA")[2])

    def without(self, leaves_out):
        """The base's answers without the sentences of which @leaves_out(scene, word) is true for a word."""
        said = {}
        for scene in self.scenes:
            sentences = re.findall(r"[^.]+\.", self.said[scene["id"]])
            said[scene["id"]] = "".join(
                s for s in sentences if not any(leaves_out(scene, w) for w in re.findall("[a-z]+", s))
            )
        return said

    def test_error_of_the_excess(self):
        """Against a bootstrap over the scenes. The base is half sure of what it made up and of some that is there, so that
        the curve falls steeply with its Cover, and the system lies between two of its points."""
        half_sure = lambda scene, word: self.invented(scene, word) or (word in self.kinds and word < "boat")
        self.write_test_scores(lambda scene, word: HALF_SURE if half_sure(scene, word) else SURE)
        some = lambda scene, word: word in self.kinds and int(scene["id"][-5:]) % 3 == 0 and word > "lamp"
        systems = [self.said, self.without(half_sure), self.without(some)]
        self.write_answers("opa", systems[2])
        *_, excess, error = self.row(self.report(), "OPA")
        outcomes = [[self.outcome(scene, said[scene["id"]]) for said in systems] for scene in self.scenes]

        def excess_of(scenes):
            (more_hal, more), (less_hal, less), (hal, cover) = (
                [statistics.fmean(x) for x in zip(*(scene[i] for scene in scenes))] for i in range(3)
            )
            return 100 * (hal - more_hal - (more - cover) / (more - less) * (less_hal - more_hal))

        dice = random.Random(5)
        drawn = [excess_of(dice.choices(outcomes, k=len(outcomes))) for _ in range(3000)]
        self.assertAlmostEqual(excess, excess_of(outcomes), delta=0.051)
        print("%.1f +- %.1f, by bootstrap %.2f" % (excess, error, statistics.stdev(drawn)))
        self.assertAlmostEqual(error, statistics.stdev(drawn), delta=0.1 * error)

    def test_on_policy(self):
        words = "expert's words: %.2f in the base, %.2f behind OPA\n(of the words that stayed: %.2f, %.2f)"
        out = self.report()
        self.assertIn(words % (EDITED, EDITED + 1, KEPT, KEPT + 1), out)

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

    def write_volume(self, seed, samples, name, texts):
        folder = self.path("volumes", "s%d" % seed, "n%d" % samples, "answers")
        os.makedirs(folder, exist_ok=True)
        self.write_answers("x", texts)
        os.rename(self.path("answers", "x.jsonl"), os.path.join(folder, name + ".jsonl"))

    def test_volumes(self):
        """OPA is the base with two seeds and silent with a third, which is beyond the curve's end; OPA-DPO is the base."""
        for seed, text in ((1, self.said), (2, {i: "" for i in self.said}), (3, self.said)):
            self.write_volume(seed, 600, "opa", text)
            self.write_volume(seed, 600, "opa-dpo", self.said)
        self.write_volume(1, 64, "opa", self.said)
        out = self.report()
        outcomes = [self.outcome(scene, self.said[scene["id"]]) for scene in self.scenes]
        (hal, hal_error), (cover, cover_error) = (
            (100 * statistics.fmean(x), 100 * statistics.stdev(x) / len(x) ** 0.5) for x in zip(*outcomes)
        )
        number = r" +([\d.+-]+) \+- ([\d.]+)"
        found = re.search(r"(?m)^OPA +600 +3" + number + number + "$", out)
        expected = (hal * 2 / 3, math.hypot(hal / 3, hal_error * 2 / 3), cover * 2 / 3, math.hypot(cover / 3, cover_error * 2 / 3))
        for got, want in zip(found.groups(), expected):
            self.assertAlmostEqual(float(got), want, delta=0.051)
        found = re.search(r"(?m)^OPA-DPO +600 +3" + number * 3 + "$", out)
        for got, want in zip(found.groups(), (hal, hal_error, cover, cover_error, hal, hal_error)):
            self.assertAlmostEqual(float(got), want, delta=0.051)
        self.assertRegex(out, r"(?m)^OPA +64 +1 ")
        self.assertLess(out.index("OPA                           64"), out.index("OPA                          600"))

    def test_other_scenes(self):
        self.write_lines("answers/opa.jsonl", [{"id": "scene-1-00001", "text": ""}])
        _, err = self.world("report", self.folder, "--tokenizer", BASE, code=65)
        self.assertIn("answers/opa.jsonl: some of the base's scenes have no answer", err)

    def test_other_scores(self):
        for name, words in (("test", "of generated"), ("opa", "of revised")):
            lines = documents(self.path("scores", name + ".jsonl"))
            self.write_lines("scores/%s.jsonl" % name, [])
            _, err = self.world("report", self.folder, "--tokenizer", BASE, code=65)
            self.assertIn("%s.jsonl: it has no log-probs %s" % (name, words), err)
            self.write_lines("scores/%s.jsonl" % name, lines)
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
