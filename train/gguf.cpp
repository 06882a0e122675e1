#include <heed/train/gguf.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/half.h>
#include <heed/train/folder/family.h>
#include <heed/train/gguf_vocabulary.h>

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
constexpr uint32_t code_of(bool) { return 7; }
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
  const float scale = largest / 127;
  const uint16_t stored = to_f16(scale);
  const float inverse = stored ? 1 / scale : 0;  // what f16 has as 0 may have no inverse in f32
  out.add(stored);
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
                                                                      {".attn.c_attn.", ".attn_qkv."},
                                                                      {".attn.c_proj.", ".attn_output."},
                                                                      {".mlp.c_fc.", ".ffn_up."},
                                                                      {".mlp.c_proj.", ".ffn_down."},
                                                                      {".ln_1.", ".attn_norm."},
                                                                      {".ln_2.", ".ffn_norm."},
                                                                      {"model.embed_tokens", "token_embd"},
                                                                      {"model.norm", "output_norm"},
                                                                      {"model.layers.", "blk."},
                                                                      {".self_attn.q_", ".attn_q_"},
                                                                      {".self_attn.k_", ".attn_k_"},
                                                                      {".self_attn.v_", ".attn_v_"},
                                                                      {".self_attn.o_proj.", ".attn_output."},
                                                                      {".mlp.gate_", ".ffn_gate_"},
                                                                      {".mlp.up_", ".ffn_up_"},
                                                                      {".mlp.down_", ".ffn_down_"},
                                                                      {"_proj.", "."},
                                                                      {".input_layernorm.", ".attn_norm."},
                                                                      {".post_attention_layernorm.", ".ffn_norm."},
                                                                      {"lm_head", "output"}};
  for (const auto& [part, other] : kParts)
    if (const size_t at = name.find(part); at != name.npos) name.replace(at, part.size(), other);
  return name;
}

/// Rows of queries or keys with the two that turn together side by side, as llama.cpp wants Llama's.
Tensor interleaved(const Tensor& rows, int64_t head_size) {
  const Tensor halves = rows.reshape({-1, 2, head_size / 2, rows.numel() / rows.size(0)});
  return halves.transpose(1, 2).reshape(rows.shape());
}

/// By how much Llama 3's scaling slows each pair down: (width / 2).
Tensor rope_factors(const models::GptConfig& config) {
  RopeOptions unscaled = config.rope;
  unscaled.scaling = {};
  const auto radians = [&](const RopeOptions& options) {  // that each turns in a step: at most 1
    const RopeAngles angles = rope_angles(ones({}, i64), head_size_of(config), options, f64);
    const std::vector<double> cos = angles.cos.to_vector<double>();
    std::vector<double> all = angles.sin.to_vector<double>();
    for (size_t i = 0; i < all.size(); ++i) all[i] = std::atan2(all[i], cos[i]);
    return all;
  };
  std::vector<double> factors = radians(unscaled);
  const std::vector<double> scaled = radians(config.rope);
  for (size_t i = 0; i < factors.size(); ++i) factors[i] /= scaled[i];
  return from_vector(factors, {std::ssize(factors)}).to(f32);
}

/// The tensors of a model, its tables with a row for each of `vocabulary` tokens.
std::vector<Stored> stored_tensors(const nn::Parameters& params, const models::GptConfig& config, const Family& family,
                                   int64_t vocabulary, GgufType type) {
  std::vector<Stored> all;
  for (const nn::Slot& slot : family.slots(params, config)) {
    const std::string name = gguf_name(slot.name);
    Tensor x = slot.into;
    if (&family == &kGpt2 && name.starts_with("blk.") && x.rank() == 2) x = x.mT();  // (out, in)
    if (&family == &kLlama && (name.find(".attn_q.") != name.npos || name.find(".attn_k.") != name.npos))
      x = interleaved(x, head_size_of(config));
    if ((name.starts_with("token_embd") || name == "output.weight") && x.size(0) < vocabulary)
      x = cat({x, x.narrow(0, x.size(0) - 1, 1)}, 0);
    const bool plain = x.rank() < 2 || name.starts_with("position_embd");
    const GgufType fits = type == GgufType::q8_0 && x.size(-1) % kBlock != 0 ? GgufType::f16 : type;
    all.push_back({name, x, plain ? GgufType::f32 : fits});
  }
  if (config.rope.scaling.original_context > 0)
    all.push_back({"rope_freqs.weight", rope_factors(config), GgufType::f32});
  return all;
}

}  // namespace

