// Tests what is written in 01b.h.
#include "01b.h"

const exercise::Exercise exercise_01b(
    "1b", "how many words of a translation are right", [](exercise::Check& check) {
      using train::split_words;
      for (const auto& [candidate, right] : std::vector<std::pair<std::string, std::string>>{
               {"le chat noir dort", "le chat noir dort"},
               {"le oiseau qui le actrice voit", "l' oiseau que l' actrice voit"},
               {"le le le le", "le chat voit le chien"},
               {"ce enfant etait revenait retour", "cet enfant revenait"}})
        check.equal(candidate, precision(split_words(candidate), split_words(right)),
                    train::bleu(std::vector{candidate}, {{right}}).precisions[0], 1e-12);
    });
