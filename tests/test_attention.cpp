// The attentions: each against its formula, and what masks hide is hidden from gradients too.
#include <array>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/reference.h>
#include <heed/nn/attention.h>
#include <heed/nn/mask.h>
#include <heed/tensor/kernels/views.h>
#include <heed/tensor/random.h>
#include "reference_files.h"
#include "watch.h"

using namespace heed;
using heed::tests::require_close;
using tests::seen;

namespace {

constexpr double kSame = 1e-12;  // f64, a few hundred operations

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to_vector<double>() == b.to_vector<double>();
}

}  // namespace

TEST_CASE("attention: rows of weights sum to 1", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::Scope s = params;
  const Tensor x = randn({2, 5, 6}, rng, f64);
  const auto check = [&](const Tensor& w) { require_close(w.sum(-1), ones_like(w.sum(-1)), kSame); };
  nn::WatchAttention guard;
  nn::SimplifiedSelfAttention()(x);
  nn::SelfAttention(s / "a", 6, 4)(x);
  nn::CausalAttention(s / "b", 6, 4)(x);
  nn::MultiHeadAttention(s / "c", 6, 4, 2, {.causal = true})(x);
  nn::CausalSelfAttention(s / "d", 6, 3)(x);
  nn::AdditiveAttention(s / "e", 6, 6, 4)(x, x);
  REQUIRE(guard.looks().size() == 6);
  for (const auto& [module, weights] : guard.looks()) check(weights);
  nn::Parameters single(1);
  const nn::MultiHeadAttention attention(single, 6, 4, 2);
  for (const double added : {-1e4, -1e6, -1e9}) {  // to all scores, of which f32 then has few digits
    const Tensor y = attention(x.to(f32), {.mask = full({5, 5}, added)});
    require_close(guard.looks().back().second.sum(-1).to(f64), ones({2, 2, 5}, f64), 1e-6);
  }
  check(guard["c"]);
  REQUIRE(guard["c"].shape() == Shape{2, 2, 5, 5});
  REQUIRE_THROWS_WITH(guard["h"], Contains("no attention \"h\" has looked; need one of \"\", \"a\", \"b\", \"c\"") &&
                                      Contains("test_attention.cpp"));
}

TEST_CASE("attention: a causal row has no weight on later keys", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const Tensor x = randn({2, 5, 6}, rng, f64);
  const nn::CausalAttention one(params / "one", 6, 4);
  const nn::MultiHeadAttention many(params / "many", 6, 4, 2, {.causal = true});
  for (const Tensor& w : {seen([&] { one(x); }), seen([&] { many(x); })}) REQUIRE(same_bits(triu(w, 1), zeros_like(w)));
}

TEST_CASE("multi-head attention: the heads are causal attentions side by side, then out_proj", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::MultiHeadAttention many(params / "many", 6, 4, 2, {.causal = true, .qkv_bias = true});
  const Tensor x = randn({2, 5, 6}, rng, f64);
  std::vector<Tensor> outputs;
  for (int64_t h = 0; h < 2; ++h) {
    nn::CausalAttention head(params / "head" / h, 6, 2, 0, true);
    for (auto [to, from] :
         {std::pair{&head.W_query, &many.W_query}, {&head.W_key, &many.W_key}, {&head.W_value, &many.W_value}}) {
      to->weight = from->weight.narrow(0, 2 * h, 2);
      to->bias = from->bias.narrow(0, 2 * h, 2);
    }
    outputs.push_back(head(x));
    require_close(seen([&] { many(x); }).select(1, h), seen([&] { head(x); }), kSame);
  }
  require_close(many(x), many.out_proj(cat(outputs, -1)), kSame);
}

