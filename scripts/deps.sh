#!/usr/bin/env bash
# Installs what heed needs on Debian 12 and 13, and says nothing if it is all there.
# Usage: scripts/deps.sh [--tests] [PACKAGE...]   (--tests: what only tests use, too; PACKAGE: to install beside heed's)
set -euo pipefail

# The King James text for the GPT: stories from the grammar take its place.
optional=(bible-kjv bible-kjv-text)
if [ "${1:-}" = --tests ]; then
  shift
  optional+=(python3-torch python3-venv graphviz clang-format doxygen zsh  # to compare with, to read graphs, to check formatting, comments, completion
             chromium chromium-driver python3-selenium)  # to test pages in; without these the tests skip
fi
. "$(dirname "$0")/usage.sh" 999 "$@"
required=(build-essential cmake ninja-build pkg-config
          libfmt-dev libhwy-dev libcli11-dev libutf8proc-dev nlohmann-json3-dev catch2 "$@")

missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

if [ "$(id -u)" = 0 ]; then as_root=(env); else as_root=(sudo); fi
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null; }

mapfile -t need < <(missing "${required[@]}")
mapfile -t wish < <(missing "${optional[@]}")
[ $((${#need[@]} + ${#wish[@]})) -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "deps.sh: apt-get is not there; please install the equivalents of: ${need[*]} ${wish[*]}" >&2
  exit 1
fi

echo "Installing: ${need[*]} ${wish[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${as_root[@]}" apt-get update -qq >"$log" 2>&1 </dev/null || true  # what is cached may do
if [ ${#need[@]} -gt 0 ] && ! install "${need[@]}" >>"$log" 2>&1; then
  cat "$log" >&2
  echo "deps.sh: could not install: ${need[*]}" >&2
  exit 1
fi
for package in "${wish[@]}"; do
  install "$package" >>"$log" 2>&1 || echo "deps.sh: going on without $package" >&2
done
