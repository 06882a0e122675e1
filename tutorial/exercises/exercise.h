// What every exercise shares: a hole that names its formula, and checks that print both numbers.
//
// NNx.cpp is the test of NNx.h, which stands in hole/ with something to be written, and in solution/. The
// reader's own is in out/exercises/: scripts/exercise.sh puts it there, and builds it.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include <heed.h>

// A hole uses nothing that it is given yet.
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-function"

using namespace heed;  // an exercise is read as a lesson is

namespace exercise {

/// Thrown where something is still to be written; its text is the formula.
struct Hole : std::runtime_error {
  using runtime_error::runtime_error;
};

/// What a test asks of an answer. Each prints a line; a wrong one says where, and what would be right.
class Check {
 public:
  void equal(const std::string& what, const Tensor& yours, const Tensor& right, double tolerance = 1e-5);
  void equal(const std::string& what, double yours, double right, double tolerance = 1e-9);
  /// A gradient beside central differences.
  void passes(const std::string& what, const GradcheckReport& report);

  int checked() const { return checked_; }
  int wrong() const { return wrong_; }

 private:
  void say(bool right, const std::string& line);
  int checked_ = 0, wrong_ = 0;
};

/// One exercise; it enters the list of its program by being made.
struct Exercise {
  std::string name, task;
  std::function<void(Check&)> test;
  Exercise(std::string its_name, std::string its_task, std::function<void(Check&)> its_test);
};

}  // namespace exercise
