// Rng against PyTorch's generator, through tests/oracle/rng.py.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <heed/tensor/random.h>
#include "catch.h"
#include "skip.h"

using namespace heed;

namespace {

using Values = std::vector<double>;
using Draw = std::function<Values(Rng&, int64_t n)>;

template <class T>
Values drawn(int64_t n, const std::function<void(T*)>& draw) {
  const auto out = std::make_unique<T[]>(static_cast<size_t>(n));
  draw(out.get());
  return Values(out.get(), out.get() + n);
}
Values joined(const std::vector<Values>& parts) {
  Values all;
  for (const Values& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
Values as_values(const std::vector<int64_t>& v) { return Values(v.begin(), v.end()); }

template <class T>
Values uniform(Rng& rng, int64_t n, double from = 0, double to = 1) {
  return drawn<T>(n, [&](T* out) { rng.uniform(out, n, from, to); });
}
template <class T>
Values normal(Rng& rng, int64_t n, double mean = 0, double std = 1) {
  return drawn<T>(n, [&](T* out) { rng.normal(out, n, mean, std); });
}
Values randint(Rng& rng, int64_t n, int64_t low, int64_t high) {
  return drawn<int64_t>(n, [&](int64_t* out) { rng.randint(out, n, low, high); });
}
template <class T>
Values exponential(Rng& rng, int64_t n) {
  return drawn<T>(n, [&](T* out) { rng.exponential(out, n, 1.5); });
}
template <class T>
Values bernoulli_each(Rng& rng) {
  return drawn<T>(20, [&](T* out) {
    T p[20];
    for (int i = 0; i < 20; ++i) p[i] = static_cast<T>(i) / 19;
    rng.bernoulli(out, p, 20);
  });
}
Values multinomial(Rng& rng, int64_t samples, bool replacement) {
  constexpr float weights[] = {0.1f, 0, 0.5f, 3, 0.25f, 1};
  return drawn<int64_t>(samples, [&](int64_t* out) { rng.multinomial(out, samples, weights, 6, replacement); });
}
Values both_signs(Rng& rng, int64_t n, double bound) { return uniform<float>(rng, n, -bound, bound); }

Values gru(Rng& rng) {  // two layers: weight_ih, weight_hh, bias_ih, bias_hh
  std::vector<Values> parts;
  for (int64_t n : {12 * 5, 12 * 4, 12, 12, 12 * 4, 12 * 4, 12, 12}) parts.push_back(both_signs(rng, n, 0.5));
  return joined(parts);
}
Values random63(Rng& rng) {
  Values halves;
  for (int i = 0; i < 3; ++i) {
    const uint64_t r = rng.random64() & INT64_MAX;
    halves.push_back(static_cast<double>(r >> 32));
    halves.push_back(static_cast<double>(r & UINT32_MAX));
  }
  return halves;
}

constexpr double kExact = 0;
constexpr double kLog = 4.5e-16;  // two units in the last place: PyTorch 1.13 takes log(1 - u), later ones log1p(-u)

struct Row {
  const char* name;
  double maxrel;  // the largest |ours - theirs| / |theirs| that is claimed
  Draw draw;
};

const Row kRows[] = {
    {"rand_f", kExact, [](Rng& rng, int64_t n) { return uniform<float>(rng, n); }},
    {"randn_f", kExact, [](Rng& rng, int64_t n) { return normal<float>(rng, n); }},
    {"rand_d", kExact, [](Rng& rng, int64_t n) { return uniform<double>(rng, n); }},
    {"randn_d", kLog, [](Rng& rng, int64_t n) { return normal<double>(rng, n); }},
    {"normal_f", kExact, [](Rng& rng, int64_t n) { return normal<float>(rng, n, 0.3, 0.02); }},
    {"normal_d", kLog, [](Rng& rng, int64_t n) { return normal<double>(rng, n, 0.3, 0.02); }},
    {"uniform_f", kExact, [](Rng& rng, int64_t n) { return uniform<float>(rng, n, -0.7, 0.3); }},
    {"uniform_d", kExact, [](Rng& rng, int64_t n) { return uniform<double>(rng, n, -0.7, 0.3); }},
    {"dropout.1", kExact,
     [](Rng& rng, int64_t n) { return drawn<bool>(n, [&](bool* out) { rng.bernoulli(out, n, 1 - 0.1); }); }},
    {"randperm", kExact, [](Rng& rng, int64_t n) { return as_values(rng.randperm(n)); }},
    {"exponential", kExact, [](Rng& rng, int64_t n) { return exponential<float>(rng, n); }},
    {"exponential_d", kLog, [](Rng& rng, int64_t n) { return exponential<double>(rng, n); }},
    {"mixed", kExact,
     [](Rng& rng, int64_t) {
       const Values a = normal<float>(rng, 3), b = uniform<float>(rng, 5), c = normal<float>(rng, 20);
       const Values d = normal<double>(rng, 2), e = uniform<float>(rng, 1), f = normal<float>(rng, 1);
       const Values g = randint(rng, 4, 0, 7), h = normal<float>(rng, 1), i = normal<float>(rng, 17);
       return joined({a, b, c, d, e, f, g, h, i});
     }},
    {"linear_w", kExact,
     [](Rng& rng, int64_t) { return both_signs(rng, 15, std::sqrt(3.0) * (std::sqrt(2.0 / 6) / std::sqrt(3.0))); }},
    {"linear_b", kExact,
     [](Rng& rng, int64_t) {
       uniform<float>(rng, 15);
       return both_signs(rng, 5, 1 / std::sqrt(3.0));
     }},
    {"emb", kExact, [](Rng& rng, int64_t) { return normal<float>(rng, 18); }},
    {"gru", kExact, [](Rng& rng, int64_t) { return gru(rng); }},
    {"mha", kExact,
     [](Rng& rng, int64_t) {
       uniform<float>(rng, 36 + 6);  // out_proj comes first
       return both_signs(rng, 18 * 6, std::sqrt(3.0) * std::sqrt(2.0 / (6 + 18)));
     }},
    {"randint10", kExact, [](Rng& rng, int64_t) { return randint(rng, 20, 0, 10); }},
    {"randint_wide", kExact, [](Rng& rng, int64_t) { return randint(rng, 20, -(int64_t{1} << 40), int64_t{1} << 40); }},
    {"random64", kExact, [](Rng& rng, int64_t) { return random63(rng); }},
    {"bern_t", kExact, [](Rng& rng, int64_t) { return bernoulli_each<float>(rng); }},
    {"bern_t_d", kExact, [](Rng& rng, int64_t) { return bernoulli_each<double>(rng); }},
    {"multinomial1", kExact,
     [](Rng& rng, int64_t) {
       std::vector<Values> draws;
       for (int i = 0; i < 20; ++i) draws.push_back(multinomial(rng, 1, false));
       return joined(draws);
     }},
    {"multinomialR", kExact, [](Rng& rng, int64_t) { return multinomial(rng, 20, true); }},
    {"multinomialNR", kExact, [](Rng& rng, int64_t) { return multinomial(rng, 3, false); }},
    {"loader", kExact,
     [](Rng& rng, int64_t) {
       const auto first = as_values(rng.epoch_order(10));
       return joined({first, as_values(rng.epoch_order(10))});
     }},
    {"trunc", kExact,
     [](Rng& rng, int64_t) {
       return drawn<float>(200, [&](float* out) { rng.trunc_normal(out, 200, 0, 0.02, -0.03, 0.05); });
     }},
    {"trunc_d", kExact,
     [](Rng& rng, int64_t) {
       return drawn<double>(200, [&](double* out) { rng.trunc_normal(out, 200, 1, 2, -1, 8); });
     }},
};

std::string oracle_output() {
  std::string text;
  FILE* pipe = popen("/usr/bin/python3 " HEED_SOURCE_DIR "/tests/oracle/rng.py 2>/dev/null", "r");
  if (!pipe) return text;
  char buffer[1 << 16];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  if (pclose(pipe) != 0) text.clear();
  return text;
}

struct Score {
  int64_t values = 0, equal = 0;
  double maxrel = 0;
};

}  // namespace

TEST_CASE("Rng: agrees with torch.manual_seed, row by row", "[random][torch]") {
  const std::string text = oracle_output();
  if (text.empty()) {
    tests::skip("/usr/bin/python3 cannot import torch");
    return;
  }
  std::map<std::string, Score> scores;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, word;
    uint64_t seed = 0;
    int64_t n = 0;
    words >> name >> seed >> n;
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.name == name; });
    INFO("row " << name << ", seed " << seed << ", n " << n);
    REQUIRE(row != std::end(kRows));
    Rng rng(seed);
    const Values ours = row->draw(rng, n);
    Score& score = scores[name];
    size_t i = 0;
    for (; words >> word; ++i) {
      REQUIRE(i < ours.size());
      const double theirs = std::strtod(word.c_str(), nullptr);
      ++score.values;
      score.equal += ours[i] == theirs;
      if (ours[i] != theirs) score.maxrel = std::max(score.maxrel, std::abs(ours[i] - theirs) / std::abs(theirs));
    }
    REQUIRE(i == ours.size());
  }
  std::string table;
  for (const Row& row : kRows) {
    const Score& s = scores[row.name];
    table += fmt::format("{:14} values {:7} bit-equal {:7} maxrel {:.3g}\n", row.name, s.values, s.equal, s.maxrel);
  }
  INFO(table);
  for (const Row& row : kRows) {
    CHECK(scores[row.name].values > 0);
    CHECK(scores[row.name].maxrel <= row.maxrel);
  }
}