TEST_CASE("packed attention: c_attn is W_query, W_key and W_value one above the other", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::CausalSelfAttention packed(params / "packed", 6, 3);
  nn::MultiHeadAttention apart(params / "apart", 6, 6, 3, {.causal = true, .qkv_bias = true});
  int64_t row = 0;
  for (nn::Linear* part : {&apart.W_query, &apart.W_key, &apart.W_value}) {
    part->weight = packed.c_attn.weight.narrow(0, row, 6);
    part->bias = packed.c_attn.bias.narrow(0, row, 6);
    row += 6;
  }
  apart.out_proj = packed.c_proj;
  const Tensor x = randn({2, 5, 6}, rng, f64);
  require_close(packed(x), apart(x), kSame);
  require_close(seen([&] { packed(x); }), seen([&] { apart(x); }), kSame);
  std::vector<Tensor> leaves{packed.c_attn.weight, packed.c_attn.bias, packed.c_proj.weight, packed.c_proj.bias};
  const std::vector<Tensor> a = grad({(packed(x) * packed(x)).sum()}, leaves),
                            b = grad({(apart(x) * apart(x)).sum()}, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) require_close(a[i], b[i], 1e-11);
}

TEST_CASE("cross-attention: masked context positions have no effect and get no gradient", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::MultiHeadAttention attention(params, 6, 4, 2, {.d_context = 3});
  const Tensor x = randn({2, 5, 6}, rng, f64), context = randn({2, 4, 3}, rng, f64);
  const Tensor allowed = nn::length_mask(tensor({4, 2}), 4);
  const Tensor mask = allowed.unsqueeze(1), hidden = logical_not(allowed).unsqueeze(2);
  Tensor changed = masked_fill(context, hidden, 1e3).set_requires_grad();
  const Tensor y = attention(x, {.context = changed, .mask = mask});
  REQUIRE(same_bits(y, attention(x, {.context = context, .mask = mask})));
  REQUIRE(y.shape() == Shape{2, 5, 4});
  const Tensor d = grad(y.sum(), changed);
  REQUIRE(same_bits(masked_fill(d, logical_not(hidden), 0), zeros_like(d)));
  // The second row alone, cut to its length.
  require_close(y.narrow(0, 1, 1), attention(x.narrow(0, 1, 1), {.context = context.narrow(0, 1, 1).narrow(1, 0, 2)}),
                kSame);
  REQUIRE(seen([&] { attention(x, {.context = context, .mask = mask}); }).shape() == Shape{2, 2, 5, 4});
  // What is cached is read in place of the context.
  nn::KeyValueCache projected;
  for (const Tensor& read : {context, zeros_like(context)})
    require_close(attention(x, {.context = read, .mask = mask, .cache = &projected}), y, kSame);
  REQUIRE_THROWS_WITH(attention(x, {.context = Tensor()}), Contains("context is undefined"));
}

TEST_CASE("attention with a cache: step by step equals all at once", "[nn][attention]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::CausalSelfAttention packed(params / "packed", 6, 3);
  const nn::MultiHeadAttention apart(params / "apart", 6, 4, 2, {.causal = true});
  const Tensor x = randn({2, 5, 6}, rng, f64);
  nn::KeyValueCache a, b;
  REQUIRE(a.length() == 0);
  std::vector<Tensor> by_a, by_b;
  for (const auto& [start, steps] : {std::pair{0, 2}, {2, 1}, {3, 2}}) {
    by_a.push_back(packed(x.narrow(1, start, steps), &a));
    by_b.push_back(apart(x.narrow(1, start, steps), {.cache = &b}));
  }
  REQUIRE(a.length() == 5);
  require_close(cat(by_a, 1), packed(x), kSame);
  require_close(cat(by_b, 1), apart(x), kSame);
}

TEST_CASE("attention: dropout drops weights while training only", "[nn][attention][dropout]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::CausalAttention one(params / "one", 6, 4, 0.5);
  const nn::MultiHeadAttention many(params / "many", 6, 4, 2, {.causal = true, .dropout = 0.5});
  const nn::CausalSelfAttention packed(params / "packed", 6, 2, {.dropout = 0.5});
  const Tensor x = randn({2, 5, 6}, rng);
  const auto varies = [&](const auto& attention) { return !same_bits(attention(x), attention(x)); };
  REQUIRE((varies(one) && varies(many) && varies(packed)));
  const nn::EvalMode eval;
  REQUIRE_FALSE((varies(one) || varies(many) || varies(packed)));
}

