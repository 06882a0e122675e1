#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/generate.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"

using namespace heed;
using models::Decoder, models::TranslateOptions, models::Translation, models::translate;
using models::Gpt, models::SampleOptions, models::sample, models::sampling_probabilities;

namespace {

constexpr models::GptConfig kToy{.vocabulary = 11, .context = 6, .layers = 2, .heads = 2, .channels = 16};

/// A Gpt with weights large enough that its choices differ from token to token.
struct ToyGpt {
  Rng rng{1};
  nn::Parameters params{rng, f64};
  Gpt gpt{params, kToy};
  ToyGpt() {
    for (const auto& [name, parameter] : params) parameter.assign(parameter.detach() * 10);
  }
};

/// Each further token from a whole forward pass over the last `context` tokens.
Tensor sample_without_cache(const Gpt& gpt, Tensor text, const SampleOptions& options, Rng& rng) {
  const NoGrad no_grad;
  for (int64_t i = 0; i < options.tokens; ++i) {
    const int64_t n = std::min(text.size(1), gpt.config.context);
    const Tensor p = sampling_probabilities(gpt(text.narrow(1, text.size(1) - n, n)).select(1, -1), options);
    Tensor next = empty({text.size(0), 1}, i64);
    for (int64_t b = 0; b < text.size(0); ++b)
      rng.multinomial(next.mutable_data<int64_t>() + b, 1, p[b].data<double>(), p.size(1));
    text = cat({text, next}, 1);
  }
  return text;
}

constexpr int64_t kBegin = 0, kEnd = 1, kA = 2, kB = 3;

/// A model by hand: the probabilities of the four tokens behind each prefix, which starts with nothing. A
/// prefix that is not listed ends at once. Step t looks at source position t of 5.
Decoder scripted(const std::map<std::vector<int64_t>, std::vector<double>>& next, size_t sentences = 1) {
  auto prefixes = std::make_shared<std::vector<std::vector<int64_t>>>(sentences);
  const auto step = [=](const Tensor& tokens) {
    std::vector<double> logits;
    for (size_t r = 0; r < prefixes->size(); ++r) {
      auto& prefix = (*prefixes)[r];
      const int64_t token = tokens.at<int64_t>({static_cast<int64_t>(r)});
      if (token != kBegin) prefix.push_back(token);
      const auto found = next.find(prefix);
      for (const double p : found == next.end() ? std::vector<double>{0, 1, 0, 0} : found->second)
        logits.push_back(std::log(p));
    }
    return from_vector(logits, {std::ssize(*prefixes), 4});
  };
  const auto select = [=](const Tensor& rows) {
    std::vector<std::vector<int64_t>> chosen;
    for (const int64_t row : rows.to_vector<int64_t>()) chosen.push_back(prefixes->at(static_cast<size_t>(row)));
    *prefixes = chosen;
  };
  const auto alignment = [=] {
    // Row: [last token, length of the prefix, 0, 0, 0], so that a traced row shows which prefix it belongs
    // to.
    Tensor looks = zeros({std::ssize(*prefixes), 5}, f64);
    double* out = looks.mutable_data<double>();
    for (const auto& prefix : *prefixes) {
      out[0] = prefix.empty() ? 0 : static_cast<double>(prefix.back());
      out[1] = static_cast<double>(prefix.size());
      out += 5;
    }
    return looks;
  };
  return {std::vector<int64_t>(sentences, 5), step, select, alignment};
}

/// Greedy choice falls for A at first; the best sentence begins with B.
const std::map<std::vector<int64_t>, std::vector<double>> kTrap{
    {{}, {0, 0, 0.6, 0.4}}, {{kA}, {0, 0.4, 0.3, 0.3}}, {{kB}, {0, 0.9, 0.1, 0}}};

constexpr TranslateOptions kOptions{.begin = kBegin, .end = kEnd, .max_length = 6, .beam = 1, .length_penalty = 0};

TranslateOptions with_beam(int64_t beam, double length_penalty = 0) {
  TranslateOptions options = kOptions;
  options.beam = beam;
  options.length_penalty = length_penalty;
  return options;
}

}  // namespace

// --- sampling
// -----------------------------------------------------------------------------------------------------

