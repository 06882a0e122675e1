// Attention, from no weights at all to many heads, and the additive form it began with.
//
// Sizes: B batch, T queries, S keys, H heads, D head size. Masks are boolean, true = may attend (nn/mask.h).
// What a module looks at is seen through WatchAttention.
#pragma once

#include <optional>

#include <heed/autograd/ops.h>
#include <heed/nn/linear.h>
#include <heed/nn/watch_attention.h>

namespace heed::nn {

/// softmax(X X^T) X: nothing is trained.
struct SimplifiedSelfAttention {
  /// (..., T, C) -> (..., T, C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// softmax(Q K^T / sqrt(d_out)) V with Q = W_query x, K = W_key x, V = W_value x.
struct SelfAttention {
  ModuleName name;
  Linear W_query, W_key, W_value;  ///< d_in -> d_out

  SelfAttention(Scope s, int64_t d_in, int64_t d_out, bool qkv_bias = false);
  /// (..., T, d_in) -> (..., T, d_out)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// Self-attention where no query sees a later key, with dropout of the weights.
struct CausalAttention {
  ModuleName name;
  Linear W_query, W_key, W_value;  ///< d_in -> d_out
  double dropout;                  ///< of the weights
  std::shared_ptr<Rng> rng;        ///< that dropout draws from

  CausalAttention(Scope s, int64_t d_in, int64_t d_out, double dropout = 0, bool qkv_bias = false);
  /// (..., T, d_in) -> (..., T, d_out)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// How a MultiHeadAttention differs from the plain one.
struct MultiHeadOptions {
  bool causal = false;    ///< query i sees the keys 0 .. i only; then it takes no context
  double dropout = 0;     ///< of the weights
  bool qkv_bias = false;  ///< of W_query, W_key and W_value
  bool out_bias = true;   ///< of out_proj
  int64_t d_context = 0;  ///< width of what cross-attention reads; 0: d_in
};

/// Keys and values of the steps that came before, so that a generator computes each only once.
struct KeyValueCache {
  Tensor keys = {}, values = {};  ///< (B, H, S, D); undefined before the first step
  /// Steps that it holds.
  int64_t length() const { return keys.defined() ? keys.size(-2) : 0; }
  /// Takes in the keys and values of the next steps. Where nothing is recorded they are written behind the others, into
  /// memory that doubles when it is full; a copy of a cache goes its own way. Throws ShapeError unless B, H and D are
  /// as before.
  void append(const Tensor& new_keys, const Tensor& new_values, Loc loc = Loc::current());

  /// Memory for more steps than there are, shared by copies: one of them may write behind `used`.
  struct Room {
    Tensor keys, values;  ///< (B, H, capacity, D)
    int64_t used;         ///< steps that are written
  };
  std::shared_ptr<Room> room = {};  ///< of append alone
};

/// What a call of multi-head attention may be given beside x.
struct AttendTo {
  std::optional<Tensor> context = {};  ///< cross-attention: (B, S, d_context) is read in place of x
  Tensor mask = {};  ///< broadcasts to (B, T, S), or (B, H, T, S); for padded contexts length_mask(...).unsqueeze(1)
  /// Self-attention: x follows the steps in it, and joins them. Cross-attention: the context's keys and values, made by
  /// the first call and read by those that follow.
  KeyValueCache* cache = nullptr;
};

/// Every head attends in its own d_out / H columns of Q, K and V, all at once; out_proj mixes the results.
/// Vaswani et al. 2017, section 3.2.2. Throws ValueError if `heads` does not divide d_out.
struct MultiHeadAttention {
  ModuleName name;
  Linear W_query, W_key, W_value, out_proj;  ///< d_in (keys and values: d_context) -> d_out, and d_out -> d_out
  int64_t heads;                             ///< H
  bool causal;                               ///< query i sees the keys 0 .. i only
  double dropout;                            ///< of the weights
  std::shared_ptr<Rng> rng;                  ///< that dropout draws from

