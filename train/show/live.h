// A model that runs in its page: a reader types a sentence and sees it translated, puts the attention of a word
// elsewhere, or switches off heads of a GPT. The page holds the weights in f16 and a small JavaScript of the same
// formulas (train/show/live/); it needs no network.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/train/data/pairs.h>
#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train {

/// What the ids of a language are called in the page, and which are special.
struct LiveTokens {
  std::vector<std::string> names = {};  ///< by id; a GPT's further ids, of a vocabulary rounded up, are never written
  std::string pieces =
      {};  ///< of byte pairs what the page cuts and merges by, as JSON; empty: the names are the tokens
  int64_t pad = -1, begin = -1, end = -1, unknown = -1;  ///< -1: there is none
  std::vector<int64_t> before = {}, ends = {};  ///< of a GPT: what stands before a text, and any of what ends it
};

/// Of a translator. Throws ValueError for byte pairs that are cut in another way than GPT-2's.
LiveTokens live_tokens(const SentenceTokens& tokens, Loc loc = Loc::current());
/// Of a GPT. Throws ValueError too for tokens that are words.
LiveTokens live_tokens(const Tokenizer& tokens, Loc loc = Loc::current());

/// What a page shows beside its model.
struct LivePage {
  std::string title = {};                  ///< at its head
  std::string about = {};                  ///< the model, in a line
  std::vector<std::string> examples = {};  ///< the first is what a reader finds typed
  LiveTokens source = {};                  ///< of a GPT all of them
  LiveTokens target = {};                  ///< of a translator
  int64_t most = 250;                      ///< tokens of a sentence that a translator takes
  /// What training had made of the model after so many steps, in their order: all of the model's shapes.
  std::vector<std::pair<int64_t, const nn::Parameters*>> snapshots = {};
};

/// The whole file. Throws ValueError for a model without attention, if there is no snapshot, or naming a weight that
/// f16 cannot hold.
std::string live_page_html(const models::Seq2Seq& model, const LivePage& page, Loc loc = Loc::current());
std::string live_page_html(const models::Transformer& model, const LivePage& page, Loc loc = Loc::current());
std::string live_page_html(const models::Gpt& model, const LivePage& page, Loc loc = Loc::current());

}  // namespace heed::train
