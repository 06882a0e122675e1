// Micro-benchmarks: what one op costs, and how fast the kernels run.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <heed.h>
#include <heed/tensor/kernels/gemm.h>
#include "../tests/limits/news.h"

using namespace heed;

namespace {

enum class Pass { constant, recorded, backward };

/// An op on four numbers: all overhead. Counts the storages and the objects on the heap that it makes.
void tiny(benchmark::State& state, Tensor (*op)(const Tensor& x, const Tensor& y), Pass pass) {
  Tensor x = ones({2, 2}), y = ones({2, 2});
  const Tensor seed = ones({2, 2});
  if (pass != Pass::constant) x.set_requires_grad(), y.set_requires_grad();
  parallel_for(2, 1, [](int64_t, int64_t) {});  // reference counts of a program with one thread are cheaper
  const int64_t storages = memory_stats().allocations, objects = news;
  for (auto _ : state) {
    const Tensor z = op(x, y);
    if (pass == Pass::backward) z.backward(seed);
  }
  state.counters["storages"] = double(memory_stats().allocations - storages) / double(state.iterations());
  state.counters["objects"] = double(news - objects) / double(state.iterations());
}
void add_tiny() {
  const auto passes = [](const std::string& name, Tensor (*op)(const Tensor& x, const Tensor& y)) {
    benchmark::RegisterBenchmark((name + "/constant").c_str(), tiny, op, Pass::constant);
    benchmark::RegisterBenchmark((name + "/recorded").c_str(), tiny, op, Pass::recorded);
    benchmark::RegisterBenchmark((name + "/backward").c_str(), tiny, op, Pass::backward);
  };
  passes("tiny/add", [](const Tensor& x, const Tensor& y) { return x + y; });
  passes("tiny/mul", [](const Tensor& x, const Tensor& y) { return x * y; });
  passes("tiny/matmul", [](const Tensor& x, const Tensor& y) { return matmul(x, y); });
  passes("tiny/linear", [](const Tensor& x, const Tensor& y) { return linear(x, y); });
}

void gemm(benchmark::State& state) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Tensor a = ones({m, k}), b = ones({n, k});
  Tensor c = empty({m, n});
  for (auto _ : state)
    kernels::gemm<float>(false, true, m, n, k, a.data<float>(), k, b.data<float>(), k, 0, c.mutable_data<float>(), n);
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * double(m * n * k), benchmark::Counter::kIsIterationInvariantRate);
}
// The products of the `cpu` GPT's forward pass, and a large one.
BENCHMARK(gemm)
    ->Args({768, 384, 128})
    ->Args({768, 128, 128})
    ->Args({768, 512, 128})
    ->Args({768, 128, 512})
    ->Args({768, 65, 128})
    ->Args({1536, 1536, 1536})
    ->UseRealTime();

using List = std::vector<Tensor>;

/// Times f, which makes or reads `elements` numbers; shows the GFLOP/s of its matrix products if it has any.
template <class F>
void measure(benchmark::State& state, int64_t elements, F f) {
  const int64_t before = kernels::flops();
  for (auto _ : state) f();
  const auto flops = double(kernels::flops() - before);
  if (flops > 0) state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsRate);
  state.SetItemsProcessed(state.iterations() * elements);
}

template <class F>
void forward(const char* name, Tensor x, F op) {
  benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
    const NoGrad guard;
    measure(state, x.numel(), [&] { benchmark::DoNotOptimize(op(x)); });
  })->UseRealTime();
}

/// "both/...": forward and backward, to all of `inputs`, of which the first is the size of the work.
template <class F>
void both_ways(const char* name, List inputs, F op) {
  for (Tensor& x : inputs) x.set_requires_grad();
  benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
    Rng rng(1);
    const Tensor g = randn(op(inputs).shape(), rng);
    measure(state, inputs[0].numel(), [&] { benchmark::DoNotOptimize(grad({op(inputs)}, inputs, {.seeds = {g}})); });
  })->UseRealTime();
}

