# SPDX-License-Identifier: Apache-2.0
"""The interactive inspect, on a terminal that tmux plays."""

import fcntl
import os
import re
import signal
import stat
import unittest

from support import Case, main, rollout
from terminal import TMUX, Terminal


def record(i, word="cat"):
    return rollout(
        "A dog. A %s %d." % (word, i),
        [("A dog.", "A dog.", 4), ("A %s %d." % (word, i), "A cow %d." % i, 1)],
        image_id="s%02d.png" % i,
    )


DECISIONS = ("accept", "revised", "report", "exclude")


class OnScreen(Case):
    def setUp(self):
        super().setUp()
        if TMUX is None:
            self.skipTest("no tmux")

    def prepare(self, count=4, records=None):
        self.set = self.store(self.write("r.json", records or [record(i) for i in range(count)]))
        self.ids = [s["id"] for s in self.jsonl("ls", self.set)]

    def review(self, *args, by="anna", **more):
        return Terminal(self, "inspect", "-i", self.set, "--by", by, *args, **more)

    def log(self, *ids):
        return self.jsonl("log", self.set, *ids, schema="log")

    def decisions(self):
        return [(self.ids.index(e["id"]), e["what"], e["by"]) for e in self.log() if e["what"] != "import"]

    def draft_paths(self):
        return [os.path.join(self.folder, f) for f in os.listdir(self.folder) if re.match(r"opapairs-\w{6}\.", f)]

    def drafts(self):
        """What the files hold that an editor left."""
        texts = []
        for path in self.draft_paths():
            with open(path, encoding="utf-8") as f:
                texts.append(f.read())
        return texts

    def editor(self, script):
        """An EDITOR that is a shell script; the file is $1."""
        path = self.write("editor.sh", "#!/bin/sh\n" + script + "\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return {"EDITOR": path}


class Deciding(OnScreen):
    def test_a_decision_leads_to_the_next_undecided_one(self):
        self.prepare(4)
        t = self.review()
        t.wait(self.ids[0], r"^ 1/4  undecided .* 4 undecided \(1 seen\)", r"\ba accept\b")
        t.keys("a")
        t.wait("^" + self.ids[1], r"^ 2/4 .* 1 accepted, .* 3 undecided", "^accepted: " + self.ids[0])
        t.keys(">")
        t.wait("^ 3/4 ", "^" + self.ids[2])
        t.keys("x")
        t.wait("^exclude, because:")
        t.type("two persons")
        t.keys("Enter")
        t.wait("^ 4/4 ", "1 excluded", "^excluded: " + self.ids[2])
        t.keys("a")
        t.wait("^ 2/4 ", "on from the first one", r"\b1 undecided")
        t.keys("a")
        t.wait("all of them are decided", r"^ 2/4  accepted by anna .* 0 undecided")
        t.keys("q")
        self.assertEqual(t.wait_exit(), 0)
        self.assertIn("4 samples: 3 accepted, 0 changed, 1 excluded, 0 undecided", t.all())
        self.assertEqual(
            self.decisions(), [(i, w, "anna") for i, w in ((0, "accept"), (2, "exclude"), (3, "accept"), (1, "accept"))]
        )
        self.assertEqual(self.log(self.ids[2])[-1]["why"], "two persons")

    def test_going_on_where_it_was_left(self):
        self.prepare(5)
        self.run_cli("accept", self.set, self.ids[2], "--by", "anna")
        self.run_cli("accept", self.set, self.ids[0], "--by", "bert")
        t = self.review()
        t.wait("^ 4/5 ", "going on behind " + self.ids[2])
        t.keys("q")
        self.review(by="bert").wait("^ 2/5 ", "going on behind " + self.ids[0])
        self.review(by="carla").wait("^ 2/5 ")
        self.run_cli("accept", self.set, *self.ids[3:], "--by", "anna")
        self.review().wait("^ 2/5 ")
        self.run_cli("accept", self.set, self.ids[1])
        self.review().wait("^ 1/5 ", "all of them are decided")

    def test_filters_and_ids_make_the_session(self):
        self.prepare(records=[record(i, "hen" if i % 2 else "cat") for i in range(6)])
        t = self.review("--grep", "hen", "--sort", "id")
        t.wait("^ 1/3 ", r"A \[-hen")
        t.keys("a")
        t.wait("^ 2/3 ", r"A \[-hen")
        t = self.review(self.ids[4], self.ids[0])
        t.wait("^ 1/2 ", "^" + self.ids[4])
        t = self.review("--grep", "goose")
        self.assertEqual(t.wait_exit(), 66)
        self.assertIn("none passes the filter", t.all())

    def test_undo_of_what_is_shown_and_of_the_last_decision(self):
        self.prepare(3)
        t = self.review()
        t.wait("^ 1/3 ")
        t.keys("a")
        t.wait("^ 2/3 ")
        t.keys("a")
        t.wait("^ 3/3 ")
        t.keys("u")
        t.wait("^ 2/3  undecided", r"^taken back \(accept\): " + self.ids[1])
        t.keys("u")
        t.wait("^ 1/3  undecided", r"^taken back \(accept\): " + self.ids[0])
        t.keys("u")
        t.wait("nothing to take back here")
        t.keys("a")
        t.wait("^ 2/3 ")
        t.keys("<")
        t.wait("^ 1/3  accepted by anna")
        t.keys("u")
        t.wait("^ 1/3  undecided")
        self.assertEqual([w for _, w, _ in self.decisions()], ["accept", "accept", "undo", "undo", "accept", "undo"])

    def test_an_exclusion_wants_a_reason(self):
        self.prepare(2)
        t = self.review()
        t.wait("^ 1/2 ")
        for end in (("Enter",), ("b", "Escape"), ("b", "C-c"), ("b", "BSpace", "BSpace")):
            t.keys("x")
            t.wait("^exclude, because:")
            t.keys(*end)
            t.wait("^not excluded")
            t.keys("G")
            t.wait(gone=["not excluded"])
        t.keys("x")
        t.wait("^exclude, because:")
        t.type("\u732b e\u0301")
        t.keys("BSpace")
        t.type("\u00e9\u72ac")
        t.keys("Enter")
        t.wait("^excluded: ")
        self.assertEqual(self.log(self.ids[0])[-1]["why"], "\u732b \u00e9\u72ac")
        t.keys("<")
        t.wait("^ 1/2  excluded by anna")
        t.keys("a")
        t.wait("excluded: u takes that back")
        t.keys("x")
        t.wait("excluded already")
        self.assertEqual([w for _, w, _ in self.decisions()], ["exclude"])

    def test_a_long_name_is_not_cut_in_a_character(self):
        self.prepare(2)
        self.run_cli("exclude", self.set, self.ids[0], "--why", "w", "--by", "x" + "\u732b" * 40)
        t = self.review(columns=160)
        t.wait("^ 2/2  undecided")
        t.keys("<")
        t.wait("^ 1/2  excluded by x" + "\u732b" * 20 + r"[^\u732b\ufffd\u2423<]")
        self.run_cli("undo", self.set, self.ids[0], "--by", "y" + "\u732b" * 200)
        t.keys("a")
        t.wait("it changed meanwhile")
        self.assertNotIn("\ufffd", t.all())

    def test_two_reviewers(self):
        self.prepare(4)
        anna, bert = self.review(), self.review(by="bert")
        anna.wait("^ 1/4  undecided")
        bert.wait("^ 1/4  undecided")
        anna.keys("a")
        anna.wait("^accepted: ")
        bert.keys("a")
        bert.wait("nothing done: it changed meanwhile, by anna", "^ 1/4  accepted by anna", "1 accepted")
        anna.keys("a")
        anna.wait("^ 3/4 ")
        bert.keys("n")
        bert.wait("^ 3/4  undecided", "2 accepted")
        bert.keys("<")
        bert.wait("^ 2/4  accepted by anna")
        self.assertEqual(self.decisions(), [(0, "accept", "anna"), (1, "accept", "anna")])

    def test_a_busy_store_is_waited_for_and_then_said(self):
        self.prepare(2)
        t = self.review()
        t.wait("^ 1/2 ", "1 seen")
        with open(self.set + "-lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            t.keys("a")
            t.wait("^storing")
            t.wait("busy", "^ 1/2  undecided .* 0 accepted")
            self.assertEqual(self.decisions(), [])
            os.unlink(self.set + "-lock")
        t.keys("a")
        t.wait("^accepted: ", "^ 2/2 ")
        self.assertEqual(self.decisions(), [(0, "accept", "anna")])


class Kills(OnScreen):
    """Killed in the middle, twice: every decision that the screen told of is in the log, and none is there twice."""

    def decide(self, t, how):
        if how == "exclude":
            t.keys("x")
            t.wait("^exclude, because:")
            t.type("no")
            t.keys("Enter")
        else:
            t.keys({"accept": "a", "revised": "e"}[how])

    def test_twenty_samples(self):
        self.prepare(20)
        env = self.editor("sed -i s/cow/fox/ \"$1\"")
        kills = sorted(self.random.sample(range(1, 20), 2))
        hows = [self.random.choice(("accept", "accept", "revised", "exclude")) for _ in range(60)]
        t = self.review(env=env)
        done, tries = 0, 0
        while done < 20:
            t.wait(r"\b%d (undecided|left)" % (20 - done), gone=["^exclude, "])
            self.decide(t, hows[tries])
            tries += 1
            if kills and done + 1 == kills[0]:
                kills.pop(0)
                if self.random.random() < 0.5:  # before the screen says it, or right after
                    t.wait(r"\b%d (undecided|left)" % (19 - done))
                    told = done + 1
                else:
                    told = done
                t.kill()
                found = [d for d in self.decisions() if d[1] in DECISIONS]
                self.assertIn(len(found), (done, done + 1))
                self.assertGreaterEqual(len(found), told, "told, and lost")
                done = len(found)
                t = self.review(env=env)
            else:
                done += 1
        t.wait("all of them are decided", r"\b0 (undecided|left)")
        t.keys("q")
        self.assertEqual(t.wait_exit(), 0)
        decided = [place for place, what, by in self.decisions() if by == "anna"]
        self.assertEqual(sorted(decided), list(range(20)), "all 20, none twice")
        self.assertTrue(all(what in DECISIONS for _, what, _ in self.decisions()))


class Editing(OnScreen):
    def revised(self, i):
        return self.jsonl("inspect", self.set, self.ids[i])[0]["revised"]

    def test_the_revised_text(self):
        self.prepare(2)
        t = self.review(env=self.editor("cp \"$1\" seen.txt; sed -i s/cow/h\u00e9n/ \"$1\"".replace("seen", self.path("seen"))))
        t.wait("^ 1/2 ")
        t.keys("e")
        t.wait("^changed: " + self.ids[0], "^ 2/2 ", "1 changed")
        self.assertEqual(self.revised(0), "A dog. A h\u00e9n 0.")
        with open(self.path("seen.txt")) as f:
            self.assertEqual(f.read(), "A dog. A cow 0.\n")
        self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("opapairs-") and f.endswith(".txt")], [])

    def test_no_change_is_no_edit(self):
        self.prepare(2)
        for script, said in (
            ("touch \"$1\"", "the text is as it was"),
            ("sed -i s/cow/fox/ \"$1\"; exit 3", r"^nothing changed: the editor failed \(exit 3\)"),
            ("rm \"$1\"", "^nothing changed: No such file"),
            ("kill -9 $$", "^nothing changed: the editor was ended by signal 9"),
        ):
            t = self.review(env=self.editor(script))
            t.wait("^ 1/2 ")
            t.keys("e")
            t.wait(said, "^ 1/2  undecided")
            t.keys("q")
            self.assertEqual(t.wait_exit(), 0)
            # What was saved before the editor failed is somebody's work.
            self.assertEqual(self.drafts(), ["A dog. A fox 0.\n"] if "exit 3" in script else [])
            for path in self.draft_paths():
                os.unlink(path)
        t = self.review(env=self.editor(": > \"$1\""))
        t.wait("^ 1/2 ")
        t.keys("e")
        t.wait("This edit is not stored", "the text is empty")
        t.keys("d")
        t.wait("^nothing changed", "^ 1/2  undecided")
        t.keys("q")
        t = self.review(env={"EDITOR": "/no/such/editor"})
        t.wait("^ 1/2 ")
        t.keys("e")
        t.wait("no editor '/no/such/editor': set VISUAL or EDITOR")
        self.assertEqual(self.decisions(), [])

    def test_bad_bytes_are_edited_again_or_kept(self):
        self.prepare(2)
        t = self.review(env=self.editor("printf '\\377' > \"$1\""))
        t.wait("^ 1/2 ")
        t.keys("e")
        t.wait("the revised text is not UTF-8", r"\(e\)dit again, \(s\)ave to a file, \(d\)rop\?")
        t.keys("s")
        t.wait("your text is in ", "^ 1/2  undecided")
        (kept,) = [f for f in os.listdir(self.folder) if f.startswith("opapairs-") and f.endswith(".txt")]
        with open(self.path(kept), "rb") as f:
            self.assertEqual(f.read(), b"\377")
        self.assertEqual(self.decisions(), [])

    def test_the_report(self):
        self.prepare(2)
        # The first time it breaks the JSON, the second time it mends it.
        script = "if grep -q '\"score\" 1' \"$1\"; then sed -i 's/\"score\" 1/\"score\": 2/; s/cow/hen/' \"$1\"; else sed -i 's/\"score\": 1/\"score\" 1/' \"$1\"; fi"
        t = self.review(env=self.editor(script))
        t.wait("^ 1/2 ")
        t.keys("r")
        t.wait("This edit is not stored", r"no JSON: line \d+, column", r"\(d\)rop\?")
        t.keys("z")
        t.wait("This edit is not stored")
        t.keys("e")
        t.wait("^report changed: ", "^ 2/2 ", "1 changed")
        self.assertEqual(self.revised(0), "A dog. A hen 0.")
        self.assertEqual(self.log(self.ids[0])[-1]["report"]["1"]["score"], 2)
        t.keys("r")
        t.wait("This edit is not stored")
        t.keys("d")
        t.wait("^nothing changed", "^ 2/2  undecided")
        self.assertEqual([w for _, w, _ in self.decisions()], ["report"])

    def test_escapes_in_a_report_are_characters_in_the_editor(self):
        report = '{"0": {"copied_content": "A dog.", "rewritten_content": "\\u732b\\ud83d\\ude00 \\"x\\" \\ud800", "score": 1}}'
        self.prepare(records=[rollout("A dog.", [], AI_json_report=report)])
        t = self.review(env=self.editor("cp \"$1\" " + self.path("copy")))
        t.wait("^ 1/1 ")
        t.keys("r")
        t.wait("the text is as it was")
        # A report in a string is edited as the text that it is.
        with open(self.path("copy"), encoding="utf-8") as f:
            self.assertEqual(f.read(), report + "\n")
        self.run_cli("edit", self.set, self.ids[0], "--report", self.write("r2.json", report))
        t.keys("r")
        t.wait("it changed meanwhile")
        t.keys("r")
        t.wait("the text is as it was")
        with open(self.path("copy"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn('\n    "rewritten_content": "\u732b\U0001f600 \\"x\\" \\ud800",\n', text)

    def test_somebody_else_was_faster(self):
        self.prepare(2)
        other = "%s edit %s %s --revised 'By bert.' --by bert" % (os.environ["OPAPAIRS"], self.set, self.ids[0])
        t = self.review(env=self.editor("grep -q cow \"$1\" && %s; sed -i 's/cow/fox/; s/fox/emu/' \"$1\"" % other))
        t.wait("^ 1/2 ")
        t.keys("e")
        t.wait("it changed meanwhile, by bert", "your text is in", "^ 1/2  changed by bert")
        self.assertEqual(self.revised(0), "By bert.")
        self.assertEqual(self.drafts(), ["A dog. A emu 0.\n"])
        self.assertEqual([(w, b) for _, w, b in self.decisions()], [("revised", "bert")])


class Looking(OnScreen):
    def many(self):
        """20 sentences, so that the page is longer than the screen; a CJK word in the 15th; a hen in the third sample only."""
        pieces = ["Sentence number %d is here." % i for i in range(20)]
        pieces[15] = "\u732b\u304c\u3044\u308b e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467."
        return [
            rollout(" ".join(pieces) + " %d" % i + (" A hen." if i == 2 else ""), [(p, p, 4) for p in pieces])
            for i in range(3)
        ]

    def test_scrolling(self):
        self.prepare(records=self.many())
        t = self.review()
        first = t.wait("^" + self.ids[0], r"\d%$")
        t.keys("Space")
        second = t.wait(gone=["^" + self.ids[0]])
        self.assertEqual(second.split("\n")[0], first.split("\n")[21], "a page goes on where the last ended")
        t.keys("G")
        t.wait(r" end$", "truth ")
        t.keys("k")
        t.wait(r"9\d%$")
        t.keys("g")
        t.wait("^" + self.ids[0])
        t.keys("Down", "Down")
        t.wait(gone=["^" + self.ids[0]])
        t.keys("PageDown")
        t.wait("number 8")
        t.keys("Home")
        t.wait("^" + self.ids[0])

    def test_search(self):
        self.prepare(records=self.many())
        t = self.review()
        t.wait("^ 1/3 ")
        t.keys("/")
        t.wait("^/")
        t.type("\u732b\u304c")
        t.keys("Enter")
        t.wait("^ 1/3 ", "\u732b\u304c\u3044\u308b")
        t.keys("N")
        t.wait("^ 2/3 ", "\u732b\u304c\u3044\u308b")
        t.keys("/")
        t.type("A HEN")
        t.keys("Enter")
        t.wait("not found", "^ 2/3 ")
        t.keys("/")
        t.type("a hen")
        t.keys("Enter")
        t.wait("^ 3/3 ", "A hen")
        t.keys("/")
        t.type(self.ids[1][-8:])
        t.keys("Enter")
        t.wait("^ 2/3 ", "on from the first one")
        self.assertIn("\x1b[7m", t.screen("-e"), "the place stands out")
        self.assertEqual(self.decisions(), [])

    def test_findings(self):
        records = [record(i) for i in range(4)]
        records[2]["AI_json_report"]["1"]["copied_content"] = "Nowhere to be found at all."
        self.prepare(records=records)
        t = self.review()
        t.wait("^ 1/4 ")
        t.keys("f")
        t.wait("^ 3/4 ", "OP101")

    def test_no_findings(self):
        self.prepare(2)
        t = self.review()
        t.wait("^ 1/2 ")
        t.keys("f")
        t.wait("no warning and no error", "^ 1/2 ")

    def test_sizes(self):
        self.prepare(records=self.many())
        t = self.review(columns=80, rows=24)
        t.wait("^ 1/3 .*3 undecided")
        t.keys("Space")
        seen = re.findall(r"number (\d+)", t.wait(gone=["^" + self.ids[0]]))[0]
        t.resize(40, 20)
        screen = t.wait("^ 1/3  undecided +0A 0C 0X 3 left", "number %s " % seen)
        self.assertLessEqual(max(map(len, screen.split("\n"))), 40)
        t.keys("?")
        t.wait("next, previous undecided sample", "any other key: back")
        t.resize(100, 40)
        t.wait("go on|goes on behind your last decision", "4 undecided|3 undecided")
        t.keys("z")
        t.wait("^ 1/3 ", gone=["any other key"])
        t.resize(20, 3)
        t.wait("^ 1/3 ")
        t.resize(80, 24)
        t.keys("a")
        t.wait("^accepted: ", "^ 2/3 ")

    def test_wide_where_there_is_room(self):
        self.prepare(2)
        t = self.review("--wide")
        t.wait(r"A \[-cat-\] 0\. +\| A \{\+cow\+\} 0\.")
        t.resize(60, 24)
        t.wait(r"A \[-cat-\]\{\+cow\+\} 0\.")

    def test_colors_and_marks(self):
        self.prepare(1)
        t = self.review()
        t.wait(r"A \[-cat-\]\{\+cow\+\} 0")
        self.assertRegex(t.screen("-e"), r"\x1b\[31m\[-cat-\]\x1b")
        for env in ({"NO_COLOR": "1"}, {"TERM": "vt100"}):
            t = self.review(env=env)
            t.wait(r"A \[-cat-\]\{\+cow\+\} 0", "^ 1/1 ")
            self.assertNotRegex(t.screen("-e"), r"\x1b\[(\d+;)*3[0-7]\b")
        t = self.review(env={"LC_ALL": "C"})
        t.wait("\u240a")  # the line break of the prompt


class Refused(OnScreen):
    def test_no_terminal(self):
        self.prepare(1)
        p = self.run_any("inspect", "-i", self.set)
        self.assertEqual(p.returncode, 2)
        self.assertIn(b"needs a terminal", p.err)
        for term, said in (("dumb", "needs a terminal"), ("nonesuch-terminal", "does not know the terminal")):
            t = self.review(env={"TERM": term})
            self.assertEqual(t.wait_exit(), 2)
            self.assertIn(said, t.all())

    def test_packs_and_options(self):
        self.prepare(1)
        pack = self.pack(self.set)
        t = Terminal(self, "inspect", "-i", pack)
        self.assertEqual(t.wait_exit(), 65)
        self.assertIn("a pack is read-only; review its store", t.all())
        self.run_cli("inspect", "-i", self.set, "--jsonl", code=2)
        self.run_cli("inspect", self.set, "--by", "anna", code=2)

    def test_signals_give_the_terminal_back(self):
        self.prepare(2)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            t = self.review()
            t.wait("^ [12]/2 ")
            self.assertEqual(t.pane("alternate_on"), "1")
            t.signal(number)
            self.assertEqual(t.wait_exit(), 0)
            self.assertEqual(t.pane("alternate_on"), "0")
            self.assertIn("2 samples: ", t.all())

    @unittest.skipIf(os.geteuid() == 0, "root writes everywhere")
    def test_a_store_that_cannot_be_written(self):
        self.prepare(2)
        os.chmod(self.set, 0o444)
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o755)
        t = self.review()
        t.wait("cannot be written")
        t.keys("a")
        t.wait("cannot be written", "^ 1/2  undecided")


if __name__ == "__main__":
    main()
