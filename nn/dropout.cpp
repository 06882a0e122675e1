#include "nn/dropout.h"

#include "autograd/ops.h"

namespace heed::nn {

double check_probability(const Op& op, double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "dropout is {}; need a probability in [0, 1]", p);
  return p;
}

Dropout::Dropout(Scope s, double probability, Loc where)
    : p(check_probability({"Dropout", where}, probability)), rng(&s.rng()) {}

Tensor Dropout::operator()(const Tensor& x, Loc where) const {
  return training() ? dropout(x, p, *rng, where) : x;
}

}  // namespace heed::nn
