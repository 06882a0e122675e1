#include <heed/nn/init.h>

#include <cmath>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/random.h>

namespace heed::nn::init {

namespace {

// Draws go in row-major order, as the elements of a new tensor lie.
void fill_uniform(const Tensor& x, Rng& rng, double low, double high) {
  dispatch_floating(x.dtype(), [&]<class T>() { rng.uniform(x.mutable_data<T>(), x.numel(), low, high); });
}

void fill_normal(const Tensor& x, Rng& rng, double mean, double std) {
  dispatch_floating(x.dtype(), [&]<class T>() { rng.normal(x.mutable_data<T>(), x.numel(), mean, std); });
}

struct Fans {
  double in, out;
};

// A weight (out, in, ...): what stands behind its second axis counts for both.
Fans fans_of(const Op& op, const Tensor& weight) {
  if (weight.rank() < 2) fail<ShapeError>(op, "the weight has shape {}; need (out, in, ...)", weight.shape());
  int64_t field = 1;
  for (int i = 2; i < weight.rank(); ++i) field *= weight.shape()[i];
  return {static_cast<double>(weight.shape()[1] * field), static_cast<double>(weight.shape()[0] * field)};
}

// PyTorch's order of operations, which decides the last bit.
double kaiming_std(const Tensor& weight, const Op& op, double slope) {
  const double gain = std::sqrt(2 / (1 + slope * slope));
  return gain / std::sqrt(fans_of(op, weight).in);
}

double xavier_std(const Tensor& weight, const Op& op, double gain) {
  const Fans fans = fans_of(op, weight);
  return gain * std::sqrt(2 / (fans.in + fans.out));
}

}  // namespace

Init constant(double value) {
  return [value](const Tensor& x, Rng&) { kernels::fill(x, value); };
}
Init zeros() { return constant(0); }
Init ones() { return constant(1); }

Init uniform(double low, double high) {
  return [=](const Tensor& x, Rng& rng) { fill_uniform(x, rng, low, high); };
}

Init normal(double mean, double std) {
  return [=](const Tensor& x, Rng& rng) { fill_normal(x, rng, mean, std); };
}

Init trunc_normal(double mean, double std, double low, double high) {
  return [=](const Tensor& x, Rng& rng) {
    dispatch_floating(x.dtype(),
                      [&]<class T>() { rng.trunc_normal(x.mutable_data<T>(), x.numel(), mean, std, low, high); });
  };
}

Init kaiming_uniform(double slope, Loc loc) {
  return [slope, loc](const Tensor& x, Rng& rng) {
    const double bound = std::sqrt(3.0) * kaiming_std(x, {"kaiming_uniform", loc}, slope);
    fill_uniform(x, rng, -bound, bound);
  };
}

Init kaiming_normal(double slope, Loc loc) {
  return [slope, loc](const Tensor& x, Rng& rng) {
    fill_normal(x, rng, 0, kaiming_std(x, {"kaiming_normal", loc}, slope));
  };
}

Init xavier_uniform(double gain, Loc loc) {
  return [gain, loc](const Tensor& x, Rng& rng) {
    const double bound = std::sqrt(3.0) * xavier_std(x, {"xavier_uniform", loc}, gain);
    fill_uniform(x, rng, -bound, bound);
  };
}

Init xavier_normal(double gain, Loc loc) {
  return [gain, loc](const Tensor& x, Rng& rng) {
    fill_normal(x, rng, 0, xavier_std(x, {"xavier_normal", loc}, gain));
  };
}

}  // namespace heed::nn::init
