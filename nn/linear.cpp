#include <heed/nn/linear.h>

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

Linear::Linear(Scope s, int64_t in, int64_t out, bool with_bias) : name(s.name()) {
  if (in < 1 || out < 1)
    fail<ValueError>({"Linear", s.name(), s.where()}, "{} -> {} features; need at least 1 of each", in, out);
  weight = s.param("weight", {out, in}, init::kaiming_uniform(std::sqrt(5.0)));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  if (with_bias) bias = s.param("bias", {out}, init::uniform(-bound, bound));
}

Tensor Linear::operator()(const Tensor& x, Loc loc) const {
  const Op op{"Linear", name, loc};
  const Tensor y = compressed ? compressed->linear(x, bias) : linear(x, weight, bias);
  return low_rank ? y + linear(linear(x, low_rank->a), low_rank->b) * low_rank->scale : y;
}

}  // namespace heed::nn
