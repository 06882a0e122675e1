#include <heed/nn/dropout.h>

#include <heed/autograd/ops.h>

namespace heed::nn {

double check_probability(const Op& op, double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "dropout is {}; need a probability in [0, 1]", p);
  return p;
}

Dropout::Dropout(Scope s, double probability)
    : name(s.name()), p(check_probability({"Dropout", s.name(), s.where()}, probability)), rng(s.shared_rng()) {}

Tensor Dropout::operator()(const Tensor& x, Loc loc) const {
  const Op op{"Dropout", name, loc};
  return training() ? dropout(x, p, *rng) : x;
}

}  // namespace heed::nn
