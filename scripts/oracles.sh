#!/usr/bin/env bash
# heed against oracles that its own tests never saw: the samples of PyTorch's OpInfo, ONNX's node tests, and random shapes,
# with the versions of tests/oracle/requirements.txt. Where PyPI is not reachable it says so, and skips.
# The last line is "N passed, N failed, N skipped"; skipped are calls that heed refuses, by reason.
# Usage: scripts/oracles.sh [SEED [COUNT]]   (of the random shapes: another seed every day, and 5,000)
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 2 "$@"
seed=${1:-$(date +%Y%m%d)} count=${2:-5000}

python=$(scripts/python.sh) || { printf 'skipped: %s: no PyPI, whose packages these are\n' opinfo onnx fuzz; echo "0 passed, 0 failed, 3 skipped"; exit 0; }

scripts/build.sh heed_oracle || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

passed=0 failed=0 skipped=0
for oracle in "opinfo" "onnx" "fuzz $seed $count"; do
  # shellcheck disable=SC2086
  output=$("$python" -W ignore tests/oracle/compare.py build/tests/heed_oracle $oracle 2>&1 </dev/null | tee /dev/stderr | tail -n 1)
  if [[ $output =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))  # it ended before it could count
  fi
done
echo "$passed passed, $failed failed, $skipped skipped"
exit $((failed > 0))
