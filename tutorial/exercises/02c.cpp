// Tests what is written in 02c.h.
#include "02c.h"

const exercise::Exercise exercise_02c("2c", "beam search of width 2", [](exercise::Check& check) {
  constexpr int64_t V = 4, kEnd = V, kLength = 4;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    // A random model: what follows depends on all that was written.
    const auto next = [seed](const std::vector<int64_t>& written) {
      uint64_t state = seed;
      for (const int64_t word : written) state = 31 * state + uint64_t(word) + 1;
      Rng rng(state);
      return log_softmax(2 * randn({V}, rng, f64), 0);
    };
    // The library's search, by a model of one word more, which ends the sentence.
    std::vector<std::vector<int64_t>> rows = {{}};
    models::Decoder decoder;
    decoder.source_lengths = {1};
    bool first = true;
    decoder.step = [&](const Tensor& last) {
      for (size_t r = 0; r < rows.size() && !first; ++r) rows[r].push_back(last.at<int64_t>({int64_t(r)}));
      first = false;
      std::vector<Tensor> logits;
      for (const auto& row : rows) {
        const bool full = std::ssize(row) == kLength;
        const Tensor words = full ? heed::full({V}, -1e9, f64) : next(row);
        logits.push_back(cat({words, heed::full({1}, full ? 0 : -1e9, f64)}, 0));
      }
      return stack(logits, 0);
    };
    decoder.select = [&](const Tensor& chosen) {
      std::vector<std::vector<int64_t>> now;
      for (const int64_t r : chosen.to_vector<int64_t>()) now.push_back(rows[size_t(r)]);
      rows = now;
    };
    const models::TranslateOptions options{
        .begin = 0, .end = kEnd, .max_length = 10, .beam = 2, .length_penalty = 0};
    const std::vector<int64_t> right = models::translate(decoder, options)[0].tokens,
                               yours = beam(next, kLength);
    check.equal(fmt::format("the words of model {}", seed), from_vector(yours, {std::ssize(yours)}),
                from_vector(right, {std::ssize(right)}), 0);
  }
});