TEST_CASE("sampling_probabilities: temperature, top_k and top_p keep what they say", "[models][generate]") {
  const Tensor logits = log(tensor({{0.125, 0.5, 0.125, 0.25}}, f64));
  const auto check = [&](const SampleOptions& options, const std::vector<double>& expected) {
    const Tensor p = sampling_probabilities(logits, options);
    CHECK(largest_difference(p, from_vector(expected, {1, 4})) < 1e-12);
  };
  check({}, {0.125, 0.5, 0.125, 0.25});
  check({.temperature = 0.5}, {1 / 22., 16 / 22., 1 / 22., 4 / 22.});
  check({.temperature = 0}, {0, 1, 0, 0});
  check({.temperature = 1e-300}, {0, 1, 0, 0});
  check({.top_k = 1}, {0, 1, 0, 0});
  check({.top_k = 2}, {0, 2 / 3., 0, 1 / 3.});
  check({.temperature = 1e300, .top_k = 2}, {0, 0.5, 0, 0.5});
  CHECK(sampling_probabilities(logits.to(f32), {.temperature = 1e50, .top_k = 1}).argmax(-1).item<int64_t>() == 1);
  check({.top_k = 3}, {0.125, 0.5, 0.125, 0.25});  // the third and the fourth are equal
  check({.top_k = 100}, {0.125, 0.5, 0.125, 0.25});
  check({.top_p = 0.01}, {0, 1, 0, 0});
  check({.top_p = 0.7}, {0, 2 / 3., 0, 1 / 3.});
  check({.top_p = 0.8}, {1 / 7., 4 / 7., 0, 2 / 7.});  // of equals, the first
  check({.top_p = 1}, {0.125, 0.5, 0.125, 0.25});
  check({.top_k = 2, .top_p = 0.6}, {0, 1, 0, 0});  // top_p sees 2/3 and 1/3
  check({.temperature = 0.5, .top_p = 0.7}, {0, 1, 0, 0});
}

TEST_CASE("sample: cached generation draws what whole forward passes draw, beyond the context too",
          "[models][generate]") {
  ToyGpt toy;
  for (const SampleOptions& options :
       {SampleOptions{.tokens = 12}, {.tokens = 12, .top_k = 3}, {.tokens = 12, .temperature = 0.7, .top_p = 0.8}}) {
    const Tensor prompt = randint(0, 11, {3, 2}, toy.rng);
    Rng a(7), b(7);
    const Tensor text = sample(toy.gpt, prompt, options, a);
    REQUIRE(text.shape() == Shape{3, 14});
    CHECK(largest_difference(text, sample_without_cache(toy.gpt, prompt, options, b)) == 0);
  }
}

TEST_CASE("sample: temperature 0 takes the likeliest token and draws nothing", "[models][generate]") {
  ToyGpt toy;
  Rng rng(7);
  const Tensor text = sample(toy.gpt, tensor({{1, 2}}), {.tokens = 10, .temperature = 0}, rng);
  CHECK(rng.random() == Rng(7).random());
  const NoGrad no_grad;
  for (int64_t n = 2; n < 12; ++n) {
    const int64_t seen = std::min<int64_t>(n, 6);
    const Tensor logits = toy.gpt(text.narrow(1, n - seen, seen));
    CHECK(text.at<int64_t>({0, n}) == logits.select(1, -1).argmax().item<int64_t>());
  }
}

TEST_CASE("sample: with keep, a full context goes on from its last tokens", "[models][generate]") {
  ToyGpt toy;
  Rng rng(7);
  const Tensor text = sample(toy.gpt, tensor({{1, 2, 3}}), {.tokens = 9, .temperature = 0, .keep = 2}, rng);
  const NoGrad no_grad;
  // The context is full when tokens 0 .. 5 have been read; then 5 and 6 are read anew, then 7 ...
  for (const auto& [first, n] : std::vector<std::pair<int64_t, int64_t>>{{0, 6}, {5, 7}, {5, 8}, {5, 11}})
    CHECK(text.at<int64_t>({0, n}) == toy.gpt(text.narrow(1, first, n - first)).select(1, -1).argmax().item<int64_t>());
}