void add_elements() {
  Rng rng(1);
  const Tensor x = randn({768, 512}, rng), positive = abs(x) + 0.1, row = randn({512}, rng), above = gt(x, 0);
  forward("add", x, [](const Tensor& t) { return t + t; });
  forward("add_row", x, [=](const Tensor& t) { return t + row; });
  forward("mul", x, [](const Tensor& t) { return t * t; });
  forward("where", x, [=](const Tensor& t) { return where(above, t, x); });
  forward("exp", x, [](const Tensor& t) { return exp(t); });
  forward("log", positive, [](const Tensor& t) { return log(t); });
  forward("sqrt", positive, [](const Tensor& t) { return sqrt(t); });
  forward("sin", x, [](const Tensor& t) { return sin(t); });
  forward("tanh", x, [](const Tensor& t) { return tanh(t); });
  forward("sigmoid", x, [](const Tensor& t) { return sigmoid(t); });
  forward("relu", x, [](const Tensor& t) { return relu(t); });
  forward("gelu_erf", x, [](const Tensor& t) { return gelu(t); });
  forward("gelu_tanh", x, [](const Tensor& t) { return gelu(t, Gelu::tanh); });
  forward("erf", x, [](const Tensor& t) { return erf(t); });
  forward("silu", x, [](const Tensor& t) { return silu(t); });
  forward("softplus", x, [](const Tensor& t) { return softplus(t); });
  forward("cos", x, [](const Tensor& t) { return cos(t); });
  forward("rsqrt", positive, [](const Tensor& t) { return rsqrt(t); });
  forward("tril", x, [](const Tensor& t) { return tril(t); });
  forward("flip", x, [](const Tensor& t) { return flip(t, 1); });
  forward("cat", x, [](const Tensor& t) { return cat({t, t}, 1); });
  forward("argmax", x, [](const Tensor& t) { return t.argmax(1); });
  forward("logsumexp", x, [](const Tensor& t) { return logsumexp(t, 1); });
  forward("transpose_copy", x, [](const Tensor& t) { return t.transpose(0, 1).contiguous(); });
  forward("sum", x, [](const Tensor& t) { return t.sum(); });
  forward("sum_columns", x, [](const Tensor& t) { return t.sum(0); });
  forward("sum_rows", x, [](const Tensor& t) { return t.sum(1); });
  forward("max_rows", x, [](const Tensor& t) { return t.max(1); });
  forward("cumsum", x, [](const Tensor& t) { return cumsum(t, 1); });
  forward("softmax", x, [](const Tensor& t) { return softmax(t, -1); });
  forward("log_softmax", x, [](const Tensor& t) { return log_softmax(t, -1); });
  forward("layer_norm", x, [](const Tensor& t) { return layer_norm(t); });
  forward("randn", x, [](const Tensor& t) {
    static Rng drawn(1);
    return randn(t.shape(), drawn);
  });
}

