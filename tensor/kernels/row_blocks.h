// The rows of an array shared out among threads, and sums over them in blocks cut by the number of rows alone: the same
// bits at any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include <heed/tensor/parallel.h>
#include <heed/tensor/storage.h>

namespace heed::kernels {

/// Working memory of one call.
template <class Real>
struct Scratch {
  std::shared_ptr<Storage> storage;
  explicit Scratch(int64_t elements) {
    if (elements > 0) storage = Storage::allocate(static_cast<size_t>(elements) * sizeof(Real));
  }
  Real* data() const { return storage ? reinterpret_cast<Real*>(storage->data()) : nullptr; }
};

/// Whether n elements are more than caches keep until they are read: then they are written past them, which leaves out
/// reading their lines first.
template <class Real>
constexpr bool exceeds_caches(int64_t n) {
  return n * int64_t{sizeof(Real)} > (int64_t{16} << 20);
}

/// The grain of a loop of which `worth` in all is worth a thread's while, and an item has `each`.
constexpr int64_t grain_for(int64_t worth, int64_t each) {
  return std::max<int64_t>(1, worth / std::max<int64_t>(1, each));
}

/// Elements below which a second thread costs more than it saves, about 5 us of work; and rows of n elements.
constexpr int64_t kGrain = 16384;
constexpr int64_t row_grain(int64_t n) { return grain_for(kGrain, n); }

/// Calls f(row) for every row of n elements, in parallel when there are elements enough.
template <class Function>
void for_rows(int64_t rows, int64_t n, Function f) {
  parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r);
  });
}

/// Whether n elements are all 0, as of a row whose gradient comes to nothing (autograd/nan.md); mostly the first tells.
template <class T>
bool all_zero(const T* x, int64_t n) {
  return std::all_of(x, x + n, [](T v) { return v == 0; });
}

/// Partial sums of `columns` columns, one row of them for each block of at most 256 rows.
template <class T>
class RowSums {
 public:
  RowSums(int64_t rows, int64_t columns)
      : rows_(rows),
        columns_(columns),
        blocks_(std::max({int64_t{1}, std::min<int64_t>(64, rows / 32), (rows + 255) / 256})),
        room_(blocks_ * columns) {}

  /// Calls f(begin, end, partial) for each block of rows, in parallel: f overwrites partial (columns). Returns the sum
  /// of the partials, added in order; it lives as long as this.
  template <class Function>
  const T* run(Function f) {
    T* const partials = room_.data();
    for_rows(blocks_, rows_ / blocks_ * columns_,
             [&](int64_t b) { f(rows_ * b / blocks_, rows_ * (b + 1) / blocks_, partials + b * columns_); });
    for (int64_t b = 1; b < blocks_; ++b)
      for (int64_t j = 0; j < columns_; ++j) partials[j] += partials[b * columns_ + j];
    return partials;
  }

 private:
  int64_t rows_, columns_, blocks_;
  Scratch<T> room_;
};

}  // namespace heed::kernels
