# SPDX-License-Identifier: Apache-2.0
"""The manual: that the help has the form that it is made from, that a help that has not is refused, that the pages are
sound, and that section 5, which is written by hand, says what the schemas, the store and a pack say."""

import base64
import glob
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest
from contextlib import closing, redirect_stdout

from support import Case, PROGRAM, main, rollout, rollout_files

DOC, MANUAL = os.environ["OPA_DOC"], os.environ["OPA_MANUAL"]
PAGES_5 = sorted(glob.glob(os.path.join(DOC, "*.5")))
PAGES_1 = sorted(glob.glob(os.path.join(MANUAL, "*.1")))
sys.path.insert(0, DOC)
import help_text  # noqa: E402

GOOD = """Example: opapairs frob set.opa
         opapairs frob set.opa --as cut -n

Usage: opapairs frob STORE [--as WAY] [--dry-run]
                     [--who WHO]
       opapairs frob --list

Makes STORE shine.

  --as WAY       cut, dry or wet; as it was when
                 not given
  -n, --dry-run  nothing is done
  --who WHO      a name
  --list         the ways

Environment:
  SHINE, GLOSS   how much

Exit: 0 it shines, 65 or 66 it does not.
"""


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def page(name):
    return read(os.path.join(DOC, name))


class Form(unittest.TestCase):
    """What help_text.py makes of a help, and what it refuses."""

    def test_reads(self):
        help_ = help_text.parse("frob", GOOD)
        self.assertEqual(help_.examples, ["opapairs frob set.opa", "opapairs frob set.opa --as cut -n"])
        self.assertEqual(help_.usages[0], "opapairs frob STORE [--as WAY] [--dry-run] [--who WHO]")
        self.assertEqual(list(map(str, help_.options())), ["--as VALUE", "-n, --dry-run", "--who VALUE", "--list"])
        self.assertEqual(help_.options()[0].text, "cut, dry or wet; as it was when not given")
        self.assertEqual([o.words() for o in help_.options()], [["cut", "dry", "wet"], [], [], []])
        self.assertEqual(help_.exits, [("0", "it shines"), ("65 or 66", "it does not")])
        self.assertEqual(help_.environment, [help_text.Row("SHINE, GLOSS", "how much")])
        self.assertEqual(help_text.operands(help_), ["STORE"])

    def test_words_of_a_value(self):
        for text, words in (
            ("a, b or c", "a b c"),
            ("always, never or auto; auto is on a terminal, unless NO_COLOR is set", "always never auto"),
            ("edit-share (most first), score (worst first) or id; equal ones as imported", "edit-share score id"),
            (
                "edited, unedited; exact, broken (certificate); error, warning (has\nsuch)",
                "edited unedited exact broken error warning",
            ),
            ("some sentence has this type: correct, image_error or none; with --score", "correct image_error none"),
            ("some sentence has this score: 1 to 4, or none", ""),
            ("json when not given", ""),
            ("ends a response; the tokenizer's own when not given", ""),
            ("rollouts", ""),
        ):
            self.assertEqual(help_text.listed_words(text), words.split(), text)

    def refused(self, old, new, why):
        self.assertIn(old, GOOD)
        with self.assertRaisesRegex(help_text.HelpError, "opapairs frob'.*" + why):
            help_text.parse("frob", GOOD.replace(old, new, 1))

    def test_refuses(self):
        self.refused("Example: ", "Examples: ", "begins with 'Example: '")
        self.refused("Usage: opapairs frob", "Usage: opapairs grob", "no 'Usage: opapairs frob'")
        self.refused("  --who WHO ", "  --who WHO EVER ", "one column|not '-l, --name")
        self.refused("--who WHO      a", "--who WHO       a", "do not begin in one column")
        self.refused("-n, --dry-run", "-n/ --dry-run", "not '-l, --name VALUE  text'")
        self.refused("--list         the ways", "--list", "nothing is said about '--list'")
        self.refused("Makes STORE shine.\n\n", "Makes STORE shine.\n", "below a line that ends with a colon")
        self.refused("Exit: 0 it", "Exit: it", "not an exit code")
        self.refused("\n\nMakes STORE shine.", "\nMakes STORE shine.", "a line of the usage is not indented")

    def test_options_are_the_programs(self):
        help_ = help_text.parse("frob", GOOD)
        known = ["--as VALUE", "-n, --dry-run", "--who VALUE", "--list"]
        help_text.same_options(help_, known)
        for odd, why in (
            (known + ["--new"], "it lacks --new$"),
            (known[:-1], "does not know --list$"),
            (known[1:] + ["--as"], "it lacks --as; the program does not know --as VALUE$"),
        ):
            with self.assertRaisesRegex(help_text.HelpError, why):
                help_text.same_options(help_, odd)
        other = help_text.parse("frob", GOOD.replace("[--as WAY]", "[--at WAY]"))
        with self.assertRaisesRegex(help_text.HelpError, "the usage has --at"):
            help_text.same_options(other, known)


