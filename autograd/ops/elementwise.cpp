// Ops that work element by element, each with its gradient beside it.
#include <cmath>
#include <optional>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/slope.h>
#include <heed/tensor/kernels/binary.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;
using kernels::Binary;
using kernels::map;
using kernels::map2;
using kernels::wrapping;

namespace {

/// Both operands at their common shape, if they are not there already. Expanding is an op of its own; its gradient is
/// sum_to.
std::optional<std::pair<Tensor, Tensor>> broadcast(const Op& op, const Tensor& a, const Tensor& b) {
  check_same_dtype(op, a, b);
  if (a.shape() == b.shape()) return {};
  const Shape shape = broadcast_shapes(op, a.shape(), b.shape());
  return std::pair{a.shape() == shape ? a : a.expand(shape), b.shape() == shape ? b : b.expand(shape)};
}

using kernels::Unary;

/// The op of a function that is one SIMD kernel; gradient(g) or gradient(g, y).
template <class Gradient>
Tensor unary(const Op& op, Unary f, const Tensor& x, Gradient gradient) {
  check_floating(op, x);
  const Tensor dense = kernels::contiguous(x);
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() { kernels::unary(f, dense.data<T>(), y.mutable_data<T>(), x.numel()); });
  return record(op, y, {{x, gradient}});
}

/// x as it meets s.
Tensor promoted(const Tensor& x, Scalar s) { return x.dtype() == i64 && !s.is_integer ? x.to(f32) : x; }

/// x as it divides.
Tensor as_fraction(const Tensor& x) { return x.dtype() == i64 ? x.to(f32) : x; }

/// x and s as tensors that meet.
std::pair<Tensor, Tensor> meeting(const Op& op, const Tensor& x0, Scalar s) {
  check_number(op, x0);
  const Tensor x = promoted(x0, s);
  return {x, scalar(s, x.dtype())};
}

/// An op of two tensors of x and s, and of s and x.
using OfTwo = Tensor (*)(const Tensor&, const Tensor&, Loc);
Tensor with_last(const Op& op, OfTwo f, const Tensor& x, Scalar s) {
  const auto [first, last] = meeting(op, x, s);
  return f(first, last, Loc::current());
}
Tensor with_first(const Op& op, OfTwo f, Scalar s, const Tensor& x) {
  const auto [last, first] = meeting(op, x, s);
  return f(first, last, Loc::current());
}

/// f(x, s), which of i64 and an integer is i64.
template <class F, class Gradient>
Tensor with_number(const Op& op, const Tensor& x0, Scalar s, F f, Gradient gradient) {
  check_number(op, x0);
  const Tensor x = promoted(x0, s);
  if (x.dtype() == i64) return kernels::map_as<int64_t, int64_t>(x, [=](int64_t v) { return f(v, s.integer); });
  return record(op, map(x, [=](auto v) { return f(v, static_cast<decltype(v)>(s.value)); }), {{x, gradient}});
}

/// x^p, of the powers that are written often without std::pow.
Tensor power(const Tensor& x, double p) {
  if (p == 0.5) return map(x, [](auto v) { return std::sqrt(v); });
  if (p == 1) return kernels::copy(x);
  if (p == 2) return map(x, [](auto v) { return v * v; });
  if (p == 3) return map(x, [](auto v) { return v * v * v; });
  if (p == 4) return map(x, [](auto v) { return (v * v) * (v * v); });
  if (p == -0.5) return map(x, [](auto v) { return 1 / std::sqrt(v); });
  if (p == -1) return map(x, [](auto v) { return 1 / v; });
  if (p == -2) return map(x, [](auto v) { return 1 / (v * v); });
  return kernels::binary(Binary::pow, x, view::expand({"pow"}, scalar(p, x.dtype()), x.shape()));
}

/// a^b in i64, which wraps; a negative power leaves only 1 / 1 and 1 / -1.
int64_t integer_power(int64_t a, int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  uint64_t y = 1;
  for (uint64_t square = static_cast<uint64_t>(a); b > 0; b >>= 1, square *= square)
    if (b & 1) y *= square;
  return static_cast<int64_t>(y);
}

