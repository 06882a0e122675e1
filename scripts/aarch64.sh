#!/usr/bin/env bash
# Builds heed for 64-bit ARM by Debian's cross compiler and runs its tests in qemu: all but those that start processes, which
# qemu does not for the shell, and those that emulation makes too slow or has no hardware for. Ten minutes to build and half
# an hour to run on two cores. The last line is "N passed, N failed, N skipped".
# Usage: scripts/aarch64.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 0 "$@"
build=build-aarch64
scripts/deps.sh g++-aarch64-linux-gnu qemu-user

# ARM's libraries are unpacked into the build folder: nothing of another architecture is installed.
sysroot=$PWD/$build/sysroot apt=$PWD/$build/apt
if [ ! -d "$sysroot" ]; then
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$sysroot.part"
  arm() { apt-get -qq -o APT::Sandbox::User=root -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" "$@"; }
  arm update
  (cd "$apt" && arm download libfmt9 libfmt-dev libhwy1 libhwy-dev libutf8proc2 libutf8proc-dev catch2 nlohmann-json3-dev libcli11-dev)
  for package in "$apt"/*.deb; do dpkg -x "$package" "$sysroot.part"; done
  mv "$sysroot.part" "$sysroot"
fi

cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/aarch64.cmake" \
  -DHEED_SYSROOT="$sysroot" -DHEED_TUTORIAL=OFF >/dev/null
cmake --build $build --target heed_tests heed_program
libraries=$sysroot/usr/lib/aarch64-linux-gnu
run() { qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$libraries" "$@"; }
run $build/heed --version
run $build/tests/heed_tests "~[program]~[processes]~[mutations]~[torch]~[memory]~[threads]~[gradcheck]"
