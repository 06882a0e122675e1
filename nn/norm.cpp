#include <heed/nn/norm.h>

#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

namespace {

void check(const Op& op, int64_t width, double eps) {
  if (width < 1) fail<ValueError>(op, "width is {}; need at least 1", width);
  if (!(eps >= 0)) fail<ValueError>(op, "eps is {}; need at least 0", eps);
}

}  // namespace

LayerNorm::LayerNorm(Scope s, int64_t width, bool with_bias, double epsilon, Loc loc) : eps(epsilon) {
  check({"LayerNorm", loc}, width, eps);
  weight = s.param("weight", {width}, init::ones(), loc);
  if (with_bias) bias = s.param("bias", {width}, init::zeros(), loc);
}

Tensor LayerNorm::operator()(const Tensor& x, Loc loc) const {
  const InModule here(weight, loc);
  return layer_norm(x, weight, bias, eps, loc);
}

RMSNorm::RMSNorm(Scope s, int64_t width, double epsilon, Loc loc) : eps(epsilon) {
  check({"RMSNorm", loc}, width, eps);
  weight = s.param("weight", {width}, init::ones(), loc);
}

Tensor RMSNorm::operator()(const Tensor& x, Loc loc) const {
  const InModule here(weight, loc);
  return rms_norm(x, weight, eps, loc);
}

}  // namespace heed::nn
