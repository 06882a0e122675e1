#include <heed/autograd/check/anomaly.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include <heed/autograd/module_path.h>
#include <heed/tensor/kernels/copy.h>

namespace heed {
namespace {

thread_local bool detecting = false;

/// What a tensor's elements are like. Integers and truth values are always finite.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  int64_t nan = 0, infinite = 0, count = 0;
  int64_t first_bad = -1;  // in row-major order
};

Range range_of(const Tensor& x) {
  Range range;
  range.count = x.numel();
  if (!is_floating(x.dtype())) return range;
  const Tensor plain = kernels::copy(x);
  dispatch_floating(plain.dtype(), [&]<class T>() {
    const T* values = plain.data<T>();
    for (int64_t i = 0; i < range.count; ++i) {
      const double v = static_cast<double>(values[i]);
      if (!std::isfinite(v) && range.first_bad < 0) range.first_bad = i;
      if (std::isnan(v)) {
        ++range.nan;
        continue;
      }
      range.infinite += std::isinf(v);
      range.low = std::min(range.low, v);
      range.high = std::max(range.high, v);
    }
  });
  return range;
}

std::string describe(const Tensor& x) {
  if (!is_floating(x.dtype())) return fmt::format("{} {}", name_of(x.dtype()), x.shape());
  const Range range = range_of(x);
  std::string text = fmt::format("{} {}", name_of(x.dtype()), x.shape());
  if (range.nan < range.count) text += fmt::format(" in [{:.4g}, {:.4g}]", range.low, range.high);
  if (range.nan > 0) text += fmt::format(" with {} NaN", range.nan);
  return text;
}

/// "(1, 2)": the index of an element in row-major order.
std::string index_text(const Shape& shape, int64_t element) {
  Shape index = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return fmt::format("{}", index);
}

bool asks_for_infinity(std::string_view op) { return op == "masked_fill" || op == "where"; }

bool all_finite(std::span<const Tensor> inputs) {
  for (const Tensor& x : inputs)
    if (x.defined() && range_of(x).first_bad >= 0) return false;
  return true;
}

std::string described(std::span<const Tensor> inputs) {
  std::string text;
  for (const Tensor& x : inputs)
    if (x.defined()) text += (text.empty() ? "" : ", ") + describe(x);
  return text;
}

/// The op with its module, and the line that called the model: "sqrt in h.0.mlp: ...  [train.cpp:41]".
struct Culprit {
  explicit Culprit(const Op& found)
      : module(autograd::current_module().view()),
        name(module.empty() ? found.name : fmt::format("{} in {}", found.name, module)),
        op{name.c_str(), autograd::caller_or(found.where)} {}
  Culprit(const Culprit&) = delete;
  Culprit& operator=(const Culprit&) = delete;

  std::string_view module;
  std::string name;
  Op op;
};

}  // namespace

DetectAnomaly::DetectAnomaly(bool on) : before_(detecting) { detecting = on; }
DetectAnomaly::~DetectAnomaly() { detecting = before_; }

namespace autograd {

bool detects_anomaly() { return detecting; }

void check_result(const Op& op, const Tensor& y, std::span<const Tensor> inputs) {
  const Range range = range_of(y);
  if (range.first_bad < 0) return;
  if (range.nan == 0 && (asks_for_infinity(op.name) || !all_finite(inputs))) return;
  const Culprit culprit(op);
  fail<AnomalyError>(culprit.op, "the result {} has {} NaN and {} infinities, first at {}; the inputs are {}",
                     y.shape(), range.nan, range.infinite, index_text(y.shape(), range.first_bad), described(inputs));
}

void check_gradient(const Op& op, const Tensor& gradient, size_t i, const Tensor& g) {
  if (!gradient.defined()) return;
  const Range range = range_of(gradient);
  if (range.first_bad < 0) return;
  const Culprit culprit(op);
  fail<AnomalyError>(culprit.op, "its gradient {}, {}, has {} NaN and {} infinities, first at {}; made from {}", i,
                     gradient.shape(), range.nan, range.infinite, index_text(gradient.shape(), range.first_bad),
                     describe(g));
}

}  // namespace autograd
}  // namespace heed
