#!/usr/bin/env bash
# layers.sh BUILD: what a folder's namespace declares is defined in that folder's library and in no other one.
# Weak symbols (templates, inline functions) stand wherever they are used. And a type of a namespace, unless that is
# unnamed, is defined in one file only: of two that share a name, the linker takes one's functions for both.
set -euo pipefail
build=$1
folders="autograd nn models train"
wrong=0

# defined LIBRARY NAMESPACE: the functions and variables of that namespace that the library defines.
defined() {
  nm -C --defined-only "$1" | sed -nE 's/^[0-9a-f]+ [TDBR] //p' | grep "^heed::$2::" || true
}
for library in tensor $folders; do
  for owner in $folders; do
    found=$(defined "$build/libheed_$library.a" "$owner")
    if [ "$library" = "$owner" ] && [ -z "$found" ]; then
      echo "libheed_$library.a defines nothing of heed::$owner; is it the library?" && wrong=1
    elif [ "$library" != "$owner" ] && [ -n "$found" ]; then
      echo "libheed_$library.a defines what heed::$owner declares:" && head -20 <<< "$found" && wrong=1
    fi
  done
done

# "heed::kernels::HWY_NAMESPACE::Values attention_forward.cpp": the types that each file defines at its margin.
types='
  FNR == 1 { depth = 0 }
  /^namespace.*\{$/ { open[++depth] = NF == 2 ? "" : $2 "::" }
  /^}  \/\/ namespace/ { --depth }
  /^(struct|class|union|enum( class)?) [A-Za-z0-9_]+( final)?( :.*)? ?\{/ {
    spaces = ""
    for (i = 1; i <= depth; ++i) spaces = open[i] == "" ? "unnamed" : spaces open[i]
    if (spaces !~ /unnamed/) print spaces ($2 == "class" ? $3 : $2), FILENAME
  }'
cd "$(dirname "$0")/.."
found=$(find tensor autograd nn models train -name '*.cpp' -o -name '*.h' | sort | xargs awk "$types")
[ "$(wc -l <<< "$found")" -gt 100 ] || { echo "only these types are defined:" && echo "$found" && wrong=1; }
twice=$(cut -d' ' -f1 <<< "$found" | sort | uniq -d)
[ -z "$twice" ] || { echo "types defined in two files:" && grep -Fwf <(echo "$twice") <<< "$found" && wrong=1; }
echo "$((1 - wrong)) passed, $wrong failed"
exit $wrong
