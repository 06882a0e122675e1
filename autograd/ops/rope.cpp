// Rotary positions (Su et al. 2021): pairs of columns turn by angles that grow with the position, so that the product
// of a query and a key depends on how far apart they stand.
#include <algorithm>
#include <cmath>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/views.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;
using kernels::Strided;
using kernels::writable;

namespace {

/// Radians that pair i of width / 2 turns in a position.
double frequency(const RopeOptions& o, int64_t i, int64_t width) {
  const double f = std::pow(o.base, -2.0 * static_cast<double>(i) / static_cast<double>(width));
  const RopeScaling& s = o.scaling;
  if (s.original_context == 0) return f / s.factor;
  // Llama 3: fast pairs keep their speed, slow ones slow down, those between mix the two.
  const double turns = static_cast<double>(s.original_context) * f / (2 * M_PI);  // in the context it was trained on
  const double kept = std::clamp((turns - s.low_turns) / (s.high_turns - s.low_turns), 0.0, 1.0);
  return kept * f + (1 - kept) * f / s.factor;
}

/// A row's first `half` pairs (a, b) become (c a - s b, c b + s a); its other columns stay.
template <bool interleaved, class T>
void turn_row(const T* x, const T* c, const T* s, T sign, int64_t half, int64_t width, T* y) {
  const int64_t step = interleaved ? 2 : 1, second = interleaved ? 1 : half;
  for (int64_t i = 0; i < half; ++i) {
    const T a = x[i * step], b = x[i * step + second];
    y[i * step] = c[i] * a - sign * s[i] * b;
    y[i * step + second] = c[i] * b + sign * s[i] * a;
  }
  std::copy(x + 2 * half, x + width, y + 2 * half);
}

template <class T>
void turn_rows(const Shape& shape, Strided<const T, 3> x, Strided<const T, 3> c, Strided<const T, 3> s, int64_t half,
               bool interleaved, bool back, Strided<T, 3> y) {
  const int64_t H = shape[1], R = shape[2], width = shape[3];
  const auto row = interleaved ? turn_row<true, T> : turn_row<false, T>;
  kernels::for_rows(shape[0] * H * R, width, [&](int64_t i) {
    const int64_t b = i / (H * R), h = i / R % H, r = i % R;
    row(x.at(b, h, r), c.at(b, h, r), s.at(b, h, r), T(back ? -1 : 1), half, width, y.at(b, h, r));
  });
}

/// x with its pairs turned, or turned back, which is the gradient.
Tensor turn(const Op& op, const Tensor& x0, const RopeAngles& angles, bool interleaved, bool back) {
  Shape rows = x0.shape();
  rows[rows.rank() - 1] = angles.cos.size(-1);
  const Tensor y = empty(x0.shape(), x0.dtype());
  const kernels::Readable<3> x(x0), c(view::expand(op, angles.cos, rows)), s(view::expand(op, angles.sin, rows));
  dispatch_floating(y.dtype(), [&]<class T>() {
    turn_rows<T>({x.size(0), x.size(1), x.size(2), x.size(3)}, x.view<T>(), c.view<T>(), s.view<T>(), rows.back(),
                 interleaved, back, writable<T, 3>(y));
  });
  return record(
      op, y,
      {{x0, [angles, interleaved, back](const Tensor& g) { return turn({"rope"}, g, angles, interleaved, !back); }}});
}

}  // namespace

RopeAngles rope_angles(const Tensor& positions, int64_t width, const RopeOptions& options, DType dtype, Loc loc) {
  const Op op{"rope_angles", loc};
  check_dtype(op, positions, i64, "positions");
  check_new_axis(op, positions);
  const RopeScaling& s = options.scaling;
  if (width < 0 || width % 2 != 0)
    fail<ValueError>(op, "a width of {}; need an even number, since columns turn in pairs", width);
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  if (!(options.base > 0)) fail<ValueError>(op, "base {}; need a number above 0", options.base);
  if (!(s.factor > 0) || s.original_context < 0 || (s.original_context > 0 && !(s.low_turns < s.high_turns)))
    fail<ValueError>(
        op,
        "a scaling of factor {}, original context {}, {} to {} turns; need a factor above 0, a context of at "
        "least 0, and rising turns",
        s.factor, s.original_context, s.low_turns, s.high_turns);
  Shape shape = positions.shape();
  shape.push_back(width / 2);
  const Tensor p = kernels::contiguous(positions);
  Tensor cos = empty(shape, dtype), sin = empty(shape, dtype);
  dispatch_floating(dtype, [&]<class T>() {
    T* c = cos.mutable_data<T>();
    T* d = sin.mutable_data<T>();
    for (int64_t i = 0; i < width / 2; ++i) {
      const double f = frequency(options, i, width);
      for (int64_t row = 0; row < p.numel(); ++row) {
        const double angle = static_cast<double>(p.data<int64_t>()[row]) * f;
        c[row * (width / 2) + i] = static_cast<T>(std::cos(angle));
        d[row * (width / 2) + i] = static_cast<T>(std::sin(angle));
      }
    }
  });
  return {cos, sin};
}

Tensor rope(const Tensor& x, const RopeAngles& angles, bool interleaved, Loc loc) {
  const Op op{"rope", loc};
  check_floating(op, x);
  check_rank_at_least(op, x, 1);
  for (const Tensor& a : {angles.cos, angles.sin}) {
    check_same_dtype(op, x, a);
    check_rank_at_least(op, a, 1, "the angles");
  }
  check_same_shape(op, angles.cos, angles.sin);
  if (2 * angles.cos.size(-1) > x.size(-1))
    fail<ShapeError>(op, "angles of {} pairs for an input {}; need at most {}, half its last axis", angles.cos.size(-1),
                     x.shape(), x.size(-1) / 2);
  return turn(op, x, {angles.cos.detach(), angles.sin.detach()}, interleaved, false);
}

Tensor rope(const Tensor& x, const Tensor& positions, const RopeOptions& options, Loc loc) {
  const Op op{"rope", loc};
  check_floating(op, x);
  check_rank_at_least(op, x, 1);
  const int64_t width = options.width ? options.width : x.size(-1);
  return rope(x, rope_angles(positions, width, options, x.dtype()), options.interleaved);
}

}  // namespace heed
