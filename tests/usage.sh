#!/bin/bash
# usage.sh SOURCE_DIR: every script prints its head for --help, and refuses an option that it has not, with exit code 2.
set -u
cd "$1" || exit 1
passed=0 failed=0
check() {  # check EXPECTED TEXT COMMAND...: its exit code, and what it says
  local text code
  text=$(timeout 60 "${@:3}" 2>&1 </dev/null)
  code=$?
  if [ $code = "$1" ] && [[ $text = *"$2"* ]]; then passed=$((passed + 1)); return; fi
  failed=$((failed + 1))
  printf '%s\nexit code %s; need %s and "%s"\n%s\n' "${*:3}" "$code" "$1" "$2" "$text"
}
for script in scripts/*.sh; do
  [ "$script" = scripts/usage.sh ] && continue
  check 0 "Usage: $script" bash "$script" --help
  check 2 "'--nonsense'" bash "$script" --nonsense
done
for script in aarch64 mpi packages; do check 2 "'nonsense' is one argument too many" bash scripts/$script.sh nonsense; done
check 2 "tests/mutants.txt has no family or file 'nonsense'" scripts/mutants.sh search nonsense
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
