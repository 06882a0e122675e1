// Tests what is written in 13a.h.
#include "13a.h"

#include <cmath>

const exercise::Exercise exercise_13a("13a", "the chain rule, number by number", [](exercise::Check& check) {
  std::vector<Number> numbers;
  const auto add = [&](double value, std::vector<std::pair<size_t, double>> of = {}) {
    numbers.push_back({value, std::move(of)});
    return numbers.size() - 1;
  };
  const auto value = [&](size_t i) { return numbers[i].value; };
  const auto times = [&](size_t a, size_t b) {
    return add(value(a) * value(b), {{a, value(b)}, {b, value(a)}});
  };
  const auto plus = [&](size_t a, size_t b) { return add(value(a) + value(b), {{a, 1}, {b, 1}}); };
  const auto exp_of = [&](size_t a) { return add(std::exp(value(a)), {{a, std::exp(value(a))}}); };

  const size_t a = add(0.5), b = add(-2), c = add(3);
  const size_t ab = times(a, b), e = exp_of(ab), square = times(c, c), sum = plus(e, plus(square, ab));
  // (exp(ab) + c^2 + ab) a: of a and ab three paths lead there, and two from c through one product.
  times(sum, a);
  const std::vector<double> yours = gradients(numbers);
  check.equal("so many numbers", double(yours.size()), double(numbers.size()));
  if (yours.size() != numbers.size()) return;
  const Tensor x = tensor({0.5, -2.0, 3.0}, f64).set_requires_grad();
  ((exp(x[0] * x[1]) + x[2] * x[2] + x[0] * x[1]) * x[0]).backward();
  check.equal("of a, b and c", from_vector(std::vector{yours[a], yours[b], yours[c]}, {3}), x.grad(), 1e-12);
});
