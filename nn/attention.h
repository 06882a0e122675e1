// Attention, from no weights at all to many heads, and the additive form it began with.
//
// Sizes: B batch, T queries, S keys, H heads, D head size. Masks are boolean, true = may attend (nn/mask.h).
// Each module hands out its weights for drawing: rows are queries, columns keys. A row sums to 1, as before
// dropout.
#pragma once

#include <utility>

#include <heed/nn/linear.h>

namespace heed::nn {

/// softmax(X X^T) X: nothing is trained.
struct SimplifiedSelfAttention {
  /// (..., T, C) -> (..., T, C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
  /// (..., T, C) -> (..., T, T)
  Tensor weights(const Tensor& x, Loc loc = Loc::current()) const;
};

/// softmax(Q K^T / sqrt(d_out)) V with Q = W_query x, K = W_key x, V = W_value x.
struct SelfAttention {
  Linear W_query, W_key, W_value;

  SelfAttention(Scope s, int64_t d_in, int64_t d_out, bool qkv_bias = false, Loc loc = Loc::current());
  /// (..., T, d_in) -> (..., T, d_out)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
  /// (..., T, d_in) -> (..., T, T)
  Tensor weights(const Tensor& x, Loc loc = Loc::current()) const;
};

/// Self-attention where no query sees a later key, with dropout of the weights.
struct CausalAttention {
  Linear W_query, W_key, W_value;
  double dropout;
  Rng* rng;

  CausalAttention(Scope s, int64_t d_in, int64_t d_out, double dropout = 0, bool qkv_bias = false,
                  Loc loc = Loc::current());
  /// (..., T, d_in) -> (..., T, d_out)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
  /// (..., T, d_in) -> (..., T, T), lower triangular
  Tensor weights(const Tensor& x, Loc loc = Loc::current()) const;
};

struct MultiHeadOptions {
  bool causal = false;  ///< query i sees the keys 0 .. i only
  double dropout = 0;   ///< of the weights
  bool qkv_bias = false;
  bool out_bias = true;
  int64_t d_context = 0;  ///< width of what cross-attention reads; 0: d_in
};

/// Keys and values of the steps that came before, so that a generator computes each only once.
struct KeyValueCache {
  Tensor keys = {}, values = {};  ///< (B, H, S, D); undefined before the first step
  int64_t length() const { return keys.defined() ? keys.size(-2) : 0; }
};

/// Every head attends in its own d_out / H columns of Q, K and V, all at once; out_proj mixes the results.
/// Vaswani et al. 2017, section 3.2.2. Throws ValueError if `heads` does not divide d_out.
struct MultiHeadAttention {
  Linear W_query, W_key, W_value, out_proj;
  int64_t heads;
  bool causal;
  double dropout;
  Rng* rng;

  MultiHeadAttention(Scope s, int64_t d_in, int64_t d_out, int64_t heads, const MultiHeadOptions& options = {},
                     Loc loc = Loc::current());
  /// Self-attention: (B, T, d_in) -> (B, T, d_out). A mask broadcasts to (B, T, T), or (B, H, T, T).
  Tensor operator()(const Tensor& x, const Tensor& mask = {}, Loc loc = Loc::current()) const;
  /// (B, T, d_in) -> (B, H, T, T)
  Tensor weights(const Tensor& x, const Tensor& mask = {}, Loc loc = Loc::current()) const;
  /// Cross-attention: x (B, T, d_in), context (B, S, d_context) -> (B, T, d_out).
  /// A mask broadcasts to (B, T, S), or (B, H, T, S); for padded contexts, length_mask(...).unsqueeze(1).
  Tensor cross(const Tensor& x, const Tensor& context, const Tensor& mask = {}, Loc loc = Loc::current()) const;
  /// -> (B, H, T, S)
  Tensor cross_weights(const Tensor& x, const Tensor& context, const Tensor& mask = {}, Loc loc = Loc::current()) const;

  /// Cross-attention in two halves, so that a decoder projects its context only once.
  KeyValueCache project(const Tensor& context, Loc loc = Loc::current()) const;
  Tensor attend(const Tensor& x, const KeyValueCache& projected, const Tensor& mask = {},
                Loc loc = Loc::current()) const;
  /// (B, T, d_in) -> (B, H, T, S)
  Tensor attend_weights(const Tensor& x, const KeyValueCache& projected, const Tensor& mask = {},
                        Loc loc = Loc::current()) const;
  /// Self-attention of steps that follow those in `cache`, which takes them in.
  Tensor extend(const Tensor& x, KeyValueCache& cache, Loc loc = Loc::current()) const;
};

/// GPT-2's form of causal multi-head self-attention: one product makes Q, K and V. Parameters c_attn.weight
/// (3C, C), c_attn.bias (3C), c_proj.weight (C, C), c_proj.bias (C), (out, in) where GPT-2's published files
/// have (in, out). Throws ValueError if `heads` does not divide C.
struct CausalSelfAttention {
  Linear c_attn, c_proj;
  int64_t heads;
  double dropout;  ///< of the weights
  Rng* rng;

  CausalSelfAttention(Scope s, int64_t channels, int64_t heads, double dropout = 0, bool bias = true,
                      Loc loc = Loc::current());
  /// (B, T, C) -> (B, T, C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
  /// (B, T, C) -> (B, H, T, T)
  Tensor weights(const Tensor& x, Loc loc = Loc::current()) const;
  /// Steps that follow those in `cache`, which takes them in: (B, T, C) -> (B, T, C).
  Tensor extend(const Tensor& x, KeyValueCache& cache, Loc loc = Loc::current()) const;
};

/// A query's context is the mean of the values under softmax_s(v . tanh(W query + U value_s)).
/// Bahdanau et al. 2014, section 3.1. W and U have no bias; W, U, then v are drawn, all as Linear's weights.
struct AdditiveAttention {
  Linear W;  ///< of queries: (width, query_width)
  Linear U;  ///< of values: (width, value_width)
  Tensor v;  ///< (width)

  AdditiveAttention(Scope s, int64_t query_width, int64_t value_width, int64_t width, Loc loc = Loc::current());
  /// U value_s, computed once a sentence: (B, S, value_width) -> (B, S, width).
  Tensor keys(const Tensor& values, Loc loc = Loc::current()) const;
  /// One decoder step: query (B, query_width), keys (B, S, width), values (B, S, value_width), mask (B, S)
  /// if any -> context (B, value_width). A row that sees nothing gets zeros.
  Tensor step(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& mask = {},
              Loc loc = Loc::current()) const;
  /// The same with the weights, (B, S), as second result.
  std::pair<Tensor, Tensor> step_weights(const Tensor& query, const Tensor& keys, const Tensor& values,
                                         const Tensor& mask = {}, Loc loc = Loc::current()) const;
  /// All queries at once: (B, T, query_width), values (B, S, value_width), mask broadcast to (B, T, S)
  /// -> (B, T, value_width).
  Tensor operator()(const Tensor& query, const Tensor& values, const Tensor& mask = {}, Loc loc = Loc::current()) const;
  /// -> (B, T, S)
  Tensor weights(const Tensor& query, const Tensor& values, const Tensor& mask = {}, Loc loc = Loc::current()) const;
};

}  // namespace heed::nn
