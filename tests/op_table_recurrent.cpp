// Whole-sequence recurrent cells and additive attention.
#include <fmt/ranges.h>

#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {
namespace {

/// A recurrent sample: which of the optional inputs it has, in the order gates, w_hh, b_hh, h0, c0.
struct Run {
  std::string what;
  Cell cell;
  int64_t T, B, H;
  bool bias = true, start = false, reverse = false;
  std::vector<int64_t> lengths = {};

  bool has_cell_state() const { return start && cell == Cell::lstm; }
  RecurrentSteps steps() const {
    return {.reverse = reverse, .lengths = lengths.empty() ? Tensor() : from_vector(lengths, {B})};
  }
  List inputs(Draw& d) const {
    const int64_t G = kernels::gates_of(cell);
    List x{d.real({T, B, G * H}), d.real({G * H, H}, -1, 1)};
    if (bias) x.push_back(d.real({G * H}, -1, 1));
    if (start) x.push_back(d.real({B, H}));
    if (has_cell_state()) x.push_back(d.real({B, H}));
    return x;
  }
  template <class F>
  Tensor call(F f, const List& x) const {
    size_t next = 2;
    const Tensor b_hh = bias ? x[next++] : Tensor(), h0 = start ? x[next++] : Tensor(),
                 c0 = has_cell_state() ? x[next] : Tensor();
    return f(cell, x[0], x[1], b_hh, h0, c0, steps());
  }
  std::string torch(const char* name) const {
    int next = 2;
    const std::string b = bias ? fmt::format("x[{}]", next++) : "None",
                      h = start ? fmt::format("x[{}]", next++) : "None";
    return fmt::format("recurrent('{}', x[0], x[1], {}, {}, {}, reverse={}, lengths={})", name, b, h,
                       has_cell_state() ? fmt::format("x[{}]", next) : "None", reverse ? "True" : "False",
                       lengths.empty() ? "None" : fmt::format("[{}]", fmt::join(lengths, ", ")));
  }
};

OpRecord recurrent_record() {
  OpRecord r{"recurrent(cell, gates, w_hh, b_hh, h0, c0, steps)"};
  for (const auto& [name, cell] : {std::pair{"rnn_tanh", Cell::rnn_tanh},
                                   {"rnn_relu", Cell::rnn_relu},
                                   {"lstm", Cell::lstm},
                                   {"gru", Cell::gru}}) {
    const std::string c = std::string(name) + ", ";
    for (const Run& run : {
             Run{c + "4 steps of 2 rows", cell, 4, 2, 3},
             Run{c + "from a state", cell, 3, 2, 2, true, true},
             Run{c + "no bias", cell, 3, 2, 2, false, true},
             Run{c + "reverse", cell, 3, 2, 2, true, true, true},
             Run{c + "lengths 0 to T", cell, 3, 4, 2, true, true, false, {3, 1, 0, 2}},
             Run{c + "reverse, lengths", cell, 3, 3, 2, true, false, true, {1, 3, 2}},
             Run{c + "reverse from a state, lengths", cell, 3, 3, 2, true, true, true, {0, 2, 3}},
             Run{c + "one of all", cell, 1, 1, 1},
             Run{c + "5 units: a tail behind whole vectors", cell, 2, 1, 5},
             Run{c + "no steps", cell, 0, 2, 2, true, true},
             Run{c + "no rows", cell, 2, 0, 2},
         }) {
      r.sample(
          run.what, [run](Draw& d) { return run.inputs(d); },
          [run](const List& x) { return run.call([](auto&&... a) { return recurrent(a...); }, x); }, run.torch(name));
      r.twin([run](const List& x) { return run.call([](auto&&... a) { return reference::recurrent(a...); }, x); });
    }
  }
  return r;
}

/// mask: its shape, or nothing; `dead` hides every source from the second query.
struct Additive {
  std::string what;
  int64_t B, T, S, A, D;
  Shape mask = {};
  bool dead = false;
  double size = 2;
};

std::vector<OpRecord> additive_records() {
  OpRecord context{"additive_attention(query, keys, score, values, mask)"};
  for (const Additive& a : {
           Additive{"(2, 2, 3)", 2, 2, 3, 4, 2},
           Additive{"mask (B, T, S)", 2, 2, 3, 2, 2, {2, 2, 3}},
           Additive{"mask (B, 1, S)", 2, 2, 3, 2, 2, {2, 1, 3}},
           Additive{"mask (S)", 2, 2, 3, 2, 2, {3}},
           Additive{"a query that may attend to nothing", 1, 2, 3, 2, 2, {1, 2, 3}, true},
           Additive{"one of all", 1, 1, 1, 1, 1},
           Additive{"19 wide", 1, 2, 2, 19, 19},
           Additive{"large scores", 1, 2, 3, 3, 2, {}, false, 300},
           Additive{"no queries", 1, 0, 3, 2, 2},
           Additive{"no sources", 1, 2, 0, 2, 2},
           Additive{"no rows", 0, 2, 3, 2, 2},
       }) {
    const auto inputs = [a](Draw& d) {
      List x{d.real({a.B, a.T, a.A}), d.real({a.B, a.S, a.A}), d.real({a.A}, -a.size, a.size), d.real({a.B, a.S, a.D})};
      if (a.mask.rank() == 0) return x;
      std::vector<bool> may(static_cast<size_t>(a.mask.numel()));
      for (size_t i = 0; i < may.size(); ++i) may[i] = a.dead ? i < static_cast<size_t>(a.S) : i % 3 != 1;
      x.push_back(from_vector(may, a.mask));
      return x;
    };
    const auto mask_of = [](const List& x) { return x.size() > 4 ? x[4] : Tensor(); };
    const std::string torch = fmt::format("additive(x[0], x[1], x[2], x[3], {}", a.mask.rank() > 0 ? "x[4]" : "None");
    context.sample(
        a.what, inputs, [=](const List& x) { return additive_attention(x[0], x[1], x[2], x[3], mask_of(x)); },
        torch + ")");
    context.twin(
        [=](const List& x) { return matmul(reference::additive_weights(x[0], x[1], x[2], mask_of(x)), x[3]); });
    if (a.size > 100) context.f32_within(1e-4, "scores of 300 carry f32 rounding of 3e-5 into the weights");
  }
  return {context};
}

/// may: the sources that each row may look at; empty: all, without a mask.
struct Attentive {
  std::string what;
  int64_t T, B, S, H, A, D;
  std::vector<int64_t> may = {};
};

OpRecord attentive_record() {
  OpRecord r{"attentive_decoder(cell, in)"};
  for (const auto& [name, cell] : {std::pair{"rnn_tanh", Cell::rnn_tanh},
                                   {"rnn_relu", Cell::rnn_relu},
                                   {"lstm", Cell::lstm},
                                   {"gru", Cell::gru}}) {
    for (const Attentive& a : {
             Attentive{"2 steps of 2 rows", 2, 2, 3, 2, 3, 2},
             Attentive{"mask", 2, 3, 3, 2, 2, 3, {3, 1, 2}},
             Attentive{"a row that may look at nothing", 2, 2, 3, 2, 2, 2, {0, 2}},
             Attentive{"one of all", 1, 1, 1, 1, 1, 1},
             Attentive{"tails behind whole vectors", 2, 1, 2, 5, 9, 3},
             Attentive{"no rows", 2, 0, 2, 2, 2, 2},
         }) {
      const bool masked = !a.may.empty(), lstm = cell == Cell::lstm;
      const auto inputs = [a, masked, cell = cell, lstm](Draw& d) {
        const int64_t GH = kernels::gates_of(cell) * a.H;
        List x{d.real({a.T, a.B, GH}),  d.real({GH, a.D}, -1, 1),  d.real({GH, a.H}, -1, 1),
               d.real({GH}, -1, 1),     d.real({a.A, a.H}, -1, 1), d.real({a.A}),
               d.real({a.B, a.S, a.A}), d.real({a.B, a.S, a.D}),   d.real({a.B, a.H})};
        if (lstm) x.push_back(d.real({a.B, a.H}));
        if (masked) x.push_back(lt(arange(a.S), from_vector(a.may, {a.B, 1})));
        return x;
      };
      const auto fields = [masked, lstm](const List& x) {
        return AttentiveInputs{
            x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], lstm ? x[9] : Tensor(), masked ? x.back() : Tensor()};
      };
      std::string list = "x[0]";
      for (int i = 1; i < 9; ++i) list += fmt::format(", x[{}]", i);
      r.sample(
          fmt::format("{}, {}", name, a.what), inputs,
          [fields, cell = cell](const List& x) { return attentive_decoder(cell, fields(x)); },
          fmt::format("attentive_decoder('{}', {}, {}, {})", name, list, lstm ? "x[9]" : "None",
                      masked ? "x[-1]" : "None"));
      r.twin([fields, cell = cell](const List& x) { return reference::attentive_decoder(cell, fields(x)); });
    }
  }
  r.sample(
      "no steps",
      [](Draw& d) {
        return List{d.real({0, 2, 6}), d.real({2, 3, 4})};
      },
      [](const List& x) {
        const auto some = [&](const Shape& shape) { return ones(shape, x[0].dtype()); };
        return attentive_decoder(Cell::gru, {x[0], some({6, 4}), some({6, 2}), some({6}), some({5, 2}), some({5}),
                                             some({2, 3, 5}), x[1], some({2, 2})});
      },
      "x[0].new_zeros(0, 2, 6) + x[0][..., :1].sum() + x[1].sum() * 0");
  return r;
}

}  // namespace

std::vector<OpRecord> recurrent_records() {
  std::vector<OpRecord> all{recurrent_record(), attentive_record()};
  for (OpRecord& r : additive_records()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
