#include <heed/nn/init.h>

#include <cmath>

#include <heed/tensor/kernels/copy.h>

namespace heed::nn::init {

namespace {

// Draws go in row-major order, as the elements of a new tensor lie.
void fill_uniform(Tensor& x, Rng& rng, double low, double high, Loc loc) {
  dispatch_floating(x.dtype(), [&]<class T>() { rng.uniform(x.mutable_data<T>(), x.numel(), low, high, loc); });
}

void fill_normal(Tensor& x, Rng& rng, double mean, double std, Loc loc) {
  dispatch_floating(x.dtype(), [&]<class T>() { rng.normal(x.mutable_data<T>(), x.numel(), mean, std, loc); });
}

// Counts as a write whoever calls: a recorded op may hold the parameter.
template <class Fill>
Init written(Fill fill) {
  return [fill](Tensor x, Rng& rng) {
    fill(x, rng);
    x.storage()->mark_written();
  };
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

/// Draws whose standard deviation std_of tells from the fans, uniform ones within sqrt(3) of it.
template <class Std>
Init by_fans(const char* name, bool uniform, Std std_of, Loc loc) {
  return written([=](Tensor& x, Rng& rng) {
    const double std = std_of(fans_of({name, loc}, x)), bound = std::sqrt(3.0) * std;
    if (uniform) fill_uniform(x, rng, -bound, bound, loc);
    else fill_normal(x, rng, 0, std, loc);
  });
}

// PyTorch's order of operations, which decides the last bit.
auto kaiming(double slope) {
  return [gain = std::sqrt(2 / (1 + slope * slope))](const Fans& fans) { return gain / std::sqrt(fans.in); };
}
auto xavier(double gain) {
  return [gain](const Fans& fans) { return gain * std::sqrt(2 / (fans.in + fans.out)); };
}

}  // namespace

Init constant(double value) {
  return written([value](Tensor& x, Rng&) { kernels::fill(x, value); });
}
Init zeros() { return constant(0); }
Init ones() { return constant(1); }

Init uniform(double low, double high, Loc loc) {
  return written([=](Tensor& x, Rng& rng) { fill_uniform(x, rng, low, high, loc); });
}

Init normal(double mean, double std, Loc loc) {
  return written([=](Tensor& x, Rng& rng) { fill_normal(x, rng, mean, std, loc); });
}

Init trunc_normal(double mean, double std, double low, double high, Loc loc) {
  return written([=](Tensor& x, Rng& rng) {
    dispatch_floating(x.dtype(),
                      [&]<class T>() { rng.trunc_normal(x.mutable_data<T>(), x.numel(), mean, std, low, high, loc); });
  });
}

Init kaiming_uniform(double slope, Loc loc) { return by_fans("kaiming_uniform", true, kaiming(slope), loc); }
Init kaiming_normal(double slope, Loc loc) { return by_fans("kaiming_normal", false, kaiming(slope), loc); }
Init xavier_uniform(double gain, Loc loc) { return by_fans("xavier_uniform", true, xavier(gain), loc); }
Init xavier_normal(double gain, Loc loc) { return by_fans("xavier_normal", false, xavier(gain), loc); }

}  // namespace heed::nn::init
