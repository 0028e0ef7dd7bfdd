# SPDX-License-Identifier: Apache-2.0
"""Damage of every kind to a store: the doctor finds it, says whom it touches and what to do, and nothing crashes."""

import json
import re
import shutil
import sqlite3
import subprocess
import time
import unittest

from faults import FaultCase, LONG, main, rollout_files
from support import png

# What nothing in a store repeats or can be worked out from the rest. An altered letter there stays unseen; schema and
# SQLite's own checks see what they can.
UNCOVERED = {
    "edits": {"by", "at", "why"},
    "records": {"line"},
    "findings": {"n", "code", "line", "field", "message"},
    "file_findings": {"origin", "code", "line", "message"},
    "quarantine": {"origin"},
    "raws": {"content", "code", "field", "message", "outcome", "linked"},
}


def rows(path):
    """Every value of a store, by table, row and column; raises sqlite3.Error where it cannot be read."""
    out = {}
    db = sqlite3.connect("file:%s?immutable=1" % path, uri=True)
    db.text_factory = bytes
    try:
        tables = db.execute("select name, sql from sqlite_schema where type = 'table' order by 1").fetchall()
        for name, sql in tables:
            table = name.decode()
            cursor = db.execute("select * from %s order by 1, 2" % table)
            columns = [c[0] for c in cursor.description]
            for i, row in enumerate(cursor):
                for column, value in zip(columns, row):
                    out[table, i, column] = value
    finally:
        db.close()
    return out


def is_typed(values, table, row, column):
    """A text that a person gave with "edit": it stands in no record."""
    if table != "edits" or column not in ("revised", "report"):
        return False
    return values[table, row, "what"] in (1, 2) and values[table, row, "why"] is None


