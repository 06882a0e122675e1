#!/usr/bin/env bash
# Builds and runs the lessons: all of them, or those given. Some 40 minutes on two cores, 30 of them lesson 14's;
# --quick takes two minutes.
# Usage: scripts/tutorial.sh [LESSON...] [--quick] [--seed N] [--out DIR] [--write]
#   LESSON     a number, or a name such as 04_bahdanau
#   --quick    short training, wider bands
#   --seed N   of all random numbers; the pages' numbers belong to each lesson's own
#   --out DIR  pictures and numbers go to DIR/NN_name (default: out/tutorial)
#   --write    put the numbers, tables and pictures of these runs into the lessons' pages
set -uo pipefail
cd "$(dirname "$0")/.."

. scripts/usage.sh 0

mapfile -t sources < <(sed -n 's,^| \[[0-9][^(]*(\([0-9a-z_]*\)\.md).*,tutorial/\1.cpp,p' tutorial/README.md)  # its order
lessons=() options=() out=out/tutorial write=""
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --quick) options+=("$1") ;;
    --write) write=1 ;;
    --seed) [[ ${2:-} =~ ^[0-9]+$ ]] || refuse "--seed needs a whole number, not '${2:-}'"; options+=("$1" "$2"); shift ;;
    --out) [ -n "${2:-}" ] || refuse "--out needs a directory"; out=$2; shift ;;
    -*) refuse "there is no option '$1'" ;;
    *)
      found=""
      for source in "${sources[@]}"; do
        name=$(basename "$source" .cpp)
        if [ "$name" = "$1" ] || { [[ $1 =~ ^[0-9]{1,4}$ ]] && [ "$((10#${name%%_*}))" = "$((10#$1))" ]; }; then
          lessons+=("$name") found=1
        fi
      done
      if [ -z "$found" ]; then
        echo "tutorial.sh: there is no lesson '$1'; there are:" >&2
        for source in "${sources[@]}"; do echo "  $(basename "$source" .cpp)" >&2; done
        exit 2
      fi ;;
  esac
  shift
done
[ -z "$write" ] || [ ${#options[@]} = 0 ] || refuse "--write takes whole runs of the pages' seeds; need neither --quick nor --seed"
if [ ${#lessons[@]} = 0 ]; then for source in "${sources[@]}"; do lessons+=("$(basename "$source" .cpp)"); done; fi

scripts/build.sh "${lessons[@]/#/lesson_}" || exit 1

failed=0 summary=()
for name in "${lessons[@]}"; do
  started=$SECONDS
  build/tutorial/"$name" --out "$out/$name" ${options[@]+"${options[@]}"} </dev/null && verdict="as expected" || { verdict="NOT as expected"; failed=1; }
  summary+=("$(printf '%-28s %4d s   %s' "$name" $((SECONDS - started)) "$verdict")")
  if [ -n "$write" ] && [ "$verdict" = "as expected" ]; then
    for seed in $(python3 tutorial/pages.py seeds "$name"); do  # whose numbers may lie outside the bands
      build/tutorial/"$name" --seed "$seed" --out "$out/$name@$seed" </dev/null >"$out/$name@$seed.log"
    done
    python3 tutorial/pages.py write "$out" "$name" || failed=1
  fi
  echo
done
printf '%s\n' "${summary[@]}"
echo "pictures: $out"
exit $failed
