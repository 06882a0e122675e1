#include <heed/tensor/random.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include <heed/tensor/kernels/random.h>

namespace heed {
namespace {

constexpr int64_t kChunk = 1024;  // words drawn at a time: 4 KiB, which stay in the first-level cache

template <class T>
constexpr int64_t words_for() {
  return sizeof(T) / sizeof(uint32_t);
}

void check_count(const Op& op, int64_t n) {
  if (n < 0 || n > int64_t(1) << 40) fail<ValueError>(op, "cannot draw {} numbers; need 0 <= n <= 2^40", n);
}

void check_probability(const Op& op, double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "probability is {}; need 0 to 1", p);
}

// Returns how many are positive.
template <class T>
int64_t check_weights(const Op& op, const T* weights, int64_t n) {
  int64_t positive = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!(weights[i] >= 0) || std::isinf(weights[i]))
      fail<ValueError>(op, "weight {} of category {}; need a finite number >= 0", weights[i], i);
    positive += weights[i] > 0;
  }
  if (positive == 0) fail<ValueError>(op, "none of {} weights is positive; need at least one", n);
  return positive;
}

double normal_cdf(double x) { return (1 + std::erf(x / std::numbers::sqrt2)) / 2; }

template <class T>
T polynomial(T x, std::initializer_list<double> coefficients) {  // the highest power first
  T y = 0;
  for (const double c : coefficients) y = std::fma(y, x, static_cast<T>(c));
  return y;
}

// The inverse of erf within (-1, 1): Pavlis' rational approximation (1996) and two steps of Newton, as PyTorch's.
template <class T>
T erfinv(T y) {
  constexpr T kSlope = T(2) * std::numbers::inv_sqrtpi_v<T>;  // of erf at 0
  const T distance = std::abs(y);
  T x;
  if (distance <= T(0.7)) {
    const T z = y * y;
    x = y * polynomial(z, {-0.140543331, 0.914624893, -1.645349621, 0.886226899}) /
        polynomial(z, {0.012229801, -0.329097515, 1.442710462, -2.118377725, 1});
  } else {
    const T z = std::sqrt(-std::log((1 - distance) / 2));
    x = std::copysign(polynomial(z, {1.641345311, 3.429567803, -1.624906493, -1.970840454}), y) /
        polynomial(z, {1.637067800, 3.543889200, 1});
  }
  for (int step = 0; step < 2; ++step) x -= (std::erf(x) - y) / (kSlope * std::exp(-x * x));
  return x;
}

}  // namespace

// --- Words

void Rng::seed(uint64_t seed) {
  words_[0] = static_cast<uint32_t>(seed);
  for (uint32_t j = 1; j < kWords; ++j) words_[j] = 1812433253u * (words_[j - 1] ^ (words_[j - 1] >> 30)) + j;
  position_ = kWords;
  has_normal_ = false;
  normal_ = 0;
}

void Rng::refill() {
  kernels::mt_twist(words_.data());
  position_ = 0;
}

uint32_t Rng::random() {
  if (position_ == kWords) refill();
  return kernels::mt_tempered(words_[position_++]);
}

uint64_t Rng::random64() {
  const uint64_t high = random();
  return high << 32 | random();
}

