#!/usr/bin/env bash
# An exercise of the tutorial: what is to be written, and whether it is right. The first call puts the file with the hole
# into out/exercises/; each call builds the exercise with it and compares its numbers with the right ones.
# Usage: scripts/exercise.sh NAME [--solution]
#   NAME        of the exercise, such as 2a; without one, all are listed
#   --solution  print a solution
set -uo pipefail
cd "$(dirname "$0")/.."

. scripts/usage.sh 0
list() { sed -n 's|^// Exercise \([0-9]*[a-z]\): |  \1  |p' tutorial/exercises/hole/*.h; }

exercise="" solution=""
for argument; do
  case $argument in
    -h|--help) usage; exit 0 ;;
    --solution) solution=1 ;;
    -*) echo "exercise.sh: there is no option '$argument'; --help lists them" >&2; exit 2 ;;
    *)
      [ -z "$exercise" ] || { echo "exercise.sh: one exercise at a time: '$exercise' or '$argument'?" >&2; exit 2; }
      exercise=$argument ;;
  esac
done
if [ -z "$exercise" ]; then
  [ -z "$solution" ] || { echo "exercise.sh: --solution of which exercise?" >&2; exit 2; }
  list; exit 0
fi

name=""
if [[ $exercise =~ ^0?([0-9]{1,2}[a-z])$ ]]; then name=$(printf '%3s' "${BASH_REMATCH[1]}" | tr ' ' 0); fi
if [ -z "$name" ] || [ ! -f "tutorial/exercises/$name.cpp" ]; then
  { echo "exercise.sh: there is no exercise '$exercise'; there are:"; list; } >&2
  exit 2
fi
if [ -n "$solution" ]; then cat "tutorial/exercises/solution/$name.h"; exit 0; fi

mine=out/exercises/$name.h
if [ ! -f "$mine" ]; then
  mkdir -p out/exercises && cp "tutorial/exercises/hole/$name.h" "$mine" || exit 1
fi
scripts/build.sh "exercise_$name" || { echo "$mine does not compile yet"; exit 1; }
if "build/tutorial/exercise_$name"; then
  echo "$exercise is right. Another solution: scripts/exercise.sh $exercise --solution"
else
  echo "$exercise is not right yet: write it in $mine (what it is compared with: tutorial/exercises/$name.cpp)"
  exit 1
fi
