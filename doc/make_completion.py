# SPDX-License-Identifier: Apache-2.0
"""Writes the bash completion from the program's help: make_completion.py PROGRAM TEMPLATE OUTPUT.

The template is the shell code; what verbs, options and arguments there are comes from here, as words:
    --as=rollout|samples  -j=N  --dry-run    an option, with the words or the kind of its value
    STORE ID...                              the arguments"""

import sys

from help_text import HelpError, Program, operands

# The arguments of diff are named by their place only.
KINDS = {"A": "STORE|PACK", "B": "STORE|PACK"}


def option_words(options):
    for o in options:
        several = ",..." if o.value.endswith(",...") else ""
        value = "=" + ("|".join(o.words()) + several if o.words() else o.value) if o.value else ""
        if o.letter:
            yield "-" + o.letter + value
        yield "--" + o.name + value


def table(program):
    common = [o for o in program.help.options() if o.name != "version"]
    for verb, help_ in program.verbs.items():
        yield "    %s)" % verb
        yield "        options='%s'" % " ".join(option_words(help_.options() + common))
        yield "        operands='%s'" % " ".join(KINDS.get(name, name) for name in operands(help_))
        yield "        ;;"


def main():
    path, template, output = sys.argv[1:]
    program = Program(path)
    with open(template, encoding="ascii") as f:
        text = f.read()
    text = text.replace("@VERBS@", " ".join(program.verbs)).replace("@TABLE@", "\n".join(table(program)))
    with open(output, "w", encoding="ascii") as f:
        f.write(text)


if __name__ == "__main__":
    try:
        main()
    except HelpError as error:
        sys.exit("make_completion.py: %s" % error)
