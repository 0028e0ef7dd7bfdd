# SPDX-License-Identifier: Apache-2.0
"""Reads the help texts of the program that was just built. The form that they have is written down at struct command in
program/program.h. What does not have it is refused: so the manual and the completion, which are made from here, say what the
help says, and the help says what the program takes."""

import re
import subprocess
from dataclasses import dataclass, field


class HelpError(Exception):
    """What is wrong with a help text; the message names the verb and shows the line."""


@dataclass
class Option:
    name: str
    letter: str = ""  # "": none
    value: str = ""  # the name of its value, "FILE"; "": it takes none
    text: str = ""

    def __str__(self):
        """As --list-options prints it."""
        letter = "-%s, " % self.letter if self.letter else ""
        return letter + "--" + self.name + (" VALUE" if self.value else "")

    def words(self):
        """The words that the value may be, or none: from its name (json|image), or from its text (see listed_words)."""
        if re.fullmatch(r"[a-z0-9-]+(\|[a-z0-9-]+)+", self.value):
            return self.value.split("|")
        return listed_words(self.text) if self.value else []


def listed_words(text):
    """The words of "a, b (a remark) or c; d, e; other text", at the beginning of a text or behind its first colon."""
    text = re.sub(r"\s*\([^()]*\)", "", text)
    for start in (text, text.partition(": ")[2]):
        words = []
        for group in start.rstrip(".").split("; "):
            if not re.fullmatch(r"[a-z][\w-]*(, [a-z][\w-]*)*( or [a-z][\w-]*)?", group):
                break
            words += re.split(r", | or ", group)
        if len(words) > 1:
            return words
    return []


@dataclass
class Row:
    """Of a list that is no option: a verb of the program's help, a key."""

    head: str
    text: str


@dataclass
class Help:
    verb: str  # "": the program's own
    examples: list = field(default_factory=list)  # lines
    usages: list = field(default_factory=list)  # one text a form
    body: list = field(default_factory=list)  # in order: a text (paragraph), or a list of Options and Rows
    environment: list = field(default_factory=list)  # Rows
    exits: list = field(default_factory=list)  # (codes, text): ("65 or 66", "no pack there at all")

    def rows(self, kind):
        return [row for block in self.body if isinstance(block, list) for row in block if isinstance(row, kind)]

    def options(self):
        return self.rows(Option)


OPTION = re.compile(r"(?:-([A-Za-z]), )?--([a-z][a-z0-9-]*)(?: (\S+))?")


class Reader:
    def __init__(self, verb):
        self.help = Help(verb)

    def refuse(self, why, line=""):
        name = "opapairs" + (" " + self.help.verb if self.help.verb else "")
        shown = "\n    " + line if line else ""
        raise HelpError("help of '%s': %s%s\n(the form is in program/program.h, at struct command)" % (name, why, shown))

    def read(self, text):
        blocks = [block.split("\n") for block in re.split(r"\n\n+", text.rstrip("\n"))]
        if len(blocks) < 3:
            self.refuse("it has no examples, usage and text, with empty lines between")
        self.read_examples(blocks[0])
        self.read_usages(blocks[1])
        for i, block in enumerate(blocks[2:], 3):
            if block[0].startswith("Exit: "):
                if i != len(blocks):
                    self.refuse("something stands behind the exit codes", block[0])
                self.read_exits(" ".join(block))
            else:
                self.read_block(block)
        return self.help

    def read_examples(self, lines):
        for i, line in enumerate(lines):
            if not line.startswith(" " * 9 if i else "Example: "):
                self.refuse("it begins with 'Example: ', and other examples stand below the first", line)
        self.help.examples = [line[9:] for line in lines]

    def read_usages(self, lines):
        start = ("opapairs " + self.help.verb).rstrip()
        for i, line in enumerate(lines):
            rest = line[7:]
            if i == 0 and not line.startswith("Usage: " + start):
                self.refuse("behind the examples is no 'Usage: %s'" % start, line)
            if i and not line.startswith(" " * 7):
                self.refuse("a line of the usage is not indented", line)
            if rest.startswith("opapairs "):
                self.help.usages.append(rest)
            elif rest.startswith("  "):
                self.help.usages[-1] += " " + rest.strip()
            else:
                self.refuse("neither a form of usage nor the end of one", line)

    def read_exits(self, text):
        for part in re.split(r", (?=\d)", text[len("Exit: ") :].rstrip(".")):
            found = re.fullmatch(r"(\d+(?: or \d+)*) (.+)", part)
            if not found:
                self.refuse("not an exit code and what it means", part)
            self.help.exits.append(found.groups())

    def read_block(self, lines):
        """A paragraph, a list, or a paragraph that ends with a colon and its list."""
        text = [line for line in lines if not line.startswith(" ")]
        rows = lines[len(text) :]
        if lines[: len(text)] != text or (text and rows and not text[-1].endswith(":")):
            self.refuse("a list stands alone, or below a line that ends with a colon", "\n    ".join(lines))
        if text == ["Environment:"]:
            self.help.environment = self.read_list(rows)
            return
        if text:
            self.help.body.append(" ".join(text))
        if rows:
            self.help.body.append(self.read_list(rows))

    def read_list(self, lines):
        column = self.text_column(lines)
        rows = []
        for line in lines:
            if not line.startswith("   "):
                head, gap, text = line[2 : column - 1], line[column - 1 : column], line[column:]
                if gap.strip():  # a head that is too long stands on a line of its own
                    head, text = line[2:], ""
                rows.append(self.read_row(head.strip(), text, line))
            elif not rows:
                self.refuse("the first line of a list is indented by more than two spaces", line)
            else:
                rows[-1].text = (rows[-1].text + " " + line.strip()).lstrip()
        for row in rows:
            if not row.text:
                self.refuse("nothing is said about '%s'" % (row.head if isinstance(row, Row) else row))
        return rows

    def text_column(self, lines):
        columns = {}
        for line in lines:
            place = re.match(r"  \S(?:.*?\S)??  +(?=\S)|   +", line)
            if place:
                columns.setdefault(place.end(), line)
        if len(columns) != 1:
            self.refuse("the texts of a list do not begin in one column", "\n    ".join(columns.values()) or lines[0])
        return columns.popitem()[0]

    def read_row(self, head, text, line):
        if not head.startswith("-"):
            return Row(head, text)
        found = OPTION.fullmatch(head)
        if not found:
            self.refuse("not '-l, --name VALUE  text'", line)
        letter, name, value = found.groups(default="")
        return Option(name, letter, value, text)


