#include <heed/autograd/check/gradcheck_problem.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <tuple>

#include <heed/autograd/check/difference.h>
#include <heed/autograd/engine.h>
#include <heed/tensor/random.h>
#include <heed/tensor/scoped.h>

namespace heed::autograd {
namespace {

constexpr double kLinearity = 1e-9;     // backward(a v + b w) against the sum, relative: rounding only
constexpr double kRecorded = 1e-9;      // a value with and without recording (kernel and twin), relative: rounding only
constexpr int64_t kJacobianShown = 64;  // entries, of a whole Jacobian or of one of its rows
constexpr size_t kWrongKept = 4096;     // of one input: a hint needs no more
constexpr size_t kNonsmoothKept = 8;
constexpr int64_t kRerunElements = 1024;  // of a larger input, bisection finds the part to compare element by element

using List = std::vector<double>;

/// The address of a leaf's element, counted in row-major order.
double& element(Tensor leaf, int64_t i) {
  const Shape index = index_of(i, leaf.shape());
  return leaf
      .mutable_data<double>()[std::inner_product(index.begin(), index.end(), leaf.strides().begin(), int64_t{0})];
}

/// While it lives, elements lie elsewhere.
class Moved {
 public:
  Moved() = default;
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;
  ~Moved() {
    while (!moved_.empty()) moved_.pop_back();  // the last one first: some may share a place
  }
  void move(double& x, double by) { moved_.emplace_back(x, x + by); }

 private:
  std::deque<Scoped<double>> moved_;
};

double root_mean_square(const List& x) {
  double largest = 0, sum = 0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  if (largest == 0) return 0;
  for (const double value : x) sum += value / largest * (value / largest);  // which no square overflows
  return largest * std::sqrt(sum / static_cast<double>(x.size()));
}

bool same_bits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

List combine(double a, const List& x, double b, const List& y) {
  List z(x.size());
  for (size_t i = 0; i < z.size(); ++i) z[i] = a * x[i] + b * y[i];
  return z;
}

Tensor matrix(const std::vector<List>& rows, int64_t columns) {
  List values;
  for (const List& row : rows) values.insert(values.end(), row.begin(), row.end());
  return from_vector(values, {static_cast<int64_t>(rows.size()), columns});
}

class Check {
 public:
  Check(Problem problem, const GradcheckOptions& options, int64_t elements)
      : problem_(std::move(problem)),
        options_(options),
        tolerance_{options.atol, options.rtol},
        elements_(elements),
        random_(options.seed) {
    if (options.rng) rng_state_ = *options.rng;
  }

  GradcheckReport run() {
    report_.check = problem_.check->name;
    report_.seed = options_.seed;
    wrong_.resize(problem_.leaves.size());
    for (size_t k = 0; k < problem_.leaves.size(); ++k) {
      const Shape& shape = problem_.leaves[k].shape();
      report_.inputs.push_back(
          {problem_.names[k], shape, std::vector<char>(static_cast<size_t>(shape.numel()), ' '), {}, {}});
    }
    restore_rng();
    outputs_ = problem_.evaluate();
    check_outputs(problem_, outputs_);
    v_ = random_seeds();
    if (v_.size() == 1) v_ = {1};  // so that a loss shows its own gradient
    if (repeats() && backward_is_sound()) compare();
    conclude();
    return std::move(report_);
  }

 private:
  // --- evaluation ---------------------------------------------------------------------------------------------------
  void restore_rng() {
    if (options_.rng) *options_.rng = *rng_state_;
  }

  /// The outputs now, without history: every element on its own or, `projected`, their product with the cotangent v.
  Values evaluate(bool projected) {
    restore_rng();
    const GradMode mode(differentiates_);
    return flat(problem_.evaluate(), projected);
  }

  Values flat(const std::vector<Tensor>& outputs, bool projected) const {
    List y;
    for (const Tensor& output : outputs)
      if (output.dtype() == f64)
        for (const double value : output.detach().to_vector<double>()) y.push_back(value);
    if (!v_.empty() && y.size() != v_.size())
      fail<ShapeError>(*problem_.check, "the function gave {} f64 numbers, then {}; need the same shapes at every call",
                       v_.size(), y.size());
    Values values{y, y};
    for (double& size : values.size) size = std::abs(size);
    if (!projected) return values;
    for (size_t i = 0; i < y.size(); ++i) y[i] *= v_[i];
    return {{std::accumulate(y.begin(), y.end(), 0.0)},
            {root_mean_square(y) * std::sqrt(static_cast<double>(y.size()))}};
  }

