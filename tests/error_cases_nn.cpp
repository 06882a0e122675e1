// Modules of sizes that make no sense, and inputs that do not fit them.
#include <cmath>
#include <span>

#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/compressed.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/init.h>
#include <heed/nn/linear.h>
#include <heed/nn/lora.h>
#include <heed/nn/mask.h>
#include <heed/nn/norm.h>
#include <heed/nn/parameters_file.h>
#include <heed/nn/position.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "error_cases.h"

namespace heed::tests {
namespace {

/// A call that gets the root of a fresh store.
template <class F>
std::function<void()> in_store(F f, Loc loc = Loc::current()) {
  return [f, loc] {
    nn::Parameters params(1);
    f(nn::Scope(params, loc));
  };
}

/// A draw of a tensor's first values.
std::function<void()> filled(const nn::Init& init) {
  return [init] {
    Rng rng(1);
    init(real({2, 2}), rng);
  };
}

using nn::Scope;

std::vector<ErrorCase> names() {
  return {
      refuses<DTypeError>("Parameters: dtype is i64; need f32 or f64",
                          [] {
                            Rng rng(1);
                            nn::Parameters params(rng, i64);
                          }),
      refuses<FileError>(
          "load: 'file' does not fit the model: missing 'w' (2); need every parameter once, in its shape",
          [] {
            Rng rng(1);
            nn::Parameters params(rng);
            nn::Scope(params).param("w", {2}, nn::init::zeros());
            nn::load_parameters(nn::slots_of(params), {"file", {}});
          }),
      refuses<FileError>("load: 'b' has tensor 'w', which another file has too; need every name once",
                         [] {
                           static const std::string bytes = std::string("6\0\0\0\0\0\0\0", 8) +
                                                            R"({"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})";
                           nn::StoredTensors stored;
                           for (const char* name : {"a", "b"})
                             stored.add(std::make_shared<const SafetensorsFile>(std::as_bytes(std::span(bytes)), name));
                         }),
      refuses<ValueError>("param: \"a.\" is no name; need text that neither begins nor ends with a dot",
                          in_store([](Scope s) { s.param("a.", {1}, nn::init::zeros()); })),
      refuses<ValueError>("param: the name \"w\" is taken; need a new one, or another scope", in_store([](Scope s) {
                            s.param("w", {1}, nn::init::zeros());
                            s.param("w", {1}, nn::init::zeros());
                          })),
      refuses<ValueError>("tie: the tensor for \"w\" is no parameter of this store; need one that param() returned",
                          in_store([](Scope s) { s.tie("w", real({1})); })),
      refuses<ValueError>(
          "Parameters: no parameter \"wait\"; need a name of this store: the closest of 1 names: weight",
          [] {
            Rng rng(1);
            nn::Parameters params(rng);
            nn::Scope(params).param("weight", {1}, nn::init::zeros());
            params.at("wait");
          }),
  };
}

