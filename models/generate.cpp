#include <heed/models/generate.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <heed/autograd/grad_mode.h>
#include <heed/models/check.h>

namespace heed::models {
namespace {

// --- sampling -------------------------------------------------------------------------------------------------------

void check(const Op& op, const SampleOptions& options) {
  if (options.tokens < 0) fail<ValueError>(op, "cannot write {} tokens; need 0 or more", options.tokens);
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    fail<ValueError>(op, "temperature {} makes no sense; need 0 (greedy) or more", options.temperature);
  if (options.top_k && *options.top_k < 1)
    fail<ValueError>(op, "top_k {} leaves no token; need 1 or more", *options.top_k);
  if (options.top_p && !(*options.top_p > 0 && *options.top_p <= 1))
    fail<ValueError>(op, "top_p is {}; need above 0, up to 1", *options.top_p);
}

/// Logits below the k-th largest become -inf.
template <class Real>
void keep_top_k(std::span<Real> logits, int64_t k) {
  if (k >= std::ssize(logits)) return;
  std::vector<Real> sorted(logits.begin(), logits.end());
  const auto kth = sorted.begin() + (k - 1);
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
  for (Real& x : logits)
    if (x < *kth) x = -std::numeric_limits<Real>::infinity();
}

/// From the likeliest on, a token is dropped (-inf) once those before it hold probability p together.
/// The largest logit must be 0.
template <class Real>
void keep_top_p(std::span<Real> logits, double p) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  double total = 0, before = 0;
  for (const size_t i : order) total += std::exp(static_cast<double>(logits[i]));
  for (const size_t i : order) {
    const double weight = std::exp(static_cast<double>(logits[i]));
    if (before >= p * total) logits[i] = -std::numeric_limits<Real>::infinity();
    before += weight;
  }
}

/// The next token of each row, (B) i64, from one generator for all rows or one for each.
Tensor draw(const Tensor& logits, const SampleOptions& options, std::span<Rng> rngs) {
  const Tensor p = sampling_probabilities(logits, options);
  if (options.temperature == 0) return p.argmax(-1);
  if (rngs.size() == 1) return multinomial(p, 1, rngs[0]).squeeze(-1);
  std::vector<Tensor> drawn;
  for (Rng& rng : rngs) drawn.push_back(multinomial(p[std::ssize(drawn)], 1, rng));
  return cat(drawn, 0);
}

/// A cache of one text as that of several.
void share(GptCache& cache, int64_t rows) {
  const auto expand = [rows](const Tensor& x) {
    Shape shape = x.shape();
    shape[0] = rows;
    return x.expand(shape);
  };
  for (nn::KeyValueCache& layer : cache.layers) layer = {expand(layer.keys), expand(layer.values)};
}

}  // namespace

Tensor sampling_probabilities(const Tensor& logits, const SampleOptions& options, Loc loc) {
  const Op op{"sampling_probabilities", loc};
  check(op, options);
  if (logits.rank() != 2 || logits.size(1) == 0)
    fail<ShapeError>(op, "logits have shape {}; need (B, V)", logits.shape());
  if (!is_floating(logits.dtype())) fail<DTypeError>(op, "logits are {}; need f32 or f64", name_of(logits.dtype()));
  const NoGrad no_grad;
  const std::vector<double> highest = logits.max(-1).to_vector<double>();  // NaN if there is one
  for (size_t b = 0; b < highest.size(); ++b)
    if (!std::isfinite(highest[b]))
      fail<ValueError>(op, "the largest logit of row {} is {}; need a finite number", b, highest[b]);
  if (options.temperature == 0) return eq(arange(logits.size(1)), logits.argmax(-1, true)).to(logits.dtype());
  Tensor scaled = logits.clone();
  dispatch_floating(scaled.dtype(), [&]<class Real> {
    const int64_t V = scaled.size(1);
    for (int64_t b = 0; b < scaled.size(0); ++b) {
      const std::span<Real> row(scaled.mutable_data<Real>() + b * V, static_cast<size_t>(V));
      if (options.top_k) keep_top_k(row, *options.top_k);  // a high temperature makes equals of all
      // The largest becomes 0, so that no temperature, however small, makes inf - inf.
      for (Real& x : row) x = static_cast<Real>((x - highest[static_cast<size_t>(b)]) / options.temperature);
      if (options.top_p) keep_top_p(row, *options.top_p);
    }
  });
  return softmax(scaled, -1);
}

