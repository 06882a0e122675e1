#include <heed/train/clip.h>

#include <cmath>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/reduce.h>

namespace heed::train {

double grad_norm(const nn::Parameters& params) {
  const NoGrad no_grad;
  double squares = 0;
  for (const auto& [name, parameter] : params) {
    if (!parameter.grad().defined() || !parameter.requires_grad()) continue;
    const Shape all_axes = normalize_axes({"grad_norm"}, {}, parameter.rank());
    squares += kernels::sum_of_powers(parameter.grad(), 2, all_axes, false).item<double>();
  }
  return std::sqrt(squares);
}

namespace {

double scale_to(const Op& op, double norm, double max_norm) {
  if (!(max_norm > 0)) fail<ValueError>(op, "max_norm is {}; need a number above 0", max_norm);
  constexpr double kNeverZero = 1e-6;  // as PyTorch's clip_grad_norm_
  const double scale = max_norm / (norm + kNeverZero);
  return scale < 1 && std::isfinite(norm) ? scale : 1;
}

}  // namespace

double clip_scale(double norm, double max_norm, Loc loc) { return scale_to({"clip_scale", loc}, norm, max_norm); }

double clip_grad_norm(const nn::Parameters& params, double max_norm, Loc loc) {
  const NoGrad no_grad;
  const double norm = grad_norm(params);
  const double scale = scale_to({"clip_grad_norm", loc}, norm, max_norm);
  if (scale < 1)
    for (const auto& [name, parameter] : params)
      if (parameter.grad().defined() && parameter.requires_grad()) parameter.set_grad(mul(parameter.grad(), scale));
  return norm;
}

}  // namespace heed::train
