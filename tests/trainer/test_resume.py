# SPDX-License-Identifier: Apache-2.0
"""What a run finds of an earlier one: run.json, checkpoints, caches, as they were or damaged, and --config files."""

import hashlib
import json
import os
import shutil
import struct
import subprocess

from support import main
from trainer_support import CASE, CHECKPOINT, OPATRAIN, TrainerCase

SFT = ("--threads", 1, "--batch", 4, "--rank", 2, "--alpha", 4, "--lr", "1e-3", "--epochs", 1, "--save-every", 1)
DPO = ("dpo", "--model", CHECKPOINT, "--threads", 1, "--batch", 4, "--rank", 2, "--epochs", 1)
MAGIC = b"opatrain reference log-probs 1\n"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


class Resume(TrainerCase):
    def begin(self):
        """A run that has two checkpoints and is not finished, and the adapter that it gives."""
        self.packed = self.demo_pack()
        self.out = self.path("out")
        self.args = ("sft", "--model", CHECKPOINT, self.packed, *SFT)
        self.train(*self.args, "-o", self.out)
        self.adapter = read(os.path.join(self.out, "adapter_model.safetensors"))
        os.remove(os.path.join(self.out, "adapter_model.safetensors"))
        steps = self.steps()
        self.assertEqual(len(steps), 2)
        shutil.rmtree(self.inside("checkpoints", steps[-1]))  # the one of the last update
        with open(self.inside("log.jsonl"), "rb") as f:
            self.lines_before = f.read().splitlines()
        self.saved = self.path("saved")
        shutil.copytree(self.out, self.saved)

    def inside(self, *names):
        return os.path.join(self.out, *names)

    def steps(self):
        return sorted(os.listdir(self.inside("checkpoints")))

    def again(self):
        shutil.rmtree(self.out)
        shutil.copytree(self.saved, self.out)

    def resume_any(self, *more):
        """Whatever is damaged: an error, or the same adapter."""
        p = self.train_any(*self.args, "-o", self.out, "--resume", *more)
        if p.returncode in (0, 1):
            self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)
        else:
            self.assertRegex(p.stderr.decode(), "^opatrain sft: ", "an error without a word")
        return p

    def damage(self, data):
        data = bytearray(data)
        how = self.random.randrange(4)
        if how == 0:
            del data[self.random.randrange(len(data) + 1) :]
        elif how == 1:
            data += bytes(self.random.randrange(256) for _ in range(20))
        else:
            for _ in range(self.random.choice((1, 1, 5))):
                data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def test_every_other_setting_is_refused_by_name(self):
        self.begin()
        for args, word in (
            (("--lr", "2e-3"), "another lr (0.001"), (("--batch", 3), "another batch (4 there, 3 now)"),
            (("--rank", 3), "another rank"), (("--alpha", 5), "another rank"), (("--seed", 1), "another seed (0 there, 1 now)"),
            (("--epochs", 2), "another epochs (1 there, 2 now)"), (("--schedule", "linear"), "schedule (cosine there, linear now)"),
            (("--warmup", 7), "another warmup"), (("--weight-decay", 0.5), "another weight-decay"), (("--clip", 3), "another clip"),
            (("--micro-tokens", 77), "another micro-tokens"), (("--bf16-moments",), "another moments (f32 there, bf16 now)"),
            (("--targets", "llm"), "another targets (all there, llm now)"), (("--threads", 2), "another threads (1 there, 2 now)"),
            (("--template", "plain"), "another template"), (("--dtype", "bf16"), "another dtype"), (("--eval", self.packed), "another eval"),
            (("--image-mode", "crop"), "another config"), (("--adapter", os.path.join(CASE, "adapter_init")), "another adapter"),
        ):
            self.train(*self.args, "-o", self.out, "--resume", *args, code=73)
            self.assertIn(word, self.err)
            self.assertIn("run.json", self.err)
        store = self.store(self.write_lines("x.jsonl", [{"id": "x", "prompt": "What?", "generated": "A dog.", "revised": "A cat."}]), name="x.opa")
        args = [self.pack(store, "other") if a == self.packed else a for a in self.args]
        self.train(*args, "-o", self.out, "--resume", code=73)
        self.assertIn("another pack", self.err)
        # What decides nothing may change.
        self.train(*self.args, "-o", self.out, "--resume", "--save-every", 2, "--keep", 5)
        self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)

    def test_another_version_of_the_program_is_refused(self):
        self.begin()
        path = self.inside("run.json")
        whole = read(path)
        self.assertIn(b'"program: ', whole)
        put(path, whole.replace(b'"program: ', b'"program: 9.'))
        self.train(*self.args, "-o", self.out, "--resume", code=73)
        self.assertRegex(self.err, r"another program \(9\.[0-9.]+ there, [0-9.]+ now\)")

    def test_damaged_documents_of_a_run(self):
        self.begin()
        path = self.inside("run.json")
        whole = read(path)
        for content in (b"", b"{", b"[]", b"{}", b'{"depends_on":7}', b'{"depends_on":["x"]}', b'{"depends_on":["x:"]}',
                        b'{"depends_on":[7]}', b'{"depends_on":[]}', b'{"depends_on":["a: b\\u0000c"]}',
                        b'{"depends_on":["' + b"n" * 5000 + b': v"]}', b'{"depends_on":["n: ' + b"v" * 5000 + b'"]}'):
            put(path, content)
            self.assertIn(self.resume_any().returncode, (65, 73), content[:60])
        for _ in range(15):
            put(path, self.damage(whole))
            self.resume_any()
            self.again()

    def test_damaged_checkpoints(self):
        """What a sum does not fit is not trained on."""
        self.begin()
        step = self.steps()[0]
        files = sorted(os.listdir(self.inside("checkpoints", step)))
        self.assertEqual(len(files), 4)
        for name in files * 5:
            path = self.inside("checkpoints", step, name)
            whole = read(path)
            damaged = self.damage(whole)
            put(path, damaged)
            p = self.train_any(*self.args, "-o", self.out, "--resume")
            if name == "state.json" and p.returncode in (0, 1):  # white space, or a key that nobody reads
                self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)
                self.assertEqual(read(self.inside("log.jsonl")).splitlines()[0], self.lines_before[0])
            elif damaged != whole:
                self.assertEqual(p.returncode, 65, name)
                self.assertIn(name.encode(), p.stderr)
            self.again()

    def test_the_checkpoint_before_a_damaged_one_is_taken(self):
        self.begin()
        first = self.steps()[0]
        second = "step-%06d" % (int(first[5:]) + 1)
        self.train(*self.args, "-o", self.out, "--resume")
        os.remove(self.inside("adapter_model.safetensors"))
        self.assertEqual(self.steps(), [first, second])
        put(self.inside("checkpoints", second, "optimiser.safetensors"), b"short")
        self.train(*self.args, "-o", self.out, "--resume")
        self.assertIn("update %d is damaged" % int(second[5:]), self.err)
        self.assertEqual(self.steps(), [first, second, second + ".damaged"])
        self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)

    def test_a_run_without_a_good_checkpoint_says_so(self):
        self.begin()
        put(self.inside("checkpoints", self.steps()[0], "optimiser.safetensors"), b"short")
        self.train(*self.args, "-o", self.out, "--resume", code=65)
        self.assertIn("%s: no checkpoint that can be read" % self.out, self.err)
        self.assertNotIn("last good", self.err)
        shutil.rmtree(self.inside("checkpoints"))  # as it says
        self.train(*self.args, "-o", self.out, "--resume")
        self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)

    def test_a_log_that_is_none_is_put_aside(self):
        self.begin()
        garbage = bytes(self.random.randrange(256) for _ in range(5000))
        put(self.inside("log.jsonl"), garbage)
        self.train(*self.args, "-o", self.out, "--resume")
        self.assertIn("log.jsonl: damaged, and put aside", self.err)
        self.assertEqual(read(self.inside("log.jsonl.damaged")), garbage)
        for line in read(self.inside("log.jsonl")).splitlines():
            self.assertIn("loss", json.loads(line))
        self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)

    def test_another_verb_or_an_eval_that_is_gone_is_named(self):
        self.packed = self.demo_pack()
        out = self.path("eval")
        args = ("sft", "--model", CHECKPOINT, self.packed, *SFT)
        self.train(*args, "-o", out, "--eval", self.packed)
        self.train(*args, "-o", out, "--resume", code=73)
        self.assertIn("another eval (given there, but not now)", self.err)
        self.train("dpo", *args[1:], "-o", out, "--resume", code=73)
        self.assertIn("a run of sft, not of dpo", self.err)
        self.train(*DPO, self.packed, "-o", self.path("dpo"))
        self.train(*DPO, self.packed, "-o", self.path("dpo"), "--resume", "--beta", 0.25, code=73)
        self.assertIn("coefficients (beta 0.1 there, 0.25 now)", self.err)

    def test_a_shorter_log_is_said(self):
        self.begin()
        put(self.inside("log.jsonl"), b"")
        self.train(*self.args, "-o", self.out, "--resume")
        self.assertIn("shorter than it was", self.err)
        self.assertEqual(read(self.inside("adapter_model.safetensors")), self.adapter)
        self.assertNotIn(b"\0", read(self.inside("log.jsonl")))

    def test_things_in_the_way(self):
        self.begin()
        shutil.rmtree(self.inside("checkpoints"))
        put(self.inside("checkpoints"), b"a file")
        self.assertIn(self.resume_any().returncode, (73, 74))
        self.again()
        os.remove(self.inside("run.json"))
        self.assertEqual(self.resume_any().returncode, 66)
        os.mkdir(self.inside("run.json"))
        self.assertIn(self.resume_any().returncode, (65, 74))
        self.again()
        os.remove(self.inside("log.jsonl"))
        os.mkdir(self.inside("log.jsonl"))
        self.assertIn(self.resume_any().returncode, (73, 74))
        put(self.path("file"), b"x")
        self.train(*self.args, "-o", self.path("file"), code=73)
        self.train(*self.args, "-o", self.path("file", "x"), code=73)


