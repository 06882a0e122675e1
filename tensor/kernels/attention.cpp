#include <heed/tensor/kernels/attention.h>

#include <algorithm>
#include <vector>

#include <heed/tensor/kernels/attention_tiles.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/precision.h>

namespace heed::kernels {
namespace {

// Multiply-adds that are worth a thread's while.
constexpr int64_t kWorkPerRange = 1 << 19;
// Queries that one thread takes of one head at a time: enough to use keys and values often while they are in cache, and
// few enough that there are shares for all threads to take turns.
constexpr int64_t kLeastQueries = 128, kMostQueries = 512, kManyShares = 32;

// At most, by a query.
template <class Real>
int64_t keys_seen(const AttentionShape& shape, const ScoreOptions<Real>& options) {
  return options.window ? std::min(options.window, shape.S) : shape.S;
}

// A few queries, as of text that is being written, read each key once: rounding it first would take longer.
template <class Real>
bool reads_bf16(const AttentionShape& shape) {
  return std::is_same_v<Real, float> && products() == Products::bf16 && shape.T > kFewRows;
}

// Heads that give every thread work, of a backward pass or of what adds to one bias.
constexpr int64_t kManyHeads = 8;

// Shares of a backward pass through one head of keys and all heads that read it, so that all threads have work of equal
// size where heads are few. By sizes alone, as their sums have other bits than those of a whole head.
int64_t parts_of(const AttentionShape& s) {
  const int64_t heads = std::max<int64_t>(1, s.B * s.H / s.group), tiles = (s.T + kTileQueries - 1) / kTileQueries;
  return std::clamp<int64_t>(tiles / 2, 1, std::max<int64_t>(1, kManyHeads / heads));
}

// Whether several shares of the backward pass add to one element of the bias's gradient.
template <class Real>
bool is_shared(const Strided<Real, 4>& dbias, const AttentionShape& s, int64_t parts) {
  return dbias.data &&
         ((s.B > 1 && !dbias.strides[0]) || (s.H > s.group && !dbias.strides[1]) || (parts > 1 && !dbias.strides[2]));
}

// Then each slot of shares adds to a sum of its own.
template <class Real>
struct BiasSums {
  Strided<Real, 4> target;
  int64_t B, H, T, S, slots;
  std::vector<Real> sums;

  BiasSums(const AttentionShape& s, const Strided<Real, 4>& dbias, int64_t n)
      : target(dbias),
        B(dbias.strides[0] ? s.B : 1),
        H(dbias.strides[1] ? s.H : 1),
        T(dbias.strides[2] ? s.T : 1),
        S(dbias.strides[3] ? s.S : 1),
        slots(n),
        sums(dbias.data ? B * H * T * S * n : 0) {}

