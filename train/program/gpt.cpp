// `heed gpt train` and `heed gpt sample`.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "autograd/grad_mode.h"
#include "models/generate.h"
#include "train/atomic_file.h"
#include "train/clip.h"
#include "train/data/default_text.h"
#include "train/data/text.h"
#include "train/page_models.h"
#include "train/program/commands.h"
#include "train/program/gpt_model.h"
#include "train/program/usage.h"
#include "train/progress.h"
#include "train/trainer.h"

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
    {"cpu", 4, 4, 128, 64, 12, 2000, 500, 0},       // nanoGPT's README, "i only have a macbook"
    {"baby", 6, 6, 384, 256, 64, 5000, 250, 0.2},   // nanoGPT's config/train_shakespeare_char.py
};

/// What the command line says; a preset fills what it leaves out.
struct TrainFlags {
  std::string text, preset = "cpu", out = "out/gpt";
  std::optional<int64_t> steps, batch, context, layers, heads, channels, threads;
  std::optional<double> dropout, lr;
  std::optional<uint64_t> seed;
  bool json = false, resume = false;
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

/// The text of a file, or the default; `training` learns its name.
std::string load_text(GptTraining& training) {
  if (!training.text.empty()) {
    training.text_name = training.text;
    return read_text(training.text);
  }
  Rng rng(0);  // of the stories, apart from the seed of the run
  DefaultText found = default_text(rng);
  training.text_name = found.bible ? "the King James Bible" : "stories from the grammar (package bible-kjv is not installed)";
  return std::move(found.text);
}

Run new_run(const TrainFlags& flags) {
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
    fail<UsageError>({"gpt train"}, "--heads {} does not divide --channels {}; need a divisor", run.model.heads, run.model.channels);
  run.training.text = flags.text;
  run.training.steps = flags.steps.value_or(preset.steps);
  run.training.batch = flags.batch.value_or(preset.batch);
  run.training.evaluate_every = preset.evaluate_every;
  run.training.lr = flags.lr.value_or(run.training.lr);
  run.training.seed = flags.seed.value_or(run.training.seed);
  run.text = load_text(run.training);
  return run;
}

Run resumed_run(const Config& config) {
  Run run{read_gpt_config(config), read_gpt_training(config), {}};
  run.text = load_text(run.training);
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

void print_report(const TrainingReport& report, int64_t parameters, double val_loss) {
  const Json json = {{"parameters", parameters},
                     {"steps", report.steps},
                     {"train_loss", report.train_loss},
                     {"val_loss", val_loss},
                     {"seconds", report.seconds},
                     {"tokens_per_s", report.tokens_per_second},
                     {"peak_mib", peak_mib()}};
  fmt::print("{}\n", dump_json(json));
}

void check_length(const Corpus& corpus, const Run& run) {
  const auto train = std::ssize(corpus.tokens(Part::train)), validation = std::ssize(corpus.tokens(Part::validation));
  if (train <= run.model.context || validation < 2)
    fail<FileError>({"gpt train"}, "{} is too short: {} characters to train on and {} to validate on; need more than the context, {}, and 2",
                    run.training.text_name, train, validation, run.model.context);
}

/// Returns the exit code.
int train(const TrainFlags& flags) {
  use_threads(flags.threads);
  const std::filesystem::path directory = flags.out;
  std::optional<Config> config;
  if (flags.resume) config = Config::read(directory);
  Run run = config ? resumed_run(*config) : new_run(flags);
  const Corpus corpus = config ? Corpus::from_text(run.text, read_chars(*config)) : Corpus::from_text(run.text);
  run.model.vocabulary = corpus.vocabulary();
  check_length(corpus, run);
  make_directory(directory);

  Rng rng(run.training.seed);
  nn::Parameters params(rng);
  const models::Gpt gpt(params.root(), run.model);
  const models::GptConfig& model = run.model;
  const GptTraining& training = run.training;
  const int64_t warmup = std::min<int64_t>(100, training.steps / 10);
  AdamW optimizer(params, {.lr = training.lr, .beta2 = 0.99, .weight_decay = 0.1});
  Trainer trainer(params, optimizer,
                  {.steps = training.steps,
                   .lr = warmup_cosine({.lr = training.lr, .min_lr = training.lr / 10, .warmup = warmup, .decay_steps = training.steps}),
                   .clip_norm = 1,
                   .evaluate_every = training.evaluate_every,
                   .directory = directory});
  if (flags.resume) trainer.resume();
  fmt::print(stderr, "GPT of {} parameters learns {} ({} characters, {} distinct) in {} steps\n", format_count(static_cast<double>(params.numel())),
             training.text_name, format_count(static_cast<double>(run.text.size())), corpus.vocabulary(), training.steps);

  const std::vector<TokenBatch> windows = corpus.windows(std::max<int64_t>(1, 4096 / model.context), model.context);
  const TrainingReport report = trainer.run(
      [&](int64_t) {
        const auto [x, y] = corpus.batch(training.batch, model.context, rng);
        return Step{[&gpt, x = x, y = y] { return cross_entropy(gpt(x), y); }, x.numel()};
      },
      [&] { return Numbers{{"val_loss", validation_loss(gpt, windows)}}; },
      [&] { save_gpt(directory, params, model, corpus.chars(), training); });

  if (report.interrupted) {
    fmt::print(stderr, "Interrupted after step {}; saved. To go on: heed gpt train --resume --out {}\n", report.steps, directory.string());
    return 130;
  }
  fmt::print(stderr, "val_loss {:.4f} after {} steps in {}; saved in {}\n", report.evaluation[0].second, report.steps,
             format_duration(report.seconds), directory.string());
  if (flags.json) print_report(report, params.numel(), report.evaluation[0].second);
  return 0;
}

void add_train(CLI::App& gpt, int& exit_code) {
  const auto flags = std::make_shared<TrainFlags>();
  std::vector<std::string> presets;
  for (const Preset& preset : kPresets) presets.emplace_back(preset.name);
  constexpr int64_t kMost = 1'000'000;

  CLI::App* command = gpt.add_subcommand("train", "Train a GPT on the characters of a text");
  const auto run = [&](const std::string& name, auto& value, const std::string& type, const CLI::Validator& valid, const std::string& help) {
    command->add_option(name, value, help)->type_name(type)->check(valid)->group(kRunGroup);
  };
  command->add_option("--text", flags->text, "UTF-8 text; its last 10% validates (default: the King James Bible)")->type_name("FILE")->group(kRunGroup);
  run("--preset", flags->preset, "micro|cpu|baby", one_of(presets), "sizes and steps for what is not given below (default: cpu)");
  run("--steps", flags->steps, "N", whole_number(0), "updates");
  run("--batch", flags->batch, "N", whole_number(1, kMost), "windows of the text in each step");
  run("--context", flags->context, "N", whole_number(1, kMost), "characters that the model sees at once");
  run("--layers", flags->layers, "N", whole_number(1, 1000), "blocks");
  run("--heads", flags->heads, "N", whole_number(1, kMost), "attention heads of each block; must divide the channels");
  run("--channels", flags->channels, "N", whole_number(1, kMost), "width");
  run("--dropout", flags->dropout, "X", number(0, true, 1), "share of activations zeroed in training");
  run("--lr", flags->lr, "X", number(0, false, INFINITY), "learning rate after warm-up; falls to a tenth (default: 0.001)");
  run("--seed", flags->seed, "N", whole_number(0, kMostSeed), "of everything random (default: 1337)");
  command->add_option("--threads", flags->threads, "at most so many at once (default: all cores)")->type_name("N")->check(whole_number(1, 1024));
  command->add_option("--out", flags->out, "directory of the model (default: out/gpt)")->type_name("DIR");
  command->add_flag("--json", flags->json, "print one JSON object on stdout at the end");
  command->add_flag("--resume", flags->resume, "go on with the interrupted run in --out");
  command->callback([command, flags, &exit_code] {
    if (flags->resume) check_resume(*command);
    exit_code = train(*flags);
  });
}

// --- sample --------------------------------------------------------------------------------------------------------

constexpr int64_t kMostOnPage = 96;  // characters: more cannot be told apart in a matrix

struct SampleFlags {
  std::string model, prompt, page;
  int64_t tokens = 500;
  double temperature = 0.8;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  uint64_t seed = 1337;
};

/// The prompt, or if there is none a line break (or else the first character), which is not printed.
std::vector<int64_t> prompt_ids(const Chars& chars, const std::string& prompt) {
  try {
    if (!prompt.empty()) return chars.encode(prompt);
  } catch (const ValueError& error) {
    throw UsageError(error.what());
  }
  try {
    return chars.encode("\n");
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
  for (const int64_t& id : ids) names.push_back(saved.chars.decode({&id, 1}));
  const std::string which = shown < text.size() ? fmt::format("; the last {} of {} characters", shown, text.size()) : "";
  return {.title = "What a GPT looks at",
          .about = fmt::format("GPT of {} layers and {} heads, {} wide, {} parameters{}", c.layers, c.heads, c.channels,
                               format_count(static_cast<double>(saved.params.numel())), which),
          .examples = {{.name = saved.chars.decode(ids), .unknown = {}, .maps = {attention_maps(saved.gpt, ids, names)}, .lanes = {}}}};
}

int sample(const SampleFlags& flags) {
  const SavedGpt saved(flags.model);
  const std::vector<int64_t> ids = prompt_ids(saved.chars, flags.prompt);
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
                        fmt::print("{}", saved.chars.decode({&id, 1}));
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

void add_sample(CLI::App& gpt, int& exit_code) {
  const auto flags = std::make_shared<SampleFlags>();
  CLI::App* command = gpt.add_subcommand("sample", "Write with a trained GPT");
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  command->add_option("--prompt", flags->prompt, "text to continue; only characters that the model knows")->type_name("TEXT");
  const auto option = [&](const std::string& name, auto& value, const std::string& type, const CLI::Validator& valid, const std::string& help) {
    command->add_option(name, value, help)->type_name(type)->check(valid);
  };
  option("--tokens", flags->tokens, "N", whole_number(0), "characters to write (default: 500)");
  option("--temperature", flags->temperature, "X", number(0, true, INFINITY), "0: always the likeliest; 1: as learnt (default: 0.8)");
  option("--top-k", flags->top_k, "K", whole_number(1), "only the K likeliest characters");
  option("--top-p", flags->top_p, "P", number(0, false, 1), "only the likeliest characters, of probability P together");
  option("--seed", flags->seed, "N", whole_number(0, kMostSeed), "of the sample (default: 1337)");
  command->add_option("--page", flags->page, "write an HTML page that shows what every head looks at")->type_name("FILE");
  command->callback([flags, &exit_code] { exit_code = sample(*flags); });
}

}  // namespace

void add_gpt(CLI::App& app, int& exit_code) {
  CLI::App* gpt = app.add_subcommand("gpt", "Generative pretrained transformers, character by character");
  require_command(*gpt);
  add_train(*gpt, exit_code);
  add_sample(*gpt, exit_code);
}

}  // namespace heed::train::program
