#include <heed/tensor/kernels/nest.h>

#include <heed/tensor/parallel.h>

namespace heed::kernels {

template <int N>
Nest<N>::Nest(const Shape& shape, const std::array<const Strides*, N>& given) {
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) add(shape[axis], given, axis);
  if (rank == 0) {
    rank = 1;
    sizes[0] = 1;
    for (auto& of_operand : strides) of_operand[0] = 0;
  }
}

template <int N>
void Nest<N>::add(int64_t size, const std::array<const Strides*, N>& given, int axis) {
  if (rank > 0) {
    bool merges = true;
    for (size_t k = 0; k < N; ++k) merges &= strides[k][size_t(rank - 1)] == (*given[k])[axis] * size;
    if (merges) {
      sizes[size_t(rank - 1)] *= size;
      for (size_t k = 0; k < N; ++k) strides[k][size_t(rank - 1)] = (*given[k])[axis];
      return;
    }
  }
  sizes[size_t(rank)] = size;
  for (size_t k = 0; k < N; ++k) strides[k][size_t(rank)] = (*given[k])[axis];
  ++rank;
}

template <int N>
int64_t Nest<N>::rows() const {
  int64_t n = 1;
  for (int i = 0; i + 1 < rank; ++i) n *= sizes[size_t(i)];
  return n;
}

template <int N>
void Nest<N>::for_rows(int64_t begin, int64_t end, Run<N> f) const {
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

template <int N>
void Nest<N>::for_runs(Run<N> f) const {
  const int64_t n_rows = rows(), n_inner = inner();
  if (n_rows == 0 || n_inner == 0) return;
  if (n_rows > 1) {
    parallel_for(n_rows, row_grain(n_inner), [&](int64_t begin, int64_t end) { for_rows(begin, end, f); });
    return;
  }
  parallel_for(n_inner, kGrain, [&](int64_t begin, int64_t end) {
    std::array<int64_t, N> offsets;
    for (int k = 0; k < N; ++k) offsets[size_t(k)] = begin * inner_stride(k);
    f(offsets, end - begin);
  });
}

template struct Nest<1>;
template struct Nest<2>;
template struct Nest<3>;
template struct Nest<4>;

}  // namespace heed::kernels
