// Loops over operands of one shape and any strides, as nests of runs.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// Any callable f(offsets, n), by reference, which must outlive it: the walk is compiled once, not for each kernel.
template <int N>
class Run {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Run>) Run(F&& f)
      : f_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* g, const std::array<int64_t, N>& offsets, int64_t n) {
          (*static_cast<std::remove_reference_t<F>*>(g))(offsets, n);
        }) {}
  void operator()(const std::array<int64_t, N>& offsets, int64_t n) const { call_(f_, offsets, n); }

 private:
  void* f_;
  void (*call_)(void*, const std::array<int64_t, N>&, int64_t);
};

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
