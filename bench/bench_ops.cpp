// Micro-benchmarks: what one op costs, and how fast the kernels run.
#include <atomic>
#include <cstdlib>
#include <new>

#include <benchmark/benchmark.h>

#include "heed.h"
#include "tensor/kernels/gemm.h"

using namespace heed;

namespace {
std::atomic<int64_t> news{0};
}

// Not inline: g++ would see free() meet a pointer from new, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

/// x + y on 8 elements: all overhead. Counts the storages and the objects on the heap that it makes.
void add_8(benchmark::State& state, bool recorded) {
  Tensor x = ones({8}), y = ones({8});
  if (recorded) x.set_requires_grad();
  const int64_t storages = memory_stats().allocations, objects = news;
  for (auto _ : state) benchmark::DoNotOptimize(x + y);
  state.counters["storages"] = double(memory_stats().allocations - storages) / double(state.iterations());
  state.counters["objects"] = double(news - objects) / double(state.iterations());
}
BENCHMARK_CAPTURE(add_8, constant, false);
BENCHMARK_CAPTURE(add_8, recorded, true);

void gemm(benchmark::State& state) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Tensor a = ones({m, k}), b = ones({n, k}), c = empty({m, n});
  for (auto _ : state) kernels::gemm<float>(false, true, m, n, k, 1, a.data<float>(), k, b.data<float>(), k, 0, c.mutable_data<float>(), n);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * double(m * n * k), benchmark::Counter::kIsIterationInvariantRate);
}
// The products of the `cpu` GPT's forward pass, and a large one.
BENCHMARK(gemm)->Args({768, 384, 128})->Args({768, 128, 128})->Args({768, 512, 128})->Args({768, 128, 512})->Args({768, 65, 128})->Args({1536, 1536, 1536})->UseRealTime();

template <class F>
void elements(benchmark::State& state, F op) {
  Rng rng(1);
  const Tensor x = randn({state.range(0), 512}, rng);
  const NoGrad guard;
  for (auto _ : state) benchmark::DoNotOptimize(op(x));
  state.SetItemsProcessed(state.iterations() * x.numel());
}
BENCHMARK_CAPTURE(elements, exp, [](const Tensor& x) { return exp(x); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, tanh, [](const Tensor& x) { return tanh(x); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, gelu_erf, [](const Tensor& x) { return gelu(x); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, gelu_tanh, [](const Tensor& x) { return gelu(x, Gelu::tanh); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, softmax, [](const Tensor& x) { return softmax(x, -1); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, layer_norm, [](const Tensor& x) { return layer_norm(x); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, sum, [](const Tensor& x) { return x.sum(); })->Arg(768)->UseRealTime();
BENCHMARK_CAPTURE(elements, add, [](const Tensor& x) { return x + x; })->Arg(768)->UseRealTime();

/// Causal attention, forward and backward: (B, H, T, D).
void attention(benchmark::State& state) {
  Rng rng(1);
  const Shape shape{state.range(0), state.range(1), state.range(2), state.range(3)};
  Tensor q = randn(shape, rng), k = randn(shape, rng), v = randn(shape, rng);
  q.set_requires_grad(), k.set_requires_grad(), v.set_requires_grad();
  const Tensor g = randn(shape, rng);
  for (auto _ : state) {
    const Tensor y = scaled_dot_product_attention(q, k, v, {.causal = true});
    benchmark::DoNotOptimize(grad({y}, {q, k, v}, {.seeds = {g}}));
  }
}
BENCHMARK(attention)->Args({12, 4, 64, 32})->Args({4, 6, 256, 64})->Args({1, 4, 4096, 32})->Args({1, 12, 512, 64})->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
