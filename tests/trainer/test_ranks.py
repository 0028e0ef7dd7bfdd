# SPDX-License-Identifier: Apache-2.0
"""sft and dpo by two ranks: the same numbers as by one, the same bytes each time, and an end whenever one of them ends."""

import json
import math
import os
import signal
import subprocess
import time
import unittest
import unittest.mock

from support import main
from trainer_support import CASE, CHECKPOINT, FAST, KILLS, OPATRAIN, TrainingCase, children

MPIRUN = os.environ.get("MPIRUN")
START = os.path.join(CASE, "adapter_init")
PAIR = ("--batch", 2)  # a sample for each


@unittest.skipUnless(MPIRUN, "built without MPI")
class Ranks(TrainingCase):
    launcher = (MPIRUN, "-q", "-n", "2")  # -q: what opatrain says is enough

    def setUp(self):
        super().setUp()
        self.environment(ASAN_OPTIONS="detect_leaks=0")  # MPI's modules keep much, and are gone when it is looked for

    def environment(self, **variables):
        patch = unittest.mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)

    def by_one(self, *args, **more):
        self.launcher = ()
        try:
            return self.train(*args, **more)
        finally:
            del self.launcher

    def assert_close(self, one, two):
        """Sums of float32 in another order. Where policy and reference are alike, which of them is larger is chance, so
        rewards may differ by the rounding of a log-prob (some hundred nats: 3e-5) and accuracy says nothing."""
        self.assertEqual(len(one), len(two))
        for a, b in zip(one, two):
            self.assertEqual(a.keys(), b.keys())
            for key in a.keys() - {"seconds", "accuracy"}:
                self.assertTrue(math.isclose(a[key], b[key], rel_tol=1e-4, abs_tol=1e-4), (key, a, b))

    def test_one_and_two_agree_and_two_agree_to_the_bit(self):
        pack = self.demo_pack()
        for name, args in (
            ("sft", ("sft", "--model", CHECKPOINT, pack, "--eval", pack)),
            ("fresh", ("dpo", "--model", CHECKPOINT, "--adapter", START, pack)),
            ("fixed", ("dpo", "--model", CHECKPOINT, "--adapter", START, pack, "--masks", "fixed", "--eval", pack)),
        ):
            args = (*args, *FAST, "--batch", 5, "--epochs", 1, "--micro-tokens", 800)
            one, two, again = (self.path(name + n) for n in ("1", "2", "2again"))
            self.by_one(*args, "-o", one)
            self.train(*args, "-o", two)
            self.train(*args, "-o", again)
            self.assert_close(self.log(one), self.log(two))
            self.assert_close(self.log(one, "eval.jsonl"), self.log(two, "eval.jsonl"))
            self.assertEqual(self.adapter(two), self.adapter(again))
            self.assertEqual(self.without_time(two), self.without_time(again))
            with open(os.path.join(two, "run.json"), encoding="utf-8") as f:
                run = json.load(f)
            self.assert_schema("run", [run])
            self.assertEqual(run["ranks"], 2)
            self.assertIn("number of ranks: 2", run["depends_on"])

    def test_the_reference_is_divided_and_is_the_same(self):
        pack = self.demo_pack()
        args = ("dpo", "--model", CHECKPOINT, "--adapter", START, pack, *FAST, "--batch", 16, "--epochs", 1, "--masks", "fixed")
        self.by_one(*args, "-o", self.path("one"))
        self.train(*args, "-o", self.path("two"))
        caches = [self.files_of(self.path(name))["reference.cache"] for name in ("one", "two")]
        records = [cache[cache.index(b"\0") + 1 :] for cache in caches]  # behind heads that name the ranks
        self.assertEqual(*records)
        # A pass that was killed goes on behind what the file holds.
        with open(self.path("half.cache"), "wb") as f:
            f.write(caches[0][: len(caches[0]) * 2 // 3])
        self.train(*args, "-o", self.path("three"), "--reference-cache", self.path("half.cache"))
        self.assertEqual(self.adapter(self.path("three")), self.adapter(self.path("two")))
        self.train(*args, "-o", self.path("four"), "--reference", "base", "--reference-cache", self.path("half.cache"), code=65)
        self.assertIn("another reference", self.err)

    def test_a_rank_without_samples(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, "--epochs", 1)
        self.by_one(*args, "-o", self.path("one"))
        self.train(*args, "-o", self.path("two"))
        self.assertEqual(self.adapter(self.path("two")), self.adapter(self.path("one")))

    def test_a_lost_rank_ends_the_run(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 8)
        whole = self.path("whole")
        self.train(*args, "-o", whole)
        for lost in range(2):
            out = self.path("lost%d" % lost)
            p = self.start_until(os.path.join(out, "checkpoints", "step-000003"), *args, "-o", out)
            os.kill(children(p.pid)[lost], signal.SIGKILL)
            _, err = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 128 + signal.SIGKILL, err)
            if lost > 0:
                self.assertIn(b"lost rank", err)
            self.assertFalse(os.path.exists(os.path.join(out, "adapter_model.safetensors")))
            self.train(*args, "-o", out, "--resume")
            self.assertIn("goes on behind update", self.err)
            self.assertEqual(self.adapter(out), self.adapter(whole))

    def test_no_rank_outlives_mpirun(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 100, "-o", self.path("out"))
        p = self.start_until(self.path("out", "checkpoints", "step-000003"), *args)
        ranks = children(p.pid)
        self.assertEqual(len(ranks), 2)
        p.kill()
        p.communicate(timeout=60)
        ends = time.monotonic() + 30
        while any(os.path.exists("/proc/%d" % pid) for pid in ranks):
            self.assertLess(time.monotonic(), ends, "they go on")
            time.sleep(0.05)

    def test_a_signal_to_one_stops_all_behind_the_same_update(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 8)
        whole, out = self.path("whole"), self.path("out")
        p = self.start_until(os.path.join(out, "checkpoints", "step-000003"), *args, "-o", out)
        os.kill(children(p.pid)[1], signal.SIGTERM)
        _, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1, err)
        self.assertEqual(err.count(b"stopped behind update"), 1, err)
        self.train(*args, "-o", out, "--resume")
        self.train(*args, "-o", whole)
        self.assertEqual(self.adapter(out), self.adapter(whole))

    def test_killed_runs_give_the_same_adapter(self):
        pack = self.demo_pack()
        epochs = -(-40 * 2 // len(self.members(pack)))
        self.check_kills(KILLS or 3, "sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", epochs)

    def test_errors_are_said_once(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 1)
        for code, what, words in (
            (2, ("sft", "--nonsense"), "unknown option"),
            (2, (*args, "--lr", "-1", "-o", self.path("a")), "not negative"),
            (66, (*args, "--model", self.path("nowhere"), "-o", self.path("a")), "No such file"),
            (65, (*args, "--lr", "1e30", "-o", self.path("b")), "not finite"),
            (73, (*args, "-o", self.path("no", "such")), "make that first"),
        ):
            self.train(*what, code=code)
            self.assertEqual(self.err.count(words), 1, self.err)

    def test_other_verbs_run_in_one_process(self):
        self.train("score", "--model", CHECKPOINT, "pack", "-o", self.path("scores"), code=2)
        self.assertIn("without mpirun", self.err)

    def test_what_only_one_rank_finds_is_everybodys(self):
        pack = self.demo_pack()
        for more, code, words in (("--model /nowhere", 66, "rank 1: /nowhere"), ("--lr 1", 65, "another lr (0.001 there, 1 now) than rank 0's"),
                                  ("--nonsense", 2, "rank 1: unknown option")):
            wrapper = self.write("wrapper", '#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 0 ] || set -- "$@" %s\nexec "$@"\n' % more)
            os.chmod(wrapper, 0o755)
            p = subprocess.run([*self.launcher, wrapper, OPATRAIN, "sft", "--model", CHECKPOINT, pack, *map(str, FAST),
                                "--epochs", "1", "-o", self.path("out")], stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(p.returncode, code, p.stderr)
            self.assertEqual(p.stderr.count(words.encode()), 1, p.stderr)

    def test_the_processors_of_a_host_are_divided(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, "--batch", 24, "--rank", 4, "--epochs", 1)
        there = os.sched_getaffinity(0)
        for use in sorted({frozenset(there), frozenset({min(there)})}, key=len):  # one round where one processor is all
            out = self.path("by%d" % len(use))
            self.launcher = ("taskset", "-c", ",".join(map(str, sorted(use))), *Ranks.launcher)
            self.train(*args, "-o", out, env={"OMP_NUM_THREADS": None})
            with open(os.path.join(out, "run.json"), encoding="utf-8") as f:
                self.assertIn("threads: %d" % max(1, len(use) // 2), json.load(f)["depends_on"])
            self.assertEqual("--bind-to" in self.err, len(use) < os.cpu_count(), self.err)

    def test_a_run_of_two_is_not_resumed_by_one(self):
        pack = self.demo_pack()
        args = ("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 1, "-o", self.path("out"))
        self.train(*args)
        self.by_one(*args, "--resume", code=73)
        self.assertIn("another number of ranks", self.err)

    def test_a_disk_that_gets_full_leaves_the_last_good_checkpoint(self):
        pack = self.demo_pack()
        # MPI's own shared files are larger than what this disk takes.
        self.environment(OMPI_MCA_btl="self,tcp", PMIX_MCA_gds="hash")
        self.check_full_disk("sft", "--model", CHECKPOINT, pack, *FAST, *PAIR, "--epochs", 8)


class WithoutMpi(TrainingCase):
    def test_several_processes_need_it(self):
        args = ("sft", "--model", CHECKPOINT, "pack", "-o", self.path("out"))
        for rank in ("0", "1"):
            p = subprocess.run([os.environ["OPATRAIN_ONE"], *args], stderr=subprocess.PIPE,
                               env={**os.environ, "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": rank})
            self.assertEqual(p.returncode, 69, p.stderr)
            self.assertIn(b"built without MPI", p.stderr)
        self.assertFalse(os.path.exists(self.path("out")))


if __name__ == "__main__":
    main()
