// Finding the op that made the first NaN or infinity.
#pragma once

#include <heed/autograd/observer.h>

namespace heed {

/// Thrown under DetectAnomaly.
class AnomalyError : public Error {
  using Error::Error;
};

/// While it lives, this thread looks at every op's result, and at every gradient, and throws AnomalyError at the first
/// NaN or infinity, naming the op, the module that computed it, the range of each input, and the line that called the
/// model. An infinity that came with the inputs or was asked for (masked_fill, where) is no anomaly; a NaN always is.
/// Slow: to be used once something has gone wrong. The innermost guard decides: DetectAnomaly(false) switches an outer
/// one off.
class [[nodiscard]] DetectAnomaly : public autograd::Observer {
 public:
  explicit DetectAnomaly(bool on = true) : on_(on) {}

  void computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) override;
  void differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) override;
  bool reads_gradient() const override { return watches(); }

 private:
  bool watches() const { return on_ && is_newest_of_its_kind(); }

  bool on_;
};

}  // namespace heed
