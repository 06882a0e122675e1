// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/recurrent_tiles.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/recurrent_backward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/recurrent_lanes-inl.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// One unit in one vector of lanes, of which the first n run. dh and dc come as the gradients of the new state
// and leave as the part of the old state's that does not pass W_hh; du is the gradient of the gates' sums.
template <class Real>
struct BackwardUnit {
  const Real* saved;  // column k at k * saved_column
  int64_t saved_column;
  const Real* dout;
  const Real* state;     // rnn: the new h; gru: the old h
  const Real* c_before;  // the old c
  Real* dh;
  Real* dc;
  Real* du;  // gate k at k * gate
  int64_t gate;
  Real* dx_new;  // gru: the gradient of x_n
  int64_t n;

  Vec<Real> column(int64_t k) const { return load_first(saved + k * saved_column, n); }
  // Idle lanes get 0, so that they add nothing to what follows.
  void set_du(int64_t k, Vec<Real> x) const {
    const Tag<Real> d;
    if (n < kLanes<Real>) x = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n)), x);
    hn::StoreU(x, d, du + k * gate);
  }
};

// g - f y, and 0 where g is: through NaN and infinity too (autograd/nan.md).
template <class V2>
HWY_INLINE V2 less(V2 g, V2 f, V2 y) {
  return hn::IfThenZeroElse(hn::Eq(g, constant<V2>(0)), hn::NegMulAdd(f, y, g));
}
// y (1 - y), 1 - y^2: the derivatives of sigmoid and tanh by their values, times g.
template <class V2>
HWY_INLINE V2 through_sigmoid(V2 g, V2 y) {
  const auto gy = times(g, y);
  return less(gy, gy, y);
}
template <class V2>
HWY_INLINE V2 through_tanh(V2 g, V2 y) {
  return less(g, hn::Mul(g, y), y);
}

template <Cell cell, class Real>
HWY_INLINE void step_backward(const BackwardUnit<Real>& unit) {
  const Tag<Real> d;
  const auto zero = hn::Zero(d), dh = hn::Add(hn::LoadU(d, unit.dh), hn::LoadU(d, unit.dout));
  if constexpr (cell == Cell::rnn_tanh) {
    unit.set_du(0, through_tanh(dh, hn::LoadU(d, unit.state)));
    set_first<Real>(zero, unit.dh, unit.n);
  } else if constexpr (cell == Cell::rnn_relu) {
    unit.set_du(0, hn::IfThenZeroElse(hn::Le(hn::LoadU(d, unit.state), zero), dh));  // NaN passes it on
    set_first<Real>(zero, unit.dh, unit.n);
  } else if constexpr (cell == Cell::lstm) {
    const auto i = unit.column(0), f = unit.column(1), g = unit.column(2), o = unit.column(3), y = tanh(unit.column(4));
    const auto dc = hn::Add(hn::LoadU(d, unit.dc), through_tanh(times(dh, o), y));
    unit.set_du(0, through_sigmoid(times(dc, g), i));
    unit.set_du(1, through_sigmoid(times(dc, hn::LoadU(d, unit.c_before)), f));
    unit.set_du(2, through_tanh(times(dc, i), g));
    unit.set_du(3, through_sigmoid(times(dh, y), o));
    set_first<Real>(times(dc, f), unit.dc, unit.n);
    set_first<Real>(zero, unit.dh, unit.n);
  } else {
    const auto r = unit.column(0), z = unit.column(1), n = unit.column(2), u = unit.column(3);
    const auto dn = through_tanh(less(dh, dh, z), n);
    unit.set_du(0, through_sigmoid(times(dn, u), r));
    unit.set_du(1, through_sigmoid(times(dh, hn::Sub(hn::LoadU(d, unit.state), n)), z));
    unit.set_du(2, times(dn, r));
    hn::StoreU(dn, d, unit.dx_new);
    set_first<Real>(times(dh, z), unit.dh, unit.n);
  }
}

// Arrays of one share in working memory, (units, ld).
template <class Real>
struct BackwardLanes {
  Real *dh, *dc, *dout, *state, *c_before, *c_first, *dx_new, *du, *zeros;
  Bf16Pair* packed;
};

// One step of one share: at time t its first `lanes` rows run, of which `going_on` ran the step before.
struct Moment {
  int64_t t, before, lanes, going_on;
};