/// Of i64: what is left of a by b, with b's sign unless it is 0, and how often b goes into a.
int64_t floored_rest(int64_t a, int64_t b) {
  const int64_t rest = b == -1 ? 0 : a % b;  // of the least number % -1 overflows
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
int64_t floored_quotient(int64_t a, int64_t b) {
  return b == -1 ? wrapping(std::negate<>{})(a) : a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/// Of i64 as `whole` has it, of others the kernel f.
Tensor binary(Binary f, int64_t (*whole)(int64_t, int64_t), const Tensor& a, const Tensor& b) {
  return a.dtype() == i64 ? kernels::map2_as<int64_t, int64_t>(a, b, whole) : kernels::binary(f, a, b);
}

void check_divisor(const Op& op, const Tensor& b) {
  check_number(op, b);
  if (b.dtype() == i64 && !b.all().item<bool>())
    fail<ValueError>(op, "an i64 divisor is 0; need others, or .to(f32) for infinity and NaN");
}

}  // namespace

// What is linear in g stays so: differentiated by f, the gradient that arrives takes the part of g.
Tensor autograd::times(const Tensor& g, const Tensor& f) {
  const Op op{"mul"};
  if (const auto wide = broadcast(op, g, f)) return times(wide->first, wide->second);
  const auto product = [](auto u, auto v) {
    const auto y = u * v;
    return u == 0 ? decltype(u)(0) : y;
  };
  return record(
      op, map2(g, f, product),
      {{g, [f](const Tensor& gg) { return times(gg, f); }}, {f, [g](const Tensor& gg) { return times(gg, g); }}});
}

Tensor autograd::over(const Tensor& g, const Tensor& f) {
  const Op op{"div"};
  if (const auto wide = broadcast(op, g, f)) return over(wide->first, wide->second);
  const auto quotient = [](auto u, auto v) {
    const auto y = u / v;
    return u == 0 ? decltype(u)(0) : y;
  };
  return record(op, map2(g, f, quotient),
                {{g, [f](const Tensor& gg) { return over(gg, f); }},
                 {f, [f](const Tensor& gg, const Tensor& y) { return -over(times(gg, y), f); }}});
}

// --- arithmetic -----------------------------------------------------------------------------------------------------

Tensor add(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"add", loc};
  if (const auto wide = broadcast(op, a, b)) return add(wide->first, wide->second);
  check_number(op, a);
  return record(op, kernels::map2_numbers(a, b, wrapping(std::plus<>{})),
                {{a, [](const Tensor& g) { return g; }}, {b, [](const Tensor& g) { return g; }}});
}

Tensor sub(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"sub", loc};
  if (const auto wide = broadcast(op, a, b)) return sub(wide->first, wide->second);
  check_number(op, a);
  return record(op, kernels::map2_numbers(a, b, wrapping(std::minus<>{})),
                {{a, [](const Tensor& g) { return g; }}, {b, [](const Tensor& g) { return -g; }}});
}

Tensor mul(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"mul", loc};
  if (const auto wide = broadcast(op, a, b)) return mul(wide->first, wide->second);
  check_number(op, a);
  return record(op, kernels::map2_numbers(a, b, wrapping(std::multiplies<>{})),
                {{a, [b](const Tensor& g) { return times(g, b); }}, {b, [a](const Tensor& g) { return times(g, a); }}});
}

Tensor div(const Tensor& a0, const Tensor& b0, Loc loc) {
  const Op op{"div", loc};
  if (const auto wide = broadcast(op, a0, b0)) return div(wide->first, wide->second);
  check_number(op, a0);
  const Tensor a = as_fraction(a0), b = as_fraction(b0);
  return record(op, map2(a, b, std::divides<>{}),
                {{a, [b](const Tensor& g) { return over(g, b); }},
                 {b, [b](const Tensor& g, const Tensor& y) { return -over(times(g, y), b); }}});
}

Tensor add(const Tensor& x, Scalar s, Loc loc) {
  return with_number({"add", loc}, x, s, wrapping(std::plus<>{}), [](const Tensor& g) { return g; });
}

Tensor sub(const Tensor& x, Scalar s, Loc loc) {
  return with_number({"sub", loc}, x, s, wrapping(std::minus<>{}), [](const Tensor& g) { return g; });
}

Tensor sub(Scalar s, const Tensor& x, Loc loc) {
  const auto from = wrapping([](auto v, auto number) { return number - v; });
  return with_number({"sub", loc}, x, s, from, [](const Tensor& g) { return -g; });
}

Tensor mul(const Tensor& x, Scalar s, Loc loc) {
  return with_number({"mul", loc}, x, s, wrapping(std::multiplies<>{}), [s](const Tensor& g) { return g * s; });
}

Tensor div(const Tensor& x0, Scalar s, Loc loc) {
  const Op op{"div", loc};
  check_number(op, x0);
  const Tensor x = as_fraction(x0);
  return record(op, map(x, [s = s.value](auto v) { return v / static_cast<decltype(v)>(s); }),
                {{x, [s](const Tensor& g) { return g / s; }}});
}

