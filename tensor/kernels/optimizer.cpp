#include "tensor/kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

constexpr int64_t kBlock = 4096;  // elements that a thread takes at a time

/// Calls f(slot, begin, end) for blocks of all slots' elements, in parallel over the blocks of all slots together.
template <class Slot, class F>
void for_blocks(std::span<const Slot> slots, F f) {
  struct Block {
    const Slot* slot;
    int64_t begin, end;
  };
  std::vector<Block> blocks;
  for (const Slot& slot : slots)
    for (int64_t i = 0; i < slot.n; i += kBlock) blocks.push_back({&slot, i, std::min(slot.n, i + kBlock)});
  parallel_for(static_cast<int64_t>(blocks.size()), 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(*blocks[i].slot, blocks[i].begin, blocks[i].end);
  });
}

}  // namespace

template <class T>
void adam(std::span<const AdamSlot<T>> slots, const AdamStep& s) {
  const T beta1 = T(s.beta1), beta2 = T(s.beta2), rest1 = T(1 - s.beta1), rest2 = T(1 - s.beta2), eps = T(s.eps);
  const T rate = T(s.lr / (1 - std::pow(s.beta1, double(s.step))));
  const T sqrt_correction2 = T(std::sqrt(1 - std::pow(s.beta2, double(s.step)))), grad_scale = T(s.grad_scale);
  const T keep = s.decoupled_decay ? T(1 - s.lr * s.weight_decay) : T(1);
  const T decay = s.decoupled_decay ? T(0) : T(s.weight_decay);
  for_blocks(slots, [=](const AdamSlot<T>& a, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T p = a.p[i] * keep;
      const T g = a.g[i] * grad_scale + decay * p;
      const T m = a.m[i] = a.m[i] * beta1 + g * rest1;
      const T v = a.v[i] = a.v[i] * beta2 + rest2 * g * g;
      a.p[i] = p - rate * m / (std::sqrt(v) / sqrt_correction2 + eps);
    }
  });
}

template <class T>
void sgd(std::span<const SgdSlot<T>> slots, const SgdStep& s) {
  const T lr = T(s.lr), momentum = T(s.momentum), decay = T(s.weight_decay), grad_scale = T(s.grad_scale);
  const T share = s.first ? T(1) : T(1 - s.dampening);
  for_blocks(slots, [=, nesterov = s.nesterov, first = s.first](const SgdSlot<T>& a, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T g = a.g[i] * grad_scale + decay * a.p[i];
      if (a.momentum) {
        const T b = a.momentum[i] = (first ? T(0) : momentum * a.momentum[i]) + share * g;
        g = nesterov ? g + momentum * b : b;
      }
      a.p[i] -= lr * g;
    }
  });
}

template void adam(std::span<const AdamSlot<float>>, const AdamStep&);
template void adam(std::span<const AdamSlot<double>>, const AdamStep&);
template void sgd(std::span<const SgdSlot<float>>, const SgdStep&);
template void sgd(std::span<const SgdSlot<double>>, const SgdStep&);

}  // namespace heed::kernels
