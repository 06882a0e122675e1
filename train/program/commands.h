// What the program's commands do, and what their command lines say. All return the exit code, but where it says else,
// and throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/program/run.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>

namespace CLI {
class App;
}

namespace heed::train::program {

// --- gpt -----------------------------------------------------------------------------------------------------------

/// A preset fills what the command line leaves out.
struct GptTrainFlags : TrainFlags {
  GptTrainFlags() : TrainFlags{.out = "out/gpt"} {}
  GptTraining training = {};  // of which steps, batch and lr are given by name
  std::string tokenizer, preset = "cpu", like, init;
  std::optional<int64_t> vocabulary, steps, batch, context, layers, heads, channels;
  std::optional<double> dropout, lr;
  bool keep_cr = false, shard_optimizer = false;
};
std::vector<std::string> preset_names();
/// What --like takes, and --optimizer.
inline const std::vector<std::string> kFamilies = {"gpt2", "llama", "qwen2", "qwen3", "nanochat"};
inline const std::vector<std::string> kOptimizers = {"adamw", "muon"};
int train_gpt(const GptTrainFlags& flags);

struct GptEvaluateFlags {
  std::string model, text, weights = "f32";
  std::optional<int64_t> context;
  bool held_out = false, keep_cr = false, json = false;
};
int evaluate_gpt(const GptEvaluateFlags& flags);

struct GptSampleFlags {
  std::string model, prompt, page, weights = "f32";
  int64_t tokens = 500, samples = 1;
  double temperature = 0.8;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  uint64_t seed = 1337;
};
int sample_gpt(const GptSampleFlags& flags);

struct GptExportFlags {
  std::string model, gguf, type = "f32";
};
/// What --type takes.
std::vector<std::string> gguf_type_names();
int export_gpt(const GptExportFlags& flags);

struct PrepareFlags {
  std::string text, tokenizer, out;
  bool keep_cr = false;
};
int prepare(const PrepareFlags& flags);

// --- seq2seq -------------------------------------------------------------------------------------------------------

inline const std::vector<std::string> kTranslatorTokens = {"words", "bpe"};
constexpr int64_t kPieces = 2000;       // tokens of a language, with bpe
constexpr int64_t kFewestPieces = 259;  // the bytes and the special tokens

struct TranslatorTrainFlags : TrainFlags {
  TranslatorTrainFlags() : TrainFlags{.out = "out/seq2seq"} { training.steps = 3000; }
  TranslatorTraining training = {};  // of which arch and cell are given by name
  TranslatorSizes sizes = {};        // but for max_length, layers and heads
  std::string arch = "attention", tokens = "words";
  std::optional<std::string> cell = {};
  std::optional<int64_t> vocabulary = {}, min_count = {}, layers = {}, heads = {};
  int64_t beam = 1;  // of the translations that are scored
};
int train_translator(const TranslatorTrainFlags& flags);

struct TranslatorEvaluateFlags {
  std::string model, pairs;  // no pairs: those that the model's training held out
  int64_t beam = 1;
  bool json = false;
};
int evaluate_translator(const TranslatorEvaluateFlags& flags);

struct TranslateFlags {
  std::string model, page, beside;
  int64_t beam = 1;
  bool align = false;
  std::vector<std::string> sentences;  // none: the lines of stdin
};
int translate(const TranslateFlags& flags);

// --- tokenizer -----------------------------------------------------------------------------------------------------

constexpr int64_t kBpeVocabulary = 4096;  // unless the command line says otherwise

struct TokenizerFlags {
  std::string tokenizer, text;  // a file or directory each; no text: stdin
  int64_t vocabulary = kBpeVocabulary;
  std::vector<std::string> special = {kEndOfText};
  bool keep_cr = false;
};
int train_tokenizer(const TokenizerFlags& flags);
int encode(const TokenizerFlags& flags);
int decode(const TokenizerFlags& flags);

// --- page, book, info, completion, manual --------------------------------------------------------------------------

/// A page in which a trained model runs, or that shows attention from elsewhere.
struct PageFlags {
  std::vector<std::string> models;  ///< directories: one, or snapshots of one training
  std::string attention;            ///< instead of models: a safetensors file of weights
  std::string tokens;               ///< and the JSON file of what they are between
  std::string out = "page.html";
  std::vector<std::string> texts;  ///< the first is what a reader finds typed
};
int write_page(const PageFlags& flags);

/// Prints the path of the book: the installed one, or what scripts/book.sh wrote beside the build that this program
/// is of. Throws FileError if there is none.
int print_book();

struct InfoFlags {
  bool json = false;
};
/// What heed is, what it runs on, and how fast products are here: for reports, and to see what slows it down.
int info(const InfoFlags& flags);

/// A script for bash or zsh that completes commands, options, their choices, files and directories; and the manual
/// page, as man(1) reads it: both from the same tree of commands and the same texts as --help.
std::string completion_script(const CLI::App& app, const std::string& shell);
std::string manual_page(const CLI::App& app, const std::string& version);

}  // namespace heed::train::program
