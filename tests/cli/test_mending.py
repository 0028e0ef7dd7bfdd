# SPDX-License-Identifier: Apache-2.0
"""Imports over what is there: images that come, break and are mended, values that return, files that were repaired."""

import base64
import json
import os
import sqlite3
from contextlib import closing

from support import Case, main, png, rollout


def image(data):
    return {"bytes": base64.b64encode(data).decode()}


P, P2 = image(png(32, 24)), image(png(24, 32, b"\x80\x10\x10"))
SAMPLE = {"prompt": "What?", "generated": "A dog.", "revised": "A cat.", "ground_truth": "A cow."}
BROKEN = {
    "OP401": {"bytes": ""},
    "OP402": {"bytes": "!!"},
    "OP403": image(b"<html>not found</html>"),
    "OP404": image(b"GIF89a" + bytes(60)),
    "OP405": image(png(32, 24)[:-20]),
    "OP412": "gone.png",
}


class MendingCase(Case):
    def lines(self, name, *documents):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        return self.write_lines(name, documents)

    def take(self, store, *files, code=0):
        """Import; gives the summary."""
        return json.loads(self.run_cli("import", store, "--json", *files, code=code))

    def findings(self, store, severity="error"):
        p = self.run_any("check", store, "--jsonl")
        found = [json.loads(line) for line in p.out.decode().splitlines()]
        self.assert_schema("check", found)
        self.assertEqual(p.returncode, int(any(f["severity"] == "error" for f in found)))
        return [f for f in found if f["severity"] == severity]

    def errors(self, store, severity="error"):
        return [(f["code"], f["file"], f["record"]) for f in self.findings(store, severity)]

    def packed(self, store, name):
        """Ids and sizes of the images of what is packed."""
        pack = self.pack(store, name)
        self.run_cli("verify", pack)
        found = {}
        for sample in self.jsonl("ls", pack):
            shown = json.loads(self.run_cli("cat", pack, sample["id"]))
            found[sample["id"]] = shown["image"] and (shown["image"]["width"], shown["image"]["height"])
        return found

    def sound(self, store):
        self.run_cli("doctor", store)

    def log(self, store, sample):
        return [(e["what"], e["by"], e["revised"]) for e in self.jsonl("log", store, sample)]


class UnreadableImages(MendingCase):
    """A record whose image cannot be read takes nothing from a sample that has one, or needs none."""

    def test_answers_with_paths_that_lead_nowhere(self):
        samples = [dict(SAMPLE, id="s%d" % i, image=P) for i in range(3)]
        store = self.store(self.lines("a.jsonl", *samples), code=0)
        answers = [
            {"id": s["id"], "image": "photos/a.jpg", "prompt": s["prompt"], "text": s["generated"]} for s in samples
        ]
        self.assertEqual(self.take(store, self.lines("o.jsonl", *answers))["attached"], 3)
        self.assertEqual(self.err.count("OP415"), 3)
        self.assertIn("photos/a.jpg", self.err)
        self.assertEqual(self.findings(store), [])
        warned = [f for f in self.findings(store, "warning") if f["code"] == "OP415"]
        places = [(f["file"], f["record"], f["id"]) for f in warned]
        self.assertEqual(places, [("o.jsonl", i, "s%d" % i) for i in range(3)])
        self.assertEqual(self.packed(store, "p"), {"s%d" % i: (32, 24) for i in range(3)})
        self.sound(store)

    def test_the_same_sample_again_in_every_broken_way(self):
        for code, broken in BROKEN.items():
            with self.subTest(code):
                store = self.store(self.lines("a.jsonl", dict(SAMPLE, id="s", image=P)), name=code + ".opa")
                again = self.lines("b.jsonl", dict(SAMPLE, id="s", image=broken))
                summary = self.take(store, again)
                self.assertEqual((summary["merged"], summary["quarantined"]), (1, 0))
                self.assertIn("OP415", self.err)
                self.assertEqual(self.findings(store), [])
                self.assertEqual(self.packed(store, code), {"s": (32, 24)})
                self.sound(store)

    def test_a_sample_of_text_alone(self):
        store = self.store(self.lines("a.jsonl", dict(SAMPLE, id="s")))
        self.take(store, self.lines("b.jsonl", dict(SAMPLE, id="s", image="gone.png")))
        self.assertIn("OP415", self.err)
        self.assertEqual(self.findings(store), [])
        self.assertEqual(self.packed(store, "p"), {"s": None})
        self.sound(store)


