# SPDX-License-Identifier: Apache-2.0
"""The base in opatrain against what transformers made of the same files (tests/data/world/base.jsonl)."""

import os
import subprocess
import unittest

from demo_support import BASE, DATA, WorldCase, documents

MODEL = ("--model", BASE, "--template", "llava_hf", "--threads", "1")


class Base(WorldCase):
    def opatrain(self, *args):
        p = subprocess.run([os.environ["OPATRAIN"], *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 0, p.stderr.decode())

    def test_as_transformers(self):
        golden = documents(os.path.join(DATA, "world", "base.jsonl"))
        self.world("scenes", "--seed", 900, "--count", len(golden), "-o", self.path("w"))
        said, store, pack = self.path("said.jsonl"), self.path("s.opa"), self.path("pack")
        self.opatrain("generate", *MODEL, "--prompts", self.path("w", "scenes.jsonl"), "--max-new-tokens", "80", "-o", said)
        self.assertEqual([(a["id"], a["text"].strip()) for a in documents(said)], [(g["id"], g["text"]) for g in golden])
        for args in (("init", store), ("import", store, said, "--images", self.path("w")),
                     ("pack", store, "-o", pack, "--tokenizer", BASE)):
            self.assertIn(self.run_any(*args).returncode, (0, 1), args)
        self.opatrain("score", *MODEL, pack, "-o", self.path("scores.jsonl"))
        scores = {s["id"]: s["responses"]["generated"]["logprobs"] for s in documents(self.path("scores.jsonl"))}
        for g in golden:
            self.assertEqual(len(scores[g["id"]]), len(g["logprobs"]))
            for ours, theirs in zip(scores[g["id"]], g["logprobs"]):
                self.assertAlmostEqual(ours, theirs, delta=1e-4)


if __name__ == "__main__":
    unittest.main()
