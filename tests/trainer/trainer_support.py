# SPDX-License-Identifier: Apache-2.0
"""What the tests of opatrain share, over tests/cli/support.py."""

import json
import os
import shutil
import struct
import subprocess
import time

from support import Case, rollout_files

OPATRAIN = os.environ["OPATRAIN"]
CASE = os.environ["OPA_CASE"]
CHECKPOINT = os.path.join(CASE, "checkpoint")


def read_safetensors(path):
    """(header, data)"""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        return json.loads(f.read(n)), f.read()


def write_safetensors(path, tensors):
    """Tensors are name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def all_tensors(folder):
    """name -> (dtype, shape, bytes) of every safetensors file of a folder."""
    out = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            header, data = read_safetensors(os.path.join(folder, name))
            for key, entry in header.items():
                if key != "__metadata__":
                    begin, end = entry["data_offsets"]
                    out[key] = (entry["dtype"], entry["shape"], data[begin:end])
    return out


class TrainerCase(Case):
    def train_any(self, *args, env=None, timeout=120):
        """Whatever it says: but no signal, no hang, and a known exit code."""
        p = subprocess.run(
            [OPATRAIN, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            timeout=timeout,
        )
        self.assertIn(p.returncode, (0, 1, 2, 65, 66, 69, 73, 74), "%r: %r" % (args, p.stderr[-600:]))
        return p

    def train(self, *args, code=0, **more):
        p = self.train_any(*args, **more)
        self.err = p.stderr.decode("utf-8", "replace")
        self.assertEqual(p.returncode, code, "opatrain %s\n%s" % (" ".join(map(str, args)), self.err[-1500:]))
        return p.stdout.decode("utf-8")

    def lines(self, *args, schema=None, **more):
        documents = [json.loads(line) for line in self.train(*args, **more).split("\n")[:-1]]
        said = self.err
        if schema:
            self.assert_schema(schema, documents)
        self.err = said
        return documents

    def demo_pack(self):
        return self.pack(self.demo_store())

    def members(self, pack):
        """id -> document of every sample of a pack."""
        index = self.files_of(pack)["index.tsv"].decode().splitlines()
        ids = [line.split("\t")[1] for line in index]
        return {i: json.loads(self.run_cli("cat", pack, i)) for i in ids}

    def checkpoint(self, name="checkpoint", change=None):
        """A copy of the checkpoint in one file; change() gets its tensors."""
        folder = self.path(name)
        shutil.copytree(CHECKPOINT, folder)
        tensors = all_tensors(folder)
        for file in os.listdir(folder):
            if "safetensors" in file:
                os.remove(os.path.join(folder, file))
        if change:
            change(tensors)
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        return folder

    def kill_and_resume(self, output, *args, seconds=(0.05, 0.1, 0.2, 0.4)):
        """Kill the same command at several moments, then let it end. How many kills met it at work."""
        met = 0
        for pause in seconds:
            p = subprocess.Popen([OPATRAIN, *map(str, args), "-o", output], stderr=subprocess.DEVNULL)
            time.sleep(pause)
            p.kill()
            met += p.wait() < 0
        self.train(*args, "-o", output)
        return met
