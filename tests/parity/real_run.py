#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 48 real records through the README's commands, from import to an OPA-DPO adapter, which PEFT then loads:

    real_run.py [--checkpoint DIR] [--records 48] [--keep FOLDER] [--opatrain-options "--threads 1"]

opapairs import, check, pack, verify; opatrain doctor, score, generate, sft, dpo and score with each adapter, with the options that
they have by default (but answers of 16 tokens: the model is a random one): rank 256, every layer in sft. transformers and PEFT load both adapters on the same checkpoint and have to agree with
opatrain score on every token of --compare samples, clean and under their masks, within 1e-4. Without --checkpoint a random one of 44
million parameters is made by the shared folder's make_checkpoint.py. Prints what a newcomer sees. Two threads of a quiet machine take
a quarter of an hour for all records; --records 8 takes the first file."""
import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import peer_model
from common import ROOT, Failures, arguments, lines, workplace
from expert import step_files

MODEL = "llava-1.5-7b-hf/"  # as the README calls it; here a link


def make_checkpoint(shared, out):
    maker = shared / "peer/make_checkpoint.py"
    subprocess.run([sys.executable, maker, "--shape", "xs", "--dtype", "f32", "--out", out], check=True, stdout=subprocess.DEVNULL)


class Session:
    """A newcomer's terminal: prints each command and what it says, and does not go on behind a failure."""

    def __init__(self, folder, programs):
        self.folder, self.programs = folder, programs

    def __call__(self, line, ok=(0,)):
        print("$", line, flush=True)
        words = shlex.split(line)
        began = time.time()
        r = subprocess.run([self.programs[words[0]], *words[1:]], cwd=self.folder, stdout=subprocess.PIPE, text=True)
        print(r.stdout, end="")
        if time.time() - began > 1:
            print(f"# {time.time() - began:.1f} s", flush=True)
        if r.returncode not in ok:
            sys.exit(f"FAIL: exit {r.returncode}")


def link_records(a, work):
    """The rollout files, cut behind --records."""
    left, names = a.records, []
    for path in step_files(a.shared / "data/expert/rollouts"):
        records = json.loads(path.read_text(encoding="utf-8"))[:left]
        left -= len(records)
        if records:
            names.append(path.name)
            (work / path.name).write_text(json.dumps(records), encoding="utf-8")
    return " ".join(names)


def run_all(say, records, options):
    say("opapairs init v.opa")
    say(f"opapairs import v.opa {records}")
    say("opapairs check v.opa")
    say("opapairs pack v.opa -o v1 --tokenizer " + MODEL)
    say("opapairs verify v1")
    say("opatrain doctor --model " + MODEL)
    say(f"opatrain score --model {MODEL} v1 -o scores.jsonl {options}")
    say(f"opatrain generate --model {MODEL} v1 -o answers.jsonl --max-new-tokens 16 {options}")
    say("opapairs init answers.opa")
    say("opapairs import answers.opa answers.jsonl --as outputs")
    say(f"opatrain sft --model {MODEL} v1 -o opa {options}")
    say(f"opatrain score --model {MODEL} --adapter opa v1 -o scores-opa.jsonl {options}")
    say(f"opatrain dpo --model {MODEL} --adapter opa v1 -o opa-dpo {options}")
    say(f"opatrain score --model {MODEL} --adapter opa-dpo v1 -o scores-opa-dpo.jsonl {options}")


def mean_logprob(rows, roles=("ground_truth", "revised")):
    values = [x for r in rows for role in roles for x in r["responses"][role]["logprobs"]]
    return sum(values) / len(values)


def check_logs(f, work):
    """What sft and dpo promise: likelier corrections; policy and reference together before the first update; finite figures."""
    sft, dpo = lines(work / "opa/log.jsonl"), lines(work / "opa-dpo/log.jsonl")
    base, opa = mean_logprob(lines(work / "scores.jsonl")), mean_logprob(lines(work / "scores-opa.jsonl"))
    f.check(abs(sft[0]["loss"] + base) < 0.05, f"sft begins with a loss of {sft[0]['loss']}, score says {-base}")
    f.check(opa > base, f"sft took the mean log-prob of what it trains on from {base} to {opa}")
    f.check(abs(dpo[0]["margin"]) < 1e-3, f"dpo: margin {dpo[0]['margin']} before the first update")
    f.check(all(0 < line["grad_norm"] < 1e6 for line in sft + dpo), "a gradient's norm")


def check_peer(f, a, work, adapter):
    """opatrain score with the adapter against PEFT on transformers."""
    model = peer_model.load(work / MODEL, work / adapter)
    other, beyond = peer_model.adapter_difference(model, work / adapter)
    f.check(not other and not beyond, f"{adapter}: PEFT holds another adapter: {other[:3]} {beyond[:3]}")
    peer = peer_model.Peer(a.opapairs, work / "v1", work / MODEL, model)
    rows, base = lines(work / f"scores-{adapter}.jsonl"), lines(work / "scores.jsonl")
    moved = max(abs(x - y) for r, b in zip(rows, base, strict=True) for role in r["responses"]
                for x, y in zip(r["responses"][role]["logprobs"], b["responses"][role]["logprobs"], strict=True))
    found = [peer.compare(row) for row in rows[::max(1, len(rows) // a.compare)][:a.compare]]
    worst, count = max(w for w, _ in found), sum(n for _, n in found)
    print(f"{adapter}: {count} log-probs of {len(found)} samples within {worst:.1e} of PEFT's; corrections {mean_logprob(rows):.4f} a "
          f"token (base {mean_logprob(base):.4f}), the adapter moves a log-prob by up to {moved:.3f}")
    f.check(worst < 1e-4 and count > 0, f"{adapter}: PEFT gives other log-probs")
    f.check(moved > 100 * worst, f"{adapter}: moves so little that this proves nothing")


def main():
    a = arguments(__doc__, opatrain=str(ROOT / "build/trainer/opatrain"), checkpoint="", records=48, compare=8, keep="",
                  **{"opatrain-options": ""})
    if not Path(a.opatrain).exists() or not (a.checkpoint or peer_model.available()):
        print("SKIP: opatrain is not built, or there is neither a checkpoint nor torch to make one")
        return 77
    f, work = Failures(), Path(a.keep).resolve() if a.keep else workplace()
    work.mkdir(parents=True, exist_ok=True)
    if a.checkpoint:
        (work / MODEL.rstrip("/")).symlink_to(Path(a.checkpoint).resolve())
    else:
        make_checkpoint(a.shared, work / MODEL)
    say = Session(work, {"opapairs": a.opapairs, "opatrain": str(Path(a.opatrain).resolve())})
    run_all(say, link_records(a, work), a.opatrain_options)
    check_logs(f, work)
    if peer_model.available():
        for adapter in ("opa", "opa-dpo"):
            check_peer(f, a, work, adapter)
    else:
        print("SKIP: no torch, transformers and PEFT to compare with")
    print(f"real_run: {f.count} failures")
    if not a.keep:
        shutil.rmtree(work)
    return f.count != 0


if __name__ == "__main__":
    sys.exit(main())
