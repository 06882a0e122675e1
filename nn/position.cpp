#include <heed/nn/position.h>

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

namespace {

void check_steps(const Op& op, const Tensor& x, int64_t start) {
  if (x.rank() < 2) fail<ShapeError>(op, "x has shape {}; need (..., T, width)", x.shape());
  if (start < 0) fail<ValueError>(op, "start is {}; need at least 0", start);
}

// Rows start .. start + length - 1 of the table.
Tensor sinusoids(int64_t start, int64_t length, int64_t width, DType dtype) {
  std::vector<double> values(static_cast<size_t>(length * width));
  for (int64_t t = 0; t < length; ++t)
    for (int64_t c = 0; c < width; ++c) {
      const double rate = std::pow(10000.0, -static_cast<double>(c - c % 2) / static_cast<double>(width));
      const double angle = static_cast<double>(start + t) * rate;
      values[static_cast<size_t>(t * width + c)] = c % 2 ? std::cos(angle) : std::sin(angle);
    }
  return from_vector(values, {length, width}).to(dtype);
}

}  // namespace

Tensor sinusoidal_positions(int64_t length, int64_t width, DType dtype, Loc loc) {
  const Op op{"sinusoidal_positions", loc};
  if (length < 0 || width < 1) fail<ValueError>(op, "length {}, width {}; need at least 0 and 1", length, width);
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  return sinusoids(0, length, width, dtype);
}

Tensor SinusoidalPosition::operator()(const Tensor& x, int64_t start, Loc loc) const {
  const Op op{"SinusoidalPosition", loc};
  check_steps(op, x, start);
  return add(x, sinusoids(start, x.size(-2), x.size(-1), x.dtype()));
}

LearnedPosition::LearnedPosition(Scope s, int64_t length, int64_t width) : name(s.name()) {
  if (length < 1 || width < 1)
    fail<ValueError>({"LearnedPosition", s.name(), s.where()}, "{} positions of width {}; need at least 1 of each",
                     length, width);
  weight = s.param("weight", {length, width}, init::normal());
}

Tensor LearnedPosition::operator()(const Tensor& x, int64_t start, Loc loc) const {
  const Op op{"LearnedPosition", name, loc};
  check_steps(op, x, start);
  const int64_t T = x.size(-2), length = weight.size(0);
  if (start + T > length)
    fail<ShapeError>(op, "{} steps from {} on leave the {} positions; need start + T <= {}", T, start, length, length);
  return add(x, weight.narrow(0, start, T));
}

}  // namespace heed::nn
