// Cases of the book's chapters that it does not print: other seeds, widths, heads, batches and sizes, with the numbers
// that PyTorch computes for them (tests/oracle/book.py).
#include <fmt/ranges.h>

#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/scope.h>
#include <heed/tensor/random.h>
#include "reference_files.h"
#include "watch.h"

using namespace heed;
using heed::tests::json;
using heed::tests::torch_answer;

namespace {

constexpr double kTol = 1e-5;  // f32 sums in another order; the book prints four decimals

/// Compares results with the oracle's by name, and counts.
struct Comparison {
  json cases;
  int64_t equal = 0, compared = 0, used = 0;

  void operator()(const std::string& name, const Tensor& x) {
    INFO(name);
    REQUIRE(cases.contains(name));
    REQUIRE(cases[name]["shape"].get<std::vector<int64_t>>() ==
            std::vector<int64_t>(x.shape().begin(), x.shape().end()));
    const std::vector<double> got = x.detach().to_vector<double>(),
                              want = cases[name]["values"].get<std::vector<double>>();
    int64_t wrong = 0;
    for (size_t i = 0; i < got.size(); ++i) wrong += !(std::abs(got[i] - want[i]) <= kTol);
    CHECK(wrong == 0);
    compared += int64_t(got.size()), equal += int64_t(got.size()) - wrong, ++used;
  }
};

/// Elements of a large result, 997 apart.
Tensor sample(const Tensor& x) { return index_select(x.flatten(), 0, arange(0, x.numel(), 997)); }

void single_heads(Comparison& compare, uint64_t seed, int64_t d_in, int64_t d_out) {
  const std::string name = fmt::format("{} {} {}", seed, d_in, d_out);
  Rng rng(seed);
  const Tensor x = rand({6, d_in}, rng);
  const Tensor wq = rand({d_in, d_out}, rng), wk = rand({d_in, d_out}, rng), wv = rand({d_in, d_out}, rng);
  const Tensor scores = matmul(matmul(x, wq), matmul(x, wk).mT()) / std::sqrt(double(d_out));
  compare("raw " + name, matmul(softmax(scores, -1), matmul(x, wv)));
  for (const bool bias : {false, true}) {
    nn::Parameters params(rng);
    const nn::SelfAttention attention(params, d_in, d_out, bias);
    compare(fmt::format("self {} {}", name, int(bias)), attention(x));
    compare(fmt::format("weights {} {}", name, int(bias)), tests::seen([&] { attention(x); }));
  }
  for (const double dropout : {0.0, 0.1, 0.5}) {
    const Tensor batch = randn({3, 6, d_in}, rng);
    nn::Parameters params(rng);
    compare(fmt::format("causal {} {:g}", name, dropout), nn::CausalAttention(params, d_in, d_out, dropout)(batch));
  }
}

void many_heads(Comparison& compare, uint64_t seed, int64_t d_in, int64_t d_out, int64_t heads) {
  for (const double dropout : {0.0, 0.5}) {
    const std::string name = fmt::format("{} {} {} {} {:g}", seed, d_in, d_out, heads, dropout);
    Rng rng(seed);
    nn::Parameters params(rng), stacked(rng);
    const nn::MultiHeadAttention multi(params, d_in, d_out, heads, {.causal = true, .dropout = dropout});
    const Tensor x = randn({2, 7, d_in}, rng);
    compare("multi " + name, multi(x));
    std::vector<nn::CausalAttention> stack;
    for (int64_t i = 0; i < heads; ++i) stack.emplace_back(stacked / i, d_in, d_out, dropout);
    std::vector<Tensor> outputs;
    for (const nn::CausalAttention& head : stack) outputs.push_back(head(x));
    compare("stack " + name, cat(outputs, -1));
  }
}

void gpt2_sizes(Comparison& compare) {
  Rng rng(123);
  nn::Parameters attention(rng);
  const nn::MultiHeadAttention large(attention, 768, 768, 12, {.causal = true});
  compare("GPT-2 size", sample(large(rand({1, 1024, 768}, rng))));

  rng = Rng(123);
  nn::Parameters tables(rng);
  const nn::Embedding token(tables / "token", 50257, 256), position(tables / "position", 4, 256);
  const Tensor ids = randint(0, 50257, {8, 4}, rng);
  compare("ids", ids);
  compare("embedded", sample(token(ids) + position(arange(4))));
}

void draws(Comparison& compare, uint64_t seed) {
  for (const Shape& shape : {Shape{6, 6}, Shape{1}, Shape{2, 3, 5}, Shape{4, 12, 10, 10}}) {
    Rng rng(seed);
    nn::Parameters none(rng);
    compare(fmt::format("dropout {} {}", seed, fmt::join(shape.begin(), shape.end(), "x")),
            nn::Dropout(none, 0.3)(ones(shape)));
  }
  for (const int64_t n : {1, 5, 10, 1000}) {
    Rng rng(seed);
    std::vector<int64_t> order;
    for (int epoch = 0; epoch < 2; ++epoch)
      for (const int64_t i : rng.epoch_order(n)) order.push_back(i);
    for (const int64_t i : rng.randperm(n)) order.push_back(i);
    compare(fmt::format("loader {} {}", seed, n), from_vector(order, {3 * n}));
  }
}

}  // namespace

TEST_CASE("book: other cases of its chapters give PyTorch's numbers too", "[book][torch]") {
  const auto answer = torch_answer("book.py");
  if (!answer) return;
  Comparison compare{*answer};
  for (const uint64_t seed : {uint64_t{123}, uint64_t{789}, uint64_t{42}, (uint64_t{1} << 31) + 5})
    for (const auto& [d_in, d_out] : {std::pair{3, 2}, std::pair{3, 5}, std::pair{16, 8}})
      single_heads(compare, seed, d_in, d_out);
  for (const uint64_t seed : {123, 789})
    for (const auto& [d_in, d_out, heads] :
         {std::array{3, 2, 2}, std::array{3, 4, 2}, std::array{3, 6, 3}, std::array{24, 24, 8}})
      many_heads(compare, seed, d_in, d_out, heads);
  gpt2_sizes(compare);
  for (const uint64_t seed : {123, 1}) draws(compare, seed);
  REQUIRE(size_t(compare.used) == answer->size());
  WARN("numbers equal to PyTorch's: " << compare.equal << " of " << compare.compared << ", in " << compare.used
                                      << " cases");
}
