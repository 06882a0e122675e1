// GPT, from GPT-2 (Radford et al. 2019) to today: what changed since is a choice in the configuration. Parameters carry
// GPT-2's published names.
//
// Sizes: B batch, T time, C channels, H heads, V vocabulary.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/linear.h>
#include <heed/nn/norm.h>
#include <heed/nn/position.h>

namespace heed::models {

enum class Positions { learned, rope };  ///< a trained vector for each, or turned queries and keys
enum class Norm { layer, rms, plain };   ///< LayerNorm; RMSNorm, with or without weights
enum class Mlp { gelu, relu2, swiglu };  ///< c_proj f(c_fc x); of swiglu c_proj (silu(a) * b), where a, b = c_fc x

/// The defaults are GPT-2's 124 million parameters. Llama: rope, rms, swiglu, no bias, fewer kv_heads; Mistral besides
/// a window; Qwen2: qkv_bias; Qwen3: qk_norm weighted. nanochat: rope, plain norms (of the embedding and of q and k
/// too), relu2, not tied, capped logits.
struct GptConfig {
  int64_t vocabulary = 50257;                ///< V
  int64_t context = 1024;                    ///< tokens it can see at once
  int64_t layers = 12;                       ///< blocks
  int64_t heads = 12;                        ///< must divide channels
  int64_t channels = 768;                    ///< C
  double dropout = 0;                        ///< of embeddings, attention weights and what each layer adds
  bool bias = true;                          ///< in linear layers and norms
  bool qkv_bias = false;                     ///< of queries, keys and values, whatever the others have
  bool tied = true;                          ///< the output layer is the table of token embeddings; else lm_head
  Gelu gelu = Gelu::tanh;                    ///< nanoGPT uses erf
  Positions positions = Positions::learned;  ///< of tokens
  RopeOptions rope = {};                     ///< of Positions::rope
  Norm norm = Norm::layer;                   ///< before each part of a block, and at the end
  double eps = 1e-5;                         ///< of norms
  Mlp mlp = Mlp::gelu;                       ///< form of the second part of a block
  int64_t hidden = 0;                        ///< width inside the MLP; 0: 4 channels
  int64_t kv_heads = 0;                      ///< heads of keys and values, must divide heads; 0: heads
  int64_t head_size = 0;                     ///< 0: channels / heads
  nn::QkNorm qk_norm = nn::QkNorm::none;     ///< of each head's queries and keys
  std::optional<int64_t> window = {};        ///< a query sees that many tokens at most, itself and those before it
  double softcap = 0;                        ///< c > 0: logits become c tanh(logits / c)
  bool norm_embedding = false;               ///< before the first layer
};

/// Numbers that a configuration leaves open.
inline int64_t head_size_of(const GptConfig& c) { return c.head_size ? c.head_size : c.channels / c.heads; }
inline int64_t kv_heads_of(const GptConfig& c) { return c.kv_heads ? c.kv_heads : c.heads; }
inline int64_t hidden_of(const GptConfig& c) { return c.hidden ? c.hidden : 4 * c.channels; }

/// Numbers in the parameters of a Gpt, from its shapes alone.
int64_t parameter_count(const GptConfig& config);

/// Any of the norms of GptConfig::norm.
struct GptNorm {
  ModuleName name;
  Tensor weight, bias;  ///< (C); undefined where there are none
  Norm form;            ///< which of them
  double eps;           ///< as of LayerNorm and RMSNorm

  GptNorm(nn::Scope s, const GptConfig& config);
  /// (..., C) -> (..., C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// What a block does to each token alone.
struct GptMlp {
  ModuleName name;
  nn::Linear c_fc, c_proj;  ///< C -> hidden (of swiglu twice that), and back
  Mlp form;                 ///< what stands between
  Gelu gelu_form;           ///< of Mlp::gelu

