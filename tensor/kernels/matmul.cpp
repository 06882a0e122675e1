#include <heed/tensor/kernels/matmul.h>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/strided.h>

namespace heed::kernels {

namespace {

/// How gemm may read the last two axes of a tensor: as they lie, or transposed.
struct Layout {
  bool transposed;
  int64_t leading;
};

std::optional<Layout> layout_of(const Tensor& x) {
  const int r = x.rank();
  const int64_t rows = x.shape()[r - 2], columns = x.shape()[r - 1];
  const int64_t down = x.strides()[r - 2], across = x.strides()[r - 1];
  if ((across == 1 || columns == 1) && (down >= columns || rows == 1))
    return Layout{false, std::max<int64_t>({1, columns, rows == 1 ? 1 : down})};
  if ((down == 1 || rows == 1) && (across >= rows || columns == 1))
    return Layout{true, std::max<int64_t>({1, rows, columns == 1 ? 1 : across})};
  return {};
}

Shape without_matrix(const Shape& shape) {
  return Shape(std::span<const int64_t>(shape.begin(), size_t(shape.rank() - 2)));
}

}  // namespace

Tensor matmul(const Tensor& a0, const Tensor& b0) {
  const Tensor a = layout_of(a0) ? a0 : copy(a0), b = layout_of(b0) ? b0 : copy(b0);
  const Layout la = *layout_of(a), lb = *layout_of(b);
  const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Shape shape = a.shape();
  shape[shape.rank() - 1] = n;
  Tensor y = empty(shape, a.dtype());
  const Shape batch = without_matrix(shape);
  if (y.numel() == 0) return y;
  const Nest<3> nest(batch, {without_matrix(y.strides()), without_matrix(a.strides()), without_matrix(b.strides())});
  dispatch_floating(a.dtype(), [&]<class T>() {
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.mutable_data<T>();
    if (nest.rank == 1)
      gemm_batched<T>(la.transposed, lb.transposed, m, n, k, pa, la.leading, nest.inner_stride(1), pb, lb.leading,
                      nest.inner_stride(2), py, n, nest.inner_stride(0), nest.inner());
    else
      nest.for_rows(0, nest.rows(), [&](const std::array<int64_t, 3>& at, int64_t count) {
        gemm_batched<T>(la.transposed, lb.transposed, m, n, k, pa + at[1], la.leading, nest.inner_stride(1), pb + at[2],
                        lb.leading, nest.inner_stride(2), py + at[0], n, nest.inner_stride(0), count);
      });
  });
  return y;
}

}  // namespace heed::kernels
