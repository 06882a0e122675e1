// Functions with a gradient formula of the test's own, right or wrong, and inputs for them.
#pragma once

#include <heed/autograd/node.h>
#include <heed/tensor/random.h>

namespace heed::tests {

/// y = f(x) element by element, with `formula` as its gradient.
template <class F, class G>
Tensor with_gradient(const Tensor& x, F f, G formula) {
  Tensor y = x.detach().clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.mutable_data<double>()[i] = f(y.data<double>()[i]);
  return autograd::record({"custom"}, y, {{x, formula}});
}

inline Tensor draws(const Shape& shape, uint64_t seed = 3) {
  Rng rng(seed);
  return randn(shape, rng, f64);
}

}  // namespace heed::tests
