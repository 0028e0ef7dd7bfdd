#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A set of 4,800 records with known edits and known damage (shared/peer/data/make_set.py): every kind of damage is reported under its
code, sound records have no error, nothing called exact is misplaced, and edited tokens agree with the truth.

Needs the Python packages tokenizers (for the tokens) and, to make the set, pillow. --set DIR uses one that is there.
"""
import collections
import json
import shutil
import subprocess
import sys

from common import Failures, Tool, arguments, workplace

# Damage -> the codes of which one has to be reported for the record. Empty: nothing has to be said.
CODES = {
    "score_string": ["OP211"], "error_type_capital": ["OP214"], "keys_with_spaces": ["OP210"], "json_fence": ["OP205"],
    "report_truncated": ["OP203"], "report_empty": ["OP201"], "refusal": ["OP202"], "score_out_of_range": ["OP212"],
    "score_contradicts": ["OP301", "OP302", "OP303"], "field_missing": ["OP213", "OP216"], "pseudo_mismatch": ["OP304"],
    "copied_quotes": ["OP105"], "copied_whitespace": ["OP104"], "copied_nfd": ["OP106"], "copied_typo": ["OP108"],
    "copied_case": ["OP107"], "copied_paraphrase": ["OP101"], "sentence_missing": ["OP102"], "sentence_swapped": ["OP109"],
    "sentence_duplicated": ["OP103"], "sentences_merged": ["OP104"], "sentence_repeated": ["OP110"],
    "nul_character": ["OP006"], "lone_surrogate": ["OP005"], "emoji": [],
    "gt_nan": ["OP501"], "gt_absent": ["OP501"], "gt_empty": ["OP501"], "rewritten_all_empty": ["OP502"],
    "repetition_sentence": ["OP506"], "repetition_word": ["OP506"], "ends_double_dot": [],
    "question_overlong": ["OP508"], "response_overlong": ["OP509"], "query_no_image": ["OP510"],
    "image_cut": ["OP405"], "image_html": ["OP403"], "image_base64": ["OP402"], "image_null": ["OP401"], "image_cmyk": ["OP409"],
    "image_exif": ["OP408"], "image_extension": ["OP404"], "image_1x1": ["OP411"],
    "duplicate_record": ["OP601"], "duplicate_id": ["OP602"], "file_cut": ["OP002"],
}
# A WebP picture has no place in a pack (jpeg, png), so here it is an error, which the set's author would let pass.
STRICTER = {"image_extension"}


def visible(offsets, text):
    """Tokens without the space in front of them."""
    for b, e in offsets:
        while b < e and text[b].isspace():
            b += 1
        yield b, e


def marks(ranges, size):
    m = bytearray(size + 1)
    for b, e in ranges:
        m[b:e] = b"\1" * (e - b)
    return m


def carried(m, frm, to):
    """Marks of visible characters of one text, carried to another that differs from it in white space only."""
    stream = [m[i] for i, c in enumerate(frm) if not c.isspace()]
    out, k = bytearray(len(to) + 1), 0
    for i, c in enumerate(to):
        if not c.isspace():
            out[i] = stream[k]
            k += 1
    return out


class Accuracy:
    """Precision and recall of edited tokens, pooled over both sides. A token is edited when a visible character of it is (the definition
    of measure_alignment.py, for truth and hunks alike); by_range counts the tokens that the hunks claim instead. The two differ in
    one kind of place: where the first sentence was removed, the space behind it went too, and with LLaMA that space is the first
    byte of the next sentence's first token, which therefore falls to the hunk by the rule of inspect."""

    def __init__(self, encode):
        self.encode, self.counts, self.by_range, self.records = encode, collections.Counter(), collections.Counter(), 0

    def side(self, text, truth, hunks, side):
        offsets = self.encode(text)
        claimed, changed = bytearray(len(offsets)), bytearray(len(text) + 1)
        for h in hunks:
            if h["op"] != "keep":
                b, e = h[side]["tokens"]
                claimed[b:e] = b"\1" * (e - b)
                b, e = h[side]["chars"]
                changed[b:e] = b"\1" * (e - b)
        for k, (b, e) in enumerate(visible(offsets, text)):
            if b < e:
                seen = [i for i in range(b, e) if not text[i].isspace()]
                true = int(any(truth[i] for i in seen))
                self.counts[int(any(changed[i] for i in seen)), true] += 1
                self.by_range[claimed[k], true] += 1

    def add(self, truth, record, row):
        a, stored, b = record["original_generate_response"], record["AI_pseudo_response"], row["revised"]
        if "".join(stored.split()) != "".join(b.split()):
            return False
        self.records += 1
        self.side(a, marks([o["gen"] for o in truth["ops"]], len(a)), row["hunks"], "generated")
        m = marks([o["rev"] for o in truth["ops"] if o["rev"]], len(stored))
        self.side(b, carried(m, stored, b), row["hunks"], "revised")
        return True

    @staticmethod
    def figures(c):
        p, r = c[1, 1] / max(1, c[1, 1] + c[1, 0]), c[1, 1] / max(1, c[1, 1] + c[0, 1])
        return p, r, 2 * p * r / max(1e-9, p + r)


