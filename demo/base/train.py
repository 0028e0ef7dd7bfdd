#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes model.safetensors, the micro world's LLaVA-1.5, from the world, the tokenizer beside this and the seeds below.

    ninja -C build demo/world/microworld
    demo/base/train.py --world build/demo/world/microworld --out DIR

DIR gets a complete Hugging Face checkpoint: the small files beside this script, and the weights that two stages make.

1. The vision tower. Nothing here was pretrained, so labels stand in for CLIP's texts: class and colour at the patch
   under an object's centre, each patch's place, and the scene's objects and context at CLS.
2. Projector and language model, the tower frozen: captions as the web writes them, which name things that are not
   there, and questions of yes or no with true answers.

No picture is seen twice. Step counts are fixed, and all sums have one order: the same machine and libraries make the
same bytes (README.md). Every 100 steps all is saved in DIR/state.pt; a run that was stopped goes on from there. Needs
torch and transformers.
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
import typing

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from transformers import DynamicCache, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
SEED_TOWER, SEED_LANGUAGE = 7, 100  # of weights and worlds; the parts of stage 2 have the worlds 100, 101 and 102
TOWER_STEPS, TOWER_PICTURES = 1400, 64  # pictures a step
TOWER_FALL = 0.25  # the last part of the steps, in which the rates fall
QUESTION_WEIGHT = 3.0  # of a token of an answer of yes or no, against one of a caption


class Part(typing.NamedTuple):
    """Of stage 2, with a fresh optimiser."""
    steps: int
    scenes: int  # a step
    captions: int  # of each scene
    questions: int  # of each scene
    peak: float  # of the rates
    fall: float  # the last part of the steps, in which the rates fall
    fillers: int  # of the captions; see `microworld scenes --help`


# Few scenes with much about each are cheap, for a picture is read once; more scenes then bind places better. A tower that
# sees more makes up less: more fillers in the last part make up for it.
LANGUAGE_PARTS = (Part(steps=1500, scenes=16, captions=4, questions=2, peak=1.0, fall=0.6, fillers=70),
                  Part(steps=1000, scenes=32, captions=2, questions=2, peak=0.5, fall=0.95, fillers=70),
                  Part(steps=1500, scenes=32, captions=2, questions=2, peak=0.5, fall=0.95, fillers=78))
MUON_RATE, ADAM_RATE = 0.02, 2e-3
SIZE, PATCH, GRID, WIDTH, IMAGE_MEAN, IMAGE_STD = 56, 14, 4, 128, 0.5, 0.25
CONTEXTS = "kitchen park street beach".split()
COLOURS = "red green blue yellow purple white".split()
OBJECTS = """cup pot knife apple clock tree bench dog bird kite
             car bus lamp sign bike boat umbrella crab fish bucket""".split()
NOTHING = len(OBJECTS)  # the class of a patch without an object's centre
FEW_EMPTY = [1.0] * NOTHING + [0.15]  # weights of the classes: most patches are empty
PLACE_GAIN = 0.4
BEFORE_IMAGE, AFTER_IMAGE, DESCRIBE = "USER: ", "\n", "Describe the picture."


# ---------------------------------------------------------------- the world

def draw_world(program, directory, seed, count, *options):
    """-> u8 pictures [count,56,56,3], and a dict a scene; see `microworld scenes --help`."""
    subprocess.run([program, "scenes", "--seed", str(seed), "--count", str(count), "--raw", "-o", directory, *options],
                   check=True)
    size = count * SIZE * SIZE * 3
    pictures = torch.from_file(os.path.join(directory, "pictures.u8"), size=size, dtype=torch.uint8)
    with open(os.path.join(directory, "scenes.jsonl"), encoding="utf-8") as lines:
        return pictures.view(count, SIZE, SIZE, 3), [json.loads(line) for line in lines]


