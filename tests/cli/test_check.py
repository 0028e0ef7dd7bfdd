# SPDX-License-Identifier: Apache-2.0
"""Check: the right code for every kind of damage, none for sound records."""

import base64
import json
import re

from support import Case, main, png, rollout

A, B = ("A dog runs on the beach.", "A dog runs on the beach.", 4), ("A cat sits there.", "A cow sits there.", 1)
GENERATED = "A dog runs on the beach. A cat sits there."


def sentence(copied, rewritten, score, **more):
    s = {
        "copied_content": copied,
        "score": score,
        "error_type": "correct" if score == 4 else "image_recognition_error",
        "object": [],
        "rewritten_content": rewritten,
        "reason": "",
    }
    s.update(more)
    return s


class Check(Case):
    def check(self, record):
        self.number = getattr(self, "number", 0) + 1
        store = self.store(self.write("r%d.json" % self.number, [record]), name="r%d.opa" % self.number)
        findings = [json.loads(line) for line in self.run_any("check", store, "--jsonl").out.decode().splitlines()]
        self.assert_schema("check", findings)
        return {f["code"] for f in findings}

    def test_sound_records_have_no_error(self):
        self.run_cli("check", self.demo_store(), "--images")
        self.run_cli("check", self.demo_store(), "--images", "--jsonl")
        self.assertNotIn("OP101", self.check(rollout(GENERATED, [A, B])))

    def test_damages(self):
        png_bytes = png(64, 48)
        encoded = base64.b64encode
        cases = [
            ("OP101", rollout(GENERATED, [A, ("A zebra flies over the city at night.", "A zebra.", 1), B])),
            ("OP102", rollout(GENERATED, [A])),
            ("OP201", rollout(GENERATED, [A, B], AI_json_report="")),
            ("OP202", rollout(GENERATED, [A, B], AI_json_report="I'm sorry, but I can't assist with that request.")),
            (
                "OP203",
                rollout(
                    GENERATED, [A, B], AI_json_report=json.dumps(rollout(GENERATED, [A, B])["AI_json_report"])[:-60]
                ),
            ),
            (
                "OP205",
                rollout(
                    GENERATED,
                    [A, B],
                    AI_json_report="```json\n" + json.dumps(rollout(GENERATED, [A, B])["AI_json_report"]) + "\n```",
                ),
            ),
            ("OP211", rollout(GENERATED, [A, sentence("A cat sits there.", "A cow sits there.", "1")])),
            ("OP212", rollout(GENERATED, [A, sentence("A cat sits there.", "A cow sits there.", 7)])),
            ("OP214", rollout(GENERATED, [A, sentence(B[0], B[1], 1, error_type="Image_recognition_error")])),
            ("OP301", rollout(GENERATED, [A, sentence(B[0], B[1], 4)])),
            ("OP302", rollout(GENERATED, [A, sentence(B[0], B[0], 2)])),
            ("OP303", rollout(GENERATED, [A, sentence(B[0], B[1], 1, error_type="correct")])),
            ("OP401", rollout(GENERATED, [A, B], image_bytes="")),
            ("OP402", rollout(GENERATED, [A, B], image_bytes="no base64!")),
            ("OP403", rollout(GENERATED, [A, B], image_bytes=encoded(b"plain text, not an image").decode())),
            (
                "OP404",
                rollout(
                    GENERATED,
                    [A, B],
                    image_bytes=encoded(
                        b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"
                    ).decode(),
                ),
            ),
            ("OP405", rollout(GENERATED, [A, B], image_bytes=encoded(png_bytes[:-20]).decode())),
            ("OP503", rollout("", [])),
            ("OP504", rollout(GENERATED, [A, B], standard_response=GENERATED)),
            ("OP505", rollout("A dog runs on the beach. A cow sits there.", [A, B], AI_pseudo_response=GENERATED)),
            ("OP506", rollout("The dog runs. " * 12, [("The dog runs.", "The dog runs.", 4)])),
            ("OP510", rollout(GENERATED, [A, B], query="<image> and <image>\nDescribe.")),
        ]
        for code, record in cases:
            with self.subTest(code):
                self.assertIn(code, self.check(record))

    def test_images_are_decoded_fully_on_request(self):
        data = bytearray(png(64, 48))
        at = data.index(b"IDAT") + 12
        data[at] ^= 0xFF  # inside the compressed data: the structure is sound, the content is not
        store = self.store(
            self.write("a.json", [rollout(GENERATED, [A, B], image_bytes=base64.b64encode(data).decode())])
        )
        self.run_any("check", store)
        findings = self.jsonl("check", store, "--images", code=1)
        self.assertTrue({f["code"] for f in findings} & {"OP405", "OP406"})

    def test_plain_form(self):
        store = self.store(self.write("a.json", [rollout(GENERATED, [A, B], AI_json_report="")]))
        text = self.run_cli("check", store, code=1)
        self.assertRegex(text, r"OP201 report-missing")
        self.assertRegex(text, r"1 error, \d+ warnings?, \d+ infos? in 1 sample")
        self.assertIn("check --codes", text)

    def about(self, store, *codes, code=1):
        return {
            (f["code"], f["id"], f["file"], f["record"], f["line"], f["field"])
            for f in self.jsonl("check", store, code=code, schema="check")
            if f["code"] in codes
        }

    def test_a_finding_on_a_report_names_its_place(self):
        def report(score, copied="A dog."):
            kind = "correct" if score == 4 else "image_recognition_error"
            sentence = {"copied_content": copied, "rewritten_content": "A cat.", "score": score, "error_type": kind}
            return {"0": dict(sentence, object=[], reason="r")}

        sample = {"prompt": "p", "generated": "A dog.", "ground_truth": "t"}
        mine = self.write_lines(
            "mine.jsonl",
            [dict(sample, id="own", feedback=report(9)), dict(sample, id="edited"), dict(sample, id="typed")]
            + [dict(sample, id="refused", feedback="I am sorry, I cannot help with that."), dict(sample, id="again")],
        )
        edits = [{"id": "own", "revised": "A cow."}, {"id": "edited", "feedback": report(9)}]
        later = [dict(sample, id="again", feedback=report(2, "No such words."))]
        store = self.store(mine, self.write_lines("edits.jsonl", edits), self.write_lines("later.jsonl", later))
        self.run_cli("edit", store, "typed", "--report", self.write("r.json", report(9)))
        self.assertEqual(
            self.about(store, "OP202", "OP212", "OP101", "OP102"),
            {
                ("OP212", "own", "mine.jsonl", 0, 1, "feedback.0.score"),
                ("OP212", "edited", "edits.jsonl", 1, 2, "feedback.0.score"),
                ("OP212", "typed", None, None, None, "report.0.score"),
                ("OP202", "refused", "mine.jsonl", 3, 4, "feedback"),
                ("OP101", "again", "later.jsonl", 0, 1, "feedback.0.copied_content"),
                ("OP102", "again", "later.jsonl", 0, 1, "feedback"),
            },
        )
        text = self.run_cli("check", store, code=1)
        self.assertIn("(set by hand, in no file)\n", text)
        # Back to the import's own: the sample's record again.
        self.run_cli("undo", store, "typed")
        self.run_cli("edit", store, "own", "--report", self.write("r.json", report(4)))
        self.run_cli("undo", store, "own")
        self.assertEqual(
            self.about(store, "OP212"),
            {
                ("OP212", "own", "mine.jsonl", 0, 1, "feedback.0.score"),
                ("OP212", "edited", "edits.jsonl", 1, 2, "feedback.0.score"),
            },
        )

    def test_a_rollout_names_the_field_that_it_has(self):
        text = json.dumps([rollout(GENERATED, [A, B]), rollout(GENERATED + " ", [A, B], AI_json_report="")], indent=1)
        store = self.store(self.write("a.json", text))
        ((_, _, file, record, _, field),) = self.about(store, "OP201")
        self.assertEqual((file, record, field), ("a.json", 1, "AI_json_report"))

    def test_codes(self):
        text = self.run_cli("check", "--codes")
        table = self.jsonl("check", "--codes")
        codes = [c["code"] for c in table]
        self.assertEqual(codes, sorted(codes))
        for c in table:
            self.assertRegex(c["code"], r"^OP\d{3}$")
            self.assertRegex(c["name"], r"^[a-z0-9-]+$")
            self.assertIn(c["severity"], ("error", "warning", "info"))
            self.assertTrue(c["meaning"] and c["remedy"])
            self.assertIn(c["code"], text)
        self.run_cli("check", "--codes", self.store(), code=2)
        for code in ("OP001", "OP015", "OP101", "OP201", "OP304", "OP405", "OP506", "OP601", "OP701", "OP801"):
            self.assertIn(code, codes)

    def test_findings_are_in_order_of_file_and_record(self):
        records = [rollout(GENERATED, [A, B], AI_json_report=""), rollout(GENERATED + " ", [A])]
        store = self.store(self.write("s10.json", records), self.write("s9.json", records[::-1]))
        places = [(int(re.sub(r"\D", "", f["file"])), f["record"]) for f in self.jsonl("check", store, code=1)]
        self.assertEqual(places, sorted(places))
        self.assertGreater(len(places), 3)


if __name__ == "__main__":
    main()
