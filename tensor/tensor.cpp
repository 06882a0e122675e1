#include <heed/tensor/tensor.h>

#include <cmath>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/random.h>
#include <heed/tensor/view.h>

namespace heed {

namespace {

Tensor allocate(const Op& op, const Shape& shape, DType dtype) {
  check_sizes(op, shape);
  return Tensor(shape, dtype);
}

Tensor filled(const Op& op, const Shape& shape, Scalar value, DType dtype) {
  if (dtype == i64 && !value.is_integer && !(std::abs(value.value) < 0x1p63))
    fail<ValueError>({Op::called(op.name)}, "{} for i64; need a number between -2^63 and 2^63", value.value);
  Tensor y = allocate(op, shape, dtype);
  kernels::fill(y, value);
  return y;
}

Tensor filled_like(const Op& op, const Tensor& x, Scalar value) {
  check_defined(op, x);
  return filled(op, x.shape(), value, x.dtype());
}

template <class Draw>
Tensor drawn(const Op& op, const Shape& shape, DType dtype, Draw draw) {
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  Tensor y = allocate(op, shape, dtype);
  dispatch_floating(dtype, [&]<class T>() { draw(y.mutable_data<T>(), y.numel()); });
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

Tensor::Tensor(const Shape& shape, DType dtype, Loc loc)
    : storage_(Storage::allocate(static_cast<size_t>(shape.numel()) * size_of(dtype), loc)),
      shape_(shape),
      strides_(contiguous_strides(shape)),
      dtype_(dtype),
      whole_(true) {}

void Tensor::refuse_access(DType asked, Loc loc) const {
  const Op op{"data", loc};
  check_defined(op, *this, "the tensor");
  fail<DTypeError>(op, "elements read as {} but the tensor is {}; need data of the same type, or .to({}) first",
                   name_of(asked), name_of(dtype_), name_of(asked));
}

void Tensor::refuse_stale() const {
  fail<GradError>(*Op::current()->replayed(),
                  "its gradient needs a {} {} that was written after the op was recorded; need backward() before the "
                  "write, a clone() to write to, or detach() of what was carried on from an earlier step",
                  name_of(dtype_), shape_);
}

Tensor Tensor::element(std::span<const int64_t> index, Loc loc) const {
  const Op op{"at", loc};
  if (static_cast<int>(index.size()) != rank())
    fail<IndexError>(op, "{} indices for shape {}; need {}", index.size(), shape_, rank());
  int64_t offset = offset_;  // where axis by axis leads, each named by its place in the whole shape
  for (int i = 0; i < rank(); ++i)
    offset += view::select(op, *this, i, index[static_cast<size_t>(i)]).offset() - offset_;
  return Tensor(storage_, {}, {}, offset, dtype_);
}

double Tensor::item_f64(Loc loc) const {
  const Op op{"item", loc};
  check_defined(op, *this, "the tensor");
  if (numel() != 1) fail<ShapeError>(op, "shape {} has {} elements; need exactly 1", shape_, numel());
  return dispatch(dtype_, [&]<class T>() { return static_cast<double>(*data<T>()); });
}

int64_t Tensor::item_i64(Loc loc) const {
  item_f64(loc);
  return *data<int64_t>();
}

template <class T>
std::vector<T> Tensor::to_vector(Loc loc) const {
  check_defined({"to_vector", loc}, *this, "the tensor");
  const Tensor x = kernels::cast(*this, dtype_of<T>());
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}
template std::vector<float> Tensor::to_vector(Loc) const;
template std::vector<double> Tensor::to_vector(Loc) const;
template std::vector<int64_t> Tensor::to_vector(Loc) const;
template std::vector<bool> Tensor::to_vector(Loc) const;

Tensor Tensor::detach() const& {
  Tensor x = *this;
  x.set_node(nullptr);
  return x;
}

Tensor Tensor::detach() && {
  const bool alone = whole_ && storage_.use_count() == 1 && !storage_->leaf;  // then the new tensor is this one
  Tensor x = std::move(*this);
  x.node_ = nullptr;
  x.whole_ = alone;
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
      fail<ShapeError>(op, "the list is ragged: item 0 has shape {}, item {} has shape {}; need equal shapes", inner, i,
                       items_[i].shape(op));
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
  else *out++ = dtype_ == f32 ? static_cast<T>(number_) : static_cast<T>(integer_);
}

Tensor tensor(const NestedList& values, std::optional<DType> dtype, Loc loc) {
  const Op op{"tensor", loc};
  Tensor y = allocate(op, values.shape(op), dtype.value_or(values.common_dtype()));
  dispatch(y.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    values.write(out);
  });
  return y;
}

template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Loc loc) {
  const Op op{"from_vector", loc};
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

Tensor empty(const Shape& shape, DType dtype, Loc loc) { return allocate({"empty", loc}, shape, dtype); }
Tensor full(const Shape& shape, Scalar value, DType dtype, Loc loc) {
  return filled({"full", loc}, shape, value, dtype);
}
Tensor zeros(const Shape& shape, DType dtype, Loc loc) { return filled({"zeros", loc}, shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype, Loc loc) { return filled({"ones", loc}, shape, 1, dtype); }
Tensor scalar(Scalar value, DType dtype, Loc loc) { return filled({"scalar", loc}, {}, value, dtype); }

Tensor empty_like(const Tensor& x, Loc loc) {
  const Op op{"empty_like", loc};
  check_defined(op, x);
  return allocate(op, x.shape(), x.dtype());
}
Tensor zeros_like(const Tensor& x, Loc loc) { return filled_like({"zeros_like", loc}, x, 0); }
Tensor ones_like(const Tensor& x, Loc loc) { return filled_like({"ones_like", loc}, x, 1); }
Tensor full_like(const Tensor& x, Scalar value, Loc loc) { return filled_like({"full_like", loc}, x, value); }

Tensor arange(int64_t end, DType dtype, Loc loc) { return arange(0.0, static_cast<double>(end), 1.0, dtype, loc); }

Tensor arange(double start, double end, double step, DType dtype, Loc loc) {
  const Op op{"arange", loc};
  if (step == 0 || !std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step))
    fail<ValueError>(op, "start {}, end {}, step {}; need finite numbers and a step other than 0", start, end, step);
  constexpr double kExact = 9007199254740992;  // 2^53
  if (dtype == i64 && std::max(std::abs(start), std::abs(end)) >= kExact)
    fail<ValueError>(op, "start {}, end {}; need i64 below 2^53", start, end);
  const auto n = static_cast<int64_t>(std::clamp(std::ceil((end - start) / step), 0.0, 0x1p62));
  Tensor y = allocate(op, {n}, dtype);
  dispatch(dtype, [&]<class T>() {
    T* out = y.mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(start + static_cast<double>(i) * step);
  });
  return y;
}

Tensor linspace(double start, double end, int64_t steps, DType dtype, Loc loc) {
  const Op op{"linspace", loc};
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype is {}; need f32 or f64", name_of(dtype));
  if (steps < 0) fail<ValueError>(op, "{} steps; need at least 0", steps);
  Tensor y = allocate(op, {steps}, dtype);
  dispatch_floating(dtype, [&]<class T>() {
    const T first = T(start), last = T(end), step = steps > 1 ? (last - first) / T(steps - 1) : T(0);
    T* out = y.mutable_data<T>();
    for (int64_t i = 0; i < steps; ++i)  // from the nearer end, so that both are exact
      out[i] = i == 0 || i < steps / 2 ? first + step * T(i) : last - step * T(steps - 1 - i);
  });
  return y;
}

Tensor eye(int64_t n, DType dtype, Loc loc) {
  if (n < 0) fail<ValueError>({"eye", loc}, "n is {}; need at least 0", n);
  Tensor y = zeros({n, n}, dtype, loc);
  kernels::fill(Tensor(y.storage(), {n}, {n + 1}, 0, dtype), 1);
  return y;
}

Tensor rand(const Shape& shape, Rng& rng, DType dtype, Loc loc) {
  return drawn({"rand", loc}, shape, dtype, [&](auto* out, int64_t n) { rng.uniform(out, n); });
}

Tensor randn(const Shape& shape, Rng& rng, DType dtype, Loc loc) {
  return drawn({"randn", loc}, shape, dtype, [&](auto* out, int64_t n) { rng.normal(out, n); });
}

Tensor rand_like(const Tensor& x, Rng& rng, Loc loc) {
  const Op op{"rand_like", loc};
  check_defined(op, x);
  return rand(x.shape(), rng, x.dtype());
}

Tensor randn_like(const Tensor& x, Rng& rng, Loc loc) {
  const Op op{"randn_like", loc};
  check_defined(op, x);
  return randn(x.shape(), rng, x.dtype());
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, Rng& rng, Loc loc) {
  Tensor y = allocate({"randint", loc}, shape, i64);
  rng.randint(y.mutable_data<int64_t>(), y.numel(), low, high, loc);
  return y;
}

Tensor randperm(int64_t n, Rng& rng, Loc loc) {
  if (n < 0) fail<ValueError>({"randperm", loc}, "n is {}; need at least 0", n);
  Tensor y = empty({n}, i64, loc);
  std::ranges::copy(rng.randperm(n, loc), y.mutable_data<int64_t>());
  return y;
}

Tensor multinomial(const Tensor& weights, int64_t samples, Rng& rng, bool replacement, Loc loc) {
  const Op op{"multinomial", loc};
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
      rng.multinomial(y.mutable_data<int64_t>() + at * samples, samples, rows.data<T>() + at * n, n, replacement);
  });
  return y;
}

}  // namespace heed
