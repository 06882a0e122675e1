// Joining, picking by index, sorting, triangles, reversal.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

Tensor checked_gather(const Op& op, const Tensor& index, int axis, const Shape& shape) {
  check_defined(op, index, "the index");
  bool fits = index.rank() == shape.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = i == axis || index.shape()[i] <= shape[i];
  if (!fits)
    fail<ShapeError>(op, "the index {} does not fit {} along axis {}; need equal ranks, and no other size larger",
                     index.shape(), shape, axis);
  return checked_index(op, index, axis, shape);
}

/// Whether x or the index of its only axis is a number, which is then taken as a vector of one.
bool has_number(const Tensor& x, const Tensor& index) {
  return x.rank() == 0 || (x.rank() == 1 && index.defined() && index.rank() == 0);
}

/// What index_select and gather took from a shape, added to zeros of it: their gradients, as they are of these.
Tensor add_slices(const Tensor& g, int axis, const Tensor& index, const Shape& shape) {
  return record({"index_add"}, kernels::index_add(zeros(shape, g.dtype()), axis, index, g),
                {{g, [axis, index](const Tensor& gg) { return index_select(gg, axis, index); }}});
}
Tensor add_elements(const Tensor& g, int axis, const Tensor& index, const Shape& shape) {
  return record({"scatter_add"}, kernels::scatter_add(zeros(shape, g.dtype()), axis, index, g),
                {{g, [axis, index](const Tensor& gg) { return gather(gg, axis, index); }}});
}

/// The part of src that belongs to `index`: src may be larger.
Tensor source_of(const Op& op, const Tensor& src, const Tensor& index) {
  bool fits = src.rank() == index.rank();
  for (int i = 0; fits && i < src.rank(); ++i) fits = index.shape()[i] <= src.shape()[i];
  if (!fits)
    fail<ShapeError>(op, "src {} is smaller than the index {}; need at least its size on every axis", src.shape(),
                     index.shape());
  Tensor part = src;
  for (int i = 0; i < src.rank(); ++i)
    if (src.shape()[i] != index.shape()[i]) part = part.narrow(i, 0, index.shape()[i]);
  return part;
}

Tensor triangle(const Op& op, const Tensor& x, int64_t diagonal, bool lower) {
  check_rank_at_least(op, x, 2);
  return record(
      op, kernels::triangle(x, diagonal, lower),
      {{x, [name = op.name, diagonal, lower](const Tensor& g) { return triangle({name}, g, diagonal, lower); }}});
}

}  // namespace

Tensor autograd::checked_index(const Op& op, const Tensor& index, int axis, const Shape& shape) {
  check_dtype(op, index, i64, "the index");
  const int64_t n = shape.rank() == 0 ? 1 : shape[axis];
  if (!kernels::first_outside(index, 0, n)) return index;
  if (const auto bad = kernels::first_outside(index, -n, n))
    fail<IndexError>(op, "index {} is out of range for axis {} of shape {}; need {} <= index < {}", *bad, axis, shape,
                     -n, n);
  return kernels::from_the_start(index, n);
}

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
    rows.push_back(t.unsqueeze(axis));
  }
  return cat(rows, axis);
}

Tensor index_select(const Tensor& x, int64_t axis0, const Tensor& index0, Loc loc) {
  const Op op{"index_select", loc};
  const int axis = axis_of(op, axis0, x);
  if (x.rank() == 0) return index_select(as_vector(x), axis, checked_index(op, index0, axis, {})).squeeze(0);
  const Tensor index = checked_index(op, as_vector(index0), axis, x.shape());
  if (index.rank() != 1) fail<ShapeError>(op, "the index has shape {}; need rank 1", index.shape());
  return record(op, kernels::index_select(x, axis, index),
                {{x, [axis, index, shape = x.shape()](const Tensor& g) { return add_slices(g, axis, index, shape); }}});
}

