#include <heed/train/show/page_translator.h>

#include <heed/train/show/progress.h>

namespace heed::train {
namespace {

std::string describe(const models::Seq2SeqConfig& c) {
  return c.cell == nn::Cell::lstm ? "LSTM" : c.cell == nn::Cell::gru ? "GRU" : "RNN";
}

std::string describe(const models::TransformerConfig& c) {
  return fmt::format("Transformer of {} layers and {} heads", c.layers, c.heads);
}

}  // namespace

TranslatedSentence translated(const Translator& translator, const std::string& sentence,
                              const models::Translation& translation, Loc loc) {
  const Op op{"translated", loc};
  const SentenceTokens &source = translator.source_tokens(), &target = translator.target_tokens();
  TranslatedSentence s{.source = source.encode(sentence),
                       .written = translation.tokens,
                       .source_words = source.shown(sentence),
                       .begin = target.begin(),
                       .begin_word = target.shown(target.begin())};
  if (translation.finished) s.written.push_back(target.end());
  for (const int64_t id : s.written) s.written_words.push_back(target.shown(id));
  return s;
}

PageExample page_example(const SavedTranslator& translator, const std::string& sentence,
                         const models::Translation& translation, Loc loc) {
  const Op op{"page_example", loc};
  const TranslatedSentence s = translated(translator, sentence, translation);
  return {.name = sentence,
          .unknown = translator.source_tokens().unknown(sentence),
          .maps = std::visit([&](const auto& model) { return attention_maps(model, s); }, translator.model()),
          .lanes = {page_lane(translator, sentence, translation)}};
}

PageLane page_lane(const SavedTranslator& translator, const std::string& sentence,
                   const models::Translation& translation, Loc loc) {
  const Op op{"page_lane", loc};
  const TranslatedSentence s = translated(translator, sentence, translation);
  PageLane lane = std::visit([&](const auto& model) { return page_lane(model, s); }, translator.model());
  lane.about = about(translator);
  return lane;
}

std::string about(const SavedTranslator& translator) {
  return fmt::format("{}, {} parameters, {} steps",
                     std::visit([](const auto& model) { return describe(model.config); }, translator.model()),
                     format_count(static_cast<double>(translator.params().numel())),
                     translator.training().rules.done.value_or(translator.training().steps));
}

}  // namespace heed::train
