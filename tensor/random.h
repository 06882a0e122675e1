// Rng: PyTorch's CPU generator, bit for bit.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tensor/error.h"

namespace heed {

/// A Mersenne Twister with PyTorch's ways of turning its output into numbers. Copying it saves its state.
class Rng {
 public:
  explicit Rng(uint64_t seed = 0) { this->seed(seed); }
  void seed(uint64_t seed);
  uint32_t random() { return engine_(); }
  uint64_t random64();
  /// In [0, 1), 53 bits.
  double uniform_double();
  template <class T> void uniform(T* out, int64_t n, double from = 0, double to = 1, Loc where = Loc::current());
  template <class T> void normal(T* out, int64_t n, double mean = 0, double std = 1, Loc where = Loc::current());
  void randint(int64_t* out, int64_t n, int64_t low, int64_t high, Loc where = Loc::current());
  std::vector<int64_t> randperm(int64_t n, Loc where = Loc::current());
  /// out[i] = uniform_double() < p
  void bernoulli(bool* out, int64_t n, double p, Loc where = Loc::current());

 private:
  std::mt19937 engine_;
  bool has_cached_ = false;
  double cached_ = 0;
};

}  // namespace heed
