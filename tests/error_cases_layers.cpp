// Wrong calls of the ops that layers are made of: embedding, norms, attention, recurrent cells; and of losses.
#include <cmath>
#include <functional>

#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "error_cases.h"

namespace heed::tests {
namespace {

std::vector<ErrorCase> layers() {
  const AttentionOptions masked{.mask = flags({1, 5})};
  return {
      refuses<IndexError>("embedding: index 4 is out of range; need 0 <= index < 4",
                          [] {
                            embedding(tensor({1, 4}), real({4, 2}));
                          }),
      refuses<ShapeError>("embedding: the weight has shape (4); need (V, C)",
                          [] { embedding(tensor({1}), real({4})); }),
      refuses<DTypeError>("embedding: the index is f32; need i64: cast it with .to(i64)",
                          [] {
                            embedding(real({1}), real({4, 2}));
                          }),
      refuses<ValueError>("dropout: probability 1.5; need 0 <= p <= 1",
                          [] {
                            Rng rng(1);
                            dropout(real({2}), 1.5, rng);
                          }),
      refuses<ShapeError>("layer_norm: the weight has shape (2); need (3), the input's last axis",
                          [] {
                            layer_norm(real({2, 3}), real({2}));
                          }),
      refuses<ShapeError>("layer_norm: input has shape (); need rank 1 or more", [] { layer_norm(real({})); }),
      refuses<ShapeError>("rms_norm: the weight has shape (1, 3); need (3), the input's last axis",
                          [] {
                            rms_norm(real({2, 3}), real({1, 3}));
                          }),
      refuses<ShapeError>(
          "scaled_dot_product_attention: q (2, 3) and k (2, 4) differ in width; need q.shape[-1] == k.shape[-1]",
          [] {
            scaled_dot_product_attention(real({2, 3}), real({2, 4}), real({2, 3}));
          }),
      refuses<ShapeError>(
          "scaled_dot_product_attention: k (2, 3) and v (4, 3) differ in length; need k.shape[-2] == v.shape[-2]",
          [] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({4, 3}));
          }),
      refuses<DTypeError>(
          "scaled_dot_product_attention: the mask is i64; need boolean, as mask != 0 is, or f32 that is added "
          "to the scores",
          [] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.mask = ones({2, 2}, i64)});
          }),
      refuses<ShapeError>(
          "scaled_dot_product_attention: the mask (1, 5) does not broadcast to (2, 2); need sizes of 1 or equal, "
          "aligned at the right",
          [=] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), masked);
          }),
      refuses<DTypeError>("rope_angles: positions is f32; need i64: cast it with .to(i64)",
                          [] {
                            rope(real({2, 4}), real({2}));
                          }),
      refuses<ValueError>("rope_angles: a width of 3; need an even number, since columns turn in pairs",
                          [] {
                            rope(real({2, 3}), tensor({0, 1}));
                          }),
      refuses<DTypeError>("rope_angles: dtype is i64; need f32 or f64",
                          [] {
                            rope_angles(tensor({0, 1}), 4, {}, i64);
                          }),
      refuses<ValueError>("rope_angles: base 0; need a number above 0",
                          [] {
                            rope(real({2, 4}), tensor({0, 1}), {.base = 0});
                          }),
      refuses<ValueError>(
          "rope_angles: a scaling of factor 0, original context 0, 1 to 4 turns; need a factor above 0, a "
          "context of at least 0, and rising turns",
          [] {
            rope(real({2, 4}), tensor({0, 1}), {.scaling = {.factor = 0}});
          }),
      refuses<ShapeError>("rope: angles of 3 pairs for an input (2, 4); need at most 2, half its last axis",
                          [] {
                            rope(real({2, 4}), rope_angles(tensor({0, 1}), 6));
                          }),
      refuses<ShapeError>("rope: shapes (2, 1) and (2, 2) differ; need equal shapes",
                          [] {
                            rope(real({2, 4}), {real({2, 1}), real({2, 2})});
                          }),
      refuses<ShapeError>("scaled_dot_product_attention: 4 heads of q and 3 of k and v; need a multiple",
                          [] {
                            scaled_dot_product_attention(real({1, 4, 2, 3}), real({1, 3, 2, 3}), real({1, 3, 2, 3}));
                          }),
      refuses<ValueError>(
          "scaled_dot_product_attention: a window of 0 keys; need at least 1, and causal",
          [] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.causal = true, .window = 0});
          }),
      refuses<ValueError>(
          "scaled_dot_product_attention: a window of 2 keys that is not causal; need at least 1, and causal",
          [] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.window = 2});
          }),
      refuses<ValueError>(
          "scaled_dot_product_attention: causal_offset 1099511627777; need at most 2^40 keys, before or after",
          [=] {
            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}),
                                         {.causal = true, .causal_offset = (int64_t(1) << 40) + 1});
          }),
      refuses<ValueError>("scaled_dot_product_attention: softcap -1; need a number above 0, or 0 for none",
                          [] {
                            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.softcap = -1});
                          }),
      refuses<ValueError>("scaled_dot_product_attention: dropout 1; need 0 <= dropout < 1",
                          [] {
                            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.dropout = 1});
                          }),
      refuses<ValueError>("scaled_dot_product_attention: dropout 0.5 without a generator; need options.rng",
                          [] {
                            scaled_dot_product_attention(real({2, 3}), real({2, 3}), real({2, 3}), {.dropout = 0.5});
                          }),
      refuses<ShapeError>(
          "packed_self_attention: the input (1, 2, 9) does not split into q, k and v of 2 heads; need (B, T, 3 C) "
          "with C a multiple of 2",
          [] {
            packed_self_attention(real({1, 2, 9}), 2);
          }),
      refuses<ValueError>("packed_self_attention: a mask; need none (causal alone), or scaled_dot_product_attention",
                          [=] {
                            packed_self_attention(real({1, 2, 12}), 2, masked);
                          }),
  };
}

