#include <heed/train/gguf.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <sstream>
#include <string>
#include <utility>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/half.h>
#include <heed/train/folder/family.h>

namespace heed::train {
namespace {

constexpr uint64_t kAlignment = 32;  // of tensors in the file, in bytes
constexpr int64_t kBlock = 32;       // numbers of q8_0 that share a scale

/// Numbers and texts as GGUF lays them out: little-endian.
class Bytes {
 public:
  std::string text;

  template <class T>
  requires std::is_arithmetic_v<T>
  void add(T value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void add(std::string_view value) {
    add(static_cast<uint64_t>(value.size()));
    text += value;
  }
  void pad() { text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, '\0'); }
};

// What a value is, before it.
constexpr uint32_t code_of(uint32_t) { return 4; }
constexpr uint32_t code_of(int32_t) { return 5; }
constexpr uint32_t code_of(float) { return 6; }
constexpr uint32_t code_of(std::string_view) { return 8; }
constexpr uint32_t kArray = 9;

/// Keys with their values.
class Keys {
 public:
  template <class T>
  void add(std::string_view key, const T& value) {
    begin(key);
    bytes_.add(code_of(value));
    bytes_.add(value);
  }
  template <class T>
  void add(std::string_view key, const std::vector<T>& values) {
    begin(key);
    bytes_.add(kArray);
    bytes_.add(code_of(T()));
    bytes_.add(static_cast<uint64_t>(values.size()));
    for (const T& value : values) bytes_.add(value);
  }
  uint64_t count() const { return count_; }
  const std::string& text() const { return bytes_.text; }

 private:
  void begin(std::string_view key) {
    ++count_;
    bytes_.add(key);
  }

  Bytes bytes_;
  uint64_t count_ = 0;
};

void add_q8_0(Bytes& out, std::span<const float> block) {
  float largest = 0;
  for (const float x : block) largest = std::max(largest, std::abs(x));
  const float scale = largest / 127, inverse = scale > 0 ? 1 / scale : 0;
  out.add(to_f16(scale));
  for (const float x : block) out.add(static_cast<int8_t>(std::round(x * inverse)));
}

struct Stored {
  std::string name;
  Tensor x;
  GgufType type;

  uint64_t bytes() const {
    const auto n = static_cast<uint64_t>(x.numel());
    return type == GgufType::f32 ? 4 * n : type == GgufType::f16 ? 2 * n : n / kBlock * (kBlock + 2);
  }
  std::string encoded(const Op& op) const {
    const std::vector<float> values = x.to_vector<float>();
    const float most = type == GgufType::f16 ? 65504 : 65504.f * 127;  // f16's largest, also of a scale for 127
    for (const float value : values)
      if (type != GgufType::f32 && !(std::abs(value) <= most))
        fail<ValueError>(op, "'{}' has the number {}, which its type cannot hold; need f32", name, value);
    Bytes out;
    out.text.reserve(bytes() + kAlignment);
    if (type == GgufType::f32) out.text.assign(reinterpret_cast<const char*>(values.data()), 4 * values.size());
    for (size_t i = 0; type == GgufType::f16 && i < values.size(); ++i) out.add(to_f16(values[i]));
    for (size_t i = 0; type == GgufType::q8_0 && i < values.size(); i += kBlock)
      add_q8_0(out, std::span(values).subspan(i, kBlock));
    out.pad();
    return std::move(out.text);
  }
};

/// "transformer.h.0.attn.c_attn.weight" is "blk.0.attn_qkv.weight".
std::string gguf_name(std::string name) {
  constexpr std::pair<std::string_view, std::string_view> kParts[] = {{"transformer.wte", "token_embd"},
                                                                      {"transformer.wpe", "position_embd"},
                                                                      {"transformer.ln_f", "output_norm"},
                                                                      {"transformer.h.", "blk."},
                                                                      {"lm_head", "output"},
                                                                      {".attn.c_attn.", ".attn_qkv."},
                                                                      {".attn.c_proj.", ".attn_output."},
                                                                      {".mlp.c_fc.", ".ffn_up."},
                                                                      {".mlp.c_proj.", ".ffn_down."},
                                                                      {".ln_1.", ".attn_norm."},
                                                                      {".ln_2.", ".ffn_norm."}};
  for (const auto& [part, other] : kParts)
    if (const size_t at = name.find(part); at != name.npos) name.replace(at, part.size(), other);
  return name;
}

std::vector<Stored> stored_tensors(const nn::Parameters& params, const models::GptConfig& config, GgufType type) {
  std::vector<Stored> all;
  for (const nn::Slot& slot : kGpt2.slots(params, config)) {
    const std::string name = gguf_name(slot.name);
    const Tensor x = name.starts_with("blk.") && slot.into.rank() == 2 ? slot.into.mT() : slot.into;  // (out, in)
    const bool plain = x.rank() < 2 || name.starts_with("position_embd");
    const GgufType fits = type == GgufType::q8_0 && x.size(-1) % kBlock != 0 ? GgufType::f16 : type;
    all.push_back({name, x, plain ? GgufType::f32 : fits});
  }
  return all;
}

/// A tokenizer as GGUF knows GPT-2's: tokens in byte-level characters by id, what they are, and merges in their order.
struct Vocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
};
constexpr int32_t kNormal = 1, kControl = 3, kUnused = 5;

/// Characters of several bytes are merged from them.
Vocabulary vocabulary_of(const Op&, const Chars& chars) {
  Vocabulary all;
  for (int64_t id = 0; id < chars.size(); ++id) {
    const std::string bytes = chars.decode({&id, 1});
    all.tokens.push_back(shown_bytes(bytes));
    for (size_t n = 1; n < bytes.size(); ++n) {
      const std::string merge = shown_bytes(bytes.substr(0, n)) + " " + shown_bytes(bytes.substr(n, 1));
      if (std::ranges::find(all.merges, merge) == all.merges.end()) all.merges.push_back(merge);
    }
  }
  all.types.assign(all.tokens.size(), kNormal);
  return all;
}

Vocabulary vocabulary_of(const Op&, const Bpe& bpe) {
  Vocabulary all;
  for (int64_t id = 0; id < bpe.size(); ++id) all.tokens.push_back(shown_bytes(bpe.token(id)));
  all.types.assign(all.tokens.size(), kNormal);
  for (const SpecialToken& token : bpe.special()) {
    all.tokens[static_cast<size_t>(token.id)] = token.text;
    all.types[static_cast<size_t>(token.id)] = kControl;
  }
  std::istringstream lines(bpe.to_merges());
  std::string line;
  std::getline(lines, line);  // "#version"
  while (std::getline(lines, line)) all.merges.push_back(line);
  return all;
}

Vocabulary vocabulary_of(const Op& op, const Words&) {
  fail<ValueError>(op, "the tokens are words; need characters or a byte-level BPE, as GPT-2 has");
}

}  // namespace

