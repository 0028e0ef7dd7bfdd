# SPDX-License-Identifier: Apache-2.0
"""What the tests of opatrain share, over tests/cli/support.py."""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

from support import Case

OPATRAIN = os.environ["OPATRAIN"]
CASE = os.environ["OPA_CASE"]
CHECKPOINT = os.path.join(CASE, "checkpoint")
# Kills of each kind of run; 0: few, a number for each test.
KILLS = int(os.environ.get("OPA_KILLS", 0))
FAST = ("--threads", 1, "--batch", 1, "--rank", 4, "--alpha", 8, "--lr", "1e-3", "--save-every", 3)


def read_safetensors(path):
    """(header, data)"""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        return json.loads(f.read(n)), f.read()


def write_safetensors(path, tensors):
    """Tensors are name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def all_tensors(folder):
    """name -> (dtype, shape, bytes) of every safetensors file of a folder."""
    out = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            header, data = read_safetensors(os.path.join(folder, name))
            for key, entry in header.items():
                if key != "__metadata__":
                    begin, end = entry["data_offsets"]
                    out[key] = (entry["dtype"], entry["shape"], data[begin:end])
    return out


class TrainerCase(Case):
    launcher = ()  # what stands before opatrain

    def train_any(self, *args, env=None, timeout=120):
        """Whatever it says: but no signal, no hang, and a known exit code. A variable of @p env that is None is unset."""
        p = subprocess.run(
            [*self.launcher, OPATRAIN, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={k: v for k, v in {**os.environ, **(env or {})}.items() if v is not None},
            timeout=timeout,
        )
        self.assertIn(p.returncode, (0, 1, 2, 65, 66, 69, 73, 74, 75), "%r: %r" % (args, p.stderr[-600:]))
        return p

    def train(self, *args, code=0, **more):
        p = self.train_any(*args, **more)
        self.err = p.stderr.decode("utf-8", "replace")
        self.assertEqual(p.returncode, code, "opatrain %s\n%s" % (" ".join(map(str, args)), self.err[-1500:]))
        return p.stdout.decode("utf-8")

    def lines(self, *args, schema=None, **more):
        documents = [json.loads(line) for line in self.train(*args, **more).split("\n")[:-1]]
        said = self.err
        if schema:
            self.assert_schema(schema, documents)
        self.err = said
        return documents

    def demo_pack(self):
        return self.pack(self.demo_store())

    def members(self, pack):
        """id -> document of every sample of a pack."""
        index = self.files_of(pack)["index.tsv"].decode().splitlines()
        ids = [line.split("\t")[1] for line in index]
        return {i: json.loads(self.run_cli("cat", pack, i)) for i in ids}

    def checkpoint(self, name="checkpoint", change=None):
        """A copy of the checkpoint in one file; change() gets its tensors."""
        folder = self.path(name)
        shutil.copytree(CHECKPOINT, folder)
        tensors = all_tensors(folder)
        for file in os.listdir(folder):
            if "safetensors" in file:
                os.remove(os.path.join(folder, file))
        if change:
            change(tensors)
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        return folder

    def kill_and_resume(self, output, *args, seconds=(0.05, 0.1, 0.2, 0.4)):
        """Kill the same command at several moments, then let it end. How many kills met it at work."""
        met = 0
        for pause in seconds:
            p = subprocess.Popen([OPATRAIN, *map(str, args), "-o", output], stderr=subprocess.DEVNULL)
            time.sleep(pause)
            p.kill()
            met += p.wait() < 0
        self.train(*args, "-o", output)
        return met


def children(pid):
    """Processes that a process started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(name))
    return sorted(found)


def kill_tree(p):
    """kill -9 a process and its children, and wait until all are gone."""
    pids = [p.pid, *children(p.pid)]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    code = p.wait()
    while any(os.path.exists("/proc/%d" % pid) for pid in pids[1:]):
        time.sleep(0.01)
    return code


class TrainingCase(TrainerCase):
    """Runs of sft and dpo."""

    def log(self, folder, name="log.jsonl"):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def adapter(self, folder):
        with open(os.path.join(folder, "adapter_model.safetensors"), "rb") as f:
            return f.read()

    def start_until(self, path, *args):
        """A run that has made a file. It does not outlive the test."""
        p = subprocess.Popen([*self.launcher, OPATRAIN, *map(str, args)], stderr=subprocess.PIPE)
        self.addCleanup(p.stderr.close)
        self.addCleanup(lambda: p.poll() is None and kill_tree(p))
        while not os.path.exists(path):
            self.assertIsNone(p.poll(), "it ended before it made %s" % path)
            time.sleep(0.01)
        return p

    def stop_behind_a_checkpoint(self, out, *args):
        """SIGINT to a run that has saved update 3; what it said."""
        p = self.start_until(os.path.join(out, "checkpoints", "step-000003"), *args, "-o", out)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1, err)
        return err

    def without_time(self, folder):
        return [{k: v for k, v in line.items() if k != "seconds"} for line in self.log(folder)]

    def kill_until_done(self, out, args, kills, longest):
        """kill -9 at random moments of a run, so often and at least once behind an update of its own. How many there were, and how
        many of these."""
        runs = hits = worked = 0
        log = os.path.join(out, "log.jsonl")
        while hits < kills or worked == 0:
            p = subprocess.Popen([*self.launcher, OPATRAIN, *map(str, args), "--resume"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            before = os.stat(log).st_mtime_ns if os.path.exists(log) else 0
            time.sleep(self.random.uniform(0.02, longest))
            code = kill_tree(p)
            runs += 1
            self.assertLess(runs, 20 * kills, "kills do not meet the run")
            if code == 0 or os.path.exists(os.path.join(out, "adapter_model.safetensors")):  # it had finished: no kill of a run
                shutil.rmtree(out)
                continue
            self.assertEqual(code, -signal.SIGKILL, "it failed by itself")
            hits += 1
            worked += os.path.exists(log) and os.path.getsize(log) > 0 and os.stat(log).st_mtime_ns != before
        self.train(*args, "--resume")
        return hits, worked

    def check_kills(self, kills, *args):
        whole, killed = self.path("whole"), self.path("killed")
        began = time.monotonic()
        self.train(*args, "-o", whole)
        hits, worked = self.kill_until_done(killed, (*args, "-o", killed), kills, time.monotonic() - began)
        self.assertEqual(self.adapter(killed), self.adapter(whole))
        self.assertEqual(self.without_time(killed), self.without_time(whole))
        if KILLS:
            print("%s: %d kills, %d of them behind an update" % (self.id(), hits, worked), file=sys.stderr)

    def check_full_disk(self, *args):
        """A run with a checkpoint goes on where no file may be as large as the next one's."""
        whole, out = self.path("whole"), self.path("out")
        self.train(*args, "-o", whole)
        p = self.start_until(self.path("out", "checkpoints", "step-000003"), *args, "-o", out)
        p.send_signal(signal.SIGUSR1)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1)
        before = self.files_of(os.path.join(out, "checkpoints"))
        size = len(self.adapter(whole)) // 2

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        p = subprocess.run([*self.launcher, OPATRAIN, *map(str, args), "-o", out, "--resume"], preexec_fn=limit,
                           stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(p.returncode, 74, p.stderr)
        self.assertEqual(p.stderr.count(b"File too large"), 1, p.stderr)
        self.assertEqual(self.files_of(os.path.join(out, "checkpoints")), before)
        self.train(*args, "-o", out, "--resume")
        self.assertEqual(self.adapter(out), self.adapter(whole))
