// Finding the op that made the first NaN or infinity.
#pragma once

#include <span>

#include <heed/tensor/tensor.h>

namespace heed {

/// Thrown under DetectAnomaly.
class AnomalyError : public Error {
  using Error::Error;
};

/// While it lives, this thread looks at every op's result, and at every gradient, and throws AnomalyError at the first NaN
/// or infinity, naming the op, the module that computed it, the range of each input, and the line that called the model. An infinity that came with the inputs or was
/// asked for (masked_fill, where) is no anomaly; a NaN always is. Slow: to be used once something has gone wrong.
class DetectAnomaly {
 public:
  explicit DetectAnomaly(bool on = true);
  ~DetectAnomaly();
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  bool before_;
};

namespace autograd {

/// Whether a DetectAnomaly lives on this thread.
bool detects_anomaly();

/// Throws AnomalyError if y, computed by `op` from `inputs`, is an anomaly.
void check_result(const Op& op, const Tensor& y, std::span<const Tensor> inputs);
/// Throws AnomalyError if `gradient`, number `i` of those that the backward of `op` made from g, is one. It may be undefined.
void check_gradient(const Op& op, const Tensor& gradient, size_t i, const Tensor& g);

}  // namespace autograd
}  // namespace heed
