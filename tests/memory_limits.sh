#!/bin/bash
# memory_limits.sh PROGRAM: runs it under 50 limits of memory. It gives its result or an error at each, and never hangs.
set -u
program=$1 results=0 errors=0 failed=0
if ! text=$("$program" 2>&1); then
  echo "without a limit: $text"
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
for ((i = 0; i < 50; ++i)); do
  limit=$((40 + 24 * i))
  text=$( (ulimit -v $((limit * 1024)) && exec timeout --signal=KILL 60 "$program") 2>&1)
  status=$?
  case $status in
    0) outcome="result" && ((++results)) ;;
    1 | 127) outcome="error" && ((++errors)) ;;  # 127: too little to load the program
    *) outcome="FAILED with status $status" && ((++failed)) ;;
  esac
  printf '%4d MB  %s: %s\n' $limit "$outcome" "$(tail -1 <<<"$text" | cut -c1-110)"
done
echo "$results results, $errors errors"
if ((results == 0 || errors == 0)); then echo "need some of both" && ((++failed)); fi
echo "$((results + errors)) passed, $failed failed, 0 skipped"
((failed == 0))
