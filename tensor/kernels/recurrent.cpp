#include <heed/tensor/kernels/recurrent.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/recurrent_tiles.h>
#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/precision.h>

namespace heed::kernels {
namespace {

// Multiply-adds that are worth a thread's while.
constexpr int64_t kWorkPerRange = 1 << 17;

// The rows of the batch, longest first, cut into shares.
struct Shares {
  std::vector<int64_t> rows, lengths;
  int64_t lanes, grain;

  Shares(Cell cell, const RecurrentShape& s, const StepOrder& options) : rows(s.B), lengths(s.B, s.T) {
    std::iota(rows.begin(), rows.end(), int64_t{0});
    if (options.lengths) {
      std::stable_sort(rows.begin(), rows.end(),
                       [&](int64_t a, int64_t b) { return options.lengths[a] > options.lengths[b]; });
      for (int64_t i = 0; i < s.B; ++i) lengths[i] = options.lengths[rows[i]];
    }
    // Half a share takes a bit more than half the time; it pays where it gives all threads work.
    const auto rounds = [&](int64_t n) { return ((s.B + n - 1) / n + num_threads() - 1) / num_threads(); };
    const bool halve = 6 * rounds(kLargestShare / 2) < 10 * rounds(kLargestShare);
    lanes = halve ? kLargestShare / 2 : kLargestShare;
    const int64_t work = s.T * lanes * gates_of(cell) * s.H * (s.H + 10);
    grain = grain_for(kWorkPerRange, work);
  }

  int64_t count() const { return (static_cast<int64_t>(rows.size()) + lanes - 1) / lanes; }
  LaneRows share(int64_t i) const {
    const int64_t first = i * lanes, size = std::min<int64_t>(lanes, static_cast<int64_t>(rows.size()) - first);
    return {rows.data() + first, lengths.data() + first, first, size,
            (size + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple};
  }
};

// Of W_hh h in all steps, or of the gradient's way back through it.
void count_hidden_flops(Cell cell, int64_t H, const Shares& shares) {
  count_flops(2 * gates_of(cell) * H * H * std::reduce(shares.lengths.begin(), shares.lengths.end(), int64_t{0}));
}

// How a (T, B, width) array lies as one matrix of T B rows, ld apart, so that dW is one product over all
// steps; else `whole` is false and it takes one product a step. Other arrays of the product lie in the same
// order.
struct Flat {
  int64_t step, row, ld;  // step and row count matrix rows
  bool whole;