double Rng::uniform_double() { return static_cast<double>(random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53; }

void Rng::fill(uint32_t* out, int64_t n) {
  while (n > 0) {
    if (position_ == kWords) refill();
    const int64_t some = std::min<int64_t>(n, kWords - position_);
    kernels::mt_temper(words_.data() + position_, out, some);
    position_ += static_cast<uint32_t>(some);
    out += some;
    n -= some;
  }
}

// --- Real numbers

template <class T>
void Rng::uniform(T* out, int64_t n, double from, double to, Loc loc) {
  const Op op{"uniform", loc};
  check_count(op, n);
  const T low = static_cast<T>(from), high = static_cast<T>(to);
  if (!(from <= to) || !std::isfinite(high - low))
    fail<ValueError>(op, "from {} to {} is not an interval; need finite from <= to", from, to);
  uint32_t words[kChunk];
  constexpr int64_t step = kChunk / words_for<T>();
  for (int64_t i = 0; i < n; i += step) {
    const int64_t some = std::min(step, n - i);
    fill(words, some * words_for<T>());
    kernels::uniform_of_words(words, out + i, some, low, high);
  }
}

double Rng::normal_double() {
  if (has_normal_) {
    has_normal_ = false;
    return std::exchange(normal_, 0);
  }
  const double u1 = uniform_double();
  const double u2 = uniform_double();
  const double radius = std::sqrt(-2 * std::log1p(-u2));  // PyTorch 1.13 still took log(1 - u2)
  const double theta = 2 * std::numbers::pi * u1;
  has_normal_ = true;
  normal_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

template <class T>
void Rng::normal(T* out, int64_t n, double mean, double std, Loc loc) {
  const Op op{"normal", loc};
  check_count(op, n);
  if (!(std >= 0) || !std::isfinite(static_cast<T>(std)) || !std::isfinite(static_cast<T>(mean)))
    fail<ValueError>(op, "mean {} and std {}; need finite numbers and std >= 0", mean, std);
  if (n < 16) {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(normal_double() * std + mean);
    return;
  }
  uniform(out, n);
  kernels::box_muller(out, n / 16, static_cast<T>(mean), static_cast<T>(std));
  if (n % 16 != 0) {
    uniform(out + n - 16, 16);
    kernels::box_muller(out + n - 16, 1, static_cast<T>(mean), static_cast<T>(std));
  }
}

template <class T>
void Rng::trunc_normal(T* out, int64_t n, double mean, double std, double low, double high, Loc loc) {
  const Op op{"trunc_normal", loc};
  check_count(op, n);
  if (!(std > 0) || !(low < high))
    fail<ValueError>(op, "std {} within [{}, {}]; need std > 0 and low < high", std, low, high);
  const double from = 2 * normal_cdf((low - mean) / std) - 1;
  const double to = 2 * normal_cdf((high - mean) / std) - 1;
  if (!(from < to) || static_cast<T>(from) >= 1 || static_cast<T>(to) <= -1)
    fail<ValueError>(op, "no part of normal({}, {}) falls in [{}, {}]; need an interval nearer to the mean", mean, std,
                     low, high);
  uniform(out, n, from, to);
  constexpr T kBelowOne = 1 - std::numeric_limits<T>::epsilon() / 2;  // where erfinv is infinite
  for (int64_t i = 0; i < n; ++i) {
    const T x = erfinv(std::clamp(out[i], -kBelowOne, kBelowOne)) * static_cast<T>(std * std::numbers::sqrt2) +
                static_cast<T>(mean);
    out[i] = std::clamp(x, static_cast<T>(low), static_cast<T>(high));
  }
}

template <class T>
void Rng::exponential(T* out, int64_t n, double lambda, Loc loc) {
  const Op op{"exponential", loc};
  check_count(op, n);
  if (!(lambda > 0) || std::isinf(lambda)) fail<ValueError>(op, "rate lambda {}; need a finite number > 0", lambda);
  double u[kChunk / 2];
  for (int64_t i = 0; i < n; i += kChunk / 2) {
    const int64_t some = std::min(kChunk / 2, n - i);
    uniform(u, some);
    for (int64_t j = 0; j < some; ++j) out[i + j] = static_cast<T>(-1 / lambda * std::log1p(-u[j]));
  }
}

// --- Integers

void Rng::randint(int64_t* out, int64_t n, int64_t low, int64_t high, Loc loc) {
  const Op op{"randint", loc};
  check_count(op, n);
  if (high <= low) fail<ValueError>(op, "no integer in [{}, {}); need low < high", low, high);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t r = range < uint64_t{1} << 32 ? random() % static_cast<uint32_t>(range) : random64() % range;
    out[i] = static_cast<int64_t>(r + static_cast<uint64_t>(low));
  }
}

std::vector<int64_t> Rng::randperm(int64_t n, Loc loc) {
  check_count({"randperm", loc}, n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + random() % (n - i)]);
  return order;
}

std::vector<int64_t> Rng::epoch_order(int64_t n, Loc loc) {
  check_count({"epoch_order", loc}, n);
  random64();
  // PyTorch's seed is this modulo 2^63, of which the generator takes 32 bits.
  return Rng(random64()).randperm(n);
}

// --- Choices

template <class T>
void Rng::bernoulli(T* out, int64_t n, double p, Loc loc) {
  const Op op{"bernoulli", loc};
  check_count(op, n);
  check_probability(op, p);
  uint32_t words[kChunk];
  bool chosen[kChunk / 2];
  for (int64_t i = 0; i < n; i += kChunk / 2) {
    const int64_t some = std::min(kChunk / 2, n - i);
    fill(words, 2 * some);
    if constexpr (std::is_same_v<T, bool>) {
      kernels::below_of_words(words, out + i, some, p);
    } else {
      kernels::below_of_words(words, chosen, some, p);
      std::copy_n(chosen, some, out + i);
    }
  }
}

