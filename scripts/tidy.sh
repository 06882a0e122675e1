#!/usr/bin/env bash
# clang-tidy 14 with the checks of .clang-tidy, over the library or the files given. A file is read again only if it, a
# header, .clang-tidy or the build's flags changed: what passed is kept in build-tidy/passed. All of it takes some four
# minutes on two idle cores. The last line is "N passed, N failed, N skipped".
# Usage: scripts/tidy.sh [FILE.cpp...]
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 999 "$@"
scripts/deps.sh clang clang-tidy || exit 1
tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
if [[ $("${tidy:-true}" --version 2>/dev/null) != *"version 14."* ]]; then
  echo "skipped: no clang-tidy 14"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
build=build-tidy passed=build-tidy/passed
cmake --preset release -B $build -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DHEED_TUTORIAL=OFF >/dev/null || exit 1
mkdir -p $passed

if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'tensor/*.cpp' 'autograd/*.cpp' 'nn/*.cpp' 'models/*.cpp' 'train/*.cpp'); fi
compiled=() skipped=0
for file in "${files[@]}"; do
  if grep -q "\"file\": \".*/$file\"" $build/compile_commands.json; then compiled+=("$file")
  else echo "skipped: $file, not built" && skipped=$((skipped + 1)); fi
done
around=$(git ls-files '*.h' | xargs cat .clang-tidy CMakeLists.txt | sha256sum)
key() { { echo "$around"; cat "$1"; } | sha256sum | cut -c1-32; }
read_one() {  # read_one FILE KEY
  if "$tidy" -p $build --quiet "$1" 2>/dev/null; then touch "$passed/$2"; else echo "$1" >>$build/failed; fi
}
export -f read_one
export tidy build passed
: >$build/failed
for file in "${compiled[@]}"; do
  name=$(key "$file")
  [ -e "$passed/$name" ] || printf '%s\0%s\0' "$file" "$name"
done | xargs -0 -r -n 2 -P "$(nproc)" bash -c 'read_one "$@"' read_one

failed=$(wc -l <$build/failed)
echo "$((${#compiled[@]} - failed)) passed, $failed failed, $skipped skipped"
exit $((failed > 0))
