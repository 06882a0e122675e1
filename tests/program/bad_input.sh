#!/usr/bin/env bash
# Runs the program $1 on wrong input of every kind: each must end with the right exit code (2 for usage, else 1), say what
# is wrong in one sentence on stderr, print nothing on stdout, and leave nothing half-written.
set -uo pipefail
heed=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# refused CODE PATTERN ARGUMENTS...
refused() {
  local code=$1 pattern=$2 out err status
  shift 2
  out=$("$heed" "$@" 2> err.txt < /dev/null)
  status=$?
  err=$(grep '^heed: ' err.txt | head -n 1)
  if [ $status = "$code" ] && [ -z "$out" ] && [[ $err =~ $pattern ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'heed %s\n  expected exit code %s and "%s", got %s and: %s\n' "$*" "$code" "$pattern" "$status" "$(cat err.txt)"
  fi
}

printf 'hello world, this is a text' > short.txt
: > empty.txt
for _ in $(seq 200); do printf 'abc\xff\xfedef'; done > bad_utf8.txt
for _ in $(seq 200); do printf 'the quick brown fox jumps over the lazy dog. '; done > text.txt
printf 'a cat\tun chat\nno tab here\n' > no_tab.tsv
micro=(gpt train --text text.txt --preset micro --steps 3)
"$heed" "${micro[@]}" --out model 2> /dev/null || { echo "cannot train a small model"; echo "0 passed, 1 failed"; exit 1; }

refused 2 "subcommand is required"
refused 2 "not expected: .*--bogus" gpt train --bogus 3
refused 2 "--layers: need a whole number from 1" "${micro[@]}" --layers -1
refused 2 "--steps: need a whole number" gpt train --steps x
refused 2 "--preset: need one of micro, cpu, baby" gpt train --preset huge
refused 2 "--heads 3 does not divide --channels 32" "${micro[@]}" --heads 3
refused 2 "--dropout: need" "${micro[@]}" --dropout 1.5
refused 2 "--arch: need one of rnn, attention, transformer" seq2seq train --arch tree
refused 2 "--model" gpt sample
refused 2 "--top-p: need a number above 0" gpt sample --model model --top-p 2
refused 2 "unknown characters \"é☃\"" gpt sample --model model --prompt "é☃"

refused 1 "cannot read \"absent.txt\"" gpt train --text absent.txt
refused 1 "\"empty.txt\" is empty" gpt train --text empty.txt
refused 1 "is a directory" gpt train --text .
refused 1 "is too short" gpt train --text short.txt
refused 1 "not UTF-8: byte 3 " gpt train --text bad_utf8.txt
refused 1 "no_tab.tsv:2: no tab" seq2seq train --pairs no_tab.tsv
refused 1 "cannot read \"absent.tsv\"" seq2seq train --pairs absent.tsv
refused 1 "'absent' is not a directory" gpt sample --model absent
refused 1 "\"model\" of 'model/config.json'" seq2seq translate --model model hello
refused 1 "cannot make the directory 'text.txt'" "${micro[@]}" --out text.txt
refused 1 "the (loss|gradient norm) of step [0-9]+ is .*first made by" gpt train --text text.txt --preset micro --steps 30 --lr 1e30 --out nan

cp -r model truncated && head -c 1000 model/model.safetensors > truncated/model.safetensors
refused 1 "truncated/model.safetensors' is not a valid safetensors file" gpt sample --model truncated
cp -r model other && sed -i 's/"channels": *32/"channels": 64/' other/config.json
refused 1 "different 'wte.weight' \(29, 32\), not \(29, 64\)|different 'wte.weight' \([0-9]+, 32\), not \([0-9]+, 64\)" gpt sample --model other
cp -r model broken && echo '{bad' > broken/config.json
refused 1 "'broken/config.json' is not a JSON object" gpt sample --model broken

# A full disk: everything that is written there fails, and no file is left under its final name.
if [ -w /dev/full ] && mkdir full && mount -t tmpfs -o size=64k tmpfs full 2> /dev/null; then
  refused 1 "cannot write 'full/m/model.safetensors': No space left" "${micro[@]}" --out full/m
  left=$(find full -name 'model.safetensors*' | wc -l)
  umount full
  [ "$left" = 0 ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "a full disk left $left half-written files"; }
else
  echo "skipped: a full disk, which needs the right to mount one"
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
