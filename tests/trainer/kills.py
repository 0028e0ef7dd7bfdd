# SPDX-License-Identifier: Apache-2.0
"""Ends of runs at chosen moments; tests/parity uses it too."""

import os
import signal
import time


def count_lines(path):
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as f:
        return f.read().count(b"\n")


def kill_between_checkpoints(p, log, save_every):
    """SIGKILL to the run p behind an update that is not saved and before one that will be, its first checkpoint being there. It is
    held while that is looked at, so that a fast machine cannot run past the moment."""
    while True:
        if p.poll() is not None:
            raise AssertionError("the run ended before it was killed")
        time.sleep(0.001)
        n = count_lines(log)
        if n <= save_every or n % save_every != save_every - 1:
            continue
        p.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if count_lines(log) == n:
            break
        p.send_signal(signal.SIGCONT)
    p.send_signal(signal.SIGKILL)
    p.wait()
