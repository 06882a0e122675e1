#include <heed/nn/norm.h>

#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

namespace {

void check(const Op& op, int64_t width, double eps) {
  if (width < 1) fail<ValueError>(op, "width is {}; need at least 1", width);
  check_eps(op, eps);
}

}  // namespace

void check_eps(const Op& op, double eps) {
  if (!(eps >= 0)) fail<ValueError>(op, "eps is {}; need at least 0", eps);
}

LayerNorm::LayerNorm(Scope s, int64_t width, bool with_bias, double epsilon) : name(s.name()), eps(epsilon) {
  check({"LayerNorm", s.name(), s.where()}, width, eps);
  weight = s.param("weight", {width}, init::ones());
  if (with_bias) bias = s.param("bias", {width}, init::zeros());
}

Tensor LayerNorm::operator()(const Tensor& x, Loc loc) const {
  const Op op{"LayerNorm", name, loc};
  return layer_norm(x, weight, bias, eps);
}

RMSNorm::RMSNorm(Scope s, int64_t width, double epsilon) : name(s.name()), eps(epsilon) {
  check({"RMSNorm", s.name(), s.where()}, width, eps);
  weight = s.param("weight", {width}, init::ones());
}

Tensor RMSNorm::operator()(const Tensor& x, Loc loc) const {
  const Op op{"RMSNorm", name, loc};
  return rms_norm(x, weight, eps);
}

}  // namespace heed::nn