std::vector<ErrorCase> sizes() {
  return {
      refuses<ValueError>("Linear: 0 -> 3 features; need at least 1 of each",
                          in_store([](Scope s) { nn::Linear(s, 0, 3); })),
      refuses<ValueError>("Embedding: 4 tokens of width 0; need at least 1 of each",
                          in_store([](Scope s) { nn::Embedding(s, 4, 0); })),
      refuses<IndexError>("Embedding: padding_idx is 4; need a token in [0, 4)",
                          in_store([](Scope s) { nn::Embedding(s, 4, 2, 4); })),
      refuses<ValueError>("LayerNorm: width is 0; need at least 1", in_store([](Scope s) { nn::LayerNorm(s, 0); })),
      refuses<ValueError>("RMSNorm: eps is -1; need at least 0", in_store([](Scope s) { nn::RMSNorm(s, 2, -1); })),
      refuses<ValueError>("Dropout: dropout is 1.5; need a probability in [0, 1]",
                          in_store([](Scope s) { nn::Dropout(s, 1.5); })),
      refuses<ValueError>("LSTM: 0 -> 3 units; need at least 1 of each", in_store([](Scope s) { nn::LSTM(s, 0, 3); })),
      refuses<ValueError>("GRU: 0 layers; need at least 1",
                          in_store([](Scope s) { nn::GRU(s, 2, 3, {.num_layers = 0}); })),
      refuses<ValueError>("Lora in l: rank 0; need at least 1", in_store([](Scope sc) {
                            nn::Parameters p(1);
                            nn::Linear layer(p / "l", 2, 2);
                            nn::Lora(p, layer, {.rank = 0}, sc.where());
                          })),
      refuses<ValueError>("Lora in l: the layer has one already, of rank 8; need a layer without, or merge_lora",
                          in_store([](Scope sc) {
                            nn::Parameters p(1);
                            nn::Linear layer(p / "l", 2, 2);
                            nn::Lora(p, layer);
                            nn::Lora(p, layer, {}, sc.where());
                          })),
      refuses<ValueError>("CausalSelfAttention: 3 heads of keys do not divide 4 of queries; need a divisor",
                          in_store([](Scope s) { nn::CausalSelfAttention(s, 8, 4, {.kv_heads = 3}); })),
      refuses<ValueError>("CausalSelfAttention: -1 heads of keys do not divide 4 of queries; need a divisor",
                          in_store([](Scope s) { nn::CausalSelfAttention(s, 8, 4, {.kv_heads = -1}); })),
      refuses<ValueError>("MultiHeadAttention: 3 heads do not divide 4 channels; need channels % heads == 0",
                          in_store([](Scope s) { nn::MultiHeadAttention(s, 4, 4, 3); })),
      refuses<ShapeError>("xavier_uniform: the weight has shape (3); need (out, in, ...)",
                          in_store([](Scope s) { s.param("w", {3}, nn::init::xavier_uniform()); })),
      refuses<ValueError>("uniform: from 1.22* to -1.22* is not an interval; need finite from <= to",
                          filled(nn::init::xavier_uniform(-1))),
      refuses<ValueError>("uniform: from 1 to 0 is not an interval; need finite from <= to",
                          filled(nn::init::uniform(1, 0))),
      refuses<ValueError>("normal: mean 0 and std -1; need finite numbers and std >= 0",
                          filled(nn::init::normal(0, -1))),
      refuses<ValueError>("trunc_normal: std 0 within [-2, 2]; need std > 0 and low < high",
                          filled(nn::init::trunc_normal(0, 0))),
      refuses<ValueError>("LearnedPosition: 0 positions of width 2; need at least 1 of each",
                          in_store([](Scope s) { nn::LearnedPosition(s, 0, 2); })),
      refuses<ValueError>("sinusoidal_positions: length -1, width 2; need at least 0 and 1",
                          [] { nn::sinusoidal_positions(-1, 2); }),
      refuses<DTypeError>("sinusoidal_positions: dtype is i64; need f32 or f64",
                          [] { nn::sinusoidal_positions(2, 2, i64); }),
  };
}

