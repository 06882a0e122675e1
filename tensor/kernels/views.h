// How kernels see tensors: a pointer and strides. What they read may be a copy; what they write never is.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// N axes in memory by their strides, in elements; 0 broadcasts. Behind them lies one element, or a dense row.
template <class Element, int N>
struct Strided {
  Element* data = nullptr;  ///< null: there is none
  int64_t strides[N] = {};  ///< in elements

  /// The element or row there; indices left out are 0.
  template <class... Index>
  Element* at(Index... index) const {
    static_assert(sizeof...(index) <= N);
    Element* p = data;
    int axis = 0;
    ((p += index * strides[axis++]), ...);
    return p;
  }
};

/// What lies behind the axes.
enum class Tail { row, element };

/// x under `axes` axes, without history: missing ones are 1 in front, surplus ones merge into the first. If tail is a
/// row, the last is dense. Undefined where only a copy of x lies so.
Tensor with_axes(const Tensor& x, int axes, Tail tail);

/// The axes of x, whose first element is at `data`.
template <class T, int N>
Strided<T, N> strided(const Tensor& x, T* data) {
  Strided<T, N> view{data};
  for (int i = 0; i < N; ++i) view.strides[i] = x.strides()[i];
  return view;
}

/// What a kernel reads as N axes with a tail: x itself, or a copy where x does not lie so. It is never written. May be
/// undefined.
template <int N, Tail tail = Tail::row>
class Readable {
 public:
  Readable() = default;
  Readable(const Tensor& x);
  /// Of the tensor.
  bool defined() const { return x_.defined(); }
  DType dtype() const { return x_.dtype(); }
  int64_t size(int axis) const { return x_.shape()[axis]; }
  /// Lives as long as this.
  template <class T>
  Strided<const T, N> view() const& {
    return defined() ? strided<const T, N>(x_, x_.data<T>()) : Strided<const T, N>{};
  }
  template <class T>
  void view() const&& = delete;

 private:
  Tensor x_;
};

/// Throws: a kernel must not write what nobody reads.
[[noreturn]] void refuse_to_copy(const Tensor& x, int axes, Loc loc);

/// What a kernel writes as N axes with a tail: x itself. Null if x is undefined. Throws Error where x does not lie so.
template <class T, int N, Tail tail = Tail::row>
Strided<T, N> writable(const Tensor& x, Loc loc = Loc::current()) {
  if (!x.defined()) return {};
  Tensor y = with_axes(x, N + (tail == Tail::row), tail);
  if (!y.defined()) refuse_to_copy(x, N + (tail == Tail::row), loc);
  return strided<T, N>(y, y.mutable_data<T>());
}

}  // namespace heed::kernels
