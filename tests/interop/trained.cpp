// What scripts/interop.sh has other programs open: trains small GPTs and leaves each as heed saves it, with what
// it says itself.
//   trained DIR
// DIR/NAME is the folder, DIR/NAME.TYPE.gguf the same for llama.cpp, and DIR/NAME.safetensors holds "text" and "greedy"
// (the bytes of a text and of how the model continues its first words), "ids" and "greedy_ids" (the same as tokens),
// "prompt" (how many of them were given), and "logits" of the first tokens of the text, and "greedy_logits" of those.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <set>
#include <string>

#include <heed/autograd/grad_mode.h>
#include <heed/models/generate.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/default_text.h>
#include <heed/train/gguf.h>
#include <heed/train/optimizer.h>
#include <heed/train/saved_gpt.h>
#include "../llama_tokenizer.h"

using namespace heed;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kContext = 64, kPrompt = 12, kBatch = 8, kSteps = 150;

Tensor row(const std::vector<int64_t>& ids) { return from_vector(ids, {1, std::ssize(ids)}); }

Tensor bytes_of(const std::string& text) {
  std::vector<int64_t> bytes;
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return from_vector(bytes, {std::ssize(bytes)});
}

/// The tokenizer as a family after GPT-2 has it: cut by GPT-4's pattern with so many digits in a piece.
train::Tokenizer cut_as(const train::Tokenizer& bpe, const std::string& digits, const Json& normalizer, bool whole) {
  const std::string regex = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
                            R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}},
             bytes = {
                 {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  Json form = Json::parse(bpe.to_json());
  form["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
  form["normalizer"] = normalizer;
  form["model"]["ignore_merges"] = whole;
  return train::Tokenizer::from_json(form.dump());
}

/// One as Llama 2 has it, of the characters in the tokens of `bpe`.
train::Tokenizer of_characters(const train::Bpe& bpe) {
  std::vector<std::string> tokens;
  std::set<std::string> characters;
  for (int64_t id = 0; id < bpe.size(); ++id) {
    const std::string& token = bpe.token(id);
    if (token == train::kEndOfText || find_invalid_utf8(token) != token.npos) continue;
    std::string shown;
    for (const char32_t c : decode_utf8(token)) {
      const std::string character = c == U' ' ? "▁" : encode_utf8(c);
      characters.insert(character);
      shown += character;
    }
    if (decode_utf8(token).size() > 1) tokens.push_back(shown);
  }
  tokens.insert(tokens.end(), characters.begin(), characters.end());
  return train::Tokenizer::from_json(tests::llama_json({"<unk>", "<s>", "</s>"}, tokens).dump());
}

void train_one(const fs::path& place, const std::string& text, const train::Tokenizer& tokenizer,
               models::GptConfig config) {
  config.vocabulary = tokenizer.size();
  config.context = kContext;
  config.layers = 2, config.heads = 2, config.channels = 32;
  const std::vector<int64_t> ids = tokenizer.encode(text);
  const Tensor all_ids = from_vector(ids, {std::ssize(ids)});
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  train::AdamW optimizer(params, {.lr = 3e-3});
  for (int64_t step = 0; step < kSteps; ++step) {
    std::vector<Tensor> rows;
    for (int64_t i = 0; i < kBatch; ++i) {
      const auto start = static_cast<int64_t>(params.rng().random64() % (ids.size() - kContext));
      rows.push_back(all_ids(slice(start, start + kContext + 1)));
    }
    const Tensor batch = stack(rows, 0);
    params.zero_grad();
    cross_entropy(gpt(batch(all, slice(0, kContext))), batch(all, slice(1, none))).backward();
    optimizer.step();
  }
  fs::create_directories(place);
  train::save_gpt(place, params, config, tokenizer, {});
  for (const auto& [name, type] :
       {std::pair("f32", train::GgufType::f32), {"f16", train::GgufType::f16}, {"q8_0", train::GgufType::q8_0}})
    train::save_gguf(place.string() + "." + name + ".gguf", params, config, tokenizer, type);

  const train::SavedGpt saved(place);  // all that follows comes from the folder
  const nn::EvalMode eval;
  const NoGrad no_grad;
  Rng rng(1);
  const Tensor prompt = row({ids.begin(), ids.begin() + kPrompt});
  const Tensor greedy = models::sample(saved.gpt, prompt, {.tokens = kContext - kPrompt, .temperature = 0}, rng)[0];
  save_safetensors(place.string() + ".safetensors",
                   {{"text", bytes_of(text)},
                    {"ids", all_ids},
                    {"prompt", from_vector(std::vector<int64_t>{kPrompt}, {1})},
                    {"logits", saved.gpt(row({ids.begin(), ids.begin() + kContext}))[0]},
                    {"greedy_ids", greedy},
                    {"greedy_logits", saved.gpt(greedy.reshape({1, -1}))[0]},
                    {"greedy", bytes_of(tokenizer.decode(greedy.to_vector<int64_t>()))}});
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: trained DIR\n"), 2;
  const fs::path place = argv[1];
  Rng rng(0);
  const std::string text =
      train::default_text(rng, 20'000).text + "« L'été, où est-il ? »\n\nIN 1984'S  12345 \"don'T\"...\n \n7\n";
  const train::Tokenizer chars = train::Chars::from_text(text);
  train_one(place / "chars", text, chars, {.bias = false, .gelu = Gelu::erf});  // as `heed gpt train` does
  train_one(place / "untied", text, chars, {.tied = false, .hidden = 80});
  const train::Tokenizer bpe = train::Bpe::train(text, 400, std::vector<std::string>{train::kEndOfText});
  train_one(place / "bpe", text, bpe, {});
  models::GptConfig today{.bias = false, .tied = false, .positions = models::Positions::rope};
  today.rope.scaling = {.factor = 2, .original_context = kContext / 2};
  today.norm = models::Norm::rms;
  today.mlp = models::Mlp::swiglu;
  today.hidden = 96;
  today.kv_heads = 1;
  train_one(place / "llama", text, cut_as(bpe, R"(\p{N}{1,3})", nullptr, true), today);
  today.rope.scaling = {};
  train_one(place / "llama2", text, of_characters(std::get<train::Bpe>(bpe.kind())), today);
  today.qkv_bias = true;
  train_one(place / "qwen2", text, cut_as(bpe, R"(\p{N})", {{"type", "NFC"}}, false), today);
  today.qkv_bias = false;
  today.qk_norm = nn::QkNorm::weighted;
  today.tied = true;
  train_one(place / "qwen3", text, cut_as(bpe, R"(\p{N})", {{"type", "NFC"}}, false), today);
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "trained: %s\n", error.what()), 1;
}
