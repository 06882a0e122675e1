// Vocabularies, files and sentences of many entries, of which nothing may look through all for each one.
#include <ctime>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/io/utf8.h>
#include <heed/tensor/sanitizers.h>
#include <heed/train/gguf.h>
#include <heed/train/model_config.h>
#include <heed/train/saved_translator.h>
#include <heed/train/show/live.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::train;

namespace {

#ifdef NDEBUG
constexpr bool kFast = !kAddressSanitizer && !kThreadSanitizer;
#else
constexpr bool kFast = false;
#endif
constexpr int64_t kMany = kFast ? 60'000 : 6'000;
constexpr double kLongest = 8;  // processor seconds, far above what they take and below a look at all for each

/// "w0", "w1", ... with something between.
std::string numbered(int64_t count, const std::string& before, const std::string& between) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += fmt::format("{}{}{}", i ? between : "", before, i);
  return text;
}

/// A BPE of the bytes and so many added tokens, <0> and on.
Bpe with_added(int64_t count) {
  const std::string json = Bpe::train("", 256).to_json(), nothing = "\"added_tokens\": []";
  std::string added;
  for (int64_t i = 0; i < count; ++i)
    added += fmt::format(R"({}{{"id": {}, "content": "<{}>", "normalized": {}}})", i ? "," : "", 256 + i, i, i % 2 > 0);
  return Bpe::from_json(
      std::string(json).replace(json.find(nothing), nothing.size(), "\"added_tokens\": [" + added + "]"));
}

class Clock {
 public:
  explicit Clock(const char* what) : what_(what) {}
  ~Clock() {
    INFO(what_);
    CHECK(static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC < kLongest);
  }

 private:
  const char* what_;
  std::clock_t start_ = std::clock();
};

}  // namespace

TEST_CASE("many words: a translator is saved, loaded and shown as fast as its words are read", "[many][translator]") {
  const tests::TemporaryDirectory place;
  const std::vector<std::string> sentence = {numbered(kMany, "w", " ")};
  const SentenceTokens source = Words::from_sentences(sentence), target = SentenceTokens::pieces(sentence, 400);
  const auto config = models::Seq2SeqConfig{.source_vocabulary = source.size(),
                                            .target_vocabulary = target.size(),
                                            .embedding = 1,
                                            .hidden = 1,
                                            .attention = true};
  TranslatorTraining training;
  training.pair_count = 1;
  const SavedTranslator saved(training, source, target, config);
  {
    const Clock clock("save and load");
    saved.save(place.path());
    const auto loaded = load_translator(place.path());
    CHECK(loaded->source_tokens().to_json() == source.to_json());
    CHECK((*loaded->target_tokens().bpe() == *target.bpe()));
  }
  const Clock clock("unknown");
  CHECK(std::ssize(source.unknown(numbered(2 * kMany, "v", " "))) == 2 * kMany);
}

TEST_CASE("many keys: a configuration and a file of weights are read and written", "[many]") {
  const tests::TemporaryDirectory place;
  const Clock clock("keys");
  write_file(place / kConfigFile, "{\"" + numbered(kMany, "k", "\": 1, \"") + "\": 1}");
  CHECK(ModelConfig::read(place.path()).integer(fmt::format("k{}", kMany - 1), 0, 1) == 1);
  NamedTensors tensors;
  for (int64_t i = 0; i < kMany; ++i) tensors.emplace_back(fmt::format("t{}", i), zeros({1}));
  save_safetensors(place / "m.safetensors", tensors);
  CHECK(load_safetensors(place / "m.safetensors").tensors.size() == tensors.size());
}

TEST_CASE("many added tokens: a tokenizer is read, and text is cut at them", "[many][tokenizer]") {
  const Clock clock("added tokens");
  const Bpe bpe = with_added(kMany);
  const std::vector<int64_t> ids = bpe.encode(numbered(kMany, "<", ">") + ">");
  REQUIRE(std::ssize(ids) == kMany);
  for (int64_t i = 0; i < kMany; ++i) REQUIRE(ids[static_cast<size_t>(i)] == 256 + i);
  CHECK(live_tokens(Tokenizer(bpe)).names.size() == static_cast<size_t>(bpe.size()));
  const std::string none = fmt::format("<{}>", kMany);  // bytes alone
  CHECK(Bpe::from_json(bpe.to_json()).encode(fmt::format("a<{}>b{}", kMany - 1, none)).size() == 3 + none.size());
}

TEST_CASE("many characters: a vocabulary of them is refused to a text, and written as merges", "[many][gguf]") {
  const tests::TemporaryDirectory place;
  std::string all;
  for (char32_t c = 0x10000; c < 0x10000 + 4 * kMany; ++c) all += encode_utf8(c);
  const Clock clock("characters");
  CHECK_THROWS_AS(Chars::from_text("a").encode(all), ValueError);
  const Chars chars = Chars::from_text(all);
  const models::GptConfig config{.vocabulary = chars.size(), .context = 2, .layers = 1, .heads = 1, .channels = 2};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  save_gguf(place / "m.gguf", params, config, chars, GgufType::f32);
}

TEST_CASE("bpe: of the added tokens that fit, the longest is taken; normalized ones come later", "[tokenizer]") {
  const std::vector<std::string> special = {"<a>", "<a><b>", "<a><b><c", "b"};
  const Bpe bpe = Bpe::train("", 260, special);
  const auto shown = [&](const std::string& text) {
    std::string all;
    for (const int64_t id : bpe.encode(text)) all += "[" + bpe.token(id) + "]";
    return all;
  };
  CHECK(shown("<a><b><x") == "[<a><b>][<][x]");
  CHECK(shown("<a><b><c>") == "[<a><b><c][>]");
  CHECK(shown("<a<a>b<") == "[<][a][<a>][b][<]");
  CHECK(shown("<a") == "[<][a]");
}
