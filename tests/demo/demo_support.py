# SPDX-License-Identifier: Apache-2.0
"""What the tests of the demo share, over tests/cli/support.py."""

import json
import os
import subprocess

from support import DEMO, Case

MICROWORLD = os.environ["MICROWORLD"]
DATA = os.environ["OPA_TEST_DATA"]
BASE = os.path.join(DEMO, "base")


def documents(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def demo(size, **environment):
    """Runs what ./run demo runs behind the build; -> exit code, what was said."""
    p = subprocess.run(
        ["sh", os.path.join(DEMO, "demo.sh"), os.environ["OPA_BUILD"], size, "1"],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("OPAPAIRS_DEMO_")}, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return p.returncode, p.stdout.decode()


class WorldCase(Case):
    def world(self, *args, code=0):
        p = subprocess.run([MICROWORLD, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        out, err = p.stdout.decode(), p.stderr.decode()
        self.assertEqual(p.returncode, code, err)
        return out, err

    def measures(self, *files):
        out, _ = self.world("measure", "--jsonl", *files)
        return [json.loads(line) for line in out.splitlines()]
