#!/usr/bin/env bash
# Builds heed in a root of another Debian release, with the compiler and libraries of that release alone, and there runs the
# programs of tests/consumer against the installed library, and the tests: all but the slowest. Needs to be root, and a
# mirror of Debian. Half an hour on two cores; the last line is "N passed, N failed, N skipped".
# Usage: scripts/other_debian.sh [SUITE]   (trixie unless given)
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --inside ]; then  # in that root: the sources are /heed, which is not written to
  scripts/deps.sh ccache
  (. /etc/os-release && echo "$PRETTY_NAME with:")
  dpkg-query --show g++ cmake catch2 libfmt-dev libhwy-dev libcli11-dev nlohmann-json3-dev
  cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_TUTORIAL=OFF -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
  cmake --build /build --target heed_program heed_tests -- -k 0
  /build/heed --version
  tests/consumer/run.sh /build c++ ""
  exec /build/tests/heed_tests "~[mutations]"
fi

. scripts/usage.sh 1 "$@"
suite=${1:-trixie} build=$PWD/build-${1:-trixie}
root=$build/root cache=${XDG_CACHE_HOME:-$HOME/.cache}/heed/ccache-$suite
scripts/deps.sh debootstrap
mkdir -p "$build" "$cache"
if [ ! -d "$root" ]; then
  debootstrap --variant=minbase "$suite" "$root.part" >"$build/log" 2>&1 || { tail -n 5 "$build/log"; exit 1; }
  mv "$root.part" "$root"
fi
mkdir -p "$root/heed" "$root/ccache"

# What is mounted goes with the shell that mounts it.
inside() {
  mount --bind . "$root/heed" && mount -o remount,bind,ro "$root/heed" && mount --bind "$cache" "$root/ccache" &&
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
    exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin CCACHE_DIR=/ccache \
      ${CMAKE_BUILD_PARALLEL_LEVEL:+CMAKE_BUILD_PARALLEL_LEVEL="$CMAKE_BUILD_PARALLEL_LEVEL"} /heed/scripts/other_debian.sh --inside
}
export -f inside
export root cache
exec unshare --mount --pid --fork --kill-child bash -c inside
