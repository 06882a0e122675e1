#include <heed/nn/dropout.h>

#include <heed/autograd/ops.h>

namespace heed::nn {

double check_probability(const Op& op, double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "dropout is {}; need a probability in [0, 1]", p);
  return p;
}

Dropout::Dropout(Scope s, double probability, Loc loc)
    : p(check_probability({"Dropout", loc}, probability)), rng(&s.rng()) {}

Tensor Dropout::operator()(const Tensor& x, Loc loc) const { return training() ? dropout(x, p, *rng, loc) : x; }

}  // namespace heed::nn
