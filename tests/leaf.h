// Small tensors of f64 to differentiate by, and their numbers.
#pragma once

#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::tests {

inline Tensor leaf(const NestedList& values) { return tensor(values, f64).set_requires_grad(); }

using Numbers = std::vector<double>;
inline Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace heed::tests
