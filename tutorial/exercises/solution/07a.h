// Exercise 7a: who may see whom
#pragma once

#include "exercise.h"

/// T words; each sees itself and those before it, but not more than `window` words in all. Returns (T, T),
/// boolean: row i column j, whether i sees j.
inline Tensor sees(int64_t T, int64_t window) {
  const Tensor i = arange(T).unsqueeze(1), j = arange(T).unsqueeze(0);
  return logical_and(le(j, i), gt(j, i - window));
}
