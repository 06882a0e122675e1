// Loops over operands of one shape and any strides, as nests of runs.
#pragma once

#include <array>
#include <cstdint>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// The axes around one: outer x n x inner.
struct Around {
  int64_t outer = 1, n, inner = 1;
  Around(const Shape& shape, int axis) : n(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

/// f(offsets, n)
template <int N>
using Run = Callable<const std::array<int64_t, N>&, int64_t>;

/// N operands walked together, 1 to 4: axes of size 1 dropped, axes merged where every operand's strides allow it.
/// At least one axis is left; the last is the innermost.
template <int N>
struct Nest {
  int rank = 0;
  std::array<int64_t, kMaxRank> sizes;  // like strides, of `rank` axes: zeros for all would take as long as the rest
  std::array<std::array<int64_t, kMaxRank>, N> strides;

  Nest(const Shape& shape, const std::array<const Strides*, N>& given);
  int64_t inner() const { return sizes[size_t(rank - 1)]; }
  int64_t inner_stride(int operand) const { return strides[size_t(operand)][size_t(rank - 1)]; }
  /// The number of innermost rows.
  int64_t rows() const;
  /// Calls f(offsets, inner()) for the rows begin .. end - 1; offsets in elements, by operand.
  void for_rows(int64_t begin, int64_t end, Run<N> f) const;
  /// Calls f(offsets, n) for runs of n innermost elements that cover the nest, in parallel.
  void for_runs(Run<N> f) const;

 private:
  void add(int64_t size, const std::array<const Strides*, N>& given, int axis);
};

}  // namespace heed::kernels
