// GGUF files, read back by the format's description: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#include <heed/train/gguf.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <variant>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/json.h>
#include "catch.h"
#include "llama_tokenizer.h"
#include "temporary_directory.h"

using namespace heed;
using train::GgufType;

namespace {

using Value =
    std::variant<int64_t, double, std::string, std::vector<std::string>, std::vector<int64_t>, std::vector<double>>;

struct Entry {
  std::vector<uint64_t> sizes;  // the last axis first
  uint32_t type = 0;
  uint64_t offset = 0;
};

/// A file's keys and tensors, taken apart.
struct Gguf {
  std::string bytes;
  std::map<std::string, Value> keys;
  std::map<std::string, Entry> tensors;
  size_t at = 4, data = 0;

  explicit Gguf(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    bytes = text.str();
    REQUIRE(bytes.substr(0, 4) == "GGUF");
    CHECK(take<uint32_t>() == 3);
    const auto tensor_count = take<uint64_t>(), key_count = take<uint64_t>();
    for (uint64_t i = 0; i < key_count; ++i) {
      const std::string key = take_text();
      const auto type = take<uint32_t>();
      if (type == 4) keys[key] = static_cast<int64_t>(take<uint32_t>());
      else if (type == 6) keys[key] = static_cast<double>(take<float>());
      else if (type == 7) keys[key] = static_cast<int64_t>(take<bool>());
      else if (type == 8) keys[key] = take_text();
      else keys[key] = take_array(type);
    }
    for (uint64_t i = 0; i < tensor_count; ++i) {
      Entry& entry = tensors[take_text()];
      for (auto rank = take<uint32_t>(); rank > 0; --rank) entry.sizes.push_back(take<uint64_t>());
      entry.type = take<uint32_t>();
      entry.offset = take<uint64_t>();
      CHECK(entry.offset % 32 == 0);
    }
    data = (at + 31) / 32 * 32;
  }
  template <class T>
  T take() {
    T value;
    REQUIRE(at + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
    return value;
  }
  std::string take_text() {
    const auto size = take<uint64_t>();
    at += size;
    return bytes.substr(at - size, size);
  }
  Value take_array(uint32_t type) {
    REQUIRE(type == 9);
    const auto of = take<uint32_t>();
    std::vector<std::string> texts;
    std::vector<int64_t> numbers;
    std::vector<double> reals;
    for (auto n = take<uint64_t>(); n > 0; --n)
      if (of == 8) texts.push_back(take_text());
      else if (of == 6) reals.push_back(take<float>());
      else numbers.push_back(take<int32_t>());
    return of == 8 ? Value(texts) : of == 6 ? Value(reals) : Value(numbers);
  }
  template <class T>
  T key(const std::string& name) const {
    return std::get<T>(keys.at(name));
  }

  static double half(uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const double size = exponent ? std::ldexp(1024 + (bits & 1023), exponent - 25) : std::ldexp(bits & 1023, -24);
    return bits & 0x8000 ? -size : size;
  }
  /// The numbers of a tensor, and how far each may be from what was saved.
  std::pair<std::vector<double>, std::vector<double>> numbers(const std::string& name) {
    const Entry& entry = tensors.at(name);
    uint64_t count = 1;
    for (const uint64_t size : entry.sizes) count *= size;
    at = data + entry.offset;
    std::vector<double> values, errors;
    for (uint64_t i = 0; i < count; ++i) {
      if (entry.type == 0) values.push_back(take<float>()), errors.push_back(0);
      if (entry.type == 1)
        values.push_back(half(take<uint16_t>())), errors.push_back(std::abs(values.back()) / 2048 + 0x1p-25);
    }
    for (uint64_t block = 0; entry.type == 8 && block < count / 32; ++block) {
      const double scale = half(take<uint16_t>());
      for (int i = 0; i < 32; ++i) {
        values.push_back(scale * take<int8_t>());
        errors.push_back(scale * (0.5 + 127. / 2048));  // the scale is rounded too
      }
    }
    return {values, errors};
  }
};

struct Model {
  models::GptConfig config;
  nn::Parameters params{1};
  models::Gpt gpt;

