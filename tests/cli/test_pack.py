# SPDX-License-Identifier: Apache-2.0
"""Pack, verify, cat: the layout, determinism, and that no alteration goes unseen."""

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
import time

from support import Case, TOKENIZER, main, rollout, rollout_files, rollout_id


class Pack(Case):
    def setUp(self):
        super().setUp()
        self.set = self.demo_store()
        self.packed = self.pack(self.set)

    def test_layout(self):
        files = self.files_of(self.packed)
        shards = sorted(n for n in files if n.endswith(".tar"))
        self.assertEqual(sorted(set(files) - set(shards)), ["SHA256SUMS", "index.tsv", "manifest.json"])
        self.assertIn("jpg-000000.tar", shards)
        self.assertIn("png-000000.tar", shards)
        sums = dict(reversed(line.split(maxsplit=1)) for line in files["SHA256SUMS"].decode().splitlines())
        sums = {name.lstrip("*"): digest for name, digest in sums.items()}
        self.assertEqual(sums, {n: hashlib.sha256(b).hexdigest() for n, b in files.items() if n != "SHA256SUMS"})
        for name in shards:
            kind = name.split("-")[0]
            with tarfile.open(fileobj=io.BytesIO(files[name])) as tar:
                members = tar.getmembers()
            names = [m.name for m in members]
            self.assertEqual(names, sorted(names))
            for m in members:
                self.assertEqual((m.uid, m.gid, m.mode, m.mtime, m.isreg()), (0, 0, 0o444, 0, True))
            self.assertEqual({n.rsplit(".", 1)[1] for n in names}, {"json"} | ({kind} - {"text"}))
        self.assert_index(files)

    def assert_index(self, files):
        rows = [line.split("\t") for line in files["index.tsv"].decode().splitlines()]
        if rows[0][0] == "key":
            rows = rows[1:]
        keys = [r[0] for r in rows]
        self.assertEqual(keys, sorted(keys))
        self.assertEqual(len(keys), 48)
        for key, sample, shard, offset, size, digest in rows:
            part = files[shard][int(offset) : int(offset) + int(size)]
            self.assertEqual(hashlib.sha256(part).hexdigest(), digest)
            self.assertEqual(part[: len(key)].decode(), key)
            self.assertEqual(int(size) % 512, 0)

    def test_documents(self):
        manifest = json.loads(self.files_of(self.packed)["manifest.json"])
        self.assert_schema("manifest", [manifest])
        self.assertEqual(manifest["seed"], 0)
        self.assertEqual(manifest["left_out"], [])
        inspected = {s["id"]: s for s in self.jsonl("inspect", self.set)}
        documents = [json.loads(self.run_cli("cat", self.packed, i)) for i in sorted(inspected)]
        self.assert_schema("sample", documents)
        for d in documents:
            s = inspected[d["id"]]
            self.assertEqual(d["responses"]["generated"]["text"], s["generated"])
            self.assertEqual(d["responses"]["revised"]["text"], s["revised"])
            for response in d["responses"].values():
                for weights in response["weights"].values():
                    self.assertEqual(len(weights), len(response["ids"]))
                self.assertEqual(response["ids"][-1], 2)
                self.assertNotEqual(response["ids"][0], 1)
            seed = hashlib.sha256(b"%s\x000\x000" % d["id"].encode()).digest()[:8][::-1].hex()
            self.assertEqual(d["masks"][0]["seed"], seed)

    def test_cat(self):
        sample = json.loads(self.run_cli("ls", self.packed, "--jsonl").splitlines()[0])["id"]
        document = json.loads(self.run_cli("cat", self.packed, sample))
        image = self.run_any("cat", self.packed, sample, "--member", "image").out
        self.assertEqual(hashlib.sha256(image).hexdigest(), document["image"]["sha256"])
        self.run_cli("cat", self.packed, "nobody", code=66)
        self.run_cli("cat", self.set, sample, code=65)

    def test_the_same_bytes_whatever_the_circumstances(self):
        wanted = self.files_of(self.packed)
        files = rollout_files()
        for i, env in enumerate(({"TZ": "Asia/Tokyo", "LC_ALL": "C"}, {"LC_ALL": "tr_TR.UTF-8"}, {"TZ": "UTC+5"})):
            shuffled = files[:]
            self.random.shuffle(shuffled)
            store = self.path("again%d.opa" % i)
            self.run_cli("init", store)
            for f in shuffled:  # one import each, and another order
                self.run_cli("import", store, f, "--threads", i + 1, env=env)
            old = os.umask((0o000, 0o077, 0o027)[i])
            try:
                self.run_cli(
                    "pack",
                    store,
                    "-o",
                    self.path("again%d" % i),
                    "--tokenizer",
                    TOKENIZER,
                    "--threads",
                    i + 1,
                    env=env,
                )
            finally:
                os.umask(old)
            self.assertEqual(self.files_of(self.path("again%d" % i)), wanted)

    def test_what_was_taken_back_leaves_no_trace(self):
        wanted = self.files_of(self.packed)
        sample = self.jsonl("ls", self.set)[0]["id"]
        self.run_cli("edit", self.set, sample, "--revised", "Another text.")
        self.assertNotEqual(self.files_of(self.pack(self.set, "edited", code=0)), wanted)
        self.run_cli("undo", self.set, sample)
        self.run_cli("exclude", self.set, sample, "--why", "a test")
        self.run_cli("undo", self.set, sample)
        self.assertEqual(self.files_of(self.pack(self.set, "undone", code=0)), wanted)

    def test_weights(self):
        """By the words of the specification, over the tool's own spans and offsets."""
        by_score = {1: 2.5, 2: 2.0, 3: 1.5}
        for s in self.jsonl("inspect", self.set):
            document = json.loads(self.run_cli("cat", self.packed, s["id"]))
            for role, response in document["responses"].items():
                text = json.dumps(response["text"]).encode()
                tokens = json.loads(
                    self.run_cli("tokenize", "--tokenizer", TOKENIZER, "--no-special", "--jsonl", input=text)
                )
                self.assertEqual(response["ids"], tokens["ids"] + [2])
                spans = [(x[role + "_bytes"], x) for x in s["sentences"] if role != "ground_truth"]
                spans = sorted(((b[1], x["index"], x) for b, x in spans if b and b[1] > b[0]), key=lambda e: e[:2])
                wanted = []
                for begin, _ in tokens["offsets"]:
                    x = next((x for end, _, x in spans if end > begin), spans[-1][2] if spans else None)
                    wanted.append(1.0 if x is None or x["added"] else by_score.get(x["score"], 1.0))
                wanted.append({"generated": 0.0, "revised": wanted[-1], "ground_truth": 1.0}[role])
                self.assertEqual(response["weights"]["language"], wanted, (s["id"], role))

    def test_seed_and_recipe_change_the_bytes(self):
        wanted = self.files_of(self.packed)
        self.assertNotEqual(self.files_of(self.pack(self.set, "seeded", "--seed", "7")), wanted)
        only = self.files_of(self.pack(self.set, "dpo", "--recipe", "dpo"))
        self.assertNotEqual(only, wanted)
        release = self.pack(self.set, "release", "--recipe", "opa-dpo-release")
        self.run_cli("verify", release)

    def test_a_recipe_of_ones_own(self):
        built_in = self.run_cli("recipe", "opa-dpo")
        mine = self.pack(self.set, "mine", "--recipe", self.write("mine.json", built_in), code=0)
        self.assertEqual(self.files_of(mine), self.files_of(self.packed))
        one = {"schema_version": 1, "name": "one", "pairs": [{"type": "anchor", "response": "revised"}]}
        packed = self.pack(self.set, "one", "--recipe", self.write("one.json", one), code=0)
        document = json.loads(self.run_cli("cat", packed, self.jsonl("ls", packed)[0]["id"]))
        self.assertEqual(list(document["responses"]), ["generated", "revised", "ground_truth"])
        self.assertEqual(document["pairs"], one["pairs"])

    def test_a_bad_recipe_names_its_place(self):
        good = self.run_cli("recipe", "opa-dpo")
        for old, new, place in (
            ('"name"', '"name": "x", "name"', '"name" stands twice'),
            ('"schema_version": 1', '"schema_version": 2', "schema_version"),
            ('"anchor", "response": "revised"', '"anchor", "response": "best"', "pairs[5].response"),
            ('"mask": 0, "weights": null', '"mask": 1, "weights": null', "pairs[2].mask"),
            ('"1": 2.5', '"1": -2.5', "weights.language.1"),
            ('"ratio": 0.3', '"ratio": 1.3', "masks[0].ratio"),
            ('"filters"', '"filter"', "filter"),
            ('"unedited": "keep"', '"unedited": "omit"', "filters.unedited"),
            ('"certificate": "any"', '"certificate": ["exact", "good"]', "filters.certificate[1]"),
            ('"edit_share_max": null', '"edit_share_max": 50', "filters.edit_share_max"),
            ('"prompt_tokens": null', '"prompt_tokens": 0', "limits.prompt_tokens"),
            ('"limits"', "limits", "line "),
        ):
            self.assertEqual(good.count(old), 1, old)
            recipe = self.write("bad.json", good.replace(old, new))
            self.run_cli("recipe", recipe, code=65)
            self.assertIn(place, self.err)
            self.assertIn("bad.json", self.err)
            self.pack(self.set, "bad", "--recipe", recipe, code=65)
            self.assertFalse(os.path.exists(self.path("bad")))

    def test_an_older_pack_is_replaced_and_other_things_are_not(self):
        self.pack(self.set, "pack", "--seed", "7", code=0)
        self.run_cli("verify", self.packed)
        self.assertEqual(json.loads(self.files_of(self.packed)["manifest.json"])["seed"], 7)
        os.mkdir(self.path("other"))
        self.write("other/precious.txt", b"mine")
        self.run_cli("pack", self.set, "-o", self.path("other"), "--tokenizer", TOKENIZER, code=73)
        self.assertEqual(self.files_of(self.path("other")), {"precious.txt": b"mine"})

    def filtered(self, name, filters):
        """Packs with these filters; the reasons of what was left out, by id."""
        recipe = {"schema_version": 1, "name": "one", "pairs": [{"type": "anchor", "response": "generated"}]}
        recipe["filters"] = filters
        packed = self.pack(self.set, name, "--recipe", self.write(name + ".json", recipe))
        manifest = json.loads(self.files_of(packed)["manifest.json"])
        self.assert_schema("manifest", [manifest])
        self.assertEqual({x["code"] for x in manifest["left_out"]} - {"OP702"}, set())
        reasons = {x["id"]: x["reason"] for x in manifest["left_out"]}
        ids = {s["id"] for s in self.jsonl("ls", self.set)}
        self.assertEqual({s["id"] for s in self.jsonl("ls", packed)}, ids - set(reasons))
        return reasons

    def test_filter_unedited(self):
        samples = [
            {"id": "same", "prompt": "Say", "generated": "A dog.", "revised": "A dog."},
            {"id": "none", "prompt": "Say", "generated": "A cat."},
            {"id": "edited", "prompt": "Say", "generated": "A cow.", "revised": "A hen."},
        ]
        self.run_cli("import", self.set, self.write_lines("more.jsonl", samples), code=0)
        self.assertEqual(self.filtered("keep", {"unedited": "keep"}), {})
        dropped = self.filtered("drop", {"unedited": "drop"})
        self.assertEqual(set(dropped), {s["id"] for s in self.jsonl("ls", self.set) if not s["edited"]})
        self.assertEqual(dropped["same"], "filters.unedited: the revised text is the generated one")
        self.assertEqual(dropped["none"], "filters.unedited: the sample has no revised text")
        self.assertNotIn("edited", dropped)

    def test_filter_certificate(self):
        bare = {"id": "bare", "prompt": "Say", "generated": "A cat.", "revised": "A dog."}
        self.run_cli("import", self.set, self.write_lines("bare.jsonl", [bare]))
        sentences = [("A dog runs.", "A cat runs.", 2), ("A dog sits.", "A dog sits.", 4)]
        twice = rollout("A  dog runs. A dog sits.", sentences)
        self.run_cli("import", self.set, self.write("twice.json", [twice]))
        kinds = {s["id"]: s["certificate"] or "none" for s in self.jsonl("ls", self.set)}
        self.assertLessEqual({"exact", "repaired", "none"}, set(kinds.values()))
        for wanted in (["exact"], ["repaired", "exact"], ["none"], ["broken", "none", "exact"]):
            reasons = self.filtered("-".join(wanted), {"certificate": wanted})
            self.assertEqual(set(reasons), {i for i, kind in kinds.items() if kind not in wanted})
            for i, reason in reasons.items():
                self.assertIn("filters.certificate: ", reason)
                self.assertIn(kinds[i] if kinds[i] != "none" else "no report", reason)
        self.assertEqual(self.filtered("any", {"certificate": "any"}), {})

    def test_filter_edit_share(self):
        """Shares from inspect's spans; the limit itself passes."""
        shares = {}
        for s in self.jsonl("inspect", self.set, "--tokenizer", TOKENIZER):
            spans = [(h["op"], h[side]["tokens"]) for h in s["hunks"] for side in ("generated", "revised")]
            edited = sum(e - b for op, (b, e) in spans if op != "keep")
            shares[s["id"]] = edited, sum(e - b for _, (b, e) in spans)
        values = sorted(e / n for e, n in shares.values())
        for limit in (0, values[len(values) // 2], 0.25, 1):
            reasons = self.filtered("share%g" % limit, {"edit_share_max": limit})
            self.assertEqual(set(reasons), {i for i, (e, n) in shares.items() if e / n > limit})
            for i, reason in reasons.items():
                self.assertIn("filters.edit_share_max: %d of %d tokens" % shares[i], reason)
        self.assertTrue(0 < sum(v > 0.25 for v in values) < len(values), values)

    def test_rlhf_v(self):
        """Weight on the changed tokens only, by inspect's spans."""
        self.assertIn("rlhf-v", self.run_cli("recipe"))
        packed = self.pack(self.set, "rlhf-v", "--recipe", "rlhf-v")
        kept = {s["id"] for s in self.jsonl("ls", packed)}
        inspected = {s["id"]: s for s in self.jsonl("inspect", self.set, "--tokenizer", TOKENIZER)}
        self.assertEqual(kept, {i for i, s in inspected.items() if s["revised"] != s["generated"]})
        for i in kept:
            document = json.loads(self.run_cli("cat", packed, i))
            pairs = [(p["type"], p["chosen"], p["rejected"], p["weights"]) for p in document["pairs"]]
            self.assertEqual(pairs, [("language", "revised", "generated", "language")])
            for side in ("generated", "revised"):
                wanted = []
                for h in inspected[i]["hunks"]:
                    begin, end = h[side]["tokens"]
                    wanted += [0.0 if h["op"] == "keep" else 1.0] * (end - begin)
                wanted.append(0.0 if side == "generated" else wanted[-1])
                self.assertEqual(document["responses"][side]["weights"]["language"], wanted)

    def test_left_out(self):
        ids = [s["id"] for s in self.jsonl("ls", self.set)]
        self.run_cli("exclude", self.set, ids[0], "--why", "a test")
        broken = rollout("A dog. A cat.", [], AI_json_report="")
        self.run_cli("import", self.set, self.write("bad.json", [broken]))
        summary = json.loads(
            self.run_cli("pack", self.set, "-o", self.path("less"), "--tokenizer", TOKENIZER, "--json", code=1)
        )
        self.assertEqual(summary["samples"], 47)
        self.assertEqual(summary["left_out"], {"OP201": 1, "OP701": 1})
        manifest = json.loads(self.files_of(self.path("less"))["manifest.json"])
        self.assertEqual(sorted(x["code"] for x in manifest["left_out"]), ["OP201", "OP701"])
        self.assertNotIn(ids[0], [s["id"] for s in self.jsonl("ls", self.path("less"))])

    def test_eos(self):
        by_id = self.files_of(self.pack(self.set, "e1", "--eos", "2", code=0))
        self.assertEqual(by_id, self.files_of(self.pack(self.set, "e2", "--eos", "</s>", code=0)))
        self.assertEqual(by_id, self.files_of(self.packed))
        self.run_cli(
            "pack", self.set, "-o", self.path("e3"), "--tokenizer", TOKENIZER, "--eos", "no such piece", code=2
        )

    def test_an_eos_that_the_tokenizer_lacks_is_said(self):
        folder = self.path("checkpoint")
        os.mkdir(folder)
        shutil.copy(TOKENIZER, folder)
        for named, said in (("</s>", False), ("<|gone|>", True)):
            self.write("checkpoint/tokenizer_config.json", {"eos_token": named})
            self.run_cli("pack", self.set, "-o", self.path("e"), "--tokenizer", folder)
            self.assertEqual("no '<|gone|>'" in self.err and "end in '</s>'" in self.err, said, self.err)
            self.assertEqual(self.files_of(self.path("e")), self.files_of(self.packed))
        self.run_cli("pack", self.set, "-o", self.path("e"), "--tokenizer", folder, "--eos", "</s>")
        self.assertEqual(self.err, "")


class Verify(Case):
    def setUp(self):
        super().setUp()
        self.packed = self.pack(self.demo_store())
        self.assertIn("OK", self.run_cli("verify", self.packed))

    def verify(self):
        found = self.jsonl("verify", self.packed, code=1, schema="check")
        self.assertTrue(found)
        self.assertTrue(all(f["severity"] == "error" and f["file"] for f in found))
        self.run_cli("verify", self.packed, code=1)
        return found

    def test_bit_flips(self):
        files = {n: len(b) for n, b in self.files_of(self.packed).items()}
        names = sorted(files)
        for i in range(50):
            # Half by size, half by file, so that the small ones get their share.
            name = self.random.choices(names, [files[n] for n in names])[0] if i % 2 else self.random.choice(names)
            path = os.path.join(self.packed, name)
            at, bit = self.random.randrange(files[name]), self.random.randrange(8)
            os.chmod(path, 0o644)
            with open(path, "r+b") as f:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 1 << bit]))
                f.flush()
                p = self.run_any("verify", self.packed, *(["--skip-images"] if i % 4 else []))
                self.assertEqual(p.returncode, 1, "%s byte %d bit %d" % (name, at, bit))
                f.seek(at)
                f.write(bytes([byte]))
        self.run_cli("verify", self.packed)

    def test_missing_extra_and_cut_files(self):
        for name, data in self.files_of(self.packed).items():
            path = os.path.join(self.packed, name)
            os.chmod(path, 0o644)
            with open(path, "wb") as f:
                f.write(data[: len(data) // 2])
            p = self.run_any("verify", self.packed)
            self.assertEqual(p.returncode, 1, name)
            os.unlink(path)
            p = self.run_any("verify", self.packed)
            self.assertIn(p.returncode, (1, 65) if name == "manifest.json" else (1,), name)
            with open(path, "wb") as f:
                f.write(data)
            self.run_cli("verify", self.packed)
        self.write("pack/extra.txt", b"x")
        self.assertIn("extra.txt", [f["file"] for f in self.verify()])

    def test_the_member_is_named(self):
        sample = json.loads(self.run_cli("ls", self.packed, "--jsonl").splitlines()[3])["id"]
        rows = [l.split("\t") for l in self.files_of(self.packed)["index.tsv"].decode().splitlines()]
        row = next(r for r in rows if json.loads('"%s"' % r[1].strip('"')) == sample)
        path = os.path.join(self.packed, row[2])
        os.chmod(path, 0o644)
        with open(path, "r+b") as f:
            f.seek(int(row[3]) + 600)
            byte = f.read(1)
            f.seek(int(row[3]) + 600)
            f.write(bytes([byte[0] ^ 4]))
        self.assertIn(sample, [f["id"] for f in self.verify()])
        self.run_cli("cat", self.packed, sample, code=65)
        self.run_cli("ls", self.packed, code=65)
        self.assertIn(sample, [f["id"] for f in self.jsonl("check", self.packed, code=1)])

    def test_no_pack(self):
        self.run_cli("verify", self.path("nothing"), code=66)
        os.mkdir(self.path("empty"))
        self.run_cli("verify", self.path("empty"), code=65)
        self.run_cli("verify", self.write("file", b"x"), code=65)

    def test_what_does_not_decode_is_left_out(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "data", "image", "own_restarts.jpg"), "rb") as f:
            image = bytearray(f.read())
        record = rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)])
        record["image_bytes"] = base64.b64encode(image).decode()
        middle = len(image) * 3 // 4
        image[middle : middle + 24] = b"\xff\x00" * 12  # a code of ones alone is none of Huffman's
        bad = dict(record, image_bytes=base64.b64encode(image).decode())
        store = self.store(self.write("a.json", [record, bad]), code=0)
        broken = rollout_id(bad)
        self.assertEqual([f for f in self.jsonl("check", store) if f["severity"] == "error"], [])
        (error,) = [f for f in self.jsonl("check", store, "--images", code=1) if f["severity"] == "error"]
        self.assertEqual((error["code"], error["id"]), ("OP406", broken))
        summary = json.loads(self.run_cli("pack", store, "-o", self.path("j"), "--tokenizer", TOKENIZER, "--json", code=1))
        self.assert_schema("pack", [summary])
        self.assertEqual((summary["samples"], summary["left_out"]), (1, {"OP406": 1}))
        pack = self.pack(store, code=1)
        with open(os.path.join(pack, "manifest.json"), encoding="utf-8") as f:
            (left,) = json.load(f)["left_out"]
        self.assertEqual((left["id"], left["code"]), (broken, "OP406"))
        self.assertEqual([s["id"] for s in self.jsonl("ls", pack)], [rollout_id(record)])
        self.run_cli("verify", pack)
        # The store does not know of it, and differs no more than that.
        self.assertEqual(self.jsonl("diff", pack, store), [])
        other = self.pack(store, "fast", "--skip-images", code=0)
        (defect,) = self.jsonl("verify", other, code=1)
        self.assertEqual(defect["id"], broken)

    def test_a_pack_without_its_documents_is_a_cut_one(self):
        pack = self.path("p")
        self.run_cli("pack", self.demo_store(), "-o", pack, "--tokenizer", TOKENIZER)
        for name in ("manifest.json", "index.tsv", "SHA256SUMS"):
            os.unlink(os.path.join(pack, name))
        self.assertEqual({f["code"] for f in self.jsonl("verify", pack, code=1)}, {"OP807", "OP808"})
        for name in os.listdir(pack):
            os.unlink(os.path.join(pack, name))
        self.run_cli("verify", pack, code=65)


class Kill(Case):
    def test_a_killed_pack_leaves_the_old_one(self):
        store = self.demo_store()
        self.pack(store, "pack", code=0)
        old = self.files_of(self.path("pack"))
        began = time.monotonic()
        new = self.files_of(self.pack(store, "timing", "--seed", "9", code=0))
        took = time.monotonic() - began
        for _ in range(10):
            p = self.start("pack", store, "-o", self.path("pack"), "--tokenizer", TOKENIZER, "--seed", "9")
            time.sleep(self.random.random() * took)
            p.send_signal(signal.SIGKILL)
            p.communicate()
            self.assertIn(self.files_of(self.path("pack")), (old, new))
            self.run_cli("verify", self.path("pack"))
            self.pack(store, "pack", code=0)
        self.assertEqual(self.files_of(self.path("pack")), old)


if __name__ == "__main__":
    main()
