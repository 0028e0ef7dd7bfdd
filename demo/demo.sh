#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./run demo [--quick|--full] [--seed N]: OPA-DPO from beginning to end on the micro world, through the public commands.
# $1 is the build folder. Everything lands in its folder demo-run (or $OPAPAIRS_DEMO_OUT).
# shellcheck disable=SC2086 # model, fresh, sft and dpo are several words
set -eu
here=$(dirname "$0")
build=$1
shift
out=${OPAPAIRS_DEMO_OUT:-$build/demo-run}
size=default
seed=1
while [ $# -gt 0 ]; do
  case $1 in
    --quick | --full) size=${1#--} ;;
    --seed) seed=${2:?--seed N}; shift ;;
    *) echo "demo: --quick, --full or --seed N was expected, not '$1'" >&2; exit 2 ;;
  esac
  shift
done
case $size in
  quick) samples=800 tests=400 ;;
  *) samples=2400 tests=800 ;;
esac
base=$here/base

# ---- how commands are shown and run ----

PATH=$(cd "$build" && pwd)/cli:$(cd "$build" && pwd)/trainer:$(cd "$build" && pwd)/demo/world:$PATH
bold='' plain=''
[ ! -t 1 ] || { bold=$(printf '\033[1m'); plain=$(printf '\033[0m'); }

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }

show() {
  printf '$'
  printf ' %s' "$@"
  printf '\n'
}

# Show a command, then run it. 1 is "done, and something is to be said". In the half that runs aside the shell has to
# wait for it: only so can it hear that it is to end, and end the command too.
run() {
  show "$@"
  if [ -n "$aside" ]; then
    "$@" &
    child=$!
    wait "$child" || [ $? -eq 1 ]
  else
    "$@" || [ $? -eq 1 ]
  fi
}
aside='' child=''

# The same for a command whose 1 says that something is damaged.
run_strictly() {
  show "$@"
  "$@"
}

trap 'exit 130' INT
trap 'exit 143' TERM

# Two things at a time where there are two processors: the first is watched, the other's output is shown behind it.
# The model is so small that one thread is best for each, and so the numbers do not depend on the machine's processors.
together() {
  if [ "$(nproc)" -lt 2 ]; then
    $1
    $2
    return
  fi
  (
    set -e
    aside=yes
    trap '[ -z "$child" ] || kill "$child" 2>/dev/null || :; wait; exit 143' TERM
    $2
  ) >"$out/log/$2.txt" 2>&1 &
  other=$!
  trap 'kill "$other" 2>/dev/null && wait "$other" || :' EXIT
  $1
  status=0
  wait "$other" || status=$?
  trap - EXIT
  cat "$out/log/$2.txt"
  return $status
}

# ---- the commands that return ----

use_seed() {
  model="--template llava_hf --threads 1 --seed $1"
}
use_seed "$seed"
sft="--epochs 2 --batch 16 --lr 1e-3 --clip 1"
fresh="--rank 16 --alpha 32 --targets llm+projector"
dpo="--epochs 2 --batch 32 --warmup 5 --clip 1 --masks fixed"

# prompted NAME DIR PROMPTS TOKENS FILE: what the model DIR/runs/NAME says to PROMPTS, the likeliest words. base has no adapter.
prompted() {
  prompts=$3 tokens=$4 file=$5
  if [ "$1" = base ]; then set --; else set -- --adapter "$2/runs/$1"; fi
  run opatrain generate --model "$base" $model "$@" --prompts "$prompts" --max-new-tokens "$tokens" --batch 64 -o "$file"
}

# answers NAME [DIR]: what it says about the test scenes.
answers() {
  prompted "$1" "${2:-$out}" "$out/test/scenes.jsonl" 80 "${2:-$out}/answers/$1.jsonl"
}

# asks NAME: what it says when it is asked about things that are there, and things that are not.
asks() {
  prompted "$1" "$out" "$out/test/questions.jsonl" 40 "$out/premises/$1.jsonl"
}

