#include <heed/tensor/kernels/attention.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <heed/tensor/kernels/attention_tiles.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/storage.h>

namespace heed::kernels {
namespace {

template <class Real>
constexpr Real kMinusInfinity = -std::numeric_limits<Real>::infinity();

// Multiply-adds that are worth a thread's while.
constexpr int64_t kWorkPerRange = 1 << 19;
// Queries that one thread takes of one head at a time: enough to use keys and values often while they are in
// cache.
constexpr int64_t kQueriesPerShare = 128;

template <class Real>
struct Scratch {
  std::shared_ptr<Storage> storage;
  explicit Scratch(int64_t elements) : storage(Storage::allocate(elements * sizeof(Real))) {}
  Real* data() const { return reinterpret_cast<Real*>(storage->data()); }
};

int64_t grain(int64_t work_per_item) {
  return std::max<int64_t>(1, kWorkPerRange / std::max<int64_t>(1, work_per_item));
}

// Shares of a head's backward pass, so that all threads have work of equal size where heads are few.
int64_t parts_of(const AttentionShape& s) {
  const int64_t heads = s.B * s.H, threads = num_threads(), tiles = (s.T + kTileQueries - 1) / kTileQueries;
  if (heads % threads == 0 || heads >= 4 * threads) return 1;
  return std::clamp<int64_t>(tiles / 2, 1, threads);
}

template <class Real>
void write_rows(int64_t rows, int64_t width, Real factor, const Real* from, const Heads<Real>& to, int64_t b,
                int64_t h) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < width; ++j) row_of(to, b, h, i)[j] = factor * from[i * padded(width) + j];
}

// Whether several shares of the backward pass add to one element of the bias's gradient.
template <class Real>
bool is_shared(const AttentionMask<Real>& dbias, const AttentionShape& s, int64_t parts) {
  return dbias.data && ((s.B > 1 && !dbias.batch) || (s.H > 1 && !dbias.head) || (parts > 1 && !dbias.query));
}

// Then each slot of shares adds to a sum of its own.
template <class Real>
struct BiasSums {
  AttentionMask<Real> target;
  int64_t B, H, T, S, slots;
  std::vector<Real> sums;

  BiasSums(const AttentionShape& s, const AttentionMask<Real>& dbias, int64_t n)
      : target(dbias),
        B(dbias.batch ? s.B : 1),
        H(dbias.head ? s.H : 1),
        T(dbias.query ? s.T : 1),
        S(dbias.key ? s.S : 1),
        slots(n),
        sums(dbias.data ? B * H * T * S * n : 0) {}

  AttentionMask<Real> slot(int64_t i) {
    return {sums.data() + i * B * H * T * S, target.batch ? H * T * S : 0, target.head ? T * S : 0,
            target.query ? S : 0, target.key ? 1 : 0};
  }
  void add_to_target() const {
    if (!target.data) return;
    const Real* x = sums.data();
    for (int64_t i = 0; i < slots; ++i)
      for (int64_t b = 0; b < B; ++b)
        for (int64_t h = 0; h < H; ++h)
          for (int64_t t = 0; t < T; ++t)
            for (int64_t s = 0; s < S; ++s)
              target.data[b * target.batch + h * target.head + t * target.query + s * target.key] += *x++;
  }
};

// The masked scores of one query against all keys.
template <class Real>
void score_row(const AttentionShape& shape, const Real* q, const Heads<const Real>& k,
               const AttentionOptions<Real>& options, int64_t b, int64_t h, int64_t i, Real* scores) {
  const int64_t seen = visible_keys(options, i, shape.S);
  const auto& allowed = options.allowed;
  const auto& bias = options.bias;
  for (int64_t j = 0; j < seen; ++j) {
    const Real* key = row_of(k, b, h, j);
    Real sum = 0;
    for (int64_t d = 0; d < shape.D; ++d) sum += q[d] * key[d];
    scores[j] = options.scale * sum;
    if (bias.data) scores[j] += bias.data[b * bias.batch + h * bias.head + i * bias.query + j * bias.key];
    if (allowed.data && !allowed.data[b * allowed.batch + h * allowed.head + i * allowed.query + j * allowed.key])
      scores[j] = kMinusInfinity<Real>;
  }
  std::fill(scores + seen, scores + shape.S, kMinusInfinity<Real>);
}

template <class Real>
void softmax_row(int64_t S, Real* scores) {
  Real top = kMinusInfinity<Real>, sum = 0;
  for (int64_t j = 0; j < S; ++j) top = std::max(top, scores[j]);
  if (top == kMinusInfinity<Real>) top = 0;
  for (int64_t j = 0; j < S; ++j) sum += scores[j] = std::exp(scores[j] - top);
  for (int64_t j = 0; j < S; ++j) scores[j] = sum == 0 ? Real(0) : scores[j] / sum;
}

}  // namespace

