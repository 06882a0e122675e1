#include <heed/train/program/page.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>

#include <fmt/core.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/model_config.h>
#include <heed/train/program/run.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include <heed/train/show/live.h>
#include <heed/train/show/progress.h>

namespace heed::train::program {
namespace {

constexpr int64_t kMostNumbers = 30'000'000;  // 80 MB of page: a browser holds no more with ease

bool is_translator(const std::string& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  return config.has("model") && config.text("model") == "translator";
}

void check_size(const Op& op, int64_t numbers) {
  if (numbers > kMostNumbers)
    fail<UsageError>(op, "{} numbers are too many for a page; need at most {}", format_count(double(numbers)),
                     format_count(double(kMostNumbers)));
}

void check_words(const Op& op, const std::string& directory, const SentenceTokens& tokens) {
  const Tokenizer kind = Tokenizer::from_json(tokens.to_json());
  if (!std::holds_alternative<Words>(kind.kind()))
    fail<UsageError>(op, "the tokens of '{}' are pieces of words; need a translator of --tokens words", directory);
}

/// What must be equal in all snapshots of one training, as a text.
std::string likeness(const SavedTranslator& translator) {
  std::string shapes;
  for (const auto& [name, weight] : translator.params()) shapes += fmt::format("{} {}\n", name, weight.shape());
  if (const auto* model = std::get_if<models::Transformer>(&translator.model()))
    shapes += fmt::format("{} heads, pre-norm {}\n", model->config.heads, model->config.pre_norm);
  return shapes + translator.source_tokens().to_json() + translator.target_tokens().to_json();
}

std::string translator_page(const Op& op, const PageFlags& flags) {
  std::vector<std::unique_ptr<SavedTranslator>> models;
  int64_t numbers = 0;
  for (const std::string& directory : flags.models) {
    models.push_back(load_translator(directory));
    const SavedTranslator& model = *models.back();
    if (model.training().arch == Arch::rnn)
      fail<UsageError>(op, "'{}' has no attention; need a translator of --arch attention or transformer", directory);
    if (likeness(model) != likeness(*models[0]))
      fail<UsageError>(op, "'{}' has other shapes, heads or words than '{}'; need snapshots of one training", directory,
                       flags.models[0]);
    check_size(op, numbers += model.params().numel());
  }
  check_words(op, flags.models[0], models[0]->source_tokens());
  check_words(op, flags.models[0], models[0]->target_tokens());
  std::ranges::stable_sort(models, {}, [](const auto& model) { return model->training().steps; });
  const SavedTranslator& last = *models.back();
  LivePage page{
      .title = "A translator whose attention you can move",
      .about = (last.training().arch == Arch::attention ? "Encoder-decoder with attention: " : "") + last.about(),
      .examples = flags.texts,
      .source = live_tokens(last.source_tokens()),
      .target = live_tokens(last.target_tokens()),
      .most = last.training().max_length};
  if (page.examples.empty() && last.training().pairs.empty())
    page.examples = {"the small black cat did not see the dogs"};  // of the grammar
  for (const auto& model : models) page.snapshots.emplace_back(model->training().steps, &model->params());
  return std::visit([&](const auto& model) { return live_page_html(model, page); }, last.model());
}

std::string gpt_page(const Op& op, const PageFlags& flags) {
  const std::string& directory = flags.models[0];
  if (flags.models.size() > 1)
    fail<UsageError>(op, "{} models are given, and '{}' is a GPT; need one", flags.models.size(), directory);
  const SavedGpt saved = load_gpt(directory);
  if (!std::holds_alternative<Chars>(saved.tokenizer.kind()))
    fail<UsageError>(op, "the tokens of '{}' are pieces of words; need a GPT of --tokenizer chars", directory);
  check_size(op, saved.params.numel());
  const models::GptConfig& c = saved.gpt.config;
  LivePage page{
      .title = "A GPT that writes in your hands",
      .about = fmt::format("GPT of {} layers and {} heads, {} wide, {} parameters, {} characters at once", c.layers,
                           c.heads, c.channels, format_count(double(saved.params.numel())), c.context),
      .examples = flags.texts,
      .snapshots = {{0, &saved.params}}};
  page.source = live_tokens(saved.tokenizer, c.vocabulary);
  return live_page_html(saved.gpt, page);
}

}  // namespace

int write_live_page(const PageFlags& flags) {
  const Op op{"page"};
  for (const std::string& text : flags.texts)
    if (find_invalid_utf8(text) != text.npos) fail<UsageError>(op, "the text '{}' is not UTF-8; need UTF-8", text);
  AtomicFile file(flags.out);  // before models are read
  file.write(is_translator(flags.models[0]) ? translator_page(op, flags) : gpt_page(op, flags));
  file.commit();
  fmt::print(stderr, "{}: {:.1f} MB; open it in a browser\n", flags.out,
             double(std::filesystem::file_size(flags.out)) / 1e6);
  return 0;
}

}  // namespace heed::train::program
