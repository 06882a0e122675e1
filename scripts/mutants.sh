#!/usr/bin/env bash
# Breaks the library on purpose, one fault of tests/mutants.txt at a time, and counts those that the tests notice. Each
# fault costs a compilation, a link and the tests that should notice it: the whole table takes hours, and belongs to no
# other run. Survivors are named; a table that no longer fits its sources ends the run.
# Usage: scripts/mutants.sh [--check] [--all] [FAMILY|FILE...]
#   --check   only see that every line of the table still stands in its source, once
#   --all     let a survivor of its own tests meet the whole suite
#   FAMILY    of kernels, search, optimisers, checkpoints, autograd, or a source file; all unless given
set -uo pipefail
cd "$(dirname "$0")/.."
table=tests/mutants.txt build=build-mutants
limit=600  # seconds for the tests: a mutant that never ends is noticed

check_only=0 whole_suite=0 chosen=()
while [ $# -gt 0 ]; do
  case $1 in
    --check) check_only=1 ;;
    --all) whole_suite=1 ;;
    -*) break ;;
    *) chosen+=("$1") ;;
  esac
  shift
done
. scripts/usage.sh 0 "$@"

places() {  # places FILE LINE: the numbers of the lines that are LINE but for indentation
  LINE=$2 awk '{ text = $0; sub(/^[ \t]+/, "", text); sub(/[ \t]+$/, "", text); if (text == ENVIRON["LINE"]) print NR }' "$1"
}

families=() files=() tests=() sources=() replacements=()
while IFS= read -r line; do
  case $line in
    '#'* | '') ;;
    '- '*) sources+=("${line:2}") ;;
    '+ '*) replacements+=("${line:2}") ;;
    *) read -r family file tags <<<"$line"; families+=("$family") files+=("$file") tests+=("$tags") ;;
  esac
done <"$table"
if [ ${#families[@]} != ${#sources[@]} ] || [ ${#families[@]} != ${#replacements[@]} ]; then
  echo "mutants.sh: $table has ${#families[@]} heads, ${#sources[@]} sources and ${#replacements[@]} replacements; need as many of each" >&2
  exit 2
fi
for word in "${chosen[@]}"; do
  [[ " ${families[*]} ${files[*]} " = *" $word "* ]] ||
    refuse "$table has no family or file '$word'; need one of $(printf '%s\n' "${families[@]}" | sort -u | tr '\n' ' ')or a file of it"
done
stale=0
for i in "${!families[@]}"; do
  found=$(places "${files[$i]}" "${sources[$i]}" | wc -l)
  [ "$found" = 1 ] && continue
  echo "mutants.sh: ${files[$i]} has this line $found times; need it once, or another one in $table: ${sources[$i]}" >&2
  stale=1
done
[ $stale = 0 ] || exit 2
if [ $check_only = 1 ]; then
  echo "${#families[@]} mutants fit their sources"
  echo "1 passed, 0 failed, 0 skipped"
  exit 0
fi
scripts/deps.sh --tests || exit 1

takes() {  # takes FAMILY FILE: whether the arguments ask for it
  [ ${#chosen[@]} = 0 ] && return
  local word
  for word in "${chosen[@]}"; do
    [ "$word" = "$1" ] || [ "$word" = "$2" ] && return
  done
  return 1
}

broken="" kept=$(mktemp)
restore() {
  [ -n "$broken" ] && cp "$kept" "$broken"
  broken=""
}
trap 'restore; rm -f "$kept"' EXIT
trap 'exit 130' INT TERM

log=$(mktemp)
compile() { cmake --build $build --target heed_tests -- --quiet >"$log" 2>&1; }
noticed() { ! timeout $limit $build/tests/heed_tests "$1" >"$log" 2>&1 </dev/null; }

configure=(--preset release -B $build -DHEED_TUTORIAL=OFF)
command -v ccache >/dev/null && configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake "${configure[@]}" >/dev/null && compile || { cat "$log" >&2; echo "mutants.sh: the library does not build as it is" >&2; exit 2; }

declare -A total killed checked
for i in "${!families[@]}"; do  # while the library is whole: what fails now would notice every fault
  takes "${families[$i]}" "${files[$i]}" && [ -z "${checked[${tests[$i]}]+x}" ] || continue
  noticed "${tests[$i]}" && { tail -n 40 "$log" >&2; echo "mutants.sh: ${tests[$i]} fails without a fault" >&2; exit 2; }
  checked[${tests[$i]}]=1
done
survivors=() unfit=()
for i in "${!families[@]}"; do
  family=${families[$i]} file=${files[$i]}
  takes "$family" "$file" || continue
  cp "$file" "$kept" && broken=$file
  at=$(places "$file" "${sources[$i]}") text=${replacements[$i]}
  { head -n $((at - 1)) "$kept"; printf '%s\n' "${text//\\n/$'\n'}"; tail -n +$((at + 1)) "$kept"; } >"$file"
  if ! compile; then
    grep -m 5 error "$log" >&2
    unfit+=("$file:$at: $text")
    echo "does not compile  ${unfit[-1]}" >&2
    restore
    continue
  fi
  verdict=survived
  if noticed "${tests[$i]}" || { [ $whole_suite = 1 ] && noticed ""; }; then verdict=killed; fi
  restore
  total[$family]=$((${total[$family]:-0} + 1))
  [ $verdict = killed ] && killed[$family]=$((${killed[$family]:-0} + 1)) || survivors+=("$file:$at: $text")
  echo "$verdict  $file:$at: $text"
done

echo "== killed / total"
all=0 dead=0
for family in "${!total[@]}"; do
  printf '%-12s %d / %d\n' "$family" "${killed[$family]:-0}" "${total[$family]}"
  all=$((all + ${total[$family]})) dead=$((dead + ${killed[$family]:-0}))
done
[ ${#survivors[@]} = 0 ] || printf 'survived: %s\n' "${survivors[@]}"
[ ${#unfit[@]} = 0 ] || printf 'does not compile: %s\n' "${unfit[@]}"
echo "$dead passed, $((all - dead)) failed, 0 skipped"
[ ${#unfit[@]} = 0 ] || exit 2
exit $((dead < all))
