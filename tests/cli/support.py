# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share. Only Python's standard library."""

import base64
import fcntl
import glob
import hashlib
import json
import os
import pty
import random
import re
import select
import shutil
import struct
import subprocess
import tempfile
import termios
import unittest
import zlib

PROGRAM = os.environ["OPAPAIRS"]
DEMO = os.environ["OPA_DEMO"]
TOKENIZER = os.path.join(DEMO, "tokenizer.json")
SEED = int(os.environ.get("OPA_TEST_SEED", random.SystemRandom().randrange(1 << 31)))
print("seed (OPA_TEST_SEED):", SEED, flush=True)


def rollout_files():
    return sorted(glob.glob(os.path.join(DEMO, "rollouts", "*.json")))


def rollout_records():
    """(file name, place, record) of all demo records."""
    for path in rollout_files():
        with open(path, encoding="utf-8") as f:
            for place, record in enumerate(json.load(f)):
                yield os.path.basename(path), place, record


def rollout_id(record):
    """The id of a rollout record, from the words of the specification."""
    image = base64.b64decode(record["image_bytes"])
    name = record["image_id"].rsplit("/", 1)[-1].rsplit(".", 1)[0]
    stem = re.sub(rb"[^A-Za-z0-9_-]", b"_", name.encode())[:40].decode()
    digest = hashlib.sha256()
    digest.update(hashlib.sha256(image).digest() + b"\0" + record["query"].encode() + b"\0")
    digest.update(record["original_generate_response"].encode())
    return stem + "-" + digest.hexdigest()[:12]