class Generator(Case):
    """The two programs that write the pages and the completion stop the build when they are to."""

    def make(self, verbs, program=PROGRAM):
        return subprocess.run(
            [sys.executable, os.path.join(DOC, "make_man.py"), program, "1.0", "May 1, 2026", self.folder, *verbs],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def verbs(self):
        return re.findall(r"(?m)^  ([a-z]+) +\S", self.run_cli("help"))

    def test_other_verbs(self):
        p = self.make(self.verbs() + ["frob"])
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"do not have the same verbs: frob", p.stderr)

    def test_bad_help(self):
        """A program whose help lacks an option that it takes."""
        fake = self.write("fake", '#!/bin/sh\n"%s" "$@" | sed \'/^  --why TEXT/d\'\n' % PROGRAM)
        os.chmod(fake, 0o755)
        for script in (
            ["make_man.py", fake, "1.0", "May 1, 2026", self.folder, *self.verbs()],
            ["make_completion.py", fake, os.path.join(DOC, "completion.bash.in"), self.path("out")],
        ):
            p = subprocess.run([sys.executable, os.path.join(DOC, script[0]), *script[1:]], stderr=subprocess.PIPE)
            self.assertEqual(p.returncode, 1)
            self.assertRegex(p.stderr, rb"help of 'opapairs (accept|edit|exclude)': it lacks --why VALUE")

    def test_same_bytes(self):
        self.assertEqual(self.make(self.verbs()).returncode, 0)
        first = self.files_of(self.folder)
        self.assertEqual(len(first), len(self.verbs()) + 1)
        self.assertEqual(self.make(self.verbs()).returncode, 0)
        self.assertEqual(self.files_of(self.folder), first)