  /// Numbers between 0.5 and 1.5 of either sign: unequal, so that errors do not cancel, and none near zero.
  double draw() {
    const double u = static_cast<double>(random_() >> 11) * 0x1p-53;
    return random_() & 1 ? 0.5 + u : -0.5 - u;
  }

  List random_seeds() {
    List seeds(flat(outputs_, false).f.size());
    for (double& seed : seeds) seed = draw();
    return seeds;
  }

  /// The gradients of <seeds, outputs>, one list per leaf; the graph stays for the next call.
  std::vector<List> gradients(const List& seeds) const {
    std::vector<Tensor> outputs, with;
    auto at = seeds.begin();
    for (const Tensor& y : outputs_) {
      if (y.dtype() != f64) continue;
      const List own(at, at + y.numel());
      at += y.numel();
      if (!y.requires_grad()) continue;
      outputs.push_back(y);
      with.push_back(from_vector(own, y.shape()));
    }
    std::vector<List> lists;
    if (outputs.empty())
      for (const Tensor& leaf : problem_.leaves) lists.emplace_back(static_cast<size_t>(leaf.numel()), 0.0);
    else
      for (const Tensor& g : grad(outputs, problem_.leaves, {.seeds = with, .retain_graph = true}))
        lists.push_back(g.to_vector<double>());
    return lists;
  }

  // --- what must hold before derivatives are worth comparing ---------------------------------------------------------
  bool repeats() {
    List once;
    try {
      once = evaluate(false).f;
    } catch (const GradError&) {
      differentiates_ = true;
      once = evaluate(false).f;
    }
    const List again = evaluate(false).f, recorded = flat(outputs_, false).f;
    if (!std::equal(once.begin(), once.end(), again.begin(), again.end(), same_bits)) {
      report_.failures.push_back(
          "the function gives different values for the same input; if it draws random numbers, pass their generator as "
          ".rng");
      return false;
    }
    const double size = root_mean_square(once);
    for (size_t i = 0; i < once.size(); ++i)
      if (!(std::abs(recorded[i] - once[i]) <= options_.atol + kRecorded * (std::abs(once[i]) + size))) {  // NaN too
        report_.failures.push_back(fmt::format("{} is {} when recorded, but {} when not",
                                               output_at(static_cast<int64_t>(i)), recorded[i],
                                               without_sign_of_nan(once[i])));
        return false;
      }
    return true;
  }

  bool backward_is_sound() {
    const List w = random_seeds();
    const auto of_v = gradients(v_), again = gradients(v_), of_w = gradients(w),
               mixed = gradients(combine(2, v_, -0.75, w));
    for (size_t k = 0; k < of_v.size(); ++k) {
      const List expected = combine(2, of_v[k], -0.75, of_w[k]);
      const double size = 2 * root_mean_square(of_v[k]) + 0.75 * root_mean_square(of_w[k]);
      for (size_t i = 0; i < expected.size(); ++i) {
        const std::string place = same_bits(of_v[k][i], again[k][i]) ? "" : input_at(k, static_cast<int64_t>(i));
        if (!place.empty())
          report_.failures.push_back(fmt::format("backward gives {} for {} and then {}; it must give the same twice",
                                                 of_v[k][i], place, again[k][i]));
        else if (std::isfinite(size) &&
                 !(std::abs(mixed[k][i] - expected[i]) <= options_.atol + kLinearity * (std::abs(expected[i]) + size)))
          report_.failures.push_back(
              fmt::format("backward is not linear in the gradient g that arrives: for {}, 2 b(v) - 0.75 b(w) is {}, "
                          "but b(2 v - 0.75 w) is {}",
                          input_at(k, static_cast<int64_t>(i)), expected[i], without_sign_of_nan(mixed[k][i])));
        if (!report_.failures.empty()) return false;
      }
    }
    v_gradients_ = of_v;
    return true;
  }