template <class Real>
void attention(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k, Heads<const Real> v,
               const AttentionOptions<Real>& options, Heads<Real> out, Real* lse) {
  if (shape.T == 0) return;
  const ForwardCall<Real> call{shape, q, k, v, options, out, lse};
  const int64_t queries = std::min(kQueriesPerShare, shape.T), shares = (shape.T + queries - 1) / queries;
  const int64_t work = queries * shape.S * (shape.D + shape.Dv);
  parallel_for(shape.B * shape.H * shares, grain(work), [&](int64_t begin, int64_t end) {
    const Scratch<Real> scratch(forward_scratch(shape, queries));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / shares, turn = i % shares;
      // from both ends in turn, because late queries see more keys
      const int64_t share = turn % 2 == 0 ? turn / 2 : shares - 1 - turn / 2;
      attend(call, head / shape.H, head % shape.H, share * queries, std::min(shape.T, (share + 1) * queries),
             scratch.data());
    }
  });
}

template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionSaved<Real>& saved,
                        const AttentionOptions<Real>& options, Heads<Real> dq, Heads<Real> dk, Heads<Real> dv,
                        AttentionMask<Real> dbias) {
  const int64_t heads = shape.B * shape.H, parts = parts_of(shape), shares = heads * parts;
  const int64_t dk_size = shape.S * padded(shape.D), dv_size = shape.S * padded(shape.Dv), sums = dk_size + dv_size;
  const auto finish = [&](int64_t head, const Real* from) {
    write_rows(shape.S, shape.D, options.scale, from, dk, head / shape.H, head % shape.H);
    write_rows(shape.S, shape.Dv, Real(1), from + dk_size, dv, head / shape.H, head % shape.H);
  };
  // a head in one share leaves its sums at once; parts of a head keep theirs until all are there
  const Scratch<Real> partial(parts > 1 ? shares * sums : 0);
  const auto run = [&](int64_t share, const AttentionMask<Real>& add_bias_to, Real* scratch) {
    const int64_t head = share / parts;
    Real* into = parts > 1 ? partial.data() + share * sums : scratch;
    std::fill_n(into, sums, Real(0));
    attend_backward(BackwardCall<Real>{shape, saved, options, dq, add_bias_to, parts}, head / shape.H, head % shape.H,
                    share % parts, into, into + dk_size, scratch + (parts > 1 ? 0 : sums));
    if (parts == 1) finish(head, into);
  };
  const int64_t scratch_size = backward_scratch(shape) + (parts > 1 ? 0 : sums);
  if (is_shared(dbias, shape, parts)) {
    const int64_t slots = std::min<int64_t>(num_threads(), shares);
    BiasSums<Real> bias_sums(shape, dbias, slots);
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      const Scratch<Real> scratch(scratch_size);
      for (int64_t slot = begin; slot < end; ++slot)
        for (int64_t i = shares * slot / slots; i < shares * (slot + 1) / slots; ++i)
          run(i, bias_sums.slot(slot), scratch.data());
    });
    bias_sums.add_to_target();
  } else {
    const int64_t work = shape.T * shape.S * (3 * shape.D + 2 * shape.Dv) / parts;
    parallel_for(shares, grain(work), [&](int64_t begin, int64_t end) {
      const Scratch<Real> scratch(scratch_size);
      for (int64_t i = begin; i < end; ++i) run(i, dbias, scratch.data());
    });
  }
  if (parts == 1) return;
  parallel_for(heads, grain(sums * parts), [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      Real* first = partial.data() + head * parts * sums;
      for (int64_t part = 1; part < parts; ++part)
        for (int64_t i = 0; i < sums; ++i) first[i] += first[part * sums + i];
      finish(head, first);
    }
  });
}

template <class Real>
void attention_weights(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k,
                       const AttentionOptions<Real>& options, Real* weights) {
  parallel_for(shape.B * shape.H * shape.T, grain(shape.S * shape.D), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % shape.T, h = row / shape.T % shape.H, b = row / shape.T / shape.H;
      Real* w = weights + row * shape.S;
      score_row(shape, row_of(q, b, h, i), k, options, b, h, i, w);
      softmax_row(shape.S, w);
      if (!options.keep) continue;
      for (int64_t j = 0; j < shape.S; ++j) w[j] *= options.keep[row * shape.S + j] ? options.keep_scale : Real(0);
    }
  });
}

template void attention<float>(const AttentionShape&, Heads<const float>, Heads<const float>, Heads<const float>,
                               const AttentionOptions<float>&, Heads<float>, float*);
template void attention<double>(const AttentionShape&, Heads<const double>, Heads<const double>, Heads<const double>,
                                const AttentionOptions<double>&, Heads<double>, double*);
template void attention_backward<float>(const AttentionShape&, const AttentionSaved<float>&,
                                        const AttentionOptions<float>&, Heads<float>, Heads<float>, Heads<float>,
                                        AttentionMask<float>);
template void attention_backward<double>(const AttentionShape&, const AttentionSaved<double>&,
                                         const AttentionOptions<double>&, Heads<double>, Heads<double>, Heads<double>,
                                         AttentionMask<double>);
template void attention_weights<float>(const AttentionShape&, Heads<const float>, Heads<const float>,
                                       const AttentionOptions<float>&, float*);
template void attention_weights<double>(const AttentionShape&, Heads<const double>, Heads<const double>,
                                        const AttentionOptions<double>&, double*);

}  // namespace heed::kernels
