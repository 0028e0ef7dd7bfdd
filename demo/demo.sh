#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./run demo: from rollouts with an expert's corrections to a verified pack. $1 is the opapairs program.
set -eu
opapairs=$1
here=$(dirname "$0")
out=${OPAPAIRS_DEMO_OUT:-build/demo}
rm -rf "$out"
mkdir -p "$out"

step() {
  printf '\n\033[1m%s\033[0m\n' "$1"
  shift
  printf '$ opapairs'
  printf ' %s' "$@"
  printf '\n'
  "$opapairs" "$@"
}
[ -t 1 ] || step() { printf '\n# %s\n' "$1"; shift; printf '$ opapairs'; printf ' %s' "$@"; printf '\n'; "$opapairs" "$@"; }

step 'A store is one file.' init "$out/demo.opa"
step 'Import 48 answers with an expert'"'"'s reports.' import "$out/demo.opa" "$here"/rollouts/*.json
step 'What is broken, and where?' check "$out/demo.opa"
step 'What did the expert change?' stats "$out/demo.opa"
ids=$("$opapairs" ls "$out/demo.opa" --jsonl | sed -n 's/.*"id":"\([^"]*\)".*"edited":true.*/\1/p' | head -n 2)
# shellcheck disable=SC2086
step 'Two edits, word by word.' inspect "$out/demo.opa" $ids
step 'Pack the language, image and anchor pairs for training.' pack "$out/demo.opa" -o "$out/pack" --tokenizer "$here/tokenizer.json"
step 'Anyone can verify it, to the bit.' verify "$out/pack"
cat <<TEXT

The pack is in $out/pack: WebDataset shards, manifest.json, index.tsv and SHA256SUMS.
Next: point the same commands at your own rollouts (opapairs import STORE step*.json), with your model's
tokenizer.json (opapairs pack STORE -o PACK --tokenizer CHECKPOINT). opapairs --help lists the verbs.
TEXT
