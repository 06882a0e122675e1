// The command line of `heed`: every command with its options, their limits and what --help says of them.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/parallel.h>
#include <heed/train/data/text.h>
#include <heed/train/program/commands.h>
#include <heed/train/program/options.h>
#include <heed/train/translator.h>

namespace heed::train::program {
namespace {

constexpr int64_t kMostSeed = int64_t{1} << 53;  // what JSON can hold
constexpr int64_t kMost = 1'000'000;             // of any size
constexpr const char* kRunGroup = "The run";     // the group of the options that decide a training run

/// Makes `app` ask for one of its commands if none is given.
void require_command(CLI::App& app) {
  app.require_subcommand(0, 1);  // what is given and unknown is then said to be so
  app.callback([&app] {
    if (!app.get_subcommands().empty()) return;
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    throw UsageError(fmt::format("need a command: {}", join(names, ", ")));
  });
}

/// A command of `parent`, and the flags that its options set and `run` gets.
template <class Flags>
std::pair<CLI::App*, std::shared_ptr<Flags>> add_command(CLI::App& parent, const char* name, const char* about,
                                                         int (*run)(const Flags&), int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = parent.add_subcommand(name, about);
  command->callback([flags, run, &exit_code] { exit_code = run(*flags); });
  return {command, flags};
}

/// Of every command that computes.
void add_threads(CLI::App* command) {
  command
      ->add_option_function<int>(
          "--threads", [](int count) { set_num_threads(count); },
          "at most so many at once (default: what heed info says)")
      ->type_name("N")
      ->check(whole_number(1, 1024));
}

/// Of every command that reads a trained GPT.
void add_weights(CLI::App* command, std::string& weights) {
  add_option(command, "--weights", weights, "f32|bf16|q8", one_of({"f32", "bf16", "q8"}),
             "how matrices are kept: in a half (bf16) or a quarter (q8) of the bytes, which is faster (default: f32)");
}

/// What --resume takes too, and else has as the interrupted run did: where files are, and what decides no number.
const std::vector<std::string> kAgain = {"--text",       "--pairs", "--valid-pairs", "--sample-every",
                                         "--save-every", "--keep",  "--beam"};

/// Throws UsageError if an option that decides a run was given: an interrupted run has its own.
void check_resume(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && option->get_group() == kRunGroup && std::ranges::count(kAgain, option->get_name()) == 0)
      fail<UsageError>({"--resume"}, "{} is given too; need none, as the interrupted run goes on with its own",
                       option->get_name());
}

/// Gives the command what the interrupted run was given of kAgain, where it has nothing itself. Returns all of that.
Metadata remember(CLI::App& command, const TrainFlags& flags) {
  const std::filesystem::path state = std::filesystem::path(flags.out) / kStateFile;
  Metadata before, now;
  if (flags.resume && is_there(state)) before = SafetensorsFile(state).metadata();
  for (const std::string& name : kAgain) {
    CLI::Option* option = command.get_option_no_throw(name);
    if (!option) continue;
    if (const std::string& said = before[name]; option->count() == 0 && !said.empty()) {
      option->add_result(said);
      option->run_callback();
    }
    if (option->count() > 0) now[name] = join(option->results(), ",");
  }
  return now;
}

/// The options that every training has after its own, and what runs it.
template <class Flags>
void end_training(CLI::App* command, const std::shared_ptr<Flags>& flags, int (*train)(const Flags&), int& exit_code) {
  const auto run = [command](auto&&... option) { return add_option(command, option...)->group(kRunGroup); };
  run("--accumulate", flags->rules.accumulate, "N", whole_number(1, 1'000'000),
      "batches whose gradients make one step (default: 1)");
  run("--ema", flags->rules.ema, "DECAY", number(0, false, 1, true),
      "evaluate and save a running average of the weights, such as 0.999 (default: the weights)");
  run("--precision", flags->precision, "f32|bf16|auto", one_of({"f32", "bf16", "auto"}),
      "what matrix products read; bf16 takes a half to a fifth of their time where heed info has it, auto takes it "
      "where it is faster (default: f32)");
  run("--license", flags->rules.license, "ID", one_line(),
      "licence of the model as SPDX names it, such as MIT, kept with its weights (default: unknown)");
  run("--evaluate-every", flags->evaluate_every, "N", whole_number(1), "steps between evaluations on a fixed sample");
  run("--patience", flags->rules.patience, "N", whole_number(1),
      "stop after so many evaluations without a better one (default: never)");
  add_option(command, "--sample-every", flags->sample_every, "N", whole_number(1),
             "steps between samples of what the model writes (default: one at the end)");
  add_option(command, "--time-limit", flags->trainer.time_limit, "SECONDS", number(0, false, 1e9),
             "save and stop after so long; --resume goes on");
  add_threads(command);
  add_option(command, "--out", flags->out, "DIR", fmt::format("directory of the model (default: {})", flags->out));
  add_option(command, "--save-every", flags->trainer.save_every, "N", whole_number(1),
             "steps between saves, which --resume goes on from (default: 100)");
  command
      ->add_option_function<std::string>(
          "--keep", [flags](const std::string& list) { flags->trainer.keep = numbers_in(list); },
          "steps after which the model is also kept, in DIR/steps/N, such as 0,50,100,200, for heed page")
      ->type_name("N,N,...")
      ->check(whole_numbers(0))
      ->multi_option_policy(CLI::MultiOptionPolicy::Join);
  command->add_flag("--tensorboard", flags->trainer.tensorboard,
                    "write an event file for TensorBoard beside metrics.jsonl");
  command->add_flag("--json", flags->json, "print one JSON object on stdout at the end");
  command->add_flag("--overwrite", flags->overwrite, "replace the model in --out, if there is one")->group(kRunGroup);
  command->add_flag("--resume", flags->resume, "go on with the interrupted run in --out");
  command->callback([command, flags, train, &exit_code] {
    if (flags->resume) check_resume(*command);
    flags->keep_anew = !flags->trainer.keep.empty();
    flags->trainer.notes = remember(*command, *flags);
    exit_code = train(*flags);
  });
}

// --- heed gpt ------------------------------------------------------------------------------------------------------

void add_gpt_train(CLI::App& gpt, int& exit_code) {
  const auto flags = std::make_shared<GptTrainFlags>();
  CLI::App* command = gpt.add_subcommand("train", "Train a GPT on a text");
  const auto run = [command](auto&&... option) { return add_option(command, option...)->group(kRunGroup); };
  run("--text", flags->training.text, "FILE|DIR",
      "UTF-8 text, whose last 10% validates, or a directory that gpt prepare, nanoGPT or llm.c wrote "
      "(default: the King James Bible)");
  command->add_flag("--keep-cr", flags->keep_cr, "keep the text's \"\\r\\n\" and byte order mark as characters")
      ->group(kRunGroup);
  run("--tokenizer", flags->tokenizer, "chars|bpe|FILE",
      "characters, a byte-level BPE that learns the text, or a tokenizer.json (default: chars, or that of a directory "
      "of ids)");
  run("--vocabulary", flags->vocabulary, "N", whole_number(257, kMost),
      fmt::format("tokens of --tokenizer bpe (default: {})", kBpeVocabulary));
  run("--preset", flags->preset, join(preset_names(), "|"), one_of(preset_names()),
      "sizes and steps for what is not given below (default: cpu)");
  run("--like", flags->like, join(kFamilies, "|"), one_of(kFamilies),
      "the blocks of that family of models (default: gpt2; of --preset modern: qwen3)");
  run("--init", flags->init, "DIR",
      "begin with that model: a directory of heed's, or a gpt2, llama, mistral, qwen2, qwen3 or nanochat that "
      "transformers wrote");
  run("--freeze", flags->training.frozen, "PATTERN",
      "leave parameters as they are: a module or a pattern, \"h.0\", \"*.bias\" (may be given again)")
      ->allow_extra_args(false);
  run("--lora", flags->training.lora, "RANK", whole_number(1, kMost),
      "train additions of that rank to the layers of --init alone; they are added up in what is saved");
  run("--optimizer", flags->training.optimizer, join(kOptimizers, "|"), one_of(kOptimizers),
      "of the weights; muon takes matrices, and leaves the rest to AdamW (default: adamw)");
  run("--steps", flags->steps, "N", whole_number(0), "updates");
  run("--batch", flags->batch, "N", whole_number(1, kMost), "windows of the text in each step, of each process");
  run("--context", flags->context, "N", whole_number(1, kMost),
      "tokens that the model sees at once; with --init, that it is trained on at once");
  run("--layers", flags->layers, "N", whole_number(1, 1000), "blocks");
  run("--heads", flags->heads, "N", whole_number(1, kMost), "attention heads of each block; must divide the channels");
  run("--channels", flags->channels, "N", whole_number(1, kMost), "width");
  run("--dropout", flags->dropout, "X", number(0, true, 1, true), "share of activations zeroed in training");
  run("--lr", flags->lr, "X", number(0, false, INFINITY),
      "learning rate after warm-up; falls to a tenth (default: 0.001; with --init but not --lora 0.0001)");
  run("--seed", flags->training.seed, "N", whole_number(0, kMostSeed), "of everything random (default: 1337)");
  command->add_flag("--shard-optimizer", flags->shard_optimizer,
                    "under mpirun: each process keeps the moments of its share of the weights only");
  examples(command, {"heed gpt train --text input.txt --preset cpu --out shakespeare",
                     "heed gpt train --init shakespeare --text sonnets.txt --lora 8 --out sonnets"});
  end_training(command, flags, train_gpt, exit_code);
}

void add_gpt_evaluate(CLI::App& gpt, int& exit_code) {
  const auto [command, flags] = add_command(
      gpt, "evaluate", "Tell how well a GPT predicts a text: loss, perplexity, bits a byte", evaluate_gpt, exit_code);
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  add_option(command, "--text", flags->text, "FILE|DIR",
             "UTF-8 text, or a directory of ids, whose validation part is predicted")
      ->required();
  command->add_flag("--held-out", flags->held_out, "only the last 10% of the text, which training on it leaves out");
  command->add_flag("--keep-cr", flags->keep_cr, "keep the text's \"\\r\\n\" and byte order mark, as gpt train has it");
  add_option(
      command, "--context", flags->context, "N", whole_number(1, kMost),
      "tokens of a window, in which each is predicted from those before it (default: the model's, at most 1024)");
  add_weights(command, flags->weights);
  add_threads(command);
  command->add_flag("--json", flags->json, "print one JSON object");
  examples(command, {"heed gpt evaluate --model shakespeare --text input.txt --held-out",
                     "heed gpt evaluate --model shakespeare --text sonnets.txt --weights q8"});
}

void add_gpt_sample(CLI::App& gpt, int& exit_code) {
  const auto [command, flags] = add_command(gpt, "sample", "Write with a trained GPT", sample_gpt, exit_code);
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  add_option(command, "--prompt", flags->prompt, "TEXT", "text to continue; only of tokens that the model knows");
  add_option(command, "--tokens", flags->tokens, "N", whole_number(0),
             "tokens to write, if the text does not end before (default: 500)");
  add_option(command, "--temperature", flags->temperature, "X", number(0, true, INFINITY),
             "0: always the likeliest; 1: as learnt (default: 0.8)");
  add_option(command, "--top-k", flags->top_k, "K", whole_number(1), "only the K likeliest tokens");
  add_option(command, "--top-p", flags->top_p, "P", number(0, false, 1),
             "only the likeliest tokens, of probability P together");
  add_option(command, "--seed", flags->seed, "N", whole_number(0, kMostSeed), "of the sample (default: 1337)");
  add_option(command, "--samples", flags->samples, "N", whole_number(1, 1024),
             "texts to write at once, the i-th as --seed and i - 1 more would alone (default: 1)");
  add_weights(command, flags->weights);
  add_threads(command);
  add_option(command, "--page", flags->page, "FILE", "write an HTML page that shows what every head looks at");
  examples(command, {"heed gpt sample --model shakespeare --prompt ROMEO: --top-k 20",
                     "heed gpt sample --model shakespeare --weights q8 --samples 4",
                     "heed gpt sample --model shakespeare --temperature 0 --page look.html"});
}

void add_gpt_export(CLI::App& gpt, int& exit_code) {
  const auto [command, flags] =
      add_command(gpt, "export", "Write a trained GPT for other programs", export_gpt, exit_code);
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  command->add_option("--gguf", flags->gguf, "GGUF file to write, which llama.cpp runs")->required()->type_name("FILE");
  add_option(command, "--type", flags->type, join(gguf_type_names(), "|"), one_of(gguf_type_names()),
             "how matrices are stored (default: f32)");
  examples(command, {"heed gpt export --model shakespeare --gguf shakespeare.gguf",
                     "heed gpt export --model shakespeare --gguf small.gguf --type q8_0"});
}

void add_gpt_prepare(CLI::App& gpt, int& exit_code) {
  const auto [command, flags] =
      add_command(gpt, "prepare", "Write a text as token ids, for --text of gpt train", prepare, exit_code);
  add_option(command, "--text", flags->text, "FILE", "UTF-8 text; its last 10% validates")->required();
  add_option(command, "--tokenizer", flags->tokenizer, "FILE", "tokenizer.json, or a directory with one")->required();
  add_option(command, "--out", flags->out, "DIR", "directory of train.bin, val.bin and tokenizer.json")->required();
  command->add_flag("--keep-cr", flags->keep_cr, "take the text byte for byte, with CR at line ends");
  examples(command,
           {"heed gpt prepare --text input.txt --tokenizer pieces --out ids", "heed gpt train --text ids --out model"});
}

void add_gpt(CLI::App& app, int& exit_code) {
  CLI::App* gpt = app.add_subcommand("gpt", "Generative pretrained transformers");
  require_command(*gpt);
  examples(gpt, {"heed gpt train --text input.txt --preset cpu --out shakespeare",
                 "heed gpt sample --model shakespeare --prompt ROMEO:"});
  add_gpt_train(*gpt, exit_code);
  add_gpt_prepare(*gpt, exit_code);
  add_gpt_evaluate(*gpt, exit_code);
  add_gpt_sample(*gpt, exit_code);
  add_gpt_export(*gpt, exit_code);
}

// --- heed tokenizer ------------------------------------------------------------------------------------------------

void add_tokenizer(CLI::App& app, int& exit_code) {
  CLI::App* tokenizer = app.add_subcommand("tokenizer", "Byte-level BPE: text to token ids, and back");
  require_command(*tokenizer);
  examples(tokenizer, {"heed tokenizer train --tokenizer pieces input.txt",
                       "heed tokenizer encode --tokenizer pieces input.txt > ids"});
  const auto add = [&](const char* name, const char* about, const char* file, const char* text,
                       int (*run)(const TokenizerFlags&), const std::vector<std::string>& lines) {
    const auto added = add_command(*tokenizer, name, about, run, exit_code);
    const auto& [command, flags] = added;
    command->add_option("--tokenizer", flags->tokenizer, file)->required()->type_name("FILE|DIR");
    command->add_option("text", flags->text, text)->type_name("FILE");
    examples(command, lines);
    return added;
  };
  const auto [train, flags] = add("train", "Learn a vocabulary", "tokenizer.json to write, or a directory for one",
                                  "UTF-8 text to learn (default: stdin)", train_tokenizer,
                                  {"heed tokenizer train --tokenizer pieces input.txt",
                                   "heed tokenizer train --tokenizer pieces --vocabulary 8192 < input.txt"});
  add_option(train, "--vocabulary", flags->vocabulary, "N", whole_number(256, kMost),
             fmt::format("tokens, special ones included (default: {})", kBpeVocabulary));
  add_option(train, "--special", flags->special, "TEXT",
             fmt::format("a token that is never cut (may be given again; default: {})", kEndOfText))
      ->allow_extra_args(false);
  train->add_flag("--keep-cr", flags->keep_cr, "keep the text's \"\\r\\n\" and byte order mark, as gpt train has it");
  const char* read = "a tokenizer.json, or a directory with one";
  add("encode", "Print the ids of a text", read, "UTF-8 text (default: stdin)", encode,
      {"echo Hello | heed tokenizer encode --tokenizer pieces",
       "heed tokenizer encode --tokenizer pieces input.txt > ids"});
  add("decode", "Print the text of ids", read, "ids with spaces between (default: stdin)", decode,
      {"echo 72 101 | heed tokenizer decode --tokenizer pieces", "heed tokenizer decode --tokenizer pieces ids"});
}

// --- heed seq2seq --------------------------------------------------------------------------------------------------

void add_beam(CLI::App* command, int64_t& beam, const char* help) {
  add_option(command, "--beam", beam, "N", whole_number(1, 1000), fmt::format("{} (default: 1, greedy)", help));
}

void add_seq2seq_train(CLI::App& seq2seq, int& exit_code) {
  const auto flags = std::make_shared<TranslatorTrainFlags>();
  CLI::App* command = seq2seq.add_subcommand("train", "Train a translator on sentence pairs");
  const auto run = [command](auto&&... option) { return add_option(command, option...)->group(kRunGroup); };
  run("--pairs", flags->training.pairs, "FILE",
      "UTF-8 lines of source, tab, target (default: English and French from a grammar)");
  run("--valid-pairs", flags->training.valid_pairs, "FILE",
      "pairs to validate with, in place of 5% of --pairs; their sources are not trained on");
  run("--tokens", flags->tokens, "words|bpe", one_of(kTranslatorTokens),
      "whole words, or pieces of words that each language learns (default: words)");
  run("--vocabulary", flags->vocabulary, "N", whole_number(kFewestPieces, kMost),
      fmt::format("tokens of each language, with --tokens bpe (default: {})", kPieces));
  run("--min-count", flags->min_count, "N", whole_number(1),
      "rarer words are unknown, with --tokens words (default: 2; of the grammar: 1)");
  run("--max-length", flags->training.max_length, "N", whole_number(1, 10'000),
      "tokens; longer pairs are left out, and longer sentences split (default: 250)");
  run("--arch", flags->arch, "rnn|attention|transformer", one_of(arch_names()),
      "one vector for a sentence, attention over an RNN's states, or a Transformer (default: attention)");
  run("--cell", flags->cell, join(cell_names(), "|"), one_of(cell_names()),
      "recurrent cell of rnn and attention (default: gru)");
  run("--width", flags->sizes.width, "N", whole_number(1, kMost), "of embeddings, states and channels (default: 128)");
  run("--layers", flags->layers, "N", whole_number(1, 1000), "of a Transformer's encoder, and decoder (default: 2)");
  run("--heads", flags->heads, "N", whole_number(1, kMost),
      "attention heads of each layer; must divide the width (default: 4)");
  run("--dropout", flags->sizes.dropout, "X", number(0, true, 1, true),
      "share of activations zeroed in training (default: 0)");
  run("--steps", flags->training.steps, "N", whole_number(0),
      fmt::format("updates (default: {})", flags->training.steps));
  run("--batch", flags->training.batch, "N", whole_number(1, kMost), "pairs in each step (default: 64)");
  run("--lr", flags->training.lr, "X", number(0, false, INFINITY),
      "learning rate after warm-up; falls to a fiftieth (default: 0.002)");
  run("--label-smoothing", flags->training.label_smoothing, "X", number(0, true, 1, true),
      "share of each target's probability that all others get (default: 0)");
  run("--average", flags->training.average, "N", whole_number(1, kSnapshots),
      fmt::format("the model is the mean of the last N of {} snapshots (default: 1)", kSnapshots));
  run("--seed", flags->training.seed, "N", whole_number(0, kMostSeed), "of everything random (default: 1337)");
  add_beam(command, flags->beam, "translations kept while searching, for the scores at the end");
  examples(command, {"heed seq2seq train --arch attention --out translator",
                     "heed seq2seq train --pairs fra.txt --arch transformer --tokens bpe --beam 4"});
  end_training(command, flags, train_translator, exit_code);
}

void add_seq2seq_evaluate(CLI::App& seq2seq, int& exit_code) {
  const auto [command, flags] = add_command(
      seq2seq, "evaluate", "Score a translator: exact match, BLEU, chrF, by length", evaluate_translator, exit_code);
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  add_option(command, "--pairs", flags->pairs, "FILE",
             "UTF-8 lines of source, tab, target (default: those that its training held out)");
  add_beam(command, flags->beam, "translations kept while searching");
  add_threads(command);
  command->add_flag("--json", flags->json, "print one JSON object");
  examples(command, {"heed seq2seq evaluate --model translator --beam 4",
                     "heed seq2seq evaluate --model translator --pairs test.tsv"});
}

void add_seq2seq_translate(CLI::App& seq2seq, int& exit_code) {
  const auto [command, flags] =
      add_command(seq2seq, "translate", "Translate sentences with a trained translator", translate, exit_code);
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  add_beam(command, flags->beam, "translations kept while searching");
  add_threads(command);
  command->add_flag("--align", flags->align, "draw where each word of the translation looked");
  add_option(command, "--page", flags->page, "FILE",
             "write an HTML page that shows how, word by word, and all weights");
  add_option(command, "--beside", flags->beside, "DIR",
             "model without attention (--arch rnn) to show at work beside it in the page");
  add_option(command, "sentence", flags->sentences, "SENTENCE",
             "sentences, each in quotes; without any, stdin is answered line by line");
  examples(command, {"heed seq2seq translate --model translator --align 'the cat sleeps'",
                     "heed seq2seq translate --model translator --beam 4 < sentences.txt"});
}

void add_seq2seq(CLI::App& app, int& exit_code) {
  CLI::App* seq2seq = app.add_subcommand("seq2seq", "Translators: RNN encoder-decoder, attention, Transformer");
  require_command(*seq2seq);
  examples(seq2seq, {"heed seq2seq train --arch attention --out translator",
                     "heed seq2seq translate --model translator 'the cat sleeps'"});
  add_seq2seq_train(*seq2seq, exit_code);
  add_seq2seq_evaluate(*seq2seq, exit_code);
  add_seq2seq_translate(*seq2seq, exit_code);
}

// --- heed page -----------------------------------------------------------------------------------------------------

void add_page(CLI::App& app, int& exit_code) {
  const auto [command, flags] = add_command(
      app, "page", "Write an HTML page in which a model runs, or of attention from elsewhere", write_page, exit_code);
  add_option(command, "--model", flags->models, "DIR",
             "directory that training wrote, with what its --keep kept; several are snapshots of one training")
      ->allow_extra_args(false);
  add_option(command, "--attention", flags->attention, "FILE",
             "instead of a model, weights from elsewhere: a safetensors file with (heads, queries, keys) for each "
             "layer, named attentions.0, attentions.1, ...");
  add_option(command, "--tokens", flags->tokens, "FILE",
             "what they are between: a JSON list of strings, or of a translator {\"source\": [...], \"target\": "
             "[...]}, for weights called encoder..., cross... and decoder...");
  add_option(command, "--out", flags->out, "FILE", "file to write (default: page.html)");
  add_option(command, "text", flags->texts, "TEXT", "what is found typed in the page")->expected(1);
  examples(command, {"heed page --model translator --out live.html",
                     "heed page --model translator/steps/50 --model translator 'the cat sleeps'",
                     "heed page --attention attentions.safetensors --tokens tokens.json"});
}

// --- heed book, heed info -------------------------------------------------------------------------------------------

void add_book(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("book", "Print where the book of lessons is, for a browser");
  examples(command, {"heed book", "xdg-open \"$(heed book)\""});
  command->callback([&exit_code] { exit_code = print_book(); });
}

void add_info(CLI::App& app, int& exit_code) {
  const auto [command, flags] =
      add_command(app, "info", "What heed runs on here: threads, SIMD, the speed of products, memory", info, exit_code);
  command->add_flag("--json", flags->json, "print one JSON object");
  examples(command, {"heed info", "heed info --json"});
}

// --- heed completion, heed manual ----------------------------------------------------------------------------------

void add_completion(CLI::App& app) {
  const std::vector<std::string> shells = {"bash", "zsh"};
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print what completes these commands in a shell");
  add_option(command, "shell", *shell, "bash|zsh", one_of(shells), "that will read it")->required();
  examples(command, {"source <(heed completion bash)", "heed completion zsh > ~/.zfunc/_heed"});
  command->callback([&app, shell] { fmt::print("{}", completion_script(app, *shell)); });
}

void add_manual(CLI::App& app) {
  CLI::App* command = app.add_subcommand("manual", "Print the manual page of these commands");
  examples(command, {"heed manual | man -l -", "heed manual > /usr/local/share/man/man1/heed.1"});
  command->callback([&app] { fmt::print("{}", manual_page(app, HEED_VERSION)); });
}

}  // namespace

void add_commands(CLI::App& app, int& exit_code) {
  app.set_version_flag("--version", "heed " HEED_VERSION);
  require_command(app);
  examples(&app, {"heed gpt train --text input.txt --preset cpu --out shakespeare",
                  "heed seq2seq train --arch attention --out translator"});
  add_gpt(app, exit_code);
  add_seq2seq(app, exit_code);
  add_tokenizer(app, exit_code);
  add_page(app, exit_code);
  add_book(app, exit_code);
  add_info(app, exit_code);
  add_completion(app);
  add_manual(app);
  refuse_empty_paths(app);
}

}  // namespace heed::train::program
