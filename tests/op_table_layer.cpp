// Embedding, dropout, norms and attention.
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/random.h>
#include "op_table.h"

namespace heed::tests {
namespace {

std::vector<OpRecord> lookups_and_dropout() {
  std::vector<OpRecord> all;
  OpRecord e{"embedding(index, weight)"};
  const auto rows = [&](const std::string& what, const Shape& weight, const Shape& index) {
    e.sample(
        what,
        [=](Draw& d) {
          return List{d.real(weight), d.integers(0, weight[0], index)};
        },
        [](const List& x) { return embedding(x[1], x[0]); }, "F.embedding(x[1], x[0])");
  };
  rows("(5, 3) at (4)", {5, 3}, {4});
  rows("(4, 3) at (2, 3), some repeated", {4, 3}, {2, 3});
  rows("one row, often", {1, 2}, {5});
  rows("a scalar index", {4, 3}, {});
  rows("no index", {4, 3}, {0});
  rows("no columns", {4, 0}, {3});
  all.push_back(e);

  OpRecord d{"dropout(x, p, rng)"};
  const auto drop = [&](const Shape& shape, double p) {
    d.sample(
        fmt::format("{} with p = {}", shape, p), [=](Draw& draw) { return List{draw.real(shape)}; },
        [p](const List& x) {
          Rng rng(11);
          return dropout(x[0], p, rng);
        },
        fmt::format("dropout(x[0], {}, 11)", p));
  };
  drop({3, 4}, 0.5);
  drop({37}, 0.1);
  drop({2, 3}, 0);
  drop({2, 3}, 1);
  drop({}, 0.2);
  drop({0, 3}, 0.5);
  all.push_back(d);
  return all;
}

std::vector<OpRecord> norms() {
  std::vector<OpRecord> all;
  OpRecord l{"layer_norm(x, weight, bias, eps)"};
  const auto layer = [&](const std::string& what, const Shape& shape, bool weight, bool bias, double low, double high) {
    const int64_t n = shape.back();
    const auto fn = [=](auto f) {
      return [=](const List& x) { return f(x[0], weight ? x[1] : Tensor(), bias ? x.back() : Tensor(), 1e-5); };
    };
    l.sample(
        what,
        [=](Draw& d) {
          List x{d.real(shape, low, high)};
          if (weight) x.push_back(d.real({n}));
          if (bias) x.push_back(d.real({n}));
          return x;
        },
        fn([](const Tensor& x, const Tensor& w, const Tensor& b, double eps) { return layer_norm(x, w, b, eps); }),
        fmt::format("layer_norm(x[0], {}, {})", weight ? "x[1]" : "None", bias ? "x[-1]" : "None"));
    l.twin(fn([](const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
      return reference::layer_norm(x, w, b, eps);
    }));
  };
  layer("(3, 4)", {3, 4}, true, true, -2, 2);
  layer("(2, 2, 5), no bias", {2, 2, 5}, true, false, -2, 2);
  layer("(3, 4), bias alone", {3, 4}, false, true, -2, 2);
  layer("(3, 4), neither", {3, 4}, false, false, -2, 2);
  layer("one row", {6}, true, true, -2, 2);
  layer("37 wide", {1, 37}, true, true, -2, 2);
  layer("one wide", {3, 1}, true, true, -2, 2);
  l.f32_within(2e-5, "PyTorch divides by sqrt(eps), 0.003, before it subtracts the mean");
  layer("no rows", {0, 4}, true, true, -2, 2);
  layer("all but constant rows", {2, 4}, true, true, 1, 1.001);
  l.f32_within(1e-3, "rows 1 to 1.001 wide keep 4 digits of their differences in f32");
  all.push_back(l);

  OpRecord r{"rms_norm(x, weight, eps)"};
  const auto rms = [&](const std::string& what, const Shape& shape, bool weight, double high) {
    const int64_t n = shape.back();
    const auto fn = [=](auto f) { return [=](const List& x) { return f(x[0], weight ? x[1] : Tensor(), 1e-6); }; };
    r.sample(
        what,
        [=](Draw& d) {
          return weight ? List{d.real(shape, -high, high), d.real({n})} : List{d.real(shape, -high, high)};
        },
        fn([](const Tensor& x, const Tensor& w, double eps) { return rms_norm(x, w, eps); }),
        fmt::format("x[0] * torch.rsqrt(x[0].square().mean(-1, keepdim=True) + 1e-6){}", weight ? " * x[1]" : ""));
    r.twin(fn([](const Tensor& x, const Tensor& w, double eps) { return reference::rms_norm(x, w, eps); }));
  };
  rms("(3, 4)", {3, 4}, true, 2);
  rms("(2, 2, 5), no weight", {2, 2, 5}, false, 2);
  rms("one row", {6}, true, 2);
  rms("37 wide", {1, 37}, true, 2);
  rms("one wide", {3, 1}, true, 2);
  rms("no rows", {0, 4}, true, 2);
  rms("near zero, where eps counts", {2, 4}, true, 1e-3);
  all.push_back(r);
  return all;
}

std::vector<OpRecord> ropes() {
  OpRecord r{"rope(x, positions, options)"}, a{"rope(x, angles, interleaved)"};
  const auto turn = [&](const std::string& what, const Shape& shape, const Shape& at, const RopeOptions& o = {}) {
    const RopeScaling& s = o.scaling;
    const auto inputs = [=](Draw& d) { return List{d.real(shape), d.integers(0, 30, at)}; };
    const std::string torch =
        fmt::format("rope(x[0], x[1], {}, {}, {}, {}, {})", o.base, o.interleaved ? "True" : "False",
                    o.width ? o.width : shape.back(), s.factor, s.original_context);
    r.sample(
        what, inputs, [=](const List& x) { return rope(x[0], x[1], o); }, torch);
    a.sample(
        what, inputs,
        [=](const List& x) {
          const int64_t width = o.width ? o.width : shape.back();
          return rope(x[0], rope_angles(x[1], width, o, x[0].dtype()), o.interleaved);
        },
        torch);
  };
  turn("one head (5, 4)", {5, 4}, {5});
  turn("(B, T, H, D)", {2, 3, 2, 6}, {3, 1});
  turn("positions of each row", {2, 3, 4}, {2, 3});
  turn("pairs of neighbours", {2, 3, 4}, {3}, {.interleaved = true});
  turn("another base", {3, 8}, {3}, {.base = 100});
  turn("some columns", {3, 7}, {3}, {.width = 4});
  turn("some columns, neighbours", {3, 7}, {3}, {.interleaved = true, .width = 4});
  turn("slower", {3, 8}, {3}, {.scaling = {.factor = 4}});
  turn("slower where slow", {3, 16}, {3}, {.scaling = {.factor = 8, .original_context = 64}});
  turn("one position for all", {3, 4}, {});
  turn("rank 5", {2, 1, 3, 2, 2}, {3, 1});
  turn("no steps", {0, 4}, {0});
  return {r, a};
}

/// The shapes of q, k and v, and a mask's kind.
struct Attention {
  std::string what;
  Shape q, k, v;
  AttentionOptions options = {};
  enum { none, boolean_mask, dead_row, additive } mask = none;
  uint64_t seed = 0;      // of dropout
  Shape mask_shape = {};  // (T, S), unless given
};

/// The mask as a sample's fourth input: additive ones are differentiated too.
List attention_inputs(const Attention& a, Draw& d) {
  List x{d.real(a.q), d.real(a.k), d.real(a.v)};
  const Shape scores = a.mask_shape.rank() ? a.mask_shape : Shape{a.q[a.q.rank() - 2], a.k[a.k.rank() - 2]};
  if (a.mask == Attention::additive) x.push_back(d.real(scores));
  if (a.mask == Attention::boolean_mask || a.mask == Attention::dead_row) {
    std::vector<bool> may(static_cast<size_t>(scores.numel()));
    for (size_t i = 0; i < may.size(); ++i) may[i] = i % 3 != 1;
    if (a.mask == Attention::dead_row) std::fill_n(may.begin() + scores[1], scores[1], false);
    x.push_back(from_vector(may, scores));
  }
  return x;
}

std::string attention_torch(const Attention& a) {
  const AttentionOptions& o = a.options;
  return fmt::format(
      "attention(x[0], x[1], x[2], mask={}, causal={}, offset={}, scale={}, p={}, seed={}, window={}, cap={})",
      a.mask == Attention::none ? "None" : "x[3]", o.causal ? "True" : "False", o.causal_offset,
      o.scale ? fmt::format("{}", *o.scale) : "None", o.dropout, a.seed, o.window.value_or(0), o.softcap);
}

std::vector<Attention> attention_cases() {
  const Shape q{3, 4}, k{3, 4}, v{3, 4};
  std::vector<Attention> cases{
      {"self (3, 4)", q, k, v},
      {"cross, another width of v", {2, 3}, {4, 3}, {4, 2}},
      {"batch and heads (2, 2, 3, 2)", {2, 2, 3, 2}, {2, 2, 3, 2}, {2, 2, 3, 2}},
      {"causal", q, k, v, {.causal = true}},
      {"causal behind a cache of 2", {2, 3}, {4, 3}, {4, 3}, {.causal = true, .causal_offset = 2}},
      {"boolean mask", q, k, v, {}, Attention::boolean_mask},
      {"a query that may attend to nothing", q, k, v, {}, Attention::dead_row},
      {"additive mask", q, k, v, {}, Attention::additive},
      {"additive mask, causal, heads", {2, 3, 2}, {2, 3, 2}, {2, 3, 2}, {.causal = true}, Attention::additive},
      {"another scale", q, k, v, {.scale = 1.5}},
      {"large scores", q, k, v, {.scale = 30.0}},
      {"one query, one key", {1, 4}, {1, 4}, {1, 2}},
      {"no query", {0, 4}, {3, 4}, {3, 2}},
      {"no key", {2, 4}, {0, 4}, {0, 2}},
      {"grouped queries, 4 heads on 2", {2, 4, 3, 2}, {2, 2, 3, 2}, {2, 2, 3, 1}},
      {"grouped queries, causal, 6 heads on 2, one batch of keys",
       {2, 6, 2, 2},
       {2, 2, 2},
       {1, 2, 2, 2},
       {.causal = true}},
      {"many queries on one head", {1, 3, 2, 2}, {1, 1, 3, 2}, {1, 1, 3, 2}},
      {"grouped queries, additive mask", {1, 4, 2, 2}, {1, 2, 3, 2}, {1, 2, 3, 2}, {}, Attention::additive},
      {"grouped queries, boolean mask", {1, 4, 2, 2}, {1, 2, 3, 2}, {1, 2, 3, 2}, {}, Attention::boolean_mask},
      {"grouped queries, rank 5", {2, 1, 4, 1, 2}, {2, 2, 2, 3, 2}, {2, 2, 2, 3, 2}},
      {"a window of 2", {5, 3}, {5, 3}, {5, 3}, {.causal = true, .window = 2}},
      {"a window of 1", q, k, v, {.causal = true, .window = 1}},
      {"a window wider than all keys", q, k, v, {.causal = true, .window = 9}},
      {"a window behind a cache of 3", {2, 3}, {5, 3}, {5, 3}, {.causal = true, .causal_offset = 3, .window = 3}},
      {"capped scores", q, k, v, {.softcap = 0.7}},
      {"capped scores, additive mask", q, k, v, {.softcap = 2.0}, Attention::additive},
      {"grouped, causal, window, cap",
       {1, 4, 4, 2},
       {1, 2, 4, 2},
       {1, 2, 4, 2},
       {.causal = true, .window = 2, .softcap = 1.5}},
  };
  for (const double p : {0.3, 0.0})
    cases.push_back({fmt::format("dropout {}", p), q, k, v, {.dropout = p}, Attention::none, 5});
  cases.push_back({"dropout, causal, heads",
                   {2, 3, 2},
                   {2, 3, 2},
                   {2, 3, 2},
                   {.causal = true, .dropout = 0.4},
                   Attention::none,
                   6});
  // Rank 5: every broadcast of each mask; the boolean ones without their leading axes of 1.
  const Shape q5{2, 3, 1, 2, 1}, kv5{2, 3, 1, 2, 1}, full{2, 3, 1, 2, 2};
  for (int broadcast = 0; broadcast < 16; ++broadcast) {
    Shape sizes = full;
    for (const auto& [bit, axis] : {std::pair(1, 0), {2, 1}, {4, 3}, {8, 4}})
      if (broadcast & bit) sizes[axis] = 1;
    cases.push_back({fmt::format("rank 5, additive mask {}", sizes), q5, kv5, kv5, {}, Attention::additive, 0, sizes});
    while (sizes.rank() > 1 && sizes[0] == 1) sizes.erase(0);
    cases.push_back({fmt::format("rank 5, mask {}", sizes), q5, kv5, kv5, {}, Attention::boolean_mask, 0, sizes});
  }
  const Shape q54{2, 3, 2, 1, 2}, kv54{2, 3, 2, 3, 2};
  for (const Shape& sizes : {Shape{2, 1, 1, 1, 3}, Shape{3, 1, 1, 3}, Shape{2, 1, 2, 1, 3}, Shape{2, 1, 3}})
    cases.push_back(
        {fmt::format("rank 5 of two heads, mask {}", sizes), q54, kv54, kv54, {}, Attention::additive, 0, sizes});
  return cases;
}

/// For scores near 100: rounded by 1e-5, which exp hands on and the scale of 30 multiplies in the gradients.
void allow_large_scores(OpRecord& r, const Attention& a) {
  if (a.options.scale.value_or(1) >= 30)
    r.f32_within(2e-4, "scores near 100 are rounded by 1e-5, and gradients are 30 times that");
}

std::vector<OpRecord> attentions() {
  OpRecord r{"scaled_dot_product_attention(q, k, v, options)"};
  for (const Attention& a : attention_cases()) {
    const auto options_for = [a](const List& x, Rng& rng) {
      AttentionOptions o = a.options;
      if (x.size() > 3) o.mask = x[3];
      if (o.dropout > 0) o.rng = &rng;
      return o;
    };
    const auto inputs = [a](Draw& d) { return attention_inputs(a, d); };
    const std::string torch = attention_torch(a);
    r.sample(
        a.what, inputs,
        [=](const List& x) {
          Rng rng(a.seed);
          return scaled_dot_product_attention(x[0], x[1], x[2], options_for(x, rng));
        },
        torch);
    allow_large_scores(r, a);
    if (a.options.dropout == 0)
      r.twin([=](const List& x) {
        Rng rng(a.seed);
        return reference::scaled_dot_product_attention(x[0], x[1], x[2], options_for(x, rng), {});
      });
  }
  return {r};
}

std::vector<OpRecord> packed_attentions() {
  OpRecord r{"packed_self_attention(qkv, heads, options)"};
  struct Packed {
    std::string what;
    int64_t B, T, C, heads;
    AttentionOptions options = {};
    uint64_t seed = 0;  // of dropout
  };
  for (const Packed& p : {
           Packed{"two heads (2, 3, 4)", 2, 3, 4, 2},
           Packed{"causal", 1, 4, 4, 2, {.causal = true}},
           Packed{"one head, causal", 2, 3, 3, 1, {.causal = true}},
           Packed{"as many heads as channels", 1, 2, 3, 3},
           Packed{"another scale", 1, 3, 4, 2, {.scale = 1.5}},
           Packed{"dropout, causal", 2, 3, 4, 2, {.causal = true, .dropout = 0.4}, 6},
           Packed{"one of all", 1, 1, 1, 1},
           Packed{"no steps", 1, 0, 4, 2},
           Packed{"no rows", 0, 2, 4, 2},
       }) {
    r.sample(
        p.what,
        [p](Draw& d) {
          return List{d.real({p.B, p.T, 3 * p.C})};
        },
        [p](const List& x) {
          Rng rng(p.seed);
          AttentionOptions o = p.options;
          if (o.dropout > 0) o.rng = &rng;
          return packed_self_attention(x[0], p.heads, o);
        },
        fmt::format("packed_attention(x[0], {}, causal={}, scale={}, p={}, seed={})", p.heads,
                    p.options.causal ? "True" : "False", p.options.scale ? fmt::format("{}", *p.options.scale) : "None",
                    p.options.dropout, p.seed));
    if (p.options.dropout == 0)
      r.twin([p](const List& x) { return reference::packed_self_attention(x[0], p.heads, p.options, {}); });
  }
  return {r};
}

}  // namespace

std::vector<OpRecord> layer_records() {
  std::vector<OpRecord> all;
  for (auto part : {lookups_and_dropout, norms, ropes, attentions, packed_attentions})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
