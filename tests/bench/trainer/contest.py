# SPDX-License-Identifier: Apache-2.0
"""The contestants of a row: each is one process from its start to its figures."""
import json
import os
import re
import shutil
import statistics
import subprocess
import threading
import time

from work import RANK, Llama, step_bytes, tree_flops

# As shared/peer/bench.sh has it: glibc keeps large blocks, in huge pages. Users of the released code run without.
PEER_ENVIRONMENT = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
PEER_ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "268435456",
                  "THP_MEM_ALLOC_ENABLE": "1"}


class TooLong(Exception):
    """A process was ended at the limit of its time."""


class Failed(Exception):
    """A process ended with an error; the message is its last words."""


def run(args, limit, env=None):
    """Run to the end: lines of stdout, each with the second of its arrival; peak GiB; stderr."""
    p = subprocess.Popen([str(x) for x in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, **(env or {})})
    ended = []
    timer = threading.Timer(limit, lambda: (ended.append(True), p.kill()))
    errors = []
    reader = threading.Thread(target=lambda: errors.append(p.stderr.read()))
    timer.start()
    reader.start()
    lines = [(time.perf_counter(), line) for line in p.stdout]
    _, status, usage = os.wait4(p.pid, 0)
    timer.cancel()
    reader.join()
    p.returncode = os.waitstatus_to_exitcode(status)
    if ended:
        raise TooLong
    if p.returncode != 0:
        raise Failed(f"{' '.join(map(str, args))}: exit {p.returncode}: {errors[0].strip()[-400:]}")
    return lines, usage.ru_maxrss / 2**20, errors[0]


def doctor(a, threads):
    """This minute's speed of the machine: GFLOP/s by dtype, GB/s, and the processor's name."""
    text = "".join(line for _, line in run([a.opatrain, "doctor", "--threads", threads], a.time_limit)[0])
    f32, bf16 = re.search(r"products +([\d.]+) GFLOP/s with float32 weights, ([\d.]+) with bf16", text).groups()
    return {"cpu": re.search(r"processor +(.+)", text)[1], "memory": float(re.search(r"read at ([\d.]+) GB/s", text)[1]),
            "gemm": {"f32": float(f32), "bf16": float(bf16)}}


# ---- opatrain ----

def common(a, row, verb):
    return [a.opatrain, verb, "--model", a.checkpoint(row), "--dtype", row.dtype, "--threads", row.threads]


def our_score(a, row):
    """Every line is a sample's end. The packs are read twice: the first time warms up and takes the loading."""
    pack = a.work / "pack-dpo"
    lines, peak, notes = run([*common(a, row, "score"), "--adapter", a.adapter(row), pack, pack], a.time_limit)
    at = [t for t, _ in lines]
    rates = [1 / (b - c) for b, c in zip(at[a.records:], at[a.records - 1:])]
    scored, through = (int(x.replace(",", "")) for x in re.search(r"([\d,]+) tokens scored, ([\d,]+) through", notes).groups())
    flops = tree_flops(Llama(a.checkpoint(row)), "score", through / len(at), scored / len(at))
    return {"rate": statistics.median(rates), "peak": peak, "tflop": flops / 1e12}


def our_training(a, row):
    """The second epoch's updates, one sample each: the optimiser's step included, reference and features made before."""
    out = a.work / "run"
    shutil.rmtree(out, ignore_errors=True)
    pack, more = {"sft": ("pack-dpo", []),
                  "dpo": ("pack-opa-dpo", ["--objective", "release", "--masks", "fixed"])}[row.stage]
    _, peak, _ = run([*common(a, row, row.stage), a.work / pack, "-o", out, "--targets", "llm", "--rank", RANK, "--alpha", 2 * RANK,
                      "--batch", 1, "--epochs", 2, "--lr", 1e-6, "--save-every", 1000, *more], a.time_limit)
    log = [json.loads(x) for x in (out / "log.jsonl").read_text().splitlines()][a.records:]
    llama = Llama(a.checkpoint(row))
    flops = statistics.mean(tree_flops(llama, row.stage, x["tokens"], x["targets"]) for x in log)
    return {"rate": statistics.median(1 / x["seconds"] for x in log), "peak": peak, "tflop": flops / 1e12}


def our_generate(a, row):
    """Batches of answers of one token and of many, the first batch of each a warm-up, the faster of the two behind it counts: the
    difference is decoding."""
    seconds, tokens = {}, {}
    for new in (1, a.new_tokens):
        lines, peak, _ = run([*common(a, row, "generate"), "--prompts", a.work / f"prompts-{row.batch}.jsonl", "--batch", row.batch,
                              "--max-new-tokens", new], a.time_limit)
        ends = [t for t, _ in lines][row.batch - 1::row.batch]
        seconds[new] = min(b - c for b, c in zip(ends[1:], ends))
        tokens[new] = sum(len(json.loads(x)["ids"]) for _, x in lines[-row.batch:])
    rate = (tokens[a.new_tokens] - row.batch) / (seconds[a.new_tokens] - seconds[1])
    length = a.prompt_tokens + a.new_tokens / 2
    return {"rate": rate, "peak": peak, "gbytes": step_bytes(Llama(a.checkpoint(row)), row.dtype, row.batch, length) / 1e9}


# ---- the peer ----

def peer(a, row, layout):
    args = [a.python, "-W", "ignore", a.shared / "peer/opadpo_torch.py", "--checkpoint", a.checkpoint(row),
            "--data", a.work / "records.json", "--stage", row.stage, "--dtype", row.dtype, "--threads", row.threads, "--limit", a.records]
    if row.stage == "generate":
        args += ["--batch", row.batch, "--new-tokens", a.new_tokens]
    else:
        args += ["--layout", layout, "--rank", RANK]
    env = PEER_ENVIRONMENT if layout == "released" else {**PEER_ENVIRONMENT, **PEER_ALLOCATOR}
    lines, _, _ = run(args, a.time_limit, env)
    report = json.loads([x for _, x in lines if x.startswith("{")][-1])
    return {"rate": report["decode_tokens_per_s" if row.stage == "generate" else "samples_per_s"], "peak": report["peak_rss_gb"],
            "gemm": statistics.mean(report["gemm_gflops"]), "versions": f"torch {report['torch']}, transformers {report['transformers']}",
            **({"tflop": report["work_per_sample"]["tflop_tree"]} if "work_per_sample" in report else {})}


LAYOUTS = {"score": ("tuned", "packed"), "sft": ("tuned", "packed"), "dpo": ("tuned", "packed"), "generate": ("transformers",)}
OURS = {"score": our_score, "sft": our_training, "dpo": our_training, "generate": our_generate}


def contestants(a, row):
    """Names and functions, ours first."""
    all_of = {"opatrain": lambda: OURS[row.stage](a, row)}
    if a.python:
        layouts = LAYOUTS[row.stage] + (("released",) if a.released and row.stage in ("sft", "dpo") else ())
        all_of.update({layout: lambda layout=layout: peer(a, row, layout) for layout in layouts})
    return all_of
