// Rng: PyTorch's CPU generator, bit for bit: the same seed gives the numbers that torch.manual_seed(seed)
// gives to rand, randn, randperm, dropout, layer initialisation and shuffling. That is PyTorch without MKL's
// generators, on x86 with AVX2; on other machines its own f32 randn differs in the last digits, while ours is
// the same on all. In f64, randn and exponential may differ in the last digit with the version of PyTorch or
// of the C library.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <heed/tensor/error.h>

namespace heed {

/// MT19937 and the distributions over it. Every method says how many 32-bit words it draws: code that must
/// agree with PyTorch has to draw the same ones in the same order. One generator must not be used by two
/// threads at once. `out` holds n elements, contiguous; n < 0 is a ValueError. T is float or double where
/// nothing else is said.
class Rng {
 public:
  /// As std::mt19937 seeded with the low 32 bits; the high ones are dropped, as PyTorch does.
  explicit Rng(uint64_t seed = 0) { this->seed(seed); }
  void seed(uint64_t seed);

  /// One word.
  uint32_t random();
  /// Two words, the first in the high half.
  uint64_t random64();
  /// In [0, 1), a multiple of 2^-53. Two words.
  double uniform_double();

  /// Uniform in [from, to]; `to` itself only by rounding. float: 24 random bits, one word each; double: 53
  /// bits, two. Throws ValueError if from > to or either is not finite.
  template <class T>
  void uniform(T* out, int64_t n, double from = 0, double to = 1, Loc loc = Loc::current());

  /// Normal. From 16 elements on: n uniforms, by Box and Muller in blocks of 16, and 16 uniforms more if 16
  /// does not divide n. Fewer: in double, four words for every two numbers, of which the second may wait in
  /// the generator for the next call with fewer than 16. Throws ValueError if std < 0 or either parameter is
  /// not finite.
  template <class T>
  void normal(T* out, int64_t n, double mean = 0, double std = 1, Loc loc = Loc::current());

  /// Normal within [low, high] of a normal with `mean` and `std`, by inversion. Draws as uniform.
  /// Throws ValueError if std <= 0, low >= high, or the interval is so far out that nothing falls in it.
  template <class T>
  void trunc_normal(T* out, int64_t n, double mean = 0, double std = 1, double low = -2, double high = 2,
                    Loc loc = Loc::current());

  /// Exponential with rate lambda. Two words each. Throws ValueError if lambda <= 0.
  template <class T>
  void exponential(T* out, int64_t n, double lambda = 1, Loc loc = Loc::current());

  /// Integers in [low, high). One word each, or two if the range has 2^32 values or more. Throws ValueError
  /// if high <= low.
  void randint(int64_t* out, int64_t n, int64_t low, int64_t high, Loc loc = Loc::current());

  /// 0 .. n - 1 in random order. n - 1 words.
  std::vector<int64_t> randperm(int64_t n, Loc loc = Loc::current());

  /// 1 with probability p, else 0. Two words each, also if p is 0 or 1. T: bool, int64_t, float, double.
  /// The keep mask of dropout with probability q is bernoulli(mask, n, 1 - q). Throws ValueError if p is not
  /// in [0, 1].
  template <class T>
  void bernoulli(T* out, int64_t n, double p, Loc loc = Loc::current());

  /// The same with a probability for each element: n of `p`. One word each (float) or two (double).
  template <class T>
  void bernoulli(T* out, const T* p, int64_t n, Loc loc = Loc::current());

  /// `samples` indices in [0, categories), with probability proportional to the weights. One sample, or any
  /// number without replacement: two words for each category. More with replacement: two words for each
  /// sample. Throws ValueError if samples < 1, a weight is negative or not finite, all are 0, or fewer than
  /// `samples` are not 0 and `replacement` is false.
  template <class T>
  void multinomial(int64_t* out, int64_t samples, const T* weights, int64_t categories, bool replacement = false,
                   Loc loc = Loc::current());

  /// The order in which PyTorch's DataLoader(shuffle=True) visits n samples in the next epoch. Four words,
  /// whatever n: two that the iterator keeps for its workers, and two that seed a generator of the
  /// permutation.
  std::vector<int64_t> epoch_order(int64_t n, Loc loc = Loc::current());

  /// All that the next draws depend on, to store beside a model: 624 words, the position among them, whether
  /// a normal is waiting, and its bits.
  std::vector<int64_t> state() const;
  /// Continues where state() was taken. Throws ValueError if it cannot have come from state().
  void set_state(std::span<const int64_t> state, Loc loc = Loc::current());
  /// Whether both will draw the same from now on.
  bool operator==(const Rng&) const = default;

 private:
  static constexpr int kWords = 624;
  void refill();
  void fill(uint32_t* out, int64_t n);
  double normal_double();

  std::array<uint32_t, kWords> words_;
  uint32_t position_;  // of the next word; kWords: all are used up
  bool has_normal_ = false;
  double normal_ = 0;  // waits for the next normal_double() if has_normal_, else 0
};

}  // namespace heed
