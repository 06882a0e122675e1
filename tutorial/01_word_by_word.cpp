// Lesson 1: a dictionary alone. Every word is right, and the sentence is wrong.
#include <algorithm>

#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

std::string word_by_word(const std::string& english) {
  std::string french;
  for (const std::string& word : split_words(english)) {
    const auto entry = Grammar::dictionary().find(word);
    french += (french.empty() ? "" : " ") + (entry == Grammar::dictionary().end() ? word : entry->second);
  }
  return french;
}

/// 1 where an English and a French word mean the same.
Heatmap links(const ParsedPair& p) {
  const std::vector<std::string> source = split_words(p.pair.source), target = split_words(p.pair.target);
  Tensor values = zeros({std::ssize(target), std::ssize(source)});
  for (const auto& [s, t] : p.parse.alignment) values.mutable_data<float>()[t * std::ssize(source) + s] = 1;
  return {"Which words mean the same", "English", "French", source, target, values, 0, 1};
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 1: word by word",
      [](lesson::Lesson& l) {
        Rng rng(l.seed());
        const std::vector<ParsedPair> parsed = Grammar::parsed_pairs(1000, {.split = Split::test}, rng);
        std::vector<SentencePair> pairs;
        std::vector<std::string> ours;
        for (const ParsedPair& p : parsed)
          pairs.push_back(p.pair), ours.push_back(word_by_word(p.pair.source));

        l.heading("English, word by word, and what is right");
        std::vector<std::vector<std::string>> samples = {{"English", "word by word", "right"}};
        for (size_t i = 0; i < 6; ++i) {
          fmt::print("  {}\n    {}\n    {}\n", pairs[i].source, ours[i], pairs[i].target);
          if (i < 4) samples.push_back({pairs[i].source, ours[i], pairs[i].target});
        }
        l.page("samples", samples);

        l.heading("1,000 sentences");
        const TranslationScores scores = score_translations(pairs, ours);
        fmt::print("{}", format_scores(scores));
        l.page("exact", fmt::format("{:.1f}%", 100 * scores.exact_match));
        l.page("by_length", lesson::score_table({{"", &scores}}));
        l.expect("exact match (%)", 100 * scores.exact_match, 0, 8);
        l.expect("BLEU", scores.bleu, 3, 30);

        l.heading("What breaks: exact match of the sentences with ...");
        double plain = 0, plain_right = 0;
        for (size_t i = 0; i < parsed.size(); ++i)
          if (parsed[i].parse.phenomena == 0) plain += 1, plain_right += ours[i] == pairs[i].target;
        fmt::print("  {:<22} {:>4} sentences  {:>5.1f}%\n", "none of these", plain,
                   plain > 0 ? 100 * plain_right / plain : 0);
        std::vector<std::vector<std::string>> broken = {{"sentences with ...", "of 1,000", "come out right"}};
        const auto add = [&](std::string_view what, double all, double good) {
          broken.push_back({std::string(what), fmt::format("{:g}", all),
                            fmt::format("{:.1f}%", all > 0 ? 100 * good / all : 0)});
        };
        add("nothing special", plain, plain_right);
        double negated = 0, negated_right = 0;
        for (int64_t k = 0; k < kPhenomena; ++k) {
          const auto phenomenon = static_cast<Phenomenon>(k);
          double all = 0, good = 0;
          for (size_t i = 0; i < parsed.size(); ++i)
            if (parsed[i].parse.has(phenomenon)) all += 1, good += ours[i] == pairs[i].target;
          fmt::print("  {:<22} {:>4} sentences  {:>5.1f}%\n", name_of(phenomenon), all,
                     all > 0 ? 100 * good / all : 0);
          add(name_of(phenomenon), all, good);
          if (phenomenon == Phenomenon::negation) negated = all, negated_right = good;
        }
        l.page("broken", broken);
        l.expect_equal("negated sentences that come out right, of " + std::to_string(int(negated)),
                       negated_right, 0);
        l.expect("sentences with nothing special that come out right (%)", 100 * plain_right / plain, 10,
                 100);

        l.heading("Order breaks too: lines that cross");
        const auto crossing = std::find_if(parsed.begin(), parsed.end(), [](const ParsedPair& p) {
          return p.parse.has(Phenomenon::adjective_after) && p.parse.has(Phenomenon::negation) &&
                 split_words(p.pair.source).size() < 9;
        });
        l.picture("links", links(crossing == parsed.end() ? parsed[0] : *crossing));
        double crossed = 0;
        for (const ParsedPair& p : parsed) {
          bool any = false;
          for (const auto& [s, t] : p.parse.alignment)
            for (const auto& [s2, t2] : p.parse.alignment) any = any || (s < s2 && t > t2);
          crossed += any;
        }
        l.page("crossed", fmt::format("{:.1f}%", crossed / 10));
        l.expect("sentences in which words change places (%)", crossed / 10, 30, 95);
      },
      1);
}