  // --- derivatives ---------------------------------------------------------------------------------------------------
  void compare() {
    std::vector<size_t> rerun;
    for (size_t k = 0; k < problem_.leaves.size(); ++k) {
      const int64_t n = problem_.leaves[k].numel();
      const bool sampled = elements_ > 0 && elements_ < n;
      if (!options_.fast && !sampled) compare_elements(k, range(0, n), false);
      else if (!direction_is_right(k)) rerun.push_back(k);
      else if (!options_.fast) compare_elements(k, sample(n), true);
    }
    report_.reran = !rerun.empty();
    for (const size_t k : rerun) {
      const auto [first, last] = suspects(k);
      compare_elements(k, range(first, last), problem_.leaves[k].numel() > kRerunElements || elements_ > 0);
    }
  }

  static std::vector<int64_t> range(int64_t first, int64_t last) {
    std::vector<int64_t> all(static_cast<size_t>(last - first));
    std::iota(all.begin(), all.end(), first);
    return all;
  }

  std::vector<int64_t> sample(int64_t n) {
    const std::vector<int64_t> all = range(0, n);
    std::vector<int64_t> chosen;
    std::sample(all.begin(), all.end(), std::back_inserter(chosen), elements_, random_);
    return chosen;
  }

  /// The step of each element: eps times its own size or the tensor's, whichever is larger. Where a few elements are
  /// much larger than the rest, a mask's -1e9 or a time in seconds, that is too far for the rest: `closer` takes 1 for
  /// the tensor's size if that is more.
  List steps(size_t k, bool closer = false) const {
    List x = problem_.leaves[k].detach().to_vector<double>();
    double size = root_mean_square(x);
    if (closer) size = std::min(size, 1.0);
    for (double& value : x) value = options_.eps * (size > 0 ? std::max(std::abs(value), size) : 1);
    return x;
  }

  /// The derivative of <v, outputs> as elements first .. last - 1 of leaf k move together, each its own way.
  Entry along_direction(size_t k, int64_t first, int64_t last) {
    const List step = steps(k), closer = steps(k, true);
    Entry entry = along_way(k, first, last, step);
    if (entry.state == Entry::right || closer == step) return entry;
    List small(step.size()), large(step.size());  // apart: beside the large ones' steps the others' would not show
    for (size_t i = 0; i < step.size(); ++i) (closer[i] < step[i] ? small : large)[i] = closer[i];
    Entry apart = along_way(k, first, last, large);
    if (const double noise = apart.noise; apart.state == Entry::right) {
      apart = along_way(k, first, last, small);
      apart.noise = std::max(apart.noise, noise);
    }
    tolerance_.settle(entry, apart);
    return entry;
  }

  Entry along_way(size_t k, int64_t first, int64_t last, List way) {
    const double step = root_mean_square(way);
    Entry entry;
    if (step == 0) return entry.state = Entry::right, entry;
    double squares = 0;
    for (size_t i = 0; i < way.size(); ++i) {
      const bool moves = static_cast<int64_t>(i) >= first && static_cast<int64_t>(i) < last;
      way[i] = moves ? way[i] / step * draw() : 0;
      const double part = moves ? v_gradients_[k][i] * way[i] : 0;  // even where the gradient is NaN
      entry.analytic += part;
      squares += part * part;
    }
    entry.scale = std::sqrt(squares);
    std::vector<Entry> entries{entry};
    compare_with_differences(entries, step, tolerance_, [&](double t) {
      Moved moved;
      for (int64_t i = first; i < last; ++i)
        moved.move(element(problem_.leaves[k], i), t * way[static_cast<size_t>(i)]);
      return evaluate(true);
    });
    return entries[0];
  }

  bool direction_is_right(size_t k) {
    if (problem_.leaves[k].numel() == 0) return true;
    const Entry e = along_direction(k, 0, problem_.leaves[k].numel());
    if (e.state != Entry::right) return false;
    ++report_.compared;
    const double error = tolerance_.error(e);
    if (error >= report_.worst.error && report_.wrong == 0)
      report_.worst = {problem_.names[k] + " along a random direction", {}, "", {}, e.analytic, e.numeric, error};
    return true;
  }

  /// Elements among which backward and the differences disagree most, at most kRerunElements of them. Nothing
  /// disagrees more than NaN.
  std::pair<int64_t, int64_t> suspects(size_t k) {
    const auto gap = [](const Entry& e) {
      const double d = std::abs(e.analytic - e.numeric);
      return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
    };
    int64_t first = 0, last = problem_.leaves[k].numel();
    while (last - first > kRerunElements) {
      const int64_t middle = first + (last - first) / 2;
      const Entry low = along_direction(k, first, middle), high = along_direction(k, middle, last);
      if (gap(low) >= gap(high)) last = middle;
      else first = middle;
    }
    return {first, last};
  }

