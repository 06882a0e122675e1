#include "tensor/random.h"

#include <cmath>
#include <numeric>

namespace heed {

void Rng::seed(uint64_t seed) {
  engine_.seed(static_cast<uint32_t>(seed));
  has_cached_ = false;
}

uint64_t Rng::random64() {
  const uint64_t high = random();
  return (high << 32) | random();
}

double Rng::uniform_double() { return static_cast<double>(random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53; }

template <class T>
void Rng::uniform(T* out, int64_t n, double from, double to, Loc) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (sizeof(T) == 4)
      out[i] = std::fma(static_cast<float>(random() & 0xFFFFFF) * 0x1p-24f, static_cast<float>(to) - static_cast<float>(from), static_cast<float>(from));
    else
      out[i] = std::fma(uniform_double(), to - from, from);
  }
}

template <class T>
void Rng::normal(T* out, int64_t n, double mean, double std, Loc) {
  if (n < 16) {
    for (int64_t i = 0; i < n; ++i) {
      double z = cached_;
      if (!has_cached_) {
        const double u1 = uniform_double(), u2 = uniform_double();
        const double r = std::sqrt(-2 * std::log1p(-u2)), t = 2 * M_PI * u1;
        cached_ = r * std::sin(t);
        z = r * std::cos(t);
      }
      has_cached_ = !has_cached_;
      out[i] = static_cast<T>(z * std + mean);
    }
    return;
  }
  uniform(out, n);
  const auto block = [&](T* d) {
    for (int j = 0; j < 8; ++j) {
      const T u1 = 1 - d[j], u2 = d[j + 8];
      const T r = std::sqrt(-2 * std::log(u1)), t = static_cast<T>(2 * M_PI) * u2;
      d[j] = r * std::cos(t) * static_cast<T>(std) + static_cast<T>(mean);
      d[j + 8] = r * std::sin(t) * static_cast<T>(std) + static_cast<T>(mean);
    }
  };
  for (int64_t i = 0; i + 16 <= n; i += 16) block(out + i);
  if (n % 16 != 0) {
    uniform(out + n - 16, 16);
    block(out + n - 16);
  }
}

void Rng::randint(int64_t* out, int64_t n, int64_t low, int64_t high, Loc where) {
  if (high <= low) fail<ValueError>({"randint", where}, "low {} and high {}; need low < high", low, high);
  const uint64_t range = static_cast<uint64_t>(high - low);
  for (int64_t i = 0; i < n; ++i) out[i] = low + static_cast<int64_t>((range < (uint64_t{1} << 32) ? random() : random64()) % range);
}

std::vector<int64_t> Rng::randperm(int64_t n, Loc) {
  std::vector<int64_t> r(static_cast<size_t>(n));
  std::iota(r.begin(), r.end(), 0);
  for (int64_t i = 0; i + 1 < n; ++i) std::swap(r[size_t(i)], r[size_t(i + static_cast<int64_t>(random() % static_cast<uint64_t>(n - i)))]);
  return r;
}

void Rng::bernoulli(bool* out, int64_t n, double p, Loc) {
  for (int64_t i = 0; i < n; ++i) out[i] = uniform_double() < p;
}

template void Rng::uniform(float*, int64_t, double, double, Loc);
template void Rng::uniform(double*, int64_t, double, double, Loc);
template void Rng::normal(float*, int64_t, double, double, Loc);
template void Rng::normal(double*, int64_t, double, double, Loc);

}  // namespace heed
