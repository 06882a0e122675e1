#include <heed/models/seq2seq.h>

#include <memory>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops/reference.h>
#include <heed/models/check.h>
#include <heed/nn/mask.h>

namespace heed::models {
namespace {

Seq2SeqConfig checked(nn::Scope s, const Seq2SeqConfig& c) {
  const Op op{"Seq2Seq", s.name(), s.where()};
  check_sizes(op, {{"source_vocabulary", c.source_vocabulary},
                   {"target_vocabulary", c.target_vocabulary},
                   {"embedding", c.embedding},
                   {"hidden", c.hidden}});
  nn::check_probability(op, c.dropout);
  return c;
}

/// Width of the encoder's states: both directions' with attention.
int64_t state_width(const Seq2SeqConfig& c) { return c.attention ? 2 * c.hidden : c.hidden; }

}  // namespace

Seq2Seq::Seq2Seq(nn::Scope s, const Seq2SeqConfig& c)
    : name(s.name()),
      config(checked(s, c)),
      source_embedding(s / "source_embedding", c.source_vocabulary, c.embedding),
      target_embedding(s / "target_embedding", c.target_vocabulary, c.embedding),
      encoder(s / "encoder", c.cell, c.embedding, c.hidden, {.batch_first = true, .bidirectional = c.attention}),
      bridge(s / "bridge", c.hidden, c.hidden),
      bridge_cell(c.cell == nn::Cell::lstm ? std::optional(nn::Linear(s / "bridge_cell", c.hidden, c.hidden))
                                           : std::nullopt),
      attention(c.attention ? std::optional(nn::AdditiveAttention(s / "attention", c.hidden, state_width(c), c.hidden))
                            : std::nullopt),
      cell(s / "decoder", c.cell, c.embedding + state_width(c), c.hidden),
      output(s / "output", c.hidden + state_width(c) + c.embedding, c.target_vocabulary),
      dropout(s, c.dropout) {}

Seq2Seq::Encoded Seq2Seq::encode(const Op& op, const Tensor& source, const Tensor& source_lengths) const {
  check_tokens(op, "source", source);
  check_lengths(op, source, source_lengths);
  const auto [states, last] = encoder(dropout(source_embedding(source)), {}, source_lengths);
  // The last direction's: of a bidirectional encoder the backward one, which has just read the first word.
  const Tensor h = last.h.select(0, -1);
  Encoded encoded;
  encoded.first.h = tanh(bridge(h));
  if (bridge_cell) encoded.first.c = tanh((*bridge_cell)(last.c.select(0, -1)));
  encoded.states = states;
  if (!attention) {
    encoded.context = h;
    return encoded;
  }
  encoded.keys = attention->U(states);
  if (source_lengths.defined()) encoded.mask = nn::length_mask(source_lengths, source.size(1));
  return encoded;
}

// What the cell reads of embeddings does not depend on its state: one product for all steps.
AttentiveInputs Seq2Seq::decoder_inputs(const Encoded& source, const Tensor& embedded) const {
  const int64_t E = config.embedding;
  const auto& [w_ih, w_hh, b_ih, b_hh] = cell.weights;
  return {.gates = linear(embedded, w_ih(all, slice(E)), b_ih),
          .w_context = w_ih(all, slice(E, none)),
          .w_hh = w_hh,
          .b_hh = b_hh,
          .w_query = attention ? attention->W.weight : Tensor(),
          .score = attention ? attention->v : Tensor(),
          .keys = source.keys,
          .values = source.states,
          .h0 = source.first.h,
          .c0 = source.first.c,
          .mask = source.mask};
}

Tensor Seq2Seq::read_out(std::vector<Tensor> parts) const {
  for (Tensor& part : parts) part = part.transpose(0, 1);
  return output(dropout(cat(parts, -1)));
}

// [h_t; context_t] of all steps.
Tensor Seq2Seq::attentive_states(const AttentiveInputs& in) const {
  const Tensor steps = attentive_decoder(config.cell, in);
  if (nn::WatchAttention* guard = nn::WatchAttention::current()) {  // step t looks with the state before it
    const NoGrad constant;
    const Op op{"AdditiveAttention", attention->name, Loc::current()};
    const Tensor after = steps(slice(-1), all, slice(config.hidden));
    const Tensor before = cat({in.h0.unsqueeze(0), after}, 0).transpose(0, 1);
    const Tensor mask = in.mask.defined() ? in.mask.unsqueeze(1) : Tensor();
    guard->add(reference::additive_weights(attention->W(before), in.keys, in.score, mask));
  }
  return steps;
}

// Steps are the first axis inside the decoder.
Seq2Seq::Read Seq2Seq::read(const Op& op, const Tensor& source, const Tensor& source_lengths,
                            const Tensor& decoder_input) const {
  const Encoded encoded = encode(op, source, source_lengths);
  check_decoder_input(op, source, decoder_input);
  const Tensor embedded = dropout(target_embedding(decoder_input.transpose(0, 1)));
  const AttentiveInputs in = decoder_inputs(encoded, embedded);
  if (attention) return {encoded, embedded, attentive_states(in)};
  // The context does not change: the decoder is a plain recurrence.
  const Tensor gates = in.gates + linear(encoded.context, in.w_context);
  return {encoded, embedded, recurrent(config.cell, gates, in.w_hh, in.b_hh, in.h0, in.c0)(slice(in.gates.size(0)))};
}

Tensor Seq2Seq::operator()(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                           Loc loc) const {
  const Op op{"Seq2Seq", name, loc};
  const auto [encoded, embedded, steps] = read(op, source, source_lengths, decoder_input);
  if (attention) return read_out({steps, embedded});
  return read_out({steps, encoded.context.unsqueeze(0).expand({embedded.size(0), -1, -1}), embedded});
}

Seq2SeqStates Seq2Seq::states(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                              Loc loc) const {
  const Op op{"Seq2Seq", name, loc};
  const Read run = read(op, source, source_lengths, decoder_input);
  const Tensor steps = run.steps.transpose(0, 1), context = run.source.context;
  return {.encoder = run.source.states,
          .context = attention ? steps(ellipsis, slice(config.hidden, none))
                               : context.unsqueeze(1).expand({-1, decoder_input.size(1), -1}),
          .decoder = steps(ellipsis, slice(config.hidden))};
}

Decoder Seq2Seq::decoder(const Tensor& source, const Tensor& source_lengths, Loc loc) const {
  struct State {
    Encoded source;
    nn::RecurrentState state;
    Tensor weights;  // (R, S), of the last step
  };
  const Op op{"Seq2Seq", name, loc};
  const NoGrad no_grad;
  const nn::EvalMode eval;
  const auto now = std::make_shared<State>();
  now->source = encode(op, source, source_lengths);
  now->state = now->source.first;

  const auto step = [this, now, loc](const Tensor& tokens) {
    const Op writing{"Seq2Seq", name, loc};
    const NoGrad constant;
    const nn::EvalMode trained;
    const Tensor embedded = target_embedding(tokens);
    Tensor context = now->source.context;
    if (attention) {
      const nn::WatchAttention seen;
      const Encoded& s = now->source;
      context = (*attention)(now->state.h, s.states, s.mask, s.keys);
      now->weights = seen.looks().back().second;
    }
    now->state = cell(cat({embedded, context}, -1), now->state);
    return output(cat({now->state.h, context, embedded}, -1));
  };
  const auto select = [now](const Tensor& rows) {
    Encoded& s = now->source;
    for (Tensor* x : {&s.states, &s.keys, &s.mask, &s.context, &now->state.h, &now->state.c})
      if (x->defined()) *x = index_select(*x, 0, rows);
  };
  Decoder decoder{lengths_of(source, source_lengths), step, select};
  if (attention)
    decoder.alignment = [this, now, loc] {
      check_written({"Seq2Seq", name, loc}, now->weights);
      return now->weights;
    };
  return decoder;
}

}  // namespace heed::models
