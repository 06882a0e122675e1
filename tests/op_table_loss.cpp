// Softmax and losses.
#include <limits>

#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {
namespace {

const char* const kNoTarget = "the mean over no target is NaN in PyTorch, and 0 here";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Weights, which get no gradient, beside x.
Tensor constant(const std::vector<double>& values, const Tensor& x) {
  return from_vector(values, {static_cast<int64_t>(values.size())}).to(x.dtype());
}

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
  // Class weights and other reductions, with and without skipped targets and smoothing; against probabilities too.
  for (const bool weighted : {false, true})
    for (const double smoothing : {0.0, 0.2})
      for (const auto& [reduction, name] :
           {std::pair(Reduction::mean, "mean"), {Reduction::sum, "sum"}, {Reduction::none, "none"}})
        for (const bool probabilities : {false, true}) {
          const Tensor targets = tensor({1, -1, 3, 0});
          const CrossEntropyOptions options{.reduction = reduction, .label_smoothing = smoothing};
          const auto weight = [=](const List& x) {
            return weighted ? constant({0.5, 2, 1, 0.25, 1.5}, x[0]) : Tensor();
          };
          const auto with = [=](const List& x) {
            CrossEntropyOptions o = options;
            o.weight = weight(x);
            return o;
          };
          r.sample(
              fmt::format("{}{}, {}{}", probabilities ? "probabilities" : "indices", weighted ? ", weights" : "", name,
                          smoothing > 0 ? ", smoothed" : ""),
              [=](Draw& d) {
                return List{d.real({4, 5}), probabilities ? d.real({4, 5}, 0.1, 0.9) : targets};
              },
              [=](const List& x) { return cross_entropy(x[0], x[1], with(x)); },
              fmt::format("F.cross_entropy(x[0], x[1], weight={}, ignore_index={}, reduction='{}', label_smoothing={})",
                          weighted ? "torch.tensor([0.5, 2, 1, 0.25, 1.5], dtype=x[0].dtype)" : "None",
                          probabilities ? -100 : -1, name, smoothing));
          r.twin([=](const List& x) { return reference::cross_entropy(x[0], x[1], with(x)); });
        }
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
  OpRecord nll{"nll_loss(log_probabilities, targets, options)"};
  const auto add = [&](const std::string& what, const Shape& shape, Tensor targets, int64_t ignore,
                       bool torch_agrees = true) {
    nll.sample(
        what,
        [=](Draw& d) {
          return List{d.real(shape, -3, 0), targets};
        },
        [=](const List& x) { return nll_loss(x[0], x[1], {.ignore_index = ignore}); },
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

  for (const auto& [reduction, name] :
       {std::pair(Reduction::mean, "mean"), {Reduction::sum, "sum"}, {Reduction::none, "none"}})
    nll.sample(
        fmt::format("weights, {}", name),
        [](Draw& d) {
          return List{d.real({4, 3}, -3, 0), tensor({2, -1, 0, 2})};
        },
        [reduction = reduction](const List& x) {
          return nll_loss(x[0], x[1], {.weight = constant({0.5, 2, 1}, x[0]), .reduction = reduction});
        },
        fmt::format(
            "F.nll_loss(x[0], x[1], torch.tensor([0.5, 2, 1], dtype=x[0].dtype), ignore_index=-1, reduction='{}')",
            name));
  all.push_back(nll);
  return all;
}

/// f(x, target, reduction) over shapes and reductions; `torch` is a call without its last bracket.
template <class F>
OpRecord elementwise_loss(std::string declares, F f, const std::string& torch, double low = -2, double high = 2,
                          double target_low = -2, double target_high = 2) {
  OpRecord r{std::move(declares)};
  const auto pair = [=](const Shape& shape) {
    return [=](Draw& d) { return List{d.real(shape, low, high), d.real(shape, target_low, target_high)}; };
  };
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 1, 3}, Shape{}, Shape{1}, Shape{37}})
    r.sample(
        fmt::format("{}", shape), pair(shape), [f](const List& x) { return f(x[0], x[1], Reduction::mean); },
        torch + ")");
  r.sample(
      "sum", pair({2, 3}), [f](const List& x) { return f(x[0], x[1], Reduction::sum); }, torch + ", reduction='sum')");
  r.sample(
      "none", pair({2, 3}), [f](const List& x) { return f(x[0], x[1], Reduction::none); },
      torch + ", reduction='none')");
  return r;
}

