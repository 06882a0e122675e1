// Softmax, its logarithm, log sum e^x and cross-entropy over the last dimension of a contiguous (rows, n) array.
//
// T: float or double. Sums run in several lanes of T over blocks of at most 1024 elements, and the blocks add up in
// f64. As in PyTorch, the softmax of a row of -inf alone, and of one that holds +inf or NaN, is NaN.
// Outputs may be one of the inputs; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

enum class SoftmaxForm { plain, log };

/// y = e^x / sum e^x, or its logarithm x - log sum e^x.
template <class T>
void softmax(SoftmaxForm form, const T* x, T* y, int64_t rows, int64_t n);

/// dx = y (g - sum(g y)), or g - e^y sum(g), y being softmax's result.
template <class T>
void softmax_backward(SoftmaxForm form, const T* g, const T* y, T* dx, int64_t rows, int64_t n);

/// y (rows) = log sum e^x, also of infinite numbers; -inf of none.
template <class T>
void logsumexp(const T* x, T* y, int64_t rows, int64_t n);

/// Cross-entropy of softmax(logits) against class indices, without an array of probabilities.
struct CrossEntropy {
  int64_t N, V;                ///< logits are (N, V), contiguous
  int64_t ignore_index = -1;   ///< rows with this target have loss 0 and gradient 0
  double label_smoothing = 0;  ///< this share of the target is spread over all V classes
};

/// loss (N) in nats and norms (N, 2): the largest logit, and the sum of e^(logit - largest). Every target (N) is
/// ignore_index or in [0, V): the caller has checked. norms are written for ignored rows too.
template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, double* norms);

/// dlogits (N, V) = scale (softmax(logits) - target distribution), overwritten; it may be logits itself.
template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const double* norms,
                            T scale, T* dlogits);

}  // namespace heed::kernels
