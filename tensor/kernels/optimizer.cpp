// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/optimizer.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/optimizer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_OPTIMIZER_ONCE_
#define HEED_KERNELS_OPTIMIZER_ONCE_
namespace heed::kernels {
namespace {

/// The numbers of one step, as they meet an element. In PyTorch's terms: keep = 1 - lr weight_decay, rate = lr / bias
/// correction 1, root = 1 / sqrt(bias correction 2).
template <class T>
struct AdamNumbers {
  T beta1, beta2, rest1, rest2, eps, rate, root, keep, decay, grad_scale;

  explicit AdamNumbers(const AdamStep& s)
      : beta1(T(s.beta1)),
        beta2(T(s.beta2)),
        rest1(T(1 - s.beta1)),
        rest2(T(1 - s.beta2)),
        eps(T(s.eps)),
        rate(T(s.lr / (1 - std::pow(s.beta1, static_cast<double>(s.step))))),
        root(T(1 / std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        keep(s.decoupled_decay ? T(1 - s.lr * s.weight_decay) : T(1)),
        decay(s.decoupled_decay ? T(0) : T(s.weight_decay)),
        grad_scale(T(s.grad_scale)) {}
};

}  // namespace
}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class Real>
void adam_part(const AdamNumbers<Real>& s, const AdamSlot<Real>& a) {
  using V = Vec<Real>;
  const V beta1 = constant<V>(s.beta1), beta2 = constant<V>(s.beta2);
  const V rest1 = constant<V>(s.rest1), rest2 = constant<V>(s.rest2);
  const V eps = constant<V>(s.eps), rate = constant<V>(s.rate), root = constant<V>(s.root), keep = constant<V>(s.keep);
  const V decay = constant<V>(s.decay), grad_scale = constant<V>(s.grad_scale);
  for_vectors<Real>(a.n, [=](auto at) HWY_ATTR {
    const V p = hn::Mul(at(a.p), keep);
    const V g = hn::MulAdd(at(a.g), grad_scale, hn::Mul(decay, p));
    const V m = hn::MulAdd(g, rest1, hn::Mul(at(a.m), beta1));
    V v = hn::MulAdd(hn::Mul(g, g), rest2, hn::Mul(at(a.v), beta2));
    at.store(m, a.m);
    at.store(v, a.v);
    if (a.v_max) {  // AMSGrad
      v = hn::Max(at(a.v_max), v);
      at.store(v, a.v_max);
    }
    at.store(hn::Sub(p, hn::Div(hn::Mul(rate, m), hn::MulAdd(hn::Sqrt(v), root, eps))), a.p);
  });
}

auto adam_parts() { return Both{adam_part<float>, adam_part<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(adam_parts);

template <class T>
T* shifted(T* p, int64_t by) {
  return p ? p + by : nullptr;
}

template <class T>
AdamSlot<T> part_of(const AdamSlot<T>& a, int64_t begin, int64_t n) {
  return {a.p + begin, a.g + begin, a.m + begin, a.v + begin, n, shifted(a.v_max, begin)};
}

template <class T>
SgdSlot<T> part_of(const SgdSlot<T>& a, int64_t begin, int64_t n) {
  return {a.p + begin, a.g + begin, shifted(a.momentum, begin), n};
}

template <class T>
RmsPropSlot<T> part_of(const RmsPropSlot<T>& a, int64_t begin, int64_t n) {
  return {a.p + begin, a.g + begin, a.square + begin, shifted(a.mean, begin), shifted(a.momentum, begin), n};
}

template <class T>
AdagradSlot<T> part_of(const AdagradSlot<T>& a, int64_t begin, int64_t n) {
  return {a.p + begin, a.g + begin, a.sum + begin, n};
}

/// Calls f(part) for parts of all slots, in parallel over the parts of all slots together.
template <class Slot, class Function>
void for_parts(std::span<const Slot> slots, Function f) {
  constexpr int64_t kPart = 4096, kGrain = 16384;  // elements
  std::vector<Slot> parts;
  int64_t elements = 0;
  for (const Slot& slot : slots) {
    elements += slot.n;
    for (int64_t i = 0; i < slot.n; i += kPart) parts.push_back(part_of(slot, i, std::min(kPart, slot.n - i)));
  }
  const int64_t count = static_cast<int64_t>(parts.size());
  parallel_for(count, kGrain * count / std::max<int64_t>(1, elements) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(parts[static_cast<size_t>(i)]);
  });
}

}  // namespace

template <class T>
void adam(std::span<const AdamSlot<T>> slots, const AdamStep& step) {
  const AdamNumbers<T> numbers(step);
  const auto part = HWY_DYNAMIC_DISPATCH(adam_parts)().template get<T>();
  for_parts(slots, [&](const AdamSlot<T>& a) { part(numbers, a); });
}

template <class T>
void sgd(std::span<const SgdSlot<T>> slots, const SgdStep& s) {
  const T lr = T(s.lr), momentum = T(s.momentum), decay = T(s.weight_decay), grad_scale = T(s.grad_scale);
  const T share = s.first ? T(1) : T(1 - s.dampening), kept = s.first ? T(0) : momentum;
  for_parts(slots, [=, nesterov = s.nesterov](const SgdSlot<T>& a) {
    for (int64_t i = 0; i < a.n; ++i) {
      T g = a.g[i] * grad_scale + decay * a.p[i];
      if (a.momentum) {
        const T b = a.momentum[i] = kept * a.momentum[i] + share * g;
        g = nesterov ? g + momentum * b : b;
      }
      a.p[i] -= lr * g;
    }
  });
}

template <class T>
void rmsprop(std::span<const RmsPropSlot<T>> slots, const RmsPropStep& s) {
  const T lr = T(s.lr), alpha = T(s.alpha), rest = T(1 - s.alpha), eps = T(s.eps), decay = T(s.weight_decay),
          momentum = T(s.momentum), grad_scale = T(s.grad_scale);
  for_parts(slots, [=](const RmsPropSlot<T>& a) {
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.g[i] * grad_scale + decay * a.p[i];
      T variance = a.square[i] = alpha * a.square[i] + rest * g * g;
      if (a.mean) {
        const T mean = a.mean[i] += rest * (g - a.mean[i]);
        variance -= mean * mean;
      }
      T step = g / (std::sqrt(variance) + eps);
      if (a.momentum) step = a.momentum[i] = momentum * a.momentum[i] + step;
      a.p[i] -= lr * step;
    }
  });
}

template <class T>
void adagrad(std::span<const AdagradSlot<T>> slots, const AdagradStep& s) {
  const T lr = T(s.lr), eps = T(s.eps), decay = T(s.weight_decay), grad_scale = T(s.grad_scale);
  for_parts(slots, [=](const AdagradSlot<T>& a) {
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.g[i] * grad_scale + decay * a.p[i];
      a.sum[i] += g * g;
      a.p[i] -= lr * g / (std::sqrt(a.sum[i]) + eps);
    }
  });
}

template void adam(std::span<const AdamSlot<float>>, const AdamStep&);
template void adam(std::span<const AdamSlot<double>>, const AdamStep&);
template void sgd(std::span<const SgdSlot<float>>, const SgdStep&);
template void sgd(std::span<const SgdSlot<double>>, const SgdStep&);
template void rmsprop(std::span<const RmsPropSlot<float>>, const RmsPropStep&);
template void rmsprop(std::span<const RmsPropSlot<double>>, const RmsPropStep&);
template void adagrad(std::span<const AdagradSlot<float>>, const AdagradStep&);
template void adagrad(std::span<const AdagradSlot<double>>, const AdagradStep&);

}  // namespace heed::kernels
#endif
