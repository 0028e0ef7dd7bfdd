# SPDX-License-Identifier: Apache-2.0
"""adapter check, rename and merge."""

import contextlib
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
import unittest

from support import main
from trainer_support import CASE, CHECKPOINT, OPATRAIN, TrainerCase, all_tensors, read_safetensors, write_safetensors

ADAPTER = os.path.join(CASE, "adapter_init")
SHARED = os.environ["OPA_TEST_SHARED"]
ORIGINAL = os.path.join(SHARED, "parity", "llava15_original_layout")
PREFIXES = {
    "hf-4.51": ("language_model.model.", "multi_modal_projector.", "vision_tower.vision_model."),
    "hf-4.52": ("model.language_model.", "model.multi_modal_projector.", "model.vision_tower.vision_model."),
    "hf-5": ("model.language_model.", "model.multi_modal_projector.", "model.vision_tower."),
    "llava": ("model.", "model.mm_projector.", "model.vision_tower.vision_tower.vision_model."),
}
MANTISSA = {"F32": 24, "BF16": 8, "F16": 11}  # bits, the hidden one included


def config_of(folder, name="adapter_config.json"):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return json.load(f)


def module_of(key):
    """The adapter's name of a weight: the checkpoint has the names of the hub, the adapter those of transformers 5."""
    for hub, now in (("language_model.model.", "model.language_model."), ("multi_modal_projector.", "model.multi_modal_projector."),
                     ("vision_tower.vision_model.", "model.vision_tower.")):
        if key.startswith(hub):
            return "base_model.model." + now + key[len(hub) : -len(".weight")]
    return key


