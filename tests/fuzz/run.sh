#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each, two at a time; stops with an error if one finds a crash, a leak, an input
# that takes over 10 seconds, or one that takes over 1 GiB.
# Usage: tests/fuzz/run.sh [SECONDS=600] [TARGET...]   (targets: safetensors pairs chars words bpe tokenizer bin text
#   config index notes state)
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-600}
shift || true
build=build-fuzz
scripts/deps.sh clang libclang-rt-dev || exit 1
cmake --preset fuzz >/dev/null && cmake --build $build --target fuzz -- --quiet || exit 1
$build/tests/fuzz/seeds $build/seeds || exit 1

one() {  # one TARGET: its last lines are the counts
  local target=$1 corpus=$build/corpus/$1
  mkdir -p "$corpus" $build/found
  $build/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix=$build/found/"$target"- "$corpus" $build/seeds/"$target" >$build/"$target".log 2>&1
  local status=$?
  printf '%-12s %12s executions, %s\n' "$target" "$(awk '/number_of_executed_units/ { print $2 }' $build/"$target".log)" \
    "$([ $status -eq 0 ] && echo 'no crash' || echo "FAILED: see $build/$target.log")"
  return $status
}
export -f one
export build seconds
printf '%s\n' "${@:-safetensors pairs chars words bpe tokenizer bin text config index notes state}" | tr ' ' '\n' | xargs -P 2 -I{} bash -c 'one {}'
