# SPDX-License-Identifier: Apache-2.0
"""A pack that can be altered, with sums that agree again."""

import hashlib
import json
import os
import shutil

from support import Case, rollout_files

SHARD = "png-000000.tar"
VERBS = (["inspect", "--jsonl"], ["ls", "--jsonl"], ["stats", "--json"], ["check", "--jsonl"])


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Forged(Case):
    @classmethod
    def setUpClass(cls):
        case = cls("setUp")
        Case.setUp(case)
        cls.addClassCleanup(case.doCleanups)
        cls.good = case.pack(case.store(cls.records(case)), code=0)

    @classmethod
    def records(cls, case):
        return rollout_files()[0]

    def setUp(self):
        super().setUp()
        self.packed = self.path("pack")
        self.restore()

    def restore(self):
        """The good pack again."""
        shutil.rmtree(self.packed, ignore_errors=True)
        shutil.copytree(self.good, self.packed)
        for name in os.listdir(self.packed):
            os.chmod(os.path.join(self.packed, name), 0o644)
        self.sample = self.rows()[0][1]
        self.assertEqual(self.rows()[0][2], SHARD)

    # ---- the parts ----

    def read(self, name):
        with open(os.path.join(self.packed, name), "rb") as f:
            return f.read()

    def put(self, name, data):
        with open(os.path.join(self.packed, name), "wb") as f:
            f.write(data)

    def rows(self):
        return [line.split("\t") for line in self.read("index.tsv").decode().splitlines()]

    def put_rows(self, rows):
        self.put("index.tsv", "".join("\t".join(map(str, r)) + "\n" for r in rows).encode())

    def manifest(self, edit):
        document = json.loads(self.read("manifest.json"))
        edit(document)
        self.put("manifest.json", json.dumps(document, separators=(",", ":")).encode() + b"\n")

    def agree(self):
        """Let every hash be that of what is there now."""
        rows = self.rows()
        for r in rows:
            r[5] = sha256(self.read(r[2])[int(r[3]) : int(r[3]) + int(r[4])])
        self.put_rows(rows)

        def shards(document):
            for s in document["shards"]:
                s["bytes"], s["sha256"] = len(self.read(s["name"])), sha256(self.read(s["name"]))

        self.manifest(shards)
        self.sums()

    def sums(self):
        names = sorted(n for n in os.listdir(self.packed) if n != "SHA256SUMS")
        self.put("SHA256SUMS", "".join("%s  %s\n" % (sha256(self.read(n)), n) for n in names).encode())

    def header(self, edit):
        """Edit the first header of the shard; its checksum is put right."""
        data = bytearray(self.read(SHARD))
        head = data[:512]
        edit(head)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        self.put(SHARD, bytes(head) + bytes(data[512:]))
        self.agree()

    def member(self, edit):
        """Edit the first sample's JSON; the shard is laid out anew."""
        data = self.read(SHARD)
        size = int(data[124:135], 8)
        end = 512 + (size + 511) // 512 * 512
        body = edit(data[512 : 512 + size])
        head = bytearray(data[:512])
        head[124:136] = b"%011o\0" % len(body)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        whole = bytes(head) + body + b"\0" * (-len(body) % 512)
        self.put(SHARD, whole + data[end:])
        rows = self.rows()
        for r in rows:
            if r[2] == SHARD and int(r[3]) > 0:
                r[3] = int(r[3]) + len(whole) - end
        rows[0][4] = int(rows[0][4]) + len(whole) - end
        self.put_rows(rows)
        self.agree()

    def document(self, **more):
        self.member(lambda b: json.dumps({**json.loads(b), **more}).encode())

    # ---- what is wanted ----

    def refused(self, says="", readers=(1, 65)):
        p = self.run_any("verify", self.packed, "--jsonl")
        self.assertEqual(p.returncode, 1, p.out + p.err)
        found = [json.loads(line) for line in p.out.decode().splitlines()]
        self.assertIn(says, " ".join(f["message"] for f in found))
        for verb, *more in VERBS:
            self.assertIn(self.run_any(verb, self.packed, *more).returncode, readers, verb)
        self.run_any("cat", self.packed, self.sample, "--member", "image")
        self.run_any("diff", self.packed, self.good)
        return found
