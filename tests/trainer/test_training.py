# SPDX-License-Identifier: Apache-2.0
"""sft and dpo over the demo's pack: their folders, kills, refusals."""

import contextlib
import json
import math
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess

from support import main
from trainer_support import CASE, CHECKPOINT, FAST, KILLS, OPATRAIN, TrainingCase


WHOLE = (1 << 64) - 1


def checksum(start, data):
    """What trainer/checksum.c gives."""
    def mix(x, word):
        x = (x ^ word) * 0x9E3779B97F4A7C15 & WHOLE
        return x ^ x >> 29

    whole = len(data) // 8
    words = struct.unpack("=%dQ" % (whole + 1), data + bytes(8 * whole + 8 - len(data)))
    lanes = [start + k & WHOLE for k in range(4)]
    for i, word in enumerate(words):
        lanes[i % 4] = mix(lanes[i % 4], word)
    total = len(data)
    for lane in lanes:
        total = mix(total, lane) * 0xBF58476D1CE4E5B9 & WHOLE
    return total


def forge_features(cache):
    """Other numbers in every record but the first sample's, with sums that agree."""
    with open(cache, "rb") as f:
        data = bytearray(f.read())
    begin = data.index(b"\0") + 1
    with open(os.path.join(CHECKPOINT, "config.json"), encoding="utf-8") as f:
        vision = json.load(f)["vision_config"]
    floats = (vision["image_size"] // vision["patch_size"]) ** 2 * vision["hidden_size"]
    for at in range(begin, len(data) - 16 - 4 * floats + 1, 16 + 4 * floats):
        place, version, said = struct.unpack_from("=IIQ", data, at)
        bits = list(struct.unpack_from("=%dI" % floats, data, at + 16))
        assert said == checksum(version << 32 | place, struct.pack("=%dI" % floats, *bits))
        if place == 0:  # with which the reference is proved
            continue
        forged = struct.pack("=%dI" % floats, *(word ^ 1 << 31 for word in bits))  # negated
        data[at + 8 : at + 16] = struct.pack("=Q", checksum(version << 32 | place, forged))
        data[at + 16 : at + 16 + len(forged)] = forged
    with open(cache, "wb") as f:
        f.write(data)


class Training(TrainingCase):
    def assert_documents(self, folder):
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as f:
            self.assert_schema("run", [json.load(f)])
        self.assert_schema("updates", self.log(folder))
        self.assert_schema("evaluations", self.log(folder, "eval.jsonl"))

    def sft(self, pack, name="sft", *more, code=0):
        self.train("sft", "--model", CHECKPOINT, pack, "-o", self.path(name), *FAST, *more, code=code)
        return self.path(name)

    def test_sft_writes_a_folder_whose_adapter_fits(self):
        pack = self.demo_pack()
        out = self.sft(pack, "sft", "--epochs", 2, "--eval", pack)
        members = self.members(pack)
        log, evaluations = self.log(out), self.log(out, "eval.jsonl")
        self.assertEqual([line["step"] for line in log], list(range(1, 2 * len(members) + 1)))
        self.assertEqual([e["step"] for e in evaluations], [0, len(members), 2 * len(members)])
        self.assertLess(evaluations[-1]["loss"], evaluations[0]["loss"])
        targets = sum(len(m["responses"][r]["ids"]) for m in members.values() for r in m["responses"] if r != "generated")
        self.assertEqual(sum(line["targets"] for line in log), 2 * targets)
        for field in ("loss", "learning_rate", "grad_norm", "tokens", "seconds"):
            self.assertTrue(all(field in line for line in log), field)
        self.assert_documents(out)
        self.assertIn("the language model", self.train("adapter", "check", out, "--model", CHECKPOINT))
        self.assertNotIn("is zero", self.err)  # not even for the tower's last layer, which nothing goes through

    def test_the_plan_adds_up_and_holds(self):
        pack = self.demo_pack()
        for verb in ("sft", "dpo"):
            self.train(verb, "--model", CHECKPOINT, pack, "-o", self.path(verb), *FAST, "--epochs", 1, "--memory", "200M",
                       "--warmup", 1000)
            plan = re.search(r"plan: ([\d,]+) MiB of 200 allowed: (.*)", self.err)
            self.assertTrue(plan, self.err)
            parts = re.findall(r"([\d,]+) of (?:weights|parameters|moments|activations|others)", plan[2])
            self.assertEqual(len(parts), 5, plan[2])
            self.assertAlmostEqual(int(plan[1]), sum(map(int, parts)), delta=3)
            self.assertLessEqual(int(plan[1]), 200)
            peak = re.search(r"peak behind the first update: ([\d,]+) MiB", self.err)
            self.assertLessEqual(int(peak[1]), 200)
            self.assertIn("does not reach --lr", self.err)

    def test_a_terminal_sees_how_far_an_update_is(self):
        pack, said = self.demo_pack(), b""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(OPATRAIN, [OPATRAIN, "dpo", "--model", CHECKPOINT, pack, "-o", self.path("out"), *map(str, FAST), "--batch",
                                "4", "--micro-tokens", "1", "--epochs", "3", "--eval", pack])
        with contextlib.suppress(OSError):  # EIO: it has ended
            while piece := os.read(terminal, 4096):
                said += piece
        self.assertEqual(os.waitpid(pid, 0)[1], 0, said[-1000:])
        for want in (rb"look: \d+ of \d+ samples, \d+/s", rb"eval: \d+ of \d+ samples, [\d,]+ tokens/s", rb"left, loss \d+\.\d+, margin ",
                     rb"dpo: step \d+ of \d+ \(next: [1-4] of 4 samples\), [\d,]+ tokens/s, 0:\d\d left"):
            self.assertTrue(re.search(want, said), (want, said[-3000:]))
        for line in re.findall(rb"\r\x1b\[K([^\r\n]* left[^\r\n]*)", said):  # each on a row of its own, however narrow
            self.assertTrue(line.startswith(b"\x1b[?7l") and line.endswith(b"\x1b[?7h"), line)

    def test_dpo_begins_at_its_reference(self):
        pack = self.demo_pack()
        start = self.sft(pack, "sft", "--epochs", 1)
        for objective, loss in (("paper", 4.4), ("release", 6.4), ("sigmoid", 1)):
            for masks in ("fresh", "fixed"):
                out = self.path(objective + masks)
                self.train("dpo", "--model", CHECKPOINT, "--adapter", start, pack, "-o", out, "--objective", objective,
                           "--masks", masks, "--epochs", 1, "--batch", 2, "--threads", 1, "--lr", "1e-3")
                first = self.log(out)[0]
                self.assertAlmostEqual(first["loss"], loss * math.log(2), delta=2e-4, msg=objective + masks)
                self.assertEqual(first["learning_rate"], 0)
                self.assertNotEqual(self.adapter(out), self.adapter(start))
                self.assert_documents(out)

    def test_dpo_says_first_how_likely_its_reference_finds_the_data(self):
        pack = self.demo_pack()
        said = {}
        for context in ("sft", "release"):
            self.train("dpo", "--model", CHECKPOINT, pack, "-o", self.path(context), *FAST, "--epochs", 1, "--context", context)
            said[context] = [line for line in self.err.splitlines() if "under the reference" in line]
            self.assertIn("warning: the data is off-policy for the reference", self.err)
        self.train("score", "--model", CHECKPOINT, pack)
        scored = [line.replace("opatrain score", "opatrain dpo").replace("the model", "the reference")
                  for line in self.err.splitlines() if "under the model" in line]
        self.assertEqual(said["sft"], scored)
        tokens = [re.findall(r"tokens (\d+)", line[0]) for line in said.values()]
        self.assertEqual(*tokens)  # BOS is no token of a response
        self.assertNotEqual(*said.values())

    def test_the_mean_of_an_update_does_not_depend_on_its_grouping(self):
        pack = self.demo_pack()
        logs = []
        for tokens in (1, 100000):
            out = self.sft(pack, "by%d" % tokens, "--epochs", 1, "--micro-tokens", tokens, "--batch", 4)
            logs.append(self.log(out))
        for a, b in zip(*logs):
            self.assertTrue(math.isclose(a["loss"], b["loss"], rel_tol=1e-5), (a, b))
            self.assertTrue(math.isclose(a["grad_norm"], b["grad_norm"], rel_tol=1e-3), (a, b))

    def test_a_killed_sft_gives_the_same_adapter(self):
        pack = self.demo_pack()
        epochs = -(-40 // len(self.members(pack)))
        self.check_kills(KILLS or 4, "sft", "--model", CHECKPOINT, pack, *FAST, "--epochs",
                         epochs)

    def test_a_killed_dpo_gives_the_same_adapter(self):
        pack = self.demo_pack()
        epochs = -(-40 // len(self.members(pack)))
        self.check_kills(KILLS or 4, "dpo", "--model", CHECKPOINT, "--adapter",
                         os.path.join(CASE, "adapter_init"), pack, *FAST, "--epochs", epochs)

    def test_a_killed_run_that_computes_layers_twice_gives_the_same_adapter(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", -(-40 // len(self.members(pack))))
        self.check_kills(KILLS or 2, *args, "--memory", self.least_memory(*args))
        self.assertRegex(self.err, r"\([0-2] of 3 layers kept")

    def least_memory(self, *args):
        """The smallest --memory, in steps of 100 KiB, that the run takes."""
        for size in range(100, 10000, 100):
            p = self.train_any(*args, "--epochs", 1, "--warmup", 0, "-o", self.path("size%d" % size), "--memory", "%dK" % size)
            if p.returncode == 0:
                return "%dK" % size
        self.fail("no size is enough")

    def test_sigint_saves_and_says_how_to_go_on(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", 3)
        whole, out = self.path("whole"), self.path("out")
        self.assertIn(b"--resume", self.stop_behind_a_checkpoint(out, *args))
        self.assertFalse(os.path.exists(os.path.join(out, "adapter_model.safetensors")))
        self.train(*args, "-o", out, "--resume")
        self.train(*args, "-o", whole)
        self.assertEqual(self.adapter(out), self.adapter(whole))

    def test_vision_features_are_made_once_and_change_no_bit(self):
        """With the cache of a stopped run as it is, damaged, cut, or gone. One with other features and sums that agree shows that
        it is read."""
        pack = self.demo_pack()
        args = ("dpo", "--model", CHECKPOINT, "--adapter", os.path.join(CASE, "adapter_init"), pack, *FAST, "--masks",
                "fixed", "--epochs", 3)
        whole = self.path("whole")
        self.train(*args, "-o", whole)
        self.assertNotIn("features.cache", os.listdir(whole))

        def damage(cache):
            with open(cache, "r+b") as f:
                for at in range(-3000, 0, 100):
                    f.seek(at, os.SEEK_END)
                    f.write(b"\xa5")

        def cut(cache):
            os.truncate(cache, os.path.getsize(cache) - 3000)

        for name, change in (("kept", lambda cache: None), ("damaged", damage), ("cut", cut), ("gone", os.remove),
                             ("forged", forge_features)):
            out = self.path(name)
            self.stop_behind_a_checkpoint(out, *args)
            change(os.path.join(out, "features.cache"))
            self.train(*args, "-o", out, "--resume")
            self.assertEqual(self.adapter(out) == self.adapter(whole), name != "forged", name)

    def test_layers_that_are_computed_twice_change_no_bit(self):
        pack = self.demo_pack()
        whole = self.sft(pack, "whole", "--epochs", 1, "--batch", 2)
        again = 0
        for size in range(4000, 0, -400):
            out = self.path(str(size))
            p = self.train_any("sft", "--model", CHECKPOINT, pack, "-o", out, *FAST, "--epochs", 1, "--batch", 2,
                               "--memory", "%dK" % size)
            if p.returncode == 2:
                self.assertIn(b"at least", p.stderr)
                break
            again += b"(3 of 3 layers kept" not in p.stderr
            self.assertEqual(self.adapter(out), self.adapter(whole))
        self.assertGreater(again, 0)

    def test_a_rate_too_high_stops_and_names_the_sample(self):
        pack = self.demo_pack()
        self.sft(pack, "sft", "--epochs", 1, "--lr", "1e30", code=65)
        self.assertRegex(self.err, "sample .* not finite")

    def test_weights_of_the_last_update_are_looked_at(self):
        pack = self.demo_pack()
        out = self.sft(pack, "sft", "--epochs", 1, "--batch", 1000, "--warmup", 0, "--lr", "1e308", code=65)
        self.assertRegex(self.err, "this update, at the rate .*, makes weights that are not finite")
        self.assertEqual([n for n in os.listdir(out) if n in ("adapter_model.safetensors", "checkpoints")], [])

    def test_memory_that_is_too_little_says_how_much_is_enough(self):
        pack = self.demo_pack()
        for verb in ("sft", "dpo"):
            args = (verb, "--model", CHECKPOINT, pack, *FAST, "--epochs", 1)
            said = set()
            for size in ("1", "100K"):
                self.train(*args, "-o", self.path("no"), "--memory", size, code=2)
                said.add(re.search(r"takes ([0-9.]+) MiB at least, --memory allows 0\.[01]$", self.err.strip()).group(1))
            self.assertEqual(len(said), 1)
            self.train(*args, "-o", self.path(verb), "--memory", said.pop() + "M")

    def test_packs_and_models_are_no_folders_of_a_run(self):
        pack = self.demo_pack()
        shutil.copytree(CHECKPOINT, self.path("model"))
        before = self.files_of(self.folder)
        for out, holds in ((pack, "a pack"), (self.path("model"), "a model")):
            self.train("sft", "--model", CHECKPOINT, pack, *FAST, "-o", out, code=73)
            self.assertIn("%s holds %s" % (out, holds), self.err)
        self.assertEqual(self.files_of(self.folder), before)

    def test_rank_alpha_and_targets_of_start_win_and_are_said(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, "--threads", 1, "--batch", 8, "--lr", "1e-3", "--epochs", 1, "--adapter")
        start = os.path.join(CASE, "adapter_init")
        self.train(*args, start, "-o", self.path("own"))
        self.assertNotRegex(self.err, "--rank|--alpha|--targets|stay as they are")
        self.assertIn("of rank 4 (all)", self.err)
        self.train(*args, start, "-o", self.path("other"), "--rank", 7, "--alpha", 99)
        self.assertRegex(self.err, "--rank 7 is passed over: the adapter to start from has rank 4")
        self.assertRegex(self.err, "--alpha 99 is passed over: the adapter to start from has alpha [0-9]+")
        self.assertEqual(self.adapter(self.path("other")), self.adapter(self.path("own")))
        self.train(*args, start, "-o", self.path("llm"), "--targets", "llm")
        self.assertIn("(llm; the adapter's other layers stay as they are)", self.err)
        small = os.path.join(CASE, "adapter_init_llm")
        self.train(*args, small, "-o", self.path("less"))
        self.assertIn("of rank 4 (llm)", self.err)
        self.train(*args, small, "-o", self.path("more"), "--targets", "all")
        self.assertIn("--targets all: the adapter to start from has layers of llm only", self.err)
        self.assertIn("of rank 4 (llm)", self.err)
        self.assertEqual(self.adapter(self.path("more")), self.adapter(self.path("less")))

    def test_what_has_no_effect_is_said(self):
        pack = self.demo_pack()
        members = self.members(pack).values()
        n = {t: sum(p["type"] == t for m in members for p in m["pairs"]) for t in ("image", "anchor")}
        args = ("dpo", "--model", CHECKPOINT, pack, "--epochs", 1, "--rank", 4, "--batch", 16)
        self.train(*args, "-o", self.path("a"), "--objective", "sigmoid", "--gamma1", 3, "--delta", 2, "--beta", 0.2)
        said = "the objective sigmoid passes over %d image pairs and %d anchor pairs" % (n["image"], n["anchor"])
        self.assertEqual(self.err.count(said), 1)
        self.assertIn("--gamma1: the objective sigmoid does not read it", self.err)
        self.assertIn("--delta: ", self.err)
        self.assertNotIn("--beta: ", self.err)
        self.train(*args, "-o", self.path("b"), "--gamma1", 3, "--delta", 2)
        self.assertNotRegex(self.err, "passes over|does not read")
        self.train("sft", "--model", CHECKPOINT, pack, "-o", self.path("c"), "--rank", 100000, code=2)
        self.assertIn("--rank 100000", self.err)

    def test_an_objective_wants_its_pairs(self):
        pack = self.pack(self.demo_store(), "pack", "--recipe", "dpo")
        args = ("dpo", "--model", CHECKPOINT, pack, "--epochs", 1, "--rank", 4, "--batch", 16)
        self.train(*args, "-o", self.path("a"), "--objective", "paper", code=65)
        self.assertIn("image pair", self.err)
        self.train(*args, "-o", self.path("b"), "--objective", "ddpo", code=65)
        self.assertIn("weights", self.err)
        self.train(*args, "-o", self.path("c"), "--objective", "simpo")
        self.assertFalse(os.path.exists(self.path("c", "reference.cache")))
        with open(self.path("c", "adapter_config.json"), encoding="utf-8") as f:
            config = json.load(f)
        self.assertEqual((config["r"], config["lora_alpha"]), (4, 8))  # twice the rank, when not given
        self.train(*args, "-o", self.path("no", "such"), "--objective", "simpo", code=73)
        self.assertIn("make that first", self.err)

    def test_folders_that_are_refused(self):
        pack = self.demo_pack()
        out = self.sft(pack, "sft", "--epochs", 1)
        before = self.files_of(out)
        self.sft(pack, "sft", "--epochs", 1, code=73)
        self.sft(pack, "sft", "--epochs", 2, "--resume", code=73)
        self.assertIn("epochs", self.err)
        self.sft(pack, "sft", "--epochs", 1, "--resume")
        self.assertEqual(self.files_of(out), before)

    def test_a_full_disk_leaves_the_last_good_checkpoint(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, "--threads", 1, "--batch", 1, "--rank", 64, "--alpha", 8,
                "--epochs", 1, "--save-every", 2, "--lr", "1e-3")
        whole, out = self.path("whole"), self.path("out")
        self.train(*args, "-o", whole)
        size = len(self.adapter(whole))

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

        p = subprocess.run([OPATRAIN, *map(str, args), "-o", out], preexec_fn=limit, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 74, p.stderr)
        self.assertEqual(os.listdir(os.path.join(out, "checkpoints")), [])
        self.train(*args, "-o", out, "--resume")
        self.assertEqual(self.adapter(out), self.adapter(whole))

    def test_a_disk_that_gets_full_leaves_the_last_good_checkpoint(self):
        pack = self.demo_pack()
        self.check_full_disk("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", 6)

    def test_two_runs_do_not_write_one_folder(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", 40, "-o", self.path("out"))
        p = self.start_until(self.path("out", "checkpoints", "step-000003"), *args)
        self.train(*args, "--resume", code=75)
        self.assertIn("another opatrain", self.err)
        p.send_signal(signal.SIGUSR1)
        self.assertEqual(p.wait(timeout=60), 1)

    def test_a_config_and_flags_that_win(self):
        pack = self.demo_pack()
        config = self.write("c.json", {"lr": 1e-3, "epochs": 3, "micro_tokens": 500, "bf16-moments": False})
        out = self.path("out")
        self.train("sft", "--config", config, "--model", CHECKPOINT, pack, "-o", out, "--batch", 4, "--rank", 4,
                   "--epochs", 1)
        with open(os.path.join(out, "run.json"), encoding="utf-8") as f:
            depends = json.load(f)["depends_on"]
        self.assertIn("epochs: 1", depends)
        self.assertIn("micro-tokens: 500", depends)
        self.train("sft", "--config", self.write("bad.json", {"lrr": 1}), "--model", CHECKPOINT, pack, "-o", out, code=2)

    def test_a_reference_cache_of_something_else_is_refused(self):
        pack = self.demo_pack()
        cache = self.path("reference.cache")
        args = ("dpo", "--model", CHECKPOINT, pack, "--epochs", 1, "--batch", 4, "--rank", 4, "--threads", 1,
                "--reference-cache", cache)
        self.train(*args, "-o", self.path("a"), "--adapter", os.path.join(CASE, "adapter_init"))
        self.train(*args, "-o", self.path("b"), "--adapter", os.path.join(CASE, "adapter_init"), "--beta", 0.5)
        self.train(*args, "-o", self.path("c"), "--adapter", os.path.join(CASE, "adapter_policy"), code=65)
        self.assertIn("adapter", self.err)


if __name__ == "__main__":
    main()
