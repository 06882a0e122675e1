#!/usr/bin/env bash
# Builds the book, from the Markdown that GitHub shows: out/book/index.html, a page a lesson with the documentation beside
# them, and out/book.html, the lessons in one file. Both open without a network.
# Usage: scripts/book.sh [--out DIR]   (out unless given)
set -uo pipefail
cd "$(dirname "$0")/.."
out=out
case ${1:-} in
  "") ;;
  --out) out=${2:?--out needs a directory} ;;
  -h|--help) sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
  *) echo "book.sh: there is no option '$1'; --help lists them" >&2; exit 2 ;;
esac
python=$(scripts/python.sh tutorial/book/requirements.txt) && scripts/deps.sh doxygen && python3 docs/api.py write out/api || exit 1
out=$(mkdir -p "$out" && cd "$out" && pwd) || exit 1

PYTHONPATH=tutorial/book NO_MKDOCS_2_WARNING=1 "$python" -m mkdocs build --quiet --strict --clean \
  --config-file tutorial/book/mkdocs.yml --site-dir "$out/book" || exit 1
echo "$out/book/index.html"
