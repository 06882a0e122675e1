#!/usr/bin/env bash
# The version stands in CMakeLists.txt; whatever else has to name it says the same.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
version=$(sed -n 's/^project(heed VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
failed=0
expect() {  # expect FILE TEXT
  grep -qF "$2" "$1" && return
  echo "$1 does not have \"$2\"; need it, as CMakeLists.txt has version $version"
  failed=1
}
expect CHANGELOG.md "## [$version] - "
expect cmake/packages/vcpkg/vcpkg.json "\"version\": \"$version\""
[ $failed = 0 ] || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
echo "1 passed, 0 failed, 0 skipped"