def check_damage(f, t, row, errors, codes):
    kind, want = t["damage"]["kind"], t["damage"]
    said = codes[t["file"], t["row"]]
    if CODES[kind]:
        f.check(said & set(CODES[kind]), f"{t['file']}:{t['row']} {kind}: none of {CODES[kind]} in {sorted(said)}")
    bad = (t["file"], t["row"]) in errors
    if want["keep"] == "all" and kind not in STRICTER:
        f.check(not bad, f"{t['file']}:{t['row']} {kind}: error {sorted(said)}")
    if want["keep"] == "none" and kind != "duplicate_record":
        f.check(bad, f"{t['file']}:{t['row']} {kind}: no error, {sorted(said)}")
    if row and kind not in ("duplicate_record", "duplicate_id"):
        # Some real texts repeat a sentence by themselves: then "ambiguous" is right, whatever else was done to them.
        repeats = any(row["generated"].count(row["generated"].encode("utf-8", "surrogatepass")[slice(*s["generated_bytes"])]
                                             .decode("utf-8", "surrogatepass")) > 1 for s in row["sentences"] if s["generated_bytes"])
        f.check(row["certificate"] == want["certificate"] or (repeats and row["certificate"] == "ambiguous"), f"{t['file']}:{t['row']} {kind}: {row['certificate']}, not {want['certificate']} {sorted(said)}")


def check_places(f, t, row):
    """Nothing called exact is misplaced. Returns (right, all) over all sentences."""
    if len(row["sentences"]) - sum(s["added"] for s in row["sentences"]) != len(t["sentences"]):
        return 0, 0
    text, right = row["generated"], 0
    for s, want in zip([s for s in row["sentences"] if not s["added"]], t["sentences"]):
        b, e = want["gen"]
        span = [len(text[:b].encode("utf-8", "surrogatepass")), len(text[:e].encode("utf-8", "surrogatepass"))]
        right += s["generated_bytes"] == span
        if row["certificate"] == "exact":
            f.check(s["generated_bytes"] == span, f"{t['file']}:{t['row']}: exact, but sentence {s['index']} at {s['generated_bytes']}, not {span}")
    return right, len(t["sentences"])


def main():
    a = arguments(__doc__, set="", seed=1, n=4800)
    try:
        from tokenizers import Tokenizer
    except ImportError:
        print("SKIP: the Python package tokenizers is not installed")
        return 77
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    folder = a.set
    if not folder:
        folder = str(work / "set")
        subprocess.run([sys.executable, a.shared / "peer/data/make_set.py", "--out", folder, "--seed", str(a.seed), "--n", str(a.n)], check=True)
    sys.path.insert(0, str(a.shared / "peer/data"))
    from rollout_io import read_file, step_files
    tokenizer = a.shared / "tokenizers/llama2/vicuna_tokenizer.json"
    tok = Tokenizer.from_file(str(tokenizer))
    encode = lambda text: tok.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).offsets
    store = work / "set.opa"
    tool("init", store)
    tool("import", store, *step_files(f"{folder}/rollouts"), ok=(0, 1))
    rows = {(r["source"]["file"], r["source"]["record"]): r for r in tool.lines("inspect", store, "--tokenizer", tokenizer, "--jsonl")}
    codes, errors = collections.defaultdict(set), set()
    for c in tool.lines("check", store, "--jsonl", ok=(0, 1)):
        codes[c["file"], c["record"]].add(c["code"])
        if c["severity"] == "error":
            errors.add((c["file"], c["record"]))
    truth = [json.loads(line) for line in open(f"{folder}/truth.jsonl", encoding="utf-8")]
    files = {p.name: read_file(p)[0] for p in step_files(f"{folder}/rollouts")}
    plain, every, right, places, sound = Accuracy(encode), Accuracy(encode), 0, 0, 0
    for t in truth:
        row = rows.get((t["file"], t["row"]))
        if t["damage"]:
            check_damage(f, t, row, errors, codes)
        elif f.check(row, f"{t['file']}:{t['row']}: sound, but not there"):
            sound += 1
            f.check((t["file"], t["row"]) not in errors, f"{t['file']}:{t['row']}: sound, but {sorted(codes[t['file'], t['row']])}")
        if row:
            r, n = check_places(f, t, row)
            right, places = right + r, places + n
        if row and not t["damage"] and all(s["basis"] == "applied" for s in t["sentences"]):
            record = files[t["file"]][t["row"]]
            if not every.add(t, record, row):
                f.check(False, f"{t['file']}:{t['row']}: revised text differs in more than white space")
            elif not any(o["what"] == "rewrite" for o in t["ops"]):
                plain.add(t, record, row)
    print(f"{len(truth)} records, {sound} sound; sentences placed right: {right} of {places}")
    for name, acc, floor in (("without whole-sentence rewrites", plain, (0.998, 0.998, 0)), ("all", every, (0, 0, 0.99))):
        p, r, f1 = acc.figures(acc.counts)
        print(f"  edited tokens, {name}: {acc.records} records, precision {p:.4f} recall {r:.4f} F1 {f1:.4f}"
              + "; tokens claimed by hunks: %.4f %.4f %.4f" % acc.figures(acc.by_range))
        f.check(p >= floor[0] and r >= floor[1] and f1 >= floor[2], f"below {floor}")
    print(f"damaged_set: {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
