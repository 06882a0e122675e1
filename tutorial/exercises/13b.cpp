// Tests what is written in 13b.h.
#include "13b.h"

const exercise::Exercise exercise_13b(
    "13b", "a letter at a time, keys and values kept", [](exercise::Check& check) {
      Rng rng(26);
      const Tensor q = randn({6, 4}, rng, f64), k = randn({6, 4}, rng, f64), v = randn({6, 4}, rng, f64);
      Kept kept;
      std::vector<Tensor> seen;
      for (int64_t t = 0; t < 6; ++t) seen.push_back(see(kept, q[t], k[t], v[t]));
      check.equal("keys that are kept", double(kept.keys.size()), 6);
      check.equal("six letters, and all at once behind a causal mask", stack(seen, 0),
                  scaled_dot_product_attention(q, k, v, {.causal = true}), 1e-12);
    });