def numbers(dtype, data):
    if dtype == "BF16":
        return struct.unpack("<%df" % (len(data) // 2), b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2)))
    return struct.unpack("<%d%s" % (len(data) // (4 if dtype == "F32" else 2), "f" if dtype == "F32" else "e"), data)


class Check(TrainerCase):
    def zeroed(self, layers):
        """A copy of the adapter whose first lora_B are zero."""
        folder = self.path("zero%s" % layers)
        shutil.copytree(ADAPTER, folder)
        tensors = all_tensors(folder)
        for key in sorted(k for k in tensors if "lora_B" in k)[:layers]:
            dtype, shape, data = tensors[key]
            tensors[key] = (dtype, shape, bytes(len(data)))
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
        return folder

    def test_zeros_are_said(self):
        self.train("adapter", "check", self.zeroed(3), "--model", CHECKPOINT)
        self.assertIn("lora_B is zero in 3 of 35 layers", self.err)
        self.train("adapter", "check", self.zeroed(None), "--model", CHECKPOINT, code=1)
        self.assertIn("changes nothing", self.err)

    def test_an_adapter_of_another_model_is_refused(self):
        folder = self.path("other")
        shutil.copytree(ADAPTER, folder)
        for old, new, said in ((".layers.0.", ".layers.9.", "fits no linear layer"), ("self_attn", "attention", "fits no")):
            tensors = {k.replace(old, new): v for k, v in all_tensors(ADAPTER).items()}
            write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
            self.train("adapter", "check", folder, "--model", CHECKPOINT, code=65)
            self.assertIn(said, self.err)
        tensors = all_tensors(ADAPTER)
        key = next(k for k in tensors if "down_proj.lora_A" in k)
        tensors[key] = (tensors[key][0], tensors[key][1][::-1], tensors[key][2])
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
        self.train("adapter", "check", folder, "--model", CHECKPOINT, code=65)
        self.assertRegex(self.err, r"down_proj.* is F32 \[\d+, 4\]: expected \[4, \d+\]")
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), {})
        self.train("adapter", "check", folder, "--model", CHECKPOINT, code=65)
        self.assertIn("matches no layer", self.err)


    def test_values_that_are_no_numbers_are_refused_everywhere(self):
        folder = self.path("nan")
        shutil.copytree(ADAPTER, folder)
        tensors = all_tensors(folder)
        key = next(k for k in tensors if "down_proj.lora_B" in k)
        for bad in (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\xff"):  # NaN, -infinity
            dtype, shape, data = tensors[key]
            self.assertEqual(dtype, "F32")
            write_safetensors(os.path.join(folder, "adapter_model.safetensors"), {**tensors, key: (dtype, shape, data[:-4] + bad)})
            for args in (("check", folder, "--model", CHECKPOINT), ("rename", folder, "--to", "hf-5", "-o", self.path("renamed")),
                         ("merge", folder, "--model", CHECKPOINT, "-o", self.path("merged"))):
                self.train("adapter", *args, code=65)
                self.assertIn(key, self.err)
        self.assertFalse(os.path.exists(self.path("renamed")) or os.path.exists(self.path("merged")))
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
        self.train("adapter", "check", folder, "--model", CHECKPOINT)
        for alpha in ("NaN", "null", '"8"'):
            with open(os.path.join(ADAPTER, "adapter_config.json"), encoding="utf-8") as f:
                text = re.sub(r'"lora_alpha": *[0-9.]+', '"lora_alpha": ' + alpha, f.read())
            self.write("nan/adapter_config.json", text)
            self.train("adapter", "check", folder, "--model", CHECKPOINT, code=65)
            self.assertIn("lora_alpha", self.err)


class Rename(TrainerCase):
    def test_folders_that_are_no_place_for_it(self):
        pack = self.demo_pack()
        shutil.copytree(CHECKPOINT, self.path("model"))
        before = self.files_of(self.folder)
        for out in (pack, self.path("model")):
            self.train("adapter", "rename", ADAPTER, "--to", "hf-5", "-o", out, code=73)
            self.assertIn("choose another -o", self.err)
        for args in (("rename", "--to", "hf-5"), ("merge", "--model", CHECKPOINT)):
            self.train("adapter", args[0], ADAPTER, *args[1:], "-o", "-", code=2)
        self.assertEqual(self.files_of(self.folder), before)
        self.assertFalse(os.path.exists("-"))

    def renamed(self, source, to):
        out = self.path(os.path.basename(source) + "-" + to)
        self.train("adapter", "rename", source, "--to", to, "-o", out)
        return out

    def modules(self, folder):
        return {re.fullmatch(r"base_model\.model\.(.*)\.lora_[AB]\.weight", k).group(1) for k in all_tensors(folder)}

    def test_every_spelling_holds_the_same_tensors_and_fits_the_model(self):
        files = {}
        for to, prefixes in PREFIXES.items():
            out = self.renamed(ADAPTER, to)
            self.assertEqual(sorted(all_tensors(out).values()), sorted(all_tensors(ADAPTER).values()))
            self.assertTrue(all(m.startswith(prefixes) for m in self.modules(out)))
            self.train("adapter", "check", out, "--model", CHECKPOINT)
            files[to] = self.files_of(out)
        self.assertEqual(all_tensors(self.path("adapter_init-hf-5")), all_tensors(ADAPTER))
        for to in PREFIXES:
            for back in PREFIXES:  # there and back again: the same bytes
                self.assertEqual(self.files_of(self.renamed(self.path("adapter_init-" + to), back)), files[back], (to, back))

    def test_target_modules_match_what_the_file_holds_and_the_rest_stays(self):
        for source in ("adapter_init", "adapter_init_llm", "adapter_init_llm_projector"):
            before = config_of(os.path.join(CASE, source))
            everything = self.modules(ADAPTER)
            for to in PREFIXES:
                out = self.renamed(os.path.join(CASE, source), to)
                after = config_of(out)
                pattern = re.compile(after.pop("target_modules"))
                self.assertEqual(after, {k: v for k, v in before.items() if k != "target_modules"})
                all_renamed = self.modules(self.renamed(ADAPTER, to)) if source != "adapter_init" else self.modules(out)
                self.assertEqual({m for m in all_renamed if pattern.fullmatch(m)}, self.modules(out))
                self.assertEqual(len(all_renamed), len(everything))
                shutil.rmtree(self.path("adapter_init-" + to))

    def test_what_cannot_be_renamed_is_refused(self):
        for args in (("--to", "hf-5"), ("-o", self.path("x")), ("--to", "hf-4", "-o", self.path("x")),
                     ("--to", "hf-5", "-o", self.path("x"), "--model", CHECKPOINT),
                     ("--to", "hf-5", "-o", self.path("x"), "--pack", "p")):
            self.train("adapter", "rename", ADAPTER, *args, code=2)
        out = self.renamed(ADAPTER, "llava")
        self.train("adapter", "rename", ADAPTER, "--to", "hf-5", "-o", out, code=73)
        self.train("adapter", "rename", self.path("none"), "--to", "hf-5", "-o", self.path("y"), code=66)
        folder = self.path("odd")
        shutil.copytree(ADAPTER, folder)
        tensors = all_tensors(ADAPTER)
        both = {**tensors, **{k.replace("model.model.language_model.", "model.language_model.model."): v
                              for k, v in tensors.items()}}
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), both)
        self.train("adapter", "rename", folder, "--to", "hf-5", "-o", self.path("z"), code=65)
        self.assertIn("stands twice", self.err)
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), {"transformer.h.0.lora_A.weight": ("F32", [1, 1], b"1234")})
        self.train("adapter", "rename", folder, "--to", "hf-5", "-o", self.path("z"), code=65)
        self.assertFalse(os.path.exists(self.path("z", "adapter_config.json")))


