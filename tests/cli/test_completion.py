# SPDX-License-Identifier: Apache-2.0
"""The completion of the shell: what bash would offer, with the bash-completion package and without."""

import os
import re
import shutil
import subprocess
import time
import unittest

from support import Case, PROGRAM, main, rollout

SCRIPT = os.environ["OPA_COMPLETION"]
SANITIZED = os.environ["OPA_SANITIZED"] == "1"
PACKAGE = "/usr/share/bash-completion/bash_completion"
# Prints what is offered, one a line.
ASK = r"""
if [[ -n $PACKAGE ]]; then . "$PACKAGE" >/dev/null 2>&1; fi
. "$SCRIPT"
eval "$THEN"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_opapairs
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"""


@unittest.skipUnless(shutil.which("bash"), "no bash")
class Completion(Case):
    package = ""

    def ask(self, *words, program=PROGRAM, then=""):
        """What is offered for the last word. It is an error to say anything."""
        p = subprocess.run(
            ["bash", "--norc", "-c", ASK, "bash", program, *words],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "SCRIPT": SCRIPT, "PACKAGE": self.package, "THEN": then},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
        )
        self.assertEqual((p.returncode, p.stderr), (0, b""), words)
        return sorted(p.stdout.decode().splitlines())

    def verbs(self):
        return re.findall(r"(?m)^  ([a-z]+) +\S", self.run_cli("help"))

    def test_verbs(self):
        self.assertEqual(self.ask(""), sorted(self.verbs() + ["help", "--help", "--version"]))
        self.assertEqual(self.ask("in"), ["init", "inspect"])
        self.assertEqual(self.ask("help", "ver"), ["verify"])
        self.assertEqual(self.ask("nonsense", ""), [])

    def test_options_of_every_verb(self):
        for verb in self.verbs():
            known = [re.findall(r"--[a-z-]+", line)[0] for line in self.run_cli(verb, "--list-options").splitlines()]
            self.assertEqual(self.ask(verb, "--"), sorted(known + ["--help", "--color"]), verb)
        self.assertEqual(self.ask("import", "set.opa", "--as", "samples", "--dr"), ["--dry-run"])
        self.assertEqual(self.ask("import", "--", "--"), [], "behind -- there are no options")

    def test_words_of_values(self):
        formats = [line.split()[0] for line in self.run_cli("import", "--list-formats").splitlines()]
        self.assertEqual(self.ask("import", "set.opa", "--as", ""), sorted(formats))
        self.assertEqual(self.ask("import", "set.opa", "--as", "=", "o"), ["outputs"])
        self.assertEqual(self.ask("import", "set.opa", "--as", "="), sorted(formats))
        self.assertEqual(self.ask("cat", "pack", "id", "--member", ""), ["image", "json"])
        self.assertEqual(self.ask("ls", "--color", ""), ["always", "auto", "never"])
        self.assertEqual(self.ask("import", "-j", ""), [], "there is nothing to say about a number")

    def test_lists_with_commas(self):
        then = "_opapairs_describe() { options='--only=edited|exact|moved,... --code=CODE,...' operands='STORE|PACK'; }"
        self.assertEqual(self.ask("ls", "set.opa", "--only", "e", then=then), ["edited", "exact"])
        self.assertEqual(self.ask("ls", "set.opa", "--only", "moved,ed", then=then), ["moved,edited"])
        self.assertEqual(
            self.ask("ls", "set.opa", "--only", "=", "a,b,", then=then), ["a,b,edited", "a,b,exact", "a,b,moved"]
        )
        self.assertEqual(self.ask("ls", "set.opa", "--only", "moved,x", then=then), [])
        self.assertEqual(
            self.ask("ls", "set.opa", "--code", "OP702,OP70", then=then), ["OP702,OP70%d" % i for i in (1, 2, 3)]
        )

    def test_names(self):
        recipes = [line.split()[0] for line in self.run_cli("recipe").splitlines()]
        self.write("own.json", {})
        self.assertEqual(self.ask("recipe", ""), sorted(recipes + ["own.json"]))
        self.assertEqual(self.ask("pack", "set.opa", "-o", "pack", "--recipe", ""), sorted(recipes + ["own.json"]))
        self.assertEqual(self.ask("schema", ""), sorted(self.run_cli("schema").split()))
        self.assertEqual(self.ask("schema", "recipe", ""), [], "it takes one name")

    def test_files(self):
        os.mkdir(self.path("packs"))
        self.write("a b.json", "[]")
        self.assertEqual(self.ask("ls", ""), ["a b.json", "packs"], "no store: all files")
        self.store(name="set.opa")
        self.assertEqual(self.ask("ls", ""), ["packs", "set.opa"])
        self.assertEqual(self.ask("diff", "set.opa", ""), ["packs", "set.opa"])
        self.assertEqual(self.ask("verify", ""), ["packs"])
        self.assertEqual(self.ask("import", "set.opa", "a"), ["a b.json"])
        self.assertEqual(self.ask("import", "set.opa", "x.json", "a"), ["a b.json"])
        self.assertEqual(self.ask("import", "set.opa", "--images", "p"), ["packs"])

    def test_ids(self):
        pack = self.pack(self.demo_store())
        ids = sorted(d["id"] for d in self.jsonl("ls", pack))
        self.assertEqual(self.ask("inspect", "demo.opa", ""), ids)
        self.assertEqual(self.ask("cat", "pack", ids[3][:-1]), [ids[3]])
        self.assertEqual(self.ask("exclude", "demo.opa", ids[0], "--why", "x", ids[1]), [ids[1]])
        self.assertEqual(self.ask("log", "demo.opa", ids[0], ""), [], "it takes one id")
        self.assertEqual(self.ask("inspect", "none.opa", ""), [])
        self.assertEqual(self.ask("inspect", self.write("text.opa", "no store"), ""), [])
        self.assertEqual(self.ask("inspect", "demo.opa", "", program="/no/such/program"), [])

    def test_odd_ids(self):
        ids = ["two words", "a:b", "quo'te", "sla/sh", "$(touch x)"]
        self.write_lines("odd.jsonl", [{"id": i, "prompt": "p", "generated": "A dog."} for i in ids])
        self.store(self.path("odd.jsonl"))
        self.assertEqual(
            self.ask("inspect", "set.opa", ""), sorted(["two\\ words", "quo\\'te", "sla/sh", "\\$\\(touch\\ x\\)"])
        )
        self.assertFalse(os.path.exists(self.path("x")))

    @unittest.skipIf(SANITIZED, "a sanitized program takes longer than the completion waits")
    def test_too_many_ids_are_none(self):
        lines = [{"id": "%05d" % i, "prompt": "p", "generated": "A dog."} for i in range(10001)]
        self.store(self.write_lines("many.jsonl", lines))
        self.assertEqual(self.ask("inspect", "set.opa", ""), [], "a part would complete to 0, and 10000 is there too")
        self.assertEqual(len(self.ask("inspect", "set.opa", "0")), 10000)
        self.assertEqual(self.ask("inspect", "set.opa", "1"), ["10000"])

    @unittest.skipIf(SANITIZED, "a sanitized program takes longer than the completion waits")
    def test_4800_ids_while_the_key_goes_down(self):
        texts = [("A dog %d sits." % i) + " It is brown." * 60 for i in range(4800)]
        store = self.store(self.write("a.json", [rollout(t, [(t, t, 4)], image_bytes="") for t in texts]))
        self.assertEqual(len(self.run_cli("--list-ids", store).splitlines()), 4800)
        times = []
        for _ in range(5):
            begin = time.monotonic()
            self.assertEqual(len(self.ask("inspect", store, "")), 4800)
            times.append(time.monotonic() - begin)
        print("4,800 ids: %.3f s at best, bash's own start included" % min(times))
        self.assertLess(min(times), 1.0)  # 0.2 s on a machine with nothing else to do


@unittest.skipUnless(os.path.exists(PACKAGE), "bash-completion is not installed")
class WithThePackage(Completion):
    package = PACKAGE
    test_too_many_ids_are_none = test_4800_ids_while_the_key_goes_down = None  # the package has no part in these


if __name__ == "__main__":
    main()
