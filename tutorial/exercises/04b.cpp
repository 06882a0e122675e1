// Tests what is written in 04b.h.
#include "04b.h"

const exercise::Exercise exercise_04b("4b", "shares that leave the padding out", [](exercise::Check& check) {
  Rng rng(7);
  nn::Parameters params(rng);
  const nn::AdditiveAttention a(params, 4, 6, 5);
  const Tensor d = randn({1, 4}, rng), h = 3 * randn({1, 7, 6}, rng);
  const Tensor scores = matmul(tanh(a.W(d[0]) + a.U(h[0])), a.v);
  for (const int64_t words : {1, 4, 7}) {
    nn::WatchAttention seen;
    a(d, h, nn::length_mask(from_vector(std::vector<int64_t>{words}, {1}), 7));
    check.equal(fmt::format("{} words of 7", words), shares_of(scores, words), seen.looks().back().second[0]);
  }
});
