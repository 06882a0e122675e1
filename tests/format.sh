#!/usr/bin/env bash
# Fails if a source differs from .clang-format, or a comment, which clang-format leaves alone, is longer than 120 columns,
# or a lesson longer than 150 lines.
# Versions of clang-format differ in what they write; the tree's is 14.
set -uo pipefail
cd "$1"
formatter=$(command -v clang-format-14 || command -v clang-format)
if [[ $("${formatter:-true}" --version 2>/dev/null) != *"version 14."* ]]; then
  echo "skipped: format: no clang-format 14"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
mapfile -t files < <(find tensor autograd nn models train tests tutorial bench heed.h -name '*.cpp' -o -name '*.h')
"$formatter" --dry-run --Werror "${files[@]}"
shape=$?
! LC_ALL=C.UTF-8 grep -nE '^.{121,}' "${files[@]}" | grep -E '^[^:]+:[0-9]+: *//'
length=$?
lessons=$(wc -l tutorial/[0-9][0-9]_*.cpp | awk '$2 != "total" && $1 > 150 { print $2 ": " $1 " lines; a lesson has at most 150" }')
[ -z "$lessons" ] || echo "$lessons"
failed=$(((shape != 0) + (length != 0) + (${#lessons} > 0)))
echo "$((3 - failed)) passed, $failed failed, 0 skipped"
exit $((failed > 0))
