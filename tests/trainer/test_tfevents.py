# SPDX-License-Identifier: Apache-2.0
"""The event files of a run say what its logs say, also where it was killed and resumed."""

import glob
import json
import os
import re
import struct
import subprocess
import time

from kills import count_lines, kill_between_checkpoints
from support import main
from trainer_support import CASE, CHECKPOINT, FAST, OPATRAIN, TrainerCase


def varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return n, at


def message(data):
    """(field, value) of a protobuf message, in order."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = {1: lambda: (8, at), 5: lambda: (4, at), 2: lambda: varint(data, at)}[key & 7]()
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def records(path):
    """Whole records of a file; a kill may have left a torn one at its end."""
    with open(path, "rb") as f:
        data = f.read()
    while len(data) >= 12:
        (size,) = struct.unpack("<Q", data[:8])
        if len(data) < size + 16:
            return
        yield data[12 : 12 + size]
        data = data[size + 16 :]


def charts(folder):
    """tag -> {step: value} as TensorBoard shows them: SessionLog START forgets its step and later ones."""
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "*tfevents*"))):
        for place, record in enumerate(records(path)):
            event = dict(message(record))
            step = event.get(2, 0)
            assert (event.get(3) == b"brain.Event:2") == (place == 0), path
            assert abs(struct.unpack("<d", event[1])[0] - time.time()) < 600, path
            if event.get(7) == b"\x08\x01":
                for values in out.values():
                    for gone in [s for s in values if s >= step]:
                        del values[gone]
            for _, value in message(event.get(5, b"")):
                fields = dict(message(value))
                out.setdefault(fields[1].decode(), {})[step] = struct.unpack("<f", fields[2])[0]
    return {tag: values for tag, values in out.items() if values}


class Events(TrainerCase):
    def assert_says_what_the_logs_say(self, folder):
        seen, fields = charts(folder), 0
        for name in ("log.jsonl", "eval.jsonl"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
            for key in (lines or [{}])[0]:
                if key == "step":
                    continue
                group = "eval/" if name == "eval.jsonl" else ""
                tags = [t for t in seen if t.startswith("eval/") == bool(group) and key in (
                    t.split("/")[1], t.replace("/", "_"))]
                self.assertEqual(len(tags), 1, (key, sorted(seen)))
                self.assertEqual(list(seen[tags[0]]), [line["step"] for line in lines], key)
                for line in lines:
                    self.assertAlmostEqual(seen[tags[0]][line["step"]], line[key], delta=1e-6 * abs(line[key]))
                fields += 1
        self.assertEqual(fields, len(seen), sorted(seen))
        return seen

    def test_one_chart_a_field(self):
        pack = self.demo_pack()
        out = self.path("dpo")
        self.train("dpo", "--model", CHECKPOINT, "--adapter", os.path.join(CASE, "adapter_init"), pack, "-o", out, *FAST,
                   "--epochs", 1, "--eval", pack)
        seen = self.assert_says_what_the_logs_say(out)
        for tag in ("train/loss", "terms/lc1", "logp/chosen", "reward/margin", "reward/accuracy", "eval/loss", "eval/margin"):
            self.assertIn(tag, seen)
        (path,) = glob.glob(os.path.join(out, "*tfevents*"))
        self.assertRegex(os.path.basename(path), r"^events\.out\.tfevents\.\d{10}\.opatrain$")

    def test_a_resumed_run_forgets_what_its_checkpoint_did_not_know(self):
        pack = self.demo_pack()
        out = self.path("out")
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", 4, "--eval", pack, "-o", out)
        p = subprocess.Popen([OPATRAIN, *map(str, args)], stderr=subprocess.PIPE)
        log = os.path.join(out, "log.jsonl")
        self.addCleanup(p.stderr.close)
        kill_between_checkpoints(p, log, 3)
        steps = os.listdir(os.path.join(out, "checkpoints"))
        newest = max(int(name[5:]) for name in steps if re.fullmatch(r"step-\d+", name))
        self.assertGreater(count_lines(log), newest)
        before = charts(out)["train/loss"]
        self.train(*args, "--resume")
        self.assertEqual(len(glob.glob(os.path.join(out, "*tfevents*"))), 2)
        self.assertGreater(len(before), 4)
        self.assert_says_what_the_logs_say(out)


if __name__ == "__main__":
    main()