TEST_CASE("sample: a long prompt is read from its last `context` tokens", "[models][generate]") {
  ToyGpt toy;
  const Tensor prompt = randint(0, 11, {1, 20}, toy.rng);
  Rng a(7), b(7);
  const Tensor whole = sample(toy.gpt, prompt, {.tokens = 4}, a);
  const Tensor tail = sample(toy.gpt, prompt.narrow(1, 14, 6), {.tokens = 4}, b);
  CHECK(largest_difference(whole.narrow(1, 20, 4), tail.narrow(1, 6, 4)) == 0);
}

TEST_CASE("sample: writes only tokens below vocabulary", "[models][generate]") {
  ToyGpt toy;
  for (const double temperature : {0., 100.}) {
    const SampleOptions options{.tokens = 40, .temperature = temperature, .vocabulary = 3};
    const auto text = sample(toy.gpt, tensor({{10}}), options, toy.rng).to_vector<int64_t>();
    CHECK(*std::max_element(text.begin() + 1, text.end()) <= 2);
    const auto all = sample(toy.gpt, tensor({{10}}), {.tokens = 40, .temperature = 100}, toy.rng).to_vector<int64_t>();
    CHECK(*std::max_element(all.begin() + 1, all.end()) > 2);
  }
}

TEST_CASE("sample: on_token sees each token and can stop", "[models][generate]") {
  ToyGpt toy;
  Rng rng(7);
  std::vector<int64_t> seen;
  const auto on_token = [&](const Tensor& tokens) {
    seen.push_back(tokens.item<int64_t>());
    return seen.size() < 3;
  };
  const Tensor text = sample(toy.gpt, tensor({{1}}), {.tokens = 10, .on_token = on_token}, rng);
  CHECK(text.narrow(1, 1, 3).to_vector<int64_t>() == seen);
  CHECK(text.size(1) == 4);
}

TEST_CASE("sample: options that make no sense say so", "[models][generate][errors]") {
  ToyGpt toy;
  Rng rng(1);
  const auto run = [&](const SampleOptions& options) { sample(toy.gpt, tensor({{1}}), options, rng); };
  CHECK_THROWS_WITH(run({.top_k = 0}),
                    Contains("sample: top_k 0 leaves no token; need 1 or more") && Contains("test_generate.cpp"));
  CHECK_THROWS_AS(run({.top_k = -1}), ValueError);
  CHECK_THROWS_WITH(run({.top_p = 0}), Contains("top_p is 0; need above 0, up to 1"));
  CHECK_THROWS_AS(run({.top_p = 1.01}), ValueError);
  CHECK_THROWS_AS(run({.top_p = std::nan("")}), ValueError);
  CHECK_THROWS_AS(run({.temperature = -1}), ValueError);
  CHECK_THROWS_AS(run({.temperature = std::nan("")}), ValueError);
  CHECK_THROWS_AS(run({.tokens = -1}), ValueError);
  CHECK_THROWS_WITH(run({.vocabulary = 12}), Contains("vocabulary is 12; need 1 to 11, the model's"));
  CHECK_THROWS_WITH(run({.keep = 7}), Contains("keep is 7; need 1 to 6"));
  CHECK_THROWS_AS(run({.keep = -1}), ValueError);
  CHECK_THROWS_AS(sample(toy.gpt, zeros({1, 0}, i64), {}, rng), ShapeError);
  CHECK_THROWS_WITH(sample(toy.gpt, tensor({{11}}), {}, rng), Contains("11") && Contains("test_generate.cpp"));
  for (const double temperature : {0., 1.}) {
    const auto refuses = [=](const Tensor& logits, const char* what) {
      CHECK_THROWS_WITH(sampling_probabilities(logits, {.temperature = temperature}), Contains(what));
    };
    refuses(tensor({{0., std::nan("")}}), "the largest logit of row 0 is nan; need a finite number");
    refuses(tensor({{0., 1.}, {0., INFINITY}}), "the largest logit of row 1 is inf");
    refuses(full({1, 2}, -INFINITY), "the largest logit of row 0 is -inf");
  }
}

// --- search
// -------------------------------------------------------------------------------------------------------

TEST_CASE("translate: beam search finds the sentence that greedy search misses", "[models][generate]") {
  const Translation greedy = translate(scripted(kTrap), kOptions).front();
  CHECK(greedy.tokens == std::vector<int64_t>{kA});
  CHECK(greedy.log_probability == Approx(std::log(0.6 * 0.4)));
  CHECK(greedy.finished);
  const Translation best = translate(scripted(kTrap), with_beam(2)).front();
  CHECK(best.tokens == std::vector<int64_t>{kB});
  CHECK(best.log_probability == Approx(std::log(0.4 * 0.9)));
}