Tensor div(Scalar s, const Tensor& x0, Loc loc) {
  const Op op{"div", loc};
  check_number(op, x0);
  const Tensor x = as_fraction(x0);
  return record(op, map(x, [s = s.value](auto v) { return static_cast<decltype(v)>(s) / v; }),
                {{x, [x](const Tensor& g, const Tensor& y) { return -over(times(g, y), x); }}});
}

Tensor remainder(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"remainder", loc};
  if (const auto wide = broadcast(op, a, b)) return remainder(wide->first, wide->second);
  check_divisor(op, b);
  return record(op, binary(Binary::remainder, floored_rest, a, b),
                {{a, [](const Tensor& g) { return g; }},
                 {b, [a, b](const Tensor& g) { return times(g, -floor_divide(a.detach(), b.detach())); }}});
}

Tensor floor_divide(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"floor_divide", loc};
  if (const auto wide = broadcast(op, a, b)) return floor_divide(wide->first, wide->second);
  check_divisor(op, b);
  const auto flat = [](const Tensor& g) { return zeros_like(g); };
  return record(op, binary(Binary::floor_divide, floored_quotient, a, b), {{a, flat}, {b, flat}});
}

Tensor remainder(const Tensor& x, Scalar s, Loc loc) { return with_last({"remainder", loc}, remainder, x, s); }
Tensor remainder(Scalar s, const Tensor& x, Loc loc) { return with_first({"remainder", loc}, remainder, s, x); }
Tensor floor_divide(const Tensor& x, Scalar s, Loc loc) { return with_last({"floor_divide", loc}, floor_divide, x, s); }
Tensor floor_divide(Scalar s, const Tensor& x, Loc loc) {
  return with_first({"floor_divide", loc}, floor_divide, s, x);
}

Tensor neg(const Tensor& x, Loc loc) {
  const Op op{"neg", loc};
  check_number(op, x);
  return record(op, kernels::map_numbers(x, wrapping(std::negate<>{})), {{x, [](const Tensor& g) { return -g; }}});
}

Tensor pow(const Tensor& x0, Scalar s, Loc loc) {
  const Op op{"pow", loc};
  check_number(op, x0);
  const Tensor x = promoted(x0, s);
  if (x.dtype() == i64) {
    if (s.integer < 0) fail<ValueError>(op, "i64 to the power {}; need at least 0, or .to(f32) first", s.integer);
    return kernels::map_as<int64_t, int64_t>(x, [k = s.integer](int64_t v) { return integer_power(v, k); });
  }
  const double p = s.value;
  return record(op, power(x, p), {{x, [x, p](const Tensor& g) {
                                     if (p == 0) return zeros_like(g);  // not 0 * x^-1, which is NaN at 0
                                     return times(g, pow(x, p - 1) * p);
                                   }}});
}

Tensor pow(Scalar s, const Tensor& x, Loc loc) { return with_first({"pow", loc}, pow, s, x); }

Tensor pow(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"pow", loc};
  if (const auto wide = broadcast(op, a, b)) return pow(wide->first, wide->second);
  check_number(op, a);
  return record(op, binary(Binary::pow, integer_power, a, b),
                {{a, [a, b](const Tensor& g) { return where(eq(b, 0), zeros_like(g), times(g, b * pow(a, b - 1))); }},
                 {b, [a, b](const Tensor& g, const Tensor& y) {
                    // 0^b is flat in b for b >= 0, where log(0) would say -inf.
                    const Tensor flat = logical_and(eq(a, 0), ge(b, 0));
                    return where(flat, zeros_like(g), times(g, y * log(masked_fill(a, flat, 1))));
                  }}});
}

// --- functions of one variable ---------------------------------------------------------------------------------------

namespace {

/// g, but 0 where y is not above 0.
Tensor above_zero(const Tensor& g, const Tensor& y) {
  return record({"relu"}, map2(g, y, [](auto u, auto v) { return v <= 0 ? decltype(u)(0) : u; }),
                {{g, [y](const Tensor& gg) { return above_zero(gg, y); }}});
}

}  // namespace

Tensor exp(const Tensor& x, Loc loc) {
  return unary({"exp", loc}, Unary::exp, x, [](const Tensor& g, const Tensor& y) { return times(g, y); });
}

Tensor log(const Tensor& x, Loc loc) {
  return unary({"log", loc}, Unary::log, x, [x](const Tensor& g) { return over(g, x); });
}

