#!/usr/bin/env bash
# Installs the build in $1 to a temporary prefix, builds the programs beside this script against it, and runs them: gpt
# first, which leaves the text and the model that others read.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$1" --prefix "$work/prefix" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_COMPILER=$2" "-DCMAKE_CXX_FLAGS=$3" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/build" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cd "$work"
scripts=(gpt sgd_by_hand fine_tune causal_lm snapshots draw_attention processes gradients)
for script in "${scripts[@]}"; do
  echo "$script: $("build/$script")"
done
echo "${#scripts[@]} passed, 0 failed, 0 skipped"
