# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in all layouts give the same numbers; damaged ones an error that names what is wrong."""

import json
import os
import shutil

from support import main
from trainer_support import CHECKPOINT, TrainerCase, all_tensors, write_safetensors


def renamed(tensors, *rules):
    out = {}
    for name, value in tensors.items():
        for old, new in rules:
            if name.startswith(old):
                name = new + name[len(old) :]
                break
        out[name] = value
    tensors.clear()
    tensors.update(out)


class Checkpoints(TrainerCase):
    def setUp(self):
        super().setUp()
        self.one = self.write_lines("p.jsonl", [{"id": "a", "prompt": "What is it?"}])
        store = self.store(self.write_lines("s.jsonl", [{"id": "a", "prompt": "What?", "generated": "A red boat.", "revised": "A blue boat."}]))
        self.small = self.pack(store, "small")

    def score(self, model, *more, code=0):
        return self.train("score", "--model", model, self.small, *more, code=code)

    def test_layouts_mean_the_same(self):
        want = self.train("score", "--model", CHECKPOINT, self.demo_pack())
        pack = self.path("pack")
        for number, rules in enumerate(
            (
                (("language_model.model.", "model.language_model."), ("language_model.lm_head", "lm_head"),
                 ("multi_modal_projector", "model.multi_modal_projector"), ("vision_tower", "model.vision_tower")),
                (("vision_tower.vision_model.", "vision_tower."),),
            )
        ):
            folder = self.checkpoint("layout%d" % number, lambda t: renamed(t, *rules))
            self.assertEqual(self.train("score", "--model", folder, pack), want)

    def test_the_original_layout_with_its_tower_apart(self):
        want = self.train("score", "--model", CHECKPOINT, self.demo_pack())
        pack = self.path("pack")
        folder = self.path("original")
        shutil.copytree(CHECKPOINT, folder)
        tensors = all_tensors(CHECKPOINT)
        for name in os.listdir(folder):
            if "safetensors" in name or name in ("preprocessor_config.json", "processor_config.json"):
                os.remove(os.path.join(folder, name))
        tower = self.path("tower")
        os.mkdir(tower)
        vision = {k[len("vision_tower.") :]: v for k, v in tensors.items() if k.startswith("vision_tower.")}
        write_safetensors(os.path.join(tower, "model.safetensors"), vision)
        shutil.copyfile(os.path.join(CHECKPOINT, "preprocessor_config.json"), os.path.join(tower, "preprocessor_config.json"))
        rest = {k: v for k, v in tensors.items() if not k.startswith("vision_tower.")}
        renamed(rest, ("language_model.model.", "model."), ("language_model.lm_head", "lm_head"),
                ("multi_modal_projector.linear_1", "model.mm_projector.0"), ("multi_modal_projector.linear_2", "model.mm_projector.2"))
        write_safetensors(os.path.join(folder, "model.safetensors"), rest)
        config = json.load(open(os.path.join(CHECKPOINT, "config.json")))
        with open(os.path.join(tower, "config.json"), "w") as f:
            json.dump(config["vision_config"], f)
        original = dict(config["text_config"], model_type="llava_llama", mm_vision_tower="openai/clip-of-nowhere",
                        mm_projector_type="mlp2x_gelu", mm_vision_select_layer=-2, image_aspect_ratio="pad")
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(original, f)
        self.train("score", "--model", folder, pack, code=66)
        self.assertIn("--vision-tower", self.err)
        self.assertEqual(self.train("score", "--model", folder, "--vision-tower", tower, pack), want)
        original["mm_vision_tower"] = "../tower"
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(original, f)
        self.assertEqual(self.train("score", "--model", folder, pack), want)
        cropped = self.train("score", "--model", folder, "--image-mode", "crop", pack)
        self.assertEqual(len(cropped.splitlines()), len(want.splitlines()))

    def test_missing_extra_and_misshapen_tensors_are_named(self):
        key = "language_model.model.layers.1.mlp.up_proj.weight"

        def misshape(t):
            t[key] = (t[key][0], [t[key][1][1], t[key][1][0]], t[key][2])

        for change, words in (
            (lambda t: t.pop(key), (key, "expected [56, 24]")),
            (lambda t: t.update({key.replace("1.mlp", "7.mlp"): t[key]}), ("layers.7.mlp.up_proj.weight", "too much")),
            (misshape, (key, "[24, 56]", "expected [56, 24]")),
            (lambda t: t.update({key: ("I16", *t[key][1:])}), (key, "I16")),
            (lambda t: t.update({"transformer.h.0": t[key]}), ("transformer.h.0",)),
            (lambda t: t.update({"model.language_model.layers.1.mlp.up_proj.weight": t[key]}), (key, "mean the same")),
        ):
            folder = self.checkpoint("changed", change)
            self.score(folder, code=65)
            for word in words:
                self.assertIn(word, self.err)
            shutil.rmtree(folder)

    def test_truncated_checkpoints_name_the_tensor(self):
        folder = self.checkpoint()
        path = os.path.join(folder, "model.safetensors")
        whole = open(path, "rb").read()
        header = 8 + int.from_bytes(whole[:8], "little")
        for size in (0, 5, 8, 100, header - 1, header, header + 1, (header + len(whole)) // 2, len(whole) - 1):
            with open(path, "wb") as f:
                f.write(whole[:size])
            self.score(folder, code=65)
            self.assertIn("model.safetensors", self.err)
            if size >= header:
                self.assertIn("tensor '", self.err)

    def test_flipped_bits_of_the_header_never_crash(self):
        folder = self.checkpoint()
        path = os.path.join(folder, "model.safetensors")
        whole = open(path, "rb").read()
        header = 8 + int.from_bytes(whole[:8], "little")
        refused = 0
        for _ in range(60):
            data = bytearray(whole)
            data[self.random.randrange(header)] ^= 1 << self.random.randrange(8)
            with open(path, "wb") as f:
                f.write(data)
            refused += self.train_any("score", "--model", folder, self.small).returncode != 0
        self.assertGreater(refused, 40)

    def test_weights_that_are_not_numbers_are_an_error(self):
        key = "language_model.model.layers.0.mlp.up_proj.weight"
        folder = self.checkpoint("nan", lambda t: t.update({key: (*t[key][:2], b"\xff\x7f" * (len(t[key][2]) // 2))}))
        self.score(folder, code=65)
        self.assertIn("not finite", self.err)

    def test_damaged_documents(self):
        for name, content, code, word in (
            ("config.json", "{", 65, "config.json"),
            ("config.json", '{"model_type":"mamba"}', 69, "mamba"),
            ("preprocessor_config.json", "[]", 65, "preprocessor_config.json"),
            ("preprocessor_config.json", '{"crop_size":57,"image_mean":[0,0,0],"image_std":[1,1,1]}', 65, "57"),
            ("preprocessor_config.json", '{"image_std":[1,1,1]}', 65, "preprocessor_config.json: no image_mean"),
            ("preprocessor_config.json", '{"image_mean":[1,1,1]}', 65, "preprocessor_config.json: no image_std"),
            ("model-00001-of-00002.safetensors", "x", 65, "/damaged/model-00001-of-00002.safetensors: "),
            ("generation_config.json", '{"eos_token_id":"x"}', 65, "eos_token_id"),
            ("tokenizer.json", "{}", 65, "tokenizer"),
            ("model.safetensors.index.json", '{"weight_map":{"a":"gone.safetensors"}}', 66, "gone.safetensors"),
        ):
            folder = self.path("damaged")
            shutil.copytree(CHECKPOINT, folder)
            with open(os.path.join(folder, name), "w") as f:
                f.write(content)
            self.score(folder, code=code)
            self.assertIn(word, self.err)
            shutil.rmtree(folder)

    def test_how_images_are_prepared_is_not_guessed(self):
        want = self.score(CHECKPOINT)
        folder = self.checkpoint()
        path = os.path.join(folder, "preprocessor_config.json")
        with open(path, encoding="utf-8") as f:
            spec = json.load(f)
        os.remove(path)
        self.score(folder, code=66)
        self.assertIn("preprocessor_config.json", self.err)
        with open(os.path.join(folder, "processor_config.json"), "w", encoding="utf-8") as f:  # as transformers 5 saves it
            json.dump({"processor_class": "LlavaProcessor", "image_processor": spec}, f)
        self.assertEqual(self.score(folder), want)


if __name__ == "__main__":
    main()
