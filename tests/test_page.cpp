#include <cmath>
#include <cstring>
#include <regex>

#include <nlohmann/json.hpp>

#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include <heed/train/show/page.h>
#include <heed/train/show/page_models.h>
#include "catch.h"
#include "difference.h"
#include "page_data.h"
#include "run_program.h"
#include "watch.h"

using namespace heed;
using nlohmann::json;
using tests::between, tests::page_data;
using train::AttentionMaps, train::AttentionPage, train::PageExample, train::PageLane, train::TranslatedSentence;

namespace {

std::vector<uint8_t> from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    if ((count += 6) >= 8) bytes.push_back(static_cast<uint8_t>(bits >> (count -= 8)));
  }
  return bytes;
}

Tensor tensor_of(const json& data) {
  const std::vector<uint8_t> bytes = from_base64(data["f32"]);
  std::vector<float> numbers(bytes.size() / 4);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return from_vector(numbers, Shape(data["shape"].get<std::vector<int64_t>>()));
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to(f32).to_vector<float>() == b.to(f32).to_vector<float>();
}

AttentionPage page_of(std::vector<std::string> tokens, std::vector<Tensor> layers,
                      const std::string& title = "A title") {
  return {.title = title,
          .examples = {{.name = "one",
                        .maps = {{.name = "self", .queries = tokens, .keys = tokens, .layers = std::move(layers)}}}}};
}

constexpr models::GptConfig kGpt{.vocabulary = 11, .context = 9, .layers = 3, .heads = 2, .channels = 16};
constexpr models::TransformerConfig kTransformer{.source_vocabulary = 9,
                                                 .target_vocabulary = 8,
                                                 .context = 12,
                                                 .layers = 2,
                                                 .heads = 2,
                                                 .channels = 8,
                                                 .feedforward = 16,
                                                 .dropout = 0.5};

TranslatedSentence sentence() {
  return {.source = {4, 5, 6, 7},
          .written = {4, 6, 2},
          .source_words = {"a", "b", "c", "d"},
          .written_words = {"x", "y", "<eos>"}};
}

const std::string kHostile = "<script>alert(1)</script><!--&amp;\"'\xE2\x80\xA8\x01</script >";

}  // namespace

