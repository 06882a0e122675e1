// Tests what is written in 10a.h.
#include "10a.h"

const exercise::Exercise exercise_10a(
    "10a", "what comes next: temperature and top-k", [](exercise::Check& check) {
      Rng rng(18);
      const Tensor logits = 2 * randn({1, 12}, rng);
      for (const auto& [temperature, k] :
           std::vector<std::pair<double, int64_t>>{{1, 12}, {0.5, 12}, {1, 3}, {2, 5}, {0.7, 1}})
        check.equal(fmt::format("temperature {}, the best {}", temperature, k),
                    next_letter(logits[0], temperature, k),
                    models::sampling_probabilities(logits, {.temperature = temperature, .top_k = k})[0],
                    1e-6);
    });
