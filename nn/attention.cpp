#include <heed/nn/attention.h>

#include <cmath>
#include <limits>

#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/nn/init.h>
#include <heed/nn/mask.h>

namespace heed::nn {

namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();  // a score whose softmax is 0

void check_input(const Op& op, const Tensor& x, int rank, const char* name, const char* shape) {
  if (!x.defined()) fail<Error>(op, "{} is undefined; need {}", name, shape);
  if (x.rank() != rank) fail<ShapeError>(op, "{} has shape {}; need {}", name, x.shape(), shape);
}

void check_heads(const Op& op, int64_t width, int64_t heads) {
  if (heads < 1 || width % heads != 0)
    fail<ValueError>(op, "{} heads do not divide {} channels; need channels % heads == 0", heads, width);
}

// (B, T, H D) -> (B, H, T, D)
Tensor split_heads(const Tensor& x, int64_t heads) {
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// (B, H, T, D) -> (B, T, H D)
Tensor merge_heads(const Tensor& x) { return x.transpose(1, 2).flatten(2); }

// A mask for (B, T, S), made to broadcast to (B, H, T, S).
Tensor mask_of_heads(const Op& op, const Tensor& mask) {
  if (!mask.defined() || mask.rank() != 3) {
    if (mask.defined() && mask.rank() > 4)
      fail<ShapeError>(op, "mask has shape {}; need one that broadcasts to (B, T, S) or (B, H, T, S)", mask.shape());
    return mask;
  }
  return mask.unsqueeze(1);
}

// The steps of (B, H, T, D) keys or values behind those of a cache.
Tensor append(const Tensor& before, const Tensor& now, Loc loc) {
  return before.defined() ? cat({before, now}, 2, loc) : now;
}

double active(double dropout) { return training() ? dropout : 0; }

}  // namespace

// --- without weights
// ----------------------------------------------------------------------------------------

Tensor SimplifiedSelfAttention::weights(const Tensor& x, Loc loc) const {
  return softmax(matmul(x, x.mT(loc), loc), -1, loc);
}

Tensor SimplifiedSelfAttention::operator()(const Tensor& x, Loc loc) const { return matmul(weights(x, loc), x, loc); }

// --- with trained queries, keys and values
// ------------------------------------------------------------------

SelfAttention::SelfAttention(Scope s, int64_t d_in, int64_t d_out, bool qkv_bias, Loc loc)
    : W_query(s / "W_query", d_in, d_out, qkv_bias, loc),
      W_key(s / "W_key", d_in, d_out, qkv_bias, loc),
      W_value(s / "W_value", d_in, d_out, qkv_bias, loc) {}

Tensor SelfAttention::weights(const Tensor& x, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  const Tensor queries = W_query(x, loc), keys = W_key(x, loc);
  const Tensor scores = matmul(queries, keys.mT(loc), loc);
  return softmax(scores / std::sqrt(static_cast<double>(keys.size(-1))), -1, loc);
}

Tensor SelfAttention::operator()(const Tensor& x, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  return matmul(weights(x, loc), W_value(x, loc), loc);
}

// --- that cannot see the future
// -----------------------------------------------------------------------------

CausalAttention::CausalAttention(Scope s, int64_t d_in, int64_t d_out, double p, bool qkv_bias, Loc loc)
    : W_query(s / "W_query", d_in, d_out, qkv_bias, loc),
      W_key(s / "W_key", d_in, d_out, qkv_bias, loc),
      W_value(s / "W_value", d_in, d_out, qkv_bias, loc),
      dropout(check_probability({"CausalAttention", loc}, p)),
      rng(&s.rng()) {}

Tensor CausalAttention::weights(const Tensor& x, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  const Tensor queries = W_query(x, loc), keys = W_key(x, loc);
  const Tensor future = logical_not(causal_mask(x.size(-2, loc)));
  const Tensor scores = masked_fill(matmul(queries, keys.mT(loc), loc), future, kHidden, loc);
  return softmax(scores / std::sqrt(static_cast<double>(keys.size(-1))), -1, loc);
}

Tensor CausalAttention::operator()(const Tensor& x, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  const Tensor kept = heed::dropout(weights(x, loc), active(dropout), *rng, loc);
  return matmul(kept, W_value(x, loc), loc);
}

// --- many heads at once
// -------------------------------------------------------------------------------------

MultiHeadAttention::MultiHeadAttention(Scope s, int64_t d_in, int64_t d_out, int64_t head_count,
                                       const MultiHeadOptions& options, Loc loc)
    : W_query(s / "W_query", d_in, d_out, options.qkv_bias, loc),
      W_key(s / "W_key", options.d_context ? options.d_context : d_in, d_out, options.qkv_bias, loc),
      W_value(s / "W_value", options.d_context ? options.d_context : d_in, d_out, options.qkv_bias, loc),
      out_proj(s / "out_proj", d_out, d_out, options.out_bias, loc),
      heads(head_count),
      causal(options.causal),
      dropout(check_probability({"MultiHeadAttention", loc}, options.dropout)),
      rng(&s.rng()) {
  check_heads({"MultiHeadAttention", loc}, d_out, heads);
}

KeyValueCache MultiHeadAttention::project(const Tensor& context, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  check_input({"MultiHeadAttention", loc}, context, 3, "context", "(B, S, d_context)");
  return {split_heads(W_key(context, loc), heads), split_heads(W_value(context, loc), heads)};
}

// What self-attention lets each query see: `before` keys come ahead of the first query.
static AttentionOptions self_options(const MultiHeadAttention& m, const Op& op, const Tensor& mask, int64_t before) {
  return {.causal = m.causal,
          .causal_offset = before,
          .mask = mask_of_heads(op, mask),
          .dropout = active(m.dropout),
          .rng = m.rng};
}

static Tensor mix(const MultiHeadAttention& m, const Tensor& x, const KeyValueCache& projected,
                  const AttentionOptions& options, Loc loc) {
  check_input({"MultiHeadAttention", loc}, x, 3, "x", "(B, T, d_in)");
  const Tensor queries = split_heads(m.W_query(x, loc), m.heads);
  return m.out_proj(merge_heads(scaled_dot_product_attention(queries, projected.keys, projected.values, options, loc)),
                    loc);
}

static Tensor weights_of(const MultiHeadAttention& m, const Tensor& x, const KeyValueCache& projected,
                         AttentionOptions options, Loc loc) {
  check_input({"MultiHeadAttention", loc}, x, 3, "x", "(B, T, d_in)");
  options.dropout = 0;
  const Tensor queries = split_heads(m.W_query(x, loc), m.heads);
  return scaled_dot_product_attention_weights(queries, projected.keys, projected.values, options, loc).second;
}

Tensor MultiHeadAttention::operator()(const Tensor& x, const Tensor& mask, Loc loc) const {
  check_input({"MultiHeadAttention", loc}, x, 3, "x", "(B, T, d_in)");
  const InModule here(W_query.weight, W_key.weight, loc);
  return mix(*this, x, project(x, loc), self_options(*this, {"MultiHeadAttention", loc}, mask, 0), loc);
}

Tensor MultiHeadAttention::weights(const Tensor& x, const Tensor& mask, Loc loc) const {
  check_input({"MultiHeadAttention", loc}, x, 3, "x", "(B, T, d_in)");
  const InModule here(W_query.weight, W_key.weight, loc);
  return weights_of(*this, x, project(x, loc), self_options(*this, {"MultiHeadAttention", loc}, mask, 0), loc);
}

Tensor MultiHeadAttention::attend(const Tensor& x, const KeyValueCache& projected, const Tensor& mask, Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  const Op op{"MultiHeadAttention", loc};
  return mix(*this, x, projected, {.mask = mask_of_heads(op, mask), .dropout = active(dropout), .rng = rng}, loc);
}

Tensor MultiHeadAttention::cross(const Tensor& x, const Tensor& context, const Tensor& mask, Loc loc) const {
  return attend(x, project(context, loc), mask, loc);
}

Tensor MultiHeadAttention::attend_weights(const Tensor& x, const KeyValueCache& projected, const Tensor& mask,
                                          Loc loc) const {
  const InModule here(W_query.weight, W_key.weight, loc);
  const Op op{"MultiHeadAttention", loc};
  return weights_of(*this, x, projected, {.mask = mask_of_heads(op, mask)}, loc);
}

Tensor MultiHeadAttention::cross_weights(const Tensor& x, const Tensor& context, const Tensor& mask, Loc loc) const {
  return attend_weights(x, project(context, loc), mask, loc);
}

Tensor MultiHeadAttention::extend(const Tensor& x, KeyValueCache& cache, Loc loc) const {
  check_input({"MultiHeadAttention", loc}, x, 3, "x", "(B, T, d_in)");
  const InModule here(W_query.weight, W_key.weight, loc);
  const int64_t before = cache.length();
  const KeyValueCache now = project(x, loc);
  cache = {append(cache.keys, now.keys, loc), append(cache.values, now.values, loc)};
  return mix(*this, x, cache, self_options(*this, {"MultiHeadAttention", loc}, {}, before), loc);
}

// --- GPT-2's packed form
// --------------------------------------------------------------------------------------

CausalSelfAttention::CausalSelfAttention(Scope s, int64_t channels, int64_t head_count, double p, bool bias, Loc loc)
    : c_attn(s / "c_attn", channels, 3 * channels, bias, loc),
      c_proj(s / "c_proj", channels, channels, bias, loc),
      heads(head_count),
      dropout(check_probability({"CausalSelfAttention", loc}, p)),
      rng(&s.rng()) {
  check_heads({"CausalSelfAttention", loc}, channels, heads);
}

// Queries, keys and values of all heads, each (B, H, T, D): views of one (B, T, 3 C) product.
static std::vector<Tensor> unpack(const CausalSelfAttention& m, const Tensor& x, Loc loc) {
  check_input({"CausalSelfAttention", loc}, x, 3, "x", "(B, T, C)");
  std::vector<Tensor> parts = split(m.c_attn(x, loc), x.size(2), 2, loc);
  for (Tensor& part : parts) part = split_heads(part, m.heads);
  return parts;
}

Tensor CausalSelfAttention::operator()(const Tensor& x, Loc loc) const {
  const InModule here(c_attn.weight, c_proj.weight, loc);
  check_input({"CausalSelfAttention", loc}, x, 3, "x", "(B, T, C)");
  const AttentionOptions options{.causal = true, .dropout = active(dropout), .rng = rng};
  return c_proj(packed_self_attention(c_attn(x, loc), heads, options, loc), loc);
}

Tensor CausalSelfAttention::weights(const Tensor& x, Loc loc) const {
  const InModule here(c_attn.weight, c_proj.weight, loc);
  const std::vector<Tensor> qkv = unpack(*this, x, loc);
  return scaled_dot_product_attention_weights(qkv[0], qkv[1], qkv[2], {.causal = true}, loc).second;
}

Tensor CausalSelfAttention::extend(const Tensor& x, KeyValueCache& cache, Loc loc) const {
  const InModule here(c_attn.weight, c_proj.weight, loc);
  const std::vector<Tensor> qkv = unpack(*this, x, loc);
  const AttentionOptions options{
      .causal = true, .causal_offset = cache.length(), .dropout = active(dropout), .rng = rng};
  cache = {append(cache.keys, qkv[1], loc), append(cache.values, qkv[2], loc)};
  return c_proj(merge_heads(scaled_dot_product_attention(qkv[0], cache.keys, cache.values, options, loc)), loc);
}

// --- Bahdanau's additive form
// -----------------------------------------------------------------------------------

AdditiveAttention::AdditiveAttention(Scope s, int64_t query_width, int64_t value_width, int64_t width, Loc loc)
    : W(s / "W", query_width, width, false, loc), U(s / "U", value_width, width, false, loc) {
  const double bound = 1 / std::sqrt(static_cast<double>(width));
  v = s.param("v", {width}, init::uniform(-bound, bound), loc);
}

Tensor AdditiveAttention::keys(const Tensor& values, Loc loc) const { return U(values, loc); }

// One query a row: its projection as (B, 1, width).
static Tensor project_query(const AdditiveAttention& m, const Tensor& query, Loc loc) {
  check_input({"AdditiveAttention", loc}, query, 2, "query", "(B, query_width)");
  return m.W(query, loc).unsqueeze(1);
}

// A mask for (B, S), made to broadcast to (B, 1, S).
static Tensor step_mask(const Tensor& mask) { return mask.defined() && mask.rank() == 2 ? mask.unsqueeze(1) : mask; }

Tensor AdditiveAttention::step(const Tensor& query, const Tensor& projected, const Tensor& values, const Tensor& mask,
                               Loc loc) const {
  const InModule here(v, loc);
  return additive_attention(project_query(*this, query, loc), projected, v, values, step_mask(mask), loc).squeeze(1);
}

std::pair<Tensor, Tensor> AdditiveAttention::step_weights(const Tensor& query, const Tensor& projected,
                                                          const Tensor& values, const Tensor& mask, Loc loc) const {
  const InModule here(v, loc);
  const auto [context, alpha] =
      additive_attention_weights(project_query(*this, query, loc), projected, v, values, step_mask(mask), loc);
  return {context.squeeze(1), alpha.squeeze(1)};
}

Tensor AdditiveAttention::operator()(const Tensor& query, const Tensor& values, const Tensor& mask, Loc loc) const {
  const InModule here(v, loc);
  return additive_attention(W(query, loc), keys(values, loc), v, values, mask, loc);
}

Tensor AdditiveAttention::weights(const Tensor& query, const Tensor& values, const Tensor& mask, Loc loc) const {
  const InModule here(v, loc);
  return additive_attention_weights(W(query, loc), keys(values, loc), v, values, mask, loc).second;
}

}  // namespace heed::nn
