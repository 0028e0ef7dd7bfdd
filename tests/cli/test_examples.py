# SPDX-License-Identifier: Apache-2.0
"""The programs in examples/ do what they say."""

import os
import subprocess

from support import Case, TOKENIZER, main, rollout_files

EXAMPLES = os.environ["OPA_EXAMPLES"]


class Examples(Case):
    def example(self, name, *args, code=0):
        p = subprocess.run([os.path.join(EXAMPLES, name), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, code, p.stderr)
        return p.stdout.decode()

    def test_diff_texts(self):
        out = self.example("diff_texts", "A black dog sleeps.", "A brown dog sleeps.")
        self.assertIn("substitute 'black' -> 'brown'", out)
        self.example("diff_texts", code=2)

    def test_store_to_pack_and_read_pack(self):
        store, pack = self.path("set.opa"), self.path("pack")
        out = self.example("store_to_pack", store, pack, TOKENIZER, *rollout_files())
        self.assertIn("48 records, 48 samples, 48 packed, 0 left out", out)
        self.run_cli("verify", pack)
        rows = self.example("read_pack", pack).splitlines()
        self.assertEqual(len(rows), 48)
        first = rows[0].split(":")[0]
        self.assertEqual(self.example("read_pack", pack, first).splitlines(), rows[:1])
        self.example("read_pack", pack, "nobody", code=1)
        self.example("read_pack", self.path("none"), code=1)


if __name__ == "__main__":
    main()
