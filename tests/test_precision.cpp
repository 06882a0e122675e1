// Products in bf16: the kernel against exact sums, ops against themselves in f32, and the guard.
#include <heed/tensor/precision.h>

#include <cmath>
#include <limits>
#include <thread>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/random.h>
#include <heed/train/muon.h>
#include <heed/train/trainer.h>
#include "kernels.h"
#include "run_program.h"
#include "scoped_threads.h"
#include "skip.h"
#include "temporary_directory.h"

using namespace heed;

namespace {

bool cannot() {
  if (!has_bf16()) tests::skip("products in bf16: " + why_no_bf16());
  return !has_bf16();
}

/// Runs `test` with each unit of this machine.
template <class F>
void on_every_unit(F test) {
  const kernels::Bf16Unit before = kernels::bf16_unit();
  for (const auto unit : {kernels::Bf16Unit::squares, kernels::Bf16Unit::dots}) {
    kernels::use_bf16_unit(unit);
    if (kernels::bf16_unit() != unit) continue;
    CAPTURE(bf16_instructions());
    test();
  }
  kernels::use_bf16_unit(before);
}

struct Sizes {
  bool trans_a, trans_b;
  int64_t m, n, k;

  int64_t lda() const { return (trans_a ? m : k) + 3; }
  int64_t ldb() const { return (trans_b ? k : n) + 2; }
  int64_t ldc() const { return n + 1; }
  size_t at_a(int64_t i, int64_t p) const { return size_t(trans_a ? p * lda() + i : i * lda() + p); }
  size_t at_b(int64_t p, int64_t j) const { return size_t(trans_b ? j * ldb() + p : p * ldb() + j); }
  std::vector<float> a(uint32_t seed) const { return normal<float>((trans_a ? k : m) * lda(), seed); }
  std::vector<float> b(uint32_t seed) const { return normal<float>((trans_b ? n : k) * ldb(), seed); }

  void multiply(const std::vector<float>& a, const std::vector<float>& b, float beta, std::vector<float>& c) const {
    kernels::gemm<float>(trans_a, trans_b, m, n, k, a.data(), lda(), b.data(), ldb(), beta, c.data(), ldc());
  }
};

// Around registers (8 rows, 3 vectors of 16), units of 16, even blocks of k (of at most 1024), pieces of rows (64),
// what is packed at a time (2016 columns or 2048 rows), and odd k.
const std::vector<std::array<int64_t, 3>> kProducts = {
    {5, 5, 1},      {5, 7, 2},      {8, 16, 3},     {16, 48, 32},    {17, 49, 33},  {31, 64, 65},    {70, 33, 1023},
    {33, 70, 1024}, {65, 80, 1025}, {40, 97, 2100}, {130, 20, 1030}, {9, 2100, 40}, {2100, 2050, 6}, {2070, 2080, 5}};

template <class F>
void for_every_product(F f) {
  on_every_unit([&] {
    for (const bool trans_a : {false, true})
      for (const bool trans_b : {false, true})
        for (const auto& [m, n, k] : kProducts) {
          CAPTURE(trans_a, trans_b, m, n, k);
          f(Sizes{trans_a, trans_b, m, n, k});
        }
  });
}

/// The op's result, and what each input gets of a fixed gradient; the same inputs for both precisions.
struct Run {
  std::vector<Tensor> all;

  template <class F>
  Run(Products reads, const std::vector<Shape>& shapes, F f) {
    Rng rng(5);
    std::vector<Tensor> inputs;
    for (const Shape& shape : shapes) inputs.push_back(randn(shape, rng).set_requires_grad());
    const Precision precision(reads);
    const Tensor y = f(std::span<const Tensor>(inputs));
    all = grad({y}, inputs, {.seeds = {randn(y.shape(), rng)}});
    all.push_back(y.detach());
  }
};

double norm(const Tensor& x) { return std::sqrt((x * x).sum().item<double>()); }

/// Rounding of each factor to 2^-8 moves a result of random terms by some 2^-8 of its norm, a chain of a few products
/// by a few times that.
constexpr double kMoved = 1.0 / 32;
constexpr double kCosine = 0.999;

template <class F>
void compare(const std::vector<Shape>& shapes, F f) {
  const Run exact(Products::f32, shapes, f);
  on_every_unit([&] {
    const Run rounded(Products::bf16, shapes, f);
    double moved = 0;
    for (size_t i = 0; i < exact.all.size(); ++i) {
      CAPTURE(i);
      const Tensor a = exact.all[i].to(f64), b = rounded.all[i].to(f64);
      CHECK(norm(a - b) <= kMoved * norm(a));
      CHECK((a * b).sum().item<double>() >= kCosine * norm(a) * norm(b));
      moved += norm(a - b);
    }
    CHECK(moved > 0);  // or it was not in bf16
  });
}

}  // namespace