std::vector<ErrorCase> attentive() {
  const auto refused = [](Cell cell, const std::function<void(AttentiveInputs&)>& spoil, Loc loc = Loc::current()) {
    AttentiveInputs in{.gates = real({1, 1, 6}),
                       .w_context = real({6, 5}),
                       .w_hh = real({6, 2}),
                       .b_hh = real({6}),
                       .w_query = real({3, 2}),
                       .score = real({3}),
                       .keys = real({1, 4, 3}),
                       .values = real({1, 4, 5}),
                       .h0 = real({1, 2})};
    spoil(in);
    attentive_decoder(cell, in, loc);
  };
  return {
      refuses<DTypeError>("attentive_decoder: gates is i64; need f32 or f64: cast it with .to(f32)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) { in.gates = tensor({1}); }); }),
      refuses<ShapeError>("attentive_decoder: w_hh has shape (4, 2); need (3 H, H)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.w_hh = real({4, 2});
                                }); }),
      refuses<ShapeError>("attentive_decoder: gates have shape (0, 1, 5); need (T, B, 6)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.gates = real({0, 1, 5});
                                }); }),
      refuses<ShapeError>("attentive_decoder: keys have shape (4, 3); need (B, S, A)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.keys = real({4, 3});
                                }); }),
      refuses<ShapeError>("attentive_decoder: values have shape (4, 5); need (B, S, D)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.values = real({4, 5});
                                }); }),
      refuses<ShapeError>("attentive_decoder: values has shape (1, 2, 5); need (1, 4, 5)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.values = real({1, 2, 5});
                                }); }),
      refuses<ShapeError>("attentive_decoder: w_context has shape (6, 4); need (6, 5)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.w_context = real({6, 4});
                                }); }),
      refuses<DTypeError>("attentive_decoder: w_query is f64; need f32: cast it with .to(f32)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.w_query = real({3, 2}).to(f64);
                                }); }),
      refuses<ShapeError>("attentive_decoder: c0 has shape (2, 2); need (1, 2)",
                          [=] {
                            refused(Cell::lstm, [](AttentiveInputs& in) {
                              in.w_hh = real({8, 2}), in.gates = real({1, 1, 8}), in.w_context = real({8, 5}),
                              in.b_hh = real({8}), in.c0 = real({2, 2});
                            });
                          }),
      refuses<ValueError>("attentive_decoder: c0 is given; need none, as only an LSTM has a cell state",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.c0 = real({1, 2});
                                }); }),
      refuses<DTypeError>("attentive_decoder: mask is f32; need boolean: x != 0",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) {
                                  in.mask = real({1, 4});
                                }); }),
      refuses<ShapeError>("attentive_decoder: mask has shape (4); need (1, 4)",
                          [=] { refused(Cell::gru, [](AttentiveInputs& in) { in.mask = lt(arange(4), 2); }); }),
  };
}