TEST_CASE("translate: a wide beam finds what trying every sentence finds", "[models][generate]") {
  // Every prefix of A and B up to 4 tokens has a random distribution; at 4 the sentence ends.
  Rng rng(3);
  for (int trial = 0; trial < 20; ++trial) {
    std::map<std::vector<int64_t>, std::vector<double>> next;
    struct Best {
      double score = -1e9;
      std::vector<int64_t> tokens;
    } best;
    const double alpha = trial % 3 * 0.5;
    const std::function<void(std::vector<int64_t>, double)> visit = [&](std::vector<int64_t> prefix, double log_p) {
      std::vector<double> p{0, rng.uniform_double(), rng.uniform_double(), rng.uniform_double()};
      if (prefix.size() == 4) p = {0, 1, 0, 0};
      const double total = p[1] + p[2] + p[3];
      for (double& x : p) x /= total;
      next[prefix] = p;
      const double score =
          (log_p + std::log(p[1])) / std::pow((5.0 + static_cast<double>(prefix.size() + 1)) / 6, alpha);
      if (score > best.score) best = {score, prefix};
      if (prefix.size() < 4)
        for (const int64_t token : {kA, kB}) {
          auto longer = prefix;
          longer.push_back(token);
          visit(longer, log_p + std::log(p[static_cast<size_t>(token)]));
        }
    };
    visit({}, 0);
    const Translation found = translate(scripted(next), with_beam(40, alpha)).front();
    CHECK(found.tokens == best.tokens);
    CHECK(found.score == Approx(best.score));
  }
}

TEST_CASE("translate: a sentence that ends leaves its beam one narrower", "[models][generate]") {
  // The end takes one of two places, so only A A goes on, which leads nowhere; A B, which would win, is not followed.
  std::map<std::vector<int64_t>, std::vector<double>> next{{{}, {0, 0.4, 0.31, 0.29}}, {{kA}, {0, 0, 0.6, 0.4}}};
  const std::function<void(std::vector<int64_t>)> wander = [&](std::vector<int64_t> prefix) {
    next[prefix] = {0, 0.001, 0.4995, 0.4995};
    if (prefix.size() == 6) return;
    for (const int64_t token : {kA, kB}) {
      prefix.push_back(token);
      wander(prefix);
      prefix.pop_back();
    }
  };
  wander({kA, kA}), wander({kB});
  CHECK(translate(scripted(next), with_beam(2, 3)).front().tokens.empty());
  CHECK(translate(scripted(next), with_beam(5, 3)).front().tokens == std::vector<int64_t>{kA, kB});
}

TEST_CASE("translate: the length penalty lets longer sentences win", "[models][generate]") {
  const std::map<std::vector<int64_t>, std::vector<double>> next{
      {{}, {0, 0.5, 0.5, 0}}, {{kA}, {0, 0.1, 0, 0.9}}, {{kA, kB}, {0, 0.1, 0.9, 0}}, {{kA, kB, kA}, {0, 1, 0, 0}}};
  CHECK(translate(scripted(next), with_beam(3, 0)).front().tokens.empty());
  const Translation longer = translate(scripted(next), with_beam(3, 1)).front();
  CHECK(longer.tokens == std::vector<int64_t>{kA, kB, kA});
  // Wu et al. 2016, eq. 14, with length 4.
  CHECK(longer.score == Approx(std::log(0.5 * 0.9 * 0.9) / (9 / 6.0)));
}

TEST_CASE("translate: each token's alignment is that of its own prefix, however the beam moved", "[models][generate]") {
  const std::map<std::vector<int64_t>, std::vector<double>> next{{{}, {0, 0, 0.6, 0.4}},
                                                                 {{kA}, {0, 0.1, 0.5, 0.4}},
                                                                 {{kB}, {0, 0, 1, 0}},
                                                                 {{kB, kA}, {0, 0, 0.1, 0.9}},
                                                                 {{kB, kA, kB}, {0, 1, 0, 0}}};
  const Translation found = translate(scripted(next), with_beam(3)).front();
  REQUIRE(found.tokens == std::vector<int64_t>{kB, kA, kB});
  REQUIRE(found.alignment.shape() == Shape{3, 5});
  CHECK(largest_difference(found.alignment, tensor({{0, 0, 0, 0, 0}, {kB, 1, 0, 0, 0}, {kA, 2, 0, 0, 0}})) == 0);
}