  explicit Model(models::GptConfig c) : config(c), gpt(params, c) {}
};

models::GptConfig tiny(int64_t vocabulary) {
  return {.vocabulary = vocabulary, .context = 6, .layers = 2, .heads = 2, .channels = 32, .tied = false, .hidden = 40};
}

const train::Tokenizer kChars = train::Chars::from_text("abé ☃");

/// Llama 3's blocks.
models::GptConfig today(int64_t vocabulary) {
  models::GptConfig config = tiny(vocabulary);
  config.bias = false;
  config.positions = models::Positions::rope;
  config.rope = {.base = 100, .scaling = {.factor = 4, .original_context = 64}};
  config.norm = models::Norm::rms;
  config.mlp = models::Mlp::swiglu;
  config.kv_heads = 1;
  return config;
}

/// The tensor `name` of the file has the shape of x and its numbers, as far as its type, `stored`, can.
void check_tensor(Gguf& file, const std::string& name, const Tensor& x, uint32_t stored) {
  INFO(name);
  const std::vector<int64_t> sizes(x.shape().begin(), x.shape().end());
  REQUIRE(file.tensors.contains(name));
  CHECK(std::vector<int64_t>(file.tensors.at(name).sizes.rbegin(), file.tensors.at(name).sizes.rend()) == sizes);
  CHECK(file.tensors.at(name).type == stored);
  const auto [values, errors] = file.numbers(name);
  const auto wanted = x.to_vector<double>();
  REQUIRE(values.size() == wanted.size());
  for (size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - wanted[i]) <= errors[i]);
}

/// A post-processor that puts <s> before a text, as these ids.
Json begun(const std::vector<int64_t>& ids) {
  return {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", Json::array()},
      {"special_tokens",
       {{"<s>", {{"id", "<s>"}, {"ids", ids}, {"tokens", std::vector<std::string>(ids.size(), "<s>")}}}}}};
}

/// With the last row twice.
Tensor twin(const Tensor& table) { return cat({table, table.narrow(0, table.size(0) - 1, 1)}, 0); }

}  // namespace

TEST_CASE("gguf: keys, names, shapes and numbers are what the format says, in every type", "[gguf]") {
  const tests::TemporaryDirectory place;
  const Model model(tiny(kChars.size()));
  for (const auto type : {GgufType::f32, GgufType::f16, GgufType::q8_0}) {
    INFO("type " << static_cast<uint32_t>(type));
    const int64_t others = save_gguf(place / "m.gguf", model.params, model.config, kChars, type);
    CHECK(others == (type == GgufType::q8_0 ? model.config.layers : 0));  // ffn_down
    Gguf file(place / "m.gguf");
    CHECK(file.key<std::string>("general.architecture") == "gpt2");
    CHECK(file.key<int64_t>("gpt2.context_length") == 6);
    CHECK(file.key<int64_t>("gpt2.feed_forward_length") == 40);
    CHECK(std::ssize(file.tensors) == model.params.size());
    const auto check = [&](const std::string& name, const std::string& parameter, uint32_t stored) {
      check_tensor(file, name, model.params.at(parameter), stored);
    };
    const auto asked = static_cast<uint32_t>(type);
    check_tensor(file, "token_embd.weight", twin(model.params.at("wte.weight")), asked);
    check("position_embd.weight", "wpe.weight", 0);
    check_tensor(file, "output.weight", twin(model.params.at("lm_head.weight")), asked);
    check("output_norm.bias", "ln_f.bias", 0);
    check("blk.1.attn_qkv.weight", "h.1.attn.c_attn.weight", asked);
    check("blk.1.attn_output.bias", "h.1.attn.c_proj.bias", 0);
    check("blk.0.ffn_norm.weight", "h.0.ln_2.weight", 0);
    check("blk.0.ffn_down.weight", "h.0.mlp.c_proj.weight", type == GgufType::q8_0 ? 1 : asked);  // rows of 40
  }
}

