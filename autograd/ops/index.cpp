// Joining, picking by index, triangles, reversal.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

void check_index(const Op& op, const Tensor& index, int64_t n) {
  check_dtype(op, index, i64, "the index");
  if (const auto bad = kernels::first_outside(index, n))
    fail<IndexError>(op, "index {} is out of range; need 0 <= index < {}", *bad, n);
}

void check_gather(const Op& op, const Tensor& index, int axis, const Shape& shape) {
  check_index(op, index, shape[axis]);
  bool fits = index.rank() == shape.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = i == axis || index.shape()[i] <= shape[i];
  if (!fits)
    fail<ShapeError>(op, "the index {} does not fit {} along axis {}; need equal ranks, and no other size larger",
                     index.shape(), shape, axis);
}

}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int64_t axis0, Loc loc) {
  const Op op{"cat", loc};
  if (tensors.empty()) fail<ValueError>(op, "no tensors to join; need at least one");
  check_defined(op, tensors[0], "the first input");
  check_rank_at_least(op, tensors[0], 1);
  const int axis = normalize_axis(op, axis0, tensors[0].rank());
  std::vector<int64_t> sizes;
  for (const Tensor& t : tensors) {
    check_same_dtype(op, tensors[0], t);
    Shape expected = tensors[0].shape();
    if (t.rank() == expected.rank()) expected[axis] = t.shape()[axis];
    if (!(t.shape() == expected))
      fail<ShapeError>(op, "shapes {} and {} do not join along axis {}; need equal sizes elsewhere", tensors[0].shape(),
                       t.shape(), axis);
    sizes.push_back(t.shape()[axis]);
  }
  return record(op, kernels::cat(tensors, axis), tensors, [axis, sizes](const Tensor& g, Needs needs) {
    Gradients result(sizes.size());
    int64_t start = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (needs[i]) result[i] = g.narrow(axis, start, sizes[i]);
      start += sizes[i];
    }
    return result;
  });
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis0, Loc loc) {
  const Op op{"stack", loc};
  if (tensors.empty()) fail<ValueError>(op, "no tensors to join; need at least one");
  check_defined(op, tensors[0], "the first input");
  check_new_axis(op, tensors[0]);
  const int axis = normalize_axis(op, axis0, tensors[0].rank() + 1);
  std::vector<Tensor> rows;
  for (const Tensor& t : tensors) {
    check_same_dtype(op, tensors[0], t);
    check_same_shape(op, tensors[0], t);
    rows.push_back(t.unsqueeze(axis, loc));
  }
  return cat(rows, axis, loc);
}

Tensor index_select(const Tensor& x, int64_t axis0, const Tensor& index, Loc loc) {
  const Op op{"index_select", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  check_index(op, index, x.shape()[axis]);
  if (index.rank() != 1) fail<ShapeError>(op, "the index has shape {}; need rank 1", index.shape());
  return record(op, kernels::index_select(x, axis, index),
                {{x, [axis, index, n = x.shape()[axis]](const Tensor& g) { return index_add(g, axis, index, n); }}});
}

Tensor index_add(const Tensor& g, int64_t axis0, const Tensor& index, int64_t size, Loc loc) {
  const Op op{"index_add", loc};
  check_floating(op, g);
  const int axis = normalize_axis(op, axis0, g.rank());
  if (size < 0) fail<ValueError>(op, "size {}; need at least 0", size);
  check_index(op, index, size);
  if (!(index.shape() == Shape{g.shape()[axis]}))
    fail<ShapeError>(op, "the index {} does not fit axis {} of {}; need ({})", index.shape(), axis, g.shape(),
                     g.shape()[axis]);
  return record(op, kernels::index_add(g, axis, index, size),
                {{g, [axis, index](const Tensor& gg) { return index_select(gg, axis, index); }}});
}

Tensor gather(const Tensor& x, int64_t axis0, const Tensor& index, Loc loc) {
  const Op op{"gather", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  check_gather(op, index, axis, x.shape());
  return record(
      op, kernels::gather(x, axis, index),
      {{x, [axis, index, shape = x.shape()](const Tensor& g) { return scatter_add(g, axis, index, shape); }}});
}

Tensor scatter_add(const Tensor& g, int64_t axis0, const Tensor& index, const Shape& shape, Loc loc) {
  const Op op{"scatter_add", loc};
  check_floating(op, g);
  check_sizes(op, shape);
  const int axis = normalize_axis(op, axis0, shape.rank());
  check_gather(op, index, axis, shape);
  check_same_shape(op, g, index);
  return record(op, kernels::scatter_add(g, axis, index, shape),
                {{g, [axis, index](const Tensor& gg) { return gather(gg, axis, index); }}});
}

Tensor tril(const Tensor& x, int64_t diagonal, Loc loc) {
  const Op op{"tril", loc};
  check_defined(op, x);
  check_rank_at_least(op, x, 2);
  return record(op, kernels::triangle(x, diagonal, true),
                {{x, [diagonal](const Tensor& g) { return tril(g, diagonal); }}});
}

Tensor triu(const Tensor& x, int64_t diagonal, Loc loc) {
  const Op op{"triu", loc};
  check_defined(op, x);
  check_rank_at_least(op, x, 2);
  return record(op, kernels::triangle(x, diagonal, false),
                {{x, [diagonal](const Tensor& g) { return triu(g, diagonal); }}});
}

Tensor flip(const Tensor& x, int64_t axis0, Loc loc) {
  const Op op{"flip", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  return record(op, kernels::flip(x, axis), {{x, [axis](const Tensor& g) { return flip(g, axis); }}});
}

Tensor embedding(const Tensor& weight, const Tensor& index, Loc loc) {
  const Op op{"embedding", loc};
  check_floating(op, weight, "the weight");
  if (weight.rank() != 2) fail<ShapeError>(op, "the weight has shape {}; need (V, C)", weight.shape());
  check_index(op, index, weight.size(0));
  check_new_axis(op, index);
  const Tensor flat = view::reshape(index.is_contiguous() ? index : index.clone(), {index.numel()});
  Shape shape = index.shape();
  shape.push_back(weight.size(1));
  return record(op, view::reshape(kernels::index_select(weight, 0, flat), shape),
                {{weight, [flat, V = weight.size(0), C = weight.size(1)](const Tensor& g) {
                    return index_add(g.reshape({flat.numel(), C}), 0, flat, V);
                  }}});
}

}  // namespace heed
