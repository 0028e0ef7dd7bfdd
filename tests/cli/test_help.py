# SPDX-License-Identifier: Apache-2.0
"""Help, versions, options, suggestions, colours."""

import os
import re

from support import Case, main, rollout

VERBS = [
    "init",
    "import",
    "check",
    "stats",
    "ls",
    "inspect",
    "diff",
    "edit",
    "accept",
    "exclude",
    "log",
    "undo",
    "pack",
    "verify",
    "cat",
    "recipe",
    "tokenize",
    "schema",
    "doctor",
]


class Help(Case):
    def test_program_help(self):
        text = self.run_cli("--help")
        self.assertTrue(text.startswith("Example: opapairs "))
        for verb in VERBS:
            self.assertRegex(text, r"(?m)^  %s +\S" % verb)

    def test_every_verb_has_help_that_begins_with_an_example(self):
        for verb in VERBS:
            for text in (
                self.run_cli(verb, "--help"),
                self.run_cli("help", verb),
                self.run_cli(verb, "x", "y", "-h"),
            ):
                self.assertRegex(text, r"^Example: .*opapairs %s\b" % verb)
                self.assertIn("Usage: opapairs %s" % verb, text)
                self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_help_lists_the_options_that_the_program_takes(self):
        for verb in VERBS:
            known = self.run_cli(verb, "--list-options").splitlines()
            option = r"(?m)^  ((?:-\w, )?--[a-z-]+(?: [A-Z][A-Z_|,.]*| [a-z]+(?:\|[a-z]+)+)?)"
            told = re.findall(option, self.run_cli("help", verb))
            self.assertEqual(sorted(re.sub(" [A-Za-z|_,.]+$", " VALUE", t) for t in told), sorted(known), verb)
            for option in known:
                name = re.search("--[a-z-]+", option).group()
                p = self.run_any(verb, name + "=x" if option.endswith("VALUE") else name, "--frob")
                self.assertNotIn(b"'" + name.encode() + b"'", p.err.split(b"did you mean")[0], verb)

    def test_verbs_are_those_of_the_help(self):
        self.assertEqual(sorted(re.findall(r"(?m)^  ([a-z]+) +\S", self.run_cli("help"))), sorted(VERBS))

    def test_version_names_what_is_linked(self):
        text = self.run_cli("--version")
        for name in ("opapairs", "sqlite", "libarchive", "libpng", "libjpeg", "cJSON", "utf8proc", "nettle"):
            self.assertRegex(text, r"(?m)^%s\S* \d" % name)

    def test_usage_errors(self):
        for args in (
            [],
            ["--frob"],
            ["imprt"],
            ["init"],
            ["init", "a", "b"],
            ["ls"],
            ["inspect"],
            ["import", "x.opa"],
            ["check", "--frob", "x"],
            ["pack", "x.opa"],
            ["pack", "x.opa", "-o", "y"],
            ["verify"],
            ["cat", "x"],
            ["tokenize"],
            ["edit", "x", "y"],
            ["exclude", "x", "y"],
            ["undo", "x"],
            ["diff", "x"],
            ["import", "x", "y", "--as", "csv"],
            ["import", "x", "y", "--threads", "-1"],
            ["import", "x", "y", "--threads", "4x"],
            ["pack", "x", "-o", "y", "--seed", "1e3"],
            ["import", "x", "y", "--as"],
            ["ls", "x", "--jsonl=3"],
            ["ls", "x", "--color=blue"],
            ["schema", "a", "b"],
            ["edit", "x", "y", "--revised", "a", "--report", "b"],
            ["cat", "x", "y", "--member", "tail"],
        ):
            with self.subTest(args=args):
                self.run_cli(*args, code=2)
                self.assertIn("--help", self.err)
                self.assertFalse(os.path.exists("x.opa"))

    def test_suggestions(self):
        for wrong, right in (
            ("imprt", "import"),
            ("chekc", "check"),
            ("ispect", "inspect"),
            ("pac", "pack"),
            ("verfy", "verify"),
        ):
            self.run_cli(wrong, code=2)
            self.assertIn("'%s'" % right, self.err)
        self.run_cli("ls", "x", "--jsonll", code=2)
        self.assertIn("--jsonl", self.err)
        self.run_cli("import", "x", "y", "--as", "rolout", code=2)
        self.assertIn("rollout", self.err)

    def test_verbs_are_not_abbreviated(self):
        self.run_cli("insp", code=2)
        self.run_cli("i", code=2)

    def test_options_stand_anywhere_and_end_at_two_dashes(self):
        record = rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)])
        store = self.store(self.write("a.json", [record]))
        after = self.run_cli("ls", store, "--jsonl")
        self.assertEqual(after, self.run_cli("ls", "--jsonl", store))
        self.assertEqual(after, self.run_cli("ls", "--jsonl", "--", store))
        self.run_cli("ls", "--", store, "--jsonl", code=2)
        self.run_cli("inspect", store, "--", "--jsonl", code=66)

    def test_recipes_and_schemas(self):
        names = [line.split()[0] for line in self.run_cli("recipe").splitlines()]
        self.assertEqual(names[0], "opa-dpo")
        for name in ("opa-dpo", "opa-dpo-release", "dpo"):
            self.assertIn(name, names)
            document = self.run_cli("recipe", name)
            again = self.run_cli("recipe", self.write(name + ".json", document))
            self.assertEqual(again, self.run_cli("recipe", self.write("again.json", again)))
        self.run_cli("recipe", "no-such", code=66)
        for name in self.run_cli("schema").split():
            self.assertIn("2020-12", self.run_cli("schema", name))
        self.run_cli("schema", "no-such", code=66)


class Terminal(Case):
    """What depends on standard output being a terminal."""

    def test_colours(self):
        evil = "A \x1b[31mdog\x1b[0m\x07 and \u202etac\u202c."
        record = rollout(evil + " A cat.", [(evil, evil, 4), ("A cat.", "A cow.", 1)])
        store = self.store(self.write("a.json", [record]))
        plain = self.run_cli("inspect", store)
        self.assertNotIn("\x1b", plain)
        self.assertNotIn("\x07", plain)
        self.assertNotIn("\u202e", plain)
        self.assertIn("[-cat-]{+cow+}", plain)
        self.assertIn("\x1b[", self.run_cli("inspect", store, "--color=always"))
        self.assertNotIn("\x1b[31mdog", self.run_cli("inspect", store, "--color=always"))
        self.assertIn(b"\x1b[", self.on_terminal("inspect", store))
        for args, env in ((["--color=never"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
            text = self.on_terminal("inspect", store, *args, env=env)
            self.assertNotIn(b"\x1b", text)
            self.assertIn(b"[-cat-]{+cow+}", text)
        self.assertIn(b"\x1b[", self.on_terminal("inspect", store, env={"NO_COLOR": ""}))

    def test_wraps_at_the_width(self):
        words = " ".join("word%d" % i for i in range(200)) + "."
        store = self.store(self.write("a.json", [rollout(words, [(words, words.replace("word7 ", "term7 "), 2)])]))
        for columns in ("60", "90"):
            for line in self.run_cli("inspect", store, env={"COLUMNS": columns}).splitlines():
                if "word" in line:
                    self.assertLessEqual(len(line), int(columns))
        joined = " ".join(re.sub(r"\s+", " ", self.run_cli("inspect", store, env={"COLUMNS": "60"})).split())
        self.assertIn("word6 [-word7-]{+term7+} word8", joined)


if __name__ == "__main__":
    main()
