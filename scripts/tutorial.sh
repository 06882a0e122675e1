#!/usr/bin/env bash
# Builds and runs the lessons: all of them, or one. Three quarters of an hour on two cores, most
# of it lesson 14's; --quick takes two minutes.
# Usage: scripts/tutorial.sh [NN] [--quick] [--out DIR]   (pictures go to DIR/NN_name; out/tutorial unless given)
set -uo pipefail
cd "$(dirname "$0")/.."

chosen="" out=out/tutorial options=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) options+=("$1") ;;
    --out) out=${2:?"--out needs a directory"}; shift ;;
    *) chosen=$1 ;;
  esac
  shift
done

lessons=()
for source in tutorial/[0-9][0-9]_*.cpp; do
  name=$(basename "$source" .cpp)
  [ -z "$chosen" ] || [ "$((10#${name%%_*}))" = "${chosen#0}" ] || [ "$name" = "$chosen" ] && lessons+=("$name")
done
if [ ${#lessons[@]} = 0 ]; then
  echo "tutorial.sh: there is no lesson '$chosen'; there are:" >&2
  for source in tutorial/[0-9][0-9]_*.cpp; do echo "  $(basename "$source" .cpp)" >&2; done
  exit 2
fi

scripts/build.sh "${lessons[@]/#/lesson_}" || exit 1

failed=0 summary=()
for name in "${lessons[@]}"; do
  started=$SECONDS
  build/tutorial/"$name" --out "$out/$name" "${options[@]}" </dev/null && verdict="as expected" || { verdict="NOT as expected"; failed=1; }
  summary+=("$(printf '%-28s %4d s   %s' "$name" $((SECONDS - started)) "$verdict")")
  echo
done
printf '%s\n' "${summary[@]}"
echo "pictures: $out"
exit $failed
