#include <heed/train/program/gpt.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <span>

#include <heed/autograd/grad_mode.h>
#include <heed/models/generate.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/parallel.h>
#include <heed/train/clip.h>
#include <heed/train/data/corpus.h>
#include <heed/train/data/default_text.h>
#include <heed/train/data/text.h>
#include <heed/train/gguf.h>
#include <heed/train/model_config.h>
#include <heed/train/program/report.h>
#include <heed/train/program/usage.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/progress.h>
#include <heed/train/trainer.h>

namespace heed::train::program {
namespace {

// --- train ---------------------------------------------------------------------------------------------------------

struct Preset {
  const char* name;
  int64_t layers, heads, channels, context, batch, steps, evaluate_every;
  double dropout;
};
constexpr Preset kPresets[] = {
    {"micro", 2, 2, 32, 32, 4, 2000, 500, 0},
    {"cpu", 4, 4, 128, 64, 12, 2000, 500, 0},      // nanoGPT's README, "i only have a macbook"
    {"baby", 6, 6, 384, 256, 64, 5000, 250, 0.2},  // nanoGPT's config/train_shakespeare_char.py
};

/// Everything that decides a run.
struct Run {
  models::GptConfig model;
  GptTraining training;
  std::string text;
};

const Preset& preset_of(const std::string& name) {
  for (const Preset& preset : kPresets)
    if (name == preset.name) return preset;
  fail<UsageError>({"gpt train"}, "no preset '{}'", name);
}

std::string hash_of(const std::string& text) { return fmt::format("{:016x}", fnv1a(text)); }

/// The text of a file, or the default; `training` learns its name.
std::string load_text(GptTraining& training) {
  if (!training.text.empty()) {
    training.text_name = training.text;
    return read_text(training.text);
  }
  Rng rng(0);  // of the stories, apart from the seed of the run
  DefaultText found = default_text(rng);
  training.text_name =
      found.bible ? "the King James Bible" : "stories from the grammar (package bible-kjv is not installed)";
  return std::move(found.text);
}

Run new_run(const GptTrainFlags& flags) {
  const Preset& preset = preset_of(flags.preset);
  Run run;
  run.model = {.vocabulary = 1,  // known once the text is read
               .context = flags.context.value_or(preset.context),
               .layers = flags.layers.value_or(preset.layers),
               .heads = flags.heads.value_or(preset.heads),
               .channels = flags.channels.value_or(preset.channels),
               .dropout = flags.dropout.value_or(preset.dropout),
               .bias = false,
               .gelu = Gelu::erf};
  if (run.model.channels % run.model.heads != 0)
    fail<UsageError>({"gpt train"}, "--heads {} does not divide --channels {}; need a divisor", run.model.heads,
                     run.model.channels);
  run.training.text = flags.text;
  run.training.steps = flags.steps.value_or(preset.steps);
  run.training.batch = flags.batch.value_or(preset.batch);
  run.training.evaluate_every = preset.evaluate_every;
  run.training.lr = flags.lr.value_or(run.training.lr);
  run.training.seed = flags.seed.value_or(run.training.seed);
  run.text = load_text(run.training);
  run.training.characters = std::ssize(run.text);
  run.training.text_hash = hash_of(run.text);
  return run;
}

/// The run of a directory, on the text that it began with. Directories of old versions do not tell which that was.
Run resumed_run(const ModelConfig& config) {
  Run run{read_gpt_config(config), read_gpt_training(config), {}};
  run.text = load_text(run.training);
  if (!run.training.text_hash.empty() && hash_of(run.text) != run.training.text_hash)
    fail<FileError>({"gpt train"},
                    "{} has changed: it has {} bytes, or others, where the interrupted run had {}; need the same text",
                    run.training.text_name, run.text.size(), run.training.characters);
  return run;
}

/// Mean cross-entropy over all of the validation part, in nats a character.
double validation_loss(const models::Gpt& gpt, const std::vector<TokenBatch>& windows) {
  double sum = 0, count = 0;
  for (const auto& [x, y] : windows) {
    const double n = static_cast<double>(y.numel());
    sum += cross_entropy(gpt(x), y).item<double>() * n;
    count += n;
  }
  return sum / count;
}

Chars chars_of(const Tokenizer& tokenizer) {
  if (const auto* chars = std::get_if<Chars>(&tokenizer.kind())) return *chars;
  fail<FileError>({"gpt train"}, "the tokenizer is none of characters; need the directory of an interrupted run");
}

void check_length(const Corpus& corpus, const Run& run) {
  const auto train = std::ssize(corpus.tokens(Part::train)), validation = std::ssize(corpus.tokens(Part::validation));
  if (train <= run.model.context || validation < 2)
    fail<FileError>(
        {"gpt train"},
        "{} is too short: {} characters to train on and {} to validate on; need more than the context, {}, and 2",
        run.training.text_name, train, validation, run.model.context);
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

int train_gpt(const GptTrainFlags& flags) {
  if (flags.threads) set_num_threads(static_cast<int>(*flags.threads));
  const std::filesystem::path directory = flags.out;
  std::optional<ModelConfig> config;
  if (flags.resume) config = ModelConfig::read(directory);
  Run run = config ? resumed_run(*config) : new_run(flags);
  const Corpus corpus =
      config ? Corpus::from_text(run.text, chars_of(read_tokenizer(directory, *config))) : Corpus::from_text(run.text);
  run.model.vocabulary = corpus.vocabulary();
  check_length(corpus, run);
  make_directory(directory);

  Rng rng(run.training.seed);
  nn::Parameters params(rng);
  const models::Gpt gpt(params, run.model);
  const models::GptConfig& model = run.model;
  const GptTraining& training = run.training;
  const int64_t warmup = std::min<int64_t>(100, training.steps / 10);
  AdamW optimizer(params, {.lr = training.lr, .beta2 = 0.99, .weight_decay = 0.1});
  Trainer trainer(
      params, optimizer,
      {.steps = training.steps,
       .lr = warmup_cosine(
           {.lr = training.lr, .min_lr = training.lr / 10, .warmup = warmup, .decay_steps = training.steps}),
       .clip_norm = 1,
       .evaluate_every = training.evaluate_every,
       .directory = directory});
  if (flags.resume) trainer.resume();
  fmt::print(stderr, "GPT of {} parameters learns {} ({} characters, {} distinct) in {} steps\n",
             format_count(static_cast<double>(params.numel())), training.text_name,
             format_count(static_cast<double>(run.text.size())), corpus.vocabulary(), training.steps);

  const std::vector<TokenBatch> windows = corpus.windows(std::max<int64_t>(1, 4096 / model.context), model.context);
  const TrainingReport report = trainer.run(
      [&](int64_t) {
        const auto [x, y] = corpus.batch(training.batch, model.context, rng);
        return Step{[&gpt, x = x, y = y] { return cross_entropy(gpt(x), y); }, x.numel()};
      },
      [&] {
        return Measurements{{"val_loss", validation_loss(gpt, windows)}};
      },
      [&] { save_gpt(directory, params, model, corpus.chars(), training); });

  if (report.interrupted) {
    fmt::print(stderr, "Interrupted after step {}; saved. To go on: heed gpt train --resume --out {}\n", report.steps,
               directory.string());
    return 130;
  }
  fmt::print(stderr, "val_loss {:.4f} after {} steps in {}; saved in {}\n", report.evaluation[0].second, report.steps,
             format_duration(report.seconds), directory.string());
  if (flags.json) print_report(report, params.numel(), report.evaluation[0].second);
  return 0;
}

// --- sample --------------------------------------------------------------------------------------------------------

namespace {

constexpr int64_t kMostOnPage = 96;  // characters: more cannot be told apart in a matrix

/// The prompt, or if there is none a line break (or else the first character), which is not printed.
std::vector<int64_t> prompt_ids(const Tokenizer& tokenizer, const std::string& prompt) {
  try {
    if (!prompt.empty()) return tokenizer.encode(prompt);
  } catch (const ValueError& error) {
    throw UsageError(error.what());
  }
  try {
    return tokenizer.encode("\n");
  } catch (const ValueError&) {
    return {0};
  }
}

/// What the heads look at in the last characters of the text, as many as the context holds.
AttentionPage sample_page(const SavedGpt& saved, const std::vector<int64_t>& text) {
  const models::GptConfig& c = saved.gpt.config;
  const size_t shown = std::min(text.size(), static_cast<size_t>(std::min(c.context, kMostOnPage)));
  const auto ids = std::span(text).last(shown);
  std::vector<std::string> names;
  for (const int64_t& id : ids) names.push_back(saved.tokenizer.decode({&id, 1}));
  const std::string which =
      shown < text.size() ? fmt::format("; the last {} of {} characters", shown, text.size()) : "";
  return {.title = "What a GPT looks at",
          .about = fmt::format("GPT of {} layers and {} heads, {} wide, {} parameters{}", c.layers, c.heads, c.channels,
                               format_count(static_cast<double>(saved.params.numel())), which),
          .examples = {{.name = saved.tokenizer.decode(ids),
                        .unknown = {},
                        .maps = {attention_maps(saved.gpt, ids, names)},
                        .lanes = {}}}};
}

}  // namespace

int sample_gpt(const GptSampleFlags& flags) {
  const SavedGpt saved = load_gpt(flags.model);
  const std::vector<int64_t> ids = prompt_ids(saved.tokenizer, flags.prompt);
  std::optional<AtomicFile> page;
  if (!flags.page.empty()) page.emplace(flags.page);  // before anything is said
  fmt::print("{}", flags.prompt);
  const nn::EvalMode eval;
  const NoGrad no_grad;
  Rng rng(flags.seed);
  const Tensor text = models::sample(saved.gpt, from_vector(ids, {1, static_cast<int64_t>(ids.size())}),
                                     {.tokens = flags.tokens,
                                      .temperature = flags.temperature,
                                      .top_k = flags.top_k,
                                      .top_p = flags.top_p,
                                      .on_token =
                                          [&](const Tensor& token) {
                                            const int64_t id = token.item<int64_t>();
                                            fmt::print("{}", saved.tokenizer.decode({&id, 1}));
                                            return std::fflush(stdout) == 0;
                                          }},
                                     rng);
  fmt::print("\n");
  if (page) {
    page->write(page_html(sample_page(saved, text[0].to_vector<int64_t>())));
    page->commit();
  }
  return 0;
}

// --- export --------------------------------------------------------------------------------------------------------

namespace {

constexpr std::pair<const char*, GgufType> kGgufTypes[] = {
    {"f32", GgufType::f32}, {"f16", GgufType::f16}, {"q8_0", GgufType::q8_0}};

}  // namespace

std::vector<std::string> gguf_type_names() {
  std::vector<std::string> names;
  for (const auto& [name, type] : kGgufTypes) names.emplace_back(name);
  return names;
}

int export_gpt(const GptExportFlags& flags) {
  const SavedGpt saved = load_gpt(flags.model);
  const auto type = std::ranges::find(kGgufTypes, flags.type, &std::pair<const char*, GgufType>::first);
  save_gguf(flags.gguf, saved.params, saved.gpt.config, saved.tokenizer, type->second);
  if (saved.gpt.config.gelu != Gelu::tanh)
    fmt::print(stderr,
               "Its gelu is exact, but llama.cpp's is GPT-2's tanh: logits will differ from the fourth digit on\n");
  return 0;
}

}  // namespace heed::train::program
