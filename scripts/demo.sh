#!/usr/bin/env bash
# Trains a GPT and an attention translator before your eyes, in about five minutes on two cores after the build.
# Usage: scripts/demo.sh [DIR]   (where the models go; out/demo unless given)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 1 "$@"
out=${1:-out/demo}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "Building"
scripts/build.sh heed_program
heed=build/heed

say "1. A GPT learns English, a character at a time"
$heed gpt train --overwrite --preset cpu --steps 1500 --seed 1 --out "$out/gpt"
say "What it writes"
$heed gpt sample --model "$out/gpt" --prompt "And " --tokens 400 --temperature 0.8 --seed 1
echo

say "2. A translator with attention learns French (Bahdanau et al. 2014)"
$heed seq2seq train --overwrite --arch attention --seed 1 --sample-every 300 --out "$out/translator"
say "Ten sentences that it has never seen"
mapfile -t pairs < <(awk -F '\t' 'NR % 37 == 1' "$out/translator/held_out.tsv" | head -n 10)
sources=() references=()
for pair in "${pairs[@]}"; do
  sources+=("${pair%%$'\t'*}")
  references+=("${pair#*$'\t'}")
done
mapfile -t translations < <($heed seq2seq translate --model "$out/translator" --beam 4 "${sources[@]}")
for i in "${!sources[@]}"; do
  [ "${translations[$i]}" = "${references[$i]}" ] && mark=right || mark="expected: ${references[$i]}"
  printf '  %s\n    %s   (%s)\n' "${sources[$i]}" "${translations[$i]}" "$mark"
done
say "Where it looked: each row a French word, each column an English one"
$heed seq2seq translate --model "$out/translator" --align "the small cat that was sitting on the mat did not see the dog"

say "Pages in which both run: open them in a browser"
$heed page --model "$out/gpt" --out "$out/gpt.html"
$heed page --model "$out/translator" --out "$out/translator.html"

say "The models, their configurations and their loss curves"
ls -1 "$out"/gpt/* "$out"/translator/*
