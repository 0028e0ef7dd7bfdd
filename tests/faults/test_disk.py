# SPDX-License-Identifier: Apache-2.0
"""A full disk at any write: what was there before stays as it was, the message says what to do, and the same command
works when there is room. First by a limit on the size of files, at any byte; then on a small tmpfs, where mounting is
permitted, which also fills under the files that SQLite keeps beside a store."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from faults import FaultCase, LONG, main, no_larger_than, rollout_files
from support import TOKENIZER

ROOM = "room"  # what a message says to make


def steps(end, count):
    """About so many limits up to an end, with the borders of pages and of the first bytes among them."""
    borders = {0, 1, 100, 512, 4096, 32767, 32768, 32769, 65536, end - 1}
    return sorted({min(end, end * i // count) for i in range(count)} | {b for b in borders if 0 <= b < end})


class Limits(FaultCase):
    """RLIMIT_FSIZE."""

    def sweep(self, limits, prepare, args, check_failed, check_done):
        failed = done = 0
        for limit in limits:
            prepare()
            p = self.run_any(*args, preexec_fn=no_larger_than(limit))
            with self.subTest(limit=limit, said=p.err.decode()[-300:]):
                self.assertIn(p.returncode, (0, 1, 74))
                if p.returncode == 74:
                    failed += 1
                    self.assertIn(ROOM, p.err.decode())
                    check_failed()
                    p = self.run_any(*args)
                    self.assertIn(p.returncode, (0, 1), p.err)
                else:
                    done += 1
                check_done()
        self.assertTrue(failed, "no limit was reached")
        return failed, done

    def test_first_import(self):
        want = self.store(*rollout_files()[:3], name="want.opa")
        content, packed = self.content(want), self.pack_bytes(want)
        empty = self.store(name="empty.opa")
        store = self.path("set.opa")

        def check_done():
            self.assert_sound(store)
            self.assertEqual(self.content(store), content)
            self.assertEqual(self.pack_bytes(store), packed)
            self.assert_only(self.folder, "want.opa", "empty.opa", "set.opa")

        self.sweep(
            steps(os.path.getsize(want), 120 if LONG else 12),
            lambda: self.copy_store("set.opa", empty),
            ["import", store, *rollout_files()[:3]],
            lambda: self.assert_sound(store),
            check_done,
        )

    def test_later_import(self):
        first = self.store(*rollout_files()[:2], name="first.opa")
        before = self.content(first)
        want = self.copy_store("want.opa", first)
        self.run_cli("import", want, *rollout_files()[2:4])
        content, packed = self.content(want), self.pack_bytes(want)
        store = self.path("set.opa")

        def check_failed():
            self.assert_sound(store)
            now = self.content(store)
            self.assertLessEqual(set(before[0].splitlines()), set(now[0].splitlines()))
            self.assertLessEqual(set(before[1]), set(now[1]))

        def check_done():
            self.assertEqual(self.content(store), content)
            self.assertEqual(self.pack_bytes(store), packed)

        self.sweep(
            steps(os.path.getsize(want), 120 if LONG else 12),
            lambda: self.copy_store("set.opa", first),
            ["import", store, *rollout_files()[2:4]],
            check_failed,
            check_done,
        )

    def test_edits(self):
        made = self.store(rollout_files()[0], name="made.opa")
        before = self.content(made)
        sample = json.loads(before[0].splitlines()[0])["id"]
        for args in (["edit", "--revised", "By hand.", "--by", "A"], ["exclude", "--why", "a test", "--by", "A"]):
            store = self.copy_store("set.opa", made)
            command = [args[0], store, sample, *args[1:]]
            self.run_cli(*command)
            content = self.content(store)

            def check_done():
                self.assert_sound(store)
                self.assertEqual(self.content(store), content)

            self.sweep(
                steps(300000, 60 if LONG else 6),
                lambda: self.copy_store("set.opa", made),
                command,
                lambda: (self.assert_sound(store), self.assertEqual(self.content(store), before)),
                check_done,
            )

    def test_init(self):
        path = self.path("new.opa")
        for limit in steps(131072, 40 if LONG else 8):
            p = self.run_any("init", path, preexec_fn=no_larger_than(limit))
            with self.subTest(limit=limit, said=p.err):
                self.assertIn(p.returncode, (0, 74))
                if p.returncode:
                    self.assertIn(ROOM, p.err.decode())
                    self.assert_only(self.folder)
                    self.run_cli("init", path)
                self.assert_sound(path)
                os.remove(path)

    def test_packs(self):
        store = self.store(*rollout_files()[:2])
        want = self.pack_bytes(store)
        old_store = self.store(rollout_files()[3], name="old.opa")
        old_pack = self.pack(old_store, "old")
        old = self.files_of(old_pack)
        out = self.path("out")
        args = ["pack", store, "-o", out, "--tokenizer", TOKENIZER]
        limits = steps(max(map(len, want.values())), 60 if LONG else 6)

        def start_over(replace):
            shutil.rmtree(out, ignore_errors=True)
            if replace:
                shutil.copytree(old_pack, out)

        def check_failed(replace):
            self.run_cli("ls", store)  # which takes away what SQLite could not
            self.assert_only(self.folder, "set.opa", "old.opa", "old", *(["out"] if replace else []))
            self.assertEqual(self.files_of(out), old if replace else {})

        def check_done():
            self.assertEqual(self.files_of(out), want)
            self.assert_only(self.folder, "set.opa", "old.opa", "old", "out")

        for replace in (False, True):
            self.sweep(limits, lambda: start_over(replace), args, lambda: check_failed(replace), check_done)


def can_mount():
    """Is this process in a namespace where it may mount?"""
    return os.environ.get("OPA_TEST_NAMESPACE") == "1"


@unittest.skipUnless(can_mount(), "mounting a tmpfs is not permitted here (unshare)")
class SmallDisk(FaultCase):
    """ENOSPC itself."""

    SIZE = 12 << 20  # more than any limit of a sweep leaves

    def setUp(self):
        super().setUp()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % self.SIZE, "opapairs-test", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.ballast = os.path.join(self.disk, "ballast")

    def leave(self, pages):
        """Fill the disk but for so many pages of 4 KiB."""
        free = os.statvfs(self.disk)
        with open(self.ballast, "wb") as f:
            f.write(bytes((free.f_bavail - pages) * free.f_bsize))

    def clear(self):
        for name in os.listdir(self.disk):
            path = os.path.join(self.disk, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def sweep(self, pages, prepare, args, check_failed, check_done, code=(0, 1, 74)):
        failed = 0
        for left in pages:
            self.clear()
            prepare()
            self.leave(left)
            p = self.run_any(*args)
            with self.subTest(pages=left, said=p.err.decode()[-300:]):
                self.assertIn(p.returncode, code)
                if p.returncode == 74:
                    failed += 1
                    self.assertRegex(p.err.decode(), ROOM + "|No space left")
                    os.remove(self.ballast)
                    check_failed()
                    p = self.run_any(*args)
                    self.assertIn(p.returncode, (0, 1), p.err)
                else:
                    os.remove(self.ballast)
                check_done()
        self.assertTrue(failed, "the disk was never full")

    def pages(self, end, count):
        return sorted({0, 1, 2, 3, 4, 6, 8, 9, 10, 12, 16, 17} | {end * i // count for i in range(count)})

    def test_imports(self):
        files = rollout_files()[:3]
        empty, first = self.store(name="empty.opa"), self.store(rollout_files()[4], name="first.opa")
        for begin in (empty, first):
            want = self.copy_store("want.opa", begin)
            self.run_cli("import", want, *files)
            content, before = self.content(want), self.content(begin)
            store = os.path.join(self.disk, "set.opa")

            def check_failed():
                self.assert_sound(store)
                self.assertLessEqual(set(before[1]), set(self.content(store)[1]))

            def check_done():
                self.assert_sound(store)
                self.assertEqual(self.content(store), content)
                self.assert_only(self.disk, "set.opa")

            self.sweep(
                self.pages(2 * os.path.getsize(want) // 4096, 80 if LONG else 8),
                lambda: shutil.copyfile(begin, store),
                ["import", store, *files],
                check_failed,
                check_done,
            )

    def test_edits(self):
        made = self.store(rollout_files()[0], name="made.opa")
        before = self.content(made)
        sample = json.loads(before[0].splitlines()[0])["id"]
        store = os.path.join(self.disk, "set.opa")
        command = ["edit", store, sample, "--revised", "By hand.", "--by", "A"]
        shutil.copyfile(made, store)
        self.run_cli(*command)
        content = self.content(store)

        def check_done():
            self.assert_sound(store)
            self.assertEqual(self.content(store), content)
            self.assert_only(self.disk, "set.opa")

        self.sweep(
            range(0, 80, 1 if LONG else 5),
            lambda: shutil.copyfile(made, store),
            command,
            lambda: (self.assert_sound(store), self.assertEqual(self.content(store), before)),
            check_done,
        )

    def test_packs(self):
        store, old_store = self.store(rollout_files()[0]), self.store(rollout_files()[3], name="old.opa")
        want, old_pack = self.pack_bytes(store), self.pack(old_store, "old")
        old = self.files_of(old_pack)
        out = os.path.join(self.disk, "out")

        def check_failed():
            self.assert_only(self.disk, "out")
            self.assertEqual(self.files_of(out), old)

        def check_done():
            self.assert_only(self.disk, "out")
            self.assertEqual(self.files_of(out), want)

        self.sweep(
            self.pages(sum(map(len, want.values())) // 4096 + 8, 40 if LONG else 6),
            lambda: shutil.copytree(old_pack, out),
            ["pack", store, "-o", out, "--tokenizer", TOKENIZER],
            check_failed,
            check_done,
        )

    def test_readers(self):
        """They need room for SQLite's index of the log, 32 KiB."""
        store = os.path.join(self.disk, "set.opa")
        for pages in (0, 4, 40):
            self.clear()
            shutil.copyfile(self.store(rollout_files()[0], name="made.opa"), store)
            self.leave(pages)
            for verb in ("ls", "inspect", "stats", "check", "log", "doctor"):
                p = self.run_any(verb, store)
                self.assertEqual(p.returncode, 74 if pages < 8 else 0, p.err)
                if p.returncode:
                    self.assertIn(ROOM, p.err.decode())
            os.remove(self.ballast)
            self.assert_sound(store)

    def test_read_only_media(self):
        """The doctor reads it as it is; what a kill left open there cannot be finished, and it says so."""
        made = self.store(rollout_files()[0], name="made.opa")
        store = os.path.join(self.disk, "set.opa")
        shutil.copyfile(made, store)
        with open(os.path.join(self.disk, "open.opa-wal"), "wb") as f:
            f.write(bytes(5000))
        shutil.copyfile(made, os.path.join(self.disk, "open.opa"))
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        self.assert_sound(store)
        for verb in ("ls", "check", "log"):
            self.run_cli(verb, store)
        p = self.run_any("doctor", os.path.join(self.disk, "open.opa"))
        self.assertEqual(p.returncode, 74)
        self.assertIn(b"copy it", p.err)
        sample = json.loads(self.run_cli("ls", store, "--jsonl").splitlines()[0])["id"]
        p = self.run_any("edit", store, sample, "--revised", "x")
        self.assertEqual(p.returncode, 74)
        self.assertIn(b"cannot be written", p.err)


def enter_namespace():
    """Run this script again where it may mount, if that can be had."""
    for options in (["-m"], ["-rm"]):
        if "OPA_TEST_NAMESPACE" in os.environ or not shutil.which("unshare"):
            return
        trial = "t=$(mktemp -d) && mount -t tmpfs none $t && umount $t; r=$?; rmdir $t; exit $r"
        if subprocess.run(["unshare", *options, "sh", "-c", trial], stderr=subprocess.DEVNULL).returncode == 0:
            os.environ["OPA_TEST_NAMESPACE"] = "1"
            os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])


if __name__ == "__main__":
    enter_namespace()
    main()
