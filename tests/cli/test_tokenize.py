# SPDX-License-Identifier: Apache-2.0
"""Tokenize: lines in, ids and offsets out."""

import json

from support import Case, TOKENIZER, main

with open(TOKENIZER, encoding="utf-8") as f:
    MODEL = json.load(f)["model"]


class Llama:
    """Plain BPE with byte fallback, the slow way."""

    ranks = {tuple(m): i for i, m in enumerate(MODEL["merges"])}

    def encode(self, text):
        pieces = list("\u2581" + text.replace(" ", "\u2581")) if text else []
        while True:
            best = min(
                ((self.ranks.get(p, 1 << 30), i) for i, p in enumerate(zip(pieces, pieces[1:]))), default=(1 << 30, 0)
            )
            if best[0] == 1 << 30:
                break
            pieces[best[1] : best[1] + 2] = [pieces[best[1]] + pieces[best[1] + 1]]
        ids = []
        for p in pieces:
            ids += (
                [MODEL["vocab"][p]] if p in MODEL["vocab"] else [MODEL["vocab"]["<0x%02X>" % b] for b in p.encode()]
            )
        return ids


class Tokenize(Case):
    texts = [
        "A dog on the beach.",
        "There is a red bucket.",
        " lead",
        "two  spaces",
        "\u00e9t\u00e9",
        "\u4e2d\u6587",
        "\U0001f600",
        "x",
        "",
        "tab\there",
    ]

    def test_lines(self):
        out = self.run_cli("tokenize", "--tokenizer", TOKENIZER, input="\n".join(self.texts).encode() + b"\n")
        found = [json.loads(line) for line in out.splitlines()]
        self.assert_schema("tokenize", found)
        self.assertEqual(len(found), len(self.texts))
        for text, x in zip(self.texts, found):
            self.assertEqual(x["ids"], [1] + Llama().encode(text), text)
            self.assertEqual(x["offsets"][0][0], x["offsets"][0][1])

    def test_no_special_and_offsets(self):
        path = self.write("t.txt", "\n".join(self.texts))
        plain = self.run_cli("tokenize", "--tokenizer", TOKENIZER, "--no-special", path)
        self.assertEqual(
            plain,
            self.run_cli(
                "tokenize", "--no-special", "-", "--tokenizer", TOKENIZER, input="\n".join(self.texts).encode()
            ),
        )
        for text, line in zip(self.texts, plain.splitlines()):
            x, data = json.loads(line), text.encode()
            self.assertEqual(x["ids"], Llama().encode(text))
            self.assertEqual(len(x["ids"]), len(x["offsets"]))
            covered = set()
            for (b, e), (b2, e2) in zip(x["offsets"], x["offsets"][1:] + [[len(data)] * 2]):
                self.assertTrue(b <= b2 and e <= e2 and b <= e)
                covered |= set(range(b, e))
            self.assertEqual(covered, set(range(len(data))))

    def test_jsonl(self):
        texts = ["two\nlines", "nul \u0000", "half \ud800"]
        lines = "".join(json.dumps(t) + "\n" for t in texts).encode()
        found = self.jsonl("tokenize", "--tokenizer", TOKENIZER, "--no-special", input=lines)
        self.assertEqual(found[0]["ids"], Llama().encode(texts[0]))
        self.assertEqual(found[2]["ids"], Llama().encode("half \ufffd"))
        for bad in (b"17\n", b'"open\n', b"\n", b'["a"]\n'):
            self.run_cli("tokenize", "--tokenizer", TOKENIZER, "--jsonl", input=b'"good"\n' + bad, code=65)
            self.assertIn("line 2", self.err)

    def test_bad_tokenizers(self):
        self.run_cli("tokenize", "--tokenizer", self.path("none.json"), code=66)
        for content in (b"", b"{}", b'{"model":{}}', b"\x0a\x05hello", b"garbage"):
            p = self.run_any("tokenize", "--tokenizer", self.write("t.json", content))
            self.assertIn(p.returncode, (65, 69), content)
            self.assertIn(b"t.json", p.err)
        unigram = {
            "version": "1.0",
            "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]},
        }
        self.run_cli("tokenize", "--tokenizer", self.write("u.json", unigram), code=69)
        self.assertIn("Unigram", self.err)
        self.run_cli("tokenize", "--tokenizer", TOKENIZER, self.path("none.txt"), code=66)

    def test_a_line_that_is_no_text_is_named(self):
        text = self.write("t.txt", b"good\nb\xffd\n")
        out = self.run_cli("tokenize", "--tokenizer", TOKENIZER, text, code=65)
        self.assertEqual(len(out.splitlines()), 1)
        self.assertIn("t.txt: line 2: not UTF-8", self.err)


if __name__ == "__main__":
    main()
