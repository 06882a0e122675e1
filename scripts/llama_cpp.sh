#!/usr/bin/env bash
# Runs GGUF files that heed exported in llama.cpp, which it builds from llama-cpp-python's source in a virtual environment of
# its own (some twenty minutes, the first time; no part of .ci/run): ids, and 50 greedy tokens, equal to heed's own. The last
# line is "N passed, N failed, N skipped"; without PyPI that is one skipped, said aloud.
# Usage: scripts/llama_cpp.sh   (HEED_LLAMA_VENV is the environment's folder; ~/.cache/heed/llama unless given)
set -uo pipefail
cd "$(dirname "$0")/.."
venv=${HEED_LLAMA_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/heed/llama}
scripts/deps.sh python3-venv || exit 1
if ! "$venv/bin/python" -c 'import llama_cpp, safetensors' 2>/dev/null; then
  if ! { [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"; } ||
    ! "$venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-python==0.3.36 safetensors==0.8.0; then
    echo "PyPI cannot be reached, or llama.cpp cannot be built: NOTHING WAS COMPARED with it"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
  fi
fi
scripts/build.sh trained heed_program || exit 1

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
build/tests/trained "$place" && "$venv/bin/python" tests/oracle/run_gguf.py build/heed "$place" | tee "$place/log"
awk '/^[0-9]+ passed, [0-9]+ failed$/ { print $0 ", 0 skipped"; failed = $3; there = 1 }
     END { if (!there) print "0 passed, 1 failed, 0 skipped"; exit failed > 0 || !there }' "$place/log"
