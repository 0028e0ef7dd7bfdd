# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal, which tmux plays: keys go in, what is on the screen comes out. Nothing here waits for a time, only for
what the screen shows, up to a deadline."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import time

from support import PROGRAM

TMUX = shutil.which("tmux")
DEADLINE = float(os.environ.get("OPA_TEST_DEADLINE", 30))  # seconds
NUMBERS = itertools.count()


# $1 is where to write the process's number and its exit code. tmux now and then misses that a program ended, so it is
# not asked; and the terminal stays.
INNER = """echo $$ > "$1.pid"; shift; exec "$@" """
OUTER = """sh -c '%s' sh "$@"; echo $? > "$1.new"; mv "$1.new" "$1.code"; exec cat > /dev/null""" % INNER


class Terminal:
    """One terminal that runs opapairs with these arguments."""

    def __init__(self, case, *args, columns=80, rows=24, env=None):
        self.case = case
        self.socket = "opapairs-test-%d-%d" % (os.getpid(), next(NUMBERS))
        self.notes = case.path(self.socket)
        conf = case.write(
            self.socket + ".conf", "set -s escape-time 0\nset -g status off\nset -g default-terminal screen-256color\n"
        )
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "VISUAL", "EDITOR", "TMUX")}
        clean.update({"LOGNAME": "tester", "TMPDIR": case.folder})
        # env(1), as tmux sets TERM itself.
        command = ["env", *("%s=%s" % item for item in (env or {}).items()), PROGRAM, *map(str, args)]
        self.base = [TMUX, "-u", "-L", self.socket, "-f", conf]
        case.addCleanup(self.close)
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run(
            self.base + ["new-session", "-d", *size, "sh", "-c", OUTER, "sh", self.notes, *command],
            env=clean,
            check=True,
            timeout=DEADLINE,
        )

    def tmux(self, *args):
        p = subprocess.run(self.base + list(args), capture_output=True, timeout=DEADLINE)
        self.case.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout.decode("utf-8")

    def close(self):
        subprocess.run(self.base + ["kill-server"], capture_output=True, timeout=DEADLINE)

    def keys(self, *names):
        """Keys by tmux's names: Enter, Escape, PageDown, or a character."""
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def all(self):
        """With what has scrolled away; wrapped lines are one."""
        return self.screen("-J", "-S", "-")

    def pane(self, what):
        return self.tmux("list-panes", "-F", "#{%s}" % what).strip()

    def wait(self, *patterns, gone=()):
        """The screen once it matches all patterns and none of those that have to be gone."""
        end = time.monotonic() + DEADLINE
        while True:
            screen = self.screen()
            if all(re.search(p, screen, re.M) for p in patterns) and not any(re.search(p, screen, re.M) for p in gone):
                return screen
            if time.monotonic() > end:
                self.case.fail("no %r (without %r) on the screen:\n%s" % (patterns, gone, screen))
            time.sleep(0.02)

    def note(self, ending):
        """What the scripts around the program wrote, once they did."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                with open(self.notes + ending) as f:
                    text = f.read()
                if text.endswith("\n"):
                    return int(text)
            except FileNotFoundError:
                pass
            if time.monotonic() > end:
                self.case.fail("no %s:\n%s" % (ending, self.screen()))
            time.sleep(0.02)

    def wait_exit(self):
        """The exit code."""
        return self.note(".code")

    def signal(self, number):
        os.kill(self.note(".pid"), number)

    def kill(self):
        """kill -9, and gone."""
        self.signal(signal.SIGKILL)
        self.case.assertEqual(self.wait_exit(), 128 + signal.SIGKILL)
        self.close()

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
