#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters and merged checkpoints beside PEFT and transformers, over a case of the shared goldens (or any with checkpoint/ and adapter_init/).

    adapters.py --opatrain build/trainer/opatrain --case ../shared/parity/llava15_small_geometry

- adapter rename: PEFT loads every spelling into modules of those names, every tensor found and none left over; and the spelling of the
  transformers that runs into its own model, which then gives the log-probs of the adapter as it was.
- adapter merge --dtype f32: transformers loads the result and gives the log-probs that PEFT gives with the adapter unmerged, within 1e-3.

Needs torch, transformers and peft; what is said of transformers holds for the version that runs, which is printed.
"""
import argparse
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

SPELLINGS = ("hf-4.51", "hf-4.52", "hf-5", "llava")


def run(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def own_spelling(version):
    major, minor = map(int, version.split(".")[:2])
    return "hf-5" if major >= 5 else "hf-4.52" if minor >= 52 else "hf-4.51"


def skeleton(torch, weights):
    """A module tree with a linear layer wherever any of the adapter's parts could have one, in its names."""
    root = torch.nn.Module()
    for key, a in weights.items():
        found = re.fullmatch(r"base_model\.model\.(.*)\.lora_A\.weight", key)
        if not found:
            continue
        at, *path = root, *found.group(1).split(".")
        for name in path[:-1]:
            if name not in at._modules:
                at.add_module(name, torch.nn.Module())
            at = at._modules[name]
        rows = weights[key.replace("lora_A", "lora_B")].shape[0]
        at.add_module(path[-1], torch.nn.Linear(a.shape[1], rows))
    return root


def load_into(model, folder):
    """PEFT's state after loading, which keys it did not find, and what the file holds."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    config = LoraConfig.from_pretrained(str(folder))
    config.task_type = None
    model = get_peft_model(model, config)
    weights = load_peft_weights(str(folder), device="cpu")
    result = set_peft_model_state_dict(model, weights)
    missing = [k for k in result.missing_keys if "lora_" in k]
    return model, get_peft_model_state_dict(model), [*missing, *result.unexpected_keys], weights


def check_loaded(torch, state, lost, weights, what):
    good = not lost and set(state) == set(weights) and all(torch.equal(state[k].float(), weights[k].float()) for k in weights)
    print(f"{what}: {len(weights)} tensors, {'all found' if good else 'LOST: %s' % sorted(set(state) ^ set(weights))[:3] + str(lost[:3])}")
    return not good


def logps(torch, model, inputs):
    with torch.no_grad():
        return model(**inputs).logits.float().log_softmax(-1)


def make_inputs(torch, config):
    torch.manual_seed(1)
    text = getattr(config, "text_config", config)
    ids = torch.randint(3, min(text.vocab_size, 30000), (1, 40))
    if not hasattr(config, "vision_config"):
        return {"input_ids": ids}
    vision, image = config.vision_config, getattr(config, "image_token_index", None) or config.image_token_id
    rows = (vision.image_size // vision.patch_size) ** 2
    ids = torch.cat([ids[:, :5], torch.full((1, rows), image), ids[:, 5:]], 1)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": torch.randn(1, 3, vision.image_size, vision.image_size)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--opatrain", required=True)
    parser.add_argument("--case", type=Path, required=True)
    args = parser.parse_args()
    try:
        import torch
        import transformers
        from peft import PeftModel, load_peft_weights
    except ImportError:
        print("skipped: needs torch, transformers and peft")
        return 77
    warnings.filterwarnings("ignore")
    checkpoint, adapter, failed = args.case / "checkpoint", args.case / "adapter_init", 0
    config = transformers.AutoConfig.from_pretrained(checkpoint)
    print(f"transformers {transformers.__version__}, {config.model_type}")

    def base(folder):
        kind = transformers.LlavaForConditionalGeneration if config.model_type == "llava" else transformers.AutoModelForCausalLM
        return kind.from_pretrained(folder, torch_dtype=torch.float32).eval()

    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        for to in SPELLINGS if config.model_type == "llava" else ():
            run(args.opatrain, "adapter", "rename", adapter, "--to", to, "-o", tmp / to)
            _, *loaded = load_into(skeleton(torch, load_peft_weights(str(tmp / to), device="cpu")), tmp / to)
            failed += check_loaded(torch, *loaded, f"PEFT, names of {to}")
        own = tmp / own_spelling(transformers.__version__) if config.model_type == "llava" else adapter
        model, *loaded = load_into(base(checkpoint), own)
        failed += check_loaded(torch, *loaded, f"PEFT over transformers' model, {own.name}")
        inputs = make_inputs(torch, config)
        want = logps(torch, model.eval(), inputs)
        plain = logps(torch, base(checkpoint), inputs)
        run(args.opatrain, "adapter", "merge", adapter, "--model", checkpoint, "-o", tmp / "merged", "--dtype", "f32")
        merged = transformers.AutoConfig.from_pretrained(tmp / "merged")
        got = logps(torch, base(tmp / "merged"), inputs)
        distance, moved = (got - want).abs().max().item(), (plain - want).abs().max().item()
        print(f"merged: log-probs {distance:.2g} from PEFT's at most; the adapter moves them by {moved:.2g}")
        failed += not distance < 1e-3 < moved
        named = str(getattr(merged, "dtype", None) or merged.torch_dtype)  # None: it is taken from the weights
        by_peft = PeftModel.from_pretrained(base(checkpoint), str(own)).eval()
        far = (logps(torch, by_peft, inputs) - want).abs().max().item()
        print(f"its config names {named}; PeftModel.from_pretrained is {far:.2g} from what was loaded above")
        failed += named not in ("torch.float32", "None") or far > 1e-4
    print(f"{failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