TEST_CASE("translate: a sentence that finds no end is cut off at max_length", "[models][generate]") {
  std::map<std::vector<int64_t>, std::vector<double>> next;
  const std::function<void(std::vector<int64_t>)> visit = [&](std::vector<int64_t> prefix) {
    next[prefix] = {0, 0, 0.75, 0.25};
    prefix.push_back(kA);
    if (prefix.size() < 6) visit(prefix);
    prefix.back() = kB;
    if (prefix.size() < 6) visit(prefix);
  };
  visit({});
  for (const int64_t beam : {1, 2}) {
    const Translation found = translate(scripted(next), with_beam(beam)).front();
    CHECK_FALSE(found.finished);
    CHECK(found.tokens == std::vector<int64_t>(6, kA));
    CHECK(found.log_probability == Approx(6 * std::log(0.75)));
    CHECK(found.alignment.shape() == Shape{6, 5});
  }
}

TEST_CASE("translate: beam 1 writes the likeliest token of the whole forward pass each time", "[models][generate]") {
  Rng rng(5);
  nn::Parameters params(rng, f64);
  const models::Seq2Seq rnn(params / "rnn",
                            {.source_vocabulary = 9, .target_vocabulary = 7, .embedding = 6, .hidden = 8});
  const models::Transformer transformer(params / "transformer", {.source_vocabulary = 9,
                                                                 .target_vocabulary = 7,
                                                                 .context = 12,
                                                                 .layers = 1,
                                                                 .heads = 2,
                                                                 .channels = 8,
                                                                 .feedforward = 16});
  const Tensor source = randint(0, 9, {4, 5}, rng), lengths = tensor({5, 3, 1, 4});
  const auto check = [&](const auto& model) {
    const auto found = translate(model, source, lengths, {.begin = 1, .end = 2, .max_length = 8});
    const NoGrad no_grad;
    const nn::EvalMode eval;
    for (int64_t b = 0; b < 4; ++b) {
      const int64_t n = lengths.at<int64_t>({b});
      std::vector<int64_t> written{1};
      while (written.size() < 9 && (written.size() == 1 || written.back() != 2)) {
        const Tensor logits =
            model(source.narrow(0, b, 1).narrow(1, 0, n), {}, from_vector(written, {1, std::ssize(written)}));
        written.push_back(logits[0][-1].argmax().template item<int64_t>());
      }
      written.erase(written.begin());
      const bool ended = written.back() == 2;
      if (ended) written.pop_back();
      const Translation& t = found[static_cast<size_t>(b)];
      CHECK(t.tokens == written);
      CHECK(t.finished == ended);
      CHECK(t.alignment.defined() == !written.empty());
      if (t.alignment.defined()) CHECK(t.alignment.shape() == Shape{std::ssize(written), n});
    }
  };
  check(rnn);
  check(transformer);
}

namespace {

/// log P of `tokens`, and of the end if the sentence is finished, by one whole forward pass.
template <class Model>
double scored_whole(const Model& model, const Tensor& source, const Translation& t, const TranslateOptions& options) {
  const NoGrad no_grad;
  const nn::EvalMode eval;
  std::vector<int64_t> read{options.begin}, written = t.tokens;
  read.insert(read.end(), t.tokens.begin(), t.tokens.end());
  if (t.finished) written.push_back(options.end);
  else read.pop_back();
  const Tensor p = log_softmax(model(source, {}, from_vector(read, {1, std::ssize(read)})), -1)[0];
  double total = 0;
  for (int64_t i = 0; i < std::ssize(written); ++i) total += p.at<double>({i, written[static_cast<size_t>(i)]});
  return total;
}

}  // namespace