  GptMlp(nn::Scope s, const GptConfig& config);
  /// (B, T, C) -> (B, T, C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// One layer: x + attn(ln_1 x), then x + mlp(ln_2 x).
struct GptBlock {
  ModuleName name;
  GptNorm ln_1;                  ///< what attn reads
  nn::CausalSelfAttention attn;  ///< tokens look at each other
  GptNorm ln_2;                  ///< what mlp reads
  GptMlp mlp;                    ///< each token by itself
  nn::Dropout dropout;           ///< of what the two add

  GptBlock(nn::Scope s, const GptConfig& config);
  /// Its products: c_attn, c_proj, c_fc, c_proj.
  std::array<nn::Linear*, 4> layers() { return {&attn.c_attn, &attn.c_proj, &mlp.c_fc, &mlp.c_proj}; }
  /// (B, T, C) -> (B, T, C). With a cache, x follows the steps in it, and joins them.
  Tensor operator()(const Tensor& x, nn::KeyValueCache* cache = nullptr, const RopeAngles& angles = {},
                    Loc loc = Loc::current()) const;
};

/// What a Gpt remembers of the tokens it has read: keys and values of each layer.
struct GptCache {
  std::vector<nn::KeyValueCache> layers;  ///< one for each block
  /// Tokens read so far.
  int64_t length() const { return layers.front().length(); }
};

/// Weights are drawn as nanoGPT's are, so a seed means the same there: every module's defaults in order of
/// names (lm_head's too, tied or not), then N(0, 0.02) again in the same order (a tied table twice, as wte
/// and as lm_head), then every c_proj.weight from N(0, 0.02 / sqrt(2 layers)). Biases start at 0.
struct Gpt {
  ModuleName name;
  GptConfig config;                                            ///< as given
  nn::Embedding wte;                                           ///< tokens: (V, C)
  std::optional<nn::LearnedPosition> wpe;                      ///< positions, unless rope: (context, C)
  RopeAngles angles;                                           ///< of rope: (context, 1, width / 2)
  nn::Dropout dropout;                                         ///< of the embedded tokens
  std::vector<GptBlock> h;                                     ///< the layers
  GptNorm ln_f;                                                ///< before the output layer
  Tensor lm_head;                                              ///< (V, C); wte.weight itself if tied
  std::shared_ptr<const nn::Compressed> compressed_head = {};  ///< read in place of lm_head, which is undefined then

  /// Throws ValueError for a size or window below 1, heads that do not divide channels, kv_heads that do not divide
  /// heads, an odd head size with rope, dropout outside [0, 1], or eps below 0.
  Gpt(nn::Scope s, const GptConfig& config);

  /// tokens (B, T) i64, 1 <= T <= context -> logits (B, T, V) of the token after each.
  /// Throws ShapeError for another rank or a T out of range, IndexError for a token outside the vocabulary.
  Tensor operator()(const Tensor& tokens, Loc loc = Loc::current()) const;

  /// An empty cache.
  GptCache cache() const { return {std::vector<nn::KeyValueCache>(h.size())}; }
  /// Reads tokens (B, T) i64 that follow those in the cache, and takes them in -> logits (B, V) of the next
  /// token. Equal to the last column of the whole forward pass. Throws as that does; the cached tokens count
  /// as context.
  Tensor next(const Tensor& tokens, GptCache& cache, Loc loc = Loc::current()) const;

  /// The same model with its matrices in fewer bits, for generation: the tables of tokens, lm_head and the products of
  /// the blocks; it shares norms, biases and positions with this one, which stays as it is. It reads and writes text
  /// as any other, where no gradients are recorded. Throws DTypeError unless f32, and as nn::Compressed does.
  Gpt compressed(Weights kept, Loc loc = Loc::current()) const;

 private:
  /// Tokens (B, T) that follow those in the cache, if there is one -> (B, T, C), what the last norm reads.
  Tensor read(const Op& op, const Tensor& tokens, GptCache* cache) const;
  /// (..., C) -> (..., V)
  Tensor logits(const Tensor& x) const;
};

}  // namespace heed::models
