#!/usr/bin/env bash
# Paired runs of our training steps and PyTorch's, A B A B, and the table of their ratios (medians over the pairs).
#
#   bench/compare.sh [--pairs N] [--libtorch|--newest] [ROW...]
#
# PyTorch's steps are gpt_torch.py's and seq2seq_torch.py's; --libtorch takes gpt_libtorch.cpp's (Debian's libtorch-dev), --newest
# the PyTorch of scripts/python.sh in place of Debian's, as the rows full, gqa and window always do.
# Rows: micro cpu baby long gpt2 none additive, which are the default, and full gqa window.
# A row is one line of Markdown, ready for the README. Needs python3-torch, and a build with -DHEED_BENCH=ON.
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=3 build=build-bench libtorch=0 newest=0 rows=()
while [ $# -gt 0 ]; do
  case $1 in
    --pairs) pairs=$2; shift 2 ;;
    --libtorch) libtorch=1; shift ;;
    --newest) newest=1; shift ;;
    full|gqa|window) newest=1 rows+=("$1"); shift ;;
    micro|cpu|baby|long|gpt2|none|additive) rows+=("$1"); shift ;;
    *) echo "compare.sh: unknown argument $1; there are --pairs N, --libtorch, --newest and the rows micro cpu baby long gpt2 none additive full gqa window" >&2; exit 2 ;;
  esac
done
[ ${#rows[@]} -gt 0 ] || rows=(micro cpu baby long gpt2 none additive)
if [ $libtorch = 1 ] && [[ " ${rows[*]} " =~ \ (none|additive|full|gqa|window)\  ]]; then
  echo "compare.sh: --libtorch has the rows micro cpu baby long gpt2, not ${BASH_REMATCH[1]}" >&2; exit 2
fi

scripts/deps.sh python3 python3-torch libbenchmark-dev
python=/usr/bin/python3
[ $newest = 0 ] || python=$(scripts/python.sh)
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_BENCH=ON -DHEED_TESTS=OFF > /dev/null
ninja -C $build bench_step > "$build/compare.log" || { cat "$build/compare.log" >&2; echo "compare.sh: bench_step does not build" >&2; exit 1; }
if [ $libtorch = 1 ]; then
  scripts/deps.sh libtorch-dev
  g++ -O2 -std=c++17 -I/usr/include/torch/csrc/api/include bench/gpt_libtorch.cpp -o $build/gpt_libtorch -ltorch -ltorch_cpu -lc10
fi
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE  # an old setting would slow our products

# run WHAT COMMAND...: its last line, the JSON; if it fails, its status and all that it said.
run() {
  local what=$1 status=0; shift
  "$@" > "$scratch/out" 2> "$scratch/err" || status=$?
  if [ $status -ne 0 ]; then
    cat "$scratch/err" >&2
    echo "compare.sh: $what ended with status $status: $*" >&2
    exit 1
  fi
  tail -n 1 "$scratch/out"
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

steps_of() { case $1 in micro) echo 300 ;; cpu) echo 60 ;; baby|gpt2|long|full|gqa|window) echo 4 ;; *) echo 20 ;; esac; }
ours() {
  case $1 in none|additive) model=seq2seq ;; *) model=gpt ;; esac
  run "heed's step $1" $build/bench/bench_step --model $model --config "$1" --threads 2 --steps "$(steps_of "$1")" --json
}
theirs() {
  [ $libtorch = 0 ] || { run "libtorch's step $1" $build/gpt_libtorch "$1" "$(steps_of "$1")" 2; return; }
  case $1 in
    none|additive) run "PyTorch's step $1" "$python" bench/seq2seq_torch.py --attention "$1" --threads 2 --steps "$(steps_of "$1")" ;;
    *) run "PyTorch's step $1" "$python" bench/gpt_torch.py --config "$1" --threads 2 --steps "$(steps_of "$1")" ;;
  esac
}

echo "| step | PyTorch ms | heed ms | ratio | efficiency | PyTorch MiB | heed MiB |"
echo "|---|---|---|---|---|---|---|"
for row in "${rows[@]}"; do
  results=$scratch/results
  : > "$results"
  for _ in $(seq "$pairs"); do
    ours "$row" >> "$results"
    theirs "$row" >> "$results"
  done
  python3 - "$row" "$results" <<'PY'
import json, statistics, sys
lines = [json.loads(line) for line in open(sys.argv[2])]
ours, theirs = lines[0::2], lines[1::2]
median = lambda values: statistics.median(values)
ratio = median(a["median_ms"] / b["median_ms"] for a, b in zip(ours, theirs))
print("| %s | %.3g | %.3g | %.2f | %.2f | %d | %d |" % (
    sys.argv[1], median(b["median_ms"] for b in theirs), median(a["median_ms"] for a in ours), ratio,
    median(a["efficiency"] for a in ours), max(b["peak_mib"] for b in theirs), max(a["peak_mib"] for a in ours)), flush=True)
PY
done
