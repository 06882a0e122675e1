// Who watches the ops of a thread as they run: the profile, the search for anomalies.
#pragma once

#include <span>
#include <typeinfo>
#include <utility>

#include <heed/tensor/tensor.h>

namespace heed::autograd {

struct Node;

/// While it lives, it is told of every op that this thread computes and differentiates. What a gradient formula
/// computes on its way is no op of its own.
class Observer {
 public:
  virtual ~Observer() { newest_ = older_; }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// `op` made y from `inputs`.
  virtual void computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) = 0;
  /// `gradients` are what the formula of `op` made from g; they may be undefined.
  virtual void differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) = 0;
  /// Whether differentiated() reads g, which must then be kept as it was.
  virtual bool reads_gradient() const { return false; }

  /// Whether this thread has an observer, and one that reads gradients.
  static bool any() { return newest_ != nullptr; }
  static bool any_reads_gradient() {
    const Observer* one = newest_;
    while (one && !one->reads_gradient()) one = one->older_;
    return one != nullptr;
  }
  /// Calls computed() and differentiated() of all of this thread's.
  static void tell_computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) {
    for (Observer* one = newest_; one; one = one->older_) one->computed(op, y, inputs);
  }
  static void tell_differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) {
    for (Observer* one = newest_; one; one = one->older_) one->differentiated(op, gradients, g);
  }

  /// While it lives, this thread has none.
  class Silence : Scoped<Observer*> {
   public:
    Silence() : Scoped(newest_, nullptr) {}
  };

 protected:
  Observer() : older_(std::exchange(newest_, this)) {}
  /// Whether none of this thread's newer ones is of the same class.
  bool is_newest_of_its_kind() const {
    const Observer* one = newest_;
    while (typeid(*one) != typeid(*this)) one = one->older_;
    return one == this;
  }

 private:
  static inline constinit thread_local Observer* newest_ = nullptr;
  Observer* older_;
};

}  // namespace heed::autograd
