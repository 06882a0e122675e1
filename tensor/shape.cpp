#include <heed/tensor/shape.h>

#include <limits>

#include <fmt/format.h>

namespace heed {

Shape::Shape(std::span<const int64_t> sizes, Loc loc) {
  if (sizes.size() > kMaxRank) fail<ShapeError>({"Shape", loc}, "{} axes; need at most {}", sizes.size(), kMaxRank);
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  rank_ = static_cast<int64_t>(sizes.size());
}

Shape Shape::filled(int rank, int64_t value) {
  Shape shape;
  std::fill_n(shape.sizes_.begin(), rank, value);
  shape.rank_ = rank;
  return shape;
}

size_t Shape::from_end(const Place& at) const {
  if (at.i < -rank_ || at.i >= rank_)
    fail<IndexError>({"Shape", at.where}, "entry {} of {}; need {} <= place < {}", at.i, *this, -rank_, rank_);
  return static_cast<size_t>(at.i + rank_);
}

void Shape::push_back(int64_t size, Loc loc) { insert(rank(), size, loc); }

void Shape::insert(int at, int64_t size, Loc loc) {
  if (rank_ == kMaxRank)
    fail<ShapeError>({"Shape", loc}, "one axis more than the {} of {}; need at most {}", rank_, *this, kMaxRank);
  std::copy_backward(sizes_.begin() + at, sizes_.begin() + rank_, sizes_.begin() + rank_ + 1);
  sizes_[static_cast<size_t>(at)] = size;
  ++rank_;
}

void Shape::erase(int at) {
  std::copy(sizes_.begin() + at + 1, sizes_.begin() + rank_, sizes_.begin() + at);
  --rank_;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = Shape::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
}

int normalize_axis(const Op& op, int64_t axis, int rank) {
  if (rank == 0) fail<IndexError>(op, "axis {} of a tensor of rank 0, which has no axes; need rank 1 or more", axis);
  if (axis < -rank || axis >= rank)
    fail<IndexError>(op, "axis {} is out of range for rank {}; need {} <= axis < {}", axis, rank, -rank, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape normalize_axes(const Op& op, std::span<const int64_t> axes, int rank) {
  Shape result;
  if (axes.empty()) {
    for (int i = 0; i < rank; ++i) result.push_back(i);
    return result;
  }
  for (const int64_t axis : axes) {
    const int normal = normalize_axis(op, axis, rank);
    int at = 0;
    while (at < result.rank() && result[at] < normal) ++at;
    if (at < result.rank() && result[at] == normal)
      fail<ValueError>(op, "axis {} is given twice; need distinct axes", axis);
    result.insert(at, normal);
  }
  return result;
}

Shape broadcast_shapes(const Op& op, const Shape& a, const Shape& b, const char* what) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape result = Shape::filled(rank, 1);
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t na = ia < 0 ? 1 : a[ia], nb = ib < 0 ? 1 : b[ib];
    if (na != nb && na != 1 && nb != 1)
      fail<ShapeError>(op, "{} {} and {} do not broadcast; need equal sizes or 1 on every axis, aligned at the right",
                       what, a, b);
    result[i] = na == 1 ? nb : na;
  }
  return result;
}

void check_sizes(const Op& op, const Shape& shape) {
  int64_t n = 1;
  for (const int64_t size : shape) {
    if (size < 0) fail<ShapeError>(op, "size {} in shape {} is negative; need sizes of at least 0", size, shape);
    if (__builtin_mul_overflow(n, std::max<int64_t>(size, 1), &n) || n > std::numeric_limits<int64_t>::max() / 16)
      fail<ShapeError>(op, "shape {} has more elements than memory can address; need a smaller shape", shape);
  }
}

}  // namespace heed

fmt::appender fmt::formatter<heed::Shape>::format(const heed::Shape& shape, format_context& context) const {
  return formatter<std::string_view>::format(fmt::format("({})", fmt::join(shape.begin(), shape.end(), ", ")), context);
}