def normalised(pictures):
    """u8 [n,56,56,3] -> f32 [n,3,56,56]"""
    return (pictures.permute(0, 3, 1, 2).float() / 255 - IMAGE_MEAN) / IMAGE_STD


def labels_of(scenes):
    """-> class and colour [n,16], where colour is -1 without an object; objects [n,20] of 0 and 1; context [n]."""
    kind = torch.full((len(scenes), GRID * GRID), NOTHING)
    colour = torch.full((len(scenes), GRID * GRID), -1)
    objects = torch.zeros(len(scenes), len(OBJECTS))
    for n, scene in enumerate(scenes):
        for thing in scene["objects"]:
            row, column = (min(x // PATCH, GRID - 1) for x in thing["centre"])
            kind[n, row * GRID + column] = OBJECTS.index(thing["object"])
            colour[n, row * GRID + column] = COLOURS.index(thing["colour"])
            objects[n, OBJECTS.index(thing["object"])] = 1
    return kind, colour, objects, torch.tensor([CONTEXTS.index(scene["context"]) for scene in scenes])


# ---------------------------------------------------------------- optimisation

class Muon:
    """Momentum made orthogonal by five Newton-Schulz steps (K. Jordan, 2024), in f32: torch's own works in bf16, which
    is slow on processors without such units. Matrices of one shape go through together."""

    def __init__(self, matrices, decay, momentum=0.95):
        self.matrices, self.decay, self.momentum = matrices, decay, momentum
        self.mean = [torch.zeros_like(m) for m in matrices]
        self.shapes = {}
        for n, m in enumerate(matrices):
            self.shapes.setdefault(m.shape, []).append(n)

    @torch.no_grad()
    def step(self, rate):
        for shape, members in self.shapes.items():
            for n in members:
                self.mean[n].lerp_(self.matrices[n].grad, 1 - self.momentum)
            x = torch.stack([self.matrices[n].grad.lerp(self.mean[n], self.momentum).flatten(1) for n in members])
            tall = x.shape[1] > x.shape[2]
            x = x.mT if tall else x
            x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
            for _ in range(5):
                a = x @ x.mT
                x = 3.4445 * x + (2.0315 * a @ a - 4.7750 * a) @ x
            x = x.mT * (x.shape[2] / x.shape[1]) ** 0.5 if tall else x
            for n, update in zip(members, x):
                self.matrices[n].mul_(1 - rate * self.decay).sub_(update.view(shape), alpha=rate)


class Optimiser:
    """Muon for the matrices within, AdamW for embeddings, heads, norms and biases."""

    def __init__(self, named, decay):
        self.parameters = [p for _, p in named]
        within = lambda name, p: p.dim() > 1 and not any(s in name for s in ("embed_tokens", "position_", "head"))
        self.muon = Muon([p for name, p in named if within(name, p)], decay)
        self.adam = torch.optim.AdamW([p for name, p in named if not within(name, p)], weight_decay=decay, betas=(0.9, 0.98))

    def step(self, loss, n, steps, fall, peak=1.0):
        """n: of the steps, how many were done. The rates rise for 60 steps, stay, and fall to 0 in the last part, fall."""
        rate = peak * min(1, (n + 1) / 60, (steps - n) / (fall * steps))
        for p in self.parameters:
            p.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.muon.step(MUON_RATE * rate)
        self.adam.param_groups[0]["lr"] = ADAM_RATE * rate
        self.adam.step()

    def state(self):
        return dict(muon=self.muon.mean, adam=self.adam.state_dict())

    def load(self, state):
        self.muon.mean = state["muon"]
        self.adam.load_state_dict(state["adam"])


class Progress:
    """What a stopped run goes on from: the stage, its steps done, and all tensors that they changed."""

    def __init__(self, path):
        self.path, self.start = path, time.time()
        self.saved = torch.load(path, weights_only=True) if os.path.exists(path) else None

    def steps(self, stage, count, modules, optimiser):
        """Yields the numbers of the steps left to do, and saves every 100 and at the end."""
        done = 0
        if self.saved and self.saved["stage"] == stage:
            done = self.saved["done"]
            for module, state in zip(modules, self.saved["modules"]):
                module.load_state_dict(state)
            optimiser.load(self.saved["optimiser"])
        for n in range(done, count):
            yield n
            if (n + 1) % 100 == 0 or n + 1 == count:
                self.save(stage, n + 1, modules, optimiser)

    def save(self, stage, done, modules, optimiser):
        state = dict(stage=stage, done=done, modules=[m.state_dict() for m in modules], optimiser=optimiser.state())
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)

    def is_past(self, stage):
        return bool(self.saved) and self.saved["stage"] > stage

    def say(self, *what):
        print("%6.0f s " % (time.time() - self.start), *what, flush=True)


# ---------------------------------------------------------------- stage 1: the tower

def patches_and_cls(tower, pictures):
    """hidden_states[-2], what LLaVA takes from its tower: [n,16,128], and CLS [n,128]."""
    x = tower.pre_layrnorm(tower.embeddings(normalised(pictures)))
    for layer in tower.encoder.layers[:-1]:
        x = layer(x, None)
    return x[:, 1:], x[:, 0]


def make_heads():
    """Read the labels, and are thrown away. Where a patch is, is read by fixed directions of little gain, so that the
    tower must write it in large letters: the language model finds places by it."""
    heads = nn.ModuleDict(dict(kind=nn.Linear(WIDTH, NOTHING + 1), colour=nn.Linear(WIDTH, len(COLOURS)),
                               objects=nn.Linear(WIDTH, len(OBJECTS)), context=nn.Linear(WIDTH, len(CONTEXTS))))
    place = nn.Linear(WIDTH, GRID * GRID, bias=False)
    nn.init.orthogonal_(place.weight, PLACE_GAIN)
    heads["place"] = place.requires_grad_(False)
    return heads


def tower_loss(tower, heads, pictures, labels):
    kind, colour, objects, context = labels
    patches, cls = patches_and_cls(tower, pictures)
    flat = patches.flatten(0, 1)
    return (F.cross_entropy(heads["kind"](flat), kind.flatten(), weight=torch.tensor(FEW_EMPTY))
            + 0.5 * F.cross_entropy(heads["colour"](flat), colour.flatten(), ignore_index=-1)
            + 0.1 * F.cross_entropy(heads["place"](flat), torch.arange(GRID * GRID).repeat(len(pictures)))
            + 0.3 * F.binary_cross_entropy_with_logits(heads["objects"](cls), objects)
            + 0.1 * F.cross_entropy(heads["context"](cls), context))


@torch.no_grad()
def tower_probe(tower, heads, pictures, labels, scenes):
    """-> text: how many of the near and of the far objects' classes, and of the colours, are read correctly."""
    patches, _ = patches_and_cls(tower, pictures)
    right = heads["kind"](patches).argmax(-1) == labels[0]
    far = torch.zeros_like(right)
    for n, scene in enumerate(scenes):
        for thing in scene["objects"]:
            row, column = (min(x // PATCH, GRID - 1) for x in thing["centre"])
            far[n, row * GRID + column] = thing["far"]
    there = labels[0] != NOTHING
    colour = heads["colour"](patches).argmax(-1) == labels[1]
    shares = (right[there & ~far], right[there & far], colour[there])
    return "near %.1f %% far %.1f %% colour %.1f %%" % tuple(100 * x.float().mean().item() for x in shares)


def train_tower(model, progress, program):
    """Layer 4 and post_layernorm, which LLaVA never reads, stay as they began."""
    tower, heads = model.model.vision_tower, make_heads()
    unread = ("encoder.layers.3.", "post_layernorm")
    named = [(n, p) for n, p in tower.named_parameters() if not any(s in n for s in unread)]
    named += [("head." + n, p) for n, p in heads.named_parameters() if p.requires_grad]
    optimiser = Optimiser(named, decay=0.01)
    with tempfile.TemporaryDirectory() as scratch:
        pictures, scenes = draw_world(program, scratch, SEED_TOWER, TOWER_STEPS * TOWER_PICTURES + 1000)
        for n in progress.steps(1, TOWER_STEPS, (model, heads), optimiser):
            mine = slice(n * TOWER_PICTURES, (n + 1) * TOWER_PICTURES)
            loss = tower_loss(tower, heads, pictures[mine], labels_of(scenes[mine]))
            optimiser.step(loss, n, TOWER_STEPS, TOWER_FALL)
            if (n + 1) % 100 == 0:
                unseen = scenes[-1000:]
                progress.say("tower", n + 1, "loss %.3f" % loss.item(),
                             tower_probe(tower, heads, pictures[-1000:], labels_of(unseen), unseen))
    round_to_bf16(tower)


# ---------------------------------------------------------------- stage 2: the language model

class Texts:
    """Texts to ids, with a cache, for the world says the same sentences all the time. To cut before a space that
    follows a full stop never changes a byte-level encoding."""

    def __init__(self, tokenizer):
        self.tokenizer, self.cache = tokenizer, {}

    def ids(self, text):
        if text not in self.cache:
            self.cache[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self.cache[text]

    def row(self, prompt, answer, weight):
        """-> ids of what follows the image and its line feed, and each id's weight in the loss."""
        before = self.ids("\n" + prompt + " ASSISTANT:")[1:]
        pieces = answer.split(". ")
        said = [i for n, s in enumerate(pieces) for i in self.ids(" " + s + "." * (n + 1 < len(pieces)))]
        said.append(self.tokenizer.eos_token_id)
        return before + said, [0.0] * len(before) + [weight] * len(said)


def rows_of(texts, scenes):
    """-> (which of the scenes, ids, weights) for each caption and question, the shortest first."""
    rows = []
    for n, scene in enumerate(scenes):
        rows += [(n, *texts.row(DESCRIBE, caption, 1.0)) for caption in scene["captions"]]
        rows += [(n, *texts.row(q["question"], q["answer"], QUESTION_WEIGHT)) for q in scene["questions"]]
    return sorted(rows, key=lambda row: len(row[1]))


def pass_of(model, seen, rows):
    """seen: the keys and values of each scene's picture, a layer each -> the rows' sum of weighted losses, of weights.
    The rows share the pictures, so that a picture is read once whatever is said about it. (Indexing with [owner] would
    do, but for its gradients, which threads add up in any order.)"""
    owner = torch.tensor([n for n, _, _ in rows])
    longest = max(len(ids) for _, ids, _ in rows)
    ids = torch.tensor([i + [0] * (longest - len(i)) for _, i, _ in rows])
    weights = torch.tensor([w + [0.0] * (longest - len(w)) for _, _, w in rows])[:, 1:]
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(seen):
        cache.update(keys.index_select(0, owner), values.index_select(0, owner), layer)
    language = model.model.language_model
    x = language(inputs_embeds=language.embed_tokens(ids[:, :-1]), past_key_values=cache).last_hidden_state
    said = weights > 0
    losses = F.cross_entropy(model.lm_head(x[said]), ids[:, 1:][said], reduction="none")
    return (losses * weights[said]).sum(), weights.sum()


def language_loss(model, texts, features, rows):
    """Rows of like length go through together, so that little is padding; padding on the right needs no mask."""
    language, n = model.model.language_model, len(features)
    embed = lambda text, **how: language.embed_tokens(torch.tensor(texts.tokenizer.encode(text, **how))).expand(n, -1, -1)
    x = torch.cat([embed(BEFORE_IMAGE), model.model.multi_modal_projector(features),
                   embed(AFTER_IMAGE, add_special_tokens=False)], 1)
    cache = language(inputs_embeds=x, use_cache=True).past_key_values
    seen = [(layer.keys, layer.values) for layer in cache.layers]
    third = -(-len(rows) // 3)
    sums = [pass_of(model, seen, rows[k:k + third]) for k in range(0, len(rows), third)]
    return sum(s for s, _ in sums) / sum(w for _, w in sums)


def begin_language(model):
    """The released start, N(0, .02), is meant for a width of 4,096. At 128 attention would begin as good as uniform and
    say next to nothing, so the matrices begin at 1 / sqrt(inputs), the embeddings at 1/2."""
    torch.manual_seed(SEED_LANGUAGE)
    for name, p in model.named_parameters():
        if "vision_tower" not in name and p.dim() == 2:
            nn.init.normal_(p, std=0.5 if "embed_tokens" in name else p.shape[1] ** -0.5)


def train_part(model, progress, texts, program, number):
    part = LANGUAGE_PARTS[number]
    optimiser = Optimiser([(n, p) for n, p in model.named_parameters() if "vision_tower" not in n], decay=0.05)
    mean = None
    with tempfile.TemporaryDirectory() as scratch:
        pictures, scenes = draw_world(program, scratch, SEED_LANGUAGE + number, part.steps * part.scenes,
                                      "--captions", str(part.captions), "--questions", str(part.questions),
                                      "--fillers", str(part.fillers))
        for n in progress.steps(2 + number, part.steps, (model,), optimiser):
            mine = slice(n * part.scenes, (n + 1) * part.scenes)
            with torch.no_grad():
                features, _ = patches_and_cls(model.model.vision_tower, pictures[mine])
            loss = language_loss(model, texts, features, rows_of(texts, scenes[mine]))
            optimiser.step(loss, n, part.steps, part.fall, part.peak)
            mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
            if (n + 1) % 100 == 0:
                progress.say("language, part", number + 1, n + 1, "loss %.3f" % mean)


def train_language(model, progress, program):
    begin_language(model)
    texts = Texts(PreTrainedTokenizerFast.from_pretrained(HERE))
    for number in range(len(LANGUAGE_PARTS)):
        if not progress.is_past(2 + number):
            train_part(model, progress, texts, program, number)


# ---------------------------------------------------------------- files

def round_to_bf16(module):
    """The weights as the file holds them, before anything is built on them."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p.bfloat16())


def released_name(name):
    """transformers' names in memory -> the keys of the released llava-hf checkpoints."""
    for here, there in (("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."),
                        ("model.multi_modal_projector.", "multi_modal_projector."),
                        ("model.vision_tower.", "vision_tower.vision_model.")):
        if name.startswith(here):
            return there + name[len(here):].removeprefix("vision_model.")
    raise KeyError(name)


def write_checkpoint(model, directory):
    for name in os.listdir(HERE):
        if name.endswith(".json") and os.path.abspath(directory) != HERE:
            shutil.copy(os.path.join(HERE, name), directory)
    tensors = {released_name(n): p.detach().bfloat16().contiguous() for n, p in model.state_dict().items()}
    save_file(tensors, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", metavar="PROGRAM", required=True, help="the microworld program")
    parser.add_argument("--out", metavar="DIR", required=True, help="where to; made when it is not there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a second one saves no time at these sizes
    os.makedirs(arguments.out, exist_ok=True)
    progress = Progress(os.path.join(arguments.out, "state.pt"))
    with open(os.path.join(HERE, "config.json"), encoding="utf-8") as file:
        config = LlavaConfig(**json.load(file))
    torch.manual_seed(SEED_TOWER)
    model = LlavaForConditionalGeneration(config).float().train()
    if not progress.is_past(1):
        train_tower(model, progress, arguments.world)
    train_language(model, progress, arguments.world)
    write_checkpoint(model, arguments.out)
    progress.say("written to", arguments.out)


if __name__ == "__main__":
    main()
