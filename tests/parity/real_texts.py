#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real correction texts and real images with responses (shared/data/pref_text, image_records): what has a place in the formats is
imported, tiles on both sides, and changes nothing when it is imported twice."""
import json
import shutil
import sys

from common import Failures, Tool, arguments, workplace


def jsonl(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def turns(r, key):
    return next(t["value"] for t in r[key] if t["from"] == "gpt")


def question(r):
    return next(t["value"] for t in r["conversations"] if t["from"] == "human")


def samples(data):
    """(name, [sample]) for each source that is no format of its own: generated and revised are the pair's two sides."""
    text, images = data / "pref_text", data / "image_records"
    yield "vti", [{"id": f"vti-{r['id']}", "prompt": r["question"], "generated": r["h_value"], "revised": r["value"]}
                  for r in jsonl(text / "vti/hallucination_vti_demos.jsonl")]
    for name in ("in_domain", "out_of_domain"):
        rows = json.load(open(text / f"hal_eval/{name}_evaluation.json", encoding="utf-8"))
        yield name, [{"id": f"{name}-{k}-{j}", "prompt": "Describe the image.", "generated": h["caption"], "revised": r["caption"]}
                     for k, r in enumerate(rows) for j, h in enumerate(r["hal_caption"]) if h["caption"]]
    for path in sorted((text / "mmedpo").glob("*.json")) + sorted((text / "mmed_rag").glob("*.json")):
        rows = json.load(open(path, encoding="utf-8"))
        yield path.stem, [{"id": f"{path.stem}-{k}", "prompt": question(r).replace("<image>\n", ""), "generated": turns(r, "rejected_conversations"),
                           "revised": turns(r, "conversations")} for k, r in enumerate(rows)]
    for name in ("dpo_en_demo", "dpo_zh_demo"):
        rows = json.load(open(text / f"llama_factory/{name}.json", encoding="utf-8"))
        yield name, [{"id": f"{name}-{k}", "prompt": question(r), "generated": r["rejected"]["value"], "revised": r["chosen"]["value"]}
                     for k, r in enumerate(rows)]
    yield "refomb", [{"id": f"refomb-{k}", "prompt": r["question"], "generated": r["answer"], "ground_truth": r["description"]}
                     for k, r in enumerate(jsonl(text / "refomb/gpt4v_RefoMB_dev_0521.jsonl"))]
    for name in ("IIW-400", "CM_3600", "LocNar_Eval"):
        yield name, [{"id": f"{name}-{k}", "prompt": "Describe the image.", "generated": r["IIW-P5B"], "ground_truth": r.get("IIW")}
                     for k, r in enumerate(jsonl(text / f"iiw/{name}.jsonl")) if r.get("IIW-P5B")]
    yield "faithscore", [{"id": f"faithscore-{k}", "prompt": "Describe the image.", "generated": r["answer"]}
                         for k, r in enumerate(jsonl(text / "faithscore/annotation.jsonl"))]
    yield "records", [{"id": f"image-{k}-{m}", "image": r["image"], "prompt": r["prompt"], "generated": answer,
                       "ground_truth": r.get("ground_truth")}
                      for k, r in enumerate(jsonl(images / "records.jsonl")) for m, answer in sorted(r["responses"].items()) if answer.strip()]


def main():
    a = arguments(__doc__)
    tool, f, work = Tool(a.opapairs), Failures(), workplace()
    data, total, failed = a.shared / "data", 0, 0
    for name, rows in samples(data):
        path, store = work / f"{name}.jsonl", work / f"{name}.opa"
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
        tool("init", store)
        tool("import", store, path, "--images", data / "image_records")
        got = {r["id"]: r for r in tool.lines("inspect", store, "--jsonl")}
        f.check(len(got) == len({r["id"] for r in rows}), f"{name}: {len(got)} of {len(rows)}")
        for r in rows:
            g = got[r["id"]]
            f.check(g["generated"] == r["generated"] and g["revised"] == r.get("revised") and g["certificate"] is None, f"{r['id']}: texts")
            if r.get("revised") is None:
                continue
            for side in ("generated", "revised"):
                text = g[side].encode("utf-8", "surrogatepass")
                f.check(b"".join(text[slice(*h[side]["bytes"])] for h in g["hunks"]) == text, f"{r['id']}: {side} is not tiled")
        before = tool("ls", store, "--jsonl").stdout
        tool("import", store, path, "--images", data / "image_records")
        f.check(before == tool("ls", store, "--jsonl").stdout, f"{name}: importing again changed something")
        total += len(got)
    for path in sorted(data.glob("image_records/*/answers/*.jsonl")):
        store = work / (path.parts[-3] + path.stem + ".opa")
        tool("init", store)
        tool("import", store, path)
        n = len(tool.lines("ls", store, "--jsonl"))
        f.check(n == len(jsonl(path)), f"{path.name}: {n} answers")
        total += n
    print(f"real_texts: {total} samples, {f.count} failures")
    shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