TEST_CASE("translate: whatever the beam did, a sentence's score is that of a whole forward pass",
          "[models][generate]") {
  Rng rng(11);
  nn::Parameters params(rng, f64);
  const auto rnn = [&](const char* name, nn::Cell cell, bool attention) {
    return models::Seq2Seq(params / name, {.source_vocabulary = 9,
                                           .target_vocabulary = 7,
                                           .embedding = 6,
                                           .hidden = 8,
                                           .cell = cell,
                                           .attention = attention});
  };
  const auto lstm = rnn("lstm", nn::Cell::lstm, true), fixed = rnn("fixed", nn::Cell::lstm, false),
             gru = rnn("gru", nn::Cell::gru, true), plain = rnn("plain", nn::Cell::rnn_tanh, false);
  const models::Transformer deep(params / "deep", {.source_vocabulary = 9,
                                                   .target_vocabulary = 7,
                                                   .context = 12,
                                                   .layers = 3,
                                                   .heads = 2,
                                                   .channels = 8,
                                                   .feedforward = 16});
  // Large weights: what was written changes what comes next, so that a state in the wrong row shows.
  for (const auto& [name, p] : params) p.assign(p.detach() * (name.starts_with("deep") ? 1.5 : 3));
  const Tensor source = randint(0, 9, {6, 5}, rng), lengths = tensor({5, 3, 1, 4, 2, 5});
  const auto check = [&](const auto& model, const char* name) {
    for (const int64_t beam : {1, 2, 4, 5}) {
      const TranslateOptions options{.begin = 1, .end = 2, .max_length = 9, .beam = beam};
      const auto found = translate(model, source, lengths, options);
      for (int64_t b = 0; b < 6; ++b) {
        CAPTURE(name, beam, b);
        const Translation& t = found[static_cast<size_t>(b)];
        const Tensor alone = source.narrow(0, b, 1).narrow(1, 0, lengths.at<int64_t>({b}));
        CHECK(t.log_probability == Approx(scored_whole(model, alone, t, options)).epsilon(1e-10));
      }
    }
  };
  check(lstm, "LSTM with attention");
  check(fixed, "LSTM with a fixed context");
  check(gru, "GRU");
  check(plain, "RNN");
  check(deep, "Transformer of three layers");
}

TEST_CASE("translate: a batch gives what each sentence alone gives", "[models][generate]") {
  Rng rng(5);
  nn::Parameters params(rng, f64);
  const models::Transformer model(params, {.source_vocabulary = 9,
                                           .target_vocabulary = 7,
                                           .context = 12,
                                           .layers = 1,
                                           .heads = 2,
                                           .channels = 8,
                                           .feedforward = 16});
  const Tensor source = randint(0, 9, {4, 5}, rng), lengths = tensor({5, 3, 1, 4});
  const TranslateOptions options{.begin = 1, .end = 2, .max_length = 8, .beam = 3};
  const auto together = translate(model, source, lengths, options);
  for (int64_t b = 0; b < 4; ++b) {
    const auto alone = translate(model, source.narrow(0, b, 1), lengths.narrow(0, b, 1), options).front();
    const Translation& t = together[static_cast<size_t>(b)];
    CHECK(t.tokens == alone.tokens);
    CHECK(t.score == Approx(alone.score).epsilon(1e-12));
    if (!t.tokens.empty()) CHECK(largest_difference(t.alignment, alone.alignment) < 1e-12);
  }
}

TEST_CASE("translate: options that make no sense say so", "[models][generate][errors]") {
  CHECK_THROWS_WITH(translate(scripted(kTrap), with_beam(0)),
                    Contains("translate: beam 0 keeps no sentence; need 1 or more") && Contains("test_generate.cpp"));
  CHECK_THROWS_AS(translate(scripted(kTrap), with_beam(-3)), ValueError);
  CHECK_THROWS_AS(translate(scripted(kTrap), with_beam(1, -0.5)), ValueError);
  CHECK_THROWS_AS(translate(scripted(kTrap), with_beam(1, std::nan(""))), ValueError);
  TranslateOptions options = kOptions;
  options.max_length = 0;
  CHECK_THROWS_WITH(translate(scripted(kTrap), options), Contains("max_length 0"));
  options = kOptions;
  options.end = 4;
  CHECK_THROWS_WITH(translate(scripted(kTrap), options), Contains("end is 4; need a token of the model, 0 to 3"));
  options.end = -1;
  CHECK_THROWS_AS(translate(scripted(kTrap), options), ValueError);
  const double nan = std::nan("");
  CHECK_THROWS_WITH(translate(scripted({{{}, {nan, nan, nan, nan}}}), kOptions),
                    Contains("the model's logits hold NaN at step 0"));
}