Tensor sqrt(const Tensor& x, Loc loc) {
  return unary({"sqrt", loc}, Unary::sqrt, x, [](const Tensor& g, const Tensor& y) { return over(g, y * 2); });
}

Tensor rsqrt(const Tensor& x, Loc loc) {
  return unary({"rsqrt", loc}, Unary::rsqrt, x, [](const Tensor& g, const Tensor& y) {
    return times_slope(
        g, y, [](auto v) { return v * v * v * decltype(v)(-0.5); }, [](const Tensor& v) { return v * v * -1.5; });
  });
}

Tensor abs(const Tensor& x, Loc loc) {
  const Op op{"abs", loc};
  check_number(op, x);
  return record(op,
                kernels::map_numbers(x,
                                     [](auto v) {
                                       if constexpr (std::is_floating_point_v<decltype(v)>) return std::abs(v);
                                       else return v < 0 ? wrapping(std::negate<>{})(v) : v;
                                     }),
                {{x, [x](const Tensor& g) { return times(sign(x.detach()), g); }}});
}

Tensor sin(const Tensor& x, Loc loc) {
  return unary({"sin", loc}, Unary::sin, x, [x](const Tensor& g) { return times(g, cos(x)); });
}

Tensor cos(const Tensor& x, Loc loc) {
  return unary({"cos", loc}, Unary::cos, x, [x](const Tensor& g) { return times(g, -sin(x)); });
}

Tensor tanh(const Tensor& x, Loc loc) {
  return unary({"tanh", loc}, Unary::tanh, x, [](const Tensor& g, const Tensor& y) {
    return times_slope(
        g, y, [](auto v) { return 1 - v * v; }, [](const Tensor& v) { return v * -2; });
  });
}

Tensor sigmoid(const Tensor& x, Loc loc) {
  return unary({"sigmoid", loc}, Unary::sigmoid, x, [](const Tensor& g, const Tensor& y) {
    return times_slope(
        g, y, [](auto v) { return v * (1 - v); }, [](const Tensor& v) { return 1 - v * 2; });
  });
}

Tensor log1p(const Tensor& x, Loc loc) {
  return unary({"log1p", loc}, Unary::log1p, x, [x](const Tensor& g) { return over(g, 1 + x); });
}

Tensor expm1(const Tensor& x, Loc loc) {
  return unary({"expm1", loc}, Unary::expm1, x, [](const Tensor& g, const Tensor& y) { return times(g, y + 1); });
}

Tensor erf(const Tensor& x, Loc loc) {
  return unary({"erf", loc}, Unary::erf, x,
               [x](const Tensor& g) { return times(g, exp(-(x * x)) * (2 / std::sqrt(M_PI))); });
}

Tensor relu(const Tensor& x, Loc loc) {
  const Op op{"relu", loc};
  check_floating(op, x);
  return record(op, map(x, [](auto v) { return v <= 0 ? decltype(v)(0) : v; }),
                {{x, [](const Tensor& g, const Tensor& y) { return above_zero(g, y.detach()); }}});
}

Tensor softplus(const Tensor& x, Loc loc) {
  return unary({"softplus", loc}, Unary::softplus, x, [x](const Tensor& g) { return times(g, sigmoid(x)); });
}

namespace {

/// A function that is flat between its steps, and leaves integers as they are.
Tensor rounded(const Op& op, Unary f, const Tensor& x) {
  check_number(op, x);
  return x.dtype() == i64 ? x.clone() : unary(op, f, x, [](const Tensor& g) { return zeros_like(g); });
}

}  // namespace

Tensor floor(const Tensor& x, Loc loc) { return rounded({"floor", loc}, Unary::floor, x); }
Tensor ceil(const Tensor& x, Loc loc) { return rounded({"ceil", loc}, Unary::ceil, x); }
Tensor round(const Tensor& x, Loc loc) { return rounded({"round", loc}, Unary::round, x); }
Tensor sign(const Tensor& x, Loc loc) {
  const Op op{"sign", loc};
  check_number(op, x);
  return record(op, kernels::map_numbers(x, [](auto v) { return decltype(v)((v > 0) - (v < 0)); }),
                {{x, [](const Tensor& g) { return zeros_like(g); }}});
}

// --- choices ---------------------------------------------------------------------------------------------------------

