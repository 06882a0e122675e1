// Who watches the ops of a thread as they run: the profile, the search for anomalies.
#pragma once

#include <span>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::autograd {

struct Node;

/// While it lives, it is told of every op that this thread computes and differentiates. What a gradient formula
/// computes on its way is no op of its own.
class Observer {
 public:
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  virtual void computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) = 0;
  /// `gradients` are what the formula of `op` made from g; they may be undefined.
  virtual void differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) = 0;
  /// Whether differentiated() reads g, which must then be kept as it was.
  virtual bool reads_gradient() const { return false; }

  static bool any() { return newest_ != nullptr; }
  static bool any_reads_gradient();
  static void tell_computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs);
  static void tell_differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g);

  /// While it lives, this thread has none.
  class Silence {
   public:
    Silence();
    ~Silence();
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

   private:
    Observer* before_;
  };

 protected:
  Observer();

 private:
  static inline constinit thread_local Observer* newest_ = nullptr;
  Observer* older_;
};

}  // namespace heed::autograd
