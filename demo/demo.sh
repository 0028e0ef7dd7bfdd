#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD SIZE SEED: what ./run demo does once all is built: OPA-DPO from beginning to end on the micro world, through
# the public commands. SIZE is quick, default, full, or tiny: all steps of full, on so few samples that the numbers say
# nothing; for tests. Everything lands in BUILD/demo-run (or $OPAPAIRS_DEMO_OUT).
# shellcheck disable=SC2086 # model, fresh, sft and dpo are several words
set -eu
here=$(dirname "$0")
build=$1 size=$2 seed=$3
out=${OPAPAIRS_DEMO_OUT:-$build/demo-run}
volumes='' seeds='' # of full: numbers of samples, the most first
case $size in
  tiny) samples=48 tests=24 volumes='48 24' seeds='1 2' ;;
  quick) samples=800 tests=400 ;;
  default) samples=2400 tests=800 ;;
  full) samples=2400 tests=800 volumes='4800 2400 1200 600' seeds='1 2 3' ;;
  *) echo "demo.sh: '$size' is no size" >&2; exit 2 ;;
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
fresh="--rank 16 --alpha 32 --targets ${OPAPAIRS_DEMO_TARGETS:-llm+projector}"
dpo="--epochs 2 --batch 32 --warmup 5 --clip 1 --masks fixed"

# prompted NAME DIR PROMPTS TOKENS FILE: what the model DIR/runs/NAME says to PROMPTS, the likeliest words. base has no adapter.
prompted() {
  prompts=$3 tokens=$4 file=$5
  if [ "$1" = base ]; then set --; else set -- --adapter "$2/runs/$1"; fi
  run opatrain generate --model "$base" $model "$@" --prompts "$prompts" --max-new-tokens "$tokens" --batch 64 -o "$file"
}

# answers NAME DIR: what it says about the test scenes.
answers() {
  prompted "$1" "$2" "$out/test/scenes.jsonl" 80 "$2/answers/$1.jsonl"
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

# trained NAME DIR PACK STEP OPTION...: DIR/runs/NAME from what DIR/PACK holds, and what it says.
trained() {
  name=$1 dir=$2 pack=$3 step=$4
  shift 4
  run opatrain "$step" --model "$base" $model "$@" "$dir/$pack" -o "$dir/runs/$name"
  answers "$name" "$dir"
}

# ---- the models, each in its DIR ----

opa() {
  trained opa "$1" pack sft $fresh $sft
}

opa_dpo() {
  trained opa-dpo "$1" pack dpo --adapter "$1/runs/opa" $dpo --lr 5e-5
}

opa_dpo_language() {
  trained opa-dpo-language "$1" pack dpo --adapter "$1/runs/opa" $dpo --lr 5e-5 --objective sigmoid
}

opa_dpo_release() {
  trained opa-dpo-release "$1" pack dpo --adapter "$1/runs/opa" $dpo --lr 5e-5 --objective release --context sft
}

opa_dpo_corrections() {
  run opapairs pack "$1/set.opa" -o "$1/pack-corrections" --recipe "$here/corrections.json" --tokenizer "$base"
  trained opa-dpo-corrections "$1" pack-corrections dpo --adapter "$1/runs/opa" $dpo --lr 2e-5
}

dpo_language() {
  trained dpo-language "$1" pack dpo $fresh $dpo --lr 1e-4 --objective sigmoid
}

dpo_all() {
  trained dpo "$1" pack dpo $fresh $dpo --lr 2e-4
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
  answers base "$out"
  asks base
  run opapairs init "$out/test.opa"
  run opapairs import "$out/test.opa" "$out/answers/base.jsonl" --images "$out/test"
  run opapairs pack "$out/test.opa" -o "$out/test-pack" --tokenizer "$base"
  run opatrain score --model "$base" $model "$out/test-pack" -o "$out/scores/test.jsonl"
}

the_method() {
  say "OPA: fine-tune on the corrections and the ground truth, so that they become on-policy."
  opa "$out"
  run opatrain score --model "$base" $model --adapter "$out/runs/opa" "$out/pack" -o "$out/scores/opa.jsonl"
  asks opa
  say "OPA-DPO: DPO from there, on language, image and anchor pairs."
  opa_dpo "$out"
  asks opa-dpo
}

without_opa() {
  describe_base
  say "For comparison: DPO without OPA, language pairs only."
  dpo_language "$out"
  asks dpo-language
  [ "$size" != quick ] || return 0
  say "For comparison: all pairs, but without OPA."
  dpo_all "$out"
}

released_loss() {
  say "For comparison: OPA, then the released code's objective, position by position."
  opa_dpo_release "$out"
}

fewer_pairs() {
  say "For comparison: OPA, then language pairs only."
  opa_dpo_language "$out"
  say "For comparison: OPA, then DPO at a lower rate on what the expert changed, without the ground truth, which leaves much unsaid."
  opa_dpo_corrections "$out"
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
  opa "$at"
  opa_dpo "$at"
  opa_dpo_corrections "$at"
  dpo_language "$at"
}

largest_volume() {
  volume "${volumes%% *}"
}

smaller_volumes() {
  for samples in ${volumes#* }; do volume "$samples"; done
}

# More data, other seeds.
all_volumes() {
  most=${volumes%% *}
  run microworld scenes --seed 200 --count "$most" -o "$out/train-$most"
  for seed in $seeds; do
    use_seed "$seed"
    of=$out/volumes/s$seed
    mkdir -p "$of"
    say "Rollouts with seed $seed."
    sample "$out/train-$most/scenes.jsonl" "$of/rollouts.jsonl"
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
together the_method without_opa
[ "$size" = quick ] || together released_loss fewer_pairs
[ -z "$volumes" ] || all_volumes
say "What came of it."
run microworld report "$out" --tokenizer "$base" -o "$out/report.html"
cat <<TEXT

$(($(date +%s) - begun)) seconds in all. Now the same with your own model: opatrain generate --model
llava-1.5-7b-hf/ ..., an expert's reports, opapairs import and pack, opatrain sft and dpo.
opapairs --help and opatrain --help list the verbs.
TEXT
