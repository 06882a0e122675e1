// Ops whose results are boolean: comparisons, tests and logic. None has a gradient.
#include <cmath>
#include <functional>

#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

template <class F>
Tensor compare(const Op& op, const Tensor& a0, const Tensor& b0, F f) {
  check_same_dtype(op, a0, b0);
  const Shape shape = broadcast_shapes(op, a0.shape(), b0.shape());
  return kernels::compare(view::expand(op, a0, shape), view::expand(op, b0, shape), f);
}

template <class F>
Tensor compare(const Op& op, const Tensor& a, Scalar s, F f) {
  check_defined(op, a);
  const bool as_it_is = is_floating(a.dtype()) || (a.dtype() == i64 && s.is_integer);
  const Tensor x = as_it_is ? a : a.detach().to(f64);
  return compare(op, x, scalar(s, x.dtype()), f);
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b, Loc loc) { return compare({"eq", loc}, a, b, std::equal_to<>{}); }
Tensor ne(const Tensor& a, const Tensor& b, Loc loc) { return compare({"ne", loc}, a, b, std::not_equal_to<>{}); }
Tensor lt(const Tensor& a, const Tensor& b, Loc loc) { return compare({"lt", loc}, a, b, std::less<>{}); }
Tensor le(const Tensor& a, const Tensor& b, Loc loc) { return compare({"le", loc}, a, b, std::less_equal<>{}); }
Tensor gt(const Tensor& a, const Tensor& b, Loc loc) { return compare({"gt", loc}, a, b, std::greater<>{}); }
Tensor ge(const Tensor& a, const Tensor& b, Loc loc) { return compare({"ge", loc}, a, b, std::greater_equal<>{}); }
Tensor eq(const Tensor& a, Scalar s, Loc loc) { return compare({"eq", loc}, a, s, std::equal_to<>{}); }
Tensor ne(const Tensor& a, Scalar s, Loc loc) { return compare({"ne", loc}, a, s, std::not_equal_to<>{}); }
Tensor lt(const Tensor& a, Scalar s, Loc loc) { return compare({"lt", loc}, a, s, std::less<>{}); }
Tensor le(const Tensor& a, Scalar s, Loc loc) { return compare({"le", loc}, a, s, std::less_equal<>{}); }
Tensor gt(const Tensor& a, Scalar s, Loc loc) { return compare({"gt", loc}, a, s, std::greater<>{}); }
Tensor ge(const Tensor& a, Scalar s, Loc loc) { return compare({"ge", loc}, a, s, std::greater_equal<>{}); }

namespace {

template <class F>
Tensor test_each(const Op& op, const Tensor& x, F f) {
  check_defined(op, x);
  return dispatch(x.dtype(), [&]<class T>() {
    return kernels::map_as<T, bool>(x, [f](T v) { return f(static_cast<double>(v)); });
  });
}

}  // namespace

Tensor isnan(const Tensor& x, Loc loc) {
  return test_each({"isnan", loc}, x, [](double v) { return std::isnan(v); });
}
Tensor isinf(const Tensor& x, Loc loc) {
  return test_each({"isinf", loc}, x, [](double v) { return std::isinf(v); });
}
Tensor isfinite(const Tensor& x, Loc loc) {
  return test_each({"isfinite", loc}, x, [](double v) { return std::isfinite(v); });
}

Tensor logical_not(const Tensor& x, Loc loc) {
  check_dtype({"logical_not", loc}, x, boolean, "the input");
  return kernels::map_as<bool, bool>(x, [](bool v) { return !v; });
}
Tensor logical_and(const Tensor& a, const Tensor& b, Loc loc) {
  check_dtype({"logical_and", loc}, a, boolean, "the first input");
  check_dtype({"logical_and", loc}, b, boolean, "the second input");
  return compare({"logical_and", loc}, a, b, [](bool u, bool v) { return u && v; });
}
Tensor logical_or(const Tensor& a, const Tensor& b, Loc loc) {
  check_dtype({"logical_or", loc}, a, boolean, "the first input");
  check_dtype({"logical_or", loc}, b, boolean, "the second input");
  return compare({"logical_or", loc}, a, b, [](bool u, bool v) { return u || v; });
}

}  // namespace heed
