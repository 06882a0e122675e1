// Running the samples of the op table, and comparing what comes out.
#pragma once

#include <optional>
#include <string>

#include "catch.h"
#include "op_table.h"

namespace heed::tests {

/// Of a sample's inputs: the same in every run and on every machine.
uint64_t seed_of(const OpRecord& record, const Sample& sample);

/// f(record, sample, inputs) for every sample of the table. A failure, or an exception, shows op, sample and seed.
template <class F>
void for_each_sample(F f) {
  for (const OpRecord& record : op_table())
    for (const Sample& sample : record.samples) {
      const uint64_t seed = seed_of(record, sample);
      INFO(fmt::format("op {}, sample \"{}\", seed {}", record.declares, sample.name, seed));
      try {
        Draw draw(seed);
        f(record, sample, sample.inputs(draw));
      } catch (const std::exception& e) {
        FAIL_CHECK(fmt::format("threw \"{}\"", e.what()));
      }
    }
}

/// A random f64 tensor for every floating output, and none for the others.
List seeds_for(const List& outputs, uint64_t seed);
constexpr uint64_t kOutputSeeds = 1, kGradientSeeds = 2;  // of the cotangents in evaluate and evaluate_twice

struct Evaluation {
  List outputs;    ///< without history
  List gradients;  ///< one per input of <seed, outputs>; undefined where none was asked for
};

/// fn at x, whose floating elements become leaves as they lie in memory; or only one of them, `alone`.
Evaluation evaluate(const Function& fn, const List& x, std::optional<size_t> alone = {});

struct SecondGradients {
  List first, second;  ///< gradients of <seed, outputs>, and of <another seed, first> by inputs
};
SecondGradients evaluate_twice(const Function& fn, const List& x);

/// Where a and b differ by more than tolerance times b's largest finite magnitude, or 1: the worst place in words, or
/// "". Infinities and NaN must be equal.
std::string difference(const Tensor& a, const Tensor& b, double tolerance);
/// The same over lists; undefined tensors must be undefined in both.
std::string difference(const List& a, const List& b, double tolerance);

/// Every floating tensor cast.
List cast(const List& x, DType dtype);

}  // namespace heed::tests
