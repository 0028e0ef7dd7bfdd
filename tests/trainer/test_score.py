# SPDX-License-Identifier: Apache-2.0
"""score over the demo's pack."""

import json
import math
import os
import shutil

from support import DEMO, TOKENIZER, main, png
from trainer_support import CASE, CHECKPOINT, TrainerCase


class Score(TrainerCase):
    def test_a_line_a_sample_in_the_order_of_the_pack(self):
        pack = self.demo_pack()
        members = self.members(pack)
        scores = self.lines("score", "--model", CHECKPOINT, pack, schema="score")
        self.assertEqual([s["id"] for s in scores], list(members))
        masked = 0
        for score in scores:
            member = members[score["id"]]
            self.assertEqual(set(score["responses"]), set(member["responses"]))
            wanted = {p["response"] for p in member["pairs"] if p["type"] == "image"}
            self.assertEqual(set(score["masked"]), wanted)
            masked += len(wanted)
            for group in ("responses", "masked"):
                for role, value in score[group].items():
                    self.assertEqual(len(value["logprobs"]), len(member["responses"][role]["ids"]))
                    self.assertTrue(all(x < 0 for x in value["logprobs"]))
                    self.assertTrue(math.isclose(value["sum"], math.fsum(value["logprobs"]), rel_tol=1e-6))
            for role, value in score["masked"].items():
                self.assertNotEqual(value["logprobs"], score["responses"][role]["logprobs"])
        self.assertGreater(masked, 0)

    def test_threads_change_no_bit_and_contexts_do(self):
        pack = self.demo_pack()
        one = self.train("score", "--model", CHECKPOINT, "--threads", 1, pack)
        self.assertEqual(one, self.train("score", "--model", CHECKPOINT, "--threads", 2, pack))
        release = self.lines("score", "--model", CHECKPOINT, "--context", "release", pack, schema="score")
        first = json.loads(one.split("\n")[0])
        for role, value in first["responses"].items():
            self.assertEqual(len(value["logprobs"]), len(release[0]["responses"][role]["logprobs"]))
            self.assertNotEqual(value["logprobs"], release[0]["responses"][role]["logprobs"])

    def test_an_adapter_counts_and_one_of_zeros_does_not(self):
        pack = self.demo_pack()
        base = self.train("score", "--model", CHECKPOINT, pack)
        adapter = os.path.join(CASE, "adapter_init")
        self.assertNotEqual(base, self.train("score", "--model", CHECKPOINT, "--adapter", adapter, pack))

    def test_a_killed_run_goes_on_and_gives_the_same_file(self):
        pack = self.demo_pack()
        args = ("score", "--model", CHECKPOINT, pack, pack)
        self.train(*args, "-o", self.path("whole.jsonl"))
        self.kill_and_resume(self.path("out.jsonl"), *args)
        files = self.files_of(self.folder)
        self.assertEqual(files["out.jsonl"], files["whole.jsonl"])
        self.assertNotIn("out.jsonl.resume", files)

    def test_other_settings_do_not_go_on(self):
        pack = self.demo_pack()
        args = ["score", "--model", CHECKPOINT, pack, "-o", self.path("out.jsonl")]
        self.train(*args)
        whole = self.files_of(self.folder)["out.jsonl"]
        # What a kill in the middle leaves: settings, and a torn line.
        lines = whole.split(b"\n")
        self.write("out.jsonl", b"\n".join(lines[:5]) + b"\n" + lines[5][:40])
        resume = self.settings_of(args, self.path("out.jsonl"))
        self.write("out.jsonl.resume", resume)
        self.train(*args, "--context", "release", code=73)
        self.assertIn("another context", self.err)
        self.train(*args, "--adapter", os.path.join(CASE, "adapter_init"), code=73)
        self.assertIn("another adapter", self.err)
        self.train(*args, "--template", "llava_hf", code=73)
        self.assertIn("another template", self.err)
        self.train(*args)
        self.assertIn("43 samples", self.err)
        self.assertEqual(self.files_of(self.folder)["out.jsonl"], whole)

    def settings_of(self, args, output):
        """The settings of a run, from one that ends at a full file system in miniature: its output's folder is a copy."""
        other = self.path("kept.jsonl")
        args = [other if a == output else a for a in args]
        shutil.copyfile(CHECKPOINT + "/config.json", self.path("unused"))
        import subprocess
        from trainer_support import OPATRAIN

        p = subprocess.Popen([OPATRAIN, *args], stderr=subprocess.DEVNULL)
        while p.poll() is None and not os.path.exists(other + ".resume"):
            pass
        with open(other + ".resume", "rb") as f:
            settings = f.read()
        p.kill()
        p.wait()
        return settings

    def test_samples_that_cannot_be_scored_are_named_and_left_out(self):
        self.write("a.png", png(40, 30))
        cut = open(os.path.join(CASE, "images", "scene-000.png"), "rb").read()[:-2000]
        self.write("samples.jsonl", "")
        samples = [
            {"id": "good", "image": "a.png", "prompt": "What is it?", "generated": "A dog.", "revised": "A cat.", "ground_truth": "A cat."},
            {"id": "text", "prompt": "What is it?", "generated": "A dog.", "revised": "A cat."},
            {"id": "long", "prompt": "What is it? " * 900, "generated": "A dog.", "revised": "A cat."},
        ]
        self.write_lines("samples.jsonl", samples)
        pack = self.pack(self.store(self.path("samples.jsonl")))
        scores = self.lines("score", "--model", CHECKPOINT, pack, code=1, schema="score")
        self.assertEqual([s["id"] for s in scores], ["good", "text"])
        self.assertIn("long left out", self.err)
        self.assertIn("positions", self.err)
        self.assertEqual(scores[1]["masked"], {})
        self.assertTrue(cut)

    def test_a_pack_of_another_tokenizer_is_refused(self):
        # The same rules over other pieces: every id means something else.
        tokenizer = json.load(open(TOKENIZER, encoding="utf-8"))
        vocab = tokenizer["model"]["vocab"]
        names = sorted(vocab, key=vocab.get)
        letters = [n for n in names if len(n) == 1 and n.isascii() and n.isalpha()]
        for a, b in zip(letters[::2], letters[1::2]):
            vocab[a], vocab[b] = vocab[b], vocab[a]
        self.write("other.json", tokenizer)
        store = self.demo_store()
        self.run_cli("pack", store, "-o", self.path("other"), "--tokenizer", self.path("other.json"))
        self.train("score", "--model", CHECKPOINT, self.path("other"), code=65)
        self.assertIn("pack", self.err)

    def test_exit_codes(self):
        pack = self.demo_pack()
        self.train("score", "--model", self.path("nothing"), pack, code=66)
        self.train("score", "--model", CHECKPOINT, self.path("nothing"), code=66)
        self.train("score", "--model", CHECKPOINT, DEMO, code=65)
        self.train("score", "--model", CHECKPOINT, pack, "-o", "/no/such/folder/x.jsonl", code=73)
        self.train("score", "--model", CHECKPOINT, pack, "--template", "nothing", code=66)
        p = self.train_any("score", "--model", CHECKPOINT, pack, "--memory", "100K")
        self.assertEqual((p.returncode, p.stdout), (1, b""))
        self.assertIn(b"--memory", p.stderr)


if __name__ == "__main__":
    main()