TEST_CASE("attention of rank 5: a mask that repeats along some leading axes gets the gradient of the rank 4 call",
          "[ops][attention]") {
  Rng rng(5);
  const Tensor q = randn({2, 3, 2, 1, 4}, rng, f64), k = randn({2, 3, 2, 5, 4}, rng, f64),
               v = randn({2, 3, 2, 5, 4}, rng, f64), seed = randn({2, 3, 2, 1, 4}, rng, f64);
  for (const Shape& shape : {Shape{2, 1, 1, 1, 5}, Shape{3, 1, 1, 5}, Shape{1, 3, 2, 1, 5}, Shape{2, 3, 1, 1, 5}}) {
    CAPTURE(shape);
    Tensor mask = randn(shape, rng, f64).set_requires_grad();
    const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = mask});
    const Tensor g = grad(y, mask, {.seeds = {seed}});
    const auto heads = [](const Tensor& x) { return x.reshape({6, 2, x.size(-2), x.size(-1)}); };
    const Tensor bias = heads(mask.expand({2, 3, 2, 1, 5}));
    const Tensor y4 = scaled_dot_product_attention(heads(q), heads(k), heads(v), {.mask = bias});
    require_close(y.reshape(y4.shape()), y4, kSame);
    require_close(g, grad(y4, mask, {.seeds = {heads(seed)}}), kSame);
    CHECK((g * g).sum().item<double>() > 1e-6);
  }
}

TEST_CASE("attention: results larger than the caches have the bits of their parts", "[ops][attention]") {
  constexpr int64_t kBatch = 16, kHeads = 16, kWidth = 16;
  for (const auto& [T, S] : {std::array<int64_t, 2>{1030, 6}, {6, 1030}}) {  // 16 MiB of queries, and of keys
    Rng rng(4);
    std::vector<Tensor> whole;
    for (const int64_t rows : {T, S, S})
      whole.push_back(randn({kBatch, rows, kHeads, kWidth}, rng).transpose(1, 2).set_requires_grad());
    const Tensor seed = randn({kBatch, kHeads, T, kWidth}, rng);
    const auto run = [](const std::vector<Tensor>& x, const Tensor& dy) {
      const Tensor y = scaled_dot_product_attention(x[0], x[1], x[2], {});
      std::vector<Tensor> all = grad({y}, x, {.seeds = {dy}});
      all.push_back(y.detach());
      return all;
    };
    const std::vector<Tensor> all = run(whole, seed);
    for (const int64_t b : {int64_t{0}, kBatch - 1}) {
      std::vector<Tensor> part;
      for (const Tensor& x : whole) part.push_back(x.detach().narrow(0, b, 1).set_requires_grad());
      const std::vector<Tensor> expected = run(part, seed.narrow(0, b, 1));
      for (size_t i = 0; i < all.size(); ++i) {
        CAPTURE(T, S, b, i);
        CHECK(all[i].narrow(0, b, 1).to_vector<float>() == expected[i].to_vector<float>());
      }
    }
  }
}

TEST_CASE("kernels: a view to write through refuses to be a copy", "[kernels][attention]") {
  const Tensor x = zeros({2, 3, 4, 5});
  CHECK(kernels::writable<float, 2>(x.narrow(2, 1, 3).select(0, 1)).at(2, 1) == x.data<float>() + 60 + 2 * 20 + 2 * 5);
  CHECK(kernels::writable<float, 2>(x).at(5, 1) == x.data<float>() + 5 * 20 + 5);  // (2, 3) lie as one axis
  CHECK(kernels::writable<float, 1>(Tensor()).data == nullptr);
  CHECK_THROWS_AS((kernels::writable<float, 2>(x.transpose(0, 1))), Error);  // (3, 2) do not
  CHECK_THROWS_AS((kernels::writable<float, 3>(x.mT())), Error);             // rows are not dense
  CHECK_THROWS_AS((kernels::writable<float, 2>(zeros({2, 1, 1, 5}).expand({2, 3, 4, 5}))),
                  Error);  // one of two repeats
  const auto read = kernels::Readable<2>(x.transpose(0, 1));
  CHECK(read.view<float>().data != x.data<float>());
}

