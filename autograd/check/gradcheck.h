// Gradient checks: what backward computes against central differences, in f64.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <iosfwd>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <heed/tensor/tensor.h>

namespace heed {

class Rng;

/// How a check steps and judges.
struct GradcheckOptions {
  double eps = 1e-5;     ///< step, relative to the size of the input; it shrinks where the function is rough
  double atol = 1e-8;    ///< a derivative is right if |analytic - numeric| <= atol + rtol * max(|analytic|, |numeric|),
                         ///< but for the rounding of f, which larger steps lessen where it could hide an error
  double rtol = 1e-6;    ///< the same, relative
  bool fast = false;     ///< compare random projections, and only if one differs every element
  uint64_t seed = 0;     ///< of cotangents, projections and sampled elements
  Rng* rng = nullptr;    ///< what the function draws from, if it does: every evaluation starts from its present state
  int64_t elements = 0;  ///< how many of each input to compare one by one; 0: all, and 32 of each parameter of a module
};

/// One derivative d output / d input, element by element.
struct Derivative {
  std::string input;    ///< "input 0", or a parameter's name
  Shape index;          ///< of the element
  std::string output;   ///< "output 0"; empty if that is a lone scalar, or where a random projection was checked
  Shape output_index;   ///< of the output's element
  double analytic = 0;  ///< what backward gave
  double numeric = 0;   ///< the central difference
  double error = 0;     ///< |analytic - numeric| / (max(|analytic|, |numeric|) + atol / rtol): wrong above rtol
};
/// "w[3, 1] -> output 0[2]: analytic 0.1234, numeric 0.1301", with as many digits as tell the two apart.
std::string to_string(const Derivative& derivative);
/// "encoder.w[3, 1]"; the name alone for rank 0.
std::string place(const std::string& name, const Shape& index);

/// What was found of one input, or one parameter.
struct CheckedInput {
  std::string name;          ///< "input 0", or the parameter's
  Shape shape;               ///< of the input
  std::vector<char> marks;   ///< per element: '.' right, 'x' wrong, '~' not smooth, '?' not finite around, ' ' unseen
  Tensor analytic, numeric;  ///< Jacobians (outputs, elements) f64; undefined unless small and wholly compared
  std::string worst_output = {};  ///< of its wrong derivatives, where the worst is
  Tensor worst_analytic = {},
         worst_numeric = {};  ///< gradients of that output, (shape); undefined as above, or if nothing is wrong
};

/// What a check found. True if it passed; prints with fmt and <<, so REQUIRE(gradcheck(...)) shows all of it.
struct GradcheckReport {
  std::string check;                  ///< "gradcheck" or "gradgradcheck"
  std::vector<std::string> failures;  ///< one sentence each; empty if it passed
  Derivative worst;                   ///< largest error of all that were compared
  int64_t compared = 0;               ///< derivatives; never 0 if it passed
  int64_t wrong = 0;                  ///< of these
  std::vector<Derivative>
      nonsmooth;                     ///< kinks and jumps: different steps disagree, so there is nothing to compare with
  std::string hint;                  ///< what the wrong ones have in common, if anything
  std::vector<CheckedInput> inputs;  ///< each of them
  bool reran = false;                ///< fast mode saw a difference and went on to every element
  uint64_t seed = 0;                 ///< of GradcheckOptions