  MultiHeadAttention(Scope s, int64_t d_in, int64_t d_out, int64_t heads, const MultiHeadOptions& options = {});
  /// x (B, T, d_in) -> (B, T, d_out); seen as (B, H, T, S).
  Tensor operator()(const Tensor& x, const AttendTo& what = {}, Loc loc = Loc::current()) const;
};

/// Throws ValueError unless `heads` divide the channels; returns heads.
int64_t check_heads(const Op& op, int64_t channels, int64_t heads);

/// Norms of each head's queries and keys (Henry et al. 2020), here RMSNorm as in Qwen3: none, plain, or with weights.
enum class QkNorm { none, plain, weighted };

/// How a CausalSelfAttention differs from GPT-2's.
struct CausalOptions {
  double dropout = 0;     ///< of the weights
  bool qkv_bias = true;   ///< of c_attn
  bool out_bias = true;   ///< of c_proj
  int64_t kv_heads = 0;   ///< heads of keys and values, each read by heads / kv_heads of queries; 0: as many as heads
  int64_t head_size = 0;  ///< 0: channels / heads
  QkNorm qk_norm = QkNorm::none;       ///< of queries and keys, before they turn
  double eps = 1e-6;                   ///< of qk_norm
  std::optional<int64_t> window = {};  ///< a query sees that many keys at most
};

/// Causal multi-head self-attention as GPTs have it: one product makes Q, K and V. Parameters c_attn.weight (H D + 2 K
/// D, C) for H heads and K of keys, c_attn.bias, c_proj.weight (C, H D), c_proj.bias (C), (out, in) where GPT-2's
/// published files have (in, out); q_norm.weight and k_norm.weight (D) of QkNorm::weighted. Throws ValueError if
/// `heads` does not divide C (without head_size), or kv_heads does not divide heads.
struct CausalSelfAttention {
  ModuleName name;
  int64_t heads, kv_heads, head_size;  ///< H, K, D
  Linear c_attn, c_proj;               ///< C -> H D + 2 K D, and H D -> C
  CausalOptions options;               ///< as given
  Tensor q_norm, k_norm;               ///< (D), or undefined
  std::shared_ptr<Rng> rng;            ///< that dropout draws from

  CausalSelfAttention(Scope s, int64_t channels, int64_t heads, const CausalOptions& options = {});
  /// (B, T, C) -> (B, T, C); seen as (B, H, T, S). With a cache, x follows the steps in it, and joins them. Queries and
  /// keys turn by `angles` (T, 1, width / 2), if there are any.
  Tensor operator()(const Tensor& x, KeyValueCache* cache = nullptr, const RopeAngles& angles = {},
                    Loc loc = Loc::current()) const;
};

/// A query's context is the mean of the values under softmax_s(v . tanh(W query + U value_s)).
/// Bahdanau et al. 2014, section 3.1. W and U have no bias; W, U, then v are drawn, all as Linear's weights.
struct AdditiveAttention {
  ModuleName name;
  Linear W;  ///< of queries: (width, query_width)
  Linear U;  ///< of values: (width, value_width)
  Tensor v;  ///< (width)

  AdditiveAttention(Scope s, int64_t query_width, int64_t value_width, int64_t width);
  /// Queries (B, T, query_width), values (B, S, value_width), mask broadcast to (B, T, S) -> (B, T, value_width); seen
  /// as (B, T, S). One decoder step: query (B, query_width), mask (B, S) -> (B, value_width); seen as (B, S).
  /// `keys` are U(values), (B, S, width), if they are known already: computed once a sentence.
  /// A query that may attend to nothing gets zeros.
  Tensor operator()(const Tensor& query, const Tensor& values, const Tensor& mask = {}, const Tensor& keys = {},
                    Loc loc = Loc::current()) const;
};

}  // namespace heed::nn
