#!/usr/bin/env bash
# Installs what heed needs, and builds: all, or the targets given.
# Usage: scripts/build.sh [--preset PRESET] [TARGET...]   (of CMakePresets.json; release unless given)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=release
if [ "${1:-}" = --preset ] && [ $# -gt 1 ]; then preset=$2; shift 2; fi
. scripts/usage.sh 999 "$@"
scripts/deps.sh
configure=(--preset "$preset")
command -v ccache >/dev/null && configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake "${configure[@]}" >/dev/null
[ $# = 0 ] || set -- --target "$@"
cmake --build --preset "$preset" "$@" -- --quiet
