#include "translation.h"

#include <numeric>
#include <type_traits>

using namespace heed;
using namespace heed::train;

namespace lesson {

PairSplit task(const Lesson& l) {
  const int64_t longest = l.quick() ? 8 : 20;
  Rng rng(0);
  PairSplit split;
  split.train = Grammar::pairs(l.budget(40'000, 4000), {.max_words = longest, .split = Split::train}, rng);
  split.held_out = Grammar::pairs(l.budget(1000, 200), {.max_words = longest, .split = Split::test}, rng);
  return split;
}

Series loss_series(const std::string& name, const std::vector<double>& losses, int64_t width) {
  Series series{name, {}, {}};
  for (size_t first = 0; first < losses.size(); first += static_cast<size_t>(width)) {
    const auto from = losses.begin() + static_cast<std::ptrdiff_t>(first);
    const auto to = losses.begin() +
                    static_cast<std::ptrdiff_t>(std::min(losses.size(), first + static_cast<size_t>(width)));
    series.x.push_back(static_cast<double>(first) + static_cast<double>(to - from) / 2);
    series.y.push_back(std::accumulate(from, to, 0.0) / static_cast<double>(to - from));
  }
  return series;
}

LineChart loss_chart(const std::string& title, const std::vector<Series>& series) {
  return {title, "step", "loss (nats a word)", series, false, true};
}

Series exact_series(const std::string& name, const TranslationScores& scores) {
  Series series{name, {}, {}};
  for (const LengthRow& row : scores.rows)
    series.x.push_back(static_cast<double>(row.from + row.to) / 2), series.y.push_back(100 * row.exact_match);
  return series;
}

Series bleu_series(const std::string& name, const TranslationScores& scores) {
  Series series{name, {}, {}};
  for (const LengthRow& row : scores.rows)
    series.x.push_back(static_cast<double>(row.from + row.to) / 2), series.y.push_back(row.bleu);
  return series;
}

LineChart length_chart(const std::string& title, const std::string& y_label,
                       const std::vector<Series>& series) {
  return {title, "words in the source", y_label, series};
}

std::vector<std::vector<std::string>> score_table(
    const std::vector<std::pair<std::string, const TranslationScores*>>& columns) {
  std::vector<std::vector<std::string>> table = {{"words in the source"}};
  for (const auto& [name, scores] : columns) {
    table[0].push_back(name.empty() ? "exact match" : name + ": exact match");
    table[0].push_back("BLEU");
  }
  const std::vector<LengthRow>& rows = columns.at(0).second->rows;
  for (size_t i = 0; i <= rows.size(); ++i) {
    std::vector<std::string>& row = table.emplace_back();
    row.push_back(i < rows.size() ? fmt::format("{} to {}", rows[i].from, rows[i].to) : "all");
    for (const auto& [name, scores] : columns) {
      const auto [exact, bleu] = i < rows.size()
                                     ? std::pair(scores->rows[i].exact_match, scores->rows[i].bleu)
                                     : std::pair(scores->exact_match, scores->bleu);
      row.push_back(fmt::format("{:.1f}%", 100 * exact));
      row.push_back(fmt::format("{:.1f}", bleu));
    }
  }
  return table;
}

std::vector<std::vector<std::string>> bucket_table(const std::vector<Series>& rows, int64_t width,
                                                   const std::string& format) {
  std::vector<std::vector<std::string>> table = {{"words between"}};
  for (int64_t i = 0; i < std::ssize(rows.at(0).y); ++i)
    table[0].push_back(fmt::format("{} - {}", i * width, (i + 1) * width - 1));
  for (const Series& s : rows) {
    std::vector<std::string>& row = table.emplace_back(std::vector{s.name});
    for (const double y : s.y) row.push_back(fmt::format(fmt::runtime(format), y));
  }
  return table;
}

void print_table(const std::string& title, const std::vector<Series>& rows, int64_t width,
                 const std::string& format) {
  fmt::print("\n{:<24}", title);
  for (int64_t i = 0; i < std::ssize(rows.at(0).y); ++i)
    fmt::print("  {:>8}", fmt::format("{} - {}", i * width, (i + 1) * width - 1));
  for (const Series& s : rows) {
    fmt::print("\n  {:<22}", s.name);
    for (const double y : s.y) fmt::print("  {:>8}", fmt::format(fmt::runtime(format), y));
  }
  fmt::print("\n");
}

void leave_page(Lesson& l, const Translator& translator, const std::string& sentence) {
  const auto html = [&](const auto& model) {
    if constexpr (std::is_same_v<std::decay_t<decltype(model)>, models::Seq2Seq>)
      if (!model.config.attention) {
        const TranslatedSentence t =
            translated(translator, sentence, translator.translate(std::vector{sentence})[0]);
        const int64_t T = std::ssize(t.written), S = std::ssize(t.source);
        const Tensor last =
            one_hot(full({1, T}, double(S - 1), i64), S).to(f32);  // (1, T, S): all that is read
        return page_html(
            {.title = "An encoder-decoder at work",
             .about = "All that the writer sees of the sentence is the reader's last state.",
             .examples = {{.name = sentence,
                           .maps = {{.name = "cross",
                                     .about = "Each word is written from the state after the last word.",
                                     .queries = t.written_words,
                                     .keys = t.source_words,
                                     .layers = {last}}},
                           .lanes = {page_lane(model, t)}}}});
      }
    return live_page_html(model, {.title = "A translator whose attention you can move",
                                  .about = fmt::format("{} parameters", grouped(translator.params().numel())),
                                  .examples = {sentence},
                                  .source = live_tokens(translator.source_tokens()),
                                  .target = live_tokens(translator.target_tokens()),
                                  .snapshots = {{1, &translator.params()}}});
  };
  l.leave_page(std::visit(html, translator.model()));
}

void show_translations(const Translator& translator, const std::vector<SentencePair>& pairs) {
  std::vector<models::Translation> translations = translator.translate(side(pairs, &SentencePair::source));
  for (size_t i = 0; i < pairs.size(); ++i) {
    const std::string text = translator.text(translations[i], pairs[i].source);
    fmt::print("  {}\n    {}   ({})\n", pairs[i].source, text,
               text == pairs[i].target ? "right" : "expected: " + pairs[i].target);
  }
}

}  // namespace lesson