// What the step started from, for each lane that runs: the step before's result, or the first state.
template <class Real>
HWY_INLINE void load_old_state(const RecurrentBackward<Real>& call, const LaneRows& share, const Moment& now,
                               const BackwardLanes<Real>& a) {
  const int64_t H = call.shape.H, B = call.shape.B, ld = share.ld;
  const auto old_h = [&](int64_t i) -> const Real* {
    if (i < now.going_on) return call.out.at(now.before, share.rows[i]);
    return call.first.h ? call.first.h + share.rows[i] * H : a.zeros;
  };
  if (call.cell == Cell::gru) to_lanes(share, now.lanes, H, old_h, a.state);
  if (call.before.data)
    for (int64_t i = 0; i < now.lanes; ++i) std::copy_n(old_h(i), H, call.before.at(now.t, share.rows[i]));
  if (call.cell != Cell::lstm) return;
  const Real* c = call.saved + (now.before * saved_columns(call.cell) + 4) * H * B + share.first;
  std::copy_n(a.c_first, H * ld, a.c_before);
  for (int64_t j = 0; now.going_on > 0 && j < H; ++j) std::copy_n(c + j * B, now.going_on, a.c_before + j * ld);
}

// dh += W_hh^T du, in slices of W_hh that keep du in the first cache.
template <class Real>
HWY_INLINE void project_back(const RecurrentBackward<Real>& call, const LaneRows& share, int64_t lanes,
                             const BackwardLanes<Real>& a) {
  constexpr int64_t kSlice = 128;
  const int64_t H = call.shape.H, G = gates_of(call.cell) * H, ld = share.ld;
  if constexpr (std::is_same_v<Real, float>)
    if (call.packed.data) {
      const int64_t used = whole_vectors<Real>(lanes);
      const Columns<Bf16Pair> du = pack_columns({a.du, ld, false}, used, G, a.packed);
      return multiply(H, used, G, call.packed, du, 1, a.dh, ld);
    }
  for (int64_t k = 0; k < G; k += kSlice)
    tile_product(H, whole_vectors<Real>(lanes), std::min(kSlice, G - k),
                 Rows<Real>::across(call.weights.w_hh + k * H, H), a.du + k * ld, ld, Real(1), a.dh, ld);
}

template <class Real>
HWY_INLINE void write_gradients(const RecurrentBackward<Real>& call, const LaneRows& share, const Moment& now,
                                const BackwardLanes<Real>& a) {
  const int64_t H = call.shape.H, G = gates_of(call.cell) * H, joined = call.cell == Cell::gru ? 2 * H : G;
  const auto dgates = [&](int64_t i) { return call.dgates.at(now.t, share.rows[i]); };
  to_rows(share, now.lanes, joined, a.du, dgates);
  if (joined == G) return;
  to_rows(share, now.lanes, H, a.dx_new, [&](int64_t i) { return dgates(i) + joined; });
  if (call.du_new.data)
    to_rows(share, now.lanes, H, a.du + joined * share.ld,
            [&](int64_t i) { return call.du_new.at(now.t, share.rows[i]); });
}

// All units of the share, one after the other.
template <Cell cell, class Real>
HWY_NOINLINE void step_units_backward(const RecurrentBackward<Real>& call, const LaneRows& share, const Moment& now,
                                      const BackwardLanes<Real>& a) {
  constexpr bool kSaves = saved_columns(cell) > 0;
  const int64_t H = call.shape.H, B = call.shape.B, ld = share.ld;
  const Real* saved = kSaves ? call.saved + now.t * saved_columns(cell) * H * B + share.first : nullptr;
  for (int64_t j = 0; j < H; ++j)
    for (int64_t i = 0; i < now.lanes; i += kLanes<Real>) {
      const int64_t place = j * ld + i;
      step_backward<cell>(BackwardUnit<Real>{kSaves ? saved + j * B + i : nullptr, H * B, a.dout + place,
                                             a.state + place, a.c_before + place, a.dh + place, a.dc + place,
                                             a.du + place, H * ld, a.dx_new + place, now.lanes - i});
    }
}

// db += du, summed over each kLaneMultiple lanes.
template <class Real>
HWY_INLINE void add_bias_gradient(const RecurrentBackward<Real>& call, const LaneRows& share, int64_t lanes,
                                  const Real* du, Real* db) {
  const Tag<Real> d;
  const int64_t width = gates_of(call.cell) * call.shape.H;
  for (int64_t first = 0; first < lanes; first += kLaneMultiple, db += width)
    for (int64_t j = 0; j < width; ++j) {
      auto sum = hn::Zero(d);
      for (int64_t i = first; i < std::min(lanes, first + kLaneMultiple); i += kLanes<Real>)
        sum = hn::Add(sum, hn::LoadU(d, du + j * share.ld + i));
      db[j] += hn::GetLane(hn::SumOfLanes(d, sum));
    }
}