std::vector<ErrorCase> recurrent_and_additive() {
  const auto run = [](const Shape& gates, const Shape& w_hh, const Tensor& c0, const Tensor& lengths,
                      Loc loc = Loc::current()) {
    recurrent(Cell::gru, real(gates), real(w_hh), {}, {}, c0, {.lengths = lengths}, loc);
  };
  const auto attend = [](const Shape& query, const Shape& keys, const Shape& score, const Shape& values,
                         Loc loc = Loc::current()) {
    additive_attention(real(query), real(keys), real(score), real(values), {}, loc);
  };
  return {
      refuses<ShapeError>("recurrent: w_hh has shape (4, 2); need (3 H, H)",
                          [=] {
                            run({2, 1, 6}, {4, 2}, {}, {});
                          }),
      refuses<ShapeError>("recurrent: gates have shape (2, 1, 5); need (T, B, 6)",
                          [=] {
                            run({2, 1, 5}, {6, 2}, {}, {});
                          }),
      refuses<ShapeError>("recurrent: c0 has shape (3, 2); need (1, 2)",
                          [] {
                            recurrent(Cell::lstm, real({2, 1, 8}), real({8, 2}), {}, {}, real({3, 2}));
                          }),
      refuses<ValueError>("recurrent: c0 is given; need none, as only an LSTM has a cell state",
                          [=] {
                            run({2, 1, 6}, {6, 2}, real({1, 2}), {});
                          }),
      refuses<ValueError>("recurrent: a length of 3; need 0 to 2",
                          [=] {
                            run({2, 1, 6}, {6, 2}, {}, tensor({3}));
                          }),
      refuses<DTypeError>("recurrent: lengths is f32; need i64: cast it with .to(i64)",
                          [=] {
                            run({2, 1, 6}, {6, 2}, {}, real({1}));
                          }),
      refuses<ShapeError>("additive_attention: query has shape (2, 3); need (B, T, A)",
                          [=] {
                            attend({2, 3}, {1, 2, 3}, {3}, {1, 2, 3});
                          }),
      refuses<ShapeError>("additive_attention: keys have shape (2, 3); need (B, S, A)",
                          [=] {
                            attend({1, 2, 3}, {2, 3}, {3}, {1, 2, 3});
                          }),
      refuses<ShapeError>("additive_attention: values have shape (2, 3); need (B, S, D)",
                          [=] {
                            attend({1, 2, 3}, {1, 2, 3}, {3}, {2, 3});
                          }),
      refuses<ShapeError>("additive_attention: query (1, 2, 3) and keys (1, 2, 4) do not fit; need equal B and A",
                          [=] {
                            attend({1, 2, 3}, {1, 2, 4}, {3}, {1, 2, 3});
                          }),
      refuses<ShapeError>("additive_attention: keys (1, 2, 3) and values (1, 4, 3) do not fit; need equal B and S",
                          [=] {
                            attend({1, 2, 3}, {1, 2, 3}, {3}, {1, 4, 3});
                          }),
      refuses<ShapeError>("additive_attention: score has shape (4); need (3)",
                          [=] {
                            attend({1, 2, 3}, {1, 2, 3}, {4}, {1, 2, 3});
                          }),
  };
}

std::vector<ErrorCase> losses() {
  return {
      refuses<ShapeError>("cross_entropy: weight has shape (2); need (3), one for each class",
                          [] {
                            cross_entropy(real({2, 3}), real({2, 3}), {.weight = real({2})});
                          }),
      refuses<ShapeError>("nll_loss: weight has shape (2); need (3), one for each class",
                          [] {
                            nll_loss(real({2, 3}), whole({2}), {.weight = real({2})});
                          }),
      refuses<ShapeError>("cross_entropy: targets are f32 (3, 2) and logits (2, 3); need i64 class indices, or "
                          "probabilities of the logits' shape",
                          [] {
                            cross_entropy(real({2, 3}), real({3, 2}));
                          }),
      refuses<ValueError>("cross_entropy: ignore_index 0 beside probabilities; need class indices, or the default -1",
                          [] {
                            cross_entropy(real({2, 3}), real({2, 3}), {.ignore_index = 0});
                          }),
      refuses<ShapeError>("l1_loss: shapes (2) and (3) differ; need equal shapes",
                          [] { l1_loss(real({2}), real({3})); }),
      refuses<ValueError>("huber_loss: delta is 0; need a number above 0",
                          [] { huber_loss(real({2}), real({2}), Reduction::mean, 0); }),
      refuses<ValueError>("smooth_l1_loss: beta is -1; need a number of at least 0",
                          [] { smooth_l1_loss(real({2}), real({2}), Reduction::mean, -1); }),
      refuses<DTypeError>(
          "kl_div: dtypes differ: f32 and f64; need equal dtypes: cast one with .to(f64) or the other with .to(f32)",
          [] { kl_div(real({2}), ones({2}, f64)); }),
      refuses<ValueError>("binary_cross_entropy: a probability outside [0, 1] in x; need probabilities, or "
                          "binary_cross_entropy_with_logits",
                          [] { binary_cross_entropy(real({2}) * 2, real({2})); }),
      refuses<ShapeError>(
          "binary_cross_entropy_with_logits: pos_weight has shape (2, 3); need one that broadcasts to (3)",
          [] {
            binary_cross_entropy_with_logits(real({3}), real({3}), {.pos_weight = real({2, 3})});
          }),
  };
}

}  // namespace

std::vector<ErrorCase> layer_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {layers, attentive, recurrent_and_additive, losses})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

}  // namespace heed::tests