class MendedImages(MendingCase):
    def test_every_broken_image_gives_way_to_a_sound_one(self):
        for code, broken in BROKEN.items():
            for name in ("b.jsonl", "a.jsonl"):  # beside the broken record, and in its place
                with self.subTest(code, name=name):
                    store = self.store(
                        self.lines("a.jsonl", dict(SAMPLE, id="s", image=broken)), name=code + name + ".opa"
                    )
                    self.assertEqual(self.errors(store), [(code, "a.jsonl", 0)])
                    self.assertEqual(self.packed(store, code + name + "1"), {})
                    summary = self.take(store, self.lines(name, dict(SAMPLE, id="s", image=P)))
                    self.assertEqual((summary["attached"], summary["quarantined"]), (1, 0))
                    self.assertEqual(self.findings(store), [])
                    self.assertEqual(self.packed(store, code + name + "2"), {"s": (32, 24)})
                    self.sound(store)

    def test_a_sound_image_is_still_not_replaced(self):
        store = self.store(self.lines("a.jsonl", dict(SAMPLE, id="s", image=P)))
        other = self.lines("b.jsonl", dict(SAMPLE, id="s", image=P2))
        self.assertEqual(self.take(store, other, code=1)["quarantined"], 1)
        self.assertEqual(self.errors(store), [("OP604", "b.jsonl", 0)])
        self.assertEqual(self.packed(store, "p"), {"s": (32, 24)})
        self.sound(store)

    def test_the_order_of_a_record_with_an_image_and_one_without(self):
        with_image = self.lines("with.jsonl", dict(SAMPLE, id="s", image=P))
        without = self.lines("without.jsonl", dict(SAMPLE, id="s"))
        for files in ((with_image, without), (without, with_image)):
            store = self.store(*files, name="%d.opa" % (files[0] == without), code=0)
            self.assertEqual(self.findings(store), [])
            self.assertEqual(self.packed(store, "p%d" % (files[0] == without)), {"s": (32, 24)})
            self.sound(store)


class Returning(MendingCase):
    """The last import wins, also when it says what was said before; the same file again says nothing."""

    def edit(self, name, text):
        return self.lines(name, {"id": "s", "revised": text, "by": "anna"})

    def check_twice(self, store, *files):
        before = self.run_cli("log", store, "--jsonl")
        summary = self.take(store, *files)
        self.assertEqual(summary["known"], summary["records"])
        self.assertEqual(self.run_cli("log", store, "--jsonl"), before)
        self.sound(store)

    def test_edits_of_three_files(self):
        store = self.store(self.lines("s.jsonl", dict(SAMPLE, id="s")))
        files = [self.edit("y1.jsonl", "A"), self.edit("y2.jsonl", "B"), self.edit("y3.jsonl", "A")]
        for path in files:
            self.assertEqual(self.take(store, path)["attached"], 1)
        self.assertEqual([e[2] for e in self.log(store, "s")[1:]], ["A", "B", "A"])
        self.check_twice(store, files[0])
        self.check_twice(store, *files)
        self.run_cli("undo", store, "s")
        self.assertEqual(self.jsonl("inspect", store)[0]["revised"], "B")

    def test_edits_of_one_file(self):
        store = self.store(self.lines("s.jsonl", dict(SAMPLE, id="s")))
        texts = ["A", "B", "A"]
        path = self.lines("y.jsonl", *({"id": "s", "revised": t} for t in texts))
        self.assertEqual(self.take(store, path)["attached"], 3)
        self.assertEqual([e[2] for e in self.log(store, "s")[1:]], texts)
        self.check_twice(store, path)

    def test_edits_that_wait_for_their_sample(self):
        store = self.store(self.lines("y.jsonl", *({"id": "s", "revised": t} for t in "ABA")), code=1)
        self.take(store, self.lines("s.jsonl", dict(SAMPLE, id="s")))
        self.assertEqual(self.jsonl("inspect", store)[0]["revised"], "A")
        self.assertEqual(self.findings(store), [])
        self.sound(store)

    def test_an_edit_made_anew_after_undo(self):
        edit = {"id": "s", "revised": "A"}
        store = self.store(self.lines("s.jsonl", dict(SAMPLE, id="s")), self.lines("y1.jsonl", edit))
        self.run_cli("undo", store, "s")
        self.check_twice(store, self.path("y1.jsonl"))  # nobody asked for it anew
        self.run_cli("import", store, self.lines("y2.jsonl", edit), "--by", "carl")
        self.assertEqual(self.log(store, "s")[-1], ("revised", "carl", "A"))
        self.take(store, self.lines("y3.jsonl", edit))  # changes nothing
        self.assertEqual(len(self.log(store, "s")), 4)

    def test_samples(self):
        r1, r2 = dict(SAMPLE, id="s"), dict(SAMPLE, id="s", revised="A hen.")
        path = self.lines("s.jsonl", r1, r2, r1)
        store = self.store(path, code=0)
        self.assertEqual([e[2] for e in self.log(store, "s")], ["A cat.", "A hen.", "A cat."])
        self.check_twice(store, path)
        self.assertEqual(self.take(store, self.lines("t.jsonl", r2))["revisions"], 1)
        self.assertIn("OP603", self.err)
        self.assertEqual(self.jsonl("inspect", store)[0]["revised"], "A hen.")

    def test_a_copy_does_not_take_back_what_people_did(self):
        store = self.store(self.lines("s.jsonl", dict(SAMPLE, id="s")))
        self.take(store, self.lines("o.jsonl", {"id": "s", "text": "A dog."}))
        self.run_cli("edit", store, "s", "--revised", "A pig.", "--by", "anna")
        self.assertEqual(self.take(store, self.lines("t.jsonl", dict(SAMPLE, id="s")))["merged"], 1)
        self.assertEqual(self.jsonl("inspect", store)[0]["revised"], "A pig.")
        self.sound(store)


