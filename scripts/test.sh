#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Ends with what was skipped and why, a line each, and with
# "N passed, N failed, N skipped". After sanitize scripts/coverage.py knows which lines ran.
# Usage: scripts/test.sh [PRESET]   (of CMakePresets.json; release unless given)
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 1 "$@"
preset=${1:-release}
compiler=() jobs=1  # tests measure time, but for instrumented ones
case $preset in
  sanitize) compiler=(clang llvm libclang-rt-dev) jobs=$(nproc) ;;
  clang) compiler=(clang) ;;
esac
scripts/deps.sh --tests "${compiler[@]}" || exit 1

scripts/build.sh --preset "$preset" || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

rm -rf "build-$preset/coverage"  # of programs that this run may not have
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ctest --preset "$preset" --verbose --parallel "$jobs" 2>&1 </dev/null | tee "$log" | grep --line-buffered -vE '^ *$|^[0-9]+: *$|Test command:|Working Directory:|Test timeout'
status=${PIPESTATUS[0]}

# Every program ends with "4 passed, 1 failed, 0 skipped", or without the last. One that crashed has at least one failure.
awk -v status="$status" '
  { sub(/^[0-9]+: /, "") }
  /^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { passed += $1; failed += $3; skipped += $5 }
  /^skipped: / { skips[++lines] = $0 }
  END {
    for (i = 1; i <= lines; i++) print skips[i]
    if (status != 0 && failed == 0) failed = 1
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  }' "$log"
exit "$status"