int64_t save_gguf(const std::filesystem::path& path, const nn::Parameters& params, const models::GptConfig& config,
                  const Tokenizer& tokenizer, GgufType type, const std::string& license, Loc loc) {
  const Op op{"save_gguf", loc};
  models::GptConfig said = config;
  if (said.window >= said.context) said.window.reset();  // which hides nothing: a mistral is a llama then
  const Family& family = family_of(said);
  const bool gpt2 = &family == &kGpt2;
  const std::set runs = {&kGpt2, &kLlama, &kQwen2, &kQwen3};
  if (!runs.contains(&family))
    fail<ValueError>(op,
                     "the model is a {}; need a gpt2, llama, qwen2 or qwen3, or a mistral without a window or with one "
                     "as long as its context, which llama.cpp runs",
                     family.model_type);
  if (&family != &kLlama && config.rope.scaling.original_context > 0)
    fail<ValueError>(op, "the model is a {} with Llama 3's scaling of positions, which llama.cpp has for llama alone",
                     family.model_type);
  if (tokenizer.before().size() > 1)
    fail<ValueError>(op, "the tokenizer puts {} tokens before a text; need one at most, as the file can say",
                     tokenizer.before().size());
  if (tokenizer.size() > config.vocabulary)
    fail<ValueError>(op, "the tokenizer has {} tokens for a vocabulary of {}; need no more than that", tokenizer.size(),
                     config.vocabulary);
  GgufVocabulary vocabulary = gguf_vocabulary(tokenizer, op);
  for (int64_t id = tokenizer.size(); id < config.vocabulary; ++id) {  // as llama.cpp's converter names them
    vocabulary.tokens.push_back(fmt::format("[PAD{}]", id));
    vocabulary.types.push_back(kUnused);
  }
  // Without an end of text llama.cpp takes token 11 for it, whatever that is, and stops there.
  int64_t end = tokenizer.end_of_text();
  if (end < 0) {
    end = tokenizer.size();
    const auto at = static_cast<size_t>(end);
    vocabulary.tokens.resize(std::max(vocabulary.tokens.size(), at + 1));
    vocabulary.types.resize(vocabulary.tokens.size());
    vocabulary.tokens[at] = kEndOfText;
    vocabulary.types[at] = kControl;
  }

  Keys keys;
  const std::string name = family.model_type;
  const auto add_size = [&](std::string_view key, int64_t size) { keys.add(key, static_cast<uint32_t>(size)); };
  const auto add_own = [&](std::string_view key, int64_t size) { add_size(name + "." + std::string(key), size); };
  keys.add("general.architecture", std::string_view(name));
  keys.add("heed.version", std::string_view(HEED_VERSION));
  if (!license.empty()) keys.add("general.license", std::string_view(license));
  add_size("general.file_type", type == GgufType::q8_0 ? 7 : static_cast<int64_t>(type));
  add_size("general.quantization_version", 2);
  add_own("context_length", config.context);
  add_own("embedding_length", config.channels);
  add_own("feed_forward_length", hidden_of(config));
  add_own("block_count", config.layers);
  add_own("attention.head_count", config.heads);
  keys.add(name + (gpt2 ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon"),
           static_cast<float>(config.eps));
  if (!gpt2) {
    add_own("attention.head_count_kv", kv_heads_of(config));
    for (const char* key : {"attention.key_length", "attention.value_length", "rope.dimension_count"})
      add_own(key, head_size_of(config));
    keys.add(name + ".rope.freq_base", static_cast<float>(config.rope.base));
    if (const RopeScaling& scaling = config.rope.scaling; scaling.factor != 1 && scaling.original_context == 0) {
      keys.add(name + ".rope.scaling.type", std::string_view("linear"));
      keys.add(name + ".rope.scaling.factor", static_cast<float>(scaling.factor));
    }
  }
  keys.add("tokenizer.ggml.model", std::string_view(vocabulary.model));
  keys.add("tokenizer.ggml.pre", std::string_view(vocabulary.pre));
  keys.add("tokenizer.ggml.tokens", vocabulary.tokens);
  keys.add("tokenizer.ggml.token_type", vocabulary.types);
  if (vocabulary.scores.empty()) keys.add("tokenizer.ggml.merges", vocabulary.merges);
  else {
    vocabulary.scores.resize(vocabulary.tokens.size());
    keys.add("tokenizer.ggml.scores", vocabulary.scores);
    keys.add("tokenizer.ggml.add_space_prefix", vocabulary.adds_space);
  }
  const std::vector<int64_t> ends = tokenizer.ends(), before = tokenizer.before();
  const int64_t begin = before.empty() ? tokenizer.begin_of_text() : before[0];
  add_size("tokenizer.ggml.bos_token_id", begin < 0 ? end : begin);
  add_size("tokenizer.ggml.eos_token_id", end);
  if (ends.size() > 1) add_size("tokenizer.ggml.eot_token_id", ends[1]);
  keys.add("tokenizer.ggml.add_bos_token",
           !before.empty());  // else llama.cpp adds one where a text is cut as Llama 3's
  if (!tokenizer.notes.chat_template.empty())
    keys.add("tokenizer.chat_template", std::string_view(tokenizer.notes.chat_template));
  if (tokenizer.end_of_text() < 0)
    keys.add("tokenizer.ggml.suppress_tokens", std::vector<int32_t>{static_cast<int32_t>(end)});

  const std::vector<Stored> tensors = stored_tensors(params, config, family, std::ssize(vocabulary.tokens), type);
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
  return std::ranges::count_if(tensors,
                               [&](const Stored& one) { return one.type != type && one.type != GgufType::f32; });
}

}  // namespace heed::train
