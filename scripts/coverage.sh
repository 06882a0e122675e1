#!/usr/bin/env bash
# Which lines the tests run, by folder, from gcov: fails where a share is below the floor in tests/coverage.txt. A floor may
# only rise: --raise writes what was seen. A quarter of an hour on two cores. The last line is "N passed, N failed, N skipped".
# Usage: scripts/coverage.sh [--raise]
set -euo pipefail
cd "$(dirname "$0")/.."
floors=tests/coverage.txt build=build-coverage
scripts/deps.sh --tests gcovr
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_TUTORIAL=OFF -DCMAKE_CXX_FLAGS="--coverage -fprofile-update=atomic" >/dev/null
cmake --build $build --target heed_tests heed_program
find $build -name '*.gcda' -delete
$build/tests/heed_tests

passed=0 failed=0
printf '%-10s %8s %8s\n' folder lines floor
for folder in tensor autograd nn models train; do
  share=$(gcovr --root . --object-directory $build --filter "$folder/" --json-summary 2>/dev/null |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["line_percent"])')
  floor=$(awk -v f=$folder '$1 == f { print $2 }' $floors)
  printf '%-10s %7s%% %7s%%\n' $folder "$share" "$floor"
  if awk "BEGIN { exit !($share < $floor) }"; then failed=$((failed + 1)); else passed=$((passed + 1)); fi
  if [ "${1:-}" = --raise ] && awk "BEGIN { exit !($share > $floor) }"; then sed -i "s/^$folder .*/$folder $share/" $floors; fi
done
echo "$passed passed, $failed failed, 0 skipped"
exit $((failed > 0))