  Strided<Real, 4> slot(int64_t i) {
    const auto& whole = target.strides;
    return {sums.data() + i * B * H * T * S,
            {whole[0] ? H * T * S : 0, whole[1] ? T * S : 0, whole[2] ? S : 0, whole[3] ? 1 : 0}};
  }
  void add_to_target() const {
    if (!target.data) return;
    const Real* x = sums.data();
    for (int64_t i = 0; i < slots; ++i)
      for (int64_t b = 0; b < B; ++b)
        for (int64_t h = 0; h < H; ++h)
          for (int64_t t = 0; t < T; ++t)
            for (int64_t s = 0; s < S; ++s) *target.at(b, h, t, s) += *x++;
  }
};

}  // namespace

template <class Real>
void attention(const AttentionShape& shape, Strided<const Real, 3> q, Strided<const Real, 3> k,
               Strided<const Real, 3> v, const ScoreOptions<Real>& options, Strided<Real, 3> out, Real* norms) {
  if (shape.T == 0) return;
  const ForwardCall<Real> call{shape, q, k, v, options, out, norms, reads_bf16<Real>(shape)};
  const int64_t even = shape.B * shape.H * shape.T / kManyShares / kTileQueries * kTileQueries;
  const int64_t queries = std::min(std::clamp(even, kLeastQueries, kMostQueries), shape.T);
  const int64_t shares = (shape.T + queries - 1) / queries;
  const int64_t work = queries * keys_seen(shape, options) * (shape.D + shape.Dv);
  parallel_for(shape.B * shape.H * shares, grain_for(kWorkPerRange, work), [&](int64_t begin, int64_t end) {
    const SquareRegisters registers(call.bf16);
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
                        const ScoreOptions<Real>& options, Strided<Real, 3> dq, Strided<Real, 3> dk,
                        Strided<Real, 3> dv, Strided<Real, 4> dbias) {
  const bool bf16 = reads_bf16<Real>(shape);
  const int64_t kv_heads = shape.H / shape.group, heads = shape.B * kv_heads, parts = parts_of(shape),
                shares = heads * parts;
  const int64_t dk_size = shape.S * padded(shape.D), dv_size = shape.S * padded(shape.Dv), sums = dk_size + dv_size;
  const auto finish = [&](int64_t head, const Real* from) {
    const auto write = [&](int64_t width, Real factor, const Real* sum, const Strided<Real, 3>& to) {
      write_rows(shape.S, width, factor, sum, to.at(head / kv_heads, head % kv_heads, 0), to.strides[2],
                 exceeds_caches<Real>(heads * shape.S * width));
    };
    write(shape.D, options.scale, from, dk), write(shape.Dv, Real(1), from + dk_size, dv);
  };
  // a head in one share leaves its sums at once; parts of a head keep theirs until all are there
  const Scratch<Real> partial(parts > 1 ? shares * sums : 0);
  const auto run = [&](int64_t share, const Strided<Real, 4>& add_bias_to, Real* scratch) {
    const SquareRegisters registers(bf16);
    const int64_t head = share / parts;
    Real* into = parts > 1 ? partial.data() + share * sums : scratch;
    std::fill_n(into, sums, Real(0));
    const BackwardCall<Real> call{shape, saved, options, dq, add_bias_to, parts, bf16};
    for (int64_t i = 0; i < shape.group; ++i)
      attend_backward(call, head / kv_heads, head % kv_heads * shape.group + i, share % parts, into, into + dk_size,
                      scratch + (parts > 1 ? 0 : sums));
    if (parts == 1) finish(head, into);
  };
  const int64_t scratch_size = backward_scratch(shape) + (parts > 1 ? 0 : sums);
  if (is_shared(dbias, shape, parts)) {
    const int64_t slots = std::min(kManyHeads, shares);
    BiasSums<Real> bias_sums(shape, dbias, slots);
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      const Scratch<Real> scratch(scratch_size);
      for (int64_t slot = begin; slot < end; ++slot)
        for (int64_t i = shares * slot / slots; i < shares * (slot + 1) / slots; ++i)
          run(i, bias_sums.slot(slot), scratch.data());
    });
    bias_sums.add_to_target();
  } else {
    const int64_t work = shape.group * shape.T * keys_seen(shape, options) * (3 * shape.D + 2 * shape.Dv) / parts;
    parallel_for(shares, grain_for(kWorkPerRange, work), [&](int64_t begin, int64_t end) {
      const Scratch<Real> scratch(scratch_size);
      for (int64_t i = begin; i < end; ++i) run(i, dbias, scratch.data());
    });
  }
  if (parts == 1) return;
  parallel_for(heads, grain_for(kWorkPerRange, sums * parts), [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      Real* first = partial.data() + head * parts * sums;
      for (int64_t part = 1; part < parts; ++part)
        for (int64_t i = 0; i < sums; ++i) first[i] += first[part * sums + i];
      finish(head, first);
    }
  });
}

HEED_FOR_BOTH(attention)
HEED_FOR_BOTH(attention_backward)

}  // namespace heed::kernels
