// How matrix products hold their operands: A in rows, B in panels of columns, both along k in the order in which they
// are read. What is packed is made of Elements: float, double, or Bf16Pair.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace heed::kernels {

/// Two neighbours along k as bf16.
using Bf16Pair = uint32_t;

constexpr int64_t kUnit = 16;  // rows of A that are packed together
template <class Element>
constexpr int64_t kLine = 64 / int64_t{sizeof(Element)};  // a line of cache, and a vector of AVX-512
template <class Element>
constexpr int64_t kPanel = 3 * kLine<Element>;  // columns of C at once: with 8 rows, 24 sums of 32 registers

/// n up to whole lines.
template <class Element>
constexpr int64_t whole_lines(int64_t n) {
  return (n + kLine<Element> - 1) / kLine<Element> * kLine<Element>;
}
/// Elements of a row or column of length k: pairs in whole lines, with zeros behind the last.
template <class Element>
constexpr int64_t steps(int64_t k) {
  return std::is_same_v<Element, Bf16Pair> ? whole_lines<Element>((k + 1) / 2) : k;
}
/// Elements from one packed row of length k to the next.
template <class Element>
constexpr int64_t row_length(int64_t k) {
  return whole_lines<Element>(steps<Element>(k));
}

/// A matrix to pack: element (i, j) lies at data[i * row + j], or transposed at data[j * row + i].
template <class Real>
struct Source {
  const Real* data;
  int64_t row;
  bool transposed;
  Real factor = 1;  // of all elements, when they are packed as bf16

  Source from(int64_t i, int64_t j) const {
    return {data + (transposed ? j * row + i : i * row + j), row, transposed, factor};
  }
};

/// A (m, k) in units of kUnit rows, `unit` apart: in each, element p of row i at i * step + p, or across at
/// p * step + i, or in squares of kUnit elements of each row, one after the other.
template <class Element>
struct Rows {
  const Element* data;
  int64_t step, unit;
  bool is_across, in_squares = false;

  /// Each row's elements in a row; rows lie `row` apart.
  static Rows along(const Element* data, int64_t row) { return {data, row, kUnit * row, false}; }
  /// Rows beside one another; their elements lie `row` apart.
  static Rows across(const Element* data, int64_t row) { return {data, row, kUnit, true}; }
  /// Units of rows beside one another, of `length` elements each.
  static Rows units(const Element* data, int64_t length) { return {data, kUnit, kUnit * length, true}; }

  /// Units of squares, of `length` elements each row.
  static Rows squares(const Element* data, int64_t length) { return {data, kUnit, kUnit * length, false, true}; }

  Rows from_unit(int64_t i) const { return {data + i * unit, step, unit, is_across, in_squares}; }

  /// f(n, data, i) for groups of n rows from row i, n a constant: kMost as long as there are so many in a unit, then 4,
  /// then 1.
  template <int kMost, class F>
  void for_groups(int64_t m, F f) const {
    const int64_t next = is_across ? 1 : step;
    for (int64_t first = 0; first < m; first += kUnit) {
      const Element* const from = data + first / kUnit * unit;
      const int64_t rows = std::min(kUnit, m - first);
      int64_t i = 0;
      for (; i + kMost <= rows; i += kMost) f(std::integral_constant<int, kMost>(), from + i * next, first + i);
      for (; i + 4 <= rows; i += 4) f(std::integral_constant<int, 4>(), from + i * next, first + i);
      for (; i < rows; ++i) f(std::integral_constant<int, 1>(), from + i * next, first + i);
    }
  }
};
template <class Element>
constexpr int64_t rows_size(int64_t m, int64_t k) {
  return (m + kUnit - 1) / kUnit * kUnit * row_length<Element>(k);
}

/// n columns cut into panels of nearly equal width, in whole lines but for the last.
template <class Element>
struct Panels {
  int64_t columns, lines, count;

  explicit Panels(int64_t n)
      : columns(n),
        lines(whole_lines<Element>(n) / kLine<Element>),
        count((n + kPanel<Element> - 1) / kPanel<Element>) {}
  int64_t start(int64_t i) const { return std::min(columns, lines * i / count * kLine<Element>); }
  int64_t width(int64_t i) const { return start(i + 1) - start(i); }
};

/// A packed B (k, n): its panels, panel i at start(i) * steps, and in each element p of column j at
/// p * whole_lines(width) + j, with zeros up to whole lines.
template <class Element>
struct Columns {
  const Element* data;
  int64_t steps;  // of a column
};
template <class Element>
constexpr int64_t columns_size(int64_t n, int64_t k) {
  return whole_lines<Element>(n) * steps<Element>(k);
}

}  // namespace heed::kernels
