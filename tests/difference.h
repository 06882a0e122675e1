// How far apart two tensors are.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <heed/tensor/tensor.h>

namespace heed {

/// The largest magnitude; NaN if any element is.
inline double largest(const Tensor& x) {
  double most = 0;
  for (const double v : x.to_vector<double>()) {
    if (std::isnan(v)) return v;
    most = std::max(most, std::abs(v));
  }
  return most;
}

/// The largest |a - b|; NaN if any is, infinite if the shapes differ.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    if (std::isnan(d)) return d;
    most = std::max(most, d);
  }
  return most;
}

}  // namespace heed
