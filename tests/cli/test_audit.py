# SPDX-License-Identifier: Apache-2.0
"""Inspect as an auditor sees it: the overview, the details, side by side, images, the pager."""

import base64
import os
import re
import stat

from support import Case, main, png, rollout

ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")


class Audit(Case):
    def setUp(self):
        super().setUp()
        self.records = [
            rollout("A dog. A cat.", [("A dog.", "A dog.", 4), ("A cat.", "A cow.", 1)]),
            rollout("B dog. B cat.", [("B dog.", "B dog.", 4), ("B cat.", "B cat.", 4)]),
            rollout("C dog. C cat.", [("C dog.", "", 2), ("No such words at all.", "x", 3)]),
            rollout("D dog.", [("D dog.", "D dog.", 4)]),
        ]
        added = {"rewritten_content": "A hen.", "reason": "There is a hen."}
        self.records[3]["AI_json_report"]["Added"] = added
        self.set = self.store(self.write("r.json", self.records))
        self.ids = [r["id"] for r in self.jsonl("ls", self.set)]

    def row(self, text, i):
        (line,) = (line for line in text.splitlines() if line.startswith(self.ids[i]))
        return line[len(self.ids[i]) :]

    def test_overview(self):
        text = self.run_cli("inspect", self.set, env={"COLUMNS": "100"})
        self.assertEqual(len(text.splitlines()), 5)
        self.assertRegex(text, r"^id +cert\. +edit s findings +first edit\n")
        counts = self.jsonl("inspect", self.set, self.ids[0])[0]["counts"]
        share = (counts["deleted"] + counts["inserted"]) / (2 * counts["kept"] + counts["deleted"] + counts["inserted"])
        self.assertRegex(self.row(text, 0), r"^   exact +%d%% 1 .*cat -> cow$" % round(100 * share))
        self.assertRegex(self.row(text, 1), r"^   exact +- 4")
        self.assertRegex(self.row(text, 2), r"^   broken +100% 2 OP101 .*C dog\. C cat\. -> x$")
        self.assertRegex(self.row(text, 3), r"^   exact +\d+% 4 .*\(none\) -> A hen\.$")
        self.assertTrue(all(line == line.rstrip() for line in text.splitlines()))
        self.run_cli("exclude", self.set, self.ids[1], "--why", "x")
        self.assertRegex(self.row(self.run_cli("inspect", self.set), 1), r"^ x exact ")
        self.run_cli("accept", self.set, self.ids[0], "--by", "anna")
        self.assertRegex(self.run_cli("inspect", self.set, self.ids[0]), r"review    accepted by anna, 20\d\d-")
        self.assertRegex(self.row(self.run_cli("inspect", self.set), 0), r"^ \+ exact ")
        self.run_cli("edit", self.set, self.ids[1], "--revised", "B dog.")
        self.assertRegex(self.row(self.run_cli("inspect", self.set), 1), r"B cat\. -> \(none\)$")
        narrow = self.run_cli("inspect", self.set, env={"COLUMNS": "40"}).splitlines()
        self.assertRegex(narrow[1], r" =  \d\d% 1 .*-> cow$")
        self.assertRegex(narrow[3], r" ! 100% 2 OP101")

    def test_one_sample_is_shown_in_detail(self):
        for args in ([self.ids[0]], ["--grep", "A dog"], ["--limit", "1"]):
            text = self.run_cli("inspect", self.set, *args)
            self.assertIn("A [-cat-]{+cow+}.", text)
            self.assertNotIn("first edit", text)
        self.assertIn("first edit", self.run_cli("inspect", self.set, "--only", "edited"))
        self.assertEqual(self.run_cli("inspect", self.set, "--only", "moved"), "(no such samples)\n")

    def test_details(self):
        text = self.run_cli("inspect", self.set, "--detail", "--score", "1,2")
        self.assertEqual(re.findall(r"(?m)^(test-\S+)", text), [self.ids[0], self.ids[2]])
        for words in (
            "exact  edited",
            "source    r.json, record 0",
            "image     png, 32 x 24",
            "% edited",
            "score 1  image_recognition_error\n     A [-cat-]{+cow+}.\n     why       It is not so.",
            "placed: missing",
            "placed: exact",
            "uncovered C cat.",
            "OP101",
            "truth     The truth, in short.",
        ):
            self.assertIn(words, text)
        self.assertIn("added by the expert", self.run_cli("inspect", self.set, self.ids[3]))
        self.assertLess(text.rindex("OP101"), text.rindex("truth"))

    def test_wide(self):
        text = self.run_cli("inspect", self.set, self.ids[0], "--wide", env={"COLUMNS": "80"})
        self.assertRegex(text, r"(?m)^     generated +\| revised$")
        self.assertRegex(text, r"(?m)^     A \[-cat-\]\. +\| A \{\+cow\+\}\.$")
        bars = {line.index(" | ") for line in text.splitlines() if " | " in line}
        self.assertEqual(len(bars), 1)
        self.run_cli("accept", self.set, self.ids[0], "--by", "anna")
        self.assertRegex(self.run_cli("inspect", self.set, self.ids[0]), r"review    accepted by anna, 20\d\d-")
        self.assertRegex(self.row(self.run_cli("inspect", self.set), 0), r"^ \+ exact ")
        self.run_cli("edit", self.set, self.ids[1], "--revised", "B dog.")
        self.assertRegex(self.row(self.run_cli("inspect", self.set), 1), r"B cat\. -> \(none\)$")
        narrow = self.run_cli("inspect", self.set, self.ids[0], "--wide", env={"COLUMNS": "71"})
        self.assertIn("--wide takes 72 columns and there are 71", self.err)
        self.assertIn("A [-cat-]{+cow+}.", narrow)
        # The bars stand in one column for CJK and plain emoji too.
        wide = "\u4e2d\u6587\u5b57\u7b26 \U0001f600 " * 12
        one = [{"id": "w", "prompt": "p", "generated": wide + "x", "revised": wide + "y"}]
        store = self.store(self.write_lines("w.jsonl", one), name="w.opa")
        lines = self.run_cli("inspect", store, "--wide", env={"COLUMNS": "80"}).splitlines()
        width = lambda text: sum(2 if ord(c) > 0x2E80 else 1 for c in text)
        bars = {width(line[: line.index(" | ")]) for line in lines if " | " in line}
        self.assertEqual(len(bars), 1)
        self.assertGreater(sum(" | " in line for line in lines), 3)

    # ---- what depends on a terminal ----

    def page(self, *args, **more):
        """A screen's text without styles, line by line."""
        return ESCAPE.sub(b"", self.on_terminal(*args, **more)).decode().replace("\r\n", "\n")

    def test_marks_stand_beside_the_colours(self):
        out = self.on_terminal("inspect", self.set, self.ids[0])
        self.assertRegex(out, rb"\x1b\[31;9m\[-cat-\]\x1b\[0m\x1b\[32;4m\{\+cow\+\}\x1b\[0m")
        self.assertIn("A [-cat-]{+cow+}.", self.page("inspect", self.set, self.ids[0]))

    def test_images(self):
        true_color = {"COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        out = self.on_terminal("inspect", self.set, self.ids[0], env=true_color)
        lines = [line for line in out.split(b"\r\n") if "\u2580".encode() in line]
        self.assertEqual(len(lines), 10)  # 32 x 24 pixels as 27 x 20, two in a row
        cell = b"\x1b[38;2;32;64;128;48;2;32;64;128m" + "\u2580".encode() + b"\x1b[0m"
        self.assertTrue(all(line.count(cell) == 27 for line in lines))
        out = self.on_terminal("inspect", self.set, self.ids[0], env=true_color, columns=40, rows=100)
        self.assertTrue(all(len(line) <= 40 for line in ESCAPE.sub(b"", out).decode().split("\r\n")))
        # Half of the screen's rows, and none is missing behind the point where a pager takes over.
        out = self.on_terminal("inspect", self.set, self.ids[0], "--no-pager", env=true_color, columns=80, rows=22)
        self.assertEqual(sum("\u2580".encode() in line for line in out.split(b"\r\n")), 11)
        env = {"PAGER": self.pager('cat > "%s"' % self.path("seen")), **true_color}
        self.on_terminal("inspect", self.set, "--detail", env=env, columns=80, rows=24)
        with open(self.path("seen"), "rb") as f:
            self.assertEqual(sum("\u2580".encode() in line for line in f), 4 * 12)
        for args, env in (
            ([], {"COLORTERM": "256"}),
            ([], {}),
            (["--no-image"], true_color),
            (["--color=never"], true_color),
            ([], {"NO_COLOR": "1", **true_color}),
            ([], {**true_color, "LC_ALL": "C"}),
        ):
            self.assertNotIn("\u2580".encode(), self.on_terminal("inspect", self.set, self.ids[0], *args, env=env))
        for args in ([], ["--color=always"]):
            self.assertNotIn("\u2580", self.run_cli("inspect", self.set, self.ids[0], *args, env=true_color))

    def test_an_image_that_cannot_be_decoded_is_left_out(self):
        broken = bytearray(png(32, 24))
        at = broken.index(b"IDAT") + 8
        broken[at : at + 4] = b"\0\0\0\0"
        record = dict(self.records[0], image_bytes=base64.b64encode(bytes(broken)).decode())
        store = self.store(self.write("b.json", [record]), name="b.opa")
        out = self.on_terminal("inspect", store, env={"COLORTERM": "24bit", "LC_ALL": "C.UTF-8"})
        self.assertNotIn("\u2580".encode(), out)
        self.assertIn(b"cow", out)

    def pager(self, script):
        path = self.write("pager", "#!/bin/sh\n" + script)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def test_pager(self):
        seen = self.path("seen")
        env = {"PAGER": self.pager('cat > "%s"; echo "LESS=$LESS" >> "%s"\n' % (seen, seen))}
        out = self.on_terminal("inspect", self.set, "--detail", env=env, rows=24, columns=80)
        self.assertEqual(out, b"")
        with open(seen, "rb") as f:
            text = f.read()
        self.assertIn(b"LESS=FRX", text)
        self.assertIn(b"\x1b[31;9m", text)
        plain = self.run_cli("inspect", self.set, "--detail", env={"COLUMNS": "80"})
        self.assertEqual(ESCAPE.sub(b"", text).decode(), plain + "LESS=FRX\n")
        os.remove(seen)
        # LESS of the user's own stays; what fits is not paged, nor is anything when it is not wanted.
        self.on_terminal("inspect", self.set, "--detail", env={"LESS": "-S", **env}, rows=24, columns=80)
        with open(seen, "rb") as f:
            self.assertTrue(f.read().endswith(b"LESS=-S\n"))
        os.remove(seen)
        for args, rows, more in (
            ([], 24, {}),
            (["--detail", "--no-pager"], 24, {}),
            (["--detail"], 24, {"PAGER": "cat"}),
            (["--detail"], 24, {"PAGER": ""}),
            (["--detail"], 500, {}),
            (["--detail"], 0, {}),
            (["--detail", "--jsonl"], 24, {}),
        ):
            self.assertIn(b"cow", self.on_terminal("inspect", self.set, *args, env={**env, **more}, rows=rows, columns=80))
            self.assertFalse(os.path.exists(seen), (args, rows, more))
        self.run_cli("inspect", self.set, "--detail", env=env)
        self.assertFalse(os.path.exists(seen))

    def test_pager_with_arguments(self):
        seen = self.path("see n")
        env = {"PAGER": "head -n 3 | cat > '%s'" % seen}
        self.on_terminal("inspect", self.set, "--detail", env=env, rows=24, columns=80)
        with open(seen, "rb") as f:
            self.assertEqual(f.read().count(b"\n"), 3)

    def test_a_pager_that_is_not_there_or_quits(self):
        out = self.page("inspect", self.set, "--detail", env={"PAGER": "no-such-pager -x"}, rows=24, columns=80)
        self.assertIn("there is no program 'no-such-pager -x'", out)
        self.assertEqual(out.count("{+cow+}"), 1)
        # Thousands of lines into a pager that reads one.
        lines = [{"id": "s%d" % i, "prompt": "p", "generated": "dog " * 50, "revised": "cow"} for i in range(400)]
        store = self.store(self.write_lines("many.jsonl", lines), name="many.opa")
        for quits in (self.pager("exit 3"), "head -c 1"):
            out = self.page("inspect", store, "--detail", env={"PAGER": quits}, rows=24, columns=80)
            self.assertLessEqual(len(out), 1)
        self.page("inspect", store, env={"PAGER": "head -n 2"}, rows=24, columns=80)


if __name__ == "__main__":
    main()
