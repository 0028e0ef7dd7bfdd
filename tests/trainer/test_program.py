# SPDX-License-Identifier: Apache-2.0
"""Help, versions, usage errors, doctor, adapter."""

import os
import shutil
import subprocess

from support import main
from trainer_support import CASE, CHECKPOINT, OPATRAIN, TrainerCase

VERBS = ["score", "generate", "doctor", "adapter"]


class Program(TrainerCase):
    def test_help_begins_with_an_example_and_fits(self):
        text = self.train("--help")
        self.assertTrue(text.startswith("Example: opatrain "))
        for verb in VERBS:
            self.assertRegex(text, r"(?m)^  %s +\S" % verb)
            for help_text in (self.train(verb, "--help"), self.train("help", verb)):
                self.assertRegex(help_text, r"^Example: .*opatrain %s\b" % verb)
                self.assertIn("Usage: opatrain %s" % verb, help_text)
                self.assertLessEqual(max(map(len, help_text.splitlines())), 110)

    def test_version_names_openblas_and_its_core(self):
        text = self.train("--version")
        self.assertRegex(text, r"(?m)^opatrain \d")
        self.assertRegex(text, r"(?m)^OpenBLAS \d")
        self.assertIn("core type", text)
        linked = subprocess.run(["ldd", OPATRAIN], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual("libdnnl" in linked, "oneDNN " in text)
        self.assertRegex(text, r"(?m)^zlib \d")

    def test_usage_errors(self):
        for args in (
            [],
            ["frob"],
            ["score"],
            ["score", "pack"],
            ["score", "--model", CHECKPOINT],
            ["score", "--model", CHECKPOINT, "--dtype", "f8", "p"],
            ["score", "--model", CHECKPOINT, "--context", "x", "p"],
            ["score", "--model", CHECKPOINT, "--image-mode", "x", "p"],
            ["score", "--model", CHECKPOINT, "--memory", "lots", "p"],
            ["score", "--model", CHECKPOINT, "--threads", "-1", "p"],
            ["generate", "--model", CHECKPOINT],
            ["generate", "--model", CHECKPOINT, "--prompts", "f", "pack"],
            ["generate", "--model", CHECKPOINT, "pack", "--temperature", "-1"],
            ["generate", "--model", CHECKPOINT, "pack", "--top-p", "0", "--temperature", "1"],
            ["generate", "--model", CHECKPOINT, "pack", "--top-k", "5"],
            ["generate", "--model", CHECKPOINT, "pack", "--temperature", "nan"],
            ["adapter", "frob", "x", "--model", CHECKPOINT],
            *(["dpo", "--model", CHECKPOINT, "pack", "-o", "out", "--" + name, value]
              for name, value in (("beta", "0"), ("beta", "-1"), ("gamma1", "-1"), ("lambda", "-0.5"), ("response-length", "0"))),
        ):
            self.train(*args, code=2)
        self.train("scor", code=2)
        self.assertIn("did you mean 'score'?", self.err)

    def test_doctor_says_what_a_model_needs(self):
        text = self.train("doctor", "--model", CHECKPOINT)
        for word in ("processor", "threads", "core type", "GFLOP/s", "GB/s", "score", "generate", "weights bf16"):
            self.assertIn(word, text)

    def test_adapter_check_counts_layers(self):
        text = self.train("adapter", "check", os.path.join(CASE, "adapter_init"), "--model", CHECKPOINT)
        self.assertRegex(text, r"the language model +21 of 21")
        self.assertRegex(text, r"the vision tower +18 of 18")
        text = self.train("adapter", "check", os.path.join(CASE, "adapter_init_llm"), "--model", CHECKPOINT)
        self.assertRegex(text, r"the projector +0 of 2")
        self.train("adapter", "check", self.folder, "--model", CHECKPOINT, code=66)
        shutil.copytree(os.path.join(CASE, "adapter_init"), self.path("cut"))
        os.truncate(self.path("cut", "adapter_model.safetensors"), 30000)
        self.train("adapter", "check", self.path("cut"), "--model", CHECKPOINT, code=65)
        self.assertIn("lora_", self.err)


if __name__ == "__main__":
    main()
