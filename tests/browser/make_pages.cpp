// Pages for test_page.py, each with the numbers that the models computed beside it, by paths that the page
// does not take:
//   DIRECTORY/gpt.html, gpt.json                a GPT of 3 layers and 4 heads over 60 characters
//   DIRECTORY/translator.html, translator.json  a Seq2Seq beside one without attention; a Transformer beside
//   a scheme
// The models are untrained, with their weights scaled up so that they look somewhere.
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/random.h>
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: make_pages DIRECTORY\n");
    return 2;
  }
  write_gpt(argv[1]);
  write_translators(argv[1]);
  write_long(argv[1]);
  return 0;
}
