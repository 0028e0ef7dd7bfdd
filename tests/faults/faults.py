# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share, on top of what the tests of the command line share (tests/cli/support.py)."""

import json
import os
import resource
import shutil

from support import Case, TOKENIZER, main, rollout_files  # noqa: F401

LONG = bool(os.environ.get("OPA_TEST_LONG"))
SANITIZED = os.environ.get("OPA_SANITIZE", "none") != "none"


def no_larger_than(size):
    """For preexec_fn: no file may grow beyond so many bytes. What a full disk does, at any byte."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class FaultCase(Case):
    def copy_store(self, name, source):
        """A copy of a store that nobody has open."""
        path = self.path(name)
        for ending in ("", "-wal", "-shm", "-journal", "-lock"):
            if os.path.exists(path + ending):
                os.remove(path + ending)
        shutil.copyfile(source, path)
        return path

    def assert_sound(self, store):
        out = json.loads(self.run_cli("doctor", store, "--json"))
        self.assertEqual(out["findings"], [])
        return out

    def content(self, store):
        """All that a store says, but for the time and the order in which things came, and which of two equal records
        came first."""
        samples = self.run_cli("ls", store, "--jsonl")
        log = [json.loads(line) for line in self.run_cli("log", store, "--jsonl").splitlines()]
        for entry in log:
            for key in ["at", "sequence", "undoes"] + (["why"] if entry["what"] == "import" else []):
                entry.pop(key, None)
        return samples, sorted(json.dumps(entry, sort_keys=True) for entry in log)

    def pack_bytes(self, store, name="compare"):
        packed = self.pack(store, name)
        files = self.files_of(packed)
        shutil.rmtree(packed)
        return files

    def assert_only(self, folder, *names):
        """Nothing else lies in the folder."""
        self.assertEqual(sorted(os.listdir(folder)), sorted(names))