Tensor index_add(const Tensor& x, int64_t axis0, const Tensor& index0, const Tensor& source, Loc loc) {
  const Op op{"index_add", loc};
  check_floating(op, x);
  check_same_dtype(op, x, source);
  const int axis = axis_of(op, axis0, x);
  if (x.rank() == 0)
    return index_add(as_vector(x), axis, checked_index(op, index0, axis, {}), as_vector(source)).squeeze(0);
  const Tensor index = checked_index(op, as_vector(index0), axis, x.shape());
  Shape expected = x.shape();
  expected[axis] = index.numel();
  if (index.rank() != 1 || !(source.shape() == expected))
    fail<ShapeError>(op, "the index {} and source {} do not fit axis {} of {}; need an index (n) and a source {}",
                     index.shape(), source.shape(), axis, x.shape(), expected);
  return record(op, kernels::index_add(kernels::copy(x), axis, index, source),
                {{x, [](const Tensor& g) { return g; }},
                 {source, [axis, index](const Tensor& g) { return index_select(g, axis, index); }}});
}

Tensor gather(const Tensor& x, int64_t axis0, const Tensor& index0, Loc loc) {
  const Op op{"gather", loc};
  const int axis = axis_of(op, axis0, x);
  if (has_number(x, index0)) {
    const Tensor y = gather(as_vector(x), axis, as_vector(checked_index(op, index0, axis, x.shape())));
    return index0.rank() == 0 ? y.squeeze(0) : y;
  }
  const Tensor index = checked_gather(op, index0, axis, x.shape());
  return record(
      op, kernels::gather(x, axis, index),
      {{x, [axis, index, shape = x.shape()](const Tensor& g) { return add_elements(g, axis, index, shape); }}});
}

Tensor scatter_add(const Tensor& x, int64_t axis0, const Tensor& index0, const Tensor& src, Loc loc) {
  const Op op{"scatter_add", loc};
  check_floating(op, x);
  check_same_dtype(op, x, src);
  const int axis = axis_of(op, axis0, x);
  if (has_number(x, index0))
    return scatter_add(as_vector(x), axis, as_vector(checked_index(op, index0, axis, x.shape())), as_vector(src))
        .reshape(x.shape());
  const Tensor index = checked_gather(op, index0, axis, x.shape());
  const Tensor part = source_of(op, src, index);
  return record(op, kernels::scatter_add(kernels::copy(x), axis, index, part),
                {{x, [](const Tensor& g) { return g; }},
                 {part, [axis, index](const Tensor& g) { return gather(g, axis, index); }}});
}

Tensor scatter(const Tensor& x, int64_t axis0, const Tensor& index0, const Tensor& src0, Loc loc) {
  const Op op{"scatter", loc};
  check_same_dtype(op, x, src0);
  const int axis = axis_of(op, axis0, x);
  if (has_number(x, index0))
    return scatter(as_vector(x), axis, as_vector(checked_index(op, index0, axis, x.shape())), as_vector(src0))
        .reshape(x.shape());
  const Tensor index = checked_gather(op, index0, axis, x.shape());
  const Tensor src = source_of(op, src0, index);
  return record(op, kernels::scatter(x, axis, index, src),
                {{x, [axis, index](const Tensor& g) { return scatter(g, axis, index, 0); }},
                 {src, [axis, index](const Tensor& g) { return gather(g, axis, index); }}});
}

Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, Scalar value, Loc loc) {
  const Op op{"scatter", loc};
  check_defined(op, x);
  check_defined(op, index, "the index");
  return scatter(x, axis, index, scalar(value, x.dtype()).expand(index.shape()));
}