void save_gguf(const std::filesystem::path& path, const nn::Parameters& params, const models::GptConfig& config,
               const Tokenizer& tokenizer, GgufType type, Loc loc) {
  const Op op{"save_gguf", loc};
  if (&family_of(config) != &kGpt2)
    fail<ValueError>(op, "the model is a {}; need a gpt2, the architecture that can be written",
                     family_of(config).model_type);
  if (tokenizer.size() > config.vocabulary)
    fail<ValueError>(op, "the tokenizer has {} tokens for a vocabulary of {}; need no more than that", tokenizer.size(),
                     config.vocabulary);
  Vocabulary vocabulary = std::visit([&](const auto& kind) { return vocabulary_of(op, kind); }, tokenizer.kind());
  for (int64_t id = tokenizer.size(); id < config.vocabulary; ++id) {  // as llama.cpp's converter names them
    vocabulary.tokens.push_back(fmt::format("[PAD{}]", id));
    vocabulary.types.push_back(kUnused);
  }

  Keys keys;
  const auto add_size = [&](std::string_view key, int64_t size) { keys.add(key, static_cast<uint32_t>(size)); };
  keys.add("general.architecture", std::string_view("gpt2"));
  add_size("general.file_type", type == GgufType::q8_0 ? 7 : static_cast<int64_t>(type));
  add_size("general.quantization_version", 2);
  add_size("gpt2.context_length", config.context);
  add_size("gpt2.embedding_length", config.channels);
  add_size("gpt2.feed_forward_length", hidden_of(config));
  add_size("gpt2.block_count", config.layers);
  add_size("gpt2.attention.head_count", config.heads);
  keys.add("gpt2.attention.layer_norm_epsilon", static_cast<float>(config.eps));
  keys.add("tokenizer.ggml.model", std::string_view("gpt2"));
  keys.add("tokenizer.ggml.pre", std::string_view("gpt-2"));
  keys.add("tokenizer.ggml.tokens", vocabulary.tokens);
  keys.add("tokenizer.ggml.token_type", vocabulary.types);
  keys.add("tokenizer.ggml.merges", vocabulary.merges);
  if (const int64_t end = tokenizer.end_of_text(); end >= 0)
    for (const char* key : {"bos", "eos"}) add_size(fmt::format("tokenizer.ggml.{}_token_id", key), end);

  const std::vector<Stored> tensors = stored_tensors(params, config, type);
  Bytes head;
  head.text = "GGUF";
  head.add(uint32_t{3});  // the version
  head.add(static_cast<uint64_t>(tensors.size()));
  head.add(keys.count());
  head.text += keys.text();
  uint64_t offset = 0;
  for (const Stored& tensor : tensors) {
    head.add(tensor.name);
    head.add(static_cast<uint32_t>(tensor.x.rank()));
    for (int64_t axis = tensor.x.rank() - 1; axis >= 0; --axis) head.add(static_cast<uint64_t>(tensor.x.size(axis)));
    head.add(static_cast<uint32_t>(tensor.type));
    head.add(offset);
    offset += (tensor.bytes() + kAlignment - 1) / kAlignment * kAlignment;
  }
  head.pad();
  AtomicFile file(path, loc);
  file.write(head.text);
  for (const Stored& tensor : tensors) file.write(tensor.encoded(op));
  file.commit();
}

}  // namespace heed::train
