#!/usr/bin/env bash
# layers.sh BUILD: what a folder's namespace declares is defined in that folder's library and in no other one.
# Weak symbols (templates, inline functions) stand wherever they are used.
set -euo pipefail
build=$1
folders="autograd nn models train"
wrong=0

# defined LIBRARY NAMESPACE: the functions and variables of that namespace that the library defines.
defined() {
  nm -C --defined-only "$1" | sed -nE 's/^[0-9a-f]+ [TDBR] //p' | grep "^heed::$2::" || true
}
for library in tensor $folders; do
  for owner in $folders; do
    found=$(defined "$build/libheed_$library.a" "$owner")
    if [ "$library" = "$owner" ] && [ -z "$found" ]; then
      echo "libheed_$library.a defines nothing of heed::$owner; is it the library?" && wrong=1
    elif [ "$library" != "$owner" ] && [ -n "$found" ]; then
      echo "libheed_$library.a defines what heed::$owner declares:" && head -20 <<< "$found" && wrong=1
    fi
  done
done
echo "$((1 - wrong)) passed, $wrong failed"
exit $wrong