void add_both_ways() {
  Rng rng(1);
  const Tensor x = randn({768, 512}, rng), w = ones({512}), b = zeros({512}), y = x + 1, positive = abs(x) + 1;
  both_ways("both/mul", {x, y}, [](const List& in) { return in[0] * in[1]; });
  both_ways("both/div", {x, positive}, [](const List& in) { return in[0] / in[1]; });
  both_ways("both/exp", {x}, [](const List& in) { return exp(in[0]); });
  both_ways("both/sqrt", {positive}, [](const List& in) { return sqrt(in[0]); });
  both_ways("both/relu", {x}, [](const List& in) { return relu(in[0]); });
  both_ways("both/relu2", {x}, [](const List& in) { return relu2(in[0]); });
  both_ways("both/silu", {x}, [](const List& in) { return silu(in[0]); });
  both_ways("both/maximum", {x, y}, [](const List& in) { return maximum(in[0], in[1]); });
  both_ways("both/max_rows", {x}, [](const List& in) { return in[0].max(1); });
  both_ways("both/norm_rows", {x}, [](const List& in) { return in[0].norm(2, 1); });
  both_ways("both/gelu_erf", {x}, [](const List& in) { return gelu(in[0]); });
  both_ways("both/gelu_tanh", {x}, [](const List& in) { return gelu(in[0], Gelu::tanh); });
  both_ways("both/log_softmax", {x}, [](const List& in) { return log_softmax(in[0], -1); });
  both_ways("both/matmul_batched", {randn({48, 64, 32}, rng), randn({48, 32, 64}, rng)},
            [](const List& in) { return matmul(in[0], in[1]); });
  const Tensor columns = randint(0, 512, {768, 64}, rng);
  both_ways("both/gather", {x}, [=](const List& in) { return gather(in[0], 1, columns); });
  both_ways("both/softmax", {x}, [](const List& in) { return softmax(in[0], -1); });
  both_ways("both/layer_norm", {x, w, b}, [](const List& in) { return layer_norm(in[0], in[1], in[2]); });
  both_ways("both/rms_norm", {x, w}, [](const List& in) { return rms_norm(in[0], in[1]); });
  both_ways("both/dropout", {x}, [](const List& in) {
    static Rng drawn(1);
    return dropout(in[0], 0.2, drawn);
  });
  both_ways("both/linear", {x, randn({512, 512}, rng), b}, [](const List& in) { return linear(in[0], in[1], in[2]); });
  const Tensor words = randint(0, 4000, {1280}, rng);
  both_ways("both/cross_entropy", {randn({1280, 4000}, rng)},
            [=](const List& in) { return cross_entropy(in[0], words); });
  both_ways("both/embedding", {randn({4000, 256}, rng)}, [=](const List& in) { return embedding(words, in[0]); });
}

/// Causal attention of (B, H, T, D).
void add_attention(const char* name, const Shape& shape) {
  Rng rng(1);
  both_ways(name, {randn(shape, rng), randn(shape, rng), randn(shape, rng)},
            [](const List& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true}); });
}

/// 20 steps of 64 rows and 256 units.
void add_recurrent(const char* name, Cell cell, int64_t gates) {
  Rng rng(1);
  const int64_t T = 20, B = 64, H = 256;
  both_ways(name, {randn({T, B, gates * H}, rng), randn({gates * H, H}, rng) / 16, zeros({gates * H})},
            [=](const List& in) { return recurrent(cell, in[0], in[1], in[2]); });
}

/// 20 queries that each look at 20 source positions, of 64 rows and 256 units.
void add_additive() {
  Rng rng(1);
  const int64_t B = 64, T = 20, S = 20, A = 256, D = 512;
  both_ways("both/additive_attention",
            {randn({B, T, A}, rng), randn({B, S, A}, rng), randn({A}, rng), randn({B, S, D}, rng)},
            [](const List& in) { return additive_attention(in[0], in[1], in[2], in[3]); });
}

/// Clip and AdamW over 10 million numbers in matrices of 384 x 1536.
void optimizer_step(benchmark::State& state) {
  Rng rng(1);
  nn::Parameters params(rng);
  for (int i = 0; i < 17; ++i) nn::Scope(params).param(std::to_string(i), {384, 1536}, nn::init::normal(0, 0.02));
  Tensor sum = zeros({});
  for (const auto& [name, p] : params) sum = sum + p.sum();
  sum.backward();
  train::AdamW adamw(params, {.lr = 1e-3});
  measure(state, params.numel(), [&] { adamw.step(train::clip_scale(train::grad_norm(params), 1.0)); });
}
BENCHMARK(optimizer_step)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add_tiny();
  add_elements();
  add_both_ways();
  add_attention("both/attention_cpu", {12, 4, 64, 32});
  add_attention("both/attention_baby", {4, 6, 256, 64});
  add_attention("both/attention_long", {1, 4, 4096, 32});
  add_attention("both/attention_gpt2", {1, 12, 512, 64});
  add_recurrent("both/rnn", Cell::rnn_tanh, 1);
  add_recurrent("both/lstm", Cell::lstm, 4);
  add_recurrent("both/gru", Cell::gru, 3);
  add_additive();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