namespace {

Tensor write(const Op& op, const Gpt& gpt, const Tensor& prompt, const SampleOptions& options, std::span<Rng> rngs) {
  check(op, options);
  const int64_t context = gpt.config.context;
  const int64_t keep = options.keep == 0 ? context : options.keep;
  if (keep < 1 || keep > context) fail<ValueError>(op, "keep is {}; need 1 to {}, the context", keep, context);
  const int64_t vocabulary = options.vocabulary.value_or(gpt.config.vocabulary);
  if (vocabulary < 1 || vocabulary > gpt.config.vocabulary)
    fail<ValueError>(op, "vocabulary is {}; need 1 to {}, the model's", vocabulary, gpt.config.vocabulary);
  check_tokens(op, "prompt", prompt);

  const NoGrad no_grad;
  const nn::EvalMode eval;
  const auto last = [](const Tensor& text, int64_t n) { return text(all, slice(-n, none)); };
  const int64_t rows = std::max(prompt.size(0), std::ssize(rngs));
  Tensor text = prompt.expand({rows, prompt.size(1)}), unread = last(prompt, context);
  GptCache cache = gpt.cache();
  for (int64_t i = 0; i < options.tokens; ++i) {
    Tensor logits = gpt.next(unread, cache)(all, slice(0, vocabulary));
    if (logits.size(0) < rows) {
      share(cache, rows);
      logits = logits.expand({rows, vocabulary});
    }
    const Tensor next = draw(logits, options, rngs);
    text = cat({text, next.unsqueeze(1)}, 1);
    if (options.on_token && !options.on_token(next)) break;
    const bool full = cache.length() == context;
    if (full) cache = gpt.cache();
    unread = full ? last(text, keep) : next.unsqueeze(1);
  }
  return text;
}

}  // namespace

Tensor sample(const Gpt& gpt, const Tensor& prompt, const SampleOptions& options, Rng& rng, Loc loc) {
  return write({"sample", loc}, gpt, prompt, options, {&rng, 1});
}

Tensor sample(const Gpt& gpt, const Tensor& prompt, const SampleOptions& options, std::span<Rng> rngs, Loc loc) {
  const Op op{"sample", loc};
  check_tokens(op, "prompt", prompt);
  const int64_t rows = prompt.size(0);
  if (rngs.empty() || (rows > 1 && std::ssize(rngs) != rows))
    fail<ValueError>(op, "{} generators for {} prompts; need one for each text", rngs.size(), rows);
  return write(op, gpt, prompt, options, rngs);
}

// --- search ---------------------------------------------------------------------------------------------------------
namespace {

void check(const Op& op, const TranslateOptions& options, size_t sentences) {
  if (options.beam < 1) fail<ValueError>(op, "beam {} keeps no sentence; need 1 or more", options.beam);
  if (!options.max_lengths.empty() && options.max_lengths.size() != sentences)
    fail<ValueError>(op, "{} max_lengths for {} sentences; need one for each, or none", options.max_lengths.size(),
                     sentences);
  const int64_t least = options.max_lengths.empty() ? options.max_length : std::ranges::min(options.max_lengths);
  if (least < 1) fail<ValueError>(op, "max_length {} leaves no room; need 1 or more", least);
  if (!(options.length_penalty >= 0))
    fail<ValueError>(op, "length_penalty is {}; need 0 or more", options.length_penalty);
  if (options.begin < 0 || options.end < 0)
    fail<ValueError>(op, "begin is {} and end {}; need tokens, 0 or more", options.begin, options.end);
}

/// A token that prolongs a sentence in progress.
struct Candidate {
  double log_probability;  // of the sentence with the token
  int64_t row;             // of the sentence, among the rows of this step
  int64_t token;
};

/// What one step wrote: its row r is row parent[r] of the step before and token[r].
struct Step {
  std::vector<int64_t> parent, token;
  Tensor alignment;  // (rows of the step before, S): where they looked to write
};

/// A sentence that is complete: `last` ended it after `steps` other tokens.
struct Ended {
  Candidate last;
  size_t steps;
  double score;
  bool finished;  // false: cut off, and last.token is a word
};

/// The best few open sentences of one source sentence: adjacent rows, likeliest first.
struct Beam {
  int64_t width;
  int64_t longest;           // a translation, the end included
  std::vector<double> open;  // their log probabilities
  std::optional<Ended> best;
};

class BeamSearch {
 public:
  BeamSearch(Decoder decoder, const TranslateOptions& options)
      : decoder_(std::move(decoder)),
        options_(options),
        beams_(decoder_.source_lengths.size(), {options.beam, options.max_length, {0.0}, {}}) {
    for (size_t i = 0; i < options.max_lengths.size(); ++i) beams_[i].longest = options.max_lengths[i];
  }

  std::vector<Translation> run() {
    Tensor tokens = full({std::ssize(beams_)}, static_cast<double>(options_.begin), i64);
    while (tokens.numel() > 0) {
      std::vector<int64_t> as_they_are(static_cast<size_t>(tokens.numel()));
      std::iota(as_they_are.begin(), as_they_are.end(), int64_t{0});
      advance(log_softmax(decoder_.step(tokens), -1).to(f64));
      const Step& step = steps_.back();
      tokens = from_vector(step.token, {std::ssize(step.token)});
      if (step.parent != as_they_are) decoder_.select(from_vector(step.parent, tokens.shape()));
    }
    std::vector<Translation> translations;
    for (size_t i = 0; i < beams_.size(); ++i)
      translations.push_back(trace(*beams_[i].best, decoder_.source_lengths[i]));
    return translations;
  }

