#!/usr/bin/env bash
# What a step takes beside a busy neighbour: a process that spins on one of two cores. Quiet and busy runs in turn; the ratio of
# their medians.
#
#   bench/neighbour.sh [--pairs N] [ROW...]     rows: micro cpu long gpt2 baby none additive
set -euo pipefail
cd "$(dirname "$0")/.."
pairs=3 build=build-bench rows=()
while [ $# -gt 0 ]; do
  case $1 in
    --pairs) pairs=$2; shift 2 ;;
    micro|cpu|baby|long|gpt2|none|additive) rows+=("$1"); shift ;;
    *) echo "neighbour.sh: unknown argument $1; there are --pairs N and the rows micro cpu long gpt2 baby none additive" >&2; exit 2 ;;
  esac
done
[ ${#rows[@]} -gt 0 ] || rows=(micro cpu long gpt2 baby none additive)
scripts/deps.sh libbenchmark-dev
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_BENCH=ON -DHEED_TESTS=OFF > /dev/null
ninja -C $build --quiet bench_step

steps_of() { case $1 in micro) echo 1000 ;; cpu) echo 100 ;; baby|gpt2|long) echo 3 ;; *) echo 20 ;; esac; }
median_ms() {
  case $1 in none|additive) model=seq2seq ;; *) model=gpt ;; esac
  $build/bench/bench_step --model $model --config "$1" --threads 2 --steps "$(steps_of "$1")" --json 2> /dev/null |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["median_ms"])'
}
neighbour=0
trap '[ $neighbour = 0 ] || kill $neighbour' EXIT

echo "| step | quiet ms | beside a spinning process ms | ratio |"
echo "|---|---|---|---|"
for row in "${rows[@]}"; do
  quiet=() busy=()
  for _ in $(seq "$pairs"); do
    quiet+=("$(median_ms "$row")")
    taskset -c 0 bash -c 'while :; do :; done' & neighbour=$!
    busy+=("$(median_ms "$row")")
    kill $neighbour; wait $neighbour 2> /dev/null || true; neighbour=0
  done
  python3 - "$row" "${quiet[*]}" "${busy[*]}" <<'PY'
import statistics, sys
quiet, busy = (statistics.median(map(float, numbers.split())) for numbers in sys.argv[2:])
print("| %s | %.3g | %.3g | %.2f |" % (sys.argv[1], quiet, busy, busy / quiet), flush=True)
PY
done