TEST_CASE("bf16 products: exact where operands and sums are, for every transpose, size and beta", "[bf16][gemm]") {
  if (cannot()) return;
  const Precision precision(Products::bf16);
  for_every_product([](const Sizes& s) {
    auto a = s.a(1), b = s.b(2);  // small integers: any order gives the same sum
    for (auto* x : {&a, &b})
      for (float& v : *x) v = std::round(4 * v);
    std::vector<float> before(size_t(s.m * s.ldc()), 3);
    for (const float beta : {0.f, 1.f, -2.f}) {
      auto c = before;
      if (beta == 0)
        for (int64_t i = 0; i < s.m; ++i) std::fill_n(c.data() + i * s.ldc(), s.n, NAN);
      s.multiply(a, b, beta, c);
      int64_t wrong = 0;
      for (int64_t i = 0; i < s.m; i += std::max<int64_t>(1, s.m / 150))
        for (int64_t j = 0; j < s.n; ++j) {
          float sum = 3 * beta;
          for (int64_t p = 0; p < s.k; ++p) sum += a[s.at_a(i, p)] * b[s.at_b(p, j)];
          wrong += c[size_t(i * s.ldc() + j)] != sum;
        }
      for (int64_t i = 0; i < s.m; ++i) wrong += c[size_t(i * s.ldc() + s.n)] != 3;
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("bf16 products: within the bound that precision.h states", "[bf16][gemm]") {
  if (cannot()) return;
  const Precision precision(Products::bf16);
  for_every_product([](const Sizes& s) {
    const auto a = s.a(3), b = s.b(4);
    std::vector<float> c(size_t(s.m * s.ldc()));
    s.multiply(a, b, 0, c);
    const double bound = std::exp2(-7) + std::exp2(-16) + double(s.k) * std::exp2(-23);
    double worst = 0, moved = 0;
    for (int64_t i = 0; i < s.m; i += std::max<int64_t>(1, s.m / 70))
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = 0, magnitudes = 0;
        for (int64_t p = 0; p < s.k; ++p) {
          const double term = double(a[s.at_a(i, p)]) * double(b[s.at_b(p, j)]);
          sum += term, magnitudes += std::abs(term);
        }
        const double error = std::abs(double(c[size_t(i * s.ldc() + j)]) - sum);
        worst = std::max(worst, error / magnitudes), moved += error;
      }
    CHECK(worst <= bound);
    CHECK(moved > 0);
  });
}

TEST_CASE("bf16 products: rounding is to the nearest, ties to even; infinity and NaN pass, the smallest count as 0",
          "[bf16][gemm]") {
  if (cannot()) return;
  const Precision precision(Products::bf16);
  const float ulp = std::exp2(-7.f), inf = std::numeric_limits<float>::infinity();
  const std::vector<std::pair<float, float>> cases = {{1 + ulp / 2, 1},
                                                      {1 + 1.5f * ulp, 1 + 2 * ulp},
                                                      {1 + 0.51f * ulp, 1 + ulp},
                                                      {-1 - 0.49f * ulp, -1},
                                                      {inf, inf},
                                                      {-inf, -inf},
                                                      {1e-39f, 0}};
  on_every_unit([&] {
    for (const auto& [x, rounded] : cases) {
      CAPTURE(x);
      const Tensor y = matmul(full({8, 1}, double(x)), ones({1, 8}));
      for (const float v : y.to_vector<float>()) CHECK(v == rounded);
    }
    const Tensor y = matmul(full({8, 1}, NAN), ones({1, 8}));
    for (const float v : y.to_vector<float>()) CHECK(std::isnan(v));
  });
}

TEST_CASE("bf16 products: the same bits in every run and at any number of threads", "[bf16][gemm][threads]") {
  if (cannot()) return;
  const Precision precision(Products::bf16);
  for_every_product([](const Sizes& s) {
    const auto a = s.a(5), b = s.b(6);
    std::vector<float> first(size_t(s.m * s.ldc())), again = first;
    for (const int threads : {1, 2, 3, 5}) {
      const tests::Threads set(threads);
      s.multiply(a, b, 0, threads == 1 ? first : again);
      if (threads > 1) CHECK(again == first);
    }
  });
}

TEST_CASE("bf16: every op made of products is near itself in f32, and so are its gradients", "[bf16][ops]") {
  if (cannot()) return;
  compare({{6, 7, 40}, {24, 40}, {24}}, [](auto x) { return linear(x[0], x[1], x[2]); });
  compare({{3, 20, 33}, {33, 17}}, [](auto x) { return matmul(x[0], x[1]); });
  compare({{2, 1, 9, 30}, {3, 30, 8}}, [](auto x) { return matmul(x[0], x[1]); });
  compare({{20, 9, 30}, {20, 30, 8}}, [](auto x) { return bmm(x[0], x[1]); });
  compare({{5, 9, 16}, {5, 7, 16}}, [](auto x) { return einsum("bik,bjk->bij", {x[0], x[1]}); });
  compare({{2, 40, 3 * 48}}, [](auto x) { return packed_self_attention(x[0], 3, {.causal = true}); });
  for (const auto& [T, S, D, E] : {std::array<int64_t, 4>{77, 300, 20, 70}, {130, 130, 64, 16}, {33, 3, 5, 3}})
    for (const bool causal : {false, true}) {
      CAPTURE(T, S, D, E, causal);
      compare({{2, 2, T, D}, {2, 2, S, D}, {2, 2, S, E}, {T, S}}, [causal = causal, softcap = T == 77 ? 9. : 0.,
                                                                   offset = std::max<int64_t>(0, S - T)](auto x) {
        return scaled_dot_product_attention(
            x[0] * 0.5, x[1], x[2], {.causal = causal, .causal_offset = offset, .mask = x[3], .softcap = softcap});
      });
      // without what lies between scores and softmax, both are one pass; at 30 less, some queries see nothing
      for (const int64_t less : {0, 30})
        compare({{2, 2, T, D}, {2, 2, S, D}, {2, 2, S, E}},
                [causal = causal, offset = std::max<int64_t>(0, S - T) - less](auto x) {
                  return scaled_dot_product_attention(x[0], x[1], x[2], {.causal = causal, .causal_offset = offset});
                });
    }
  compare({{2, 4, 200, 16}, {2, 4, 200, 16}, {2, 4, 200, 16}}, [](auto x) {  // a head in two turns
    return scaled_dot_product_attention(x[0], x[1], x[2], {.causal = true});
  });
  compare({{2, 4, 70, 32}, {2, 2, 70, 32}, {2, 2, 70, 32}}, [](auto x) {  // shared heads, a window, dropped weights
    Rng drops(1);
    return scaled_dot_product_attention(x[0], x[1], x[2],
                                        {.causal = true, .window = 40, .dropout = 0.2, .rng = &drops});
  });
  const Tensor lengths = from_vector<int64_t>(
      [] {
        std::vector<int64_t> n(37);
        for (int64_t i = 0; i < 37; ++i) n[size_t(i)] = i * 5 % 10;
        return n;
      }(),
      {37});
  for (const Cell cell : {Cell::rnn_tanh, Cell::lstm, Cell::gru})
    for (const bool reverse : {false, true}) {
      const int64_t G = cell == Cell::gru ? 3 : cell == Cell::lstm ? 4 : 1, H = 21;
      CAPTURE(int(cell), reverse);
      compare({{9, 37, G * H}, {G * H, H}, {G * H}, {37, H}}, [&](auto x) {
        return recurrent(cell, x[0], x[1] * 0.2, x[2], x[3], {}, {.reverse = reverse, .lengths = lengths});
      });
    }
  compare({{7, 40, 60}, {60, 16}, {60, 20}, {60}, {12, 20}, {12}, {40, 6, 12}, {40, 6, 16}, {40, 20}}, [](auto x) {
    return attentive_decoder(Cell::gru, {x[0], x[1] * 0.2, x[2] * 0.2, x[3], x[4] * 0.2, x[5], x[6], x[7], x[8]});
  });
}

TEST_CASE("bf16 attention: what is hidden is not read, be it NaN or infinite, and what is seen is", "[bf16][nan]") {
  if (cannot()) return;
  Rng rng(8);
  Tensor q = randn({1, 1, 40, 16}, rng), k = randn({1, 1, 40, 16}, rng), v = randn({1, 1, 40, 16}, rng);
  const Tensor late = ge(arange(40).reshape({40, 1}), 30);
  const auto run = [&](const Tensor& keys, const Tensor& values) {
    std::vector<Tensor> in{q.detach().set_requires_grad(), keys.detach().set_requires_grad(),
                           values.detach().set_requires_grad()};
    const Precision precision(Products::bf16);
    const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true});
    const Tensor seen = y.narrow(2, 0, 30);
    std::vector<Tensor> result = grad({seen.sum()}, in);
    result.push_back(seen.detach());
    return result;
  };
  on_every_unit([&] {
    const auto clean = run(where(late, zeros_like(k), k), where(late, zeros_like(v), v));
    const auto dirty = run(where(late, full_like(k, NAN), k), where(late, full_like(v, INFINITY), v));
    for (const size_t i : {size_t{0}, size_t{3}}) {
      const Tensor a = clean[i].narrow(2, 0, 30), b = dirty[i].narrow(2, 0, 30);
      CHECK(norm((a - b).to(f64)) <= 1.0 / 128 * norm(a.to(f64)));  // beside infinite values the others are read as f32
    }
    const auto lost = run(where(late, k, full_like(k, NAN)), v);
    CHECK(isnan(lost[3]).any().item<bool>());
  });
}

TEST_CASE("bf16 attention: scores that a mask sends far down keep their weights", "[bf16]") {
  if (cannot()) return;
  Rng rng(9);
  const Tensor q = zeros({1, 1, 8, 16}), k = randn({1, 1, 300, 16}, rng), v = randn({1, 1, 300, 16}, rng);
  for (const float far : {-1e9f, std::numeric_limits<float>::lowest()})
    for (const int64_t hidden : {128, 300}) {  // a whole tile of keys, and all of them
      CAPTURE(far, hidden);
      const Tensor mask = where(lt(arange(300), hidden), full({300}, far), 0.0);
      const auto run = [&](Products products) {
        const Precision precision(products);
        const Tensor values = v.detach().set_requires_grad();
        const Tensor y = scaled_dot_product_attention(q, k, values, {.mask = mask});
        return cat({y.detach(), grad({(y * y).sum()}, {values})[0]}, 2);
      };
      const Tensor exact = run(Products::f32);
      on_every_unit([&] { CHECK(norm(run(Products::bf16) - exact) <= 1.0 / 64 * norm(exact)); });
    }
}

TEST_CASE("Precision: guards nest, belong to their thread, and are gone with their scope", "[bf16]") {
  if (cannot()) return;
  CHECK(products() == Products::f32);
  {
    const Precision outer(Products::bf16);
    {
      const Precision inner(Products::f32);
      CHECK(products() == Products::f32);
    }
    CHECK(products() == Products::bf16);
    Products elsewhere = Products::bf16;
    std::thread([&] { elsewhere = products(); }).join();
    CHECK(elsewhere == Products::f32);
    CHECK_THROWS_AS(([] {
                      const Precision inner(Products::f32);
                      throw ValueError("out");
                    }()),
                    ValueError);
    CHECK(products() == Products::bf16);
  }
  CHECK(products() == Products::f32);
}

TEST_CASE("Precision: a gradient reads what its op read, wherever backward is called; f64 is untouched", "[bf16]") {
  if (cannot()) return;
  Rng rng(2);
  const Tensor x = randn({20, 30}, rng).set_requires_grad(), w = randn({10, 30}, rng).set_requires_grad();
  const auto forward = [&](Products reads) {
    const Precision precision(reads);
    const Tensor y = linear(x, w), z = matmul(x, w.mT());
    return (y * y + z * z).sum();
  };
  const auto gradient = [&](const Tensor& loss, Products reads, bool create_graph = false) {
    const Precision precision(reads);
    return grad({loss}, {w}, {.create_graph = create_graph})[0];
  };
  const auto bits = [](const Tensor& t) { return t.to_vector<float>(); };
  for (const Products there : {Products::f32, Products::bf16}) {
    const Tensor here = gradient(forward(there), there);
    const Products other = there == Products::f32 ? Products::bf16 : Products::f32;
    CHECK(bits(gradient(forward(there), other)) == bits(here));
    CHECK(bits(gradient(forward(other), there)) != bits(here));
    // recorded for a second derivative, from the twin
    CHECK(norm((gradient(forward(there), other, true) - here).to(f64)) <= 1e-5 * norm(here.to(f64)));
  }
  const Tensor a = randn({20, 30}, rng, f64), b = randn({30, 20}, rng, f64);
  const auto exact = matmul(a, b).to_vector<double>();
  const Precision precision(Products::bf16);
  CHECK(matmul(a, b).to_vector<double>() == exact);
}

TEST_CASE("Precision: refused without instructions for bf16; auto is f32 there", "[bf16]") {
  const std::string before = kernels::simd_target();
  kernels::use_simd_target(kernels::simd_targets().back());
  CHECK_FALSE(has_bf16());
  CHECK_FALSE(why_no_bf16().empty());
  CHECK_THROWS_AS(Precision(Products::bf16), ValueError);
  CHECK(products() == Products::f32);
  CHECK(products_named("auto") == Products::f32);
  kernels::use_simd_target(before);
  CHECK(has_bf16() == why_no_bf16().empty());
  CHECK((products_named("auto") == Products::bf16) == (has_bf16() && kernels::bf16_is_faster()));
  CHECK(bf16_instructions().empty() == !has_bf16());
  on_every_unit([] {  // who has squares has the slower dot products
    if (kernels::cpu_bf16_unit() == kernels::Bf16Unit::squares)
      CHECK(name_of(products_named("auto")) == std::string(bf16_instructions() == "AMX" ? "bf16" : "f32"));
  });
}

TEST_CASE("optimizers: an update is f32 under a bf16 guard, too", "[bf16]") {
  if (cannot()) return;
  const auto updated = [](Products reads) {
    nn::Parameters params(3);
    const nn::Linear layer(params / "layer", 48, 32);
    train::Muon optimizer(params, {.lr = 0.02});
    Rng rng(1);
    layer.weight.set_grad(randn({32, 48}, rng));
    const Precision precision(reads);
    optimizer.step();
    CHECK(products() == reads);
    return layer.weight.to_vector<float>();
  };
  CHECK(updated(Products::bf16) == updated(Products::f32));
}

TEST_CASE("Trainer: its products are those of its options, or of the guard around it, and repeat", "[bf16][train]") {
  if (cannot()) return;
  const auto losses = [](Products reads) {
    nn::Parameters params(3);
    models::Gpt gpt(params, {.vocabulary = 20, .context = 16, .layers = 2, .heads = 2, .channels = 32});
    train::Muon optimizer(params, {.lr = 0.02}, {{"wte*", {.adam = true}}, {"wpe*", {.adam = true}}});
    train::Trainer trainer(params, optimizer,
                           {.steps = 12, .lr = train::constant(0.02), .products = reads, .quiet = true});
    std::vector<double> result =
        trainer
            .run({.next =
                      [&](int64_t) {
                        const Tensor x = randint(0, 20, {4, 17}, params.rng());
                        return train::Step{[&gpt, reads, x] {
                                             CHECK(products() == reads);
                                             return cross_entropy(gpt(x.narrow(1, 0, 16)), x.narrow(1, 1, 16));
                                           },
                                           64};
                      }})
            .losses;
    CHECK(products() == Products::f32);
    return result;
  };
  const auto exact = losses(Products::f32), rounded = losses(Products::bf16);
  CHECK(losses(Products::bf16) == rounded);
  CHECK(rounded != exact);
  for (size_t i = 0; i < exact.size(); ++i) CHECK(rounded[i] == Approx(exact[i]).margin(0.02));
}

TEST_CASE("heed: --precision bf16 trains where there is bf16, and is refused with one sentence elsewhere",
          "[program]") {
  const tests::TemporaryDirectory place;
  const auto run = tests::run_program(
      place.path(),
      "gpt train --preset micro --steps 3 --precision bf16 --out model && '" HEED_PROGRAM "' info --json");
  INFO(run.err);
  if (has_bf16()) {
    CHECK(run.exit_code == 0);
    CHECK(run.out.find("\"bf16\":\"" + bf16_instructions() + "\"") != std::string::npos);
    CHECK(tests::content_of(place.path() / "model/config.json").find("\"precision\": \"bf16\"") != std::string::npos);
  } else {
    CHECK(run.exit_code == 2);
    CHECK(run.err.find("--precision: bf16 is asked for, and this processor has no AVX512-BF16; need f32, or auto") !=
          std::string::npos);
  }
}
