#include <heed/nn/attention.h>

#include <cmath>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops/reference.h>
#include <heed/nn/dropout.h>
#include <heed/nn/init.h>

namespace heed::nn {

namespace {

void check_input(const Op& op, const Tensor& x, int rank, const char* name, const char* shape) {
  if (!x.defined()) fail<Error>(op, "{} is undefined; need {}", name, shape);
  if (x.rank() != rank) fail<ShapeError>(op, "{} has shape {}; need {}", name, x.shape(), shape);
}

// (B, T, H D) -> (B, H, T, D)
Tensor split_heads(const Tensor& x, int64_t heads) {
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// (B, H, T, D) -> (B, T, H D)
Tensor merge_heads(const Tensor& x) { return x.transpose(1, 2).flatten(2); }

// A mask for (B, T, S), made to broadcast to (B, H, T, S).
Tensor mask_of_heads(const Op& op, const Tensor& mask) {
  if (mask.defined() && mask.rank() > 4)
    fail<ShapeError>(op, "mask has shape {}; need one that broadcasts to (B, T, S) or (B, H, T, S)", mask.shape());
  return mask.defined() && mask.rank() == 3 ? mask.unsqueeze(1) : mask;
}

// x (B, S, C), of which the projections read nothing behind a mask: 0 times NaN would be NaN in their gradients.
Tensor without_hidden(const Tensor& x, const Tensor& mask) {
  if (!mask.defined() || !x.defined() || std::isfinite(x.detach().sum().item<double>())) return x;
  return reference::seen_rows(x, mask.rank() == 4 && mask.dtype() == boolean ? mask.any(1) : mask);
}

double active(double dropout) { return training() ? dropout : 0; }

// softmax(q k^T / sqrt(D)), for whoever watches too.
Tensor weights_of(const Tensor& q, const Tensor& k, const AttentionOptions& options = {}) {
  const Tensor weights = reference::attention_weights(q, k, options, {});
  if (WatchAttention* guard = WatchAttention::current()) guard->add(weights);
  return weights;
}

// The fused op keeps no weights: whoever watches has them computed beside it.
void watch(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  if (!WatchAttention::current()) return;
  const NoGrad constant;
  weights_of(q, k, options);
}

// Keys and values that follow those in the cache, if there is one, and all that there are now.
KeyValueCache extended(KeyValueCache* cache, const Tensor& keys, const Tensor& values) {
  if (!cache) return {keys, values};
  cache->append(keys, values);
  return *cache;
}

void check_follows(const Op& op, const Tensor& held, const Tensor& next) {
  Shape wanted = held.shape();
  wanted[2] = next.size(2);
  if (next.shape() != wanted)
    fail<ShapeError>(op, "next steps {} cannot join those of {} in the cache; need {}", next.shape(), held.shape(),
                     wanted);
}

}  // namespace

int64_t check_heads(const Op& op, int64_t channels, int64_t heads) {
  if (heads < 1 || channels % heads != 0)
    fail<ValueError>(op, "{} heads do not divide {} channels; need channels % heads == 0", heads, channels);
  return heads;
}

void KeyValueCache::append(const Tensor& new_keys, const Tensor& new_values, Loc loc) {
  const Op op{"KeyValueCache", loc};
  if (length() > 0) check_follows(op, keys, new_keys), check_follows(op, values, new_values);
  const int64_t before = length(), now = before + new_keys.size(2);
  if (before == 0 || grad_enabled()) {
    keys = before ? cat({keys, new_keys}, 2) : new_keys;
    values = before ? cat({values, new_values}, 2) : new_values;
    return;
  }
  const bool fits = room && room->used == before && room->keys.size(2) >= now && keys.storage() == room->keys.storage();
  const auto with_room = [&](const Tensor& x) {
    Shape shape = x.shape();
    shape[2] = 2 * now;
    const Tensor wide = empty(shape, x.dtype());
    wide(all, all, slice(0, before)).assign(x);
    return wide;
  };
  if (!fits) room = std::make_shared<Room>(Room{with_room(keys), with_room(values), before});
  room->keys(all, all, slice(before, now)).assign(new_keys);
  room->values(all, all, slice(before, now)).assign(new_values);
  room->used = now;
  keys = room->keys(all, all, slice(0, now));
  values = room->values(all, all, slice(0, now));
}

// --- without weights ----------------------------------------------------------------------------------------------

Tensor SimplifiedSelfAttention::operator()(const Tensor& x, Loc loc) const {
  const Op op{"SimplifiedSelfAttention", loc};
  return matmul(weights_of(x, x, {.scale = 1}), x);
}

// --- with trained queries, keys and values ------------------------------------------------------------------------

SelfAttention::SelfAttention(Scope s, int64_t d_in, int64_t d_out, bool qkv_bias)
    : name(s.name()),
      W_query(s / "W_query", d_in, d_out, qkv_bias),
      W_key(s / "W_key", d_in, d_out, qkv_bias),
      W_value(s / "W_value", d_in, d_out, qkv_bias) {}

Tensor SelfAttention::operator()(const Tensor& x, Loc loc) const {
  const Op op{"SelfAttention", name, loc};
  return matmul(weights_of(W_query(x), W_key(x)), W_value(x));
}

// --- that cannot see the future -----------------------------------------------------------------------------------

CausalAttention::CausalAttention(Scope s, int64_t d_in, int64_t d_out, double p, bool qkv_bias)
    : name(s.name()),
      W_query(s / "W_query", d_in, d_out, qkv_bias),
      W_key(s / "W_key", d_in, d_out, qkv_bias),
      W_value(s / "W_value", d_in, d_out, qkv_bias),
      dropout(check_probability({"CausalAttention", s.name(), s.where()}, p)),
      rng(s.shared_rng()) {}

Tensor CausalAttention::operator()(const Tensor& x, Loc loc) const {
  const Op op{"CausalAttention", name, loc};
  const Tensor weights = weights_of(W_query(x), W_key(x), {.causal = true});
  return matmul(heed::dropout(weights, active(dropout), *rng), W_value(x));
}

// --- many heads at once -------------------------------------------------------------------------------------------

MultiHeadAttention::MultiHeadAttention(Scope s, int64_t d_in, int64_t d_out, int64_t head_count,
                                       const MultiHeadOptions& options)
    : name(s.name()),
      W_query(s / "W_query", d_in, d_out, options.qkv_bias),
      W_key(s / "W_key", options.d_context ? options.d_context : d_in, d_out, options.qkv_bias),
      W_value(s / "W_value", options.d_context ? options.d_context : d_in, d_out, options.qkv_bias),
      out_proj(s / "out_proj", d_out, d_out, options.out_bias),
      heads(check_heads({"MultiHeadAttention", s.name(), s.where()}, d_out, head_count)),
      causal(options.causal),
      dropout(check_probability({"MultiHeadAttention", s.name(), s.where()}, options.dropout)),
      rng(s.shared_rng()) {}

Tensor MultiHeadAttention::operator()(const Tensor& x, const AttendTo& what, Loc loc) const {
  const Op op{"MultiHeadAttention", name, loc};
  check_input(op, x, 3, "x", "(B, T, d_in)");
  const bool crosses = what.context.has_value();
  if (crosses) check_input(op, *what.context, 3, "context", "(B, S, d_context)");
  const int64_t before = what.cache ? what.cache->length() : 0;
  if (crosses && causal)
    fail<ValueError>(op, "a context, but this one was built causal; need a mask, or one without .causal");
  const bool projected = crosses && before > 0;
  if (projected && what.context->size(1) != before)
    fail<ShapeError>(op, "context has shape {}, but the cache holds {} steps; need the context that filled it",
                     what.context->shape(), before);
  const Tensor read = projected ? Tensor() : without_hidden(crosses ? *what.context : x, what.mask);
  const KeyValueCache seen =
      projected ? *what.cache
                : extended(what.cache, split_heads(W_key(read), heads), split_heads(W_value(read), heads));
  const AttentionOptions options{.causal = causal,
                                 .causal_offset = before,
                                 .mask = mask_of_heads(op, what.mask),
                                 .dropout = active(dropout),
                                 .rng = rng.get()};
  const Tensor queries = split_heads(W_query(crosses ? x : read), heads);
  watch(queries, seen.keys, options);
  return out_proj(merge_heads(scaled_dot_product_attention(queries, seen.keys, seen.values, options)));
}

// --- as GPTs have it ----------------------------------------------------------------------------------------------

CausalSelfAttention::CausalSelfAttention(Scope s, int64_t channels, int64_t head_count, const CausalOptions& o)
    : name(s.name()),
      heads(o.head_size ? head_count : check_heads({"CausalSelfAttention", s.name(), s.where()}, channels, head_count)),
      kv_heads(o.kv_heads ? o.kv_heads : heads),
      head_size(o.head_size ? o.head_size : channels / heads),
      c_attn(s / "c_attn", channels, (heads + 2 * kv_heads) * head_size, o.qkv_bias),
      c_proj(s / "c_proj", heads * head_size, channels, o.out_bias),
      options(o),
      rng(s.shared_rng()) {
  const Op op{"CausalSelfAttention", s.name(), s.where()};
  check_probability(op, o.dropout);
  if (kv_heads < 1 || heads % kv_heads != 0)
    fail<ValueError>(op, "{} heads of keys do not divide {} of queries; need a divisor", kv_heads, heads);
  if (o.qk_norm != QkNorm::weighted) return;
  q_norm = (s / "q_norm").param("weight", {head_size}, init::ones());
  k_norm = (s / "k_norm").param("weight", {head_size}, init::ones());
}

Tensor CausalSelfAttention::operator()(const Tensor& x, KeyValueCache* cache, const RopeAngles& angles, Loc loc) const {
  const Op op{"CausalSelfAttention", name, loc};
  check_input(op, x, 3, "x", "(B, T, C)");
  const bool turns = angles.cos.defined(), norms = options.qk_norm != QkNorm::none;
  const Tensor qkv = c_attn(x);
  const AttentionOptions how{.causal = true,
                             .causal_offset = cache ? cache->length() : 0,
                             .window = options.window,
                             .dropout = active(options.dropout),
                             .rng = rng.get()};
  if (!turns && !norms && kv_heads == heads && !cache && !WatchAttention::current())
    return c_proj(packed_self_attention(qkv, heads, how));
  const auto part = [&](int64_t first, int64_t count) {  // (B, T, count, D)
    return qkv(all, all, slice(first * head_size, (first + count) * head_size))
        .reshape({x.size(0), x.size(1), count, head_size});
  };
  const auto placed = [&](Tensor y, const Tensor& weight) {  // (B, count, T, D)
    if (norms) y = rms_norm(y, weight, options.eps);
    return (turns ? rope(y, angles) : y).transpose(1, 2);
  };
  const Tensor queries = placed(part(0, heads), q_norm);
  const KeyValueCache seen =
      extended(cache, placed(part(heads, kv_heads), k_norm), part(heads + kv_heads, kv_heads).transpose(1, 2));
  watch(queries, seen.keys, how);
  return c_proj(merge_heads(scaled_dot_product_attention(queries, seen.keys, seen.values, how)));
}

// --- Bahdanau's additive form -------------------------------------------------------------------------------------

AdditiveAttention::AdditiveAttention(Scope s, int64_t query_width, int64_t value_width, int64_t width)
    : name(s.name()), W(s / "W", query_width, width, false), U(s / "U", value_width, width, false) {
  const double bound = 1 / std::sqrt(static_cast<double>(width));
  v = s.param("v", {width}, init::uniform(-bound, bound));
}

Tensor AdditiveAttention::operator()(const Tensor& query, const Tensor& values0, const Tensor& mask,
                                     const Tensor& known_keys, Loc loc) const {
  const Op op{"AdditiveAttention", name, loc};
  const bool one = query.defined() && query.rank() == 2;  // a decoder's step
  if (!one) check_input(op, query, 3, "query", "(B, T, query_width) or (B, query_width)");
  const auto as_steps = [one](const Tensor& x) { return one && x.defined() && x.rank() == 2 ? x.unsqueeze(1) : x; };
  const auto as_asked = [one](const Tensor& y) { return one ? y.squeeze(1) : y; };
  const Tensor projected = as_steps(W(query)), allowed = as_steps(mask);
  const Tensor values = without_hidden(values0, allowed);
  const Tensor keys = known_keys.defined() ? known_keys : U(values);
  if (WatchAttention* guard = WatchAttention::current()) {
    const NoGrad constant;
    guard->add(as_asked(reference::additive_weights(projected, keys, v, allowed)));
  }
  return as_asked(additive_attention(projected, keys, v, values, allowed));
}

}  // namespace heed::nn