  template <class Real>
  Flat(const RecurrentShape& s, const Strided<Real, 2>& x)
      : step(s.B), row(1), ld(x.strides[1]), whole(s.T <= 1 || x.strides[0] == s.B * ld) {
    if (!whole && (s.B == 1 || ld == s.T * x.strides[0])) step = 1, row = s.T, ld = x.strides[0], whole = true;
  }
  template <class Real>
  Strided<Real, 2> view(Real* data, int64_t width) const {
    return {data, {step * width, row * width}};
  }
};

// dw (m, H) = or += du^T before, over all steps; du (T, B, m) lies as flat says for ld and du_step.
template <class Real>
void add_product(const RecurrentShape& s, const Flat& flat, int64_t m, const Real* du, int64_t du_step, int64_t ld,
                 const Real* before, bool accumulate, Real* dw) {
  const int64_t H = s.H;
  if (flat.whole) return gemm(true, false, m, H, s.T * s.B, du, ld, before, H, Real(accumulate), dw, H);
  for (int64_t t = 0; t < s.T; ++t)
    gemm(true, false, m, H, s.B, du + t * du_step, ld, before + t * s.B * H, H, Real(accumulate || t > 0), dw, H);
}

// Packing W_hh takes as long as the products of some 30 rows with it.
constexpr int64_t kRowsWorthPacking = 256;

// Whether steps read bf16: a matter of sizes, beside what the caller asked for.
template <class Real>
bool reads_bf16(const RecurrentShape& s) {
  return std::is_same_v<Real, float> && products() == Products::bf16 && s.T * s.B >= kRowsWorthPacking;
}

}  // namespace

template <class Real>
void recurrent(Cell cell, const RecurrentShape& shape, Strided<const Real, 2> gates, const CellWeights<Real>& weights,
               CellState<const Real> first, const StepOrder& options, Strided<Real, 2> out, CellState<Real> last,
               Real* saved) {
  const Shares shares(cell, shape, options);
  RecurrentForward<Real> call{cell, shape, gates, weights, first, options.reverse, out, last, saved};
  const int64_t H = shape.H, G = gates_of(cell) * H, joined = cell == Cell::gru ? 2 * H : G;
  const bool bf16 = reads_bf16<Real>(shape);
  const Scratch<Bf16Pair> packed(bf16 ? rows_size<Bf16Pair>(joined, H) + rows_size<Bf16Pair>(G - joined, H) : 0);
  if constexpr (std::is_same_v<Real, float>)
    if (bf16) {
      call.packed = pack_rows({weights.w_hh, H, false}, joined, H, packed.data());
      call.packed_new = pack_rows({weights.w_hh + joined * H, H, false}, G - joined, H,
                                  packed.data() + rows_size<Bf16Pair>(joined, H));
    }
  count_hidden_flops(cell, shape.H, shares);
  parallel_for(shares.count(), shares.grain, [&](int64_t begin, int64_t end) {
    const SquareRegisters registers(bf16);
    const Scratch<Real> scratch(forward_scratch(cell, shape.H));
    for (int64_t i = begin; i < end; ++i) run(call, shares.share(i), scratch.data());
  });
}

template <class Real>
void recurrent_backward(Cell cell, const RecurrentShape& shape, const CellWeights<Real>& weights,
                        CellState<const Real> first, const StepOrder& options, Strided<const Real, 2> out,
                        const Real* saved, Strided<const Real, 2> dout, CellState<const Real> dlast,
                        const RecurrentGradients<Real>& gradients) {
  const auto& [dgates, dfirst, dw_hh, db_hh, accumulate] = gradients;
  const int64_t H = shape.H, G = gates_of(cell) * H, all = shape.T * shape.B * H;
  const bool is_gru = cell == Cell::gru;
  const Flat flat(shape, dgates);
  const Scratch<Real> room(dw_hh ? (is_gru ? 2 : 1) * all : 0);
  RecurrentBackward<Real> call{cell,   shape, weights, first, options.reverse, out, saved, dout, dlast, dgates,
                               dfirst, {},    {},      {}};
  if (dw_hh) call.before = flat.view(room.data(), H);
  if (dw_hh && is_gru) call.du_new = flat.view(room.data() + all, H);

  const bool bf16 = reads_bf16<Real>(shape);
  const Scratch<Bf16Pair> packed(bf16 ? rows_size<Bf16Pair>(H, G) : 0);
  if constexpr (std::is_same_v<Real, float>)
    if (bf16) call.packed = pack_rows({weights.w_hh, H, true}, H, G, packed.data());
  const Shares shares(cell, shape, options);
  count_hidden_flops(cell, H, shares);
  const int64_t parts = (shape.B + kLaneMultiple - 1) / kLaneMultiple;  // whatever the shares: the same bits
  const Scratch<Real> db(db_hh ? parts * G : 0);
  Real* db_parts = db_hh ? db.data() : nullptr;
  parallel_for(shares.count(), shares.grain, [&](int64_t begin, int64_t end) {
    const SquareRegisters registers(bf16);
    const Scratch<Real> scratch(backward_scratch(cell, shape.H));
    for (int64_t i = begin; i < end; ++i)
      run_backward(call, shares.share(i), db_parts ? db_parts + i * shares.lanes / kLaneMultiple * G : nullptr,
                   scratch.data());
  });
  if (db_hh && !accumulate) std::fill_n(db_hh, G, Real(0));
  for (int64_t i = 0; db_hh && i < parts; ++i)
    for (int64_t j = 0; j < G; ++j) db_hh[j] += db_parts[i * G + j];
  if (!dw_hh) return;
  const int64_t joined = is_gru ? 2 * H : G;  // a gru's new gate sees h through r: its gradient lies apart
  add_product(shape, flat, joined, dgates.data, dgates.strides[0], flat.ld, call.before.data, accumulate, dw_hh);
  if (is_gru)
    add_product(shape, flat, H, call.du_new.data, shape.B * H, H, call.before.data, accumulate, dw_hh + joined * H);
}

HEED_FOR_BOTH(recurrent)
HEED_FOR_BOTH(recurrent_backward)

}  // namespace heed::kernels
