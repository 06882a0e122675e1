// One record per op: what drives the generic tests of values, gradients and layouts. Errors have a table of their own
// (tests/error_cases.h).
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include <heed/autograd/ops.h>

namespace heed::tests {

using List = std::vector<Tensor>;

/// Random inputs from a seed. Uniform numbers are distinct, and away from kinks, but for a chance of 1e-5.
class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}
  /// f64 in [low, high).
  Tensor real(const Shape& shape, double low = -2, double high = 2);
  /// f64 in [-high, -low) or [low, high).
  Tensor away_from_zero(const Shape& shape, double low = 0.2, double high = 2);
  /// i64 in [low, high).
  Tensor integers(int64_t low, int64_t high, const Shape& shape);
  /// boolean, true with probability p.
  Tensor mask(const Shape& shape, double p = 0.5);

 private:
  double uniform();
  std::mt19937_64 random_;
};

using Inputs = std::function<List(Draw&)>;
using Function = std::function<List(const List&)>;

/// Any callable from a list of inputs to a Tensor, a pair or a vector of them.
template <class F>
Function listed(F f) {
  return [f](const List& x) -> List {
    auto y = f(x);
    if constexpr (std::is_same_v<decltype(y), Tensor>) return {y};
    else if constexpr (std::is_same_v<decltype(y), List>) return y;
    else return {y.first, y.second};
  };
}

struct Sample {
  std::string name;
  Inputs inputs;  ///< f64 ones are differentiated
  Function fn;
  std::string torch;            ///< the same in Python, of the list x, for tests/oracle/ops.py
  std::string no_torch = {};    ///< why it is not compared with PyTorch
  Function twin = {};           ///< from simpler ops; absent for ops that are not fused
  double f32_tolerance = 2e-6;  ///< of values and gradients, relative to the tensor's largest or 1: some 16 roundings
  std::string f32_reason = {};  ///< where it is not the default
};

struct OpRecord {
  std::string declares;  ///< as in the header: "softmax(x, axis)", "Tensor::sum()"
  std::vector<Sample> samples = {};
  bool differentiable = true;
  bool flat = false;                ///< its gradient is 0 wherever there is one, where no fault can show
  double atol = 1e-8, rtol = 1e-6;  ///< of gradcheck and gradgradcheck
  std::string tolerance_reason = {};

  template <class F>
  OpRecord& sample(std::string name, Inputs inputs, F fn, std::string torch = "") {
    samples.push_back({std::move(name), std::move(inputs), listed(std::move(fn)), std::move(torch)});
    return *this;
  }
  /// The composed twin of the last sample.
  template <class F>
  OpRecord& twin(F fn) {
    samples.back().twin = listed(std::move(fn));
    return *this;
  }
  OpRecord& no_gradient() {
    differentiable = false;
    return *this;
  }
  OpRecord& flat_gradient() {
    flat = true;
    return *this;
  }
  /// The f32 tolerance of the last sample.
  OpRecord& f32_within(double tolerance, std::string reason) {
    samples.back().f32_tolerance = tolerance;
    samples.back().f32_reason = std::move(reason);
    return *this;
  }
  /// Leaves the last sample out of the comparison with PyTorch.
  OpRecord& without_torch(std::string reason) {
    samples.back().no_torch = std::move(reason);
    return *this;
  }
};

/// Every record, in the order of the headers.
const std::vector<OpRecord>& op_table();

// The parts of the table.
std::vector<OpRecord> elementwise_records();
std::vector<OpRecord> reduction_records();
std::vector<OpRecord> view_records();
std::vector<OpRecord> index_records();
std::vector<OpRecord> product_records();
std::vector<OpRecord> loss_records();
std::vector<OpRecord> layer_records();
std::vector<OpRecord> recurrent_records();
std::vector<OpRecord> comparison_records();

}  // namespace heed::tests