def parse(verb, text):
    return Reader(verb).read(text)


def same_options(help_, listed):
    """Refuse a help whose options are not those that the program takes."""
    told, known = {str(option) for option in help_.options()}, set(listed)
    odd = ["it lacks " + option for option in sorted(known - told)]
    odd += ["the program does not know " + option for option in sorted(told - known)]
    if odd:
        raise HelpError("help of 'opapairs %s': %s" % (help_.verb, "; ".join(odd)))
    known = {option.name for option in help_.options()} | {"help", "color"}
    for name in re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", " ".join(help_.usages)):
        if name not in known:
            raise HelpError("help of 'opapairs %s': the usage has --%s, the options have not" % (help_.verb, name))


class Program:
    """The program's help and those of its verbs, read and checked."""

    def __init__(self, path):
        self.path = path
        self.help = parse("", self.run("help"))
        self.verbs = {}
        for row in self.help.rows(Row):
            self.verbs[row.head] = help_ = parse(row.head, self.run("help", row.head))
            same_options(help_, self.run(row.head, "--list-options").splitlines())
        self.summaries = {row.head: row.text for row in self.help.rows(Row)}

    def run(self, *args):
        done = subprocess.run([self.path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise HelpError("'opapairs %s' fails: %s" % (" ".join(args), done.stderr.decode("utf-8", "replace")))
        return done.stdout.decode("utf-8")

    def require(self, verbs):
        """Refuse a list of verbs, as the build has it, that is not the program's."""
        odd = set(verbs) ^ set(self.verbs)
        if odd:
            raise HelpError("cli/meson.build and cli/main.c do not have the same verbs: " + ", ".join(sorted(odd)))


# ---- usage: "opapairs pack STORE -o PACK [--seed N]" as a tree ----


def usage_tree(usage):
    """Words as texts, groups as (bracket, items), from behind "opapairs VERB"."""
    words = re.findall(r"[][()]|[^][()\s]+", re.sub(r"\[(\S+?)\.\.\.\]", r"[ \1... ]", usage))
    stack = [("", [])]
    for word in words:
        if word in "[(":
            stack.append((word, []))
        elif word in "])":
            if len(stack) == 1:
                raise HelpError("usage: a bracket too many: " + usage)
            group = stack.pop()
            stack[-1][1].append(group)
        else:
            stack[-1][1].append(word)
    if len(stack) != 1:
        raise HelpError("usage: a bracket is not closed: " + usage)
    return stack[0][1]


def operands(help_):
    """The arguments that are no option's value, in order, of the form that has most: ["STORE", "FILE..."]."""
    takes = {"--" + o.name for o in help_.options() if o.value} | {"-" + o.letter for o in help_.options() if o.value}

    def walk(items):
        found, value = [], False
        for item in items:
            if isinstance(item, tuple):
                found += walk(item[1])
            elif not value and not item.startswith("-") and item != "|":
                found.append(item)
            value = not isinstance(item, tuple) and item in takes
        return found

    return max((walk(usage_tree(usage)[2:]) for usage in help_.usages), key=len)
