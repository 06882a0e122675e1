// What a trained GPT writes: text, a page of what its heads look at, a GGUF file.
#include <heed/train/program/gpt.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <span>

#include <heed/autograd/grad_mode.h>
#include <heed/models/generate.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/gpt2.h>
#include <heed/train/gguf.h>
#include <heed/train/model_config.h>
#include <heed/train/program/commands.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/progress.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

constexpr int64_t kShownTokens = 200;  // of a sample while it trains

/// What the tokenizer puts before a text, and the prompt; if there is neither, a line break (or else the first
/// character), which is not printed.
std::vector<int64_t> prompt_ids(const Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<int64_t> ids = tokenizer.before();
  try {
    std::ranges::copy(tokenizer.encode(prompt), std::back_inserter(ids));
  } catch (const ValueError& error) {
    throw UsageError(error.what());
  }
  if (!ids.empty()) return ids;
  try {
    return tokenizer.encode("\n");
  } catch (const ValueError&) {
    return {0};
  }
}

}  // namespace

std::string sample_text(const models::Gpt& gpt, const Tokenizer& tokenizer, uint64_t seed) {
  const std::vector<int64_t> ids = prompt_ids(tokenizer, "");
  Rng rng(seed);
  const Tensor text = models::sample(gpt, from_vector(ids, {1, static_cast<int64_t>(ids.size())}),
                                     {.tokens = kShownTokens, .temperature = 0.8, .vocabulary = tokenizer.size()}, rng);
  const std::vector<int64_t> all = text[0].to_vector<int64_t>(), ends = tokenizer.ends();
  const std::span<const int64_t> written = std::span(all).subspan(ids.size());
  return valid_utf8(tokenizer.decode({written.begin(), std::ranges::find_first_of(written, ends)}, false));
}

namespace {

constexpr int64_t kMostOnPage = 96;  // tokens: more cannot be told apart in a matrix

/// What the heads looked at as the run read its last tokens: at the positions at which it read them, which begin anew
/// once the context is full. The very last token was written and never read, if the context was full.
AttentionPage sample_page(const SavedGpt& saved, const models::Gpt& gpt, const std::vector<int64_t>& text) {
  const models::GptConfig& c = gpt.config;
  const auto context = static_cast<size_t>(c.context);
  std::span<const int64_t> ids = text;
  if (ids.size() > context) ids = ids.first(ids.size() - 1).last(context);
  std::vector<std::string> names;
  for (const int64_t& id : ids) names.push_back(legible_bytes(saved.tokenizer.decode({&id, 1}, false)));
  AttentionMaps maps = attention_maps(gpt, ids, names);
  const size_t shown = std::min(ids.size(), static_cast<size_t>(kMostOnPage)), hidden = ids.size() - shown;
  for (std::vector<std::string>* tokens : {&maps.queries, &maps.keys})
    tokens->erase(tokens->begin(), tokens->end() - static_cast<std::ptrdiff_t>(shown));
  for (Tensor& layer : maps.layers)
    layer = layer(all, slice(static_cast<int64_t>(hidden), none), slice(static_cast<int64_t>(hidden), none));
  if (hidden > 0) maps.about += fmt::format(" {} tokens before these were seen too: rows lack their weights.", hidden);
  ids = ids.last(shown);
  const std::string which = shown < text.size() ? fmt::format("; {} of {} tokens", shown, text.size()) : "";
  return {.title = "What a GPT looks at",
          .about = fmt::format("GPT of {} and {}, {} wide, {} parameters{}", counted(c.layers, "layer"),
                               counted(c.heads, "head"), c.channels,
                               format_count(static_cast<double>(saved.params.numel())), which),
          .examples = {{.name = saved.tokenizer.decode(ids), .unknown = {}, .maps = {std::move(maps)}, .lanes = {}}}};
}

}  // namespace

models::Gpt with_weights(const SavedGpt& saved, const std::string& weights, const std::string& directory) {
  if (weights != "f32" && saved.params.dtype() != f32)
    fail<UsageError>(*Op::current(),
                     "--weights {} is given, and the weights of '{}' are {}; need weights of f32, or no --weights",
                     weights, directory, name_of(saved.params.dtype()));
  return saved.gpt.compressed(weights_named(weights));
}