  /// Whether it passed.
  explicit operator bool() const { return failures.empty(); }
};
/// All of it, for people.
std::string to_string(const GradcheckReport& report);
std::ostream& operator<<(std::ostream& out, const GradcheckReport& report);

namespace autograd {

/// What a check differentiates by: one tensor, or a list.
struct CheckedInputs : std::vector<Tensor> {
  using vector::vector;
  CheckedInputs(const std::vector<Tensor>& list) : vector(list) {}
  CheckedInputs(const Tensor& one) : vector{one} {}
};

/// What a check differentiates.
using CheckedFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// gradcheck and gradgradcheck (`second`), of a function of inputs or of parameters.
GradcheckReport check_function(const CheckedFunction& fn, const std::vector<Tensor>& inputs,
                               const GradcheckOptions& options, bool second, Loc loc);
GradcheckReport check_parameters(const NamedTensors& params, const std::function<std::vector<Tensor>()>& fn,
                                 const GradcheckOptions& options, bool second, Loc loc);

/// One result, or several, as a list.
inline std::vector<Tensor> as_list(Tensor y) { return {std::move(y)}; }
inline std::vector<Tensor> as_list(std::vector<Tensor> y) { return y; }
inline std::vector<Tensor> as_list(std::pair<Tensor, Tensor> y) { return {std::move(y.first), std::move(y.second)}; }

/// f as a function of a list, whether it takes a list, one tensor or up to four.
template <class F>
CheckedFunction checked_function(F f) {
  using List = const std::vector<Tensor>&;
  using T = const Tensor&;
  const auto need = [](List x, size_t n) {
    if (x.size() != n)
      fail<ValueError>(*Op::current(), "{} inputs for a function of {}; need equal counts", x.size(), n);
  };
  auto call = [f](const auto&... x) mutable {
    const Op::Within users(nullptr);  // what goes wrong in f belongs to its own lines
    return as_list(f(x...));
  };
  if constexpr (std::invocable<F&, List>) return call;
  else if constexpr (std::invocable<F&, T>) return [call, need](List x) mutable { return need(x, 1), call(x[0]); };
  else if constexpr (std::invocable<F&, T, T>)
    return [call, need](List x) mutable { return need(x, 2), call(x[0], x[1]); };
  else if constexpr (std::invocable<F&, T, T, T>)
    return [call, need](List x) mutable { return need(x, 3), call(x[0], x[1], x[2]); };
  else return [call, need](List x) mutable { return need(x, 4), call(x[0], x[1], x[2], x[3]); };
}

/// Any range of (name, Tensor).
template <class P>
concept NamedTensorRange = std::ranges::input_range<const P&> && requires(std::ranges::range_reference_t<const P&> p) {
  { p.first } -> std::convertible_to<std::string>;
  { p.second } -> std::convertible_to<Tensor>;
};

/// The same as a list.
template <NamedTensorRange P>
NamedTensors named_tensors(const P& params) {
  NamedTensors list;
  for (const auto& [name, tensor] : params) list.emplace_back(name, tensor);
  return list;
}

/// The options; their generator is that of params, if it has one and no other is named.
template <NamedTensorRange P>
GradcheckOptions with_generator(const P& params, GradcheckOptions options) {
  if constexpr (requires {
                  { params.rng() } -> std::convertible_to<Rng&>;
                })
    if (!options.rng) options.rng = &params.rng();
  return options;
}

}  // namespace autograd

/// Compares the Jacobian that backward gives with central differences, element by element. fn takes the inputs as one
/// std::vector<Tensor> or as one to four tensors, and returns a Tensor, a pair or a vector of them.
///
///   REQUIRE(gradcheck([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {randn({2, 3}, rng, f64), ...}));
///
/// Every f64 input is differentiated, at a contiguous copy; i64 and boolean ones are passed along. Also checked: the
/// same input gives the same values, backward gives the same bits twice, and backward is linear in the cotangent.
/// Where steps of different sizes disagree, the element is reported as non-smooth and is no failure, unless nothing
/// else was there to compare. Where a value beside it is not finite, the check fails and says so. fn may call grad()
/// itself. Throws DTypeError for f32 (its rounding, 1e-7, hides errors below 1%) and if no output is f64; i64 and
/// boolean ones beside it are passed over. Throws ValueError if an input or output is inf, NaN or undefined, or if no
/// inputs or no outputs have elements; ShapeError if the outputs change their shapes. What fn throws is passed on,
/// but from larger steps, which then tell nothing; parameters and the generator are where they were. In gradgradcheck
/// the gradients are outputs too.
template <class F>
requires(!autograd::NamedTensorRange<F>) GradcheckReport
    gradcheck(F fn, const autograd::CheckedInputs& inputs, const GradcheckOptions& options = {},
              Loc loc = Loc::current()) {
  return autograd::check_function(autograd::checked_function(std::move(fn)), inputs, options, false, loc);
}

/// The same for second derivatives: gradcheck of the recorded backward pass, as a function of inputs and cotangents.
/// Also fails if a gradient changes its value when backward is recorded.
template <class F>
requires(!autograd::NamedTensorRange<F>) GradcheckReport
    gradgradcheck(F fn, const autograd::CheckedInputs& inputs, const GradcheckOptions& options = {},
                  Loc loc = Loc::current()) {
  return autograd::check_function(autograd::checked_function(std::move(fn)), inputs, options, true, loc);
}

/// gradcheck for code that knows no tensors, such as Eigen's, libtorch's or a kernel by hand: f(x) gives the outputs,
/// and vjp(x, v) the gradient of sum(v * f(x)) by x, a number for each of x. Throws ValueError if vjp gives another
/// count.
///
///   REQUIRE(gradcheck_values(my_forward, my_backward, std::vector{0.1, -0.4, 2.0}));
GradcheckReport gradcheck_values(
    const std::function<std::vector<double>(std::span<const double> x)>& f,
    const std::function<std::vector<double>(std::span<const double> x, std::span<const double> v)>& vjp,
    std::span<const double> x, const GradcheckOptions& options = {}, Loc loc = Loc::current());

/// Checks the gradients of every named f64 parameter that requires one: params is nn::Parameters or any range of
/// (name, Tensor), loss_fn() computes the loss from them. Small parameters are compared element by element; of large
/// ones a random projection of all elements and a sample one by one, and every element if the projection differs. The
/// generator of nn::Parameters is frozen without being named in .rng, so a model with dropout can be checked as it is.
///
///   REQUIRE(gradcheck(params, [&] { return cross_entropy(gpt(x), y); }));
template <autograd::NamedTensorRange P, std::invocable F>
GradcheckReport gradcheck(const P& params, F loss_fn, const GradcheckOptions& options = {}, Loc loc = Loc::current()) {
  return autograd::check_parameters(
      autograd::named_tensors(params), [&] { return autograd::as_list(loss_fn()); },
      autograd::with_generator(params, options), false, loc);
}
/// The same for second derivatives with respect to parameters.
template <autograd::NamedTensorRange P, std::invocable F>
GradcheckReport gradgradcheck(const P& params, F loss_fn, const GradcheckOptions& options = {},
                              Loc loc = Loc::current()) {
  return autograd::check_parameters(
      autograd::named_tensors(params), [&] { return autograd::as_list(loss_fn()); },
      autograd::with_generator(params, options), true, loc);
}

}  // namespace heed

template <>
struct fmt::formatter<heed::GradcheckReport> : fmt::formatter<std::string_view> {
  appender format(const heed::GradcheckReport& report, format_context& context) const;
};
