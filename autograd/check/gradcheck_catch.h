// Catch2 matchers, version 2 or 3, for gradient checks. heed itself does not need Catch2: include this in tests only.
//
//   CHECK_THAT(f, HasRightGradients({x, y}));
//   CHECK_THAT(f, !HasRightGradients(x));        // where a failure is what the test expects
//   REQUIRE(gradcheck(f, {x, y}));               // needs no matcher: a report prints itself
#pragma once

#if __has_include(<catch2/matchers/catch_matchers_templated.hpp>)
#include <catch2/matchers/catch_matchers_templated.hpp>
#else
#include <catch2/catch.hpp>
#define HEED_MATCHERS_OF_CATCH2_V2
#endif

#include <heed/autograd/check/gradcheck.h>

namespace heed {

/// What Catch2 calls a matcher of its own.
#ifdef HEED_MATCHERS_OF_CATCH2_V2
using CatchMatcherBase = Catch::Matchers::Impl::MatcherUntypedBase;
#undef HEED_MATCHERS_OF_CATCH2_V2
#else
using CatchMatcherBase = Catch::Matchers::MatcherGenericBase;
#endif

/// Matches a function whose gradients (or second gradients) at `inputs` equal central differences: see gradcheck.
class GradientMatcher : public CatchMatcherBase {
 public:
  GradientMatcher(std::vector<Tensor> inputs, const GradcheckOptions& options, bool second, bool expected, Loc loc)
      : inputs_(std::move(inputs)), options_(options), second_(second), expected_(expected), where_(loc) {}

  /// For CHECK_THAT: whether they do, and what it says then.
  template <class F>
  bool match(const F& fn) const {
    const GradcheckReport report =
        second_ ? gradgradcheck(fn, inputs_, options_, where_) : gradcheck(fn, inputs_, options_, where_);
    found_ = to_string(report);
    return static_cast<bool>(report) == expected_;
  }
  std::string describe() const override {
    return fmt::format("{} right {}gradients: {}", expected_ ? "has" : "does not have", second_ ? "second " : "",
                       found_);
  }
  /// Of a function whose gradients are to be wrong.
  GradientMatcher operator!() const { return {inputs_, options_, second_, !expected_, where_}; }

 private:
  std::vector<Tensor> inputs_;
  GradcheckOptions options_;
  bool second_, expected_;
  Loc where_;
  mutable std::string found_ = "not checked yet";
};

/// The same in Catch2's words: CHECK_THAT(f, HasRightGradients({x, y})).
inline GradientMatcher HasRightGradients(const autograd::CheckedInputs& inputs, const GradcheckOptions& options = {},
                                         Loc loc = Loc::current()) {
  return {inputs, options, false, true, loc};
}
/// Of second gradients: see gradgradcheck.
inline GradientMatcher HasRightSecondGradients(const autograd::CheckedInputs& inputs,
                                               const GradcheckOptions& options = {}, Loc loc = Loc::current()) {
  return {inputs, options, true, true, loc};
}

}  // namespace heed
