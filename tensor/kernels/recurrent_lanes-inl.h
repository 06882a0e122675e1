// A share of the batch in vector lanes: who runs at a step, and moves between rows and lanes. Once per
// Highway target.
#if defined(HEED_KERNELS_RECURRENT_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_RECURRENT_LANES_INL_H_
#undef HEED_KERNELS_RECURRENT_LANES_INL_H_
#else
#define HEED_KERNELS_RECURRENT_LANES_INL_H_
#endif

#include <algorithm>

#include <heed/tensor/kernels/recurrent_tiles.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// Lanes whose rows have a step t.
HWY_INLINE int64_t running(const LaneRows& share, int64_t t) {
  int64_t count = share.count;
  while (count > 0 && share.lengths[count - 1] <= t) --count;
  return count;
}

// Steps of the longest row.
HWY_INLINE int64_t steps_of(const LaneRows& share) { return share.count > 0 ? share.lengths[0] : 0; }

template <class Real>
HWY_NOINLINE void rows_to_lanes(const Real* const* rows, int64_t lanes, int64_t width, Real* to, int64_t ld) {
  transpose<Real>(
      lanes, width, [=](int64_t i) { return rows[i]; }, [=](int64_t j) { return to + j * ld; });
}
template <class Real>
HWY_NOINLINE void lanes_to_rows(const Real* from, int64_t ld, int64_t width, int64_t lanes, Real* const* rows) {
  transpose<Real>(
      width, lanes, [=](int64_t j) { return from + j * ld; }, [=](int64_t i) { return rows[i]; });
}

// to (width, ld): lane i gets the row that `from(i)` points to.
template <class Real, class From>
HWY_INLINE void to_lanes(const LaneRows& share, int64_t lanes, int64_t width, From from, Real* to) {
  const Real* rows[kLargestShare] = {};
  for (int64_t i = 0; i < lanes; ++i) rows[i] = from(i);
  rows_to_lanes<Real>(rows, lanes, width, to, share.ld);
}

// The row that `to(i)` points to gets lane i of from (width, ld).
template <class Real, class To>
HWY_INLINE void to_rows(const LaneRows& share, int64_t lanes, int64_t width, const Real* from, To to) {
  Real* rows[kLargestShare] = {};
  for (int64_t i = 0; i < lanes; ++i) rows[i] = to(i);
  lanes_to_rows<Real>(from, share.ld, width, lanes, rows);
}

// A (B, H) state in lanes: 0 where there is none.
template <class Real>
HWY_INLINE void load_state(const LaneRows& share, int64_t H, const Real* state, Real* to) {
  std::fill_n(to, H * share.ld, Real(0));
  if (state)
    to_lanes(
        share, share.count, H, [&](int64_t i) { return state + share.rows[i] * H; }, to);
}

template <class Real>
HWY_INLINE void store_state(const LaneRows& share, int64_t H, const Real* from, Real* state) {
  if (state) to_rows(share, share.count, H, from, [&](int64_t i) { return state + share.rows[i] * H; });
}

// Puts x in the first n lanes at p and leaves the others: rows that rest keep what they have.
template <class Real>
HWY_INLINE void set_first(Vec<Real> x, Real* p, int64_t n) {
  const Tag<Real> d;
  if (n < kLanes<Real>) x = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(n)), x, hn::LoadU(d, p));
  hn::StoreU(x, d, p);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target
