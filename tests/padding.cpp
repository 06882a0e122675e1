#include "padding.h"

#include <cmath>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include "difference.h"

namespace heed::tests {
namespace {

constexpr double kSame = 1e-12;  // f64: the same sums in another order, values of order 1

/// The loss and its gradients, by name.
using Result = std::vector<std::pair<std::string, Tensor>>;

/// x's own gradient comes last, if it has one.
Result evaluate(const nn::Parameters& params, const Tensor& x0, const Tensor& lengths, const LossOfRows& loss,
                const Tensor& rows) {
  Tensor x = x0.detach();
  std::vector<Tensor> leaves;
  for (const auto& [name, p] : params) leaves.push_back(p);
  if (is_floating(x.dtype())) leaves.push_back(x.set_requires_grad());
  const Tensor value = loss(x, lengths, rows);
  const std::vector<Tensor> gradients = grad({value}, leaves);
  Result result{{"the loss", value.detach()}};
  size_t i = 0;
  for (const auto& [name, p] : params) result.emplace_back("the gradient of " + name, gradients[i++]);
  if (i < leaves.size()) result.emplace_back("the gradient of x", gradients[i]);
  return result;
}

/// Where a and b differ by more than tolerance; a result of `a` that b lacks is not looked at.
std::string compare(const Result& a, const Result& b, double tolerance, const std::string& why) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = largest_difference(a[i].second, b[i].second);
    if (!(d <= tolerance * (1 + largest(a[i].second))))
      return fmt::format("{} changes {} by {:.3g}", why, a[i].first, d);
  }
  return "";
}

/// (B, T) boolean: true behind the lengths, made to broadcast to x.
Tensor padding_of(const Tensor& x, const Tensor& lengths) {
  Tensor padding = le(lengths.unsqueeze(1), arange(x.size(1)));
  while (padding.rank() < x.rank()) padding = padding.unsqueeze(-1);
  return padding;
}

}  // namespace

std::string effect_of_padding(const nn::Parameters& params, const Tensor& x, const Tensor& lengths,
                              const LossOfRows& loss, const std::vector<double>& fillers) {
  const int64_t B = x.size(0);
  const Tensor rows = arange(B), padding = padding_of(x, lengths);
  const bool has_gradient = is_floating(x.dtype());
  const Result plain = evaluate(params, x, lengths, loss, rows);

  for (const double filler : fillers) {
    const Result filled = evaluate(params, masked_fill(x, padding, filler), lengths, loss, rows);
    const std::string difference = compare(plain, filled, 0, fmt::format("{} in the padding", filler));
    if (!difference.empty()) return difference;
    if (has_gradient && largest(masked_fill(filled.back().second, logical_not(padding), 0)) != 0)
      return "the padding has a gradient";
  }

  Shape more = x.shape();
  more[1] = 3;
  Result wide = evaluate(params, cat({x, full(more, fillers[0], x.dtype())}, 1), lengths, loss, rows);
  if (has_gradient) wide.back().second = wide.back().second.narrow(1, 0, x.size(1));
  const std::string difference = compare(plain, wide, kSame, "more padding");
  if (!difference.empty()) return difference;

  Result sum;
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = lengths.at<int64_t>({b});
    Result one = evaluate(params, x.narrow(0, b, 1).narrow(1, 0, length), tensor({length}), loss, tensor({b}));
    if (has_gradient) {
      const std::string own = compare(
          {{fmt::format("the gradient of row {}", b), plain.back().second.narrow(0, b, 1).narrow(1, 0, length)}},
          {one.back()}, kSame, "company");
      if (!own.empty()) return own;
      one.pop_back();
    }
    for (size_t i = 0; i < one.size(); ++i)
      b == 0 ? sum.push_back(one[i]) : void(sum[i].second = sum[i].second + one[i].second);
  }
  return compare(plain, sum, kSame, "the company of longer rows");
}

}  // namespace heed::tests
