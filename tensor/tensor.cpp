#include "tensor/tensor.h"

#include <cmath>

#include "tensor/kernels/copy.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/random.h"
#include "tensor/view.h"

namespace heed {

namespace {

Tensor allocate(const Op& op, const Shape& shape, DType dtype) {
  check_sizes(op, shape);
  auto storage = Storage::allocate(static_cast<size_t>(shape.numel()) * size_of(dtype), op.where);
  return Tensor(std::move(storage), shape, contiguous_strides(shape), 0, dtype);
}

Tensor filled(const Op& op, const Shape& shape, double value, DType dtype) {
  Tensor y = allocate(op, shape, dtype);
  kernels::fill(y, value);
  return y;
}

}  // namespace

bool Tensor::is_contiguous() const {
  if (numel() == 0) return true;
  int64_t expected = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != expected) return false;
    expected *= shape_[i];
  }
  return true;
}

void Tensor::check_access(DType asked, Loc where) const {
  if (!defined()) fail<Error>({"Tensor", where}, "an undefined tensor has no elements; need one made by a factory or an op");
  if (asked != dtype_)
    fail<DTypeError>({"data", where}, "elements read as {} but the tensor is {}; need data of the same type, or .to({}) first",
                     name_of(asked), name_of(dtype_), name_of(asked));
}

Tensor Tensor::element(std::span<const int64_t> index, Loc where) const {
  const Op op{"at", where};
  if (static_cast<int>(index.size()) != rank())
    fail<IndexError>(op, "{} indices for shape {}; need {}", index.size(), shape_, rank());
  Tensor x = detach();
  for (const int64_t i : index) x = view::select(op, x, 0, i);
  return x;
}

double Tensor::item_f64(Loc where) const {
  const Op op{"item", where};
  if (!defined()) fail<Error>(op, "an undefined tensor has no elements; need one made by a factory or an op");
  if (numel() != 1) fail<ShapeError>(op, "shape {} has {} elements; need exactly 1", shape_, numel());
  return dispatch(dtype_, [&]<class T>() { return static_cast<double>(*data<T>()); });
}

int64_t Tensor::item_i64(Loc where) const {
  item_f64(where);
  return *data<int64_t>();
}

template <class T>
std::vector<T> Tensor::to_vector(Loc where) const {
  if (!defined()) fail<Error>({"to_vector", where}, "an undefined tensor has no elements; need one made by a factory or an op");
  const Tensor x = kernels::cast(*this, dtype_of<T>());
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}
template std::vector<float> Tensor::to_vector(Loc) const;
template std::vector<double> Tensor::to_vector(Loc) const;
template std::vector<int64_t> Tensor::to_vector(Loc) const;
template std::vector<bool> Tensor::to_vector(Loc) const;

Tensor Tensor::detach() const {
  Tensor x = *this;
  x.node_ = nullptr;
  return x;
}

Shape NestedList::shape(const Op& op) const {
  Shape result;
  if (!is_list_) return result;
  result.push_back(static_cast<int64_t>(items_.size()), op.where);
  if (items_.empty()) return result;
  const Shape inner = items_[0].shape(op);
  for (size_t i = 1; i < items_.size(); ++i)
    if (!(items_[i].shape(op) == inner))
      fail<ShapeError>(op, "the list is ragged: item 0 has shape {}, item {} has shape {}; need equal shapes", inner, i, items_[i].shape(op));
  for (const int64_t size : inner) result.push_back(size, op.where);
  return result;
}

DType NestedList::common_dtype() const {
  if (!is_list_) return dtype_;
  if (items_.empty()) return f32;
  const auto rank = [](DType d) { return d == boolean ? 0 : d == i64 ? 1 : 2; };
  DType common = boolean;
  for (const NestedList& item : items_)
    if (const DType d = item.common_dtype(); rank(d) > rank(common)) common = d;
  return common;
}

template <class T>
void NestedList::write(T*& out) const {
  if (is_list_)
    for (const NestedList& item : items_) item.write(out);
  else
    *out++ = dtype_ == f32 ? static_cast<T>(number_) : static_cast<T>(integer_);
}

Tensor tensor(const NestedList& values, std::optional<DType> dtype, Loc where) {
  const Op op{"tensor", where};
  Tensor y = allocate(op, values.shape(op), dtype.value_or(values.common_dtype()));
  dispatch(y.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    values.write(out);
  });
  return y;
}

