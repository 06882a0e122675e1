// Gradients of functions of one variable that are a product with a simple slope.
#pragma once

#include <heed/autograd/node.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/elementwise.h>

namespace heed::autograd {

/// times(g, slope(x)) in one pass, by a slope of numbers; bend(x), of tensors, is the slope's own.
template <class Slope, class Bend>
Tensor times_slope(const Tensor& g, const Tensor& x, Slope slope, Bend bend) {
  const auto product = [slope](auto u, auto v) {
    const auto y = u * slope(v);
    return u == 0 ? decltype(u)(0) : y;
  };
  return record({"mul"}, kernels::map2(g, x, product),
                {{g, [=](const Tensor& gg) { return times_slope(gg, x, slope, bend); }},
                 {x, [=](const Tensor& gg) { return times(times(gg, g), bend(x)); }}});
}

}  // namespace heed::autograd
