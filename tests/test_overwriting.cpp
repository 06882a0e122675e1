// A model's folder that another model is written over: stopped between any two of the steps, it never has the weights
// of one with the vocabulary or the shape of the other.
#include <cerrno>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/train/data/corpus.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>

#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using tests::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
int64_t steps_left = kAny;  // after which no file takes a name or loses it

bool stopped() {
  if (steps_left > 0) return --steps_left, false;
  errno = EROFS;
  return true;
}

}  // namespace

// They stand in the place of the C library's in all of the tests.
extern "C" int rename(const char* from, const char* to) noexcept {
  return stopped() ? -1 : static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
extern "C" int remove(const char* path) noexcept {
  if (stopped()) return -1;
  const auto as = [path](int flags) { return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, flags)); };
  const int done = as(0);
  return done != 0 && errno == EISDIR ? as(AT_REMOVEDIR) : done;
}

namespace {

/// Writes `fresh` over `old`, stopped after every number of steps. What can be opened then is one of them, as `seen`
/// has it; else `refusal` is said.
void check(const std::function<void(const fs::path&)>& old, const std::function<void(const fs::path&)>& fresh,
           const std::function<std::string(const fs::path&)>& seen,
           const std::string& refusal = "has no config.json; need a directory that training, or save_gpt, wrote") {
  const TemporaryDirectory place;
  old(place / "old");
  fresh(place / "new");
  const std::string before = seen(place / "old"), after = seen(place / "new");
  REQUIRE(before != after);
  std::set<std::string> found;
  bool whole = false;
  for (int64_t steps = 0; !whole; ++steps) {
    INFO("stopped after " << steps << " steps");
    REQUIRE(steps < 20);
    fs::remove_all(place / "folder");
    old(place / "folder");
    steps_left = steps;
    try {
      fresh(place / "folder");
      whole = true;
    } catch (const FileError&) {}
    steps_left = kAny;
    try {
      const std::string here = seen(place / "folder");
      CHECK((here == before || here == after));
      found.insert(here);
    } catch (const FileError& error) {
      CHECK_THAT(error.what(), Contains(refusal));
    }
  }
  CHECK(found == std::set<std::string>{before, after});
}

}  // namespace

TEST_CASE("overwriting: a GPT's folder that a stop cuts short is the old one, the new one, or refused", "[files]") {
  const auto gpt = [](uint64_t seed, const std::string& text, int64_t heads, const std::string& chat = "") {
    return [=](const fs::path& folder) {
      nn::Parameters params(seed);
      const models::Gpt model(params, {.vocabulary = 3, .context = 4, .layers = 1, .heads = heads, .channels = 4});
      train::Tokenizer tokenizer = train::Chars::from_text(text);
      tokenizer.notes.chat_template = chat;
      train::save_gpt(folder, params, model.config, tokenizer, {});
    };
  };
  const auto seen = [](const fs::path& folder) {
    const train::SavedGpt saved(folder);
    const auto weight = saved.params.at("wte.weight").to_vector<double>();
    return fmt::format("{} {} {} {}", weight[0], saved.tokenizer.decode(std::vector<int64_t>{0, 1, 2}),
                       saved.gpt.config.heads, saved.tokenizer.notes.chat_template);
  };
  check(gpt(1, "abc", 1), gpt(2, "abc", 2), seen);  // weights of one shape, which mean something else
  check(gpt(1, "abc", 1), gpt(2, "xyz", 1), seen);
  check(gpt(1, "abc", 1, "{{ bos }}"), gpt(2, "abc", 1), seen);
}

TEST_CASE("overwriting: a translator's folder that a stop cuts short is the old one, the new one, or refused",
          "[files]") {
  const auto translator = [](uint64_t seed, const std::string& source, const std::string& target) {
    return [=](const fs::path& folder) {
      train::TranslatorTraining training;
      training.pair_count = 1;
      training.seed = seed;
      const auto words = [](const std::string& text) { return train::Words::from_sentences(std::vector{text}); };
      const auto sizes = train::translator_config(train::Arch::attention, nn::Cell::gru, 6, 6, {.width = 4});
      train::SavedTranslator(training, words(source), words(target), sizes).save(folder);
    };
  };
  const auto seen = [](const fs::path& folder) {
    const auto saved = train::load_translator(folder);
    return fmt::format("{} {}", saved->params().begin()->second.to_vector<double>()[0],
                       saved->source_tokens().decode(std::vector<int64_t>{4, 5}));
  };
  check(translator(1, "the cat", "le chat"), translator(2, "the dog", "le chien"), seen);
}

TEST_CASE("overwriting: ids that a stop cuts short are the old ones, the new ones, or refused", "[files]") {
  const TemporaryDirectory place;
  const auto prepared = [&](const std::string& text, const std::string& names) {
    return [=, &place](const fs::path& folder) {
      fs::create_directories(folder);
      write_file(place / "text", text);
      train::prepare_corpus(place / "text", train::Chars::from_text(names), folder);
    };
  };
  const auto seen = [](const fs::path& folder) {
    const auto corpus = train::Corpus::from_directory(folder);
    std::string text;
    for (const train::Part part : {train::Part::train, train::Part::validation})
      text += corpus.tokenizer().decode(corpus.tokens(part).to_vector());
    return text;
  };
  check(prepared("abcabcabcabc", "abc"), prepared("zyxzyxzyxzyx", "xyz"), seen, "has no val.bin");
}

TEST_CASE("overwriting: a model beside its run's state is open after every step, though its texts change", "[files]") {
  const TemporaryDirectory place;
  nn::Parameters params(1);
  const models::Gpt gpt(params, {.vocabulary = 3, .context = 4, .layers = 1, .heads = 1, .channels = 4});
  const auto save = [&](const std::string& chat) {
    train::Tokenizer tokenizer = train::Chars::from_text("abc");
    tokenizer.notes.chat_template = chat;
    train::GptTraining training;
    training.text_name = chat;  // in the configuration
    train::save_gpt(place / "m", params, gpt.config, tokenizer, training);
  };
  save("{{ old }}");
  write_file(place / "m/training.safetensors", "what a resumed run reads");
  bool whole = false;
  for (int64_t steps = 0; !whole; ++steps) {
    INFO("stopped after " << steps << " steps");
    REQUIRE(steps < 20);
    steps_left = steps;
    try {
      save(steps % 2 ? "{{ new }}" : "");
      whole = true;
    } catch (const FileError&) {}
    steps_left = kAny;
    CHECK_NOTHROW(train::SavedGpt(place / "m"));
  }
}

TEST_CASE("overwriting: a model that is saved again in its run never leaves its folder closed", "[files]") {
  const TemporaryDirectory place;
  nn::Parameters params(1);
  const models::Gpt gpt(params, {.vocabulary = 3, .context = 4, .layers = 1, .heads = 1, .channels = 4});
  const auto save = [&] { train::save_gpt(place / "m", params, gpt.config, train::Chars::from_text("abc"), {}); };
  save();
  for (int64_t steps = 0; steps < 2; ++steps) {  // its weights alone take a new name
    params.set("ln_f.weight", full({4}, static_cast<double>(steps)));
    steps_left = steps;
    if (steps == 0) CHECK_THROWS_AS(save(), FileError);
    else save();
    steps_left = kAny;
    CHECK_NOTHROW(train::SavedGpt(place / "m"));
  }
}
