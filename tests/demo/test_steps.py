# SPDX-License-Identifier: Apache-2.0
"""Every step of ./run demo --full, on so few samples that nothing is learned: all systems and volumes reach the report, and
a second run makes the same bytes."""

import glob
import os
import re
import unittest

from demo_support import WorldCase, demo

SYSTEMS = ("base", "OPA", "OPA-DPO", "DPO without OPA, language", "OPA-DPO, corrections only", "DPO without OPA, all pairs",
           "OPA-DPO, language", "OPA-DPO, released loss")  # fmt: skip
MADE = ("rollouts.jsonl", "step0_rank0.json", "answers/*", "premises/*", "scores/*", "pack*/*", "runs/*/adapter_*",
        "volumes/*/*/answers/*", "volumes/*/*/runs/*/adapter_*")  # fmt: skip


class Steps(WorldCase):
    def run_in(self, name):
        out = self.path(name)
        code, said = demo("tiny", OPAPAIRS_DEMO_OUT=out)
        self.assertEqual(code, 0, said)
        return out, said

    def test_steps(self):
        out, said = self.run_in("first")
        for system in SYSTEMS:
            self.assertRegex(said, r"(?m)^%s +\d+\.\d \+- " % re.escape(system))
        for system in SYSTEMS[1:5]:
            for samples in (24, 48):
                self.assertRegex(said, r"(?m)^%s +%d +2 +\d+\.\d \+- " % (re.escape(system), samples))
        with open(os.path.join(out, "report.html"), encoding="utf-8") as f:
            page = f.read()
        for system in SYSTEMS:
            self.assertIn("</i>%s<td>" % system, page)
        self.assertNotRegex(page, r"\b(?:nan|inf)\b")
        self.check_same(out, self.run_in("second")[0])

    def check_same(self, one, other):
        compared = 0
        for pattern in MADE:
            files = sorted(glob.glob(os.path.join(one, pattern)))
            self.assertTrue(files, pattern)
            for path in files:
                again = os.path.join(other, os.path.relpath(path, one))
                with open(path, "rb") as f, open(again, "rb") as g:
                    self.assertEqual(f.read(), g.read(), again)
                compared += 1
        print(compared, "files are the same")


if __name__ == "__main__":
    if os.environ["OPA_SANITIZED"] == "1":
        print("skipped: training under sanitizers would take too long; trainer/ has its own tests")
        raise SystemExit(77)
    unittest.main()
