#include <heed/tensor/view.h>

namespace heed::view {

namespace {
Tensor of(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset) {
  return Tensor(x.storage(), shape, strides, offset, x.dtype());
}
}  // namespace

Shape resolve(const Op& op, const Tensor& x, const Shape& shape) {
  Shape result = shape, sizes = shape;
  int unknown = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = i;
      sizes[i] = 1;
      continue;
    }
    if (shape[i] < 0)
      fail<ShapeError>(op, "size {} in shape {}; need sizes of at least 0, and at most one -1", shape[i], shape);
  }
  check_sizes(op, sizes);
  const int64_t n = x.numel(), known = sizes.numel();
  if (unknown >= 0) {
    if (known == 0 || n % known != 0)
      fail<ShapeError>(op, "{} elements of shape {} do not divide into shape {}; need a multiple of {}", n, x.shape(),
                       shape, known);
    result[unknown] = n / known;
  } else if (known != n) {
    fail<ShapeError>(op, "{} elements of shape {} do not fit shape {}, which holds {}; need equal counts", n, x.shape(),
                     shape, known);
  }
  return result;
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (x.is_contiguous() || x.numel() == 0) return of(x, shape, contiguous_strides(shape), x.offset());
  // Walk both shapes from the left, matching groups of axes with equal products; within a group x must be contiguous.
  Strides strides = Shape::filled(shape.rank(), 1);
  int i = 0, j = 0;
  while (i < x.rank() || j < shape.rank()) {
    const int first = j;
    int last = i;
    int64_t from = 1, to = 1;
    if (i < x.rank()) from = x.shape()[i++];
    if (j < shape.rank()) to = shape[j++];
    while (from != to) {
      if (from < to) {
        if (x.shape()[i] != 1) {
          if (x.shape()[last] != 1 && x.strides()[last] != x.strides()[i] * x.shape()[i]) return {};
          last = i;
        }
        from *= x.shape()[i++];
      } else {
        to *= shape[j++];
      }
    }
    int64_t stride = last < x.rank() ? x.strides()[last] : 1;
    for (int k = j - 1; k >= first; --k) {
      strides[k] = stride;
      stride *= shape[k];
    }
  }
  return of(x, shape, strides, x.offset());
}

Tensor transpose(const Tensor& x, int a, int b) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return of(x, shape, strides, x.offset());
}

Tensor permute(const Tensor& x, const Shape& axes) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  for (int i = 0; i < axes.rank(); ++i) {
    shape[i] = x.shape()[static_cast<int>(axes[i])];
    strides[i] = x.strides()[static_cast<int>(axes[i])];
  }
  return of(x, shape, strides, x.offset());
}

Tensor narrow(const Op& op, const Tensor& x, int axis, int64_t start, int64_t length) {
  const int64_t size = x.shape()[axis];
  if (start < -size || start > size)
    fail<IndexError>(op, "start {} is out of range for axis {} of shape {}; need {} <= start <= {}", start, axis,
                     x.shape(), -size, size);
  const int64_t first = start < 0 ? start + size : start;
  if (length < 0 || length > size - first)
    fail<IndexError>(op, "length {} from start {} does not fit axis {} of shape {}; need 0 <= length <= {}", length,
                     start, axis, x.shape(), size - first);
  Shape shape = x.shape();
  shape[axis] = length;
  return of(x, shape, x.strides(), x.offset() + first * x.strides()[axis]);
}

Tensor select(const Op& op, const Tensor& x, int axis, int64_t index) {
  const int64_t size = x.shape()[axis];
  if (index < -size || index >= size)
    fail<IndexError>(op, "index {} is out of range for axis {} of shape {}; need {} <= index < {}", index, axis,
                     x.shape(), -size, size);
  if (index < 0) index += size;
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(axis);
  strides.erase(axis);
  return of(x, shape, strides, x.offset() + index * x.strides()[axis]);
}

Tensor expand(const Op& op, const Tensor& x, const Shape& shape) {
  const int extra = shape.rank() - x.rank();
  if (extra < 0)
    fail<ShapeError>(op, "cannot expand {} to the lower rank of {}; need at least rank {}", x.shape(), shape, x.rank());
  Shape sizes = shape;
  Strides strides = Shape::filled(shape.rank(), 0);
  for (int i = 0; i < shape.rank(); ++i) {
    const int64_t have = i < extra ? 1 : x.shape()[i - extra];
    if (shape[i] == -1 && i >= extra) sizes[i] = have;
    else if (shape[i] < 0)
      fail<ShapeError>(op, "cannot expand {} to {}: axis {} is {}; need a size{}", x.shape(), shape, i, shape[i],
                       i < extra ? " for an axis that is new" : ", or -1 to keep it");
    else if (have != 1 && have != shape[i])
      fail<ShapeError>(op, "cannot expand {} to {}: axis {} has size {}; need 1 or {}", x.shape(), shape, i, have,
                       shape[i]);
    if (have == sizes[i] && i >= extra) strides[i] = x.strides()[i - extra];
  }
  check_sizes(op, sizes);
  return of(x, sizes, strides, x.offset());
}

Tensor unsqueeze(const Tensor& x, int axis) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  strides.insert(axis, axis < x.rank() ? x.strides()[axis] * x.shape()[axis] : 1);
  shape.insert(axis, 1);
  return of(x, shape, strides, x.offset());
}

}  // namespace heed::view
