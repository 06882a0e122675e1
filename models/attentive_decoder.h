// The recurrence of a decoder that looks back at its source before each step: Bahdanau et al. 2014, appendix
// A.2.2.
#pragma once

#include <vector>

#include <heed/autograd/ops.h>

namespace heed::models {

/// Sizes: B batch, T target time, S source time, H hidden, G gates of the cell, A width of queries, D width
/// of values.
struct AttentiveInputs {
  Tensor gates;      ///< (T, B, G H): what the cell reads besides the context, projected, with its bias
  Tensor w_context;  ///< (G H, D): how the cell reads the context
  Tensor w_hh;       ///< (G H, H)
  Tensor b_hh;       ///< (G H)
  Tensor w_query;    ///< (A, H): the query of a step is w_query h_{t-1}
  Tensor score;      ///< (A)
  Tensor keys;       ///< (B, S, A)
  Tensor values;     ///< (B, S, D)
  Tensor h0;         ///< (B, H)
  Tensor c0 = {};    ///< (B, H), LSTM only
  Tensor mask = {};  ///< (B, S) boolean, true where the source may be looked at; undefined: everywhere
};

/// For each t
///   context_t = sum_s softmax_s(score . tanh(w_query h_{t-1} + key_s)) value_s
///   h_t, c_t  = cell(gates_t + w_context context_t, h_{t-1}, c_{t-1})
/// Returns [h_t; context_t], (T, B, H + D). All dtypes equal, f32 or f64.
/// One op over all steps: each weight's gradient is one product over T B rows, and those of keys and values
/// are summed in place, where step by step there would be T of each to add up.
Tensor attentive_decoder(Cell cell, const AttentiveInputs& in);

/// The same from recorded ops, step by step.
Tensor attentive_decoder_by_steps(Cell cell, const AttentiveInputs& in);

}  // namespace heed::models
