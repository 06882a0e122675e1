#!/usr/bin/env bash
# Runs of our training steps and of PyTorch's in turn, A B C A B C, and the table of their medians and ratios.
#
#   bench/compare.sh [--pairs N] [--threads N] [--venv [--jax] | --newest | --libtorch] [ROW...]
#
# PyTorch's steps are gpt_torch.py's and seq2seq_torch.py's, run by Debian's python3-torch; --venv takes the PyTorch of
# scripts/python.sh, of PyPI, plain (eager), through torch.compile, and both under autocast to bf16, beside heed in f32 and,
# where this processor has it, bf16; --jax adds gpt_jax.py, of a virtual environment of its own, in f32 and bf16; --libtorch
# takes gpt_libtorch.cpp's (Debian's libtorch-dev). --newest takes that PyTorch eager
# alone, as rows full, gqa and window do unless --venv is given. Rows: micro cpu baby long gpt2 none additive, which are the
# default, and full gqa window. A row is one line of Markdown, ready for the README; a ratio is heed's best time over the peer's best.
# With --threads 1 the table is of processor time, which others' work on the machine changes least.
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=3 threads=2 build=build-bench peer=debian jax=0 rows=()
while [ $# -gt 0 ]; do
  case $1 in
    --pairs) pairs=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    --venv|--newest|--libtorch) peer=${1#--}; shift ;;
    --jax) jax=1; shift ;;
    full|gqa|window) [ $peer = venv ] || peer=newest; rows+=("$1"); shift ;;
    micro|cpu|baby|long|gpt2|none|additive) rows+=("$1"); shift ;;
    *) echo "compare.sh: unknown argument $1; there are --pairs N, --threads N, --venv, --jax, --newest, --libtorch and the rows micro cpu baby long gpt2 none additive full gqa window" >&2; exit 2 ;;
  esac
done
[ ${#rows[@]} -gt 0 ] || rows=(micro cpu baby long gpt2 none additive)
if [ $jax = 1 ] && [ $peer != venv ]; then echo "compare.sh: --jax goes with --venv" >&2; exit 2; fi
if { [ $peer = libtorch ] || [ $jax = 1 ]; } && [[ " ${rows[*]} " =~ \ (none|additive|full|gqa|window)\  ]]; then
  echo "compare.sh: --libtorch and --jax have the rows micro cpu baby long gpt2, not ${BASH_REMATCH[1]}" >&2; exit 2
fi

scripts/deps.sh python3 libbenchmark-dev
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_BENCH=ON -DHEED_TESTS=OFF > /dev/null
ninja -C $build bench_step > "$build/compare.log" || { cat "$build/compare.log" >&2; echo "compare.sh: bench_step does not build" >&2; exit 1; }
case $peer in
  debian) scripts/deps.sh python3-torch; python=/usr/bin/python3 forms=("") ;;
  newest) python=$(scripts/python.sh) forms=("") ;;
  venv) python=$(scripts/python.sh) forms=("" --compile --bf16 "--compile --bf16") ;;
  libtorch)
    scripts/deps.sh libtorch-dev
    g++ -O2 -std=c++17 -I/usr/include/torch/csrc/api/include bench/gpt_libtorch.cpp -o $build/gpt_libtorch -ltorch -ltorch_cpu -lc10
    forms=("") ;;
esac
if [ $jax = 1 ]; then
  environment=${XDG_CACHE_HOME:-$HOME/.cache}/heed/jax forms+=(jax "jax --bf16")
  "$environment/bin/python" -c 'import jax' 2> /dev/null ||
    { python3 -m venv "$environment" && "$environment/bin/pip" install --quiet --disable-pip-version-check jax==0.10.0; } >&2
fi
precisions=(f32)
if [ $peer = venv ] && grep -qw avx512_bf16 /proc/cpuinfo; then precisions+=(bf16); fi

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
  run "heed's step $1" $build/bench/bench_step --model $model --config "$1" --precision "$2" --threads "$threads" \
    --steps "$(steps_of "$1")" --json
}
theirs() {
  local row=$1 form; shift
  read -ra form <<< "$1"
  if [ "${form[0]:-}" = jax ]; then
    run "JAX's step $row" taskset -c "0-$((threads - 1))" "$environment/bin/python" bench/gpt_jax.py --config "$row" \
      --steps "$(steps_of "$row")" "${form[@]:1}"
    return
  fi
  local options=(--threads "$threads" --steps "$(steps_of "$row")" "${form[@]}")
  case $peer/$row in
    libtorch/*) run "libtorch's step $row" $build/gpt_libtorch "$row" "$(steps_of "$row")" "$threads" ;;
    */none|*/additive) run "PyTorch's step $row" "$python" bench/seq2seq_torch.py --attention "$row" "${options[@]}" ;;
    *) run "PyTorch's step $row" "$python" bench/gpt_torch.py --config "$row" "${options[@]}" ;;
  esac
}

processor=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
family=$(sed -n 's/^cpu family[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
model=$(sed -n 's/^model[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
echo "Processor: $processor, family $family, model $model; threads: $threads"
echo
for row in "${rows[@]}"; do
  : > "$scratch/results"
  for _ in $(seq "$pairs"); do
    for precision in "${precisions[@]}"; do ours "$row" "$precision" >> "$scratch/results"; done
    for form in "${forms[@]}"; do theirs "$row" "$form" >> "$scratch/results"; done
  done
  python3 - "$row" "$scratch/results" "${#precisions[@]}" "${#forms[@]}" "$([ "$row" = "${rows[0]}" ] && echo first)" \
    "$([ "$threads" = 1 ] && echo cpu_ms || echo median_ms)" <<'PY'
import json, statistics, sys
row, path, ours, theirs, first, time = sys.argv[1:]
ours, theirs = int(ours), int(theirs)
lines = [json.loads(line) for line in open(path)]
columns = [lines[i::ours + theirs] for i in range(ours + theirs)]  # of each program, by rounds
median = statistics.median
taken = lambda line: line.get(time, line["median_ms"])
best = lambda programs: [min(taken(program[i]) for program in programs) for i in range(len(columns[0]))]
ratio = median(a / b for a, b in zip(best(columns[:ours]), best(columns[ours:])))
def name(line):
    if "efficiency" in line:
        return "heed " + line["precision"]
    parts = [part for part in ("compile", "bf16") if line.get(part)]
    return line["peer"].split("+")[0] + (" " + " ".join(parts) if parts else "")
if first:
    unit = " ms" if time == "median_ms" else " ms of processor time"
    print("| step |" + "".join(f" {name(c[0])}{unit} |" for c in columns) + " ratio | efficiency | heed MiB | peer MiB |")
    print("|---|" + "---|" * (len(columns) + 4))
peak = lambda programs: "%d" % max(line["peak_mib"] for program in programs for line in program)
print(f"| {row} |" + "".join(" %.3g |" % median(taken(line) for line in c) for c in columns) + " %.2f | %s | %s | %s |" % (
    ratio, " / ".join("%.2f" % median(line["efficiency"] for line in c) for c in columns[:ours]),
    peak(columns[:ours]), peak(columns[ours:])), flush=True)
PY
done
