#include "nn/linear.h"

#include <cmath>

#include "autograd/ops.h"
#include "nn/init.h"

namespace heed::nn {

namespace {

void check_sizes(const Op& op, int64_t in, int64_t out) {
  if (in < 1 || out < 1) fail<ValueError>(op, "{} -> {} features; need at least 1 of each", in, out);
}

}  // namespace

Linear::Linear(Scope s, int64_t in, int64_t out, bool with_bias, Loc where) {
  check_sizes({"Linear", where}, in, out);
  weight = s.param("weight", {out, in}, init::kaiming_uniform(std::sqrt(5.0)), where);
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  if (with_bias) bias = s.param("bias", {out}, init::uniform(-bound, bound), where);
}

Tensor Linear::operator()(const Tensor& x, Loc where) const {
  const InModule here(weight, where);
  return linear(x, weight, bias, where);
}

}  // namespace heed::nn
