#include <heed/train/show/page_models.h>

#include <heed/autograd/grad_mode.h>

namespace heed::train {
namespace {

constexpr int64_t kShown = 8;  // numbers of a hidden state; even, so that both readers get half

/// Numbers of each row, evenly spread over its width: (rows, width) -> (rows, kShown).
Tensor some_numbers(const Tensor& states) {
  const int64_t width = states.size(1), count = std::min(kShown, width);
  std::vector<int64_t> columns;
  for (int64_t k = 0; k < count; ++k) columns.push_back(k * width / count);
  return index_select(states, 1, from_vector(columns, {count}));
}

/// Ids as a batch of one row.
Tensor row(std::span<const int64_t> ids) {
  return from_vector(std::vector<int64_t>(ids.begin(), ids.end()), {1, std::ssize(ids)});
}

/// What the decoder reads to write the sentence: the begin token, then all words but the last.
template <class Token>
std::vector<Token> read_by_decoder(const Token& begin, std::vector<Token> written) {
  written.insert(written.begin(), begin);
  written.pop_back();
  return written;
}

Tensor decoder_input(const TranslatedSentence& s) { return row(read_by_decoder(s.begin, s.written)); }

/// How a model is looked at: it learns nothing and drops nothing, and its attentions are seen.
struct Look {
  Look(const Op& op, const TranslatedSentence& s) {
    if (s.source.size() != s.source_words.size() || s.written.size() != s.written_words.size())
      fail<ShapeError>(op, "{} source ids and {} words, {} written ids and {} words; need a word for each id",
                       s.source.size(), s.source_words.size(), s.written.size(), s.written_words.size());
    if (s.written.empty()) fail<ShapeError>(op, "nothing was written; need at least the end token");
  }
  NoGrad no_grad = {};
  nn::EvalMode eval = {};
  nn::WatchAttention seen = {};
};

/// What the attentions named "...stack...attention" saw, layer by layer: (1, H, T, S) -> (H, T, S).
std::vector<Tensor> layers_of(const nn::WatchAttention& seen, const char* stack, const char* attention) {
  std::vector<Tensor> layers;
  for (const auto& [module, weights] : seen.looks())
    if (module.find(stack) != module.npos && module.ends_with(attention)) layers.push_back(weights[0]);
  return layers;
}

constexpr const char* kCross = "Each row writes a word of the translation and looks at the words of the sentence.";

}  // namespace

AttentionMaps attention_maps(const models::Gpt& gpt, std::span<const int64_t> tokens, std::vector<std::string> names,
                             Loc loc) {
  if (tokens.size() != names.size())
    fail<ShapeError>({"attention_maps", loc}, "{} tokens and {} names; need a name for each token", tokens.size(),
                     names.size());
  const NoGrad no_grad;
  const nn::EvalMode eval;
  nn::WatchAttention seen;
  gpt(row(tokens), loc);
  std::vector<std::string> read = names;
  return {.name = "self",
          .about = "Each row has read a token and looks back, to guess what comes next. Nothing sees the future.",
          .queries = std::move(read),
          .keys = std::move(names),
          .layers = layers_of(seen, "h.", ".attn"),
          .causal = true};
}

std::vector<AttentionMaps> attention_maps(const models::Seq2Seq& model, const TranslatedSentence& s, Loc loc) {
  const Op op{"attention_maps", loc};
  const Look look(op, s);
  if (!model.attention) fail<ValueError>(op, "the model has no attention; need one with config.attention");
  model(row(s.source), {}, decoder_input(s));
  return {{.name = "cross",
           .about = kCross,
           .queries = s.written_words,
           .keys = s.source_words,
           .layers = {look.seen.looks().back().second}}};
}

std::vector<AttentionMaps> attention_maps(const models::Transformer& model, const TranslatedSentence& s, Loc loc) {
  const Look look({"attention_maps", loc}, s);
  model(row(s.source), {}, decoder_input(s), loc);
  return {{.name = "cross",
           .about = kCross,
           .queries = s.written_words,
           .keys = s.source_words,
           .layers = layers_of(look.seen, "decoder.", ".cross_attn")},
          {.name = "encoder",
           .about = "Each word of the sentence looks at all of its words, before and behind.",
           .queries = s.source_words,
           .keys = s.source_words,
           .layers = layers_of(look.seen, "encoder.", ".self_attn")},
          {.name = "decoder",
           .about = "Each row writes a word of the translation and looks at those written so far.",
           .queries = s.written_words,
           .keys = read_by_decoder(s.begin_word, s.written_words),
           .layers = layers_of(look.seen, "decoder.", ".self_attn"),
           .causal = true}};
}

PageLane page_lane(const models::Seq2Seq& model, const TranslatedSentence& s, Loc loc) {
  const Look look({"page_lane", loc}, s);
  const models::Seq2SeqStates states = model.states(row(s.source), {}, decoder_input(s), loc);
  const bool attends = model.attention.has_value();
  return {.name = attends ? "With attention" : "Without attention",
          .reading = attends ? PageLane::Reading::both_ways : PageLane::Reading::forward,
          .source = s.source_words,
          .written = s.written_words,
          .width = states.context.size(2),
          .states = some_numbers(states.encoder[0]),
          .contexts = some_numbers(states.context[0]),
          .decoder = some_numbers(states.decoder[0]),
          .weights = attends ? look.seen.looks().back().second[0] : Tensor()};
}

PageLane page_lane(const models::Transformer& model, const TranslatedSentence& s, Loc loc) {
  const Look look({"page_lane", loc}, s);
  const models::TransformerStates states = model.states(row(s.source), {}, decoder_input(s), loc);
  return {.name = "With attention alone",
          .lines = fmt::format("Lines: the mean of the {} heads of the last of {} layers.", model.config.heads,
                               model.config.layers),
          .reading = PageLane::Reading::at_once,
          .source = s.source_words,
          .written = s.written_words,
          .width = model.config.channels,
          .states = some_numbers(states.encoder[0]),
          .decoder = some_numbers(states.decoder[0]),
          .weights = look.seen.looks().back().second[0].mean(0)};
}

PageLane scheme_lane(const PageLane& lane) {
  PageLane scheme{.name = "Without attention",
                  .about = "A scheme, not a model: no model without attention was given.",
                  .source = lane.source};
  if (lane.reading == PageLane::Reading::both_ways && lane.states.defined())
    scheme.states = lane.states.narrow(1, 0, lane.states.size(1) / 2);
  if (lane.reading == PageLane::Reading::both_ways) scheme.width = lane.width / 2;
  return scheme;
}

}  // namespace heed::train
