// Softmax and losses.
#include <limits>

#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {
namespace {

const char* const kNoTarget = "the mean over no target is NaN in PyTorch, and 0 here";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<OpRecord> softmaxes() {
  std::vector<OpRecord> all;
  for (const bool log : {false, true}) {
    OpRecord r{log ? "log_softmax(x, axis)" : "softmax(x, axis)"};
    const auto f = [log](const Tensor& x, int64_t axis) { return log ? log_softmax(x, axis) : softmax(x, axis); };
    const auto twin = [log](const Tensor& x, int64_t axis) {
      return log ? reference::log_softmax(x, axis) : reference::softmax(x, axis);
    };
    const std::string torch = log ? "torch.log_softmax" : "torch.softmax";
    const auto add = [&](const std::string& what, const Shape& shape, int64_t axis, double size) {
      r.sample(
          fmt::format("{} {} along {}", what, shape, axis), [=](Draw& d) { return List{d.real(shape, -size, size)}; },
          [=](const List& x) { return f(x[0], axis); }, fmt::format("{}(x[0], {})", torch, axis));
      r.twin([=](const List& x) { return twin(x[0], axis); });
      if (size >= 1000) r.f32_within(1e-4, "logits near 1000 are rounded by 6e-5, which exp hands on");
    };
    add("ordinary", {3, 4}, -1, 2);
    add("ordinary", {3, 4}, 0, 2);
    add("ordinary", {2, 3, 2}, 1, 2);
    add("37 in a row", {37}, 0, 2);
    add("one class", {3, 1}, 1, 2);
    add("no rows", {0, 4}, 1, 2);
    add("no classes", {3, 0}, 1, 2);
    add("large logits", {3, 4}, 1, 1000);
    r.sample(
        "equal logits",
        [](Draw&) {
          return List{full({2, 3}, 7, f64)};
        },
        [=](const List& x) { return f(x[0], 1); }, torch + "(x[0], 1)");
    if (!log)
      r.sample(
          "some at -inf",
          [](Draw& d) {
            return List{d.real({3, 4}), tensor({true, false, true, false})};
          },
          [=](const List& x) { return f(masked_fill(x[0], x[1], -kInfinity), 1); },
          "torch.softmax(x[0].masked_fill(x[1], -math.inf), 1)");
    all.push_back(r);
  }
  return all;
}

OpRecord cross_entropies() {
  OpRecord r{"cross_entropy(logits, targets, options)"};
  const auto add = [&](const std::string& what, const Shape& logits, Tensor targets, const CrossEntropyOptions& options,
                       double size, bool torch_agrees = true) {
    const int64_t rows = targets.numel(), classes = logits.back();
    r.sample(
        what,
        [=](Draw& d) {
          return List{d.real(logits, -size, size), targets};
        },
        [=](const List& x) { return cross_entropy(x[0], x[1], options); },
        fmt::format("F.cross_entropy(x[0].reshape({}, {}), x[1].reshape(-1), ignore_index={}, label_smoothing={})",
                    rows, classes, options.ignore_index, options.label_smoothing));
    r.twin([=](const List& x) { return reference::cross_entropy(x[0], x[1], options); });
    if (!torch_agrees) r.without_torch(kNoTarget);
  };
  add("ordinary (4, 5)", {4, 5}, tensor({1, 0, 4, 1}), {}, 2);
  add("(2, 2, 3)", {2, 2, 3}, tensor({{0, 2}, {1, 1}}), {}, 2);
  add("some skipped", {4, 3}, tensor({1, -1, 2, -1}), {}, 2);
  add("another ignore_index", {3, 4}, tensor({0, 3, 2}), {.ignore_index = 0}, 2);
  add("all skipped", {2, 3}, tensor({-1, -1}), {}, 2, false);
  add("smoothed", {3, 4}, tensor({1, 0, 3}), {.label_smoothing = 0.1}, 2);
  add("smoothed, some skipped", {3, 4}, tensor({1, -1, 3}), {.label_smoothing = 0.3}, 2);
  add("large logits", {3, 4}, tensor({1, 0, 3}), {}, 1000);
  add("one class", {3, 1}, tensor({0, 0, 0}), {}, 2);
  add("one row of 37", {1, 37}, tensor({30}), {}, 2);
  add("a single target", {5}, tensor(3), {}, 2);
  add("no rows", {0, 3}, from_vector(std::vector<int64_t>{}, {0}), {}, 2, false);
  return r;
}

std::vector<OpRecord> losses() {
  std::vector<OpRecord> all{cross_entropies()};
  OpRecord nll{"nll_loss(log_probabilities, targets, ignore_index)"};
  const auto add = [&](const std::string& what, const Shape& shape, Tensor targets, int64_t ignore,
                       bool torch_agrees = true) {
    nll.sample(
        what,
        [=](Draw& d) {
          return List{d.real(shape, -3, 0), targets};
        },
        [=](const List& x) { return nll_loss(x[0], x[1], ignore); },
        fmt::format("F.nll_loss(x[0].reshape({}, {}), x[1].reshape(-1), ignore_index={})", targets.numel(),
                    shape.back(), ignore));
    if (!torch_agrees) nll.without_torch(kNoTarget);
  };
  add("ordinary (3, 4)", {3, 4}, tensor({1, 0, 3}), -1);
  add("(2, 2, 3)", {2, 2, 3}, tensor({{0, 2}, {1, 1}}), -1);
  add("some skipped", {3, 4}, tensor({1, -1, 3}), -1);
  add("another ignore_index", {3, 4}, tensor({2, 0, 2}), 2);
  add("all skipped", {2, 3}, tensor({-1, -1}), -1, false);
  add("one by one", {1, 1}, tensor({0}), -1);
  all.push_back(nll);

  const auto pair = [](const Shape& shape, double low, double high) {
    return [=](Draw& d) { return List{d.real(shape), d.real(shape, low, high)}; };
  };
  OpRecord mse{"mse_loss(x, target)"};
  OpRecord bce{"binary_cross_entropy_with_logits(x, target)"};
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 1, 3}, Shape{}, Shape{1}, Shape{37}}) {
    mse.sample(
        fmt::format("{}", shape), pair(shape, -2, 2), [](const List& x) { return mse_loss(x[0], x[1]); },
        "F.mse_loss(x[0], x[1])");
    bce.sample(
        fmt::format("{}", shape), pair(shape, 0.1, 0.9),
        [](const List& x) { return binary_cross_entropy_with_logits(x[0], x[1]); },
        "F.binary_cross_entropy_with_logits(x[0], x[1])");
  }
  bce.sample(
      "large logits",
      [](Draw& d) {
        return List{d.real({6}, -500, 500), d.real({6}, 0.1, 0.9)};
      },
      [](const List& x) { return binary_cross_entropy_with_logits(x[0], x[1]); },
      "F.binary_cross_entropy_with_logits(x[0], x[1])");
  all.push_back(mse);
  all.push_back(bce);
  return all;
}

}  // namespace

std::vector<OpRecord> loss_records() {
  std::vector<OpRecord> all = softmaxes();
  for (OpRecord& r : losses()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