# sample SCENES FILE: how the model answers when it is not asked for the likeliest words.
sample() {
  run opatrain generate --model "$base" $model --prompts "$1" --temperature 0.5 --top-p 0.95 --top-k 30 \
    --max-new-tokens 80 --batch 64 -o "$2"
}

# ---- the story ----

roll_out() {
  say "$samples pictures of a drawn world, and a small LLaVA that describes them."
  run microworld scenes --seed 200 --count "$samples" -o "$out/train"
  run microworld scenes --seed 900 --count "$tests" --questions 2 -o "$out/test"
  sample "$out/train/scenes.jsonl" "$out/rollouts.jsonl"
  run microworld measure "$out/rollouts.jsonl"
}

correct() {
  say "An expert corrects them, sentence by sentence. Here it is an oracle; in the paper, GPT-4V."
  run microworld expert "$out/rollouts.jsonl" -o "$out/step0_rank0.json"
  say "From here on, everything is as with your own data: one store, whatever was written into it."
  run opapairs init "$out/set.opa"
  run opapairs import "$out/set.opa" "$out/step0_rank0.json"
  run opapairs check "$out/set.opa"
  run opapairs inspect "$out/set.opa" --limit 8 --no-pager
  say "Two edits, word by word."
  edited=$(opapairs ls "$out/set.opa" --only edited --limit 2 --jsonl | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
  run opapairs inspect "$out/set.opa" $edited --no-pager
  say "Language, image and anchor pairs, packed for training; anyone can verify them, to the bit."
  run opapairs pack "$out/set.opa" -o "$out/pack" --tokenizer "$base"
  run_strictly opapairs verify "$out/pack"
}

score_base() {
  say "Are the corrections what the model would say? Each token's log-probability."
  run opatrain score --model "$base" $model "$out/pack" -o "$out/scores/base.jsonl"
}

describe_base() {
  say "The base on $tests test scenes, and how sure it is of each word: what would it be worth to say less?"
  answers base
  asks base
  run opapairs init "$out/test.opa"
  run opapairs import "$out/test.opa" "$out/answers/base.jsonl" --images "$out/test"
  run opapairs pack "$out/test.opa" -o "$out/test-pack" --tokenizer "$base"
  run opatrain score --model "$base" $model "$out/test-pack" -o "$out/scores/test.jsonl"
}

opa_and_dpo() {
  say "OPA: fine-tune on the corrections and the ground truth, so that they become on-policy."
  run opatrain sft --model "$base" $model "$out/pack" -o "$out/runs/opa" $fresh $sft
  run opatrain score --model "$base" $model --adapter "$out/runs/opa" "$out/pack" -o "$out/scores/opa.jsonl"
  answers opa
  asks opa
  say "OPA-DPO: DPO from there, on language, image and anchor pairs."
  run opatrain dpo --model "$base" $model --adapter "$out/runs/opa" "$out/pack" -o "$out/runs/opa-dpo" $dpo --lr 5e-5
  answers opa-dpo
  asks opa-dpo
}

dpo_language() {
  say "For comparison: DPO without OPA, language pairs only."
  run opatrain dpo --model "$base" $model "$out/pack" -o "$out/runs/dpo-language" $fresh \
    $dpo --lr 1e-4 --objective sigmoid
  answers dpo-language
  asks dpo-language
}

dpo_all() {
  say "For comparison: all pairs, but without OPA."
  run opatrain dpo --model "$base" $model "$out/pack" -o "$out/runs/dpo" $fresh $dpo --lr 2e-4
  answers dpo
}

opa_dpo_language() {
  say "For comparison: OPA, then language pairs only."
  run opatrain dpo --model "$base" $model --adapter "$out/runs/opa" "$out/pack" \
    -o "$out/runs/opa-dpo-language" $dpo --lr 5e-5 --objective sigmoid
  answers opa-dpo-language
}

# opa_dpo_corrections [DIR]
opa_dpo_corrections() {
  from=${1:-$out}
  say "For comparison: OPA, then DPO at a lower rate on what the expert changed, without the ground truth, which leaves much unsaid."
  run opapairs pack "$from/set.opa" -o "$from/pack-corrections" --recipe "$here/corrections.json" --tokenizer "$base"
  run opatrain dpo --model "$base" $model --adapter "$from/runs/opa" "$from/pack-corrections" \
    -o "$from/runs/opa-dpo-corrections" $dpo --lr 2e-5
  answers opa-dpo-corrections "$from"
}

opa_dpo_release() {
  say "For comparison: OPA, then the released code's objective, position by position."
  run opatrain dpo --model "$base" $model --adapter "$out/runs/opa" "$out/pack" \
    -o "$out/runs/opa-dpo-release" $dpo --lr 5e-5 --objective release --context sft
  answers opa-dpo-release
}

language_and_corrections() {
  opa_dpo_language
  opa_dpo_corrections
}

without_opa() {
  describe_base
  dpo_language
  [ "$size" = quick ] || dpo_all
}

# volume N: the four main systems from the first N rollouts of $of, one seed's folder.
volume() {
  at=$of/n$1
  mkdir -p "$at/answers" "$at/runs"
  say "$1 samples, seed $seed."
  head -n "$1" "$of/rollouts.jsonl" >"$at/rollouts.jsonl"
  run microworld expert "$at/rollouts.jsonl" -o "$at/step0_rank0.json"
  run opapairs init "$at/set.opa"
  run opapairs import "$at/set.opa" "$at/step0_rank0.json"
  run opapairs pack "$at/set.opa" -o "$at/pack" --tokenizer "$base"
  run opatrain sft --model "$base" $model "$at/pack" -o "$at/runs/opa" $fresh $sft
  answers opa "$at"
  run opatrain dpo --model "$base" $model --adapter "$at/runs/opa" "$at/pack" -o "$at/runs/opa-dpo" $dpo --lr 5e-5
  answers opa-dpo "$at"
  opa_dpo_corrections "$at"
  run opatrain dpo --model "$base" $model "$at/pack" -o "$at/runs/dpo-language" $fresh \
    $dpo --lr 1e-4 --objective sigmoid
  answers dpo-language "$at"
}

smaller_volumes() {
  for samples in 600 1200 2400; do volume $samples; done
}

largest_volume() {
  volume 4800
}

# More data, other seeds.
volumes() {
  run microworld scenes --seed 200 --count 4800 -o "$out/train-4800"
  for seed in 1 2 3; do
    use_seed $seed
    of=$out/volumes/s$seed
    mkdir -p "$of"
    say "Rollouts with seed $seed."
    sample "$out/train-4800/scenes.jsonl" "$of/rollouts.jsonl"
    together largest_volume smaller_volumes
  done
}

begun=$(date +%s)
if [ -e "$out" ] && [ ! -f "$out/made-by-demo" ]; then
  echo "demo: $out is not an earlier run's folder: choose another OPAPAIRS_DEMO_OUT" >&2
  exit 73
fi
rm -rf "$out"
mkdir -p "$out/answers" "$out/premises" "$out/scores" "$out/runs" "$out/log"
: >"$out/made-by-demo"
roll_out
correct
score_base
together opa_and_dpo without_opa
[ "$size" = quick ] || together opa_dpo_release language_and_corrections
[ "$size" != full ] || volumes
say "What came of it."
run microworld report "$out" --tokenizer "$base" -o "$out/report.html"
cat <<TEXT

$(($(date +%s) - begun)) seconds in all. Now the same with your own model: opatrain generate --model
llava-1.5-7b-hf/ ..., an expert's reports, opapairs import and pack, opatrain sft and dpo.
opapairs --help and opatrain --help list the verbs.
TEXT
