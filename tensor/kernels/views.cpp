#include <heed/tensor/kernels/views.h>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/view.h>

namespace heed::kernels {

Tensor with_axes(const Tensor& x, int axes, Tail tail) {
  Tensor y = x.detach();
  while (y.rank() < axes) y = view::unsqueeze(y, 0);
  if (y.rank() > axes) {
    const int surplus = y.rank() - axes;
    Shape shape = y.shape();
    for (int i = 0; i < surplus; ++i) {
      shape[1] *= shape[0];
      shape.erase(0);
    }
    y = view::reshape(y, shape);
  }
  const bool lies_so = y.defined() && (tail == Tail::element || y.strides()[axes - 1] == 1 || y.shape()[axes - 1] <= 1);
  return lies_so ? y : Tensor();
}

template <int N, Tail tail>
Readable<N, tail>::Readable(const Tensor& x) {
  if (!x.defined()) return;
  const int axes = N + (tail == Tail::row);
  x_ = with_axes(x, axes, tail);
  if (!x_.defined()) x_ = with_axes(copy(x), axes, tail);
}

template class Readable<1>;
template class Readable<2>;
template class Readable<3>;
template class Readable<4, Tail::element>;

void refuse_to_copy(const Tensor& x, int axes, Loc loc) {
  fail<Error>({"writable", loc},
              "a result of shape {} and strides {} would be written to a copy; need {} axes by strides", x.shape(),
              x.strides(), axes);
}

}  // namespace heed::kernels