template <class Real>
void run_step_backward(const RecurrentBackward<Real>& call, const LaneRows& share, const Moment& now,
                       const BackwardLanes<Real>& a, Real* db) {
  const int64_t H = call.shape.H;
  load_old_state(call, share, now, a);
  if (call.cell == Cell::rnn_tanh || call.cell == Cell::rnn_relu)
    to_lanes(
        share, now.lanes, H, [&](int64_t i) { return call.out.at(now.t, share.rows[i]); }, a.state);
  if (call.dout.data)
    to_lanes(
        share, now.lanes, H, [&](int64_t i) { return call.dout.at(now.t, share.rows[i]); }, a.dout);
  switch (call.cell) {
    case Cell::rnn_tanh: step_units_backward<Cell::rnn_tanh>(call, share, now, a); break;
    case Cell::rnn_relu: step_units_backward<Cell::rnn_relu>(call, share, now, a); break;
    case Cell::lstm: step_units_backward<Cell::lstm>(call, share, now, a); break;
    case Cell::gru: step_units_backward<Cell::gru>(call, share, now, a); break;
  }
  if (db) add_bias_gradient(call, share, now.lanes, a.du, db);
  project_back(call, share, now.lanes, a);
  write_gradients(call, share, now, a);
}

// Rows that rest at step t.
template <class Real>
HWY_INLINE void write_zeros(const RecurrentBackward<Real>& call, const LaneRows& share, int64_t t) {
  const int64_t H = call.shape.H;
  for (int64_t i = running(share, t); i < share.count; ++i) {
    const int64_t b = share.rows[i];
    std::fill_n(call.dgates.at(t, b), gates_of(call.cell) * H, Real(0));
    if (call.before.data) std::fill_n(call.before.at(t, b), H, Real(0));
    if (call.du_new.data) std::fill_n(call.du_new.at(t, b), H, Real(0));
  }
}

template <class Real>
void run_share_backward(const RecurrentBackward<Real>& call, const LaneRows& share, Real* db, Real* scratch) {
  const int64_t H = call.shape.H, size = H * share.ld, G = gates_of(call.cell), steps = steps_of(share);
  BackwardLanes<Real> a;
  Real** const units[] = {&a.dh, &a.dc, &a.dout, &a.state, &a.c_before, &a.c_first, &a.dx_new};
  for (Real** x : units) *x = scratch, scratch += size;
  a.du = scratch, a.zeros = scratch + G * size;
  a.packed = reinterpret_cast<Bf16Pair*>(a.zeros + H);
  std::fill_n(a.zeros, H, Real(0));
  if (!call.dout.data) std::fill_n(a.dout, size, Real(0));
  if (db) std::fill_n(db, (share.count + kLaneMultiple - 1) / kLaneMultiple * G * H, Real(0));
  load_state(share, H, call.dlast.h, a.dh);
  load_state(share, H, call.dlast.c, a.dc);
  if (call.cell == Cell::lstm) load_state(share, H, call.first.c, a.c_first);
  for (int64_t s = steps - 1; s >= 0; --s) {
    const int64_t t = call.reverse ? steps - 1 - s : s, before = s == 0 ? t : call.reverse ? t + 1 : t - 1;
    const int64_t lanes = running(share, t), going_on = s == 0 ? 0 : std::min(lanes, running(share, before));
    run_step_backward(call, share, Moment{t, before, lanes, going_on}, a, db);
  }
  for (int64_t t = 0; t < call.shape.T; ++t) write_zeros(call, share, t);
  store_state(share, H, a.dh, call.dfirst.h);
  store_state(share, H, a.dc, call.dfirst.c);
}

auto run_share_backward_both() { return Both{run_share_backward<float>, run_share_backward<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(run_share_backward_both);

template <class Real>
void run_backward(const RecurrentBackward<Real>& call, const LaneRows& share, Real* db, Real* scratch) {
  HWY_DYNAMIC_DISPATCH(run_share_backward_both)().template get<Real>()(call, share, db, scratch);
}
HEED_FOR_BOTH(run_backward)

}  // namespace heed::kernels
#endif
