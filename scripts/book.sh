#!/usr/bin/env bash
# Builds the book, from the Markdown that GitHub shows: out/book/index.html, a page a lesson with the documentation beside
# them, and out/book.html, the lessons in one file. Both open without a network.
# Usage: scripts/book.sh [--out DIR]   (out unless given)
set -uo pipefail
cd "$(dirname "$0")/.."
out=out
if [ "${1:-}" = --out ] && [ -n "${2:-}" ]; then out=$2; shift 2; fi
. scripts/usage.sh 0 "$@"
python=$(scripts/python.sh tutorial/book/requirements.txt) || exit 1
if scripts/deps.sh doxygen; then
  python3 docs/api.py write out/api || exit 1
else
  echo "book.sh: doxygen cannot be installed: the book has no API" >&2
fi
out=$(mkdir -p "$out" && cd "$out" && pwd) || exit 1
one=$(mktemp -d)
trap 'rm -rf "$one" "$one.log"' EXIT

export PYTHONPATH=tutorial/book PYTHONDONTWRITEBYTECODE=1 NO_MKDOCS_2_WARNING=1
build() {  # build CONFIGURATION DIRECTORY; mkdocs counts no warnings when it is told to be quiet
  "$python" -m mkdocs build --strict --config-file "tutorial/book/$1" --site-dir "$2" >"$one.log" 2>&1 && return
  grep -v '^INFO' "$one.log" >&2
  return 1
}
build mkdocs.yml "$out/book" && build one_file.yml "$one" &&
  "$python" tutorial/book/one_file.py "$one/lessons.html" "$out/book.html" || exit 1
printf '%s\n' "$out/book/index.html" "$out/book.html"
