# SPDX-License-Identifier: Apache-2.0
"""Several processes on one store: nothing is lost, readers see whole batches, who waits too long is told so."""

import fcntl
import json
import os
import shutil
import signal
import threading
import time

from faults import FaultCase, LONG, main, rollout_files


class Processes(FaultCase):
    def setUp(self):
        super().setUp()
        # The copy has a lesser name, so it is the source of its samples whenever it comes.
        copy = shutil.copyfile(rollout_files()[3], self.path("a_copy.json"))
        self.files = rollout_files() + [self.many_samples(), self.more_samples(), copy]
        self.want = self.store(*self.files, name="want.opa")
        self.want_content, self.want_pack = self.content(self.want), self.pack_bytes(self.want)

    def many_samples(self):
        """A file that takes several transactions."""
        text = "word " * 2500
        return self.write_lines(
            "many.jsonl",
            [
                {"id": "m%04d" % i, "prompt": "What?", "generated": text + str(i), "revised": text + "x%d" % i}
                for i in range(450)
            ],
        )

    def more_samples(self):
        return self.write_lines(
            "samples.jsonl",
            [
                {"id": "s%d" % i, "prompt": "p", "generated": "A dog %d." % i, "ground_truth": "A cat."}
                for i in range(300)
            ],
        )

    def read_all_the_time(self, store, stop, wrong):
        """A reader never fails, and what was there once stays."""
        seen = 0
        while not stop.is_set():
            for args in (["log", store, "--jsonl"], ["stats", store, "--json"], ["ls", store, "--jsonl"]):
                p = self.run_any(*args)
                if p.returncode != 0:
                    wrong.append((args, p.returncode, p.err))
            samples = len(p.out.splitlines())
            if samples < seen:
                wrong.append("%d samples, and %d before" % (samples, seen))
            seen = samples

    def import_together(self, store, kill):
        """Overlapping files by four processes; perhaps one of them is killed at some moment and run again."""
        shares = [[f for i, f in enumerate(self.files) if (i + k) % 4 != 0] for k in range(4)]
        for share in shares:
            self.random.shuffle(share)
        running = [self.start("import", store, *share) for share in shares]
        if kill:
            time.sleep(self.random.random() * 0.4)
            running[0].kill()
        for n, (p, share) in enumerate(zip(running, shares)):
            p.communicate(timeout=300)
            # On a slow machine one may have waited too long (75): as after a kill, running it again goes on.
            expected = (0, 75, -signal.SIGKILL) if kill and n == 0 else (0, 75)
            self.assertIn(p.returncode, expected)
            if p.returncode != 0:
                self.run_cli("import", store, *share)

    def test_imports_together(self):
        rounds = 12 if LONG else 3
        for n in range(rounds):
            store = self.store(name="set%d.opa" % n)
            stop, wrong = threading.Event(), []
            reader = threading.Thread(target=self.read_all_the_time, args=(store, stop, wrong))
            reader.start()
            try:
                self.import_together(store, kill=n > 0)
            finally:
                stop.set()
                reader.join()
            self.assertEqual(wrong, [])
            out = self.assert_sound(store)
            self.assertEqual(out["samples"], 798)
            self.assertEqual(self.content(store), self.want_content)
            self.assertEqual(self.pack_bytes(store), self.want_pack)
            os.remove(store)

    def test_edits_while_importing(self):
        """What is reported done is there, whoever else writes."""
        store = self.store(rollout_files()[0])
        ids = [json.loads(line)["id"] for line in self.run_cli("ls", store, "--jsonl").splitlines()]
        p = self.start("import", store, *self.files)
        for i, sample in enumerate(ids):
            self.run_cli("edit", store, sample, "--revised", "Text %d." % i, "--by", "A")
        p.communicate(timeout=300)
        self.assertEqual(p.returncode, 0)
        log = [json.loads(line) for line in self.run_cli("log", store, "--jsonl").splitlines()]
        self.assertEqual(sorted(e["id"] for e in log if e["by"] == "A"), sorted(ids))
        self.assertEqual(self.assert_sound(store)["samples"], 798)

    def test_kill_at_any_moment(self):
        store = self.store(name="set.opa")
        for n in range(40 if LONG else 8):
            p = self.start("import", store, *self.files)
            time.sleep(self.random.random() * 0.25)
            p.kill()
            p.communicate()
            before = self.content(store)
            self.assert_sound(store)
            if n % 4 == 3:
                self.run_cli("import", store, *self.files)
                now = self.content(store)
                self.assertLessEqual(set(before[1]), set(now[1]))
                self.assertEqual(now, self.want_content)
                self.assertEqual(self.pack_bytes(store), self.want_pack)
                os.remove(store)
                self.store(name="set.opa")

    def test_busy(self):
        """A writer that does not come to its end: exit 75 after the wait, with who it is; then it goes on."""
        store = self.store(rollout_files()[0])
        with open(store + "-lock", "w") as lock:
            lock.write("4711 elsewhere 2025-01-31T00:00:00Z importing\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            begin = time.monotonic()
            p = self.run_any("import", store, rollout_files()[1])
            waited = time.monotonic() - begin
            self.assertEqual(p.returncode, 75, p.err)
            for word in (b"busy", b"4711", b"elsewhere", b"importing", b"again"):
                self.assertIn(word, p.err)
            self.assertGreater(waited, 5)
            # Readers are not kept out.
            self.assertEqual(len(self.run_cli("ls", store, "--jsonl").splitlines()), 8)
        self.run_cli("import", store, rollout_files()[1])
        self.assertEqual(len(self.run_cli("ls", store, "--jsonl").splitlines()), 16)
        self.assert_sound(store)


if __name__ == "__main__":
    main()
