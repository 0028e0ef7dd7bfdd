# SPDX-License-Identifier: Apache-2.0
"""Packs whose sums were made to agree again after an alteration: what only a careful reader notices."""

import os
import shutil

from forged import SHARD, Forged
from support import main


class HostilePacks(Forged):
    def test_the_forger_is_good(self):
        self.document()
        self.assertNotEqual(self.read(SHARD), b"")
        self.run_cli("verify", self.packed)

    def test_headers(self):
        for name, place, value in (
            ("size over its field", 124, b"77777777777 "),
            ("size in base 256", 124, b"\x80" + b"\0" * 3 + b"\xff" * 8),
            ("size below nothing", 124, b"\xff" * 12),
            ("size of 1 GiB", 124, b"10000000000\0"),
            ("path upwards", 0, b"../../tmp/x.json\0"),
            ("absolute path", 0, b"/tmp/x.json\0"),
            ("prefix", 345, b"../x"),
            ("link", 157, b"/etc/passwd"),
            ("mode", 100, b"0004777\0"),
            *(("type " + t, 156, t.encode()) for t in "123456SxgLMV"),
        ):
            with self.subTest(name):
                good = {n: self.read(n) for n in os.listdir(self.packed)}

                def edit(head, place=place, value=value):
                    head[place : place + len(value)] = value

                self.header(edit)
                found = self.refused("header" if place != 124 else "")
                self.assertEqual({(f["file"], f["id"]) for f in found}, {(SHARD, self.sample)})
                self.run_cli("cat", self.packed, self.sample, code=65)
                for n, data in good.items():
                    self.put(n, data)

    def test_the_id_in_a_member(self):
        self.document(id="another")
        self.refused("its id is not that of the index")

    def test_an_id_that_stands_twice(self):
        self.member(lambda b: b[:-1] + b',"id":"another"}')
        self.refused("its id is not that of the index")

    def test_members(self):
        for name, edit, says in (
            ("empty", lambda b: b"", "line 1, column 1"),
            ("deep", lambda b: b"[" * 1000000, "nested"),
            ("cut", lambda b: b[: len(b) // 2], "column"),
            ("no object", lambda b: b"[]", "object"),
            ("negative id", lambda b: b.replace(b'"ids":[', b'"ids":[-5,', 1), "responses.generated.ids"),
            ("NaN", lambda b: b.replace(b'"language":[1.0', b'"language":[NaN', 1), "responses.generated.weights"),
            ("mask", lambda b: b.replace(b'"mask":0', b'"mask":9', 1), "pairs["),
        ):
            with self.subTest(name):
                good = {n: self.read(n) for n in os.listdir(self.packed)}
                self.member(edit)
                self.refused(says)
                for n, data in good.items():
                    self.put(n, data)

    def test_an_index_cut_between_lines(self):
        self.put_rows(self.rows()[:-2])
        self.sums()
        self.refused(readers=(65,))
        self.put_rows([])
        self.sums()
        self.refused(readers=(65,))

    def test_ranges_that_overlap(self):
        rows = self.rows()
        same = [r for r in rows if r[2] == SHARD]
        same[1][3:5] = same[0][3:5]
        self.put_rows(rows)
        self.agree()
        self.refused("are in two samples")

    def test_the_version_of_a_manifest(self):
        self.manifest(lambda d: d.update(schema_version="1"))
        self.sums()
        self.refused("schema_version", readers=(65,))
        self.manifest(lambda d: d.pop("schema_version"))
        self.sums()
        self.refused("schema_version", readers=(65,))

    def test_a_shard_named_twice(self):
        self.manifest(lambda d: d["shards"].append(d["shards"][0]))
        self.sums()
        self.refused("twice", readers=(0,))

    def test_shards_that_are_no_files(self):
        for make in (os.mkdir, os.mkfifo, lambda p: os.symlink("/dev/zero", p), lambda p: None):
            path = os.path.join(self.packed, SHARD)
            os.remove(path)
            make(path)
            self.refused()
            self.run_cli("ls", self.packed, code=65)
            lost = self.jsonl("check", self.packed, code=1)
            self.assertIn(self.sample, [f["id"] for f in lost if f["severity"] == "error"])
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.remove(path)
            shutil.copy(os.path.join(self.good, SHARD), path)
        self.run_cli("verify", self.packed)

    def test_a_missing_shard_is_named_by_check(self):
        os.remove(os.path.join(self.packed, SHARD))
        wanted = {r[1] for r in self.rows() if r[2] == SHARD}
        found = self.jsonl("check", self.packed, code=1, schema="check")
        self.assertEqual({f["id"] for f in found if f["code"] == "OP805"}, wanted)


if __name__ == "__main__":
    main()