class MendedFiles(MendingCase):
    """What is behind a record is not lost, and what was mended is said no more."""

    def test_text_behind_a_record(self):
        a, b, c = (json.dumps(dict(SAMPLE, id="c%d" % i)) for i in range(3))
        for i, junk in enumerate((" garbage ", "}", "\0")):
            with self.subTest(junk=junk):
                path = self.write("a.jsonl", a + junk + b + "\n" + c + "\n")
                store = self.store(name="%d.opa" % i)
                summary = self.take(store, path, code=1)
                self.assertEqual((summary["added"], summary["quarantined"]), (2, 1))
                self.assertIn("OP001", self.err)
                self.assertEqual(self.errors(store), [("OP001", "a.jsonl", 1)])
                with closing(sqlite3.connect(store)) as db:
                    kept = [row[0] for row in db.execute("SELECT bytes FROM raws WHERE sample IS NULL")]
                self.assertEqual(kept, [(junk.lstrip() + b).encode()])
                self.write("a.jsonl", "\n".join((a, b, c)) + "\n")
                self.assertEqual(self.take(store, path)["added"], 1)
                self.assertEqual(self.findings(store), [])
                self.sound(store)

    def test_a_quarantined_record_in_the_place_of_a_good_one(self):
        path = self.lines("qa.jsonl", dict(SAMPLE, id="c1", image=P))
        store = self.store(path)
        self.lines("qa.jsonl", dict(SAMPLE, id="c1", image=P2))
        self.take(store, path, code=1)
        self.assertIn("OP604", self.err)
        self.assertEqual(self.errors(store), [("OP604", "qa.jsonl", 0)])

    def mend(self, name, bad, good, codes, severity="error"):
        store = self.store(name=name + ".opa")
        path = self.write(name, bad)
        self.run_any("import", store, path)
        self.assertEqual([e[0] for e in self.errors(store, severity)], codes)
        kept = self.raws(store)
        self.write(name, good)
        self.take(store, path)
        self.assertEqual(self.findings(store, severity), [])
        self.assertLessEqual(kept, self.raws(store))
        before = self.dump(store)
        self.take(store, path)
        self.assertEqual(self.dump(store), before)
        self.write(name, bad)  # and broken anew
        self.run_any("import", store, path)
        self.assertEqual([e[0] for e in self.errors(store, severity)], codes)
        self.sound(store)

    def raws(self, store):
        with closing(sqlite3.connect(store)) as db:
            return {row[0] for row in db.execute("SELECT bytes FROM raws")}

    def dump(self, store):
        with closing(sqlite3.connect(store)) as db:
            return list(db.iterdump())

    def test_a_field_that_was_missing(self):
        good = [dict(SAMPLE, id="s%d" % i) for i in range(3)]
        bad = [good[0], {"id": "s1", "prompt": "What?"}, good[2]]
        lines = ["".join(json.dumps(r) + "\n" for r in records) for records in (bad, good)]
        self.mend("a.jsonl", *lines, ["OP013"])

    def test_an_id_that_stood_twice(self):
        good = [dict(SAMPLE, id="s"), dict(SAMPLE, id="t", generated="A pig.")]
        bad = [good[0], dict(good[1], id="s")]
        lines = ["".join(json.dumps(r) + "\n" for r in records) for records in (bad, good)]
        self.mend("a.jsonl", *lines, ["OP604"])

    def test_a_comma_too_many(self):
        record = json.dumps(rollout("A dog.", [("A dog.", "A cat.", 1)]))
        self.mend("a.json", "[" + record + ",]", "[" + record + "]", ["OP015"], "warning")

    def test_a_line_that_was_cut(self):
        whole = "".join(json.dumps(dict(SAMPLE, id="s%d" % i)) + "\n" for i in range(3))
        self.mend("a.jsonl", whole[:-30], whole, ["OP002"])

    def test_the_form_of_a_file_is_told(self):
        record = json.dumps(rollout("A dog.", [("A dog.", "A cat.", 1)]))
        self.take(self.store(), self.write("a.json", "[" + record + ",]"))
        self.assertIn("a comma behind the last record", self.err)

    def test_another_file_of_the_same_name_mends_nothing(self):
        bad = self.lines("one/a.jsonl", dict(SAMPLE, id="s"), {"id": "t", "prompt": "p"})
        store = self.store(bad)
        good = self.lines("two/a.jsonl", dict(SAMPLE, id="s"), dict(SAMPLE, id="u"))
        self.take(store, good)
        self.assertEqual([e[0] for e in self.errors(store)], ["OP013"])
        piped = b'{"id": "v", "prompt": "p"}\n' + json.dumps(dict(SAMPLE, id="w")).encode()
        for data in (piped, piped[27:]):
            self.run_any("import", store, "-", "--as", "samples", input=data)
        self.assertEqual([e[0] for e in self.errors(store)], ["OP013", "OP013"])
        self.lines("one/a.jsonl", dict(SAMPLE, id="s"), dict(SAMPLE, id="t"))
        self.take(store, bad)
        self.assertEqual([e[1] for e in self.errors(store)], ["-"])
        self.sound(store)

    def test_what_cannot_be_read_closes_nothing(self):
        store = self.store()
        path = self.lines("a.jsonl", dict(SAMPLE, id="s"), {"id": "t"})
        self.run_any("import", store, path)
        for content in ("", "no json", "[17]"):
            self.write("a.jsonl", content)
            self.run_any("import", store, path)
            self.assertIn("OP013", [e[0] for e in self.errors(store)])


