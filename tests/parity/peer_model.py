# SPDX-License-Identifier: Apache-2.0
"""The Python side of the comparisons with transformers and PEFT: prompt ids, pixels and log-probs of a pack's samples, by their own
code. Needs torch, transformers, peft, tokenizers, pillow and numpy; available() says whether they are there."""
import importlib.util
import io
import json
import os
import subprocess
import warnings
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
warnings.filterwarnings("ignore", category=FutureWarning)

NEEDED = ("torch", "transformers", "peft", "tokenizers", "PIL", "numpy")
VICUNA = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite "
          "answers to the user's questions. USER: ", " ASSISTANT:")
MASK64 = (1 << 64) - 1


def available():
    return all(importlib.util.find_spec(name) for name in NEEDED)


def load(checkpoint, adapter=None):
    """The checkpoint in float32, with the adapter as PEFT applies it, unmerged."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, LlavaForConditionalGeneration
    llava = AutoConfig.from_pretrained(checkpoint).model_type == "llava"
    model = (LlavaForConditionalGeneration if llava else AutoModelForCausalLM).from_pretrained(checkpoint, dtype=torch.float32)
    if adapter is not None:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, adapter)
    return model.eval()


def adapter_difference(model, adapter):
    """Tensors of the adapter's file that the model does not hold bit for bit, and those that it holds beyond the file."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file
    held, file = get_peft_model_state_dict(model), load_file(Path(adapter) / "adapter_model.safetensors")
    return [n for n in file if n not in held or not torch.equal(file[n], held[n])], [n for n in held if n not in file]


class Peer:
    """Scores samples of a pack with one model."""

    def __init__(self, opapairs, pack, checkpoint, model, template=VICUNA):
        from tokenizers import Tokenizer
        self.opapairs, self.pack, self.model, self.template = opapairs, pack, model, template
        self.tokenizer = Tokenizer.from_file(str(Path(checkpoint) / "tokenizer.json"))
        self.config = json.loads((Path(checkpoint) / "config.json").read_text())
        spec = Path(checkpoint) / "preprocessor_config.json"
        self.spec = json.loads(spec.read_text()) if spec.exists() else None

    def cat(self, sample, member="json"):
        return subprocess.run([self.opapairs, "cat", self.pack, sample, "--member", member], stdout=subprocess.PIPE, check=True).stdout

    def prompt_ids(self, prompt, image):
        """As LLaVA cuts it: the texts around <image> each by itself, with one BOS in front of all."""
        if image and "<image>" not in prompt:
            prompt = "<image>\n" + prompt
        first, *rest = (self.template[0] + prompt + self.template[1]).split("<image>")
        ids = self.tokenizer.encode(first).ids
        for text in rest:
            ids += [self.config["image_token_index"]] * self.config["image_seq_length"] + self.tokenizer.encode(text).ids[1:]
        return ids

    def pixels(self, data, mask=None):
        """Padded to a square with the mean colour, resized, normalised; @p mask as the pack's document has it."""
        import numpy
        from PIL import Image
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        side, size = max(picture.size), self.spec["crop_size"]["height"]
        square = Image.new("RGB", (side, side), tuple(int(255 * m) for m in self.spec["image_mean"]))
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        x = numpy.asarray(square.resize((size, size), Image.Resampling.BICUBIC), dtype=numpy.float32) / 255
        x = (x - numpy.float32(self.spec["image_mean"])) / numpy.float32(self.spec["image_std"])
        x = numpy.ascontiguousarray(x.transpose(2, 0, 1))
        if mask is not None:
            fill = numpy.float32(x.sum(dtype=numpy.float64) / x.size)
            x.reshape(3, -1)[:, drawn(size * size, mask["ratio"], int(mask["seed"], 16))] = fill
        return x

    def logprobs(self, prompt, ids, pixels):
        import torch
        row = torch.tensor([prompt + ids])
        with torch.no_grad():
            out = self.model(row) if pixels is None else self.model(input_ids=row, pixel_values=torch.from_numpy(pixels)[None])
        table = torch.log_softmax(out.logits[0, len(prompt) - 1:-1].double(), -1)
        return table.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()

    def compare(self, score):
        """The largest difference to a line of opatrain score, and how many log-probs were compared."""
        doc = json.loads(self.cat(score["id"]))
        image = self.cat(score["id"], "image") if doc["image"] else None
        prompt, worst, count = self.prompt_ids(doc["prompt"], image is not None), 0.0, 0
        masks = {p["response"]: doc["masks"][p["mask"]] for p in doc["pairs"] if p["type"] == "image"}
        for masked in (False, True):
            for role, got in score.get("masked" if masked else "responses", {}).items():
                pixels = None if image is None else self.pixels(image, masks[role] if masked else None)
                want = self.logprobs(prompt, doc["responses"][role]["ids"], pixels)
                worst = max([worst] + [abs(a - b) for a, b in zip(want, got["logprobs"], strict=True)])
                count += len(want)
        return worst, count


def drawn(n, ratio, seed):
    """The first k = floor(ratio n) places of a shuffle by SplitMix64 (spec: masks of a pack)."""
    def mix():
        nonlocal seed
        seed = seed + 0x9E3779B97F4A7C15 & MASK64
        z = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & MASK64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK64
        return z ^ z >> 31

    p, k = list(range(n)), int(ratio * n)
    for i in range(k):
        j = i + (mix() * (n - i) >> 64)
        p[i], p[j] = p[j], p[i]
    return p[:k]