  void compare_elements(size_t k, const std::vector<int64_t>& which, bool projected) {
    const Tensor& leaf = problem_.leaves[k];
    const List step = steps(k), closer = steps(k, true);
    const std::vector<List> jacobian = projected ? std::vector<List>{v_gradients_[k]} : jacobian_of(k);
    std::vector<List> numeric(jacobian.size());
    for (const int64_t i : which) {
      std::vector<Entry> entries(jacobian.size());
      for (size_t j = 0; j < entries.size(); ++j) entries[j].analytic = jacobian[j][static_cast<size_t>(i)];
      double& x = element(leaf, i);
      const auto f = [&](double t) {
        const Scoped moved(x, x + t);
        return evaluate(projected);
      };
      const auto at = static_cast<size_t>(i);
      compare_with_differences(entries, step[at], tolerance_, f);
      if (closer[at] < step[at]) compare_closer(entries, closer[at], tolerance_, f);
      // An infinite slope of one output is 0 * inf = NaN in the rows of the others.
      if (std::any_of(entries.begin(), entries.end(), [](const Entry& e) { return e.state == Entry::outside; }))
        for (Entry& e : entries)
          if (e.state == Entry::wrong && !std::isfinite(e.analytic)) e.state = Entry::outside;
      for (size_t j = 0; j < entries.size(); ++j) {
        note(entries[j], k, i, projected ? -1 : static_cast<int64_t>(j));
        numeric[j].push_back(entries[j].numeric);
      }
    }
    const bool is_whole = static_cast<int64_t>(which.size()) == leaf.numel() && (!projected || v_.size() == 1);
    if (is_whole && leaf.numel() > 0 && !jacobian.empty()) show(k, jacobian, numeric);
  }

  /// Leaf k's Jacobian if it is small, and the gradient of the output that is worst.
  void show(size_t k, const std::vector<List>& analytic, const std::vector<List>& numeric) {
    CheckedInput& input = report_.inputs[k];
    const int64_t n = input.shape.numel();
    if (static_cast<int64_t>(analytic.size()) * n <= kJacobianShown) {
      input.analytic = matrix(analytic, n);
      input.numeric = matrix(numeric, n);
    }
    if (wrong_[k].empty() || n > kJacobianShown) return;
    const auto worst = std::max_element(wrong_[k].begin(), wrong_[k].end(),
                                        [](const Wrong& a, const Wrong& b) { return a.at.error < b.at.error; });
    const size_t row = worst->output < 0 ? 0 : static_cast<size_t>(worst->output);
    input.worst_output = worst->at.output.empty() ? "the output" : place(worst->at.output, worst->at.output_index);
    input.worst_analytic = from_vector(analytic[row], input.shape);
    input.worst_numeric = from_vector(numeric[row], input.shape);
  }

  /// One row per element of the outputs, by a backward pass each.
  const std::vector<List>& jacobian_of(size_t k) {
    if (jacobians_.empty()) {
      jacobians_.resize(problem_.leaves.size());
      for (size_t j = 0; j < v_.size(); ++j) {
        List seeds(v_.size(), 0.0);
        seeds[j] = 1;
        auto rows = gradients(seeds);
        for (size_t l = 0; l < rows.size(); ++l) jacobians_[l].push_back(std::move(rows[l]));
      }
    }
    return jacobians_[k];
  }

  // --- the report ----------------------------------------------------------------------------------------------------
  std::string input_at(size_t k, int64_t i) const {
    return place(problem_.names[k], index_of(i, problem_.leaves[k].shape()));
  }

  /// Nothing for a lone scalar, which needs no name.
  std::pair<std::string, Shape> locate_output(int64_t j) const {
    if (outputs_.size() == 1 && outputs_[0].rank() == 0) return {};
    for (size_t k = 0; k < outputs_.size(); ++k) {
      const int64_t n = outputs_[k].dtype() == f64 ? outputs_[k].numel() : 0;
      if (j < n) return {fmt::format("{} {}", problem_.output_name, k), index_of(j, outputs_[k].shape())};
      j -= n;
    }
    return {};
  }
  std::string output_at(int64_t j) const {
    const auto [name, index] = locate_output(j);
    return name.empty() ? "the output" : place(name, index);
  }