class Sequences(MendingCase):
    """Any imports in any order, files and pictures changing between them."""

    def record(self, form):
        sample = {"id": self.random.choice("abc")}
        if form == "edits":
            return dict(sample, revised=self.random.choice("xyz"))
        picture = self.random.choice([None, P, P2, "p.png", "q.png", *BROKEN.values()])
        if picture:
            sample["image"] = picture
        if form == "outputs":
            return dict(sample, prompt="What?", text="A dog.")
        more = self.random.choice([{}, {"revised": "x"}, {"revised": "y"}, {"ground_truth": "t"}])
        return dict(sample, prompt="What?", generated="A dog.", **more)

    def change_pictures(self):
        for name in ("p.png", "q.png"):
            if self.random.random() < 0.2 and os.path.exists(self.path(name)):
                os.remove(self.path(name))
            elif self.random.random() < 0.3:
                self.write(name, self.random.choice([png(32, 24), png(24, 32, b"\x80\x10\x10"), b"<html>"]))

    def change_file(self, form):
        path = self.path("%s%d.jsonl" % (form, self.random.randrange(3)))
        if not os.path.exists(path) or self.random.random() < 0.7:
            path = self.lines(path, *(self.record(form) for _ in range(self.random.randint(1, 4))))
            if self.random.random() < 0.2:
                with open(path, "a", encoding="ascii") as f:
                    f.write(self.random.choice(["} x\n", '{"id":', '{"id":"a"} rest\n']))
        return path

    def dump(self, store):
        with closing(sqlite3.connect(store)) as db:
            return list(db.iterdump())

    def test_nothing_sound_is_lost(self):
        for i in range(3):
            store = self.store(name="%d.opa" % i)
            sound = set()
            for _ in range(10):
                form = self.random.choice(["samples", "outputs", "edits"])
                self.change_pictures()
                path = self.change_file(form)
                first = self.run_any("import", store, path, "--as", form)
                before = self.dump(store)
                again = self.run_any("import", store, path, "--as", form, "--json")
                self.assertEqual(self.dump(store), before)
                self.sound(store)
                now = {s["id"] for s in self.jsonl("ls", store) if not BROKEN.keys() & set(s["findings"])}
                self.assertLessEqual(sound, now, first.err)
                sound = now
                held = json.loads(again.out)["quarantined"]
                places = {e[1:] for e in self.errors(store) if e[1] == os.path.basename(path)}
                self.assertGreaterEqual(len(places), held, first.err)


if __name__ == "__main__":
    main()