class Doctor(FaultCase):
    def make(self):
        """A store with every kind of entry in its logs, closed."""
        samples = [
            {"id": "plain", "prompt": "What?", "generated": "A dog.", "revised": "A cat.", "ground_truth": "A cow."},
            {"id": "pictured", "prompt": "What?", "generated": "A hen.", "image": {"bytes": "no base64!"}},
            {"id": "linked", "prompt": "What?", "generated": "A fox.", "image": "fox.png"},
        ]
        self.write("fox.png", png(40, 30))
        store = self.store(rollout_files()[0], self.write_lines("samples.jsonl", samples))
        ids = [json.loads(line)["id"] for line in self.run_cli("ls", store, "--jsonl").splitlines()]
        ids = [i for i in ids if i.startswith("scene")]
        self.by_hand, self.untouched = ids[0], ids[1]
        self.run_cli("edit", store, self.by_hand, "--revised", "Typed in.", "--by", "A")
        self.run_cli("exclude", store, self.by_hand, "--why", "a test", "--by", "A")
        self.run_cli("undo", store, self.by_hand, "--by", "A")
        report = {"0": {"copied_content": "A dog.", "score": 1, "rewritten_content": "A pig."}}
        self.run_cli("edit", store, "plain", "--report", self.write("r.json", json.dumps(report)))
        edits = [{"id": self.untouched, "revised": "From a file."}, {"id": "linked", "feedback": report}]
        self.run_any("import", store, self.write_lines("edits.jsonl", edits))
        return store

    def doctor(self, store, code=1):
        begin = time.monotonic()
        p = self.run_any("doctor", store, "--json", timeout=60)
        self.assertLess(time.monotonic() - begin, 40)
        self.assertEqual(p.returncode, code, (p.out[-600:], p.err))
        return json.loads(p.out) if code < 2 else p.err.decode()

    def test_a_sound_store(self):
        store = self.make()
        with open(store, "rb") as f:
            before = f.read()
        out = self.doctor(store, 0)
        self.assert_schema("doctor", [out])
        self.assertEqual((out["sound"], out["samples"], out["findings"]), (True, 11, []))
        self.assertEqual((out["records"], out["images"]), (13, 9))
        self.assertIn("sound", self.run_cli("doctor", store))
        self.assertEqual(self.run_cli("doctor", store, "--jsonl"), "")
        with open(store, "rb") as f:
            self.assertEqual(f.read(), before, "the doctor changed the store")
        self.assertEqual(self.doctor(self.store(name="empty.opa"), 0)["samples"], 0)

    def test_what_is_no_store(self):
        self.assertIn("verify", self.doctor(self.pack(self.make()), 65))
        self.assertIn("not a store", self.doctor(self.write("text", b"x" * 5000), 65))
        self.assertIn("not a store", self.doctor(self.write("none", b""), 65))
        self.assertIn("not a store", self.doctor(self.folder, 65))
        self.assertIn("no such store", self.doctor(self.path("nothing"), 66))
        store = self.make()
        with sqlite3.connect(store) as db:
            db.execute("PRAGMA application_id = 7")
        db.close()
        self.assertIn("application_id", self.doctor(store, 65))
        self.run_cli("doctor", code=2)
        self.run_cli("doctor", store, "--json", "--jsonl", code=2)

    # ---- damage through SQL ----

    def damage(self, store, *statements):
        path = self.copy_store("damaged.opa", store)
        db = sqlite3.connect(path)
        db.executescript("PRAGMA foreign_keys = OFF; DROP TRIGGER edits_keep; DROP TRIGGER edits_stay;")
        for sql, *values in statements:
            changed = db.execute(sql, values).rowcount
            self.assertNotEqual(changed, 0, sql)
        db.executescript(
            "CREATE TRIGGER edits_keep BEFORE UPDATE ON edits BEGIN SELECT raise(ABORT, 'edits are append-only'); END;"
            "CREATE TRIGGER edits_stay BEFORE DELETE ON edits BEGIN SELECT raise(ABORT, 'edits are append-only'); END;"
        )
        db.commit()
        db.close()
        return path

    def value(self, store, sql, *values):
        db = sqlite3.connect(store)
        try:
            return db.execute(sql, values).fetchone()[0]
        finally:
            db.close()

    def test_every_text_and_image(self):
        store = self.make()
        key = self.value(store, "select key from samples where id = ?", self.untouched)
        image = self.value(store, "select image from samples where id = ?", self.untouched)
        raw = self.value(store, "select min(key) from raws where sample = ?", key)
        cases = [
            ("OP913", "images", "bytes", "key = %d" % image),
            ("OP913", "images", "sha256", "key = %d" % image),
            ("OP914", "raws", "bytes", "key = %d" % raw),
            ("OP914", "raws", "sha256", "key = %d" % raw),
            ("OP914", "raws", "format", "key = %d" % raw),
            ("OP914", "raws", "image_name", "key = %d" % raw),
            ("OP915", "samples", "prompt", "key = %d" % key),
            ("OP915", "samples", "generated", "key = %d" % key),
            ("OP915", "samples", "id", "key = %d" % key),
            ("OP915", "samples", "pack_key", "key = %d" % key),
        ]
        for n, what in enumerate(("revised", "ground_truth", "report")):
            for entry in ("min", "max"):
                where = "sequence = (select %s(sequence) from edits where sample = %d)" % (entry, key)
                cases.append(("OP916", "edits", what, where))
        for code, table, column, where in cases:
            old = self.value(store, "select %s from %s where %s" % (column, table, where))
            new = bytearray(old if isinstance(old, bytes) else old.encode())
            new[self.random.randrange(len(new))] ^= 1
            new = bytes(new) if isinstance(old, bytes) else new.decode("utf-8", "replace")
            path = self.damage(store, ("update %s set %s = ? where %s" % (table, column, where), new))
            with self.subTest(table=table, column=column, where=where):
                found = self.doctor(path)["findings"]
                self.assertIn(code, {f["code"] for f in found})
                if column not in ("id", "sha256"):
                    self.assertIn(self.untouched, {f["id"] for f in found})
                    self.assertEqual({f["file"] for f in found}, {"step0_rank0.json"})
                    self.assertEqual({f["record"] for f in found}, {1})

    def test_logs_and_references(self):
        store = self.make()
        key = self.value(store, "select key from samples where id = ?", self.by_hand)
        other = self.value(store, "select key from samples where id = ?", "plain")
        last = "(select max(sequence) from edits where sample = %d)" % key
        cases = [
            (
                "OP916",
                "update samples set head = (select min(sequence) from edits where sample = %d) where key = %d"
                % (key, key),
            ),
            ("OP916", "update edits set excluded = 1 where sequence = %s" % last),
            ("OP916", "update edits set by_hand = 0 where sequence = %s" % last),
            ("OP916", "update edits set undoes = undoes - 1 where sequence = %s" % last),
            ("OP916", "update edits set revised = 'Other.' where sequence = %s" % last),
            ("OP916", "update edits set what = 9 where sequence = %s" % last),
            ("OP916", "update edits set what = 0 where sequence = %s" % last),
            ("OP916", "update edits set sample = %d where sequence = %s" % (other, last)),
            ("OP916", "update edits set revised = 'Typed im.' where what = 1 and sample = %d" % key),
            ("OP916", "update edits set revised = 'A pug.' where what = 2 and sample = %d" % other),
            ("OP916", "update edits set ground_truth = NULL where what = 3 and sample = %d" % key),
            ("OP912", "delete from edits where sequence = %s" % last),
            ("OP912", "update samples set source = 999 where key = %d" % key),
            ("OP912", "update samples set image = 999 where key = %d" % key),
            ("OP912", "update records set raw = 999 where key = 1"),
            ("OP912", "delete from images where key = 2"),
            (
                "OP915",
                "update samples set source = (select source from samples where key = %d) where key = %d" % (other, key),
            ),
            ("OP915", "update samples set report_expected = 0 where key = %d" % key),
            ("OP914", "update raws set cut_offset = cut_offset + 1 where key = 1"),
            ("OP914", "update raws set cut_image = 2 where key = 1"),
            ("OP913", "update images set width = width + 1 where key = 1"),
            ("OP914", "update files set sort_key = x'00' where key = 1"),
        ]
        for code, sql in cases:
            with self.subTest(sql=sql):
                found = self.doctor(self.damage(store, (sql,)))["findings"]
                self.assertIn(code, {f["code"] for f in found})

    def test_tables(self):
        store = self.make()
        for sql in (
            "DROP TRIGGER edits_keep",
            "DROP INDEX edits_sample",
            "DROP TABLE findings",
            "CREATE TABLE mine (x)",
            "ALTER TABLE samples ADD COLUMN mine TEXT",
        ):
            path = self.copy_store("damaged.opa", store)
            db = sqlite3.connect(path)
            db.execute(sql)
            db.commit()
            db.close()
            self.assertIn("OP911", {f["code"] for f in self.doctor(path)["findings"]}, sql)

    # ---- damage to bytes ----

    def test_bytes_of_images_and_texts(self):
        store = self.make()
        with open(store, "rb") as f:
            data = f.read()
        key = self.value(store, "select key from samples where id = ?", self.untouched)
        image = self.value(store, "select i.bytes from images i join samples s on s.image = i.key where s.key = ?", key)
        generated = self.value(store, "select generated from samples where key = ?", key).encode()
        raw = self.value(store, "select bytes from raws where sample = ? order by key", key)
        for what, begin in (
            ("image", image[-100:-40]),
            ("generated", generated[:40]),
            ("record", raw[raw.index(generated[:40]) - 20 :][:60]),
        ):
            places = [m.start() for m in re.finditer(re.escape(begin), data)]
            self.assertTrue(places, what)
            self.assertTrue(what != "image" or len(places) == 1)
            for place in places:
                for bit in (0, 5):
                    broken = bytearray(data)
                    broken[place + self.random.randrange(len(begin))] ^= 1 << bit
                    found = self.doctor(self.write("damaged.opa", bytes(broken)))["findings"]
                    self.assertIn(self.untouched, {f["id"] for f in found}, (what, place))

    def test_any_byte(self):
        """Each flipped bit is found, or every value of the store is as before, or only such as nothing repeats."""
        store = self.make()
        with open(store, "rb") as f:
            data = f.read()
        before = rows(store)
        found = same = unseen = 0
        pages = [i for i in range(len(data)) if i % 32768 < 200 or data[i]]
        for n in range(3000 if LONG else 250):
            broken = bytearray(data)
            place = self.random.choice(pages) if n % 2 else self.random.randrange(len(data))
            broken[place] ^= 1 << self.random.randrange(8)
            path = self.write("damaged.opa", bytes(broken))
            p = self.run_any("doctor", path, "--json", timeout=60)
            if p.returncode != 0:
                self.assertIn(p.returncode, (1, 65))
                found += 1
                continue
            after = rows(path)
            changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
            covered = {k for k in changed if k[2] not in UNCOVERED.get(k[0], ()) and not is_typed(before, *k)}
            self.assertEqual(covered, set(), "byte %d" % place)
            unseen += bool(changed)
            same += not changed
        print("flipped bits: %d found, %d changed nothing, %d in what nothing repeats" % (found, same, unseen))
        self.assertGreater(found, 50)

    def test_pages(self):
        """Whole pages lost: every other sample is still looked at."""
        store = self.make()
        with open(store, "rb") as f:
            data = f.read()
        count = len(data) // 32768
        for n in range(count * 3 if LONG else count):
            at = n % count * 32768
            filling = (bytes(32768), b"\xff" * 32768, self.random.randbytes(32768))[n // count if LONG else n % 3]
            path = self.write("damaged.opa", data[:at] + filling + data[at + 32768 :])
            p = self.run_any("doctor", path, timeout=60)
            self.assertIn(p.returncode, (0, 1, 65))
            if p.returncode == 0:
                self.assertEqual(rows(path), rows(store))
            for verb in ("ls", "check", "log"):
                self.run_any(verb, path, timeout=60)

    def test_cut_files(self):
        store = self.make()
        with open(store, "rb") as f:
            data = f.read()
        for size in (1, 99, 100, 4096, 32768, 32769, 65536, len(data) // 2, len(data) - 32768, len(data) - 1):
            p = self.run_any("doctor", self.write("damaged.opa", data[:size]), timeout=60)
            self.assertIn(p.returncode, (1, 65), size)
            self.assertTrue(p.out or p.err)

    def test_logs_of_sqlite(self):
        """A write-ahead log that was left, cut, altered, or lost."""
        store = self.make()
        writer = sqlite3.connect(store)
        writer.execute("PRAGMA journal_mode = WAL")
        for text in ("x", "What?"):  # there and back
            writer.execute("update samples set prompt = ? where id = 'plain'", (text,))
            writer.commit()
        with open(store + "-wal", "rb") as f:
            log = f.read()
        with open(store, "rb") as f:
            data = f.read()
        writer.close()
        self.assertGreater(len(log), 1000)
        for n in range(20):
            path = self.copy_store("damaged.opa", store)
            broken = bytearray(log)
            if n % 3:
                broken[self.random.randrange(len(broken))] ^= 255
            with open(path, "wb") as f:
                f.write(data)
            if n:
                with open(path + "-wal", "wb") as f:
                    f.write(broken[: self.random.randrange(len(broken))] if n % 3 == 2 else broken)
            self.assertIn(self.run_any("doctor", path).returncode, (0, 1))

    # ---- what to do ----

    @unittest.skipUnless(shutil.which("sqlite3"), "SQLite's own program is not installed")
    def test_the_advice_works(self):
        store = self.make()
        key = self.value(store, "select rootpage from sqlite_schema where name = 'samples_source'")
        with open(store, "rb") as f:
            data = bytearray(f.read())
        data[(key - 1) * 32768 + 8 : (key - 1) * 32768 + 100] = b"\xff" * 92
        path = self.write("damaged.opa", bytes(data))
        said = self.run_cli("doctor", path, code=1)
        lines = [line.strip() for line in said.splitlines() if line.strip().startswith("sqlite3")]
        self.assertEqual(len(lines), 2, said)
        for line in lines:
            subprocess.run(line, shell=True, cwd=self.folder, stderr=subprocess.PIPE)
        self.assertIn("     opapairs doctor saved.opa\n", said)
        self.assertEqual(self.doctor(self.path("saved.opa"), 0)["samples"], 11)
        self.assertEqual(self.content(self.path("saved.opa")), self.content(store))
        self.assertIn("REINDEX", said)
        subprocess.run(["sqlite3", path, "REINDEX"], check=True)
        self.assertEqual(self.doctor(path, 0)["samples"], 11)


if __name__ == "__main__":
    main()
