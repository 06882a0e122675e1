// How many objects on the heap an op makes that is recorded, and its backward, once a program has run for a while.
#include <fmt/core.h>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include "news.h"

using namespace heed;

namespace {

/// What one call of f makes, after some that warm up.
template <class F>
int64_t objects_of(F f) {
  constexpr int kCalls = 100;
  for (int i = 0; i < kCalls; ++i) f();
  const int64_t before = news;
  for (int i = 0; i < kCalls; ++i) f();
  return (news - before) / kCalls;
}

int passed = 0, failed = 0;

void at_most(int64_t bound, const char* what, int64_t objects) {
  fmt::print("{:<30} {} objects, at most {}\n", what, objects, bound);
  ++(objects <= bound ? passed : failed);
}

template <class Op>
void check(const char* name, int64_t forward, int64_t both, Op op) {
  Tensor x = ones({2, 2}).set_requires_grad(), y = ones({2, 2}).set_requires_grad();
  const Tensor seed = ones({2, 2});
  at_most(forward, name, objects_of([&] { op(x, y); }));
  at_most(both, fmt::format("{} and its backward", name).c_str(), objects_of([&] { op(x, y).backward(seed); }));
}

}  // namespace

int main() {
  // The pool serves all that a recorded op makes. Backward makes its vector of gradients, and the caller's of seeds.
  check("x + y", 0, 2, [](const Tensor& x, const Tensor& y) { return x + y; });
  check("x * y", 0, 2, [](const Tensor& x, const Tensor& y) { return x * y; });
  check("matmul(x, y)", 0, 2, [](const Tensor& x, const Tensor& y) { return matmul(x, y); });
  check("x + 1", 0, 2, [](const Tensor& x, const Tensor&) { return x + 1; });
  // A fused op is given its inputs in a vector.
  check("linear(x, y)", 1, 3, [](const Tensor& x, const Tensor& y) { return linear(x, y); });
  fmt::print("{} passed, {} failed, 0 skipped\n", passed, failed);
  return failed > 0;
}
