# SPDX-License-Identifier: Apache-2.0
"""A store or a pack of a newer version is refused by every verb, with both versions and what to do."""

import hashlib
import json
import os
import shutil
import sqlite3

from faults import FaultCase, main, rollout_files
from support import TOKENIZER


class Versions(FaultCase):
    def assert_refused(self, *args):
        p = self.run_any(*args)
        said = p.err.decode()
        self.assertEqual((p.returncode, p.out), (65, b""), (args, said))
        for word in ("version 99", "up to", "newer opapairs"):
            self.assertIn(word, said, args)

    def test_store(self):
        store = self.store(rollout_files()[0])
        sample = json.loads(self.run_cli("ls", store, "--jsonl").splitlines()[0])["id"]
        other = self.copy_store("other.opa", store)
        with sqlite3.connect(store) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        with open(store, "rb") as f:
            before = f.read()
        text = self.write("text", b"x")
        for args in (
            ["init", store],
            ["import", store, rollout_files()[1]],
            ["import", store, rollout_files()[1], "--dry-run"],
            ["check", store],
            ["check", store, "--images"],
            ["stats", store],
            ["ls", store],
            ["inspect", store],
            ["inspect", store, sample],
            ["diff", store, other],
            ["diff", other, store],
            ["edit", store, sample, "--revised", "x"],
            ["edit", store, sample, "--revised-file", text],
            ["exclude", store, sample, "--why", "x"],
            ["exclude", store, "--only", "broken", "--why", "x"],
            ["accept", store, sample],
            ["log", store],
            ["log", store, sample],
            ["undo", store, sample],
            ["pack", store, "-o", self.path("p"), "--tokenizer", TOKENIZER],
            ["doctor", store],
            ["doctor", store, "--json"],
        ):
            if "--json" in args:
                p = self.run_any(*args)
                self.assertEqual(p.returncode, 65)
                continue
            self.assert_refused(*args)
        self.assertFalse(os.path.exists(self.path("p")))
        with open(store, "rb") as f:
            self.assertEqual(f.read(), before, "a refused store was changed")

    def test_pack(self):
        store = self.store(rollout_files()[0])
        sample = json.loads(self.run_cli("ls", store, "--jsonl").splitlines()[0])["id"]
        packed = self.pack(store)
        other = shutil.copytree(packed, self.path("other"))
        path = os.path.join(packed, "manifest.json")
        with open(path, "rb") as f:
            manifest = f.read().replace(b'"schema_version":1', b'"schema_version":99', 1)
        sums = os.path.join(packed, "SHA256SUMS")
        with open(sums, encoding="ascii") as f:
            lines = [line for line in f if not line.endswith("manifest.json\n")]
        for name, content in ((path, manifest), (sums, None)):
            os.chmod(name, 0o644)
            with open(name, "wb") as f:
                f.write(
                    content
                    or "".join(
                        sorted(
                            lines + ["%s  manifest.json\n" % hashlib.sha256(manifest).hexdigest()],
                            key=lambda line: line.split("  ")[1],
                        )
                    ).encode()
                )
        for args in (
            ["check", packed],
            ["stats", packed],
            ["ls", packed],
            ["inspect", packed],
            ["diff", packed, other],
            ["diff", other, packed],
            ["cat", packed, sample],
            ["verify", packed],
            ["verify", packed, "--jsonl"],
        ):
            self.assert_refused(*args)


if __name__ == "__main__":
    main()
