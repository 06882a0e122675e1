#include "nn/norm.h"

#include "autograd/ops.h"
#include "nn/init.h"

namespace heed::nn {

namespace {

void check(const Op& op, int64_t width, double eps) {
  if (width < 1) fail<ValueError>(op, "width is {}; need at least 1", width);
  if (!(eps >= 0)) fail<ValueError>(op, "eps is {}; need at least 0", eps);
}

}  // namespace

LayerNorm::LayerNorm(Scope s, int64_t width, bool with_bias, double epsilon, Loc where) : eps(epsilon) {
  check({"LayerNorm", where}, width, eps);
  weight = s.param("weight", {width}, init::ones(), where);
  if (with_bias) bias = s.param("bias", {width}, init::zeros(), where);
}

Tensor LayerNorm::operator()(const Tensor& x, Loc where) const {
  const InModule here(weight, where);
  return layer_norm(x, weight, bias, eps, where);
}

RMSNorm::RMSNorm(Scope s, int64_t width, double epsilon, Loc where) : eps(epsilon) {
  check({"RMSNorm", where}, width, eps);
  weight = s.param("weight", {width}, init::ones(), where);
}

Tensor RMSNorm::operator()(const Tensor& x, Loc where) const {
  const InModule here(weight, where);
  return rms_norm(x, weight, eps, where);
}

}  // namespace heed::nn