int sample_gpt(const GptSampleFlags& flags) {
  const Op op{"gpt sample"};
  const bool one = flags.samples == 1;
  if (!one && !flags.page.empty())
    fail<UsageError>(op, "--samples {} is given with --page, which shows one text; need one of them", flags.samples);
  const SavedGpt saved = load_gpt(flags.model);
  const std::vector<int64_t> ids = prompt_ids(saved.tokenizer, flags.prompt);
  const models::Gpt gpt = with_weights(saved, flags.weights, flags.model);
  std::optional<AtomicFile> page;
  if (!flags.page.empty()) page.emplace(flags.page);  // before anything is said
  if (one) fmt::print("{}", flags.prompt);
  const nn::EvalMode eval;
  const NoGrad no_grad;
  std::vector<Rng> rngs;
  for (int64_t i = 0; i < flags.samples; ++i) rngs.emplace_back(flags.seed + static_cast<uint64_t>(i));
  const std::vector<int64_t> ends = saved.tokenizer.ends();
  const auto ends_text = [&](int64_t id) { return std::ranges::find(ends, id) != ends.end(); };
  std::vector<bool> ended(rngs.size());
  const auto on_token = [&](const Tensor& tokens) {
    const std::vector<int64_t> next = tokens.to_vector<int64_t>();
    for (size_t i = 0; i < next.size(); ++i) ended[i] = ended[i] || ends_text(next[i]);
    if (one && !ended[0]) fmt::print("{}", saved.tokenizer.decode(next, false));
    return std::ranges::count(ended, false) > 0 && std::fflush(stdout) == 0;
  };
  const models::SampleOptions options{.tokens = flags.tokens,
                                      .temperature = flags.temperature,
                                      .top_k = flags.top_k,
                                      .top_p = flags.top_p,
                                      .vocabulary = saved.tokenizer.size(),
                                      .on_token = on_token};
  const Tensor texts = models::sample(gpt, from_vector(ids, {1, std::ssize(ids)}), options, rngs);
  fmt::print("{}", one ? "\n" : "");
  for (int64_t i = 0; i < flags.samples && !one; ++i) {
    const std::vector<int64_t> text = texts[i].to_vector<int64_t>();
    const std::span<const int64_t> written = std::span(text).subspan(ids.size());
    fmt::print("--- seed {} ---\n{}{}\n", flags.seed + static_cast<uint64_t>(i), flags.prompt,
               saved.tokenizer.decode({written.begin(), std::ranges::find_if(written, ends_text)}, false));
  }
  if (page) {
    page->write(page_html(sample_page(saved, gpt, texts[0].to_vector<int64_t>())));
    page->commit();
  }
  return 0;
}

// --- export --------------------------------------------------------------------------------------------------------

namespace {

constexpr std::pair<const char*, GgufType> kGgufTypes[] = {
    {"f32", GgufType::f32}, {"f16", GgufType::f16}, {"q8_0", GgufType::q8_0}};

/// What --license said in training; empty for a folder that heed did not train.
std::string license_of(const std::filesystem::path& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  return config.optional("heed").has("training") ? read_gpt_training(config).rules.license : "";
}

}  // namespace

std::vector<std::string> gguf_type_names() {
  std::vector<std::string> names;
  for (const auto& [name, type] : kGgufTypes) names.emplace_back(name);
  return names;
}

int export_gpt(const GptExportFlags& flags) {
  const Op op{"gpt export"};
  const SavedGpt saved = load_gpt(flags.model);
  const auto type = std::ranges::find(kGgufTypes, flags.type, &std::pair<const char*, GgufType>::first);
  if (const int64_t wider =
          save_gguf(flags.gguf, saved.params, saved.gpt.config, saved.tokenizer, type->second, license_of(flags.model)))
    say("{} matrices are f16, as 32 does not divide their rows, which q8_0 needs\n", wider);
  if (saved.gpt.config.gelu != Gelu::tanh)
    say("Its gelu is exact, but llama.cpp's is GPT-2's tanh: logits will differ from the fourth digit on\n");
  return 0;
}

}  // namespace heed::train::program
