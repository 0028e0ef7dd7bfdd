# SPDX-License-Identifier: Apache-2.0
"""Import: formats, ids, idempotence, quarantine, kills."""

import base64
import hashlib
import json
import os
import signal
import time

from support import Case, main, png, rollout, rollout_files, rollout_id, rollout_records

PAIR = [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)]


class Import(Case):
    def test_demo(self):
        store = self.demo_store()
        samples = self.jsonl("ls", store, schema="ls")
        self.assertEqual(len(samples), 48)
        wanted = {rollout_id(r): {"file": name, "record": place} for name, place, r in rollout_records()}
        self.assertEqual({s["id"]: s["source"] for s in samples}, wanted)
        self.assertTrue(all(s["certificate"] in ("exact", "repaired") for s in samples))
        self.assertTrue(all(s["edited"] in (True, False) for s in samples))

    def test_importing_twice_changes_nothing(self):
        store = self.demo_store()
        before = [self.run_any(v, store, "--jsonl").out for v in ("ls", "inspect", "check", "log")]
        summary = json.loads(self.run_cli("import", store, *rollout_files(), "--json"))
        self.assertEqual((summary["records"], summary["added"], summary["known"]), (48, 0, 48))
        after = [self.run_any(v, store, "--jsonl").out for v in ("ls", "inspect", "check", "log")]
        self.assertEqual(before, after)

    def test_dry_run_writes_nothing(self):
        store = self.store()
        summary = json.loads(self.run_cli("import", store, *rollout_files(), "--dry-run", "--json"))
        self.assertEqual(summary["records"], 48)
        self.assert_schema("import", [summary])
        self.assertEqual(self.run_cli("ls", store, "--jsonl"), "")

    def test_copies_are_merged_with_the_least_source(self):
        record = rollout("A dog. A cat.", PAIR)
        other = rollout("A hen. A cat.", [("A hen.", "A hen.", 4), ("A cat.", "A cow.", 1)])
        ten = self.write("step10_rank0.json", [record, other])
        two = self.write("step2_rank0.json", [other, record])
        seen = []
        for files in ((ten, two), (two, ten)):
            store = self.store(*files, name="%d.opa" % len(seen))
            samples = self.jsonl("ls", store)
            self.assertEqual(
                {s["id"]: (s["source"]["file"], s["source"]["record"]) for s in samples},
                {rollout_id(other): ("step2_rank0.json", 0), rollout_id(record): ("step2_rank0.json", 1)},
            )
            copies = [f for f in self.jsonl("check", store, schema="check") if f["code"] == "OP601"]
            self.assertEqual(
                [(f["file"], f["record"]) for f in copies], [("step10_rank0.json", 0), ("step10_rank0.json", 1)]
            )
            seen.append(samples)
        self.assertEqual(*seen)

    def test_another_report_is_a_revision(self):
        record = rollout("A dog. A cat.", PAIR)
        other = rollout("A dog. A cat.", [PAIR[0], ("A cat.", "A goat.", 1)])
        store = self.store(self.write("a.json", [record]), self.write("b.json", [other]))
        (sample,) = self.jsonl("inspect", store, schema="inspect")
        self.assertEqual(sample["revised"], "A dog. A goat.")
        self.assertIn("OP603", sample["findings"])
        self.run_cli("undo", store, sample["id"])
        (sample,) = self.jsonl("inspect", store)
        self.assertEqual(sample["revised"], "A dog. A cow.")

    def test_a_bad_record_does_not_take_the_others_along(self):
        good = [rollout("A dog %d. A cat." % i, [("A dog %d." % i, "A dog %d." % i, 4), PAIR[1]]) for i in range(4)]
        texts = [json.dumps(r) for r in good]
        bad = {
            "no query": json.dumps({k: v for k, v in good[1].items() if k != "query"}),
            "a number": "17",
            "bad syntax": texts[1].replace('"query":', '"query" '),
            "bad bytes": texts[1].replace("A dog 1", "A d\udc80g 1"),
            "no base64": json.dumps(dict(good[1], image_bytes="???")),
        }
        for name, text in bad.items():
            with self.subTest(name):
                content = "[" + ",\n".join([texts[0], text, texts[2], texts[3]]) + "]"
                path = self.write("bad.json", content.encode("utf-8", "surrogateescape"))
                store = self.store(path, name=name + ".opa", code=None if name == "no base64" else 1)
                sound = {s["id"] for s in self.jsonl("ls", store)}
                self.assertLessEqual({rollout_id(good[i]) for i in (0, 2, 3)}, sound)
                findings = [f for f in self.jsonl("check", store, code=1) if f["severity"] == "error"]
                self.assertIn(("bad.json", 1), {(f["file"], f["record"]) for f in findings})
                self.assertIn("bad.json", self.err + json.dumps(findings))

    def test_a_cut_file_keeps_its_whole_records(self):
        with open(rollout_files()[0], "rb") as f:
            data = f.read()
        path = self.write("cut.json", data[: len(data) * 2 // 3])
        store = self.store(path, code=1)
        self.assertGreaterEqual(len(self.jsonl("ls", store)), 4)
        self.assertIn("OP002", [c for c, _ in self.codes(store)])
        self.write("cut.json", data)  # copied again: what the finding's remedy says
        self.run_cli("import", store, path)
        self.assertEqual(len(self.jsonl("ls", store)), len(json.loads(data)))
        self.assertNotIn("OP002", [c for c, _ in self.codes(store)])

    def test_what_loses_nothing_is_no_error(self):
        one, two = (json.dumps({"id": i, "prompt": "p", "generated": "g " + i, "ground_truth": "t"}) for i in "ab")
        for text in (
            "[%s,%s,]" % (one, two),
            "[%s %s]" % (one, two),
            "[%s][%s]" % (one, two),
            "[,%s,,%s]" % (one, two),
            "[%s},%s]" % (one, two),
            "[%s],%s]" % (one, two),
            "%s,\n%s,\n" % (one, two),
        ):
            with self.subTest(text=text):
                name = hashlib.sha256(text.encode()).hexdigest()[:8]
                store = self.store(self.write("f.jsonl", text), name=name + ".opa")
                self.assertIn("(warning OP015)", self.err)
                self.assertEqual([s["id"] for s in self.jsonl("ls", store)], ["a", "b"])
                findings = [f for f in self.jsonl("check", store, schema="check") if f["code"] == "OP015"]
                self.assertTrue(findings)
                for f in findings:
                    self.assertEqual((f["name"], f["severity"], f["file"]), ("file-syntax", "warning", "f.jsonl"))
                    self.assertEqual(f["record"], None)

    def test_a_repair_that_is_on_every_line_is_one_finding(self):
        lines = [json.dumps({"id": "s%d" % i, "prompt": "p", "generated": "g%d" % i}) + ",\n" for i in range(100)]
        store = self.store(self.write("f.jsonl", "".join(lines)))
        self.assertEqual([c for c, _ in self.codes(store)].count("OP015"), 1)

    def test_what_is_wrong_with_a_whole_file_is_said_until_the_file_is_mended(self):
        record = json.dumps({"id": "a", "prompt": "p", "generated": "g"})
        store = self.store(self.write("f.json", "[%s] and more" % record))
        self.assertIn("f.json: line 1", self.err)
        self.assertIn("behind the end of the array", self.err)
        self.assertIn("OP001", [f["code"] for f in self.jsonl("check", store, code=1)])
        self.run_cli("import", store, self.write("f.json", "[%s]" % record))
        self.assertEqual(self.err, "")
        self.assertNotIn("OP001", [f["code"] for f in self.jsonl("check", store)])

    def test_findings_of_quarantined_records_say_their_ids(self):
        good = {"id": "known", "prompt": "p", "generated": "g"}
        store = self.store(self.write_lines("good.jsonl", [good]))
        samples = [
            dict(good, id="type", ground_truth=7),
            {"id": "missing", "prompt": "p"},
            dict(good, prompt="another"),
            dict(good, id=""),
        ]
        numbers = [{"id": 17, "revised": "r"}, {"id": "nothing"}, {"id": "nobody", "revised": "r"}]
        answers = [{"question_id": 3, "text": 4, "prompt": "p"}]
        files = (("samples", samples), ("edits", numbers), ("outputs", answers))
        paths = [self.write_lines("bad-%s.jsonl" % name, lines) for name, lines in files]
        told = {}
        for (name, _), path in zip(files, paths):
            self.run_cli("import", store, "--as", name, path, code=1)
            told[name] = self.err
        for name, said in (
            ("samples", r"record 0, line 1 \(type\): field-type"),
            ("samples", r"record 1, line 2 \(missing\): field-missing"),
            ("samples", r"record 2, line 3 \(known\): id-conflict"),
            ("samples", r"record 3, line 4: id-invalid"),
            ("edits", r"record 0, line 1 \(17\): id-unknown"),
            ("edits", r"record 1, line 2 \(nothing\): field-missing"),
            ("edits", r"record 2, line 3 \(nobody\): id-unknown"),
            ("outputs", r"record 0, line 1 \(3\): field-type"),
        ):
            self.assertRegex(told[name], said)
        findings = [f for f in self.jsonl("check", store, code=1, schema="check") if f["severity"] == "error"]
        self.assertEqual(
            {(f["file"], f["record"], f["id"]) for f in findings},
            {("bad-samples.jsonl", i, n) for i, n in enumerate(("type", "missing", "known", None))}
            | {("bad-edits.jsonl", i, n) for i, n in enumerate(("17", "nothing", "nobody"))}
            | {("bad-outputs.jsonl", 0, "3")},
        )
        # What is in quarantine is not the sample's fault.
        (sample,) = self.jsonl("ls", store)
        self.assertEqual((sample["id"], sample["findings"]), ("known", ["OP501"]))
        stats = json.loads(self.run_cli("stats", store, "--json"))
        self.assertEqual(stats["findings"]["OP604"], 1)
        self.assertNotIn("OP604", self.run_cli("inspect", store, "known"))

    def test_bad_files_do_not_stop_good_ones(self):
        store = self.store()
        good = self.write("good.json", [rollout("A dog. A cat.", PAIR)])
        bad = self.write("bad.json", b"\x00\x01 no json")
        p = self.run_any("import", store, bad, good)
        self.assertEqual(p.returncode, 65)
        self.assertIn(b"bad.json", p.err)
        self.assertEqual(len(self.jsonl("ls", store)), 1)
        p = self.run_any("import", store, self.path("missing.json"), good)
        self.assertEqual(p.returncode, 66)
        self.assertIn(b"missing.json", p.err)

    def test_no_store(self):
        self.run_cli("import", self.path("no.opa"), rollout_files()[0], code=66)
        self.assertIn("opapairs init", self.err)

    def test_formats(self):
        names = [line.split()[0] for line in self.run_cli("import", "--list-formats").splitlines()]
        self.assertEqual(sorted(names), ["edits", "outputs", "rollout", "samples"])


class Formats(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("images"))
        self.write("images/a.png", png(40, 30))
        self.write("images/b.png", png(30, 40))

    def samples(self):
        return [
            {
                "id": "one",
                "image": "a.png",
                "prompt": "What?",
                "generated": "A dog. A cat.",
                "revised": "A dog. A cow.",
                "ground_truth": "Truth.",
            },
            {
                "id": "two",
                "image": {"bytes": base64.b64encode(png(20, 20)).decode()},
                "prompt": "<image>\nWhat?",
                "generated": "A hen.",
            },
            {"id": "three", "prompt": "Text only?", "generated": "Yes.", "revised": "No."},
        ]

    def test_a_prompt_with_a_place_for_an_image_needs_one(self):
        line = {"id": "a", "prompt": "<image>\nWhat?", "generated": "A dog.", "ground_truth": "A cat."}
        store = self.store(self.write_lines("s.jsonl", [line, dict(line, id="b", prompt="What?")]))
        (error,) = [f for f in self.jsonl("check", store, code=1) if f["severity"] == "error"]
        self.assertEqual((error["code"], error["id"], error["field"]), ("OP401", "a", "prompt"))
        self.assertEqual([s["id"] for s in self.jsonl("ls", self.pack(store, code=1))], ["b"])

    def test_an_image_in_the_place_of_its_path(self):
        text = base64.b64encode(self.random.randbytes(300000)).decode()
        lines = [{"id": "a", "prompt": "p", "generated": "g", "image": image} for image in (text, "data:image/png;base64,x")]
        for line in lines:
            store = self.store(self.write_lines("s.jsonl", [line]), name="%d.opa" % len(line["image"]))
            self.assertIn('base64 is written {"bytes": "..."}', self.err)
            self.assertLess(len(self.err), 600)
        self.store(self.write_lines("s.jsonl", [dict(lines[0], image="no/such.png")]), name="n.opa")
        self.assertIn("no/such.png: No such file", self.err)
        self.assertNotIn("bytes", self.err)

    def test_who_and_when(self):
        lines = [{"id": "s%d" % i, "prompt": "p", "generated": "g"} for i in range(5)]
        store = self.store(self.write_lines("s.jsonl", lines))
        edits = [
            {"id": "s0", "revised": "r", "by": "anna", "at": "2024-01-02T03:04:05+02:00"},
            {"id": "s1", "revised": "r", "by": "", "at": "2024-02-30T00:00:00Z"},
            {"id": "s2", "revised": "r", "by": None, "at": "garbage"},
            {"id": "s3", "revised": "r", "at": None},
            {"id": "s4", "revised": "r", "by": " ", "at": "2024-01-02T03:04:05.5Z"},
        ]
        self.run_cli("import", store, self.write_lines("e.jsonl", edits), "--by", "team")
        log = {e["id"]: e for e in self.jsonl("log", store, schema="log")}
        self.assertEqual([log["s%d" % i]["by"] for i in range(5)], ["anna"] + 4 * ["team"])
        self.assertEqual(log["s0"]["at"], "2024-01-02T01:04:05Z")
        self.assertEqual(log["s4"]["at"], "2024-01-02T03:04:05Z")
        for i in (1, 2, 3):
            self.assertRegex(log["s%d" % i]["at"], r"^20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertNotIn("2024-0", log["s%d" % i]["at"])
        found = [f for f in self.jsonl("check", store) if f["code"] == "OP016"]
        self.assertEqual(
            [(f["severity"], f["file"], f["record"], f["id"], f["field"]) for f in found],
            [("warning", "e.jsonl", 1, "s1", "at"), ("warning", "e.jsonl", 2, "s2", "at")],
        )

    def test_samples_outputs_and_edits(self):
        path = self.write_lines("s.jsonl", self.samples())
        store = self.store()
        self.run_cli("import", store, path, "--images", self.path("images"))
        found = {s["id"]: s for s in self.jsonl("inspect", store, schema="inspect")}
        self.assertEqual(set(found), {"one", "two", "three"})
        self.assertEqual({s["certificate"] for s in found.values()}, {None})
        self.assertEqual(found["one"]["revised"], "A dog. A cow.")
        self.assertIsNone(found["two"]["revised"])
        self.assertEqual(found["two"]["hunks"], [])
        edits = self.write_lines(
            "e.jsonl", [{"id": "two", "revised": "A duck.", "by": "anna", "at": "2025-01-02T03:04:05Z"}]
        )
        self.run_cli("import", store, edits)
        found = {s["id"]: s for s in self.jsonl("inspect", store)}
        self.assertEqual(found["two"]["revised"], "A duck.")
        log = self.jsonl("log", store, "two")
        self.assertEqual(log[-1]["by"], "anna")
        outputs = self.write_lines("o.jsonl", [{"id": "four", "prompt": "What?", "image": "b.png", "text": "A fox."}])
        self.run_cli("import", store, outputs, "--images", self.path("images"))
        self.assertEqual(len(self.jsonl("ls", store)), 4)

    def test_llava_outputs(self):
        path = self.write_lines(
            "o.jsonl", [{"question_id": 7, "prompt": "What?", "text": "A fox.", "model_id": "llava"}]
        )
        store = self.store(path)
        self.assertEqual([s["id"] for s in self.jsonl("ls", store)], ["7"])

    def test_a_known_id_with_another_text_is_quarantined(self):
        store = self.store(self.write_lines("a.jsonl", [{"id": "x", "prompt": "p", "generated": "g"}]))
        p = self.run_any(
            "import", store, self.write_lines("b.jsonl", [{"id": "x", "prompt": "p", "generated": "other"}])
        )
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"OP604", p.err)
        (sample,) = self.jsonl("inspect", store)
        self.assertEqual(sample["generated"], "g")

    def test_an_edit_of_an_unknown_sample_is_quarantined(self):
        store = self.store()
        p = self.run_any("import", store, self.write_lines("e.jsonl", [{"id": "x", "revised": "r"}]))
        self.assertIn(p.returncode, (1, 65))
        self.assertIn("OP608", [c for c, _ in self.codes(store)])

    def test_exact_texts(self):
        """NULs, lone surrogates, and every kind of line end come back as they went in."""
        texts = [
            "a\u0000b",
            "half \ud83d alone",
            "x\r\ny\u2028z",
            "e\u0301 \u00e9",
            "\U0001f600",
            "",
            " lead and trail ",
        ]
        lines = [
            json.dumps({"id": "t%d" % i, "prompt": "p", "generated": t, "revised": t + "!"})
            for i, t in enumerate(texts)
        ]
        store = self.store(self.write("t.jsonl", "\n".join(lines)))
        found = {s["id"]: s for s in self.jsonl("inspect", store)}
        for i, t in enumerate(texts):
            if "t%d" % i in found:
                self.assertEqual(found["t%d" % i]["generated"], t)
        self.assertGreaterEqual(len(found), len(texts) - 1)


class Messages(Case):
    def refused(self, name, content, *more):
        path = self.write(name, content)
        p = self.run_any("import", self.store(name=name + ".opa"), path, *more)
        self.assertEqual(p.returncode, 65, p.err)
        self.assertIn(path, p.err.decode())  # two folders may have files of one name
        return p.err.decode()

    def test_why_nothing_of_a_file_could_be_read(self):
        for content in ("[17]", '"text"', "null"):
            message = self.refused("a.json", content)
            self.assertIn("JSON object", message)
            self.assertNotIn("cut", message)
        self.assertIn("it is cut", self.refused("b.jsonl", '{"id": "a", "prompt": "p"'))
        for content in ("", " \n", "[]"):
            self.assertIn("there is no record in", self.refused("c.json", content))
            self.assertIn("there is no record in", self.refused("d.json", content, "--as", "rollout"))

    def test_a_finding_names_code_and_field(self):
        lines = [{"id": "", "prompt": "p", "generated": "g"}, {"id": "e" + "\u00e9" * 150, "prompt": "p", "generated": "g"}]
        lines.append(dict(lines[1], prompt="q"))
        self.store(self.write_lines("a.jsonl", lines), code=1)
        self.assertIn("a.jsonl: record 0, line 1: id-invalid: id: an id is", self.err)
        shown = "e" + "\u00e9" * 59 + "..."
        said = "a.jsonl: record 2, line 3 (%s): id-conflict: prompt: differs from that of \"e\u00e9" % shown
        self.assertIn(said, self.err)
        self.assertNotIn("\ufffd", self.err)

    def test_images_that_cannot_be_trained_on_are_told_at_once(self):
        good = rollout("A dog. A cat.", PAIR)
        html = base64.b64encode(b"<html></html>").decode()
        text = json.dumps([good, dict(good, image_bytes=html), dict(good, image_bytes=None)], indent=1)
        store = self.store(self.write("a.json", text), code=0)
        told = self.err
        found = [f for f in self.jsonl("check", store, code=1) if f["code"] in ("OP401", "OP403")]
        self.assertEqual([(f["code"], f["record"], f["field"]) for f in found],
                         [("OP403", 1, "image_bytes"), ("OP401", 2, "image_bytes")])
        lines = text.split("\n")
        for f in found:
            self.assertIn('"image_bytes"', lines[f["line"] - 1])
            self.assertIn(f["code"], told)

    def test_two_ids_never_share_a_name_in_packs(self):
        twin = "a_b-" + hashlib.sha256(b"a b").hexdigest()[:12]
        sample = {"prompt": "p", "generated": "g", "ground_truth": "t"}
        store = self.store(self.write_lines("a.jsonl", [dict(sample, id=i) for i in ("a b", twin, "c")]), code=1)
        self.assertEqual([s["id"] for s in self.jsonl("ls", store)], ["a b", "c"])
        self.assertIn(("OP604", twin), self.codes(store))
        pack = self.pack(store, code=0)
        self.run_cli("verify", pack)


class Kill(Case):
    def test_kill_at_random_moments_loses_nothing(self):
        reference = self.run_cli("inspect", self.demo_store(), "--jsonl")
        # One run's time, to aim the kills at.
        began = time.monotonic()
        self.demo_store(name="timing.opa")
        took = time.monotonic() - began
        for i in range(10):
            store = self.store(name="kill%d.opa" % i)
            p = self.start("import", store, *rollout_files())
            time.sleep(self.random.random() * took)
            p.send_signal(signal.SIGKILL)
            p.communicate()
            left = {s["id"]: s for s in self.jsonl("inspect", store)}
            whole = {s["id"]: s for s in map(json.loads, reference.splitlines())}
            self.assertLessEqual(set(left), set(whole))
            self.assertEqual(p.returncode != 0 or len(left) == 48, True)
            self.run_cli("import", store, *rollout_files())
            self.assertEqual(self.run_cli("inspect", store, "--jsonl"), reference)


if __name__ == "__main__":
    main()
