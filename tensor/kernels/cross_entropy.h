// Cross-entropy of softmax(logits) against class indices, without an array of probabilities.
#pragma once

#include <cstdint>

namespace heed::kernels {

struct CrossEntropy {
  int64_t N, V;                ///< logits are (N, V), contiguous
  int64_t ignore_index = -1;   ///< rows with this target have loss 0 and gradient 0
  double label_smoothing = 0;  ///< this share of the target is spread over all V classes
};

/// loss (N) in nats and lse (N) = log sum e^logits. Every target (N) is ignore_index or in [0, V): the caller has
/// checked. lse is written for ignored rows too. Sums as in softmax.h. T: float or double.
template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, double* lse);

/// dlogits (N, V) = scale (softmax(logits) - target distribution), overwritten; it may be logits itself.
template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const double* lse,
                            T scale, T* dlogits);

}  // namespace heed::kernels
