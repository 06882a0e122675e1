#include <heed/train/program/commands.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include <fmt/core.h>

#include <heed/train/data/corpus.h>
#include <heed/train/data/text.h>
#include <heed/train/run_directory.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

std::string input(const TokenizerFlags& flags) {
  if (!flags.text.empty()) return read_text(flags.text);
  const Op& op = *Op::current();
  std::string text = read_rest(stdin, "standard input", 0, SIZE_MAX, op);
  size_t line = 1;
  check_text(text, "standard input", 0, line, op);
  return text;
}

std::vector<int64_t> ids_in(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<int64_t> ids;
  for (size_t i = text.find_first_not_of(kSpace); i < text.size(); i = text.find_first_not_of(kSpace, i)) {
    const size_t end = std::min(text.find_first_of(kSpace, i), text.size());
    const auto [stop, error] = std::from_chars(text.data() + i, text.data() + end, ids.emplace_back());
    if (error != std::errc() || stop != text.data() + end)
      fail<FileError>({"tokenizer decode"}, "'{}' is no id; need whole numbers with spaces between",
                      text.substr(i, std::min<size_t>(end - i, 40)));
    i = end;
  }
  return ids;
}

}  // namespace

int train_tokenizer(const TokenizerFlags& flags) {
  const Op op{"tokenizer train"};
  std::filesystem::path file = flags.tokenizer;
  const std::string text = flags.keep_cr ? input(flags) : unix_text(input(flags));
  if (file.extension() != ".json") {
    make_directory(file, op);
    file /= kTokenizerFile;
  }
  const Tokenizer tokenizer = Bpe::train(text, flags.vocabulary, flags.special);
  tokenizer.save(file);
  say("{} tokens learnt from {} bytes{}; saved in {}\n", tokenizer.size(), text.size(),
      tokenizer.size() < flags.vocabulary ? ", in which no further pair comes twice" : "", file.string());
  return 0;
}

int encode(const TokenizerFlags& flags) {
  const Op op{"tokenizer encode"};
  const Tokenizer tokenizer = Tokenizer::load(flags.tokenizer);
  const std::string text = input(flags);
  const char* between = "";
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view part = tokenizer.first_part(rest);
    std::string ids;
    for (const int64_t id : tokenizer.encode(part)) {
      ids += between + std::to_string(id);
      between = " ";
    }
    fmt::print("{}", ids);
    rest.remove_prefix(part.size());
  }
  fmt::print("\n");
  return 0;
}

int decode(const TokenizerFlags& flags) {
  const Op op{"tokenizer decode"};
  const std::string text = Tokenizer::load(flags.tokenizer).decode(ids_in(input(flags)));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

int prepare(const PrepareFlags& flags) {
  const Op op{"gpt prepare"};
  const Tokenizer tokenizer = Tokenizer::load(flags.tokenizer);
  make_directory(flags.out, op);
  const auto [train, validation] = prepare_corpus(flags.text, tokenizer, flags.out, flags.keep_cr);
  say("{} tokens to train on and {} to validate on; saved in {}\n", train, validation, flags.out);
  return 0;
}

}  // namespace heed::train::program
