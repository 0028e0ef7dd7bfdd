#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 48 real records with expert feedback: import, certificates, tiling, idempotence, and the goldens of both recipes."""
import json
import re
import shutil
import sys
import tarfile

from common import Failures, Tool, arguments, workplace


def step_files(folder):
    return sorted(folder.glob("*.json"), key=lambda p: [int(x) for x in re.findall(r"\d+", p.name)])


def members(pack):
    """{(file, record): member JSON} of a pack."""
    out = {}
    for shard in sorted(pack.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for m in tar:
                if m.name.endswith(".json"):
                    doc = json.load(tar.extractfile(m))
                    out[doc["source"]["file"], doc["source"]["record"]] = doc
    return out


def check_inspect(f, rows):
    f.check(len(rows) == 48, f"48 samples, not {len(rows)}")
    for r in rows:
        f.check(r["certificate"] in ("exact", "repaired"), f"{r['id']}: {r['certificate']} {r['findings']}")
        g, v = r["generated"].encode(), r["revised"].encode()
        f.check(b"".join(g[slice(*h["generated"]["bytes"])] for h in r["hunks"]) == g, f"{r['id']}: generated is not tiled")
        f.check(b"".join(v[slice(*h["revised"]["bytes"])] for h in r["hunks"]) == v, f"{r['id']}: revised is not tiled")
        for h in r["hunks"]:
            a, b = g[slice(*h["generated"]["bytes"])], v[slice(*h["revised"]["bytes"])]
            f.check((a == b) == (h["op"] == "keep"), f"{r['id']}: {h}")


def check_release(f, docs, goldens):
    for g in goldens:
        name, row = g["id"].rsplit(":", 1)
        d = docs.get((name, int(row)))
        if not f.check((d is not None) == g["verdicts"]["keep"], f"{g['id']}: verdict"):
            continue
        if d is None:
            continue
        r = d["responses"]
        f.check(r["revised"]["text"] == g["y_rev"], f"{g['id']}: y_rev")
        for role, side in (("generated", "gen"), ("revised", "rev")):
            bos = r[role].get("bos", True)
            f.check(bos == (g[side + "_ids"][0] == 1), f"{g['id']}: bos of {role}")
            skip = 1 if bos else 0
            f.check(r[role]["ids"] == g[side + "_ids"][skip:], f"{g['id']}: ids of {role}")
            f.check(r[role]["weights"]["language"] == g[side + "_s"][skip:], f"{g['id']}: s of {role}")
            f.check(r[role]["weights"]["image"] == g[side + "_w"][skip:], f"{g['id']}: w of {role}")
        f.check(r["ground_truth"]["ids"] == g["gt_ids"][1:], f"{g['id']}: ids of ground truth")


def check_placements(f, rows, goldens):
    by = {(r["source"]["file"], r["source"]["record"]): r for r in rows}
    for g in goldens:
        name, row = g["id"].rsplit(":", 1)
        r = by[name, int(row)]
        text = r["generated"]
        want = [(s["gen_span"] and [len(text[:s["gen_span"][0]].encode()), len(text[:s["gen_span"][1]].encode())])
                for s in g["sentences"] if s["key"] != "Added"]
        got = [s["generated_bytes"] for s in r["sentences"] if not s["added"]]
        f.check(want == got, f"{g['id']}: placements {want} {got}")


def check_parity(f, docs, shared):
    """opa-dpo against ids_sft, s and w (which belong to BOS + response + EOS)."""
    seen = 0
    by_text = {d["responses"]["generated"]["text"]: d for d in docs.values()}
    for case in ("llava15_tiny", "llava15_small_geometry", "llava15_original_layout", "llama_text"):
        for line in open(shared / "parity" / case / "samples.jsonl", encoding="utf-8"):
            s = json.loads(line)
            d = by_text.get(s["responses"]["generated"]["text"])
            if not d:
                continue
            for role in ("ground_truth", "generated", "revised"):
                want, got = s["responses"][role], d["responses"][role]
                if want["text"] != got["text"]:
                    f.check(s["id"] == "amber-AMBER_33-1" and role == "revised" and want["text"].split() == got["text"].split(),
                            f"{s['id']}: text of {role}")
                    continue
                seen += 1
                f.check(got["ids"] == want["ids_sft"], f"{case} {s['id']}: ids of {role}")
                f.check(got["weights"]["language"] == want["s"][1:], f"{case} {s['id']}: s of {role}")
                f.check(got["weights"]["image"] == want["w"][1:], f"{case} {s['id']}: w of {role}")
    f.check(seen >= 15, f"only {seen} responses compared")
    return seen


def main():
    a = arguments(__doc__)
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    store, tokenizer = work / "expert.opa", a.shared / "tokenizers/llama2/vicuna_tokenizer.json"
    files = step_files(a.shared / "data/expert/rollouts")
    tool("init", store)
    tool("import", store, *files)
    rows = tool.lines("inspect", store, "--tokenizer", tokenizer, "--jsonl")
    check_inspect(f, rows)
    tool("import", store, *reversed(files))
    f.check(rows == tool.lines("inspect", store, "--tokenizer", tokenizer, "--jsonl"), "importing again changed something")
    goldens = [json.loads(line) for line in open(a.shared / "peer/data/expert_golden.jsonl", encoding="utf-8")]
    check_placements(f, rows, goldens)
    for recipe in ("opa-dpo-release", "opa-dpo"):
        tool("pack", store, "-o", work / recipe, "--recipe", recipe, "--tokenizer", tokenizer)
        tool("verify", work / recipe)
    check_release(f, members(work / "opa-dpo-release"), goldens)
    seen = check_parity(f, members(work / "opa-dpo"), a.shared)
    print(f"expert: 48 records, {len(goldens)} goldens, {seen} parity responses, {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
