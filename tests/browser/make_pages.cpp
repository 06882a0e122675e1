// Pages for test_page.py, each with the numbers that the models computed beside it, by paths that the page
// does not take:
//   DIRECTORY/gpt.html, gpt.json                a GPT of 3 layers and 4 heads over 60 characters
//   DIRECTORY/translator.html, translator.json  a Seq2Seq beside one without attention; a Transformer beside
//   a scheme
//   DIRECTORY/live-*.html, .json                models that run in their page
// The models are untrained, with their weights scaled up so that they look somewhere.
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/generate.h>
#include <heed/nn/dropout.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/half.h>
#include <heed/tensor/random.h>
#include <heed/train/show/live.h>
#include <heed/train/show/page.h>
#include <heed/train/show/page_models.h>

using namespace heed;
using nlohmann::json;

namespace {

constexpr int64_t kTokens = 60;

/// A model whose attention is far from uniform.
void sharpen(const nn::Parameters& params, double factor) {
  for (const auto& [name, weight] : params)
    if (weight.rank() == 2)
      dispatch_floating(weight.dtype(), [&, w = weight]<class Real> {
        Tensor writable = w;
        Real* numbers = writable.mutable_data<Real>();
        for (int64_t i = 0; i < w.numel(); ++i) numbers[i] *= static_cast<Real>(factor);
      });
}

/// Nested lists of a tensor's numbers.
json lists(const Tensor& x) {
  if (x.rank() == 0) return x.item<double>();
  json all = json::array();
  for (int64_t i = 0; i < x.size(0); ++i) all.push_back(lists(x[i]));
  return all;
}

void write(const std::filesystem::path& directory, const std::string& name, const train::AttentionPage& page,
           const json& numbers) {
  train::write_page(page, directory / (name + ".html"));
  write_file(directory / (name + ".json"), numbers.dump());
}

void write_gpt(const std::filesystem::path& directory) {
  const std::string text = "in the beginning was the word, and\nthe word looked back <b>&";
  Rng rng(7);
  nn::Parameters params(rng);
  const models::Gpt gpt(params, {.vocabulary = 128, .context = kTokens, .layers = 3, .heads = 4, .channels = 32});
  sharpen(params, 12);
  std::vector<int64_t> tokens;
  std::vector<std::string> names;
  for (const char c : text.substr(0, kTokens)) tokens.push_back(c), names.emplace_back(1, c);
  json layers = json::array();
  const NoGrad no_grad;
  nn::WatchAttention seen;
  gpt(from_vector(tokens, {1, kTokens}));
  for (int64_t layer = 0; layer < 3; ++layer) layers.push_back(lists(seen[fmt::format("h.{}.attn", layer)][0]));
  write(directory, "gpt",
        {.title = "GPT <script>document.title = 'run'</script>",
         .about = "an untrained GPT",
         .examples = {{.name = "text", .maps = {train::attention_maps(gpt, tokens, names)}}}},
        {{"tokens", names}, {"layers", layers}});
}

void write_translators(const std::filesystem::path& directory) {
  const NoGrad no_grad;
  const nn::EvalMode eval;
  Rng rng(11);
  nn::Parameters with(rng), without(rng), attention_alone(rng);
  models::Seq2SeqConfig config{.source_vocabulary = 20, .target_vocabulary = 20, .embedding = 12, .hidden = 16};
  const models::Seq2Seq model(with, config);
  config.attention = false;
  const models::Seq2Seq beside(without, config);
  const models::Transformer transformer(attention_alone, {.source_vocabulary = 20,
                                                          .target_vocabulary = 20,
                                                          .context = 20,
                                                          .layers = 2,
                                                          .heads = 2,
                                                          .channels = 16,
                                                          .feedforward = 32});
  for (const nn::Parameters* params : {&with, &without, &attention_alone}) sharpen(*params, 4);

  const train::TranslatedSentence sentence{
      .source = {4, 5, 3, 7, 8, 9},
      .written = {10, 11, 12, 13, 2},
      .source_words = {"the", "<script>document.title='run'</script>", "zebra", "did", "not", "sleep"},
      .written_words = {"le", "zèbre", "ne", "dormait", "<eos>"}};
  train::TranslatedSentence shorter = sentence;
  shorter.written = {10, 14, 2};
  shorter.written_words = {"le", "chat", "<eos>"};
  const Tensor source = from_vector(sentence.source, {1, 6}), input = tensor({{1, 10, 11, 12, 13}});

  train::PageExample first{.name = "a zebra",
                           .unknown = {"zebra"},
                           .maps = train::attention_maps(model, sentence),
                           .lanes = {train::page_lane(model, sentence), train::page_lane(beside, shorter)}};
  train::PageExample second{.name = "a Transformer's zebra",
                            .maps = train::attention_maps(transformer, sentence),
                            .lanes = {train::page_lane(transformer, sentence)}};
  second.lanes.push_back(train::scheme_lane(second.lanes[0]));
  nn::WatchAttention seen;
  model(source, {}, input);
  transformer(source, {}, input);
  const auto all = [&](const char* stack, const char* attention) {
    json parts = json::array();
    for (int64_t i = 0; i < transformer.config.layers; ++i)
      parts.push_back(lists(seen[fmt::format("{}.layers.{}.{}", stack, i, attention)][0]));
    return parts;
  };
  write(directory, "translator", {.title = "Translators", .about = "untrained", .examples = {first, second}},
        {{"source", sentence.source_words},
         {"written", sentence.written_words},
         {"alignment", lists(seen["attention"][0])},
         {"cross", all("decoder", "cross_attn")},
         {"encoder", all("encoder", "self_attn")},
         {"decoder", all("decoder", "self_attn")}});
}

/// As long as sentences may be, with words that are longer than any phone is wide.
void write_long(const std::filesystem::path& directory) {
  Rng rng(5);
  std::vector<std::string> words;
  for (int i = 0; i < 250; ++i) words.push_back(i % 7 == 0 ? std::string(90, 'w') : fmt::format("word{}", i));
  const Tensor weights = softmax(randn({2, 250, 250}, rng) * 3, -1);
  const train::PageLane lane{
      .name = "long", .source = words, .written = words, .states = randn({250, 8}, rng), .weights = weights[0]};
  write(directory, "long",
        {.title = std::string(200, 't'),
         .about = std::string(200, 'a'),
         .examples = {{.name = std::string(300, 'n'),
                       .unknown = {words[0]},
                       .maps = {{.name = "self", .queries = words, .keys = words, .layers = {weights}}},
                       .lanes = {lane, train::scheme_lane(lane)}},
                      {.name = "again",
                       .maps = {{.name = "self", .queries = words, .keys = words, .layers = {weights}}}}}},
        {});
}

/// Weights that f16 holds exactly, so that page and program calculate with the same ones.
void round_to_f16(const nn::Parameters& params) {
  for (const auto& [name, weight] : params) {
    Tensor writable = weight;
    float* numbers = writable.mutable_data<float>();
    for (int64_t i = 0; i < weight.numel(); ++i) numbers[i] = from_f16(to_f16(numbers[i]));
  }
}

constexpr int64_t kLiveWords = 24;

train::LiveTokens live_words(const std::string& letter) {
  train::LiveTokens words{.names = {"<pad>", "<bos>", "<eos>", "<unk>"}, .pad = 0, .begin = 1, .end = 2, .unknown = 3};
  for (int64_t i = 4; i < kLiveWords; ++i) words.names.push_back(fmt::format("{}{}", letter, i));
  return words;
}

/// A translator's page, and what the program makes of a sentence: ids, where they looked, and all probabilities. False
/// if the model hardly says anything: it is untrained.
template <class Model>
bool write_live(const std::filesystem::path& directory, const std::string& name, const Model& model,
                const nn::Parameters& params, const nn::Parameters& before) {
  const std::vector<int64_t> ids = {5, 9, 3, 7, 12, 5};
  const auto S = std::ssize(ids);
  const Tensor source = from_vector(ids, {1, S});
  const models::Translation said =
      models::translate(model, source, from_vector(std::vector<int64_t>{S}, {1}), {.max_length = 2 * S + 10})[0];
  if (said.tokens.size() < 4) return false;
  std::vector<int64_t> input = {1};
  input.insert(input.end(), said.tokens.begin(), said.tokens.end());
  if (!said.finished) input.pop_back();
  const Tensor logits = model(source, {}, from_vector(input, {1, std::ssize(input)}))[0];
  const train::LivePage page{.title = "Live <b>" + name,
                             .about = "untrained",
                             .examples = {"a5 a9 zebra a7 a12 a5"},
                             .source = live_words("a"),
                             .target = live_words("b"),
                             .most = 40,
                             .snapshots = {{0, &before}, {100, &params}}};
  write_file(directory / ("live-" + name + ".html"), train::live_page_html(model, page));
  const json numbers = {{"tokens", said.tokens},
                        {"finished", said.finished},
                        {"alignment", lists(said.alignment)},
                        {"probabilities", lists(softmax(logits, -1))}};
  write_file(directory / ("live-" + name + ".json"), numbers.dump());
  return true;
}

void write_live_seq2seq(const std::filesystem::path& directory, const std::string& name, nn::Cell cell) {
  const models::Seq2SeqConfig config{
      .source_vocabulary = kLiveWords, .target_vocabulary = kLiveWords, .embedding = 12, .hidden = 16, .cell = cell};
  for (uint64_t seed = 1;; ++seed) {
    nn::Parameters params(seed), before(1000);
    const models::Seq2Seq model(params, config), other(before, config);
    sharpen(params, 3);
    round_to_f16(params);
    if (write_live(directory, name, model, params, before)) return;
  }
}

void write_live_transformer(const std::filesystem::path& directory, const std::string& name,
                            models::TransformerConfig config) {
  config.source_vocabulary = config.target_vocabulary = kLiveWords;
  config.context = 100, config.layers = 2, config.heads = 2, config.channels = 16, config.feedforward = 32;
  for (uint64_t seed = 1;; ++seed) {
    nn::Parameters params(seed), before(1000);
    const models::Transformer model(params, config), other(before, config);
    sharpen(params, 3);
    round_to_f16(params);
    if (write_live(directory, name, model, params, before)) return;
  }
}

constexpr int64_t kNames = 30;  // of letters; what a vocabulary has more was rounded up

void write_live_gpt(const std::filesystem::path& directory, const std::string& name, models::GptConfig config,
                    int64_t vocabulary = kNames) {
  const std::string text = "in the beginning was the word";
  config.vocabulary = vocabulary, config.context = 40, config.layers = 2, config.heads = 4, config.channels = 32;
  nn::Parameters params(15);
  const models::Gpt gpt(params, config);
  sharpen(params, 8);
  round_to_f16(params);
  train::LivePage page{.title = "Live GPT", .about = name, .examples = {text}, .snapshots = {{0, &params}}};
  for (char c = 'a'; c <= 'z'; ++c) page.source.names.emplace_back(1, c);
  for (const char* more : {" ", "\n", ".", "<"}) page.source.names.emplace_back(more);
  std::vector<int64_t> ids;
  for (const char c : text) ids.push_back(c == ' ' ? 26 : c - 'a');
  nn::WatchAttention seen;
  const Tensor logits = gpt(from_vector(ids, {1, std::ssize(ids)}))[0];
  json layers = json::array();
  for (int64_t layer = 0; layer < config.layers; ++layer)
    layers.push_back(lists(seen[fmt::format("h.{}.attn", layer)][0]));
  Rng rng(1);
  const Tensor written = models::sample(gpt, from_vector(ids, {1, std::ssize(ids)}),
                                        {.tokens = 30, .temperature = 0, .vocabulary = kNames},
                                        rng)[0];  // past the context
  write_file(directory / ("live-" + name + ".html"), train::live_page_html(gpt, page));
  write_file(directory / ("live-" + name + ".json"),
             json{{"logits", lists(logits[-1])}, {"layers", layers}, {"written", written.to_vector<int64_t>()}}.dump());
}

void write_all_live(const std::filesystem::path& directory) {
  const NoGrad no_grad;
  const nn::EvalMode eval;
  write_live_seq2seq(directory, "gru", nn::Cell::gru);
  write_live_seq2seq(directory, "lstm", nn::Cell::lstm);
  write_live_seq2seq(directory, "rnn", nn::Cell::rnn_tanh);
  write_live_seq2seq(directory, "relu", nn::Cell::rnn_relu);
  write_live_transformer(directory, "transformer", {});
  write_live_transformer(directory, "pre-norm",
                         {.pre_norm = true, .learned_positions = true, .tied_output = false, .shared_embedding = true});
  write_live_gpt(directory, "gpt2", {});
  write_live_gpt(directory, "llama",
                 {.bias = false,
                  .positions = models::Positions::rope,
                  .norm = models::Norm::rms,
                  .mlp = models::Mlp::swiglu,
                  .hidden = 40,
                  .kv_heads = 2,
                  .head_size = 12,
                  .qk_norm = nn::QkNorm::weighted,
                  .window = 9});
  write_live_gpt(directory, "nanochat",
                 {.bias = false,
                  .tied = false,
                  .gelu = Gelu::erf,
                  .positions = models::Positions::rope,
                  .norm = models::Norm::plain,
                  .mlp = models::Mlp::relu2,
                  .qk_norm = nn::QkNorm::plain,
                  .softcap = 15,
                  .norm_embedding = true},
                 40);
  write_live_gpt(directory, "nanogpt", {.bias = false, .gelu = Gelu::erf});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: make_pages DIRECTORY\n");
    return 2;
  }
  write_gpt(argv[1]);
  write_translators(argv[1]);
  write_long(argv[1]);
  write_all_live(argv[1]);
  return 0;
}