Tensor one_hot(const Tensor& index, int64_t classes, Loc loc) {
  const Op op{"one_hot", loc};
  check_dtype(op, index, i64, "the index");
  check_new_axis(op, index);
  if (classes == -1) {
    if (index.numel() == 0) fail<ValueError>(op, "the index {} has no largest element; need classes", index.shape());
    classes = saturating_sum(index.detach().max().item<int64_t>(), 1);
  }
  if (const auto bad = kernels::first_outside(index, 0, classes))
    fail<IndexError>(op, "index {} is out of range; need 0 <= index < {}", *bad, classes);
  Shape shape = index.shape();
  shape.push_back(classes);
  check_sizes(op, shape);
  Tensor y = zeros(shape, i64);
  int64_t* row = y.mutable_data<int64_t>();
  for (const int64_t i : index.to_vector<int64_t>()) row[i] = 1, row += classes;
  return y;
}

Tensor nonzero(const Tensor& x, Loc loc) {
  const Op op{"nonzero", loc};
  check_defined(op, x);
  const Tensor places = kernels::true_places(x.dtype() == boolean ? x : ne(x, 0));
  const Strides strides = contiguous_strides(x.shape());
  Tensor y = empty({places.numel(), x.rank()}, i64);
  int64_t* out = y.mutable_data<int64_t>();
  for (const int64_t place : places.to_vector<int64_t>())
    for (int axis = 0; axis < x.rank(); ++axis) *out++ = place / strides[axis] % x.shape()[axis];
  return y;
}

Tensor argsort(const Tensor& x, int64_t axis0, bool descending, Loc loc) {
  const Op op{"sort", loc};
  const int axis = axis_of(op, axis0, x);
  return x.rank() == 0 ? zeros({}, i64) : kernels::order(x, axis, x.shape()[axis], descending);
}

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t axis, bool descending, Loc loc) {
  const Op op{"sort", loc};
  const Tensor order = argsort(x, axis, descending);
  return {gather(x, axis, order), order};
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t axis0, bool largest, Loc loc) {
  const Op op{"topk", loc};
  const int axis = axis_of(op, axis0, x);
  const int64_t n = x.rank() == 0 ? 1 : x.shape()[axis];
  if (k < 0 || k > n) fail<ValueError>(op, "k {} of axis {} of {}; need 0 <= k <= {}", k, axis, x.shape(), n);
  const Tensor order = x.rank() == 0 ? zeros({}, i64) : kernels::order(x, axis, k, largest);
  return {gather(x, axis, order), order};
}

Tensor tril(const Tensor& x, int64_t diagonal, Loc loc) { return triangle({"tril", loc}, x, diagonal, true); }
Tensor triu(const Tensor& x, int64_t diagonal, Loc loc) { return triangle({"triu", loc}, x, diagonal, false); }

Tensor flip(const Tensor& x, int64_t axis0, Loc loc) {
  const Op op{"flip", loc};
  const int axis = axis_of(op, axis0, x);
  if (x.rank() == 0) return x.clone();
  return record(op, kernels::flip(x, axis), {{x, [axis](const Tensor& g) { return flip(g, axis); }}});
}

Tensor embedding(const Tensor& index, const Tensor& weight, Loc loc) {
  const Op op{"embedding", loc};
  check_floating(op, weight, "the weight");
  if (weight.rank() != 2) fail<ShapeError>(op, "the weight has shape {}; need (V, C)", weight.shape());
  check_dtype(op, index, i64, "the index");
  if (const auto bad = kernels::first_outside(index, 0, weight.size(0)))
    fail<IndexError>(op, "index {} is out of range; need 0 <= index < {}", *bad, weight.size(0));
  check_new_axis(op, index);
  const Tensor flat = view::reshape(index.is_contiguous() ? index : index.clone(), {index.numel()});
  Shape shape = index.shape();
  shape.push_back(weight.size(1));
  return record(op, view::reshape(kernels::index_select(weight, 0, flat), shape),
                {{weight, [flat, shape = weight.shape()](const Tensor& g) {
                    return add_slices(g.reshape({flat.numel(), shape[1]}), 0, flat, shape);
                  }}});
}

}  // namespace heed
