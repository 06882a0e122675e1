// Shapes and strides, stored inline, and the rules of broadcasting.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include <fmt/core.h>

#include <heed/tensor/error.h>

namespace heed {

constexpr int kMaxRank = 8;  ///< of any tensor

/// A short list of int64_t, at most kMaxRank long, that never touches the heap.
class Shape {
 public:
  /// An entry's place, and the line that asks for it.
  struct Place {
    int i;      ///< from -rank to rank - 1
    Loc where;  ///< the caller's
    Place(int place, Loc loc = Loc::current()) : i(place), where(loc) {}
  };
  Shape() {}  // "= default" would have zeros written over all of it first
  /// Throws ShapeError for more than kMaxRank sizes.
  Shape(std::initializer_list<int64_t> sizes, Loc loc = Loc::current())
      : Shape(std::span<const int64_t>(sizes.begin(), sizes.size()), loc) {}
  explicit Shape(std::span<const int64_t> sizes, Loc loc = Loc::current());
  /// `rank` entries, all equal to `value`.
  static Shape filled(int rank, int64_t value);

  /// How many entries.
  int rank() const { return static_cast<int>(rank_); }
  /// One entry; a negative place counts from the end. Throws IndexError.
  int64_t operator[](Place at) const { return sizes_[index(at)]; }
  int64_t& operator[](Place at) { return sizes_[index(at)]; }
  /// The last entry; the list must not be empty.
  int64_t back() const { return sizes_[static_cast<size_t>(rank_ - 1)]; }
  /// The entries in turn.
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }
  /// One entry more, at the end or before entry `at`: throws ShapeError beyond kMaxRank; or one less.
  void push_back(int64_t size, Loc loc = Loc::current());
  void insert(int at, int64_t size, Loc loc = Loc::current());
  void erase(int at);
  /// The product of the entries; 1 for rank 0.
  int64_t numel() const {
    int64_t n = 1;
    for (const int64_t size : *this) n *= size;
    return n;
  }
  /// Equal entries.
  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  size_t index(const Place& at) const {
    const auto i = static_cast<size_t>(at.i);
    return i < static_cast<size_t>(rank_) ? i : from_end(at);
  }
  size_t from_end(const Place& at) const;

  std::array<int64_t, kMaxRank> sizes_{};
  int64_t rank_ = 0;  // half as wide, a copy would have to wait for it to be written
};
/// Steps from an element to the next along each axis, in elements.
using Strides = Shape;

/// Row-major strides, in elements.
Strides contiguous_strides(const Shape& shape);

/// `axis` in [0, rank); negative counts from the end. Throws IndexError.
int normalize_axis(const Op& op, int64_t axis, int rank);

/// `axes` normalised and sorted; all axes when empty. Throws IndexError, or ValueError for a repeated axis.
Shape normalize_axes(const Op& op, std::span<const int64_t> axes, int rank);

/// The shape that `a` and `b` broadcast to, by NumPy's rule. Throws ShapeError naming both, as `what` they are.
Shape broadcast_shapes(const Op& op, const Shape& a, const Shape& b, const char* what = "shapes");

/// Sizes of a new tensor: throws ShapeError below 0, or if the product overflows.
void check_sizes(const Op& op, const Shape& shape);

}  // namespace heed

/// "(2, 3)", as NumPy writes shapes; "(3,)" is written "(3)".
template <>
struct fmt::formatter<heed::Shape> : fmt::formatter<std::string_view> {
  appender format(const heed::Shape& shape, format_context& context) const;
};
