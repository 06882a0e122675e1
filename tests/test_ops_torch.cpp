// Every sample of the op table against PyTorch: tests/oracle/ops.py.
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <heed/tensor/io/safetensors.h>
#include "op_run.h"
#include "skip.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::tests;

namespace {

constexpr double kF64Tol = 1e-10;  // of the tensor's largest or 1: other orders of summation, other exp and tanh
constexpr double kF32Sides = 2;    // in f32 both sides are rounded, each within the sample's own tolerance

using Answers = std::map<std::string, Tensor>;

std::string case_name(size_t index, DType dtype) { return fmt::format("{}.{}", index, name_of(dtype)); }

List defined_ones(const List& tensors) {
  List found;
  for (const Tensor& t : tensors)
    if (t.defined()) found.push_back(t);
  return found;
}

/// `tensors` as PREFIX0, PREFIX1, ... of `file`.
void put(NamedTensors& file, const std::string& prefix, const List& tensors, DType dtype) {
  size_t count = 0;
  for (const Tensor& t : cast(defined_ones(tensors), dtype)) file.emplace_back(fmt::format("{}{}", prefix, count++), t);
}

/// PREFIX0, PREFIX1, ...
List answered(const Answers& answers, const std::string& prefix) {
  List found;
  for (auto it = answers.find(prefix + "0"); it != answers.end();
       it = answers.find(fmt::format("{}{}", prefix, found.size())))
    found.push_back(it->second);
  return found;
}

/// The largest difference so far, relative as in difference().
struct Worst {
  double value = 0;
  std::string loc = {};

  void add(const List& a, const List& b, const std::string& place) {
    for (size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
      const std::vector<double> x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
      double size = 1;
      for (const double v : y) size = std::isfinite(v) ? std::max(size, std::abs(v)) : size;
      for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
        if (const double d = std::abs(x[i] - y[i]) / size; std::isfinite(d) && d > value) value = d, loc = place;
    }
  }
};

/// Hands all samples to PyTorch in both dtypes, and reads what it made of them.
Answers ask_torch() {
  const TemporaryDirectory directory;
  NamedTensors file;
  nlohmann::json samples = nlohmann::json::array();
  size_t index = 0;
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& drawn) {
    const size_t i = index++;
    if (!sample.no_torch.empty()) return;
    for (const DType dtype : {f64, f32}) {
      const List x = cast(drawn, dtype);
      List numbers;
      for (const Tensor& t : x)
        if (is_floating(t.dtype())) numbers.push_back(t);
      const std::string name = case_name(i, dtype);
      put(file, name + ".x", x, dtype);
      put(file, name + ".v", seeds_for(sample.fn(x), kOutputSeeds), dtype);
      put(file, name + ".w", seeds_for(numbers, kGradientSeeds), dtype);
      samples.push_back({{"name", name}, {"torch", sample.torch}, {"op", record.declares}});
    }
  });
  save_safetensors(directory / "cases", file, {{"samples", samples.dump()}});
  const std::string command = fmt::format("/usr/bin/python3 {}/tests/oracle/ops.py {} {}", HEED_SOURCE_DIR,
                                          (directory / "cases").string(), (directory / "answers").string());
  REQUIRE(std::system(command.c_str()) == 0);
  Answers answers;
  for (const auto& [name, tensor] : load_safetensors(directory / "answers").tensors) answers.emplace(name, tensor);
  return answers;
}

}  // namespace

TEST_CASE("torch: every op agrees with PyTorch in value, gradient and second gradient", "[ops][torch]") {
  if (std::system("/usr/bin/python3 -c 'import torch' > /dev/null 2>&1") != 0) {
    tests::skip("/usr/bin/python3 cannot import torch");
    return;
  }
  const Answers answers = ask_torch();
  std::map<DType, Worst> worst;
  std::set<std::string> compared, left_out;
  size_t index = 0, samples = 0;
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& drawn) {
    const size_t i = index++;
    const std::string place = fmt::format("{}, {}", record.declares, sample.name);
    if (!sample.no_torch.empty()) {
      left_out.insert(fmt::format("{}: {}", place, sample.no_torch));
      return;
    }
    ++samples;
    compared.insert(record.declares);
    for (const DType dtype : {f64, f32}) {
      INFO(name_of(dtype) << ", PyTorch's " << sample.torch);
      const auto check = [&](const char* what, const List& got, const List& expected) {
        INFO(what);
        CHECK(difference(got, expected, dtype == f64 ? kF64Tol : kF32Sides * sample.f32_tolerance) == "");
        worst[dtype].add(got, expected, place);
      };
      const List x = cast(drawn, dtype);
      const std::string name = case_name(i, dtype);
      const List first = answered(answers, name + ".g"), second = answered(answers, name + ".h");
      const Evaluation once = evaluate(sample.fn, x);
      check("values", once.outputs, answered(answers, name + ".y"));
      if (!record.differentiable) continue;
      check("gradients", defined_ones(once.gradients), first);
      const SecondGradients twice = evaluate_twice(sample.fn, x);
      check("gradients, recorded", defined_ones(twice.first), first);
      List own = defined_ones(twice.second);
      if (own.empty())  // the first do not depend on the inputs
        for (const Tensor& zero : second) own.push_back(zeros_like(zero));
      if (dtype == f64) check("second gradients", own, second);  // in f32 too few digits are left to tell
    }
  });
  fmt::print(stderr,
             "torch: {} of {} ops compared, in {} samples; largest difference {:.1e} in f64 ({}), {:.1e} in f32 ({})\n",
             compared.size(), op_table().size(), samples, worst[f64].value, worst[f64].loc, worst[f32].value,
             worst[f32].loc);
  for (const std::string& reason : left_out) fmt::print(stderr, "torch: left out: {}\n", reason);
  CHECK(compared.size() == op_table().size());
  CHECK(left_out.size() <= 3);
}
