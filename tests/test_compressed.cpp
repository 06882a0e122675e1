#include <cmath>
#include <limits>
#include <vector>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/generate.h>
#include <heed/models/gpt.h>
#include <heed/nn/compressed.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"
#include "kernels.h"
#include "scoped_threads.h"

using namespace heed;
using models::Gpt;
using nn::Compressed;

namespace {

constexpr Weights kKinds[] = {Weights::bf16, Weights::q8};
constexpr models::GptConfig kSmall{.vocabulary = 19, .context = 24, .layers = 2, .heads = 2, .channels = 40};

/// The weights as they are kept.
Tensor kept(const Compressed& matrix, int64_t out) { return matrix.rows(arange(out)); }

struct SmallGpt {
  nn::Parameters params{3};
  Gpt gpt;
  explicit SmallGpt(models::GptConfig config = kSmall, double scale = 1) : gpt(params, config) {
    for (const auto& [name, parameter] : params) parameter.assign(parameter.detach() * scale);
  }
};

}  // namespace

TEST_CASE("Compressed: products are those of the weights as they are kept, within the bound that it states",
          "[compressed]") {
  on_every_simd_target([] {
    Rng rng(1);
    for (const Weights kind : kKinds)
      for (const int64_t in : {1, 7, 16, 33, 64, 200})
        for (const int64_t out : {1, 3, 8, 21, 70}) {
          const Tensor weight = randn({out, in}, rng), bias = randn({out}, rng);
          const Compressed matrix(weight, kind);
          const Tensor exact = kept(matrix, out).to(f64);
          for (const int64_t rows : {1, 2, 3, 4, 5, 9}) {
            CAPTURE(name_of(kind), in, out, rows);
            const Tensor x = randn({rows, in}, rng), x64 = x.to(f64), b64 = bias.to(f64);
            const Tensor bound = (linear(abs(x64), abs(exact), abs(b64))) * (double(in + 2) * 0x1p-24);
            const Tensor off = abs(matrix.linear(x, bias).to(f64) - linear(x64, exact, b64));
            // rows() multiplies steps in f32 itself, which moves a q8 weight by 2^-24 of itself
            CHECK((off - bound * 1.5).max().item<double>() <= 0);
            CHECK(largest_difference(matrix.linear(x) + bias, matrix.linear(x, bias)) < 1e-4);
          }
        }
  });
}

