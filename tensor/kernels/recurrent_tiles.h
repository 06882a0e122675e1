// Recurrent work in shares that one thread takes, written for the machine's vectors. recurrent.cpp hands them
// out.
#pragma once

#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/recurrent.h>

namespace heed::kernels {

// A share is some rows of the batch, side by side in vector lanes: states are held transposed, units down and
// rows across. Then W_hh h reads W_hh as it lies, and gates are whole vectors whatever H is.
//
// Rows are taken in order of length, longest first, so that those still running at any step are the share's
// first lanes.
struct LaneRows {
  const int64_t* rows;     // the share's rows of the batch
  const int64_t* lengths;  // steps of each
  int64_t first, count;    // of the share in the order of all rows
  int64_t ld;              // columns of the transposed arrays: count in whole vectors of every machine
};

constexpr int64_t kLaneMultiple = 16;
constexpr int64_t kLargestShare = 32;  // a pair of AVX-512 vectors

/// Gate-sized columns of the saved array, whose layout is (T, columns, H, B), rows in the order above.
constexpr int64_t saved_columns(Cell cell) { return recurrent_saved_size(cell, {1, 1, 1}); }

template <class Real>
struct RecurrentForward {
  Cell cell;
  RecurrentShape shape;
  Strided<const Real, 2> gates;
  CellWeights<Real> weights;
  CellState<const Real> first;
  bool reverse;
  Strided<Real, 2> out;
  CellState<Real> last;
  Real* saved;
  // Where products read bf16, W_hh's rows: those whose product is added to x, and a gru's others. Else data is null.
  Rows<Bf16Pair> packed = {}, packed_new = {};
};

/// Elements of working memory that run needs.
constexpr int64_t forward_scratch(Cell cell, int64_t H) {
  return (gates_of(cell) + 3) * H * kLargestShare + columns_size<Bf16Pair>(kLargestShare, H);
}

/// All steps of one share.
template <class Real>
void run(const RecurrentForward<Real>& call, const LaneRows& share, Real* scratch);

template <class Real>
struct RecurrentBackward {
  Cell cell;
  RecurrentShape shape;
  CellWeights<Real> weights;
  CellState<const Real> first;
  bool reverse;
  Strided<const Real, 2> out;
  const Real* saved;
  Strided<const Real, 2> dout;
  CellState<const Real> dlast;
  Strided<Real, 2> dgates;
  CellState<Real> dfirst;
  Strided<Real, 2> before;     // (T, B, H): gets the h that each step started from, 0 where a row rests; null data:
                               // not wanted
  Strided<Real, 2> du_new;     // (T, B, H), of a gru: gets the gradient of u_n, which is not that of x_n
  Rows<Bf16Pair> packed = {};  // where products read bf16, W_hh's transpose
};

constexpr int64_t backward_scratch(Cell cell, int64_t H) {
  return (2 * gates_of(cell) + 7) * H * kLargestShare + H + columns_size<Bf16Pair>(kLargestShare, gates_of(cell) * H);
}

/// All steps of one share, last to first. Unless null, db (n, G H) gets the sums of the gradients of W_hh h + b_hh, a
/// row for every kLaneMultiple lanes.
template <class Real>
void run_backward(const RecurrentBackward<Real>& call, const LaneRows& share, Real* db, Real* scratch);

}  // namespace heed::kernels
