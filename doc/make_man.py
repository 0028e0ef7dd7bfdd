# SPDX-License-Identifier: Apache-2.0
"""Writes opapairs.1 and opapairs-VERB.1 from the program's help: make_man.py PROGRAM VERSION DATE FOLDER VERB...

The pages are mdoc(7). Nothing in them depends on when or where they are made."""

import os
import re
import sys
import textwrap

from help_text import HelpError, Option, Program, Row, operands, usage_tree

ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
# Words of a usage -> the page that explains such a thing.
FORMATS = {"STORE": "opapairs-store", "PACK": "opapairs-pack", "A": "opapairs-store", "B": "opapairs-pack"}


def escape(text):
    return "".join(ESCAPES.get(c, c if ord(c) < 128 else "\\[u%04X]" % ord(c)) for c in text)


def protect(line):
    """A text line that cannot be taken for a request."""
    return "\\&" + line if line.startswith(".") else line


def broken(command):
    """A command line as lines that fit a page of 80 columns, broken in front of options and operators."""
    lines = [""]
    for part in re.split(r" (?=--|\||&&|> )", command):
        if lines[-1] and len(lines[-1]) + len(part) > 70:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += (" " if lines[-1] else "") + part
    return lines


class Page:
    def __init__(self, name, summary, version, date):
        self.lines = [
            ".\\\" Made from the program's help by doc/make_man.py.",
            ".Dd " + date,
            ".Dt %s 1" % name.upper(),
            '.Os "opapairs %s"' % version,
            ".Sh NAME",
            ".Nm " + escape(name),
            ".Nd " + escape(summary),
        ]
        self.names = set()  # of values, which are set apart in texts

    def add(self, *lines):
        self.lines += lines

    def section(self, title):
        self.add(".Sh " + title)

    def text(self, text):
        """Running text: a sentence begins a line; options are bold, names of values are underlined."""
        for sentence in re.split(r"(?<=[.?!:]) (?=[A-Z'(])", text):
            words = []
            for word in sentence.split():
                core = re.fullmatch(r"(\W*?)(--?[a-z][a-z0-9-]*|[A-Z][A-Z_]*)(\W.*)?", word)
                if core and core.group(2).startswith("-"):
                    word = "%s\\fB%s\\fP%s" % tuple(escape(part or "") for part in core.groups())
                elif core and core.group(2) in self.names:
                    word = "%s\\fI%s\\fP%s" % tuple(escape(part or "") for part in core.groups())
                else:
                    word = "\\%" * ("_" in word) + escape(word)  # a name is not hyphenated
                words.append(word)
            wrap = textwrap.wrap(" ".join(words), 78, break_long_words=False, break_on_hyphens=False)
            self.add(*map(protect, wrap))

    def paragraphs(self, texts):
        for i, text in enumerate(texts):
            if i:
                self.add(".Pp")
            self.text(text)

    def literal(self, lines):
        lines = [part for line in lines for part in broken(line)]
        self.add(".Bd -literal", *(protect(escape(line)) for line in lines), ".Ed")

    def tagged(self, rows):
        self.add(".Bl -tag -width Ds")
        for head, text in rows:
            self.add(".It " + head)
            self.text(text)
        self.add(".El")

    # ---- synopsis ----

    def words(self, items):
        """Items of a usage as macros on one line."""
        out = []
        for item in items:
            if isinstance(item, tuple):
                out += ["Oo" if item[0] == "[" else "Po", *self.words(item[1]), "Oc" if item[0] == "[" else "Pc"]
            elif item == "|":
                out.append("|")
            elif item.startswith("-") and len(item) > 1:
                out.append("Fl " + escape(item[1:]))
            else:
                literal = re.fullmatch(r"[a-z0-9|-]+", item)
                if not literal:
                    self.names.update(re.findall(r"[A-Z][A-Z_]*", item))
                out.append(("Cm " if literal else "Ar ") + escape(item))
        return out

    def synopsis(self, usages):
        self.section("SYNOPSIS")
        for usage in usages:
            tree = usage_tree(usage)
            verb = [] if tree[1] == "VERB" else ["Cm " + tree.pop(1)]
            self.add(" ".join([".Nm opapairs", *verb]))
            for item in tree[1:]:
                words = self.words([item])
                # What follows an option that stands alone is its value.
                if self.lines[-1].startswith(".Fl") and words[0].startswith("Ar"):
                    self.lines[-1] += " " + words[0]
                elif words[0] == "Oo":
                    self.add(" ".join([".Op", *words[1:-1]]))
                elif words[0] == "Po":
                    self.add(" ".join([".Pq", *words[1:-1]]))
                else:
                    self.add("." + words[0])

    # ---- sections that all pages have ----

    def options(self, options):
        rows = []
        for o in options:
            head = "Fl %s , " % o.letter if o.letter else ""
            head += "Fl " + escape("-" + o.name)
            if o.value:
                head += (" Cm " if o.words() and o.value[0].islower() else " Ar ") + escape(o.value)
            rows.append((head, o.text))
        self.tagged(rows)

    def examples(self, lines):
        self.section("EXAMPLES")
        self.literal(lines)

    def environment(self, rows):
        if rows:
            self.section("ENVIRONMENT")
            self.tagged(("Ev " + " , ".join(row.head.split(", ")), row.text) for row in rows)

    def exits(self, exits):
        self.section("EXIT STATUS")
        self.tagged((codes, text + ".") for codes, text in exits)

    def see_also(self, pages):
        self.section("SEE ALSO")
        pages = sorted(set(pages), key=lambda page: (page[1], page[0]))
        for i, (name, section) in enumerate(pages):
            self.add(".Xr %s %d%s" % (escape(name), section, " ," if i + 1 < len(pages) else ""))

    def bytes(self):
        return ("\n".join(self.lines) + "\n").encode("ascii")