namespace {

/// The one of two that comes `before` the other. Equal ones share the gradient; beside NaN each takes all of it.
template <class Before>
Tensor choice(const Op& op, const Tensor& a, const Tensor& b, Before before) {
  if (const auto wide = broadcast(op, a, b)) return choice(op, wide->first, wide->second, before);
  check_number(op, a);
  const auto first = [before](auto u, auto v) { return before(u, v) || u != u ? u : v; };
  const auto gradient = [before](const Tensor& own, const Tensor& other) {
    return [own, other, before](const Tensor& g) {
      const Tensor share = map2(own.detach(), other.detach(), [before](auto u, auto v) {
        return before(v, u) ? decltype(u)(0) : u == v ? decltype(u)(0.5) : decltype(u)(1);
      });
      return times(share, g);
    };
  };
  return record(op, kernels::map2_numbers(a, b, first), {{a, gradient(a, b)}, {b, gradient(b, a)}});
}

template <class Before>
Tensor choice(const Op& op, const Tensor& x0, Scalar s, Before before) {
  const auto [x, number] = meeting(op, x0, s);
  return choice(op, x, number, before);
}

}  // namespace

Tensor minimum(const Tensor& a, const Tensor& b, Loc loc) { return choice({"minimum", loc}, a, b, std::less<>{}); }
Tensor maximum(const Tensor& a, const Tensor& b, Loc loc) { return choice({"maximum", loc}, a, b, std::greater<>{}); }
Tensor minimum(const Tensor& x, Scalar s, Loc loc) { return choice({"minimum", loc}, x, s, std::less<>{}); }
Tensor maximum(const Tensor& x, Scalar s, Loc loc) { return choice({"maximum", loc}, x, s, std::greater<>{}); }

Tensor clamp(const Tensor& x0, Scalar low, Scalar high, Loc loc) {
  const Op op{"clamp", loc};
  check_number(op, x0);
  if (std::isnan(low.value) || std::isnan(high.value))
    fail<ValueError>(op, "low {} and high {}; need numbers", low.value, high.value);
  const auto keeps_integers = [](Scalar s) { return s.is_integer || std::isinf(s.value); };
  if (x0.dtype() == i64 && keeps_integers(low) && keeps_integers(high))
    return kernels::map_as<int64_t, int64_t>(
        x0, [=](int64_t v) { return std::min(std::max(v, low.integer), high.integer); });
  const Tensor x = as_fraction(x0);
  const auto f = [l = low.value, h = high.value](auto v) {
    using T = decltype(v);
    const T raised = v < T(l) ? T(l) : v;
    return raised > T(h) ? T(h) : raised;
  };
  return record(op, map(x, f), {{x, [x, l = low.value, h = high.value](const Tensor& g) {
                                   const auto inside = [=](auto v) {
                                     return decltype(v)(v >= decltype(v)(l) && v <= decltype(v)(h));
                                   };
                                   return times(map(x.detach(), inside), g);
                                 }}});
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"where", loc};
  check_dtype(op, condition, boolean, "the condition");
  if (const auto wide = broadcast(op, a, b)) return where(condition, wide->first, wide->second);
  const Shape shape = broadcast_shapes(op, condition.shape(), a.shape());
  if (!(a.shape() == shape)) return where(condition, a.expand(shape), b.expand(shape));
  const Tensor c = view::expand(op, condition, shape);
  return record(op, kernels::where(c, a, b),
                {{a, [c](const Tensor& g) { return where(c, g, zeros_like(g)); }},
                 {b, [c](const Tensor& g) { return where(c, zeros_like(g), g); }}});
}

Tensor where(const Tensor& condition, const Tensor& a0, Scalar s, Loc loc) {
  const Op op{"where", loc};
  check_defined(op, a0);
  const Tensor a = promoted(a0, s);
  return where(condition, a, scalar(s, a.dtype()));
}

Tensor where(const Tensor& condition, Scalar s, const Tensor& b0, Loc loc) {
  const Op op{"where", loc};
  check_defined(op, b0);
  const Tensor b = promoted(b0, s);
  return where(condition, scalar(s, b.dtype()), b);
}

Tensor masked_fill(const Tensor& x0, const Tensor& mask, Scalar value, Loc loc) {
  const Op op{"masked_fill", loc};
  check_defined(op, x0);
  check_dtype(op, mask, boolean, "the mask");
  const Shape shape = broadcast_shapes(op, x0.shape(), mask.shape());
  const Tensor x = x0.shape() == shape ? x0 : x0.expand(shape);
  const Tensor m = view::expand(op, mask, x.shape());
  const Tensor filler = view::expand(op, scalar(value, x.dtype()), x.shape());
  return record(op, kernels::where(m, filler, x), {{x, [m](const Tensor& g) { return masked_fill(g, m, 0); }}});
}

}  // namespace heed
