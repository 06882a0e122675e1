// One step of an optimiser on many parameters, in one pass over their memory. T: float or double.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <heed/tensor/kernels/row_blocks.h>

namespace heed::kernels {

/// n elements of a parameter, its gradient and its running moments, zero before the first step; null where there is
/// none.
template <class T>
struct ParameterPart {
  T* p;
  const T* g;
  T* moments[3];
  int64_t n;

  /// g scale + decay p. No decay leaves an infinite p, as of a mask that is trained, alone.
  T decayed(int64_t i, T scale, T decay) const { return g[i] * scale + (decay == 0 ? T(0) : decay * p[i]); }
};

/// Calls f(part) for parts of all slots, in parallel over the parts of all slots together.
template <class T, class Function>
void for_parts(const std::vector<ParameterPart<T>>& slots, Function f) {
  constexpr int64_t kPart = 4096;  // elements
  std::vector<ParameterPart<T>> parts;
  int64_t elements = 0;
  for (ParameterPart<T> slot : slots) {
    elements += slot.n;
    for (int64_t left = slot.n; left > 0; left -= kPart) {
      slot.n = std::min(kPart, left);
      parts.push_back(slot);
      slot.p += kPart, slot.g += kPart;
      for (T*& moment : slot.moments)
        if (moment) moment += kPart;
    }
  }
  const int64_t count = static_cast<int64_t>(parts.size());
  parallel_for(count, kGrain * count / std::max<int64_t>(1, elements) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(parts[static_cast<size_t>(i)]);
  });
}

struct AdamStep {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  int64_t step = 1;             ///< of this update, from 1: for the bias corrections
  double grad_scale = 1;        ///< multiplies the gradients as they are read
  bool decoupled_decay = true;  ///< AdamW: p shrinks by lr weight_decay; else Adam: weight_decay p joins the gradient
};

/// Loshchilov and Hutter 2019, algorithm 2; moments m, v, and with AMSGrad the largest v so far.
template <class T>
void adam(const std::vector<ParameterPart<T>>& slots, const AdamStep& step);

}  // namespace heed::kernels