TEST_CASE("additive attention: the fused op equals its twin, values and gradients", "[ops][attention]") {
  for (const bool masked : {false, true}) {
    INFO("masked " << masked);
    Rng rng(4);
    std::vector<Tensor> in{randn({2, 3, 5}, rng, f64), randn({2, 4, 5}, rng, f64), randn({5}, rng, f64),
                           randn({2, 4, 6}, rng, f64)};
    for (Tensor& x : in) x.set_requires_grad();
    // The second row sees nothing at all.
    const Tensor mask = masked ? nn::length_mask(tensor({3, 0}), 4).unsqueeze(1) : Tensor();
    const Tensor twin = matmul(reference::additive_weights(in[0], in[1], in[2], mask), in[3]);
    const Tensor got = additive_attention(in[0], in[1], in[2], in[3], mask), seed = randn(twin.shape(), rng, f64);
    require_close(got, twin, kSame);
    const std::vector<Tensor> dx = grad({got}, in, {.seeds = {seed}}), dtwin = grad({twin}, in, {.seeds = {seed}});
    for (size_t i = 0; i < in.size(); ++i) require_close(dx[i], dtwin[i], kSame);
  }
}

TEST_CASE("additive attention: a step is one query of the whole, with keys computed once", "[nn][attention]") {
  Rng rng(4);
  nn::Parameters params(rng, f64);
  const nn::AdditiveAttention attention(params, 5, 6, 7);
  REQUIRE(params.at("W.weight").shape() == Shape{7, 5});
  REQUIRE(params.at("U.weight").shape() == Shape{7, 6});
  REQUIRE(params.at("v").shape() == Shape{7});
  const Tensor queries = randn({2, 3, 5}, rng, f64), values = randn({2, 4, 6}, rng, f64);
  const Tensor mask = nn::length_mask(tensor({4, 2}), 4), keys = attention.U(values);
  const Tensor whole = attention(queries, values, mask.unsqueeze(1)),
               weights = seen([&] { attention(queries, values, mask.unsqueeze(1)); });
  for (int64_t t = 0; t < 3; ++t) {
    const Tensor query = queries.select(1, t);
    Tensor context;
    const Tensor alpha = seen([&] { context = attention(query, values, mask, keys); });
    require_close(context, whole.select(1, t), kSame);
    require_close(alpha, weights.select(1, t), kSame);
  }
  REQUIRE(same_bits(weights[1].narrow(1, 2, 2), zeros({3, 2}, f64)));
}

TEST_CASE("attention: inputs that do not fit are named", "[nn][attention][errors]") {
  Rng rng(4);
  nn::Parameters params(rng);
  REQUIRE_THROWS_WITH(nn::MultiHeadAttention(params / "a", 6, 6, 4), Contains("4 heads do not divide 6 channels"));
  REQUIRE_THROWS_WITH(nn::CausalSelfAttention(params / "b", 6, 4), Contains("4 heads do not divide 6 channels"));
  REQUIRE_THROWS_AS(nn::CausalAttention(params / "c", 6, 4, -0.1), ValueError);
  const nn::MultiHeadAttention many(params / "d", 6, 4, 2);
  REQUIRE_THROWS_WITH(many(zeros({5, 6})), Contains("has shape (5, 6); need (B, ") && Contains("test_attention.cpp"));
  const nn::AdditiveAttention additive(params / "e", 5, 6, 7);
  const Tensor values = zeros({2, 4, 6});
  REQUIRE_THROWS_WITH(additive(zeros({5}), values), Contains("need (B, T, query_width) or (B, query_width)"));
  REQUIRE_THROWS_WITH(additive(zeros({2, 5}), zeros({2, 3, 6}), {}, additive.U(values)),
                      Contains("need equal B and S"));
}

TEST_CASE("KeyValueCache: copies that share their room go on apart", "[attention][nn]") {
  const NoGrad no_grad;
  const auto of = [](double value, int64_t steps) { return full({1, 1, steps, 2}, value, f64); };
  nn::KeyValueCache first;
  first.append(of(1, 3), of(1, 3));
  first.append(of(2, 1), of(2, 1));  // from here on there is room for more
  nn::KeyValueCache second = first;
  first.append(of(3, 1), of(3, 1));
  second.append(of(4, 1), of(4, 1));
  CHECK(first.keys.at<double>({0, 0, 4, 0}) == 3);
  CHECK(first.values.at<double>({0, 0, 4, 1}) == 3);
  CHECK(second.keys.at<double>({0, 0, 4, 0}) == 4);
  CHECK(second.values.at<double>({0, 0, 3, 1}) == 2);
}