TEST_CASE("gguf: llama and qwen3 have their own keys and names, and llama's pairs of columns stand together",
          "[gguf]") {
  const tests::TemporaryDirectory place;
  models::GptConfig config = today(kChars.size());
  {
    const Model llama(config);
    save_gguf(place / "m.gguf", llama.params, config, kChars, GgufType::f32, "MIT");
    Gguf file(place / "m.gguf");
    CHECK(file.key<std::string>("general.license") == "MIT");
    CHECK(file.key<std::string>("heed.version") == HEED_VERSION);
    CHECK(file.key<std::string>("general.architecture") == "llama");
    CHECK(file.key<int64_t>("llama.attention.head_count_kv") == 1);
    CHECK(file.key<int64_t>("llama.rope.dimension_count") == 16);
    CHECK(file.key<double>("llama.rope.freq_base") == 100);
    CHECK(file.key<double>("llama.attention.layer_norm_rms_epsilon") == static_cast<double>(1e-5f));
    CHECK_FALSE(file.keys.contains("llama.rope.scaling.type"));
    CHECK(std::ssize(file.tensors) == 2 * 9 + 4);
    const Tensor qkv = llama.params.at("h.1.attn.c_attn.weight"), fc = llama.params.at("h.1.mlp.c_fc.weight");
    std::vector<int64_t> order;  // row 2 i of a head is its i-th, row 2 i + 1 its (8 + i)-th
    for (int64_t row = 0; row < 32; ++row) order.push_back(row / 16 * 16 + row % 2 * 8 + row % 16 / 2);
    const Tensor rows = from_vector(order, {32});
    check_tensor(file, "blk.1.attn_q.weight", index_select(qkv, 0, rows), 0);
    check_tensor(file, "blk.1.attn_k.weight", index_select(qkv.narrow(0, 32, 16), 0, rows.narrow(0, 0, 16)), 0);
    check_tensor(file, "blk.1.attn_v.weight", qkv.narrow(0, 48, 16), 0);
    check_tensor(file, "blk.1.attn_output.weight", llama.params.at("h.1.attn.c_proj.weight"), 0);
    check_tensor(file, "blk.1.attn_norm.weight", llama.params.at("h.1.ln_1.weight"), 0);
    check_tensor(file, "blk.1.ffn_norm.weight", llama.params.at("h.1.ln_2.weight"), 0);
    check_tensor(file, "blk.1.ffn_gate.weight", fc.narrow(0, 0, 40), 0);
    check_tensor(file, "blk.1.ffn_up.weight", fc.narrow(0, 40, 40), 0);
    check_tensor(file, "blk.1.ffn_down.weight", llama.params.at("h.1.mlp.c_proj.weight"), 0);
    check_tensor(file, "output_norm.weight", llama.params.at("ln_f.weight"), 0);

    // Pair i turns 64 / (2 pi 100^(i / 8)) times in the old context: 10.2 and 5.7, above 4, keep their speed; 3.2 and
    // 1.8 mix; 1.02 hardly keeps any of it, and those below 1 slow down to a fourth.
    const auto [factors, exact] = file.numbers("rope_freqs.weight");
    REQUIRE(factors.size() == 8);
    for (int64_t i = 0; i < 8; ++i) {
      const double turns = 64 / (2 * M_PI * std::pow(100, static_cast<double>(i) / 8));
      const double kept = std::min(1.0, std::max(0.0, (turns - 1) / 3));
      CHECK(factors[static_cast<size_t>(i)] == Approx(1 / (kept + (1 - kept) / 4)).epsilon(1e-6));
    }
  }
  config.qk_norm = nn::QkNorm::weighted;
  config.head_size = 8;
  config.rope.scaling = {.factor = 2};
  const Model qwen3(config);
  save_gguf(place / "m.gguf", qwen3.params, config, kChars, GgufType::f32);
  Gguf file(place / "m.gguf");
  CHECK(file.key<std::string>("general.architecture") == "qwen3");
  CHECK(file.key<int64_t>("qwen3.attention.key_length") == 8);
  CHECK(file.key<std::string>("qwen3.rope.scaling.type") == "linear");
  CHECK(file.key<double>("qwen3.rope.scaling.factor") == 2);
  CHECK(std::ssize(file.tensors) == 2 * 11 + 3);
  const Tensor qkv = qwen3.params.at("h.0.attn.c_attn.weight");
  check_tensor(file, "blk.0.attn_q.weight", qkv.narrow(0, 0, 16), 0);
  check_tensor(file, "blk.0.attn_k.weight", qkv.narrow(0, 16, 8), 0);
  check_tensor(file, "blk.0.attn_q_norm.weight", qwen3.params.at("h.0.attn.q_norm.weight"), 0);
  check_tensor(file, "blk.0.attn_k_norm.weight", qwen3.params.at("h.0.attn.k_norm.weight"), 0);
}