std::vector<OpRecord> elementwise_losses() {
  std::vector<OpRecord> all;
  using T = const Tensor&;
  using R = Reduction;
  all.push_back(elementwise_loss(
      "mse_loss(x, target, reduction)", [](T x, T t, R r) { return mse_loss(x, t, r); }, "F.mse_loss(x[0], x[1]"));
  all.push_back(elementwise_loss(
      "l1_loss(x, target, reduction)", [](T x, T t, R r) { return l1_loss(x, t, r); },
      "((x[0] - x[1]) * torch.sign(x[0] - x[1]).detach()).mul(1"));
  // Not F.l1_loss, whose second gradient is uninitialised memory in PyTorch 1.13, as torch.abs's is.
  for (Sample& s : all.back().samples)
    s.torch = s.name == "none"  ? "(x[0] - x[1]) * torch.sign(x[0] - x[1]).detach()"
              : s.name == "sum" ? "((x[0] - x[1]) * torch.sign(x[0] - x[1]).detach()).sum()"
                                : "((x[0] - x[1]) * torch.sign(x[0] - x[1]).detach()).mean()";
  all.push_back(elementwise_loss(
      "huber_loss(x, target, reduction, delta)", [](T x, T t, R r) { return huber_loss(x, t, r, 0.7); },
      "F.huber_loss(x[0], x[1], delta=0.7"));
  all.push_back(elementwise_loss(
      "smooth_l1_loss(x, target, reduction, beta)", [](T x, T t, R r) { return smooth_l1_loss(x, t, r, 0.4); },
      "F.smooth_l1_loss(x[0], x[1], beta=0.4"));
  all.back().sample(
      "beta 0",
      [](Draw& d) {
        return List{d.real({5}), d.real({5})};
      },
      [](const List& x) { return smooth_l1_loss(x[0], x[1], Reduction::mean, 0); },
      "((x[0] - x[1]) * torch.sign(x[0] - x[1]).detach()).mean()");
  all.push_back(elementwise_loss(
      "kl_div(log_q, p, reduction, log_target)", [](T x, T t, R r) { return kl_div(x, t, r); }, "F.kl_div(x[0], x[1]",
      0.1, 0.9, 0.1, 0.9));
  all.back()
      .sample(
          "log_target",
          [](Draw& d) {
            return List{d.real({3, 4}, -3, 0), d.real({3, 4}, -3, 0)};
          },
          [](const List& x) { return kl_div(x[0], x[1], Reduction::sum, true); },
          "F.kl_div(x[0], x[1], reduction='sum', log_target=True)")
      .sample(
          "of a batch",
          [](Draw& d) {
            return List{d.real({3, 4}, -3, 0), d.real({3, 4}, -3, 0)};
          },
          [](const List& x) { return kl_div(x[0], x[1], Reduction::batch_mean, true); },
          "F.kl_div(x[0], x[1], reduction='batchmean', log_target=True)")
      .sample(
          "some p at 0", [](Draw& d) { return List{d.real({4}, -3, 0)}; },
          [](const List& x) {
            return kl_div(x[0], tensor({0., 0.5, 0.5, 0.}, x[0].dtype()), Reduction::none);
          },
          "F.kl_div(x[0], torch.tensor([0, 0.5, 0.5, 0], dtype=x[0].dtype), reduction='none')");
  all.push_back(elementwise_loss(
      "binary_cross_entropy(x, target, weight, reduction)",
      [](T x, T t, R r) { return binary_cross_entropy(x, t, {}, r); }, "F.binary_cross_entropy(x[0], x[1]", 0.1, 0.9,
      0.1, 0.9));
  all.back().sample(
      "weights of the columns",
      [](Draw& d) {
        return List{d.real({3, 4}, 0.1, 0.9), d.real({3, 4}, 0, 1)};
      },
      [](const List& x) {
        return binary_cross_entropy(x[0], x[1], constant({0.5, 2, 1, 3}, x[0]));
      },
      "F.binary_cross_entropy(x[0], x[1], torch.tensor([0.5, 2, 1, 3], dtype=x[0].dtype))");
  all.push_back(elementwise_loss(
      "binary_cross_entropy_with_logits(x, target, options)",
      [](T x, T t, R r) { return binary_cross_entropy_with_logits(x, t, {.reduction = r}); },
      "F.binary_cross_entropy_with_logits(x[0], x[1]", -2, 2, 0.1, 0.9));
  all.back()
      .sample(
          "large logits",
          [](Draw& d) {
            return List{d.real({6}, -500, 500), d.real({6}, 0.1, 0.9)};
          },
          [](const List& x) { return binary_cross_entropy_with_logits(x[0], x[1]); },
          "F.binary_cross_entropy_with_logits(x[0], x[1])")
      .sample(
          "weight and pos_weight",
          [](Draw& d) {
            return List{d.real({3, 4}), d.real({3, 4}, 0, 1)};
          },
          [](const List& x) {
            return binary_cross_entropy_with_logits(
                x[0], x[1],
                {.weight = constant({0.5, 2, 1}, x[0]).unsqueeze(1), .pos_weight = constant({0.5, 2, 1, 3}, x[0])});
          },
          "F.binary_cross_entropy_with_logits(x[0], x[1], weight=torch.tensor([[0.5], [2], [1]], dtype=x[0].dtype), "
          "pos_weight=torch.tensor([0.5, 2, 1, 3], dtype=x[0].dtype))");
  return all;
}

}  // namespace

std::vector<OpRecord> loss_records() {
  std::vector<OpRecord> all = softmaxes();
  for (auto part : {losses, elementwise_losses})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