def png(width, height, color=b"\x20\x40\x80"):
    """A small sound PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + color * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def rollout(generated, sentences, **more):
    """A record in the rollout format. Sentences are (copied, rewritten, score) or whole dictionaries."""
    report = {"image_description": "A test."}
    revised = []
    for i, s in enumerate(sentences):
        if not isinstance(s, dict):
            copied, rewritten, score = s
            kind = "correct" if score == 4 else "image_recognition_error"
            s = {
                "copied_content": copied,
                "score": score,
                "error_type": kind,
                "object": [],
                "rewritten_content": rewritten,
                "reason": "" if score == 4 else "It is not so.",
            }
        report[str(i)] = s
        revised.append(s["rewritten_content"])
    record = {
        "query": "<image>\nDescribe the picture.",
        "image_id": "test.png",
        "standard_response": "The truth, in short.",
        "original_generate_response": generated,
        "AI_generate_response": generated,
        "AI_pseudo_response": " ".join(r for r in revised if r),
        "AI_json_report": report,
        "image_bytes": base64.b64encode(png(32, 24)).decode(),
    }
    record.update(more)
    return record


# ---- a validator for the part of JSON Schema that the schemas use ----

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def is_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def other_schema(file_name):
    out = subprocess.run(
        [PROGRAM, "schema", file_name.replace(".schema.json", "")], stdout=subprocess.PIPE, check=True
    ).stdout
    return json.loads(out)


def schema_errors(schema, value, root=None, path="$"):
    """What is wrong with a value, as a list of texts."""
    root = root or schema
    if schema is True or schema is False:
        return [] if schema else [path + ": not allowed"]
    errors = []
    if "$ref" in schema:
        name, _, place = schema["$ref"].partition("#")
        target = base = other_schema(name) if name else root
        for part in filter(None, place.split("/")):
            target = target[part]
        errors += schema_errors(target, value, base, path)
    types = schema.get("type")
    if types and not any(is_type(value, t) for t in ([types] if isinstance(types, str) else types)):
        return errors + ["%s: %r is no %s" % (path, value, types)]
    if "enum" in schema and value not in schema["enum"]:
        errors.append("%s: %r is none of %r" % (path, value, schema["enum"]))
    if "const" in schema and value != schema["const"]:
        errors.append("%s: %r is not %r" % (path, value, schema["const"]))
    for key in ("anyOf", "oneOf"):
        if key in schema and not any(not schema_errors(s, value, root, path) for s in schema[key]):
            errors.append("%s: no branch of %s fits %r" % (path, key, value))
    for s in schema.get("allOf", []):
        errors += schema_errors(s, value, root, path)
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        errors.append("%s: %r does not match %s" % (path, value, schema["pattern"]))
    if isinstance(value, dict):
        errors += ["%s: no %s" % (path, k) for k in schema.get("required", []) if k not in value]
        known = schema.get("properties", {})
        for k, v in value.items():
            patterns = [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, k)]
            if k in known:
                errors += schema_errors(known[k], v, root, path + "." + k)
            for s in patterns:
                errors += schema_errors(s, v, root, path + "." + k)
            if k not in known and not patterns:
                errors += schema_errors(schema.get("additionalProperties", True), v, root, path + "." + k)
    if isinstance(value, list):
        prefix = schema.get("prefixItems", [])
        for i, v in enumerate(value):
            s = prefix[i] if i < len(prefix) else schema.get("items", True)
            errors += schema_errors(s, v, root, "%s[%d]" % (path, i))
    return errors


class Case(unittest.TestCase):
    """Each test has a folder of its own."""

    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opapairs-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.random = random.Random("%d %s" % (SEED, self.id().split(".", 1)[-1]))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        """A file: bytes, text, or a document."""
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content, ensure_ascii=False)
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogatepass")
        with open(self.path(name), "wb") as f:
            f.write(content)
        return self.path(name)

    def write_lines(self, name, documents):
        return self.write(name, "".join(json.dumps(d) + "\n" for d in documents))

    def start(self, *args, env=None, **more):
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
        environment.update(env or {})
        return subprocess.Popen(
            [PROGRAM, *map(str, args)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            **more,
        )

    def run_any(self, *args, input=b"", env=None, timeout=120, **more):
        """Whatever it says: but no signal, no hang, and a known exit code."""
        p = self.start(*args, env=env, **more)
        try:
            p.out, p.err = p.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            self.fail("%r hangs" % (args,))
        self.assertIn(p.returncode, (0, 1, 2, 65, 66, 69, 73, 74, 75), "%r: %r" % (args, p.err[-600:]))
        return p

    def on_terminal(self, *args, env=None, rows=0, columns=0, code=0):
        """Everything that it writes where standard output and error are a terminal of this size (0: unknown)."""
        try:
            leader, follower = pty.openpty()
        except OSError:  # a bare chroot without /dev/pts
            self.skipTest("no pseudo-terminal to be had here")
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        hidden = ("NO_COLOR", "COLUMNS", "LINES", "COLORTERM", "PAGER", "LESS")
        environment = {k: v for k, v in os.environ.items() if k not in hidden}
        environment["TERM"] = "xterm"
        environment.update(env or {})
        p = subprocess.Popen(
            [PROGRAM, *map(str, args)], stdout=follower, stderr=follower, stdin=subprocess.DEVNULL, env=environment
        )
        os.close(follower)
        out = b""
        while True:
            try:
                if not select.select([leader], [], [], 60)[0]:
                    p.kill()
                    self.fail("%r hangs after %r" % (args, out[-500:]))
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.close(leader)
        self.assertEqual(p.wait(), code, out)
        return out

    def run_cli(self, *args, code=0, **more):
        """Runs and wants this exit code; gives standard output as text."""
        p = self.run_any(*args, **more)
        self.assertEqual(
            p.returncode,
            code,
            "opapairs %s\n%s%s"
            % (
                " ".join(map(str, args)),
                p.out.decode("utf-8", "replace")[-1500:],
                p.err.decode("utf-8", "replace")[-1500:],
            ),
        )
        self.err = p.err.decode("utf-8")
        return p.out.decode("utf-8")

    def jsonl(self, *args, code=0, schema=None, **more):
        # Not splitlines(): a text may hold U+2028.
        lines = self.run_cli(*args, "--jsonl", code=code, **more).split("\n")
        self.assertEqual(lines.pop(), "")
        documents = [json.loads(line) for line in lines]
        if schema:
            self.assert_schema(schema, documents)
        return documents

    def assert_schema(self, name, documents):
        schema = json.loads(self.run_cli("schema", name))
        for document in documents:
            errors = schema_errors(schema, document)
            self.assertFalse(errors, "%s: %s" % (name, errors[:5]))

    def store(self, *files, name="set.opa", code=None):
        """A store with these files."""
        path = self.path(name)
        if not os.path.exists(path):
            self.run_cli("init", path)
        if files:
            p = self.run_any("import", path, *files)
            self.err = p.err.decode()
            self.assertIn(p.returncode, (0, 1) if code is None else (code,), p.err)
        return path

    def demo_store(self, name="demo.opa"):
        return self.store(*rollout_files(), name=name)

    def pack(self, store, name="pack", *more, code=None):
        p = self.run_any("pack", store, "-o", self.path(name), "--tokenizer", TOKENIZER, *more)
        self.assertIn(p.returncode, (0, 1) if code is None else (code,), p.err)
        return self.path(name)

    def files_of(self, folder):
        """Name -> bytes of all files in a folder."""
        found = {}
        for root, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(root, name), "rb") as f:
                    found[os.path.relpath(os.path.join(root, name), folder)] = f.read()
        return found

    def codes(self, target, *more):
        """(code, id) of all findings of check."""
        p = self.run_any("check", target, "--jsonl", *more)
        self.assertIn(p.returncode, (0, 1), p.err)
        return [(f["code"], f["id"]) for f in map(json.loads, p.out.decode().splitlines())]


def main():
    unittest.main(verbosity=1)
