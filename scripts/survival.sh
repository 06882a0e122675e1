#!/usr/bin/env bash
# Proves that runs survive: a GPT's and a translator's are killed KILLS times each at random moments and resumed, end
# by signals, meet a full disk, a limit of file sizes, a removed directory and a second run, and end with the same
# metrics.jsonl and weights, byte for byte, as runs that nothing happened to. Prints a table; the last line is
# "N passed, N failed, N skipped".
# Usage: scripts/survival.sh [KILLS] [PROGRAM] [SEED]   (20, build/heed, any)
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 3 "$@"
kills=${1:-20}
[ $# -ge 2 ] || scripts/build.sh heed_program || exit 1
heed=$(realpath "${2:-build/heed}")
RANDOM=${3:-$$}
echo "seed ${3:-$$}"
place=$(mktemp -d)
trap 'umount "$place/small" 2>/dev/null; rm -rf "$place"' EXIT
cd "$place"
passed=0 failed=0 skipped=0

for i in $(seq 200); do
  echo "in the year $((i * 7 % 1000)) the cat sat on the mat , and the dog saw $((i * 31 % 100)) birds ."
done >text
for i in $(seq 100); do printf 'cat number %d\tchat numéro %d\n' "$i" "$i"; done >pairs
gpt="gpt train --text text --preset micro --steps $((120 * kills + 100)) --dropout 0.1 --evaluate-every 100 --ema 0.99"
seq2seq="seq2seq train --pairs pairs --arch rnn --steps $((8 * kills + 12)) --evaluate-every 6 --accumulate 2"
both="--threads 1 --save-every"

say() { # CLAIM STATUS NOTE: one line of the table
  if [ "$2" = 0 ]; then verdict=yes passed=$((passed + 1)); else verdict=NO failed=$((failed + 1)); fi
  printf '| %-52s | %-3s | %s |\n' "$1" "$verdict" "$3"
}
same() { # A B: the same numbers and weights, and nothing half-written
  local file
  for file in metrics.jsonl model.safetensors best/model.safetensors config.json; do
    cmp "$1/$file" "$2/$file" || return 1
  done
  [ -z "$(find "$2" -name '*.tmp' -o -name run.lock -o -name training.safetensors)" ]
}
seconds() { date +%s.%N; }
between() { awk -v a="$1" -v b="$2" -v r=$RANDOM 'BEGIN { printf "%.4f", a + (b - a) * r / 32768 }'; }
wait_for() { # FILE PROCESS: until the file is there
  while [ ! -s "$1" ] && kill -0 "$2" 2>/dev/null; do sleep 0.005; done
}

printf '| %-52s | %-3s | %s |\n|---|---|---|\n' "what happens" ok "seen"
for kind in gpt seq2seq; do
  began=$(seconds)
  every=10
  [ $kind = gpt ] || every=2 # its steps take longer
  $heed ${!kind} $both $every --out whole-$kind 2>log || { cat log; exit 1; }
  length=$(awk -v a="$began" -v b="$(seconds)" 'BEGIN { print b - a }')

  began=$(seconds)
  $heed $(sed 's/--steps [0-9]*/--steps 0/' <<<"${!kind}") --out none-$kind 2>log || { cat log; exit 1; }
  start=$(awk -v a="$began" -v b="$(seconds)" 'BEGIN { print b - a }')

  # A life lasts up to twice its share of the whole, and the time to start.
  killed=0 resumed=0 anew=0 halves=0 code=137
  while :; do
    if [ -e cut-$kind/training.safetensors ]; then
      go="$kind train --resume --out cut-$kind --threads 1 --save-every $every" resumed=$((resumed + 1))
    else
      go="${!kind} $both $every --overwrite --out cut-$kind" anew=$((anew + 1))
    fi
    $heed $go 2>>log-$kind &
    process=$!
    if [ $killed -lt "$kills" ]; then
      sleep "$(between 0 "$(awk -v s="$start" -v l="$length" -v k="$kills" 'BEGIN { print s + 2 * l / k }')")"
      kill -KILL $process 2>/dev/null
    fi
    wait $process 2>/dev/null
    code=$?
    [ $code = 137 ] && killed=$((killed + 1))
    [ "$(find cut-$kind -name '*.tmp' 2>/dev/null)" ] && halves=$((halves + 1))
    [ $killed -ge "$kills" ] && [ $code = 0 ] && break
    [ $code = 0 ] || [ $code = 137 ] || break
    [ $code = 0 ] && rm -r cut-$kind # it ended before it was killed often enough
  done
  [ $code = 0 ] && same whole-$kind cut-$kind
  say "$kind: $killed SIGKILLs" $? "$resumed resumed, $anew begun anew, $halves left a file half-written"
  [ $code = 0 ] || tail -1 log-$kind

  for signal in INT TERM HUP; do
    # A shell's background jobs ignore Ctrl-C, unless each is a group of its own.
    (set -m; $heed ${!kind} $both $every --out $signal-$kind 2>log & process=$!
     wait_for $signal-$kind/metrics.jsonl $process
     kill -$signal $process; wait $process; echo $? >code)
    grep -q "Interrupted after step" log && [ "$(cat code)" = 130 ] &&
      $heed $kind train --resume --threads 1 --out $signal-$kind 2>/dev/null && same whole-$kind $signal-$kind
    say "$kind: SIG$signal, resumed" $? "$(grep -o 'Interrupted.*saved' log)"
  done
done

refused() { # DIRECTORY: what the run said, and whether the model there can still be used
  [ "$(cat code)" = 1 ] && [ "$(grep -c '^heed: ' log)" = 1 ] && $heed gpt sample --model "$1" --tokens 5 >/dev/null
}
told() { grep '^heed: ' log | tail -1 | cut -c1-150; }

mkdir -p small
if mount -t tmpfs -o size=2m heed-small small 2>/dev/null; then
  $heed $gpt $both 1 --out small/run 2>log & process=$!
  wait_for small/run/training.safetensors $process
  cat /dev/zero >small/filler 2>/dev/null
  wait $process; echo $? >code
  refused small/run
  say "a disk that fills up (tmpfs): the last save loads" $? "$(told)"
  rm small/filler
  $heed gpt train --resume --threads 1 --out small/run 2>/dev/null && same whole-gpt small/run
  say "... with room again, resumed" $? ""
else
  echo "| a disk that fills up | skipped | only root can mount a small one |"
  skipped=$((skipped + 1))
fi

(ulimit -f 64; $heed $gpt $both 1 --out limited 2>log; echo $? >code)
[ "$(cat code)" = 1 ] && grep -q '^heed: .*cannot write' log && [ -z "$(find limited -name '*.tmp')" ]
say "a quota (ulimit -f) too small for a save" $? "$(told)"
cp -r whole-gpt limited-again
(ulimit -f 64; $heed $gpt $both 1 --overwrite --out limited-again 2>log; echo $? >code)
refused limited-again && cmp whole-gpt/model.safetensors limited-again/model.safetensors
say "... over an older model, which stays" $? ""

$heed $gpt $both 1 --out removed 2>log & process=$!
wait_for removed/training.safetensors $process
mv removed elsewhere; rm -rf removed
wait $process; echo $? >code
refused elsewhere
say "a directory taken away" $? "$(told)"
$heed $gpt $both 1000 --out removed 2>log & process=$!
wait_for removed/metrics.jsonl $process
kill -STOP $process
mv removed moved
$heed $gpt $both 10 --out removed 2>/dev/null
kill -CONT $process
wait $process; echo $? >code
same whole-gpt removed && [ "$(cat code)" = 1 ] && grep -q "'removed' was moved to '.*/moved' while" log
say "... and another run in its place, which stays" $? "$(told)"
rm -rf removed
mv elsewhere removed
$heed gpt train --resume --threads 1 --out removed 2>/dev/null && same whole-gpt removed
say "... put back, resumed" $? ""

$heed $gpt $both 10 --out shared 2>/dev/null & process=$!
wait_for shared/metrics.jsonl $process
kill -STOP $process
$heed $gpt $both 10 --overwrite --out shared 2>log; echo $? >code
kill -CONT $process
[ "$(cat code)" = 1 ] && grep -q "process $process trains into 'shared'" log && wait $process && same whole-gpt shared
say "two runs into one directory" $? "$(told)"

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
