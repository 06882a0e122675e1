// Matrices of weights in fewer bits, for generation.
#pragma once

#include <memory>

#include <heed/tensor/tensor.h>
#include <heed/tensor/weights.h>

namespace heed::nn {

/// A matrix (out, in) in a half (bf16) or a quarter (q8) of f32's bytes, as it was when this was made. Products read
/// each of its rows once and add up in f32, at the speed of memory; nothing is recorded.
class Compressed {
 public:
  /// Throws DTypeError unless the matrix is f32; ValueError for Weights::f32, naming a row that q8 cannot hold.
  Compressed(const Tensor& matrix, Weights kept, Loc loc = Loc::current());

  /// x (..., in) f32 -> x W^T + bias (..., out). An element of it is off from that by f32 products with the weights as
  /// they are kept, by (in + 2) 2^-24 times the sum of its terms' magnitudes at most; its bits are the same whatever
  /// rows stand beside its own in x, and at any number of threads. Throws ShapeError and DTypeError for an x that does
  /// not fit; GradError where a gradient would be recorded.
  Tensor linear(const Tensor& x, const Tensor& bias = {}, Loc loc = Loc::current()) const;
  /// index (...) i64 -> those rows (..., in). Throws IndexError for one that is not there; GradError never, as nothing
  /// that is trained takes part.
  Tensor rows(const Tensor& index, Loc loc = Loc::current()) const;

  /// bf16 or q8.
  Weights kept() const { return kept_; }

 private:
  Weights kept_;
  int64_t out_, in_, row_;         // numbers from row to row
  std::shared_ptr<Storage> data_;  // uint16_t or int8_t
  Tensor scales_;                  // (out), of q8: what a step of each row is
};

}  // namespace heed::nn