class Cache(TrainerCase):
    def begin(self):
        self.cache = self.path("reference.cache")
        self.args = (*DPO, self.demo_pack(), "--adapter", os.path.join(CASE, "adapter_init"), "--reference-cache", self.cache)
        self.train(*self.args, "-o", self.path("first"))
        self.whole = read(self.cache)
        self.adapter = read(self.path("first", "adapter_model.safetensors"))
        self.records = self.whole.index(b"\0") + 1

    def dpo(self, code=0):
        shutil.rmtree(self.path("again"), ignore_errors=True)
        self.train(*self.args, "-o", self.path("again"), code=code)
        if code == 0:
            self.assertEqual(read(self.path("again", "adapter_model.safetensors")), self.adapter)
            self.assertEqual(read(self.cache), self.whole)

    def test_it_is_used_and_says_what_it_depends_on(self):
        self.begin()
        head = self.whole[: self.records - 1].decode()
        for name in ("model", "tokenizer", "adapter", "template", "dtype", "threads", "core type", "program", "blas", "reference",
                     "pack", "samples", "masks", "pair types"):
            self.assertIn("\n%s: " % name, head)
        self.dpo()

    def test_another_version_of_the_program_is_refused(self):
        self.begin()
        put(self.cache, self.whole.replace(b"\nprogram: ", b"\nprogram: 9."))
        self.dpo(code=65)
        self.assertRegex(self.err, r"another program \(9\.[0-9.]+ there, [0-9.]+ now\): remove the file to make them anew")
        os.remove(self.cache)
        self.dpo()

    def test_another_build_of_the_same_version_is_refused(self):
        """Its sums agree, its numbers do not."""
        self.begin()
        place, count = struct.unpack_from("=II", self.whole, self.records)
        begin = self.records + 8
        values = list(struct.unpack_from("=%df" % count, self.whole, begin))
        values[count // 2] += 0.01
        data = struct.pack("=%df" % count, *values)
        inner = hashlib.sha256(data).hexdigest()
        check = hashlib.sha256(b"%d %d %s" % (place, count, inner.encode())).hexdigest()[:16].encode()
        put(self.cache, self.whole[:begin] + data + check + self.whole[begin + len(data) + 16 :])
        self.dpo(code=65)
        self.assertIn("another build of this program", self.err)
        self.assertIn("remove the file", self.err)

    def test_damaged_ones_are_refused_or_made_anew(self):
        self.begin()
        for content in (b"", b"x", MAGIC, MAGIC + b"\0", MAGIC + b"model: x\0"):
            put(self.cache, content)
            self.dpo(code=65)
            self.assertIn(self.cache, self.err)
        remade = 0
        for _ in range(6):
            data = bytearray(self.whole)
            data[self.random.randrange(self.records, len(data))] ^= 1 << self.random.randrange(8)
            put(self.cache, bytes(data[: self.random.choice((len(data), len(data), self.random.randrange(self.records, len(data)))) ]))
            shutil.rmtree(self.path("again"), ignore_errors=True)
            p = self.train_any(*self.args, "-o", self.path("again"))
            self.assertEqual(p.returncode, 0, p.stderr)
            self.assertEqual(read(self.path("again", "adapter_model.safetensors")), self.adapter)
            remade += b"made anew" in p.stderr
        self.assertGreater(remade, 3)


class Config(TrainerCase):
    def test_hostile_ones(self):
        nul = '{"model": "a\\u0000b"}'
        for content, words in (
            ("", ("config",)), ("[]", ("not a JSON object",)), ("7", ("not a JSON object",)), ('{"lr":', ("config",)),
            ('{"lr": {}}', ("lr: neither",)), ('{"lr": []}', ("lr: neither",)), ('{"lr": "fast"}', ("lr",)),
            ('{"lr": NaN}', ("NaN",)), ('{"lr": 1e999}', ("lr",)), ('{"seed": 18446744073709551615}', ("no-such-pack",)), ('{"lr": null}', ("no-such-pack",)),
            ('{"lr": true}', ("lr: wants a value",)), ('{"lr": false}', ("lr: wants a value",)), ('{"epochs": 1.5}', ("epochs",)),
            ('{"epochs": -1}', ("epochs",)), ('{"epochs": 99999999999999999999}', ("epochs",)), ('{"": 1}', ("no option",)),
            ('{"=": 1}', ("'=' is no option",)), ('{"-": 1}', ("'-' is no option",)), ('{"lr=3": 1}', ("'lr=3' is no option",)),
            ('{"config": "c.json"}', ("'config' is no option",)), ('{"' + "x" * 5000 + '": 1}', ("no option",)),
            ('{"lr": "' + "1" * 100000 + '"}', ("lr",)), ('{"lr\\u0000x": 1}', ("no option",)), (nul, ("model: a text with a NUL",)),
            ('{"resume": "yes"}', ("resume",)), ('{"lr": 1, "lr": 2}', ("lr",)), ("[" * 5000, ("nested",)),
            ('{"\\ud800": 1}', ("config",)), ('{"objective": "paper"}', ("objective",)), ('{"lrr": true}', ("'lrr' is no option",)),
        ):
            path = self.write("c.json", content)
            p = self.train_any("sft", "--config", path, "--model", CHECKPOINT, "no-such-pack", "-o", self.path("out"))
            err = p.stderr.decode("utf-8", "replace")
            self.assertIn(p.returncode, (2, 65, 66), content[:60])
            self.assertTrue(err.startswith("opatrain sft: "), (content[:60], err))
            for word in words:
                self.assertIn(word, err, content[:60])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_names_and_values_are_refused_with_the_file(self):
        """What the command line refuses is refused with its code; a file that is none is bad data."""
        for text, code, says in (
            ('{"foo":1}', 2, "'foo' is no option"), ('{"Lr":1}', 2, "'Lr' is no option"), ('{"help":true}', 2, "'help' is no option"),
            ('{"config":"x"}', 2, "'config' is no option"), ('{"list_options":true}', 2, "no option"), ('{"lr":"nan"}', 2, "'nan' is not a number"),
            ('{"lr":true}', 2, "lr: wants a value"), ('{"lr":[1]}', 2, "lr: neither"), ('{"batch":1.5}', 2, "'1.5' is not a whole number"),
            ('{"batch":-1}', 2, "'-1' is not a whole number"), ('{"resume":1}', 2, "resume: neither true nor false"),
            ('{"rank":4,"rank":8}', 65, 'line 1: the key "rank" stands twice'), ("[]", 65, "not a JSON object"), ("{", 65, "c.json"),
        ):
            path = self.write("c.json", text)
            self.train("sft", "--config", path, "--model", CHECKPOINT, "pack", "-o", self.path("out"), code=code)
            self.assertIn(path, self.err)
            self.assertIn(says, self.err)
            self.assertNotIn("last one counts", self.err)
        self.train("sft", "--config", self.path("none.json"), "--model", CHECKPOINT, "pack", "-o", self.path("out"), code=66)

    def test_whole_numbers_are_whole_however_they_are_written_and_stdin_is_a_file(self):
        pack = self.demo_pack()
        text = b'{"batch":16.0,"rank":4e0,"epochs":1,"micro_tokens":1e4,"lr":null}'
        p = subprocess.run([OPATRAIN, "sft", "--config", "-", "--model", CHECKPOINT, pack, "-o", self.path("out"), "--rank", "2"], input=text,
                           stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(p.returncode, 0, p.stderr)
        depends = json.loads(read(self.path("out", "run.json")))["depends_on"]
        for line in ("batch: 16", "epochs: 1", "micro-tokens: 10000", "rank: 2 alpha 4", "lr: 2.0000000000000002e-05"):
            self.assertIn(line, depends)

    def test_flipped_bits(self):
        good = b'{"lr": 1e-3, "epochs": 3, "micro_tokens": 500, "bf16-moments": false, "schedule": "linear", "targets": "llm"}'
        for _ in range(60):
            data = bytearray(good)
            for _ in range(self.random.choice((1, 3))):
                data[self.random.randrange(len(data))] = self.random.choice(b'{}[]":,\\\0 -=e9\xff')
            put(self.path("c.json"), bytes(data))
            p = self.train_any("sft", "--config", self.path("c.json"), "--model", CHECKPOINT, "no-such-pack", "-o", self.path("out"))
            self.assertNotEqual(p.returncode, 0)
            self.assertTrue(p.stderr.startswith(b"opatrain sft: "), data)


if __name__ == "__main__":
    main()
