// A running average of a model's weights.
#pragma once

#include <cstdint>
#include <vector>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::train {

/// average += (1 - d) (parameter - average) after each step, where d = min(decay, (1 + n) / (10 + n)) at the n-th: a
/// young average forgets the first weights sooner (as TensorFlow's ExponentialMovingAverage with num_updates).
class Ema {
 public:
  /// Of the parameters that are not frozen; starts as they are now. Throws ValueError unless 0 < decay < 1.
  Ema(const nn::Parameters& params, double decay, Loc loc = Loc::current());

  /// Takes in the parameters as they are now.
  void update();
  /// Exchanges averages and parameters. See UseAverage.
  void exchange();

  /// "updates" and each parameter's average by its name; they share memory with this.
  NamedTensors state() const;
  /// Throws ValueError or ShapeError unless it is such a state.
  void load_state(const NamedTensors& state, Loc loc = Loc::current());

 private:
  struct Slot {
    std::string name;
    Tensor parameter, average;
  };
  double decay_;
  int64_t updates_ = 0;
  size_t frozen_ = 0;  // parameters that are: older versions averaged them too
  std::vector<Slot> slots_;
};

/// While it lives, the parameters are the averages. Null: nothing happens.
class [[nodiscard]] UseAverage {
 public:
  explicit UseAverage(Ema* ema) : ema_(ema) {
    if (ema_) ema_->exchange();
  }
  ~UseAverage() {
    if (ema_) ema_->exchange();
  }
  UseAverage(const UseAverage&) = delete;
  UseAverage& operator=(const UseAverage&) = delete;

 private:
  Ema* ema_;
};

}  // namespace heed::train
