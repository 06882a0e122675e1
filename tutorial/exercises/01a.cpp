// Tests what is written in 01a.h.
#include "01a.h"

const exercise::Exercise exercise_01a(
    "1a", "how many lines between two sentences cross", [](exercise::Check& check) {
      const std::vector<std::pair<int64_t, int64_t>> in_order = {{0, 0}, {1, 1}, {2, 3}},
                                                     one_to_two = {{0, 1}, {0, 0}},
                                                     swapped = {{0, 0}, {1, 2}, {2, 1}},
                                                     reversed = {{0, 3}, {1, 2}, {2, 1}, {3, 0}};
      check.equal("words in order", double(crossings(in_order)), 0);
      check.equal("one word that becomes two", double(crossings(one_to_two)), 0);
      check.equal("black cat, chat noir", double(crossings(swapped)), 1);
      check.equal("four words turned round", double(crossings(reversed)), 6);
      Rng rng(1);  // the sentences of the lesson
      double crossed = 0;
      for (const train::ParsedPair& p :
           train::Grammar::parsed_pairs(1000, {.split = train::Split::test}, rng))
        crossed += crossings(p.parse.alignment) > 0;
      check.equal("sentences in which words change places (%)", crossed / 10,
                  61.5);  // as the lesson prints it
    });