TEST_CASE("page: whatever a token contains, the page's data give it back and nothing ends the script", "[page]") {
  const std::vector<std::string> tokens = {kHostile, "]]>", "\\u003c", "é€😀", "", "\n"};
  const std::string html = train::page_html(page_of(tokens, {ones({1, 6, 6})}, kHostile));
  CHECK(page_data(html)["examples"][0]["maps"][0]["queries"].get<std::vector<std::string>>() == tokens);
  CHECK(page_data(html)["title"] == kHostile);
  const std::string data = tests::page_script_data(html);
  for (const char bad : {'<', '>', '&'}) CHECK(data.find(bad) == std::string::npos);
  CHECK(std::all_of(data.begin(), data.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  CHECK_THAT(html, !Contains("alert(1)</script>"));
  CHECK(between(html, "<title>", "</title>") == train::escape_html(kHostile));
}

TEST_CASE("page: bytes that are not UTF-8 become U+FFFD, so that pieces of characters can be tokens", "[page]") {
  const std::string html = train::page_html(page_of({"\xC3", "\xA9"}, {ones({1, 2, 2})}));
  CHECK(page_data(html)["examples"][0]["maps"][0]["keys"][0] == "\xEF\xBF\xBD");
}

TEST_CASE("page: HTML is escaped", "[page]") {
  CHECK(train::escape_html("a < b > c & \"d\" 'e' \n é") ==
        "a &lt; b &gt; c &amp; &quot;d&quot; &#39;e&#39; \xEF\xBF\xBD é");
}

TEST_CASE("page: marks of the template that stand in a title or token stay text", "[page]") {
  const std::string html =
      train::page_html(page_of({"{{title}}", "{{data}}"}, {ones({1, 2, 2})}, "{{data}} {{style}}"));
  CHECK(between(html, "<title>", "</title>") == "{{data}} {{style}}");
  CHECK(page_data(html)["examples"][0]["maps"][0]["keys"][1] == "{{data}}");
}

TEST_CASE("page: it needs nothing from outside", "[page]") {
  const std::string html = train::page_html(page_of({"a"}, {ones({1, 1, 1})}));
  CHECK_THAT(html, Contains("default-src 'none'"));
  CHECK_FALSE(std::regex_search(html, std::regex("(src|href|url)\\s*[=(]\\s*[\"']?(https?:)?//")));
  CHECK_FALSE(std::regex_search(html, std::regex("@import|fetch\\(|XMLHttpRequest|\\bimport\\s")));
  for (const char* mark : {"{{style}}", "{{script}}", "{{title}}", "{{data}}"}) CHECK_THAT(html, !Contains(mark));
}

TEST_CASE("page: weights keep every bit, f64 is rounded to f32", "[page]") {
  Rng rng(3);
  const Tensor single = softmax(randn({2, 5, 5}, rng) * 9, -1), twice = softmax(randn({3, 5, 5}, rng, f64), -1);
  const json maps =
      page_data(train::page_html(page_of({"a", "b", "c", "d", "e"}, {single, twice})))["examples"][0]["maps"][0];
  CHECK(same_bits(tensor_of(maps["layers"][0]), single));
  CHECK(same_bits(tensor_of(maps["layers"][1]), twice));
  CHECK(same_bits(tensor_of(page_data(train::page_html(page_of(
                      {"a", "b"}, {single.narrow(1, 1, 2).narrow(2, 3, 2)})))["examples"][0]["maps"][0]["layers"][0]),
                  single.narrow(1, 1, 2).narrow(2, 3, 2)));
}

TEST_CASE("page: numbers that do not fit the tokens, or are not finite, are refused by name", "[page][errors]") {
  const auto html = [](const AttentionPage& page) { return train::page_html(page); };
  CHECK_THROWS_WITH(html({.title = "empty"}), Contains("page 'empty' has no example"));
  CHECK_THROWS_WITH(html({.title = "t", .examples = {{.name = "bare"}}}), Contains("'bare' has no attention"));
  CHECK_THROWS_WITH(html(page_of({}, {ones({1, 1, 1})})), Contains("0 queries"));
  CHECK_THROWS_WITH(html(page_of({"a"}, {})), Contains("0 layers"));
  CHECK_THROWS_WITH(html(page_of({"a", "b"}, {ones({1, 2, 3})})),
                    Contains("'self'") && Contains("(1, 2, 3)") && Contains("(1, 2, 2)"));
  CHECK_THROWS_AS(html(page_of({"a"}, {ones({1, 1})})), ShapeError);
  CHECK_THROWS_AS(html(page_of({"a"}, {Tensor()})), ShapeError);
  CHECK_THROWS_AS(html(page_of({"a"}, {ones({1, 1, 1}, i64)})), DTypeError);
  CHECK_THROWS_WITH(html(page_of({"a"}, {full({1, 1, 1}, NAN)})), Contains("'self'") && Contains("nan"));
  AttentionPage page = page_of({"a"}, {ones({1, 1, 1})});
  page.examples[0].lanes = {{.name = "lane", .source = {"a"}, .written = {"x", "y"}, .weights = ones({2, 3})}};
  CHECK_THROWS_WITH(html(page), Contains("'lane'") && Contains("(2, 3)") && Contains("(2, 1)"));
  page.examples[0].lanes[0].weights = {};
  page.examples[0].lanes[0].states = ones({2, 4});
  CHECK_THROWS_WITH(html(page), Contains("'lane'") && Contains("(2, 4)") && Contains("(1, 4)"));
}

TEST_CASE("page: it appears under its name whole, or the error names it", "[page][errors]") {
  const tests::TemporaryDirectory place;
  const AttentionPage page = page_of({"a"}, {ones({1, 1, 1})});
  train::write_page(page, place / "page.html");
  CHECK(tests::content_of(place / "page.html") == train::page_html(page));
  CHECK_THROWS_AS(train::write_page(page, place / "absent/page.html"), FileError);
  CHECK_THROWS_WITH(train::write_page(page, place / "absent/page.html"), Contains("absent/page.html"));
  CHECK_THROWS_AS(train::write_page(page_of({}, {}), place / "none.html"), ValueError);
  CHECK_FALSE(std::filesystem::exists(place / "none.html"));
}

TEST_CASE("page: a GPT's maps are the weights of every layer and head", "[page][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Gpt gpt(params, kGpt);
  const std::vector<int64_t> tokens = {3, 1, 4, 1, 5};
  const AttentionMaps maps = train::attention_maps(gpt, tokens, {"c", "a", "d", "a", "e"});
  REQUIRE(maps.layers.size() == 3);
  const nn::WatchAttention seen;
  gpt(from_vector(tokens, {1, 5}));
  for (size_t layer = 0; layer < 3; ++layer)
    CHECK(same_bits(maps.layers[layer], seen[fmt::format("h.{}.attn", layer)][0]));
  CHECK_FALSE(maps.layers[0].requires_grad());
  CHECK_THROWS_WITH(train::attention_maps(gpt, tokens, {"c"}), Contains("5 tokens and 1 names"));
}

TEST_CASE("page: a Seq2Seq's map and lane are its alignment and states", "[page][seq2seq]") {
  constexpr double kSameSums = 1e-6;  // f32, the same sums by another path
  for (const bool attention : {true, false}) {
    Rng rng(1);
    nn::Parameters params(rng);
    const models::Seq2Seq model(
        params, {.source_vocabulary = 9, .target_vocabulary = 8, .embedding = 6, .hidden = 8, .attention = attention});
    const Tensor source = tensor({{4, 5, 6, 7}}), input = tensor({{1, 4, 6}});
    const PageLane lane = train::page_lane(model, sentence());
    CHECK(lane.written == std::vector<std::string>{"x", "y", "<eos>"});
    CHECK(lane.states.shape() == Shape{4, 8});
    CHECK(lane.decoder.shape() == Shape{3, 8});
    CHECK(lane.width == (attention ? 16 : 8));
    if (!attention) {
      CHECK_FALSE(lane.weights.defined());
      CHECK(largest_difference(lane.contexts[0], lane.states[3]) == 0);  // the last state alone travels
      CHECK(largest_difference(lane.contexts[2], lane.states[3]) == 0);
      CHECK_THROWS_AS(train::attention_maps(model, sentence()), ValueError);
      continue;
    }
    const Tensor weights = tests::seen([&] { model(source, {}, input); })[0];
    CHECK(same_bits(lane.weights, weights));
    CHECK(same_bits(train::attention_maps(model, sentence())[0].layers[0][0], weights));
    const Tensor states = model.encoder(model.source_embedding(source)).y[0];
    CHECK(largest_difference(lane.contexts,
                             matmul(weights, index_select(states, 1, tensor({0, 2, 4, 6, 8, 10, 12, 14})))) <
          kSameSums);
    const PageLane scheme = train::scheme_lane(lane);
    CHECK(scheme.written.empty());
    CHECK(scheme.width == 8);
    CHECK(largest_difference(scheme.states, lane.states.narrow(1, 0, 4)) == 0);
  }
}

TEST_CASE("page: a Transformer's maps are all three attentions, without dropout", "[page][transformer]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Transformer model(params, kTransformer);
  const std::vector<AttentionMaps> maps = train::attention_maps(model, sentence());
  const nn::EvalMode eval;
  const nn::WatchAttention seen;
  model(tensor({{4, 5, 6, 7}}), {}, tensor({{1, 4, 6}}));
  REQUIRE(maps.size() == 3);
  for (size_t layer = 0; layer < 2; ++layer) {
    CHECK(same_bits(maps[0].layers[layer], seen[fmt::format("decoder.layers.{}.cross_attn", layer)][0]));
    CHECK(same_bits(maps[1].layers[layer], seen[fmt::format("encoder.layers.{}.self_attn", layer)][0]));
    CHECK(same_bits(maps[2].layers[layer], seen[fmt::format("decoder.layers.{}.self_attn", layer)][0]));
  }
  CHECK(maps[2].queries == std::vector<std::string>{"x", "y", "<eos>"});
  CHECK(maps[2].keys == std::vector<std::string>{"<bos>", "x", "y"});
  const PageLane lane = train::page_lane(model, sentence());
  CHECK(largest_difference(lane.weights, seen["decoder.layers.1.cross_attn"][0].mean(0)) == 0);
  CHECK(lane.reading == PageLane::Reading::at_once);
  CHECK_NOTHROW(train::page_html(
      {.title = "t", .examples = {{.name = "e", .maps = maps, .lanes = {lane, train::scheme_lane(lane)}}}}));
}