class Pages(Case):
    def test_there_is_a_page_for_every_verb(self):
        verbs = re.findall(r"(?m)^  ([a-z]+) +\S", self.run_cli("help"))
        names = {os.path.basename(page)[:-2] for page in PAGES_1}
        self.assertEqual(names, {"opapairs"} | {"opapairs-" + verb for verb in verbs})

    def test_environment(self):
        """What the program asks of its environment is in its help."""
        asked = set()
        for path in (p for room in ("cli", "program") for p in glob.glob(os.path.join(DOC, "..", room, "*.c"))):
            with open(path, encoding="utf-8") as f:
                asked.update(re.findall(r'\bgetenv\("(\w+)"\)', f.read()))
        told = {name for row in help_text.parse("", self.run_cli("help")).environment for name in row.head.split(", ")}
        self.assertLessEqual({"NO_COLOR", "COLUMNS"}, asked)
        self.assertEqual(sorted(asked - told), [])

    def test_references_lead_somewhere(self):
        ours = {tuple(os.path.basename(page).rsplit(".", 1)) for page in PAGES_1 + PAGES_5}
        for path in PAGES_1 + PAGES_5:
            for name, section in re.findall(r"(?m)^\.Xr (\S+) (\d)", read(path)):
                name = name.replace("\\-", "-")
                if name.startswith("opapairs"):
                    self.assertIn((name, section), ours, path)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_has_no_complaint(self):
        p = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *PAGES_1, *PAGES_5], stdout=subprocess.PIPE)
        said = [line for line in p.stdout.decode().splitlines() if "mandoc.db" not in line]
        self.assertEqual(said, [])

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_man_renders_everything_at_80_columns(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAN")}
        env.update(MANWIDTH="80", LC_ALL="C.UTF-8")
        for path in PAGES_1 + PAGES_5:
            p = subprocess.run(
                ["man", "--warnings", "-l", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
            )
            self.assertEqual((p.returncode, p.stderr), (0, b""), path)
            lines = p.stdout.decode().splitlines()
            self.assertLessEqual(max(map(len, lines)), 88, max(lines, key=len))
            for option in re.findall(r"(?m)^\.It (?:Fl \S+ , )?Fl (\S+)", read(path)):
                self.assertIn("-" + option.replace("\\-", "-"), "\n".join(lines), path)

    def test_examples_of_the_pages_are_those_of_the_help(self):
        for path in PAGES_1:
            verb = os.path.basename(path)[len("opapairs-") : -2]
            literal = re.search(r"\.Bd -literal\n(.*?)\.Ed", read(path), re.S).group(1)
            plain = literal.replace("\\e\n", " ").replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"')
            wanted = help_text.parse(verb, self.run_cli("help", verb) if verb else self.run_cli("help")).examples
            self.assertEqual(plain.split(), " ".join(wanted).split(), path)


def literals(text):
    """The examples of a page, as they are to be typed."""
    for block in re.findall(r"\.Bd -literal.*?\n(.*?)\.Ed", text, re.S):
        yield block.replace("\\e", "\\")


def words(text):
    """Every word of a page's macros and text."""
    return set(re.findall(r"[A-Za-z0-9_]+", text))


def names(schema):
    """The fields of a schema, and the words that they may be."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (value for value in [*schema.get("enum", []), schema.get("const")] if isinstance(value, str))
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from names(part)


class Section5(Case):
    def test_fields_of_the_documents(self):
        for name, schemas in (("opapairs-recipe.5", ["recipe"]), ("opapairs-pack.5", ["manifest", "sample"])):
            known = words(page(name))
            for schema in schemas:
                fields = set(names(json.loads(self.run_cli("schema", schema))))
                self.assertGreater(len(fields), 20)
                fields -= {"llama-bpe", "byte-bpe", "sentencepiece-bpe", "words"}  # kinds of tokenizers
                self.assertEqual(sorted(fields - known), [], "%s does not say what these are" % name)

    def test_recipes_of_the_page(self):
        blocks = [block for block in literals(page("opapairs-recipe.5"))]
        whole = [block for block in blocks if block.startswith("{")]
        self.assertTrue(whole)
        for i, block in enumerate(whole):
            self.run_cli("recipe", self.write("recipe%d.json" % i, block))
        parts = [block for block in blocks if block.startswith('"filters"')]
        self.assertTrue(parts)
        base = json.loads(whole[0])
        for i, block in enumerate(parts):
            base.update(json.loads("{" + block + "}"))
            self.run_cli("recipe", self.write("part%d.json" % i, base))

    def test_defaults_of_a_recipe(self):
        """Every default of the schema stands in the page, behind its field's name or as 'the default'."""
        text = page("opapairs-recipe.5")
        minimal = {"schema_version": 1, "name": "x", "pairs": [{"type": "anchor", "response": "revised"}]}
        for by in ("score", "error_type", "hunks"):
            minimal["weights"] = {"language": {"by": by}}
            full = json.loads(self.run_cli("recipe", self.write("minimal.json", minimal)))
            section = text[text.index(".It Li %s\n" % by) :]
            for field, value in full["weights"]["language"].items():
                if field != "by":
                    self.assertRegex(section, r"\.It Li %s\n%.1f" % (field, value))
                    section = section[section.index(".It Li %s\n" % field) :]

    def test_tables_of_a_store(self):
        store = self.store(self.write("a.json", [rollout("A dog.", [("A dog.", "A cat.", 1)])]))
        text = page("opapairs-store.5")
        with closing(sqlite3.connect(store)) as db:
            self.assertIn("0x%X" % db.execute("PRAGMA application_id").fetchone()[0], text)
            version = db.execute("PRAGMA user_version").fetchone()[0]
            self.assertIn("is the version of the tables, %d in this release." % version, text)
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                columns = [row[1] for row in db.execute("PRAGMA table_info(%s)" % table)]
                self.assertIn(".It Li %s Pq Li %s\n" % (table, " , ".join(columns)), text)
        self.assertEqual(sorted(re.findall(r"\.It Li (\S+) Pq", text)), sorted(tables))

    def test_statements_of_the_page(self):
        bad = {"query": "<image>\nWhat?", "original_generate_response": 7}
        records = [rollout("A dog %d." % i, [("A dog %d." % i, "A cat.", 1)]) for i in range(3)]
        store = self.store(self.write("a.json", records + [bad]))
        ids = [d["id"] for d in self.jsonl("ls", store)]
        self.run_cli("exclude", store, ids[0], "--why", "blurred", "--by", "anna")
        self.run_cli("edit", store, ids[1], "--revised", "A cow.", "--by", "ben")
        statements = [block for block in literals(page("opapairs-store.5")) if block.startswith("SELECT")]
        self.assertEqual(len(statements), 4)
        with closing(sqlite3.connect(store)) as db:
            changes, excluded, quarantine, shared = (db.execute(s).fetchall() for s in statements)
        self.assertEqual([row[1:] for row in changes], [("anna", ids[0]), ("ben", ids[1])])
        self.assertEqual(excluded, [(ids[0], "anna", "blurred")])
        self.assertEqual([row[:2] for row in quarantine], [("a.json", 3)])
        self.assertTrue(quarantine[0][2], "the reason of a quarantine")
        self.assertEqual([row[1] for row in shared], [3])

    def test_copies(self):
        store = self.demo_store()
        with closing(sqlite3.connect(store)) as db:
            statement = re.search(r'sqlite3 set.opa "(.*)"', page("opapairs-store.5")).group(1)
            db.execute(statement.replace("copy.opa", self.path("copy.opa")))
        self.run_cli("diff", store, self.path("copy.opa"))
        self.assertEqual(os.listdir(self.folder).count("demo.opa-wal"), 0)
        shutil.copy(store, self.path("other.opa"))
        self.run_cli("diff", store, self.path("other.opa"))

    def test_record_bytes_come_back(self):
        """raws as the page has it: the image's base64 stood at cut_offset."""
        path = rollout_files()[0]
        with closing(sqlite3.connect(self.store(path))) as db:
            rows = db.execute(
                "SELECT r.bytes, r.cut_offset, i.bytes FROM raws r JOIN images i ON i.key = r.cut_image"
            ).fetchall()
        with open(path, "rb") as f:
            whole = f.read()
        self.assertTrue(rows)
        for rest, at, image in rows:
            self.assertIn(rest[:at] + base64.b64encode(image) + rest[at:], whole)

    def test_python_of_the_page(self):
        pack = self.pack(self.demo_store(), "packs-v1", "--seed", "42")
        os.makedirs(self.path("packs"))
        os.rename(pack, self.path("packs", "v1"))
        every, one, mask, webdataset = literals(page("opapairs-pack.5"))
        space, said = {}, io.StringIO()
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        with redirect_stdout(said):
            exec(every, {})
        ids = [line.split()[0] for line in said.getvalue().splitlines()]
        self.assertEqual(sorted(ids), sorted(d["id"] for d in self.jsonl("ls", "packs/v1")))
        exec(one, space)
        for key in ids[:3]:
            members = space["read"]("packs/v1", key)
            sample = json.loads(members.pop("json"))
            self.assertEqual(sample["id"], key)
            self.assertEqual(hashlib.sha256(members.popitem()[1]).hexdigest(), sample["image"]["sha256"])
            seed = hashlib.sha256(b"%s\0%d\0%d" % (key.encode(), 42, 0)).digest()[:8]
            self.assertEqual(sample["masks"][0]["seed"], "%016x" % int.from_bytes(seed, "little"))
        exec(mask, space)
        # From tests/unit/pairs/test_mask.c.
        for n, ratio, seed, k, wanted in (
            (16, 0.5, "43c73cc38d46e086", 8, 0x351B7D04CA),
            (336 * 336, 0.3, "%016x" % 12345, 33868, 0x825E77847C9383BC),
        ):
            drawn, h = space["mask"](n, ratio, seed), 0
            for p in drawn:
                h = (h * 31 + p) % 2**64
            self.assertEqual((len(drawn), h), (k, wanted))
        try:
            import webdataset as _  # noqa: F401
        except ImportError:
            compile(webdataset, "opapairs-pack.5", "exec")
        else:
            exec(webdataset, space)
            self.assertIn(space["sample"]["id"], ids)


if __name__ == "__main__":
    main()
