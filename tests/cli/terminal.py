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


class Terminal:
    """One terminal that runs opapairs with these arguments."""

    def __init__(self, case, *args, columns=80, rows=24, env=None):
        self.case = case
        self.socket = "opapairs-test-%d-%d" % (os.getpid(), next(NUMBERS))
        conf = case.write(
            self.socket + ".conf",
            "set -g remain-on-exit on\nset -s escape-time 0\nset -g status off\nset -g default-terminal screen-256color\n",
        )
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "VISUAL", "EDITOR", "TMUX")}
        clean.update({"LOGNAME": "tester", "TMPDIR": case.folder})
        # env(1), as tmux sets TERM itself.
        command = ["env", *("%s=%s" % item for item in (env or {}).items()), PROGRAM, *map(str, args)]
        self.base = [TMUX, "-u", "-L", self.socket, "-f", conf]
        case.addCleanup(self.close)
        subprocess.run(
            self.base
            + ["new-session", "-d", "-x", str(columns), "-y", str(rows), *command],
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

    def wait_for_pane(self, fits):
        """What tmux says of the program's end; it hears of it in steps."""
        end = time.monotonic() + DEADLINE
        while not fits(self.pane("pane_dead"), self.pane("pane_dead_status")):
            if time.monotonic() > end:
                self.case.fail("still runs:\n" + self.screen())
            time.sleep(0.02)

    def wait_exit(self):
        """The exit code."""
        self.wait_for_pane(lambda dead, status: dead == "1" and status != "")
        return int(self.pane("pane_dead_status"))

    def signal(self, number):
        os.kill(int(self.pane("pane_pid")), number)

    def kill(self):
        """kill -9, and gone."""
        self.signal(signal.SIGKILL)
        self.wait_for_pane(lambda dead, status: dead == "1")
        self.close()

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
