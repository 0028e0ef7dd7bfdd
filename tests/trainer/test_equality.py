# SPDX-License-Identifier: Apache-2.0
"""Runs that have to agree: the same threads to the bit; other threads, and the same sequences laid out otherwise, nearly."""

import os
import struct

from support import main
from trainer_support import CASE, CHECKPOINT, TrainingCase, all_tensors

# Sums in another order cost float32 a few 1e-7 of the loss and of log-probs; gradients, which cancel, some 1e-5. AdamW
# divides by the gradient's own size, so that an element whose gradient is rounding moves by up to the rate: hence the mean,
# as a share of what so many updates may move. Measured: 1e-6, 2e-6 and 5e-7.
RATE = 1e-3
LOSS, NORM, MEAN = 1e-5, 1e-4, 1e-4


class Equality(TrainingCase):
    def run_once(self, name, verb, *args):
        out = self.path(name)
        self.train(verb, "--model", CHECKPOINT, "-o", out, "--rank", 4, "--alpha", 8, "--lr", RATE, "--schedule",
                   "constant", "--warmup", 0, *args)
        return out

    def assert_near(self, a, b):
        log_a, log_b = self.log(a), self.log(b)
        tensors_a, tensors_b = all_tensors(a), all_tensors(b)
        self.assertEqual(len(log_a), len(log_b))
        for x, y in zip(log_a, log_b):
            self.assertLessEqual(abs(x["loss"] - y["loss"]), LOSS * abs(x["loss"]), (x, y))
            self.assertLessEqual(abs(x["grad_norm"] - y["grad_norm"]), NORM * x["grad_norm"], (x, y))
        self.assertEqual(tensors_a.keys(), tensors_b.keys())
        off = count = 0
        for name, (_, _, data) in tensors_a.items():
            n = len(data) // 4
            u, v = (struct.unpack("<%df" % n, d) for d in (data, tensors_b[name][2]))
            off += sum(abs(p - q) for p, q in zip(u, v))
            count += n
        self.assertLess(off / count, MEAN * RATE * len(log_a))

    def assert_same(self, a, b):
        self.assertEqual(self.adapter(a), self.adapter(b))
        self.assertEqual(self.without_time(a), self.without_time(b))

    def test_threads(self):
        pack = self.demo_pack()
        start = os.path.join(CASE, "adapter_init")
        for verb, more in (("sft", ()), ("dpo", ("--objective", "release")), ("dpo", ("--objective", "paper"))):
            args = (pack, "--adapter", start, "--batch", 4, "--epochs", 1, *more)
            name = verb + "".join(more)
            one = self.run_once(name + "1", verb, *args, "--threads", 1)
            two = self.run_once(name + "2", verb, *args, "--threads", 2)
            self.assert_same(two, self.run_once(name + "3", verb, *args, "--threads", 2))
            self.assert_near(one, two)
            self.assertNotEqual(all_tensors(one), all_tensors(start))

    def test_a_tree_and_its_sequences_apart(self):
        """A sample with two responses, and two samples with one each, are the same update of SFT."""
        texts = {"prompt": "<image>\nWhat is it?", "image": "a.png", "generated": "A red boat on a lake."}
        both = {"revised": "A blue boat on a lake.", "ground_truth": "A blue boat, and a hill behind it."}
        image = os.path.join(CASE, "images", sorted(os.listdir(os.path.join(CASE, "images")))[0])
        with open(image, "rb") as f, open(self.path("a.png"), "wb") as g:
            g.write(f.read())
        tree = self.write_lines("tree.jsonl", [{"id": "t", **texts, **both}])
        apart = self.write_lines("apart.jsonl", [{"id": k, **texts, k: v} for k, v in both.items()])
        packs = []
        for path in (tree, apart):
            store = path + ".opa"
            self.run_cli("init", store)
            self.run_cli("import", store, path)
            packs.append(self.pack(store, os.path.basename(path) + ".pack"))
        self.assertEqual([len(self.members(p)) for p in packs], [1, 2])
        for tokens in (1, 4096):  # the two apart: a micro-batch each, or one
            runs = [self.run_once("%s%d" % (os.path.basename(p), tokens), "sft", p, "--batch", len(self.members(p)),
                                  "--epochs", 4, "--threads", 1, "--micro-tokens", tokens) for p in packs]
            self.assert_near(*runs)
            together, each = (sum(x["tokens"] for x in self.log(run)) for run in runs)
            self.assertGreater(each, together)


if __name__ == "__main__":
    main()
