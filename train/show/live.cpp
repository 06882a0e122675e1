#include <heed/train/show/live.h>

#include <algorithm>

#include <heed/train/data/tokenizer/gpt2.h>
#include <heed/train/folder/family.h>
#include <heed/train/show/page_template.h>
#include <heed/train/translator.h>

namespace heed::train {
namespace {

Json to_json(const LiveTokens& tokens) {
  return {
      {"names", tokens.names},     {"pad", tokens.pad},
      {"begin", tokens.begin},     {"end", tokens.end},
      {"before", tokens.before},   {"ends", tokens.ends},
      {"unknown", tokens.unknown}, {"pieces", tokens.pieces.empty() ? Json() : Json(parse_sorted_json(tokens.pieces))}};
}

/// The page of a model whose weights are its parameters and `tables`, which are constants.
std::string html(const Op& op, const char* kind, const Json& config, const LivePage& page, const Json& tables) {
  if (page.snapshots.empty()) fail<ValueError>(op, "page '{}' has no snapshot of the model; need one", page.title);
  Json snapshots = Json::array();
  for (const auto& [steps, params] : page.snapshots) {
    Json tensors = tables;
    for (const auto& [name, weight] : *params) tensors[name] = tensor_json(op, name, weight, true);
    snapshots.push_back({{"steps", steps}, {"tensors", std::move(tensors)}});
  }
  return filled_page(kLiveTemplate, page.title,
                     {{"title", page.title},
                      {"about", page.about},
                      {"kind", kind},
                      {"config", config},
                      {"examples", page.examples},
                      {"source", to_json(page.source)},
                      {"target", to_json(page.target)},
                      {"most", page.most},
                      {"snapshots", std::move(snapshots)}});
}

std::string live_pieces(const Op& op, const Bpe& bpe) {
  Json special = Json::array();
  bool strips = false;
  for (const SpecialToken& token : bpe.special()) {
    special.push_back({token.text, token.id, token.normalized});
    strips |= token.strip_left || token.strip_right;
  }
  if (bpe.form() != BpeForm() || strips)
    fail<ValueError>(op, "the tokenizer cuts a text in another way than GPT-2's; need one that cuts as that does");
  Json::object_t vocabulary;
  const std::vector<std::string> names = bpe.names();
  for (size_t id = 0; id < names.size(); ++id) vocabulary.emplace_back(names[id], id);
  return dump_json({{"vocab", vocabulary}, {"merges", bpe.shown_merges()}, {"special", special}});
}

}  // namespace

LiveTokens live_tokens(const SentenceTokens& tokens, Loc loc) {
  const Op op{"live page", loc};
  LiveTokens live{.pad = tokens.pad(), .begin = tokens.begin(), .end = tokens.end()};
  for (int64_t id = 0; id < tokens.size(); ++id) live.names.push_back(tokens.shown(id));
  if (const Bpe* bpe = tokens.bpe()) live.pieces = live_pieces(op, *bpe);
  else live.unknown = Words::kUnk;
  return live;
}

LiveTokens live_tokens(const Tokenizer& tokens, Loc loc) {
  const Op op{"live page", loc};
  const auto* bpe = std::get_if<Bpe>(&tokens.kind());
  if (std::holds_alternative<Words>(tokens.kind()))
    fail<ValueError>(op, "the tokens are words; need characters or byte pairs, which a GPT writes one after the other");
  LiveTokens live{.before = tokens.before(), .ends = tokens.ends()};
  if (bpe) live.pieces = live_pieces(op, *bpe);
  for (int64_t id = 0; id < tokens.size(); ++id) {
    const std::string name = tokens.decode({&id, 1}, false);
    live.names.push_back(legible_bytes(name));
  }
  return live;
}

std::string live_page_html(const models::Seq2Seq& model, const LivePage& page, Loc loc) {
  const Op op{"live page", loc};
  if (!model.attention)
    fail<ValueError>(op, "the model has no attention to put elsewhere; need one with config.attention");
  return html(op, "seq2seq", {{"cell", name_of_cell(model.config.cell)}, {"hidden", model.config.hidden}}, page,
              Json::object());
}

std::string live_page_html(const models::Transformer& model, const LivePage& page, Loc loc) {
  const Op op{"live page", loc};
  const models::TransformerConfig& c = model.config;
  LivePage fitting = page;
  fitting.most = std::min(page.most, std::max<int64_t>(1, (c.context - 10) / 2));  // what is written needs places too
  return html(op, "transformer",
              {{"layers", c.layers},
               {"heads", c.heads},
               {"channels", c.channels},
               {"context", c.context},
               {"pre_norm", c.pre_norm},
               {"learned_positions", c.learned_positions},
               {"shared_embedding", c.shared_embedding},
               {"tied_output", c.tied_output}},
              fitting, Json::object());
}

std::string live_page_html(const models::Gpt& model, const LivePage& page, Loc loc) {
  const Op op{"live page", loc};
  Json tables = Json::object();
  if (!model.wpe) {
    tables["rope.cos"] = tensor_json(op, "rope.cos", model.angles.cos.flatten(1));
    tables["rope.sin"] = tensor_json(op, "rope.sin", model.angles.sin.flatten(1));
  }
  return html(op, "gpt", own_json(model.config), page, tables);
}

}  // namespace heed::train