TEST_CASE("gguf: tokens are shown byte by byte, with the merges that make them", "[gguf]") {
  const tests::TemporaryDirectory place;
  const Model model(tiny(kChars.size()));
  save_gguf(place / "m.gguf", model.params, model.config, kChars, GgufType::f32);
  const Gguf chars(place / "m.gguf");
  CHECK(chars.key<std::vector<std::string>>("tokenizer.ggml.tokens") ==
        std::vector<std::string>{"Ġ", "a", "b", "Ã©", "âĺĥ", train::kEndOfText});
  CHECK(chars.key<std::vector<std::string>>("tokenizer.ggml.merges") == std::vector<std::string>{"Ã ©", "â ĺ", "âĺ ĥ"});
  CHECK(chars.key<int64_t>("tokenizer.ggml.eos_token_id") == 5);
  CHECK(chars.key<std::vector<int64_t>>("tokenizer.ggml.suppress_tokens") == std::vector<int64_t>{5});

  save_gguf(place / "p.gguf", model.params, model.config, train::Chars::from_text("ab"), GgufType::f32);
  const Gguf padded(place / "p.gguf");
  CHECK(padded.key<std::vector<std::string>>("tokenizer.ggml.tokens") ==
        std::vector<std::string>{"a", "b", train::kEndOfText, "[PAD3]", "[PAD4]"});
  CHECK(padded.key<std::vector<int64_t>>("tokenizer.ggml.token_type") == std::vector<int64_t>{1, 1, 3, 5, 5});
  CHECK(padded.key<int64_t>("tokenizer.ggml.eos_token_id") == 2);

  const std::vector<std::string> special = {train::kEndOfText};
  const auto bpe = train::Bpe::train("the cat the cat", 262, special);
  const Model other(tiny(bpe.size()));
  save_gguf(place / "b.gguf", other.params, other.config, bpe, GgufType::f32);
  const Gguf file(place / "b.gguf");
  const int64_t end = train::Tokenizer(bpe).end_of_text();
  CHECK(file.key<int64_t>("tokenizer.ggml.eos_token_id") == end);
  CHECK_FALSE(file.keys.contains("tokenizer.ggml.suppress_tokens"));
  CHECK(file.key<std::vector<std::string>>("tokenizer.ggml.tokens")[static_cast<size_t>(end)] == train::kEndOfText);
  const auto types = file.key<std::vector<int64_t>>("tokenizer.ggml.token_type");
  CHECK(types[static_cast<size_t>(end)] == 3);
  CHECK(std::count(types.begin(), types.end(), 1) == bpe.size() - 1);
  CHECK(file.key<std::vector<std::string>>("tokenizer.ggml.merges").size() == static_cast<size_t>(bpe.size()) - 257);
}

TEST_CASE("gguf: a text begins and ends with the tokens that the folder named", "[gguf]") {
  const tests::TemporaryDirectory place;
  Json json =
      Json::parse(train::Bpe::train("", 260, std::vector<std::string>{"<think>", "</s>", "<s>", "<e>"}).to_json());
  json["post_processor"] = begun({258});
  json["added_tokens"][0]["special"] = false;
  train::Tokenizer tokenizer = train::Tokenizer::from_json(json.dump());
  tokenizer.notes = {.begin = 258, .ends = {257, 259}, .chat_template = "{{ messages }}"};
  const Model model(tiny(300));
  save_gguf(place / "m.gguf", model.params, model.config, tokenizer, GgufType::f32);
  const Gguf file(place / "m.gguf");
  CHECK(file.key<int64_t>("tokenizer.ggml.bos_token_id") == 258);
  CHECK(file.key<int64_t>("tokenizer.ggml.eos_token_id") == 257);
  CHECK(file.key<int64_t>("tokenizer.ggml.eot_token_id") == 259);
  CHECK(file.key<int64_t>("tokenizer.ggml.add_bos_token") == 1);
  CHECK(file.key<std::string>("tokenizer.chat_template") == "{{ messages }}");
  CHECK_FALSE(file.keys.contains("tokenizer.ggml.suppress_tokens"));
  const auto tokens = file.key<std::vector<std::string>>("tokenizer.ggml.tokens");
  CHECK(std::ranges::find(tokens, train::kEndOfText) == tokens.end());
  const auto types = file.key<std::vector<int64_t>>("tokenizer.ggml.token_type");
  CHECK(std::vector(types.begin() + 255, types.begin() + 261) == std::vector<int64_t>{1, 4, 3, 3, 3, 5});
}

