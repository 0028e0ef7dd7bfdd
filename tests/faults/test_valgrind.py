# SPDX-License-Identifier: Apache-2.0
"""valgrind's memcheck over the verbs: no invalid access, no use of what was not set, nothing lost."""

import json
import shutil
import subprocess
import unittest

from faults import FaultCase, LONG, SANITIZED, main, rollout_files
from support import PROGRAM, TOKENIZER, rollout

FAULT = 99
COMMAND = [
    "valgrind",
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--errors-for-leak-kinds=definite,indirect,possible",
    "--error-exitcode=%d" % FAULT,
]


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
@unittest.skipIf(SANITIZED, "a sanitizer and valgrind do not go together")
class Valgrind(FaultCase):
    def small(self):
        with open(rollout_files()[0], encoding="utf-8") as f:
            records = json.load(f)[:2]
        records.append(rollout("A dog.  A cat sits.", [("A cat sits.", "A cow sits.", 1), ("A dog", "A dog", 4)]))
        return self.write("small.json", json.dumps(records) + '\n[{"query": 3}, {"que')

    def check(self, *args, code=(0, 1), input=b""):
        p = subprocess.run(
            COMMAND + [PROGRAM, *map(str, args)],
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=600,
        )
        self.assertIn(p.returncode, code, "%s\n%s" % (args, p.stderr.decode()[-4000:]))
        return p.stdout.decode()

    def test_import_and_pack(self):
        store = self.store()
        self.check("import", store, self.small())
        self.check("pack", store, "-o", self.path("p"), "--tokenizer", TOKENIZER)

    @unittest.skipUnless(LONG, "the other verbs: ./run test --long")
    def test_all_verbs(self):
        store = self.path("set.opa")
        self.check("init", store)
        self.check("import", store, self.small(), "--threads", "3")
        self.check("import", store, self.small())
        sample = json.loads(self.run_cli("ls", store, "--jsonl").splitlines()[0])["id"]
        self.check("edit", store, sample, "--revised", "By hand.")
        report = self.write("r.json", '{"0": {"copied_content": "A dog.", "score": 4, "rewritten_content": "A dog."}}')
        self.check("edit", store, sample, "--report", report)
        self.check("exclude", store, sample, "--why", "x")
        self.check("undo", store, sample)
        for args in (
            ["log"],
            ["ls"],
            ["stats"],
            ["check", "--images"],
            ["inspect"],
            ["inspect", "--jsonl"],
            ["doctor"],
        ):
            self.check(args[0], store, *args[1:])
        packed = self.path("p")
        for n in (1, 2):
            self.check("pack", store, "-o", packed, "--tokenizer", TOKENIZER, "--threads", str(n))
        for args in (["verify"], ["ls"], ["stats"], ["check"], ["inspect"]):
            self.check(args[0], packed, *args[1:])
        self.check("diff", store, packed)
        self.check("cat", packed, json.loads(self.run_cli("ls", packed, "--jsonl").splitlines()[0])["id"])
        self.check("tokenize", "--tokenizer", TOKENIZER, input=b"A dog on the beach.\n")
        self.check("recipe", "opa-dpo")

    @unittest.skipUnless(LONG, "damaged files: ./run test --long")
    def test_damage(self):
        with open(self.store(self.small()), "rb") as f:
            data = bytearray(f.read())
        for _ in range(12):
            broken = bytearray(data)
            for _ in range(4):
                broken[self.random.randrange(len(broken))] ^= 1 << self.random.randrange(8)
            path = self.write("broken.opa", bytes(broken))
            for verb in ("doctor", "ls", "check"):
                self.check(verb, path, code=(0, 1, 65, 74))


if __name__ == "__main__":
    main()
