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
step 'A line a sample.' inspect "$out/demo.opa" --limit 8 --no-pager
ids=$("$opapairs" ls "$out/demo.opa" --jsonl | sed -n 's/.*"id":"\([^"]*\)".*"edited":true.*/\1/p' | head -n 2)
# shellcheck disable=SC2086
step 'Two edits, word by word.' inspect "$out/demo.opa" $ids --no-pager
step 'Pack the language, image and anchor pairs for training.' pack "$out/demo.opa" -o "$out/v1" --tokenizer "$here/tokenizer.json"
step 'Anyone can verify it, to the bit.' verify "$out/v1"
id=scene-001-3fb8ea97b1c3
printf 'A street scene. You can see a green lamp on the left. There is also a yellow bus on the right.\n' > "$out/better.txt"
step 'Somebody mends a correction.' edit "$out/demo.opa" $id --revised-file "$out/better.txt" --by anna --why 'the lamp is green'
# diff says by its exit code that they differ.
step 'What differs from the pack?' diff "$out/v1" "$out/demo.opa" || [ $? -eq 1 ]
step 'It was blue after all.' undo "$out/demo.opa" $id --by anna
step 'So the pack is the same again, byte for byte.' pack "$out/demo.opa" -o "$out/v2" --tokenizer "$here/tokenizer.json"
cmp "$out/v1/SHA256SUMS" "$out/v2/SHA256SUMS"
cat <<TEXT

The pack is in $out/v1: WebDataset shards, manifest.json, index.tsv and SHA256SUMS.
Next: point the same commands at your own rollouts (opapairs import STORE step*.json), with your model's
tokenizer.json (opapairs pack STORE -o PACK --tokenizer CHECKPOINT). opapairs --help lists the verbs.
TEXT