TEST_CASE("Compressed: weights are as near to what they were as tensor/weights.h says", "[compressed]") {
  Rng rng(2);
  const Tensor weight = randn({9, 130}, rng);
  weight[4].assign(zeros({130}));
  for (const Weights kind : kKinds) {
    CAPTURE(name_of(kind));
    const Compressed matrix(weight, kind);
    CHECK(matrix.kept() == kind);
    const Tensor off = abs(kept(matrix, 9) - weight);
    const Tensor bound =
        kind == Weights::bf16 ? abs(weight) * 0x1p-8 : abs(weight).max(1, true).expand({9, 130}) * (1.0001 / 254);
    CHECK((off - bound).max().item<double>() <= 0);
    CHECK(off.max().item<double>() > 0);
    CHECK(largest(kept(matrix, 9)[4]) == 0);
    CHECK(largest_difference(kept(matrix, 9),
                             matrix.rows(tensor({{0, 1, 2}, {3, 4, 5}, {6, 7, 8}})).reshape({9, 130})) == 0);
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kLeast = 0x1p-149f;
  const auto least = Compressed(tensor({{190 * kLeast, 0.0f}}), Weights::q8).rows(tensor({0}));  // a step and a half
  CHECK(least.to_vector<float>() == std::vector<float>{127 * kLeast, 0});
  const std::vector<float> some = {1, 1 + 0x1p-8f, 1 + 0x3p-8f, -2.5f, 0x1.fffffep127f, kInfinity, std::nanf("")},
                           rounded = {1, 1, 1 + 0x4p-8f, -2.5f, kInfinity, kInfinity};
  const auto all = Compressed(from_vector(some, {1, 7}), Weights::bf16).rows(tensor({0})).to_vector<float>();
  CHECK(std::vector<float>(all.begin(), all.end() - 1) == rounded);
  CHECK(std::isnan(all.back()));
}

TEST_CASE("Compressed: a row's bits are its own, whatever stands beside it, and at any number of threads",
          "[compressed][threads]") {
  Rng rng(3);
  const Tensor weight = randn({300, 500}, rng), x = randn({23, 500}, rng);
  for (const Weights kind : kKinds) {
    CAPTURE(name_of(kind));
    const Compressed matrix(weight, kind);
    const tests::Threads one(1);
    const Tensor whole = matrix.linear(x);
    for (const int threads : {1, 2, 3}) {
      CAPTURE(threads);
      const tests::Threads some(threads);
      for (const int64_t count : {1, 2, 3, 4, 7, 23})
        CHECK(largest_difference(matrix.linear(x(slice(0, count))), whole(slice(0, count))) == 0);
      CHECK(largest_difference(matrix.linear(x[22]), whole[22]) == 0);
    }
  }
}

TEST_CASE("linear: 16 rows or fewer have the bits of each by itself", "[compressed][gemm]") {
  Rng rng(3);
  const Tensor weight = randn({300, 500}, rng), x = randn({16, 500}, rng), whole = linear(x, weight);
  for (const int64_t count : {1, 2, 5, 8})
    CHECK(largest_difference(linear(x(slice(0, count)), weight), whole(slice(0, count))) == 0);
}

TEST_CASE("Gpt::compressed: nearly the same logits; the model itself stays, and trains on", "[compressed][models]") {
  models::GptConfig untied = kSmall;
  untied.tied = false;
  untied.positions = models::Positions::rope;
  untied.mlp = models::Mlp::swiglu;
  for (const models::GptConfig& config : {kSmall, untied}) {
    const SmallGpt model(config);
    Rng rng(4);
    const Tensor text = randint(0, 19, {2, 20}, rng);
    const Tensor before = model.gpt(text);
    for (const Weights kind : kKinds) {
      CAPTURE(name_of(kind), config.tied);
      const Gpt small = model.gpt.compressed(kind);
      const NoGrad no_grad;
      const Tensor logits = small(text);
      const double off = largest_difference(logits, before) / largest(before);
      CHECK(off > 0);
      CHECK(off < 0.02);
      models::GptCache cache = small.cache();
      CHECK(largest_difference(small.next(text, cache), logits.select(1, -1)) < 1e-5 * largest(before));
    }
    CHECK(largest_difference(model.gpt.compressed(Weights::f32)(text), before) == 0);
    cross_entropy(model.gpt(text), text).backward();
    CHECK(model.gpt.h[0].mlp.c_fc.weight.grad().defined());
  }
}

TEST_CASE("Gpt::compressed: gradients are refused, and nothing is recorded where there are none", "[compressed]") {
  SmallGpt model;
  const Gpt small = model.gpt.compressed(Weights::q8);
  CHECK_THROWS_WITH(small(tensor({{1, 2}})),
                    Contains("the weights are q8, for generation, and have no gradients; need NoGrad") &&
                        Contains("h.0.attn.c_attn") && Contains("test_compressed.cpp"));
  model.params.freeze("");
  CHECK_FALSE(small(tensor({{1, 2}})).requires_grad());
}

TEST_CASE("sample: several texts at once are what each generator writes alone, beyond the context too",
          "[compressed][models][generate]") {
  const SmallGpt model(kSmall, 4);  // so that choices differ
  Rng rng(5);
  for (const Weights kind : {Weights::f32, Weights::bf16, Weights::q8}) {
    CAPTURE(name_of(kind));
    const Gpt gpt = model.gpt.compressed(kind);
    const models::SampleOptions options{.tokens = 30, .top_k = 9, .keep = 12};
    for (const Tensor& prompt : {randint(0, 19, {5, 4}, rng), randint(0, 19, {1, 7}, rng)}) {
      std::vector<Rng> rngs;
      for (uint64_t i = 0; i < 5; ++i) rngs.emplace_back(20 + i);
      const Tensor texts = models::sample(gpt, prompt, options, rngs);
      REQUIRE(texts.shape() == Shape{5, prompt.size(1) + 30});
      for (int64_t i = 0; i < 5; ++i) {
        Rng own(static_cast<uint64_t>(20 + i));
        const Tensor alone = prompt.size(0) == 1 ? prompt : prompt(slice(i, i + 1));
        CHECK(largest_difference(models::sample(gpt, alone, options, own)[0], texts[i]) == 0);
        CHECK(own.random() == rngs[static_cast<size_t>(i)].random());
      }
    }
  }
}
