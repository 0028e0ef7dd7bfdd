# SPDX-License-Identifier: Apache-2.0
"""score over the demo's pack."""

import fcntl
import json
import math
import os
import resource
import shutil
import signal
import subprocess

from support import DEMO, TOKENIZER, main, png
from trainer_support import CASE, CHECKPOINT, OPATRAIN, TrainerCase, all_tensors, write_safetensors


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

    def test_threads_change_little_and_the_same_number_nothing(self):
        pack = self.demo_pack()
        runs = [self.train("score", "--model", CHECKPOINT, "--threads", n, pack) for n in (1, 2, 2)]
        self.assertEqual(runs[1], runs[2])
        for a, b in zip(*(map(json.loads, run.splitlines()) for run in runs[:2])):
            for group in ("responses", "masked"):
                for role in a[group]:
                    for x, y in zip(a[group][role]["logprobs"], b[group][role]["logprobs"]):
                        self.assertLess(abs(x - y), 1e-4)

    def test_the_released_context_is_another(self):
        pack = self.demo_pack()
        sft = self.lines("score", "--model", CHECKPOINT, pack)
        release = self.lines("score", "--model", CHECKPOINT, "--context", "release", pack, schema="score")
        for role, value in sft[0]["responses"].items():
            self.assertEqual(len(value["logprobs"]), len(release[0]["responses"][role]["logprobs"]))
            self.assertNotEqual(value["logprobs"], release[0]["responses"][role]["logprobs"])

    def test_an_adapter_counts(self):
        pack = self.demo_pack()
        base = self.train("score", "--model", CHECKPOINT, pack)
        adapter = os.path.join(CASE, "adapter_init")
        self.assertNotEqual(base, self.train("score", "--model", CHECKPOINT, "--adapter", adapter, pack))

    def scripts_of_texts(self, members):
        """Of each sample with both texts the edit script of their words. A sample with a report has that of its sentences, in which a
        rewritten one is one substitution: hence a store without reports."""
        texts = [{"id": i, "prompt": "What?", **{r: m["responses"][r]["text"] for r in ("generated", "revised")}}
                 for i, m in members.items() if {"generated", "revised"} <= set(m["responses"])]
        store = self.store(self.write_lines("texts.jsonl", texts), name="texts.opa")
        return {s["id"]: s["hunks"] for s in self.jsonl("inspect", store, "--tokenizer", TOKENIZER)}

    def test_the_report_is_that_of_the_edit_scripts(self):
        store = self.demo_store()
        pack = self.pack(store)
        scores = self.lines("score", "--model", CHECKPOINT, pack)
        text = self.err
        members = self.members(pack)
        tokens = {"edited": [], "kept": []}
        scripts = self.scripts_of_texts(members)
        self.assertEqual(set(scripts), {i for i, m in members.items() if {"generated", "revised"} <= set(m["responses"])})
        for score in scores:
            for hunk in scripts.get(score["id"], ()):
                begin, end = hunk["revised"]["tokens"]
                kind = "kept" if hunk["op"] == "keep" else "edited"
                tokens[kind] += score["responses"]["revised"]["logprobs"][begin:end]
        for kind, logps in tokens.items():
            self.assertIn("%s tokens %d, log-prob %.2f on average, 5%% below %.2f" % (
                kind, len(logps), math.fsum(logps) / len(logps), sorted(logps)[len(logps) // 20]), text)
        self.assertGreater(len(tokens["edited"]), 20)
        chosen = [(s["id"], p["chosen"]) for s in scores for p in members[s["id"]]["pairs"] if p["type"] == "language"]
        by_id = {s["id"]: s["responses"] for s in scores}
        means = [math.fsum(by_id[i][r]["logprobs"]) / len(by_id[i][r]["logprobs"]) for i, r in chosen]
        share = sum(m < -3 for m in means) / len(means)
        self.assertIn("%.0f%% of %d chosen responses have a mean below -3.0" % (100 * share, len(means)), text)
        self.assertEqual("warning: the data is off-policy for the model" in text, share > 0.1)

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
        """The settings that the same run keeps beside its output while it is at work."""
        other = self.path("kept.jsonl")
        p = subprocess.Popen([OPATRAIN, *(other if a == output else a for a in args)], stderr=subprocess.DEVNULL)
        while p.poll() is None and not os.path.exists(other + ".resume"):
            pass
        with open(other + ".resume", "rb") as f:
            settings = f.read()
        p.kill()
        p.wait()
        return settings

    def test_samples_that_cannot_be_scored_are_named_and_left_out(self):
        self.write("a.png", png(40, 30))
        common = {"generated": "A dog.", "revised": "A cat.", "ground_truth": "A cat."}
        samples = [
            {"id": "good", "image": "a.png", "prompt": "What is it?", **common},
            {"id": "long", "prompt": "What is it? " * 20, **common},
            {"id": "text", "prompt": "What is it?", **common},
        ]
        pack = self.pack(self.store(self.write_lines("samples.jsonl", samples)))
        model = self.path("model")
        shutil.copytree(CHECKPOINT, model)
        config = json.load(open(os.path.join(model, "config.json")))
        config["text_config"]["max_position_embeddings"] = 250
        with open(os.path.join(model, "config.json"), "w") as f:
            json.dump(config, f)
        scores = self.lines("score", "--model", model, pack, code=1, schema="score")
        self.assertEqual([s["id"] for s in scores], ["good", "text"])
        self.assertIn("long left out", self.err)
        self.assertIn("250 positions", self.err)
        self.assertEqual(set(scores[0]["masked"]), {"revised", "ground_truth"})
        self.assertEqual(scores[1]["masked"], {})

    def test_a_pack_of_another_tokenizer_is_refused(self):
        # The same rules, but the words of more than one letter have each other's ids.
        tokenizer = json.load(open(TOKENIZER, encoding="utf-8"))
        vocab = tokenizer["model"]["vocab"]
        words = [w for w in sorted(vocab, key=vocab.get) if len(w) > 3 and not w.startswith("<")]
        ids = [vocab[w] for w in words]
        vocab.update(zip(words, ids[1:] + ids[:1]))
        self.write("other.json", tokenizer)
        self.run_cli("pack", self.demo_store(), "-o", self.path("other"), "--tokenizer", self.path("other.json"))
        self.train("score", "--model", CHECKPOINT, self.path("other"), code=65)
        self.assertIn("made for another model", self.err)

    def test_a_file_that_only_adds_tokens_is_the_same_tokenizer(self):
        model = self.path("model")
        shutil.copytree(CHECKPOINT, model)
        shutil.copyfile(TOKENIZER, os.path.join(model, "tokenizer.json"))
        pack = self.demo_pack()
        self.assertEqual(self.train("score", "--model", model, pack), self.train("score", "--model", CHECKPOINT, pack))

    def test_exit_codes(self):
        pack = self.demo_pack()
        self.train("score", "--model", self.path("nothing"), pack, code=66)
        self.train("score", "--model", CHECKPOINT, self.path("nothing"), code=66)
        self.train("score", "--model", CHECKPOINT, DEMO, code=65)
        self.train("score", "--model", CHECKPOINT, pack, "-o", "/no/such/folder/x.jsonl", code=73)
        self.train("score", "--model", CHECKPOINT, pack, "--template", "nothing", code=66)
        self.assertEqual(self.train("score", "--model", CHECKPOINT, pack, "--memory", "100K", code=2), "")
        self.assertRegex(self.err, r"scoring takes [0-9.]+ MiB at least, --memory allows 0\.1")

    def test_standard_output_that_takes_nothing_is_an_error(self):
        """A line is passed on as it comes: a disk that is full then is not seen when the stream is closed."""
        pack = self.demo_pack()
        args = [OPATRAIN, "score", "--model", CHECKPOINT, pack]

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        with open("/dev/full", "wb") as full, open(self.path("short"), "wb") as short:
            for more in ({"stdout": full}, {"stdout": short, "preexec_fn": limit}, {"preexec_fn": lambda: os.close(1)}):
                p = subprocess.run(args, stderr=subprocess.PIPE, timeout=120, **more)
                self.assertEqual(p.returncode, 74, p.stderr)
                self.assertIn(b"standard output: ", p.stderr)
                self.assertNotIn(b"tokens scored", p.stderr)

    def test_one_run_writes_a_file(self):
        pack = self.demo_pack()
        for verb in ("score", "generate"):
            out = self.path(verb)
            with open(out, "wb") as f:
                f.write(b"theirs")
                f.flush()
                fcntl.flock(f, fcntl.LOCK_EX)
                self.train(verb, "--model", CHECKPOINT, pack, "-o", out, code=75)
            self.assertIn("another opatrain", self.err)
            with open(out, "rb") as f:
                self.assertEqual(f.read(), b"theirs")
            self.assertEqual([n for n in os.listdir(self.folder) if n.endswith(".resume")], [])
            self.train(verb, "--model", CHECKPOINT, pack, "-o", out)

    def test_what_failed_before_its_first_line_is_in_nobodys_way(self):
        pack = self.demo_pack()
        broken = self.checkpoint("nan", lambda t: t.update({k: (*t[k][:2], b"\xff\x7f" * (len(t[k][2]) // 2))
                                                            for k in list(t) if k.endswith("layers.0.mlp.up_proj.weight")}))
        os.symlink("/dev/null", self.path("null"))
        for out in (self.path("null"), self.path("out")):
            self.train("score", "--model", broken, pack, "-o", out, code=65)
            self.train("score", "--model", CHECKPOINT, pack, "-o", out)
            self.assertFalse(os.path.exists(out + ".resume"))

    def test_an_adapter_of_one_layer_too_few_is_said(self):
        pack = self.demo_pack()
        folder = self.path("lost")
        shutil.copytree(os.path.join(CASE, "adapter_init"), folder)
        lost = "language_model.layers.1.mlp.down_proj.lora_"
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"),
                          {k: v for k, v in all_tensors(folder).items() if lost not in k})
        self.train("score", "--model", CHECKPOINT, "--adapter", folder, pack)
        self.assertIn("'layers.1.mlp.down_proj'", self.err)
        self.assertRegex(self.train("adapter", "check", folder, "--model", CHECKPOINT, code=1), "20 of 21")


if __name__ == "__main__":
    main()