template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Loc where) {
  const Op op{"from_vector", where};
  check_sizes(op, shape);
  if (static_cast<int64_t>(values.size()) != shape.numel())
    fail<ShapeError>(op, "{} values do not fill shape {}; need {}", values.size(), shape, shape.numel());
  Tensor y = allocate(op, shape, dtype_of<T>());
  std::copy(values.begin(), values.end(), y.mutable_data<T>());
  return y;
}
template Tensor from_vector(const std::vector<float>&, const Shape&, Loc);
template Tensor from_vector(const std::vector<double>&, const Shape&, Loc);
template Tensor from_vector(const std::vector<int64_t>&, const Shape&, Loc);
template Tensor from_vector(const std::vector<bool>&, const Shape&, Loc);

Tensor empty(const Shape& shape, DType dtype, Loc where) { return allocate({"empty", where}, shape, dtype); }
Tensor full(const Shape& shape, double value, DType dtype, Loc where) { return filled({"full", where}, shape, value, dtype); }
Tensor zeros(const Shape& shape, DType dtype, Loc where) { return filled({"zeros", where}, shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype, Loc where) { return filled({"ones", where}, shape, 1, dtype); }
Tensor scalar(double value, DType dtype, Loc where) { return filled({"scalar", where}, {}, value, dtype); }

Tensor arange(int64_t end, DType dtype, Loc where) {
  return arange(0.0, static_cast<double>(end), 1.0, dtype, where);
}

Tensor arange(double start, double end, double step, DType dtype, Loc where) {
  const Op op{"arange", where};
  if (step == 0 || !std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step))
    fail<ValueError>(op, "start {}, end {}, step {}; need finite numbers and a step other than 0", start, end, step);
  const int64_t n = std::max<int64_t>(0, static_cast<int64_t>(std::ceil((end - start) / step)));
  Tensor y = allocate(op, {n}, dtype);
  dispatch(dtype, [&]<class T>() {
    T* out = y.mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(start + static_cast<double>(i) * step);
  });
  return y;
}

Tensor eye(int64_t n, DType dtype, Loc where) {
  if (n < 0) fail<ValueError>({"eye", where}, "n is {}; need at least 0", n);
  Tensor y = zeros({n, n}, dtype, where);
  kernels::fill(Tensor(y.storage(), {n}, {n + 1}, 0, dtype), 1);
  return y;
}

Tensor rand(const Shape& shape, Rng& rng, DType dtype, Loc where) {
  const Op op{"rand", where};
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  Tensor y = allocate(op, shape, dtype);
  dispatch_floating(dtype, [&]<class T>() { rng.uniform(y.mutable_data<T>(), y.numel()); });
  return y;
}

Tensor randn(const Shape& shape, Rng& rng, DType dtype, Loc where) {
  const Op op{"randn", where};
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  Tensor y = allocate(op, shape, dtype);
  dispatch_floating(dtype, [&]<class T>() { rng.normal(y.mutable_data<T>(), y.numel()); });
  return y;
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, Rng& rng, Loc where) {
  Tensor y = allocate({"randint", where}, shape, i64);
  rng.randint(y.mutable_data<int64_t>(), y.numel(), low, high, where);
  return y;
}

Tensor randperm(int64_t n, Rng& rng, Loc where) {
  if (n < 0) fail<ValueError>({"randperm", where}, "n is {}; need at least 0", n);
  return from_vector(rng.randperm(n, where), {n}, where);
}

Tensor multinomial(const Tensor& weights, int64_t samples, Rng& rng, bool replacement, Loc where) {
  const Op op{"multinomial", where};
  if (!weights.defined() || !is_floating(weights.dtype()) || weights.rank() == 0)
    fail<ValueError>(op, "weights are {}; need (..., n), f32 or f64",
                     weights.defined() ? fmt::format("{} {}", name_of(weights.dtype()), weights.shape()) : "undefined");
  const Tensor rows = kernels::contiguous(weights);
  Shape shape = weights.shape();
  const int64_t n = shape.back();
  shape[shape.rank() - 1] = samples;
  Tensor y = allocate(op, shape, i64);
  dispatch_floating(weights.dtype(), [&]<class T>() {
    for (int64_t at = 0; at < y.numel() / std::max<int64_t>(samples, 1); ++at)
      rng.multinomial(y.mutable_data<int64_t>() + at * samples, samples, rows.data<T>() + at * n, n, replacement, where);
  });
  return y;
}

}  // namespace heed