template <class T>
void Rng::bernoulli(T* out, const T* p, int64_t n, Loc loc) {
  const Op op{"bernoulli", loc};
  check_count(op, n);
  for (int64_t i = 0; i < n; ++i) check_probability(op, p[i]);
  T u[kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t some = std::min(kChunk, n - i);
    uniform(u, some);
    for (int64_t j = 0; j < some; ++j) out[i + j] = u[j] < p[i + j];
  }
}

template <class T>
void Rng::multinomial(int64_t* out, int64_t samples, const T* weights, int64_t categories, bool replacement, Loc loc) {
  const Op op{"multinomial", loc};
  if (samples < 1) fail<ValueError>(op, "cannot draw {} samples; need at least 1", samples);
  const int64_t possible = check_weights(op, weights, categories);
  if (!replacement && samples > possible)
    fail<ValueError>(op,
                     "cannot draw {} samples without replacement; need at most {}, the categories with positive weight",
                     samples, possible);
  if (replacement && samples > 1) {
    std::vector<T> up_to(weights, weights + categories);  // the share of each category and those before it
    std::partial_sum(up_to.begin(), up_to.end(), up_to.begin());
    const T total = up_to.back();
    if (std::isinf(total)) fail<ValueError>(op, "the {} weights add up to infinity; need a finite sum", categories);
    for (T& share : up_to) share /= total;
    up_to.back() = 1;
    for (int64_t i = 0; i < samples; ++i) {
      const double u = uniform_double();
      out[i] =
          std::lower_bound(up_to.begin(), up_to.end(), u, [](T share, double v) { return share < v; }) - up_to.begin();
    }
    return;
  }
  // A race: category i arrives after an exponential time with rate weights[i], and the first ones win.
  std::vector<T> speed(static_cast<size_t>(categories));
  exponential(speed.data(), categories);
  for (int64_t i = 0; i < categories; ++i) speed[i] = weights[i] > 0 ? weights[i] / speed[i] : T(-1);
  std::vector<int64_t> order(static_cast<size_t>(categories));
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + samples, order.end(),
                    [&](int64_t a, int64_t b) { return speed[a] != speed[b] ? speed[a] > speed[b] : a < b; });
  std::copy_n(order.begin(), samples, out);
}

// --- State

std::vector<int64_t> Rng::state() const {
  std::vector<int64_t> state(words_.begin(), words_.end());
  state.push_back(position_);
  state.push_back(has_normal_);
  state.push_back(std::bit_cast<int64_t>(normal_));
  return state;
}

void Rng::set_state(std::span<const int64_t> state, Loc loc) {
  const Op op{"set_state", loc};
  if (state.size() != kWords + 3) fail<ValueError>(op, "state of {} numbers; need {}", state.size(), kWords + 3);
  for (int i = 0; i < kWords; ++i)
    if (state[i] < 0 || state[i] > UINT32_MAX) fail<ValueError>(op, "word {} is {}; need 32 bits", i, state[i]);
  const int64_t position = state[kWords], has_normal = state[kWords + 1];
  if (position < 0 || position > kWords || has_normal < 0 || has_normal > 1)
    fail<ValueError>(op, "position {} and flag {}; need 0 to {}, and 0 or 1", position, has_normal, kWords);
  std::transform(state.begin(), state.begin() + kWords, words_.begin(),
                 [](int64_t w) { return static_cast<uint32_t>(w); });
  position_ = static_cast<uint32_t>(position);
  has_normal_ = has_normal == 1;
  normal_ = has_normal_ ? std::bit_cast<double>(state[kWords + 2]) : 0;
}

template void Rng::uniform(float*, int64_t, double, double, Loc);
template void Rng::uniform(double*, int64_t, double, double, Loc);
template void Rng::normal(float*, int64_t, double, double, Loc);
template void Rng::normal(double*, int64_t, double, double, Loc);
template void Rng::trunc_normal(float*, int64_t, double, double, double, double, Loc);
template void Rng::trunc_normal(double*, int64_t, double, double, double, double, Loc);
template void Rng::exponential(float*, int64_t, double, Loc);
template void Rng::exponential(double*, int64_t, double, Loc);
template void Rng::bernoulli(bool*, int64_t, double, Loc);
template void Rng::bernoulli(int64_t*, int64_t, double, Loc);
template void Rng::bernoulli(float*, int64_t, double, Loc);
template void Rng::bernoulli(double*, int64_t, double, Loc);
template void Rng::bernoulli(float*, const float*, int64_t, Loc);
template void Rng::bernoulli(double*, const double*, int64_t, Loc);
template void Rng::multinomial(int64_t*, int64_t, const float*, int64_t, bool, Loc);
template void Rng::multinomial(int64_t*, int64_t, const double*, int64_t, bool, Loc);

}  // namespace heed
