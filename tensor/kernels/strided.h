// Loops over operands of one shape and any strides.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace heed::kernels {

constexpr int64_t kGrain = 16384;  // elements below which a second thread costs more than it saves

/// N operands walked together: axes of size 1 dropped, axes merged where every operand's strides allow it.
/// At least one axis is left; the last is the innermost.
template <int N>
struct Nest {
  int rank = 0;
  std::array<int64_t, kMaxRank> sizes{};
  std::array<std::array<int64_t, kMaxRank>, N> strides{};

  Nest(const Shape& shape, const std::array<Strides, N>& given) {
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] != 1) add(shape[axis], given, axis);
    if (rank == 0) {
      rank = 1;
      sizes[0] = 1;
    }
  }
  int64_t inner() const { return sizes[size_t(rank - 1)]; }
  int64_t inner_stride(int operand) const { return strides[size_t(operand)][size_t(rank - 1)]; }
  /// The number of innermost rows.
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank; ++i) n *= sizes[size_t(i)];
    return n;
  }
  /// Calls f(offsets, inner()) for the rows begin .. end - 1; offsets in elements, by operand.
  template <class F>
  void for_rows(int64_t begin, int64_t end, F&& f) const {
    std::array<int64_t, kMaxRank> index{};
    std::array<int64_t, N> offsets{};
    int64_t rest = begin;
    for (int i = rank - 2; i >= 0; --i) {
      index[size_t(i)] = rest % sizes[size_t(i)];
      rest /= sizes[size_t(i)];
      for (size_t k = 0; k < N; ++k) offsets[k] += index[size_t(i)] * strides[k][size_t(i)];
    }
    for (int64_t row = begin; row < end; ++row) {
      f(offsets, inner());
      for (int i = rank - 2; i >= 0; --i) {
        for (size_t k = 0; k < N; ++k) offsets[k] += strides[k][size_t(i)];
        if (++index[size_t(i)] < sizes[size_t(i)]) break;
        for (size_t k = 0; k < N; ++k) offsets[k] -= sizes[size_t(i)] * strides[k][size_t(i)];
        index[size_t(i)] = 0;
      }
    }
  }

 private:
  void add(int64_t size, const std::array<Strides, N>& given, int axis) {
    if (rank > 0) {
      bool merges = true;
      for (size_t k = 0; k < N; ++k) merges &= strides[k][size_t(rank - 1)] == given[k][axis] * size;
      if (merges) {
        sizes[size_t(rank - 1)] *= size;
        for (size_t k = 0; k < N; ++k) strides[k][size_t(rank - 1)] = given[k][axis];
        return;
      }
    }
    sizes[size_t(rank)] = size;
    for (size_t k = 0; k < N; ++k) strides[k][size_t(rank)] = given[k][axis];
    ++rank;
  }
};

/// Calls body(offsets, n) for runs of n innermost elements that cover the nest, in parallel.
template <int N, class F>
void for_runs(const Nest<N>& nest, F&& body) {
  const int64_t rows = nest.rows(), inner = nest.inner();
  if (rows == 0 || inner == 0) return;
  if (rows == 1) {
    parallel_for(inner, kGrain, [&](int64_t begin, int64_t end) {
      std::array<int64_t, N> offsets;
      for (int k = 0; k < N; ++k) offsets[size_t(k)] = begin * nest.inner_stride(k);
      body(offsets, end - begin);
    });
    return;
  }
  parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t begin, int64_t end) { nest.for_rows(begin, end, body); });
}

}  // namespace heed::kernels
