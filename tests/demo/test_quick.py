# SPDX-License-Identifier: Apache-2.0
"""./run demo --quick, the whole house from rollouts to the report, and whether it does what it is for. The bounds have
slack for other machines' arithmetic: the base alone has a standard error of 2.5 points."""

import os
import re
import unittest

from demo_support import WorldCase, demo, documents


class Quick(WorldCase):
    def check_measures(self, out):
        base, opa, opa_dpo, plain = self.measures(
            *[os.path.join(out, "answers", n + ".jsonl") for n in ("base", "opa", "opa-dpo", "dpo-language")]
        )
        print({k: (round(m["hal_rate"], 1), round(m["cover"], 1)) for k, m in zip("bodp", (base, opa, opa_dpo, plain))})
        self.assertGreater(base["hal_rate"], 40)
        self.assertLess(base["hal_rate"], 60)
        self.assertLess(plain["hal_rate"], base["hal_rate"])
        self.assertLess(opa["hal_rate"], base["hal_rate"] - 20)
        self.assertLess(opa_dpo["hal_rate"], opa["hal_rate"])
        self.assertLess(opa_dpo["hal_rate"], plain["hal_rate"] - 5)
        # who says little makes little up
        for name, floor in ((plain, 65), (opa, 60), (opa_dpo, 50)):
            self.assertGreater(name["cover"], floor)
            self.assertLess(name["attribute_errors"], 15)

    def check_premises(self, out):
        for name in ("base", "opa", "opa-dpo", "dpo-language"):
            answers = documents(os.path.join(out, "premises", name + ".jsonl"))
            self.assertEqual(len(answers), 800)
            yes = [a["text"].startswith(" Yes") for a in answers]
            there, absent = sum(yes[0::2]) / 400, sum(yes[1::2]) / 400
            print(name, "says yes to what is there: %.3f, to what is not: %.3f" % (there, absent))
            self.assertGreater(there, 0.85)
            self.assertLess(absent, 0.2)

    def test_a_folder_of_somebody_else_stays(self):
        folder = self.path("mine")
        os.mkdir(folder)
        self.write("mine/file", "x")
        code, said = demo("quick", OPAPAIRS_DEMO_OUT=folder)
        self.assertEqual((code, os.listdir(folder)), (73, ["file"]))
        self.assertIn("another OPAPAIRS_DEMO_OUT", said)

    def test_demo(self):
        out = os.path.join(os.environ["OPA_BUILD"], "demo-run")  # where it puts things by default
        code, said = demo("quick")
        self.assertEqual(code, 0, said)
        self.check_measures(out)
        self.check_premises(out)
        before, after = map(float, re.search(r"expert's words: (\S+) in the base, (\S+) behind OPA", said).groups())
        self.assertGreater(after, before + 1.5)
        # the base's own curve is printed, whatever it says
        self.assertRegex(said, r"(?m)^OPA-DPO +.*[+-]\d+\.\d ")
        self.assertIn("OK, 800 samples", said)
        with open(os.path.join(out, "report.html"), encoding="utf-8") as f:
            page = f.read()
        self.assertEqual((page.count("<svg"), page.count("</svg>")), (5, 5))
        self.assertEqual(page.count("data:image/png;base64,"), 5)
        self.assertNotRegex(page, r"(?:src|href)='?https?:|\b(?:nan|inf)\b")


if __name__ == "__main__":
    if os.environ["OPA_SANITIZED"] == "1":
        print("skipped: training under sanitizers would take too long; trainer/ has its own tests")
        raise SystemExit(77)
    unittest.main()