class Merge(TrainerCase):
    def merge(self, name="merged", *more, model=CHECKPOINT, adapter=ADAPTER, code=0):
        out = self.path(name)
        self.said = self.train("adapter", "merge", adapter, "--model", model, "-o", out, "--threads", 1, *more, code=code)
        return out

    def change(self, lora, config):
        """Rows of scale * B A in double precision."""
        (_, (rank, cols), a), (_, (rows, _), b) = lora
        a, b = numbers("F32", a), numbers("F32", b)
        scale = config["lora_alpha"] / config["r"]
        return [scale * math.fsum(b[i * rank + k] * a[k * cols + j] for k in range(rank))
                for i in range(rows) for j in range(cols)]

    def assert_merged(self, out, base=CHECKPOINT, adapter=ADAPTER, convert=None):
        """Every weight is the twin's, rounded once."""
        before, after, loras, config = all_tensors(base), all_tensors(out), all_tensors(adapter), config_of(adapter)
        self.assertEqual(set(before), set(after))
        merged = 0
        for key, (dtype, shape, data) in before.items():
            module = module_of(key)
            pair = [loras.get(module + end) for end in (".lora_A.weight", ".lora_B.weight")]
            self.assertEqual(after[key][:2], (convert or dtype, shape))
            if not all(pair):
                got = numbers(after[key][0], after[key][2]) if convert else after[key][2]
                self.assertEqual(got, numbers(dtype, data) if convert else data, key)
                continue
            merged += 1
            bits = MANTISSA[after[key][0]]
            for w, d, got in zip(numbers(dtype, data), self.change(pair, config), numbers(after[key][0], after[key][2])):
                step = max(2.0 ** (math.frexp(w + d)[1] - bits), 2.0**-24 if bits == 11 else 0)
                self.assertLessEqual(abs(got - (w + d)), step / 2 + 1e-6 * max(abs(w), abs(d)), (key, w, d, got))
        self.assertEqual(merged, len(loras) // 2)

    def test_a_merged_checkpoint_is_the_twins_and_complete(self):
        out = self.merge()
        self.assert_merged(out)
        self.assertEqual(sorted(os.listdir(out)), sorted(os.listdir(CHECKPOINT)))
        for name in os.listdir(out):
            if "safetensors" not in name:
                with open(os.path.join(out, name), "rb") as a, open(os.path.join(CHECKPOINT, name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), name)
        self.assertEqual(config_of(out, "model.safetensors.index.json")["weight_map"],
                         config_of(CHECKPOINT, "model.safetensors.index.json")["weight_map"])
        self.assertEqual(read_safetensors(os.path.join(out, "model-00001-of-00002.safetensors"))[0]["__metadata__"],
                         {"format": "pt"})
        self.assertFalse(os.path.exists(out + ".merging"))
        self.assertRegex(self.said, r"layers merged +41\n")
        self.merge(code=73)
        self.assertIn("there already", self.err)

    def test_types(self):
        for dtype, name, word in (("f32", "F32", "float32"), ("f16", "F16", "float16")):
            out = self.merge(dtype, "--dtype", dtype)
            self.assert_merged(out, convert=name)
            self.assertEqual(config_of(out, "config.json")["torch_dtype"], word)
        self.merge("x", "--dtype", "f8", code=2)

    def test_rounding_once_is_measured(self):
        """What the program says it lost is what the tensors lost."""
        out = self.merge()
        before, after, loras, config = all_tensors(CHECKPOINT), all_tensors(out), all_tensors(ADAPTER), config_of(ADAPTER)
        change = lost = 0.0
        differ = 0
        for key, (dtype, _, data) in before.items():
            module = module_of(key)
            pair = [loras.get(module + end) for end in (".lora_A.weight", ".lora_B.weight")]
            if not all(pair):
                continue
            for w, d, got in zip(numbers(dtype, data), self.change(pair, config), numbers(dtype, after[key][2])):
                change += d * d
                lost += (got - w - d) ** 2
                differ += got != w
        self.assertIn("%.3g%% of the adapter's change" % (100 * math.sqrt(lost / change)), self.said)
        self.assertIn("weights that differ        %s of" % format(differ, ","), self.said)

    def test_an_adapter_that_16_bits_cannot_hold_is_warned_of(self):
        folder = self.path("small")
        shutil.copytree(ADAPTER, folder)
        tensors = all_tensors(ADAPTER)
        for key, (dtype, shape, data) in tensors.items():
            if "lora_B" in key:
                values = [x * 1e-3 for x in numbers(dtype, data)]
                tensors[key] = (dtype, shape, struct.pack("<%df" % len(values), *values))
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
        self.merge("bf16", adapter=folder)
        self.assertIn("warning: the steps of the stored type", self.err)
        self.assertGreater(float(re.search(r"lost in rounding +([\d.e+]+)%", self.said).group(1)), 50)
        self.merge("f32", "--dtype", "f32", adapter=folder)
        self.assertNotIn("warning", self.err)
        self.assertLess(float(re.search(r"lost in rounding +([\d.e+-]+)%", self.said).group(1)), 0.1)

    def test_drift_is_the_distance_of_scores(self):
        pack = self.demo_pack()
        out = self.merge("merged", "--pack", pack)
        scores = [self.lines("score", "--threads", 1, *args, pack)
                  for args in (("--model", CHECKPOINT), ("--model", CHECKPOINT, "--adapter", ADAPTER), ("--model", out))]
        moved, drift = [], []
        for base, adapted, merged in zip(*(s for s in scores)):
            for role in base["responses"]:
                lists = [s["responses"][role]["logprobs"] for s in (base, adapted, merged)]
                moved += [abs(b - a) for b, a, _ in zip(*lists)]
                drift += [abs(m - a) for _, a, m in zip(*lists)]
        for what, values in (("the adapter moves log-prob", moved), ("merging moves it", drift)):
            mean, most = map(float, re.search(what + r" +(\S+) a token, ([^\s:]+) at most", self.said).groups())
            self.assertTrue(math.isclose(mean, math.fsum(values) / len(values), rel_tol=0.01), what)
            self.assertTrue(math.isclose(most, max(values), rel_tol=0.01), what)
        self.assertGreater(max(drift), 1e-3)  # bf16
        self.merge("exact", "--pack", pack, "--dtype", "f32")
        self.assertLess(float(re.search(r"merging moves it +\S+ a token, ([^\s:]+) at most", self.said).group(1)), 1e-4)
        self.merge("none", "--pack", self.path("no-pack"), code=66)
        self.assertFalse(os.path.exists(self.path("none")))

    def test_other_copies_of_the_weights_do_not_go_along(self):
        model = self.checkpoint()
        for name in ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf", "adapter_config.json", ".hidden"):
            self.write(os.path.join(model, name), "{}")
        self.write(os.path.join(model, "LICENSE"), "text")
        os.mkdir(os.path.join(model, "folder"))
        out = self.merge(model=model)
        self.assertEqual(set(os.listdir(out)), {*os.listdir(CHECKPOINT), "model.safetensors", "LICENSE"} - {
            n for n in os.listdir(CHECKPOINT) if "safetensors" in n})
        self.assert_merged(out, base=model)

    def inodes(self, folder):
        """Its files, told apart from others of their names."""
        found = set()
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):
                    found.add((entry.name, entry.inode(), entry.stat().st_ctime_ns))
        return found

    def test_a_kill_leaves_nothing_that_looks_whole(self):
        whole, out = self.files_of(self.merge("whole")), self.path("killed")
        args = [OPATRAIN, "adapter", "merge", ADAPTER, "--model", CHECKPOINT, "-o", out, "--threads", "1"]
        early = 0
        for turn in range(12):
            if turn % 2 == 0:  # the others begin beside what a kill left
                shutil.rmtree(out + ".merging", ignore_errors=True)
            left = self.inodes(out + ".merging")
            p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while p.poll() is None and self.inodes(out + ".merging") <= left:
                time.sleep(0.001)
            time.sleep(self.random.uniform(0, 0.05))
            p.send_signal(signal.SIGKILL)
            p.wait()
            if os.path.exists(out):
                self.assertEqual(self.files_of(out), whole)
                shutil.rmtree(out)
                continue
            early += bool(self.inodes(out + ".merging") - left)
            if os.path.exists(os.path.join(out + ".merging", "config.json")):
                self.assertEqual(self.files_of(out + ".merging"), whole)
                shutil.rmtree(out + ".merging")
        self.assertGreater(early, 0)
        os.makedirs(out + ".merging", exist_ok=True)
        self.write(out + ".merging/left.json", "{}")
        self.assertEqual(self.files_of(self.merge("killed")), whole)
        self.assertFalse(os.path.exists(out + ".merging"))
        shutil.move(out, out + ".merging")  # somebody's checkpoint of that name
        self.merge("killed", code=73)
        self.assertEqual(self.files_of(out + ".merging"), whole)

    def test_a_full_disk_is_said_and_given_back(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))

        out = self.path("full")
        p = subprocess.run([OPATRAIN, "adapter", "merge", ADAPTER, "--model", CHECKPOINT, "-o", out], preexec_fn=limit,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 74, p.stderr)
        self.assertFalse(os.path.exists(out) or os.path.exists(out + ".merging"))
        self.merge("no/such", code=73)
        self.assertIn("make that first", self.err)

    @unittest.skipUnless(os.path.isdir(ORIGINAL), "no goldens beside the checkout")
    def test_an_original_checkpoint_takes_its_tower_along(self):
        model, adapter = os.path.join(ORIGINAL, "checkpoint"), os.path.join(ORIGINAL, "adapter_init")
        out = self.merge(model=model, adapter=adapter)
        self.assertEqual(config_of(out, "config.json")["mm_vision_tower"], "vision_tower")
        self.assertEqual(set(all_tensors(os.path.join(out, "vision_tower"))), set(all_tensors(os.path.join(ORIGINAL, "clip_tower"))))
        self.assertNotEqual(all_tensors(os.path.join(out, "vision_tower")), all_tensors(os.path.join(ORIGINAL, "clip_tower")))
        self.train("adapter", "check", adapter, "--model", out)


if __name__ == "__main__":
    main()
