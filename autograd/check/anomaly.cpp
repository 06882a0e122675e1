#include <heed/autograd/check/anomaly.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include <heed/autograd/check/gradcheck_problem.h>
#include <heed/tensor/kernels/copy.h>

namespace heed {
namespace {

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

}  // namespace

void DetectAnomaly::computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) {
  if (!watches()) return;
  const Range range = range_of(y);
  if (range.first_bad < 0) return;
  if (range.nan == 0 && (asks_for_infinity(op.name) || !all_finite(inputs))) return;
  fail<AnomalyError>(op, "the result {} has {} NaN and {} infinities, first at {}; the inputs are {}", y.shape(),
                     range.nan, range.infinite, autograd::index_of(range.first_bad, y.shape()), described(inputs));
}

void DetectAnomaly::differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) {
  if (!watches()) return;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    const Range range = range_of(gradients[i]);
    if (range.first_bad < 0) continue;
    fail<AnomalyError>(op, "its gradient {}, {}, has {} NaN and {} infinities, first at {}; made from {}", i,
                       gradients[i].shape(), range.nan, range.infinite,
                       autograd::index_of(range.first_bad, gradients[i].shape()), describe(g));
  }
}

}  // namespace heed
