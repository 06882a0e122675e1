#!/usr/bin/env bash
# Trains every architecture on a file of sentence pairs, with words and with pieces of words, and prints a table of how they
# translate what is held out, with a beam of 4. A run that is there already is not repeated, and one that was interrupted
# goes on. An hour or two.
# Usage: scripts/translators.sh PAIRS [OUT]   (out/translators unless given; HEED is the program, unless build/heed)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 2 "$@"
[ $# -gt 0 ] || refuse "it needs pairs"
pairs=$1 out=${2:-out/translators} heed=${HEED:-build/heed}
[ -n "${HEED:-}" ] || scripts/build.sh heed_program
mkdir -p "$out"

learn() {  # ARCH TOKENS OPTIONS...
  local name=$1-$2 report=$out/$1-$2.json start=(--pairs "$pairs" --arch "$1" --tokens "$2" --seed 1 --overwrite)
  [ -s "$report" ] && return
  start+=(--label-smoothing 0.1 "${@:3}")
  [ -e "$out/$name/training.safetensors" ] && start=(--resume)
  $heed seq2seq train "${start[@]}" --beam 4 --json --out "$out/$name" > "$report.part"
  mv "$report.part" "$report"
}

learn transformer bpe --layers 3 --steps 10000 --dropout 0.2 --average 10
learn transformer words --layers 3 --dropout 0.15 --average 5
for tokens in bpe words; do
  learn attention $tokens --dropout 0.2
  learn rnn $tokens --dropout 0.2
done

field() { sed -E "s/.*\"$1\":([-0-9.e]+).*/\1/" "$2"; }
echo "                       all references of a source     each pair by itself"
echo "                        exact    BLEU   chrF2          exact    BLEU"
for arch in rnn attention transformer; do
  for tokens in words bpe; do
    report=$out/$arch-$tokens.json
    LC_ALL=C awk -v what="$arch, $tokens" -v e="$(field exact_match "$report")" -v b="$(field bleu "$report")" \
      -v c="$(field chrf "$report")" -v e1="$(field exact_match_of_one "$report")" -v b1="$(field bleu_of_one "$report")" \
      'BEGIN { printf "%-20s %7.1f%% %7.1f %7.1f       %7.1f%% %7.1f\n", what, 100 * e, b, c, 100 * e1, b1 }'
  done
done
