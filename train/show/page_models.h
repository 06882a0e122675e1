// What train/show/page.h shows, collected from the models. Nothing here costs a model anything that is not asked.
//
// Sizes: T tokens or target steps, S source words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/train/show/page.h>

namespace heed::train {

/// What every head of a GPT looks at when it reads `tokens`, called `names` in the page. Throws as Gpt does,
/// and ShapeError if their numbers differ.
AttentionMaps attention_maps(const models::Gpt& gpt, std::span<const int64_t> tokens, std::vector<std::string> names,
                             Loc loc = Loc::current());

/// A sentence and the translation that was found for it, as ids and as words to show.
struct TranslatedSentence {
  std::vector<int64_t> source = {};             ///< S ids
  std::vector<int64_t> written = {};            ///< T ids, the end token's included if the translation has ended
  std::vector<std::string> source_words = {};   ///< S
  std::vector<std::string> written_words = {};  ///< T
  int64_t begin = 1;                            ///< the token that the decoder starts with
  std::string begin_word = "<bos>";             ///< the same, to show
};

/// The attention by which a Seq2Seq wrote the sentence: "cross", one layer of one head; row t wrote word t.
/// Throws ValueError for a model without attention.
std::vector<AttentionMaps> attention_maps(const models::Seq2Seq& model, const TranslatedSentence& sentence,
                                          Loc loc = Loc::current());
/// Of a Transformer: "cross", "encoder" and "decoder", all layers and heads.
std::vector<AttentionMaps> attention_maps(const models::Transformer& model, const TranslatedSentence& sentence,
                                          Loc loc = Loc::current());

/// The model at work. Without attention, only the last state travels.
PageLane page_lane(const models::Seq2Seq& model, const TranslatedSentence& sentence, Loc loc = Loc::current());
/// Its weights are the mean over the heads of the last layer's cross attention.
PageLane page_lane(const models::Transformer& model, const TranslatedSentence& sentence, Loc loc = Loc::current());

/// What stands beside a lane when there is no model without attention: the same sentence read by its forward
/// reader (if it has one), of which the last state alone would travel. It writes nothing.
PageLane scheme_lane(const PageLane& lane);

}  // namespace heed::train
