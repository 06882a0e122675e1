// One step of an optimiser on many parameters, in one pass over their memory. Formulas and defaults are PyTorch's.
//
// T: float or double. grad_scale multiplies the gradients as they are read (the factor of clipping by norm, or 1).
#pragma once

#include <cstdint>
#include <span>

namespace heed::kernels {

/// n elements of a parameter, its gradient and its running moments (zero before the first step); with AMSGrad also the
/// largest v so far, else null.
template <class T>
struct AdamSlot {
  T* p;
  const T* g;
  T* m;
  T* v;
  int64_t n;
  T* v_max = nullptr;
};

struct AdamStep {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  int64_t step = 1;  ///< of this update, from 1: for the bias corrections
  double grad_scale = 1;
  bool decoupled_decay =
      true;  ///< AdamW: p shrinks by lr * weight_decay; else Adam: weight_decay * p joins the gradient
};

/// Loshchilov and Hutter 2019, algorithm 2.
template <class T>
void adam(std::span<const AdamSlot<T>> slots, const AdamStep& step);

/// n elements of a parameter, its gradient and its momentum buffer (null if momentum is 0).
template <class T>
struct SgdSlot {
  T* p;
  const T* g;
  T* momentum;
  int64_t n;
};

struct SgdStep {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first = false;  ///< the buffer takes the gradient as it is: dampening starts with the second step
  double grad_scale = 1;
};

template <class T>
void sgd(std::span<const SgdSlot<T>> slots, const SgdStep& step);

/// n elements of a parameter, its gradient and the running mean of its squares; if centred also the gradient's running
/// mean, and with momentum its buffer, each else null.
template <class T>
struct RmsPropSlot {
  T* p;
  const T* g;
  T* square;
  T* mean;
  T* momentum;
  int64_t n;
};

struct RmsPropStep {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  double grad_scale = 1;
};

template <class T>
void rmsprop(std::span<const RmsPropSlot<T>> slots, const RmsPropStep& step);

/// n elements of a parameter, its gradient and the sum of its squares.
template <class T>
struct AdagradSlot {
  T* p;
  const T* g;
  T* sum;
  int64_t n;
};

struct AdagradStep {
  double lr = 1e-2, eps = 1e-10, weight_decay = 0;
  double grad_scale = 1;
};

/// Duchi et al. 2011.
template <class T>
void adagrad(std::span<const AdagradSlot<T>> slots, const AdagradStep& step);

}  // namespace heed::kernels
