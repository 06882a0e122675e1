#!/usr/bin/env bash
# Every way to get heed, each proved by a program outside the tree that is built against it and run: find_package and
# pkg-config of static and shared libraries, sources inside another project, Debian's packages, Conan. vcpkg's port is only
# read, unless vcpkg is there. Some ten minutes without a compiler cache; the last line is "N passed, N failed, N skipped".
# Usage: scripts/packages.sh
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 0 "$@"
root=$PWD
scripts/deps.sh lintian || exit 1
work=$root/build-packages
rm -rf "$work" && mkdir "$work"

passed=0 failed=0 skipped=0
check() {  # check NAME COMMAND...: what the command prints last is what the name showed
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: $(tail -n 1 "$work/log")"
  else
    failed=$((failed + 1))
    echo "$name FAILED:"
    tail -n 25 "$work/log"
  fi
}
skip() { skipped=$((skipped + 1)); echo "$1: skipped, $2"; }

command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache
configure() { cmake -G Ninja -DCMAKE_BUILD_TYPE=Release "$@"; }

find_package() {  # find_package PREFIX
  cmake -G Ninja -S tests/consumer -B "$work/found" --fresh -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$1" && cmake --build "$work/found" --target gpt &&
    (cd "$work" && found/gpt)
}
with_pkg_config() (  # with_pkg_config PREFIX
  export PKG_CONFIG_PATH=$1/lib/pkgconfig LD_LIBRARY_PATH=$1/lib
  # shellcheck disable=SC2046  # its words are flags
  g++ -O2 tests/consumer/gpt.cpp -o "$work/gpt" $(pkg-config --cflags --libs heed) && cd "$work" && ./gpt
)
inside() { configure -S tests/packages -B "$work/inside" --fresh -DHEED_SOURCE_DIR="$root" "$@" && cmake --build "$work/inside" && (cd "$work" && inside/gpt); }

for kind in static shared; do
  shared=OFF
  [ $kind = shared ] && shared=ON
  configure -S . -B $work/build-$kind -DBUILD_SHARED_LIBS=$shared -DHEED_TESTS=OFF -DHEED_TUTORIAL=OFF >"$work/log" 2>&1 &&
    cmake --build $work/build-$kind >"$work/log" 2>&1 && cmake --install $work/build-$kind --prefix "$work/$kind" >"$work/log" 2>&1 ||
    { tail -n 25 "$work/log"; echo "packages.sh: the $kind library does not build" >&2; exit 1; }
  check "find_package, $kind" find_package "$work/$kind"
  check "pkg-config, $kind" with_pkg_config "$work/$kind"
  check "the program, $kind" "$work/$kind/bin/heed" --version
done
foreign() {  # names that the shared library shows, but for heed's
  local others
  others=$(nm -D --defined-only -C "$work/shared/lib/libheed.so" | cut -c20- | grep -v 'heed::' | sort | xargs)
  echo "not heed's, of $(nm -D --defined-only "$work/shared/lib/libheed.so" | wc -l) names: $others"
  [ -z "$others" ]
}
check "the shared library's names" foreign
limits() {  # memory that is limited, with the shared library
  g++ -std=c++20 -O1 -DFMT_SHARED -I"$work/shared/include" tests/limits/products.cpp -o "$work/products" -L"$work/shared/lib" -lheed -lfmt \
    "-Wl,-rpath,$work/shared/lib" && tests/memory_limits.sh "$work/products"
}
check "memory limits, shared" limits
check "add_subdirectory" inside -DFETCH=OFF
check "FetchContent" inside -DFETCH=ON

debian() {  # whose folder of libraries CMake takes from the prefix
  (cd $work/build-static && rm -f ./*.deb && cmake -DCMAKE_INSTALL_PREFIX=/usr . && cpack) || return 1
  mkdir "$work/root" && for package in $work/build-static/*.deb; do dpkg-deb -x "$package" "$work/root" || return 1; done
  find_package "$work/root/usr" && "$work/root/usr/bin/heed" --version
}
check "Debian's packages" debian
debian_policy() { lintian --fail-on error,warning $work/build-static/*.deb && echo "no errors and no warnings"; }
check "lintian" debian_policy

# Conan with Debian's libraries in place of ConanCenter's, which a build machine may not reach.
conan() {
  export CONAN_HOME=$work/conan
  local conan=$work/venv/bin/conan
  "$conan" profile detect && printf '%s\n' '[platform_requires]' fmt/9.1.0 highway/1.0.3 utf8proc/2.8.0 nlohmann_json/3.11.2 \
    >>"$CONAN_HOME/profiles/default" &&
    "$conan" create cmake/packages/conan -s compiler.cppstd=20 -c tools.cmake.cmaketoolchain:generator=Ninja \
      -c 'tools.cmake.cmaketoolchain:extra_variables={"CMAKE_CXX_STANDARD_LIBRARIES": "-lfmt -lhwy -lutf8proc"}'  # ConanCenter's name themselves
}
scripts/deps.sh python3-venv
if python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'conan==2.*' >"$work/log" 2>&1; then
  check "Conan" conan
else
  skip "Conan" "PyPI cannot be reached"
fi
if command -v vcpkg >/dev/null; then
  check "vcpkg" vcpkg install heed --overlay-ports=cmake/packages/vcpkg --no-binarycaching
else
  skip "vcpkg" "it is not installed"
fi

echo "$passed passed, $failed failed, $skipped skipped"
exit $((failed > 0))
