#!/usr/bin/env bash
# How time and memory grow: with the context, with the model, with the threads. Prints Markdown tables.
#
#   bench/growth.sh [BUILD]     (the directory of a build with -DHEED_BENCH=ON; build-bench unless given)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build-bench}
scripts/deps.sh libbenchmark-dev
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_BENCH=ON -DHEED_TESTS=OFF > /dev/null
ninja -C "$build" --quiet bench_step

row() {  # row LABEL OPTIONS...: one line of a table
  local label=$1
  shift
  "$build/bench/bench_step" --model gpt --json "$@" 2> /dev/null | python3 -c '
import json, sys
r = json.load(sys.stdin)
print("| %s | %.3g | %.3g | %.2f | %d |" % (sys.argv[1], r["median_ms"], r["gflop_per_step"], r["efficiency"], r["peak_mib"]), flush=True)' "$label"
}
head() { printf '\n| %s | ms | GFLOP | efficiency | peak MiB |\n|---|---|---|---|---|\n' "$1"; }

head "context (4 layers, 4 heads, 128 channels, batch 1)"
for context in 256 512 1024 2048 4096 8192; do row $context --config long --context $context --steps 8; done
head "model (batch 12, context 64)"
row "2 layers, 64 channels" --config cpu --layers 2 --channels 64 --steps 30
row "4 layers, 128 channels" --config cpu --steps 30
row "6 layers, 256 channels" --config cpu --layers 6 --channels 256 --steps 15
row "8 layers, 512 channels" --config cpu --layers 8 --channels 512 --steps 8
head "threads"
for threads in 1 2; do row "cpu, $threads" --config cpu --threads $threads --steps 60; done
for threads in 1 2; do row "long, $threads" --config long --threads $threads --steps 8; done
for threads in 1 2; do row "baby, $threads" --config baby --threads $threads --steps 3; done