TEST_CASE("gguf: a vocabulary of characters has scores in place of merges", "[gguf]") {
  const tests::TemporaryDirectory place;
  const std::vector<std::string> special = {"<unk>", "<s>", "</s>"};
  const auto file_of = [&](const std::vector<std::string>& tokens) {
    const train::Tokenizer tokenizer = train::Tokenizer::from_json(tests::llama_json(special, tokens).dump());
    const Model model(tiny(300));
    save_gguf(place / "m.gguf", model.params, model.config, tokenizer, GgufType::f32);
    return Gguf(place / "m.gguf");
  };
  const Gguf file = file_of({"th", "▁t", "▁th", "▁", "t", "h", "é"});  // "▁th" in two ways
  CHECK(file.key<std::string>("tokenizer.ggml.model") == "llama");
  CHECK(file.key<int64_t>("tokenizer.ggml.add_space_prefix") == 1);
  CHECK_FALSE(file.keys.contains("tokenizer.ggml.merges"));
  const auto names = file.key<std::vector<std::string>>("tokenizer.ggml.tokens");
  CHECK(std::vector(names.begin() + 258, names.begin() + 263) ==
        std::vector<std::string>{"<0xFF>", "th", "▁t", "▁th", "▁"});
  const auto scores = file.key<std::vector<double>>("tokenizer.ggml.scores");
  CHECK(scores.size() == names.size());
  CHECK(std::vector(scores.begin() + 258, scores.begin() + 263) == std::vector<double>{0, -1, -2, -3, 0});
  const auto types = file.key<std::vector<int64_t>>("tokenizer.ggml.token_type");
  CHECK(std::vector(types.begin(), types.begin() + 4) == std::vector<int64_t>{3, 3, 3, 6});
  CHECK(std::vector(types.begin() + 258, types.begin() + 260) == std::vector<int64_t>{6, 1});

  // Merges of tokens with one score may be mixed, longer parts first; others would be made in another order by
  // llama.cpp, or not at all. Those of one token may have any order: Llama 2's own file has them by the left part's id.
  const std::vector<std::string> tokens = {"th", "▁t", "▁th", "the", "▁", "t", "h", "e", "he"};
  const auto scores_by = [&](const Json& merges) {
    Json json = tests::llama_json(special, tokens);
    json["model"]["merges"] = merges;
    const Model model(tiny(300));
    save_gguf(place / "m.gguf", model.params, model.config, train::Tokenizer::from_json(json.dump()), GgufType::f32);
    const auto all = Gguf(place / "m.gguf").key<std::vector<double>>("tokenizer.ggml.scores");
    return std::vector(all.begin() + 259, all.begin() + 263);
  };
  CHECK(scores_by({"h e", "t h", "▁ t", "▁t h", "th e", "▁ th", "t he"}) == std::vector<double>{-2, -3, -4, -4});
  const auto refused = [&](const Json& merges, const char* token) {
    CHECK_THROWS_WITH(scores_by(merges), Contains(fmt::format("the merges to \"{}\" are not all ways to make", token)));
  };
  CHECK(scores_by({"h e", "t h", "▁ t", "▁ th", "▁t h", "t he", "th e"}) == std::vector<double>{-2, -3, -4, -5});
  refused({"h e", "t h", "▁ t", "▁t h", "th e", "t he"}, "\\u2581th");
  refused({"h e", "t h", "▁ t", "▁ th", "th e", "▁t h", "t he"}, "\\u2581th");
  refused({"h e", "▁t h", "t h", "▁ t", "▁ th", "th e", "t he"}, "\\u2581th");
}

