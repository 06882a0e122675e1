#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The last line is "N passed, N failed".
# Usage: scripts/test.sh [PRESET]   (of CMakePresets.json; release unless given)
set -uo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
scripts/deps.sh --tests || exit 1

configure=(--preset "$preset")
command -v ccache >/dev/null && configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake "${configure[@]}" >/dev/null && cmake --build --preset "$preset" -- --quiet || { echo "0 passed, 1 failed"; exit 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
ctest --preset "$preset" --verbose 2>&1 </dev/null | tee "$log" | grep --line-buffered -vE '^ *$|^[0-9]+: *$|Test command:|Working Directory:|Test timeout'
status=${PIPESTATUS[0]}

# Catch2 ends with "All tests passed (9 assertions in 4 test cases)", or with "test cases: 4 | 3 passed | 1 failed";
# "4 passed, 1 failed" is what other programs print. A program that crashed has at least one failure.
awk -v status="$status" '
  { sub(/^[0-9]+: /, "") }
  /^All tests passed \(/ { for (i = 1; i <= NF; ++i) if ($i == "test" && $(i + 1) ~ /^case/) passed += $(i - 1) }
  /^test cases:/ { n = split($0, part, "|"); for (i = 2; i <= n; ++i) { split(part[i], word, " "); count[word[2]] += word[1] } }
  /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
  END {
    passed += count["passed"]; failed += count["failed"]
    if (status != 0 && failed == 0) failed = 1
    printf "%d passed, %d failed\n", passed, failed
  }' "$log"
exit "$status"
