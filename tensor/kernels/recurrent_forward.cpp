// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/recurrent_tiles.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/recurrent_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/recurrent_lanes-inl.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// One unit in one vector of lanes, of which the first n run. Arrays are at the unit's place: gate k of the
// unit is `gate` further on. u holds x + W_hh h, but for a gru's n, which holds W_hh h alone, with its x in
// x_new.
template <class Real>
struct Unit {
  const Real* u;
  int64_t gate;
  const Real* x_new;
  const Real* bias;  // null, or gate k's at k * H
  int64_t H;
  Real* h;
  Real* c;
  Real* saved;  // null, or column k at k * saved_column
  int64_t saved_column, n;

  Vec<Real> sum(int64_t k) const {
    const Tag<Real> d;
    const auto x = hn::LoadU(d, u + k * gate);
    return bias ? hn::Add(x, hn::Set(d, bias[k * H])) : x;
  }
  void save(int64_t column, Vec<Real> x) const {
    if (saved) store_first<Real>(x, saved + column * saved_column, n);
  }
};

template <Cell cell, class Real>
HWY_INLINE void step(const Unit<Real>& unit) {
  const Tag<Real> d;
  if constexpr (cell == Cell::rnn_tanh) {
    set_first<Real>(tanh(unit.sum(0)), unit.h, unit.n);
  } else if constexpr (cell == Cell::rnn_relu) {
    const auto x = unit.sum(0);
    set_first<Real>(hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x), unit.h, unit.n);  // NaN stays
  } else if constexpr (cell == Cell::lstm) {
    const auto i = sigmoid(unit.sum(0)), f = sigmoid(unit.sum(1)), g = tanh(unit.sum(2)), o = sigmoid(unit.sum(3));
    const auto c = hn::MulAdd(f, hn::LoadU(d, unit.c), hn::Mul(i, g));
    set_first<Real>(c, unit.c, unit.n);
    set_first<Real>(hn::Mul(o, tanh(c)), unit.h, unit.n);
    unit.save(0, i), unit.save(1, f), unit.save(2, g), unit.save(3, o), unit.save(4, c);
  } else {
    const auto r = sigmoid(unit.sum(0)), z = sigmoid(unit.sum(1)), u = unit.sum(2);
    const auto n = tanh(hn::MulAdd(r, u, hn::LoadU(d, unit.x_new)));
    set_first<Real>(hn::MulAdd(z, hn::Sub(hn::LoadU(d, unit.h), n), n), unit.h, unit.n);
    unit.save(0, r), unit.save(1, z), unit.save(2, n), unit.save(3, u);
  }
}

// Arrays of one share in working memory, (units, ld).
template <class Real>
struct Lanes {
  Real *h, *c, *u, *x_new;
  Bf16Pair* packed;
};

// u = x + W_hh h over the lanes in use.
template <class Real>
HWY_INLINE void project(const RecurrentForward<Real>& call, const LaneRows& share, int64_t t, int64_t lanes,
                        const Lanes<Real>& a) {
  const int64_t H = call.shape.H, G = gates_of(call.cell) * H, ld = share.ld, used = whole_vectors<Real>(lanes);
  const auto x = [&](int64_t i) { return call.gates.at(t, share.rows[i]); };
  const int64_t joined = call.cell == Cell::gru ? 2 * H : G;
  to_lanes(share, lanes, joined, x, a.u);
  if constexpr (std::is_same_v<Real, float>)
    if (call.packed.data) {
      const Columns<Bf16Pair> h = pack_columns({a.h, ld, false}, used, H, a.packed);
      multiply(joined, used, H, call.packed, h, 1, a.u, ld);
      if (joined < G) multiply(H, used, H, call.packed_new, h, 0, a.u + joined * ld, ld);
    }
  if (!call.packed.data)
    tile_product(joined, used, H, Rows<Real>::along(call.weights.w_hh, H), a.h, ld, Real(1), a.u, ld);
  if (joined == G) return;
  to_lanes(
      share, lanes, H, [&](int64_t i) { return x(i) + joined; }, a.x_new);
  if (!call.packed.data)
    tile_product(H, used, H, Rows<Real>::along(call.weights.w_hh + joined * H, H), a.h, ld, Real(0), a.u + joined * ld,
                 ld);
}

// All units of the share, one after the other.
template <Cell cell, class Real>
HWY_NOINLINE void step_units(const RecurrentForward<Real>& call, const LaneRows& share, int64_t t, int64_t lanes,
                             const Lanes<Real>& a) {
  const int64_t H = call.shape.H, B = call.shape.B, ld = share.ld;
  Real* saved = call.saved ? call.saved + t * saved_columns(cell) * H * B + share.first : nullptr;
  for (int64_t j = 0; j < H; ++j)
    for (int64_t i = 0; i < lanes; i += kLanes<Real>) {
      const int64_t place = j * ld + i;
      step<cell>(Unit<Real>{a.u + place, H * ld, a.x_new + place, call.weights.b_hh ? call.weights.b_hh + j : nullptr,
                            H, a.h + place, a.c + place, saved ? saved + j * B + i : nullptr, H * B, lanes - i});
    }
}

template <class Real>
void run_step(const RecurrentForward<Real>& call, const LaneRows& share, int64_t t, int64_t lanes,
              const Lanes<Real>& a) {
  project(call, share, t, lanes, a);
  switch (call.cell) {
    case Cell::rnn_tanh: step_units<Cell::rnn_tanh>(call, share, t, lanes, a); break;
    case Cell::rnn_relu: step_units<Cell::rnn_relu>(call, share, t, lanes, a); break;
    case Cell::lstm: step_units<Cell::lstm>(call, share, t, lanes, a); break;
    case Cell::gru: step_units<Cell::gru>(call, share, t, lanes, a); break;
  }
  to_rows(share, lanes, call.shape.H, a.h, [&](int64_t i) { return call.out.at(t, share.rows[i]); });
}

template <class Real>
void run_share(const RecurrentForward<Real>& call, const LaneRows& share, Real* scratch) {
  const int64_t H = call.shape.H, size = H * share.ld, steps = steps_of(share), gates = gates_of(call.cell);
  const Lanes<Real> a{scratch, scratch + size, scratch + 2 * size, scratch + (2 + gates) * size,
                      reinterpret_cast<Bf16Pair*>(scratch + (3 + gates) * size)};
  load_state(share, H, call.first.h, a.h);
  load_state(share, H, call.first.c, a.c);
  std::fill_n(a.u, (gates + 1) * size, Real(0));  // idle lanes too go through the arithmetic
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t t = call.reverse ? steps - 1 - s : s;
    run_step(call, share, t, running(share, t), a);
  }
  for (int64_t t = 0; t < call.shape.T; ++t)
    for (int64_t i = running(share, t); i < share.count; ++i) std::fill_n(call.out.at(t, share.rows[i]), H, Real(0));
  store_state(share, H, a.h, call.last.h);
  store_state(share, H, a.c, call.last.c);
}

auto run_share_both() { return Both{run_share<float>, run_share<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(run_share_both);

template <class Real>
void run(const RecurrentForward<Real>& call, const LaneRows& share, Real* scratch) {
  HWY_DYNAMIC_DISPATCH(run_share_both)().template get<Real>()(call, share, scratch);
}
HEED_FOR_BOTH(run)

}  // namespace heed::kernels
#endif