  void note(const Entry& e, size_t k, int64_t i, int64_t output) {
    Derivative d{problem_.names[k],  index_of(i, problem_.leaves[k].shape()), "", {}, e.analytic, e.numeric,
                 tolerance_.error(e)};
    if (output >= 0) std::tie(d.output, d.output_index) = locate_output(output);
    char& mark = report_.inputs[k].marks[static_cast<size_t>(i)];
    if (e.state == Entry::outside) {
      if (mark != 'x') mark = '?';
      ++outside_;
      if (first_outside_.empty() && e.step != 0)
        first_outside_ = fmt::format("{} is {} when {} moves by {:.1e}",
                                     output >= 0      ? output_at(output)
                                     : v_.size() == 1 ? "the output"
                                                      : "an output",
                                     without_sign_of_nan(e.value), input_at(k, i), e.step);
      return;
    }
    if (e.state == Entry::kink || e.state == Entry::rough) {
      if (mark != 'x' && mark != '?') mark = '~';
      if (report_.nonsmooth.size() < kNonsmoothKept) report_.nonsmooth.push_back(d);
      ++(e.state == Entry::kink ? report_.compared : rough_);
      return;
    }
    ++report_.compared;
    const bool is_wrong = e.state == Entry::wrong;
    if (d.error >= report_.worst.error || (is_wrong && report_.wrong == 0))
      if (is_wrong || report_.wrong == 0) report_.worst = d;
    if (is_wrong) {
      mark = 'x';
      ++report_.wrong;
      if (wrong_[k].size() < kWrongKept) wrong_[k].push_back({std::move(d), output});
    } else if (mark == ' ') mark = '.';
  }

  void conclude() {
    if (outside_ > 0)
      report_.failures.push_back(fmt::format(
          "{}: no difference to compare with for {} of {} derivatives; need inputs with finite values around",
          first_outside_, outside_, outside_ + rough_ + report_.compared));
    if (report_.wrong > 0) {
      report_.failures.push_back(fmt::format("{}; {} of {} derivatives {} wrong", to_string(report_.worst),
                                             report_.wrong, report_.compared, report_.wrong == 1 ? "is" : "are"));
      const auto k = static_cast<size_t>(std::find(problem_.names.begin(), problem_.names.end(), report_.worst.input) -
                                         problem_.names.begin());
      const std::vector<char>& marks = report_.inputs[k].marks;
      std::vector<Derivative> wrong;
      for (const Wrong& one : wrong_[k]) wrong.push_back(one.at);
      report_.hint = hint_for(wrong, std::count(marks.begin(), marks.end(), 'x'),
                              std::ssize(marks) - std::count(marks.begin(), marks.end(), ' '));
    } else if (rough_ > report_.compared)
      report_.failures.push_back(
          fmt::format("no two steps agree for {} of {} derivatives: the function is not smooth here, or too noisy",
                      rough_, rough_ + report_.compared));
  }

  struct Wrong {
    Derivative at;
    int64_t output;  // among all elements of the outputs; -1: their projection
  };

  Problem problem_;
  const GradcheckOptions options_;
  const Tolerance tolerance_;
  const int64_t elements_;  // to compare one by one of each leaf; 0: all
  std::mt19937_64 random_;
  std::optional<Rng> rng_state_;
  bool differentiates_ = false;               // the function calls grad() itself, which needs recording
  std::vector<Tensor> outputs_;               // recorded
  List v_;                                    // a random cotangent of all output elements
  std::vector<List> v_gradients_;             // of <v, outputs>, by leaf
  std::vector<std::vector<List>> jacobians_;  // by leaf: rows by output element
  std::vector<std::vector<Wrong>> wrong_;     // by leaf
  GradcheckReport report_;
  int64_t rough_ = 0, outside_ = 0;
  std::string first_outside_;
};

}  // namespace

Shape index_of(int64_t i, const Shape& shape) {
  Shape index = Shape::filled(shape.rank(), 0);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = i % shape[axis];
    i /= shape[axis];
  }
  return index;
}

GradcheckReport check_problem(Problem problem, const GradcheckOptions& options, int64_t elements) {
  return Check(std::move(problem), options, elements).run();
}

}  // namespace heed::autograd