 private:
  /// Wu et al. 2016, eq. 14.
  double score(double log_probability, int64_t length) const {
    return log_probability / std::pow((5.0 + static_cast<double>(length)) / 6.0, options_.length_penalty);
  }

  /// One step of every beam, from the (R, V) log probabilities of the next tokens.
  void advance(const Tensor& log_probabilities) {
    const int64_t V = log_probabilities.size(1), length = std::ssize(steps_) + 1;
    if (options_.end >= V)
      fail<ValueError>(*Op::current(), "end is {}; need a token of the model, 0 to {}", options_.end, V - 1);
    Step step;
    if (decoder_.alignment) step.alignment = decoder_.alignment();
    int64_t row = 0;
    for (Beam& beam : beams_) {
      const int64_t rows = std::ssize(beam.open);
      std::vector<Candidate> open = likeliest(beam, row, log_probabilities.narrow(0, row, rows));
      row += rows;
      std::erase_if(open, [&](const Candidate& c) { return c.token == options_.end && end(beam, c, true); });
      if (length == beam.longest && !beam.best && !open.empty()) end(beam, open.front(), false);
      if (length == beam.longest || is_decided(beam, open)) open.clear();
      beam.open.clear();
      for (const Candidate& c : open) {
        beam.open.push_back(c.log_probability);
        step.parent.push_back(c.row);
        step.token.push_back(c.token);
      }
    }
    steps_.push_back(std::move(step));
  }

  /// The likeliest `width` continuations of a beam, best first; of equals, the first row and token.
  std::vector<Candidate> likeliest(const Beam& beam, int64_t first_row, const Tensor& log_probabilities) const {
    std::vector<Candidate> found;
    const int64_t V = log_probabilities.size(1);
    const double* p = log_probabilities.data<double>();
    for (int64_t r = 0; r < std::ssize(beam.open); ++r)
      for (int64_t token = 0; token < V; ++token) {
        const double sum = beam.open[static_cast<size_t>(r)] + p[r * V + token];
        if (std::isnan(sum))
          fail<ValueError>(*Op::current(), "the model's logits hold NaN at step {}; need numbers", steps_.size());
        if (std::isinf(sum) || (std::ssize(found) == beam.width && sum <= found.back().log_probability)) continue;
        const auto at = std::ranges::find_if(found, [&](const Candidate& c) { return c.log_probability < sum; });
        found.insert(at, {sum, first_row + r, token});
        if (std::ssize(found) > beam.width) found.pop_back();
      }
    return found;
  }

  /// `last` completes a sentence, which leaves the beam.
  bool end(Beam& beam, const Candidate& last, bool finished) {
    const Ended ended{last, steps_.size(), score(last.log_probability, std::ssize(steps_) + 1), finished};
    if (!beam.best || ended.score > beam.best->score) beam.best = ended;
    --beam.width;
    return true;
  }

  /// Whether no open sentence can overtake the best one. Tokens only lower log P, and at the longest the
  /// penalty lifts the score most.
  bool is_decided(const Beam& beam, const std::vector<Candidate>& open) const {
    return beam.best && (open.empty() || beam.best->score >= score(open.front().log_probability, beam.longest));
  }

  Translation trace(const Ended& ended, int64_t source_length) const {
    Translation t{{}, ended.last.log_probability, ended.score, ended.finished, {}};
    std::vector<Tensor> looks;
    const auto write = [&](size_t step, int64_t row, int64_t token) {
      t.tokens.push_back(token);
      const Tensor& alignment = steps_[step].alignment;
      if (alignment.defined()) looks.push_back(alignment[row].narrow(0, 0, source_length));
    };
    if (!ended.finished) write(ended.steps, ended.last.row, ended.last.token);
    int64_t row = ended.last.row;
    for (size_t step = ended.steps; step-- > 0;) {
      const size_t r = static_cast<size_t>(row);
      row = steps_[step].parent[r];
      write(step, row, steps_[step].token[r]);
    }
    std::reverse(t.tokens.begin(), t.tokens.end());
    std::reverse(looks.begin(), looks.end());
    if (!looks.empty()) t.alignment = stack(looks, 0);
    return t;
  }

  Decoder decoder_;
  TranslateOptions options_;
  std::vector<Beam> beams_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Translation> translate(Decoder decoder, const TranslateOptions& options, Loc loc) {
  const Op op{"translate", loc};
  check(op, options, decoder.source_lengths.size());
  const NoGrad no_grad;
  const nn::EvalMode eval;
  return BeamSearch(std::move(decoder), options).run();
}

}  // namespace heed::models
