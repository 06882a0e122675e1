// Tests what is written in 10b.h.
#include "10b.h"

const exercise::Exercise exercise_10b("10b", "perplexity", [](exercise::Check& check) {
  Rng rng(19);
  const Tensor letters = randint(0, 35, {20}, rng);
  check.equal("guessing evenly among 35 letters", perplexity(zeros({20, 35}, f64), letters), 35, 1e-9);
  check.equal("between two that are equally likely",
              perplexity(100 * (one_hot(letters, 36) + one_hot(letters + 1, 36)).to(f64), letters), 2, 1e-9);
  check.equal("sure, and right", perplexity(100 * one_hot(letters, 35).to(f64), letters), 1, 1e-9);
  double product = 1;  // 1 / (the geometric mean of the probabilities)
  const Tensor logits = randn({20, 35}, rng, f64), p = softmax(logits, -1);
  for (int64_t t = 0; t < 20; ++t) product *= p[t][letters.at<int64_t>({t})].item<double>();
  check.equal("20 random scores", perplexity(logits, letters), std::pow(product, -1.0 / 20), 1e-9);
});