def body(page, help_):
    """DESCRIPTION and OPTIONS: the paragraphs, each list below the one in front of it."""
    section = None
    for block in help_.body:
        options = isinstance(block, list) and isinstance(block[0], Option)
        wanted = "OPTIONS" if options else section or "DESCRIPTION"
        if wanted != section:
            page.section(wanted)
            section = wanted
        elif not isinstance(block, list):
            page.add(".Pp")
        if options:
            page.options(block)
        elif isinstance(block, list):
            page.tagged(("Cm " + escape(row.head), row.text) for row in block)
        else:
            page.text(block)
    return section


def verb_page(program, verb, version, date):
    help_ = program.verbs[verb]
    page = Page("opapairs-" + verb, program.summaries[verb], version, date)
    page.synopsis(help_.usages)
    if body(page, help_) != "OPTIONS":
        page.section("OPTIONS")
    else:
        page.add(".Pp")
    page.add("The options that every verb knows,", ".Fl \\-help", "and", ".Fl \\-color ,", "are in", ".Xr opapairs 1 .")
    page.environment(help_.environment)
    page.exits(help_.exits or [("0", "done")])
    page.add(".Pp", "The codes that all verbs share are in", ".Xr opapairs 1 .")
    page.examples(help_.examples)
    text = " ".join(block for block in help_.body if isinstance(block, str))
    text += " ".join(option.text for option in help_.options())
    pages = [("opapairs", 1)]
    pages += [("opapairs-" + name, 1) for name in re.findall(r"'opapairs ([a-z]+)", text) if name != verb]
    pages += [(FORMATS[word], 5) for o in operands(help_) for word in re.findall(r"[A-Z]+", o) if word in FORMATS]
    pages += [("opapairs-pack", 5)] if any(option.value == "PACK" for option in help_.options()) else []
    pages += [("opapairs-recipe", 5)] if verb == "recipe" or "recipe" in {o.name for o in help_.options()} else []
    page.see_also(pages)
    return page


def program_page(program, version, date):
    help_ = program.help
    page = Page("opapairs", "certified edits and verified packs of preference pairs", version, date)
    page.synopsis(help_.usages)
    page.section("DESCRIPTION")
    for block in help_.body:
        if isinstance(block, str):
            page.add(*[".Pp"] * (page.lines[-1] != ".Sh DESCRIPTION"))
            page.text(block)
        elif isinstance(block[0], Row):
            page.add(".Bl -tag -width tokenize")
            for row in block:
                page.add(".It Cm " + row.head)
                page.text(row.text[0].upper() + row.text[1:] + ":")
                page.add(".Xr opapairs\\-%s 1 ." % row.head)
            page.add(".El")
        else:
            page.options(block)
    page.environment(help_.environment)
    page.exits(help_.exits)
    page.examples(help_.examples)
    formats = [("opapairs-" + name, 5) for name in ("store", "recipe", "pack")]
    page.see_also([("opapairs-" + verb, 1) for verb in program.verbs] + formats)
    return page


def main():
    path, version, date, folder, *verbs = sys.argv[1:]
    program = Program(path)
    program.require(verbs)
    pages = {"opapairs": program_page(program, version, date)}
    for verb in verbs:
        pages["opapairs-" + verb] = verb_page(program, verb, version, date)
    for name, page in pages.items():
        with open(os.path.join(folder, name + ".1"), "wb") as f:
            f.write(page.bytes())


if __name__ == "__main__":
    try:
        main()
    except HelpError as error:
        sys.exit("make_man.py: %s" % error)
