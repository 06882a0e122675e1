// Tests what is written in 15a.h.
#include "15a.h"

const exercise::Exercise exercise_15a(
    "15a", "byte pairs: the most frequent pair becomes a token", [](exercise::Check& check) {
      const auto numbers = [](const std::vector<int64_t>& ids) {
        return from_vector(ids, {std::ssize(ids)});
      };
      check.equal("1 2 3 1 2", numbers(merged({1, 2, 3, 1, 2}, 9)), numbers({9, 3, 9}), 0);
      check.equal("5 5 5 5 5", numbers(merged({5, 5, 5, 5, 5}, 9)), numbers({9, 9, 5}), 0);
      check.equal("of two pairs that come once", numbers(merged({7, 8, 3}, 9)), numbers({9, 3}), 0);
      Rng rng(27);
      std::string text;
      for (int i = 0; i < 400; ++i) text += "aabcd"[randint(0, 5, {1}, rng).item<int64_t>()];
      std::vector<int64_t> yours = train::Bpe::train(text, 256).encode(text);
      for (int64_t id = 256; id < 266; ++id) yours = merged(yours, id);
      check.equal("ten merges of a text of 400 letters", numbers(yours),
                  numbers(train::Bpe::train(text, 266).encode(text)), 0);
    });