TEST_CASE("gguf: what cannot be said in it is refused, and an older file stays", "[gguf][errors]") {
  const tests::TemporaryDirectory place;
  const Model model(tiny(kChars.size()));
  const auto refused = [&](const Model& of, const train::Tokenizer& tokenizer, GgufType type, const char* why) {
    CHECK_THROWS_WITH(save_gguf(place / "m.gguf", of.params, of.config, tokenizer, type), Contains(why));
  };
  save_gguf(place / "m.gguf", model.params, model.config, kChars, GgufType::f32);
  const std::string before = Gguf(place / "m.gguf").bytes;
  models::GptConfig rope = model.config;
  rope.positions = models::Positions::rope;
  models::GptConfig windowed = rope;
  windowed.norm = models::Norm::rms, windowed.mlp = models::Mlp::swiglu, windowed.bias = false;
  windowed.window = windowed.context - 1;
  refused(Model(windowed), kChars, GgufType::f32,
          "the model is a mistral; need a gpt2, llama, qwen2 or qwen3, or a mistral without a window");
  windowed.window = windowed.context;
  const tests::TemporaryDirectory other;
  save_gguf(other / "m.gguf", Model(windowed).params, windowed, kChars, GgufType::f32);
  CHECK(Gguf(other / "m.gguf").key<std::string>("general.architecture") == "llama");
  refused(Model(rope), kChars, GgufType::f32, "the model is a heed; need a gpt2, llama, qwen2 or qwen3");
  models::GptConfig scaled = today(kChars.size());
  scaled.qk_norm = nn::QkNorm::weighted;
  refused(Model(scaled), kChars, GgufType::f32, "Llama 3's scaling of positions, which llama.cpp has for llama alone");
  refused(model, train::Chars::from_text("abcdef"), GgufType::f32,
          "the tokenizer has 6 tokens for a vocabulary of 5; need no more than that");
  const auto words = train::Words::from_sentences(std::vector<std::string>{"the cat"});
  refused(Model(tiny(words.size())), words, GgufType::f32, "the tokens are words");
  std::string spaced = train::Bpe::train("the cat", 256).to_json();
  const std::string_view cut = "\"add_prefix_space\": false";
  spaced.replace(spaced.find(cut), cut.size(), "\"add_prefix_space\": true");
  refused(Model(tiny(256)), train::Tokenizer::from_json(spaced), GgufType::f32, "need one that cuts as GPT-2's");
  Json form = Json::parse(train::Bpe::train("", 256).to_json());
  const auto of_form = [&](const std::string& digits, bool whole) {
    const std::string regex = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + digits +
                              "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    const Json split = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}},
               bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
    form["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
    form["model"]["ignore_merges"] = whole;
    return train::Tokenizer::from_json(form.dump());
  };
  const std::tuple<const char*, bool, const char*> named[] = {{"\\p{N}{1,3}", true, "llama-bpe"},
                                                              {"\\p{N}", false, "qwen2"}};
  for (const auto& [digits, whole, name] : named) {
    save_gguf(place / "of.gguf", Model(tiny(256)).params, tiny(256), of_form(digits, whole), GgufType::f32);
    CHECK(Gguf(place / "of.gguf").key<std::string>("tokenizer.ggml.pre") == name);
    refused(Model(tiny(256)), of_form(digits, !whole), GgufType::f32,
            whole ? "the tokenizer has ignore_merges false, and llama.cpp takes llama-bpe with true; need the same"
                  : "the tokenizer has ignore_merges true, and llama.cpp takes qwen2 with false; need the same");
    CHECK(Gguf(place / "of.gguf").key<int64_t>("tokenizer.ggml.add_bos_token") == 0);
  }

  Json taking = Json::parse(train::Bpe::train("", 257, std::vector<std::string>{"<s>"}).to_json());
  taking["added_tokens"][0]["lstrip"] = true;
  refused(Model(tiny(257)), train::Tokenizer::from_json(taking.dump()), GgufType::f32,
          "the token \"<s>\" takes the white space beside it");
  taking["added_tokens"][0]["lstrip"] = false;
  taking["post_processor"] = begun({256, 256});
  refused(Model(tiny(257)), train::Tokenizer::from_json(taking.dump()), GgufType::f32, "puts 2 tokens before a text");
  const Tensor& weight = model.params.at("h.0.attn.c_attn.weight");
  weight.assign(full(weight.shape(), 1e5));
  refused(model, kChars, GgufType::f16, "has the number 100000, which its type cannot hold; need f32");
  weight.assign(full(weight.shape(), 1e7));
  refused(model, kChars, GgufType::q8_0, "which its type cannot hold");
  CHECK(Gguf(place / "m.gguf").bytes == before);
}