std::vector<ErrorCase> inputs() {
  const auto lstm = [](auto f) { return in_store([f](Scope s) { f(nn::LSTM(s, 2, 3)); }); };
  return {
      refuses<ShapeError>("SinusoidalPosition: x has shape (2); need (..., T, width)",
                          [] { nn::SinusoidalPosition{}(real({2})); }),
      refuses<ValueError>("SinusoidalPosition: start is -1; need at least 0",
                          [] {
                            nn::SinusoidalPosition{}(real({2, 2}), -1);
                          }),
      refuses<ShapeError>("LearnedPosition: 3 steps from 2 on leave the 4 positions; need start + T <= 4",
                          in_store([](Scope s) {
                            nn::LearnedPosition(s, 4, 2)(real({3, 2}), 2);
                          })),
      refuses<ShapeError>("length_mask: lengths has shape (1, 1); need (B)", [] { nn::length_mask(tensor({{1}}), 2); }),
      refuses<DTypeError>("length_mask: lengths is f32; need i64: cast it with .to(i64)",
                          [] { nn::length_mask(real({1}), 2); }),
      refuses<ValueError>("length_mask: a length of 3; need 0 to 2", [] { nn::length_mask(tensor({3}), 2); }),
      refuses<Error>("LSTM: x is undefined; need (T, B, 2)", lstm([](const nn::LSTM& m) { m(Tensor()); })),
      refuses<ShapeError>("LSTM: x has shape (4, 1, 3); need (T, B, 2)", lstm([](const nn::LSTM& m) {
                            m(real({4, 1, 3}));
                          })),
      refuses<ShapeError>("LSTM: state.h has shape (1, 2, 3); need (1, 1, 3)", lstm([](const nn::LSTM& m) {
                            m(real({4, 1, 2}), {.h = real({1, 2, 3})});
                          })),
      refuses<ShapeError>("LSTM: state.c has shape (3); need (1, 1, 3)", lstm([](const nn::LSTM& m) {
                            m(real({4, 1, 2}), {.c = real({3})});
                          })),
      refuses<ValueError>("GRU: state.c is given; need none, as only an LSTM has a cell state", in_store([](Scope s) {
                            nn::GRU(s, 2, 3)(real({4, 1, 2}), {.c = real({1, 1, 3})});
                          })),
      refuses<ShapeError>("LSTM: lengths have shape (2); need (1)", lstm([](const nn::LSTM& m) {
                            m(real({4, 1, 2}), {}, tensor({1, 2}));
                          })),
      refuses<ShapeError>("MultiHeadAttention: x has shape (2, 4); need (B, T, d_in)", in_store([](Scope s) {
                            nn::MultiHeadAttention(s, 4, 4, 2)(real({2, 4}));
                          })),
      refuses<ValueError>(
          "MultiHeadAttention: a context, but this one was built causal; need a mask, or one without .causal",
          in_store([](Scope s) {
            nn::MultiHeadAttention(s, 4, 4, 2, {.causal = true})(real({1, 2, 4}), {.context = real({1, 3, 4})});
          })),
      refuses<ShapeError>("MultiHeadAttention: context has shape (1, 5, 4), but the cache holds 3 steps; need the "
                          "context that filled it",
                          in_store([](Scope s) {
                            nn::KeyValueCache cache;
                            const nn::MultiHeadAttention m(s, 4, 4, 2);
                            for (const int64_t steps : {3, 5})
                              m(real({1, 2, 4}), {.context = real({1, steps, 4}), .cache = &cache});
                          })),
      refuses<ShapeError>(
          "KeyValueCache: next steps (2, 2, 1, 2) cannot join those of (1, 2, 3, 2) in the cache; need (1, 2, 1, 2)",
          in_store([](Scope s) {
            nn::KeyValueCache cache;
            const nn::MultiHeadAttention m(s, 4, 4, 2, {.causal = true});
            m(real({1, 3, 4}), {.cache = &cache});
            m(real({2, 1, 4}), {.cache = &cache});
          })),
      refuses<ValueError>("freeze: no parameter or module \"b\"; need a name of this store: the closest of 1 names: a",
                          [] {
                            nn::Parameters params(1);
                            nn::Scope(params).param("a", {1}, nn::init::ones());
                            params.freeze("b");
                          }),
      refuses<ValueError>("freeze: no parameter or module \"h.9\"; need a name of this store: the closest of 11 names: "
                          "h.0, h.1, h.2",
                          [] {
                            nn::Parameters params(1);
                            nn::Scope(params).param("wte", {1}, nn::init::ones());
                            for (int i = 0; i < 3; ++i)
                              nn::Scope(params / "h" / i / "ln").param("bias", {1}, nn::init::ones());
                            params.freeze("h.9");
                          }),
      refuses<ValueError>("WatchAttention: no attention \"a\" has looked; need a forward pass while it lives",
                          [] { nn::WatchAttention()["a"]; }),
      refuses<Error>("MultiHeadAttention: x is undefined; need (B, T, d_in)",
                     in_store([](Scope s) { nn::MultiHeadAttention(s, 4, 4, 2)(Tensor()); })),
      refuses<ShapeError>(
          "MultiHeadAttention: mask has shape (1, 1, 1, 2, 2); need one that broadcasts to (B, T, S) or (B, H, T, S)",
          in_store([](Scope s) {
            nn::MultiHeadAttention(s, 4, 4, 2)(real({1, 2, 4}), {.mask = ones({1, 1, 1, 2, 2}, boolean)});
          })),
  };
}

std::vector<ErrorCase> compressed() {
  const auto matrix = [](auto f, Loc loc = Loc::current()) {
    return [f, loc] { f(nn::Compressed(ones({2, 3}), Weights::q8), loc); };
  };
  return {
      refuses<ShapeError>("Compressed: the matrix has shape (3); need (out, in)",
                          [] { nn::Compressed(ones({3}), Weights::q8); }),
      refuses<DTypeError>("Compressed: the matrix is f64; need f32: cast it with .to(f32)",
                          [] {
                            nn::Compressed(ones({2, 3}, f64), Weights::q8);
                          }),
      refuses<ValueError>("Compressed: f32 is what the matrix is; need bf16 or q8",
                          [] {
                            nn::Compressed(ones({2, 3}), Weights::f32);
                          }),
      refuses<ValueError>("Compressed: row 1 holds inf; need finite numbers for q8",
                          [] {
                            nn::Compressed(tensor({{1., 2.}, {1., INFINITY}}).to(f32), Weights::q8);
                          }),
      refuses<ShapeError>("linear: the weight (2, 3) does not fit the input (4); need (..., 3)",
                          matrix([](const nn::Compressed& m, Loc loc) { m.linear(ones({4}), {}, loc); })),
      refuses<ShapeError>("linear: the bias has shape (3); need (2)",
                          matrix([](const nn::Compressed& m, Loc loc) { m.linear(ones({3}), ones({3}), loc); })),
      refuses<GradError>(
          "linear: the weights are q8, for generation, and have no gradients; need NoGrad, or the model in f32",
          matrix([](const nn::Compressed& m, Loc loc) { m.linear(ones({3}).set_requires_grad(), {}, loc); })),
      refuses<IndexError>("embedding: index 2 is out of range; need 0 <= index < 2",
                          matrix([](const nn::Compressed& m, Loc loc) {
                            m.rows(tensor({1, 2}), loc);
                          })),
  };
}

}  // namespace

std::vector<ErrorCase> nn_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {names, sizes, inputs, compressed})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

}  // namespace heed::tests
