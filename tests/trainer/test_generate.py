# SPDX-License-Identifier: Apache-2.0
"""generate over the demo's pack and files of prompts."""

import os

from support import main
from trainer_support import CASE, CHECKPOINT, TrainerCase

SHORT = ("--max-new-tokens", 12)


class Generate(TrainerCase):
    def prompts(self):
        return self.write_lines(
            "prompts.jsonl",
            [
                {"id": "a", "prompt": "What is it?", "image": os.path.join(CASE, "images", "scene-000.png")},
                {"id": "b", "prompt": "Is there a dog?"},
                {"id": 7, "prompt": "<image>\nDescribe the picture.", "image": os.path.join(CASE, "images", "scene-001.jpg")},
            ],
        )

    def test_answers_come_in_order_and_import_as_they_are(self):
        pack = self.demo_pack()
        answers = self.lines("generate", "--model", CHECKPOINT, pack, *SHORT, schema="outputs")
        members = self.members(pack)
        self.assertEqual([a["id"] for a in answers], list(members))
        for answer in answers:
            self.assertEqual(answer["prompt"], members[answer["id"]]["prompt"])
            self.assertTrue(1 <= len(answer["ids"]) <= 12)
            self.assertEqual(answer["finish"] == "eos", answer["ids"][-1] == 2)
        self.write_lines("answers.jsonl", answers)
        store = self.store(self.path("answers.jsonl"), name="answers.opa")
        self.assertEqual(len(self.jsonl("ls", store)), len(answers))

    def test_batches_change_no_answer(self):
        pack = self.demo_pack()
        for sampling in ((), ("--temperature", 0.8, "--top-k", 30, "--top-p", 0.95, "--seed", 5)):
            args = ("generate", "--model", CHECKPOINT, pack, *SHORT, *sampling)
            one = self.train(*args, "--batch", 1)
            self.assertEqual(one, self.train(*args, "--batch", 5))
            self.assertEqual(one, self.train(*args, "--batch", 64, "--threads", 1))

    def test_draws_follow_the_seed(self):
        prompts = self.prompts()
        args = ("generate", "--model", CHECKPOINT, "--prompts", prompts, *SHORT, "--temperature", 1.5)
        texts = {self.train(*args, "--seed", seed) for seed in (1, 2, 3)}
        self.assertEqual(len(texts), 3)
        self.assertIn(self.train(*args, "--seed", 2), texts)

    def test_prompts_of_a_file(self):
        prompts = self.prompts()
        answers = self.lines("generate", "--model", CHECKPOINT, "--prompts", prompts, *SHORT, schema="outputs")
        self.assertEqual([a["id"] for a in answers], ["a", "b", "7"])
        self.assertIsNone(answers[1]["image"])
        self.assertTrue(answers[0]["image"].endswith("scene-000.png"))
        relative = self.write_lines("relative.jsonl", [{"id": "a", "prompt": "What is it?", "image": "scene-000.png"}])
        args = ("generate", "--model", CHECKPOINT, "--prompts", relative, *SHORT)
        same = self.lines(*args, "--images", os.path.join(CASE, "images"))
        self.assertEqual(same[0]["ids"], answers[0]["ids"])
        self.assertEqual(self.train(*args, code=1), "")
        self.assertIn("a left out", self.err)

    def test_bad_records_are_named_and_left_out(self):
        path = self.write(
            "prompts.jsonl",
            '{"id":"a","prompt":"x"}\n{"prompt":"no id"}\n{"id":"c"}\nnot json\n{"id":"d","prompt":"x","image":"gone.png"}\n'
            '{"id":"e","prompt":"<image> <image>"}\n{"id":"f","prompt":"y"}\n',
        )
        answers = self.lines("generate", "--model", CHECKPOINT, "--prompts", path, *SHORT, code=1)
        self.assertEqual([a["id"] for a in answers], ["a", "f"])
        for word in ("record 1", "c left out", "gone.png", "e left out"):
            self.assertIn(word, self.err)

        self.assertIn("2 answers, ", self.err)
        self.assertEqual(self.train("generate", "--model", CHECKPOINT, "--prompts", self.write("bad.jsonl", "{}\n{}\n"), code=1), "")
        self.assertIn("0 answers, 0 tokens", self.err)
        self.assertNotIn("earlier run", self.err)

    def test_a_prompt_that_is_too_long_is_left_out(self):
        """Whatever stands beside it in its batch is answered as if it were not there, and the same command comes to the end."""
        records = [{"id": str(i), "prompt": "What is it? " * (1 if i % 3 else 600)} for i in range(8)]
        short = self.write_lines("short.jsonl", [r for r in records if len(r["prompt"]) < 100])
        prompts, out = self.write_lines("prompts.jsonl", records), self.path("out")
        want = self.train("generate", "--model", CHECKPOINT, "--prompts", short, *SHORT)
        for _ in range(2):
            self.train("generate", "--model", CHECKPOINT, "--prompts", prompts, *SHORT, "-o", out, code=1)
            for i in "036":
                self.assertRegex(self.err, "prompts.jsonl: %s left out: the prompt takes [0-9]+ of the model's" % i)
            self.assertIn("5 answers", self.err)
            with open(out, encoding="utf-8") as f:
                self.assertEqual(f.read(), want)

    def test_images_in_the_record_are_taken_as_generate_writes_them(self):
        pack = self.demo_pack()
        args = ("generate", "--model", CHECKPOINT, *SHORT)
        answers = self.lines(*args, pack)
        self.assertTrue(any("bytes" in (a["image"] or {}) for a in answers))
        prompts = self.write_lines("prompts.jsonl", [{k: a[k] for k in ("id", "prompt", "image")} for a in answers])
        self.assertEqual(self.lines(*args, "--prompts", prompts), answers)
        bad = [{"id": i, "prompt": "x", "image": {"bytes": b}} for i, b in zip("abcde", ("", "AAA", "A=AA", "AA AA===", 7))]
        self.assertEqual(self.train(*args, "--prompts", self.write_lines("bad.jsonl", bad), code=1), "")
        self.assertEqual(self.err.count("left out"), 5)

    def test_prompts_are_no_output(self):
        prompts = self.prompts()
        before = self.files_of(self.folder)
        self.train("generate", "--model", CHECKPOINT, "--prompts", prompts, "-o", prompts, code=73)
        self.assertEqual(self.files_of(self.folder), before)

    def test_a_killed_run_goes_on_and_gives_the_same_file(self):
        pack = self.demo_pack()
        args = ("generate", "--model", CHECKPOINT, pack, "--max-new-tokens", 40, "--temperature", 0.9, "--batch", 5)
        self.train(*args, "-o", self.path("whole.jsonl"))
        self.kill_and_resume(self.path("out.jsonl"), *args, seconds=(0.1, 0.2, 0.4, 0.8))
        files = self.files_of(self.folder)
        self.assertEqual(files["out.jsonl"], files["whole.jsonl"])

    def test_memory_takes_smaller_batches(self):
        prompts = self.prompts()
        args = ("generate", "--model", CHECKPOINT, "--prompts", prompts, *SHORT)
        whole = self.train(*args)
        self.assertEqual(self.train(*args, "--memory", "900K"), whole)
        self.assertIn("at a time fit", self.err)
        self.train(*args, "--memory", "10K", code=2)


if __name__ == "__main__":
    main()
