// A model's attention as one HTML file that needs nothing else: no network, no further files. A reader
// chooses layer and head, points at a token to see what it looks at, and plays a translation word by word.
//
// The data here know nothing of models; train/show/page_models.h collects them. Sizes: H heads, T queries, S keys,
// K numbers shown of a hidden state.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::train {

/// One attention of a model: what its queries see of its keys. Tokens are shown as they are, whatever they
/// contain; bytes that are not UTF-8 appear as U+FFFD.
struct AttentionMaps {
  std::string name = {};                             ///< "self", or of a Transformer "encoder", "decoder", "cross"
  std::string about = {};                            ///< a sentence for the reader: what its rows and columns are
  std::vector<std::string> queries = {}, keys = {};  ///< T and S tokens
  std::vector<Tensor> layers = {};                   ///< each (H, T, S) f32 or f64 in [0, 1], first layer first
  bool causal = false;                               ///< the mask hides every key behind its query
};

/// A translator at work: one lane of the animation.
struct PageLane {
  /// How the encoder reads.
  enum class Reading {
    forward,    ///< word by word
    both_ways,  ///< so, and then once more from the end: the first half of each state is the forward reader's
    at_once,    ///< all words together
  };
  std::string name = {};                  ///< "With attention"
  std::string about = {};                 ///< what model this is
  std::string lines = {};                 ///< what its lines are, if not the weights of the one attention that there is
  Reading reading = Reading::forward;     ///< how the encoder reads
  std::vector<std::string> source = {};   ///< S words
  std::vector<std::string> written = {};  ///< T words, the end token included; empty: a scheme without a decoder
  int64_t width = 0;                      ///< numbers in what the decoder reads at a step; 0: not said
  Tensor states = {};                     ///< (S, K): of the encoder; undefined: not shown, as the others
  Tensor contexts = {};                   ///< (T, K): what each step reads of them
  Tensor decoder = {};                    ///< (T, K): after each step
  Tensor weights = {};                    ///< (T, S): where each step looks; undefined: only the last state travels
};

/// One text, or one sentence and its translation.
struct PageExample {
  std::string name = {};                  ///< what the reader chooses by
  std::vector<std::string> unknown = {};  ///< tokens that the model does not know
  std::vector<AttentionMaps> maps = {};   ///< its attentions
  std::vector<PageLane> lanes = {};       ///< none: no animation
};

/// All that a page shows.
struct AttentionPage {
  std::string title = {};                  ///< at its head
  std::string about = {};                  ///< the model, in a line
  std::vector<PageExample> examples = {};  ///< to choose from
};

/// The whole file. Weights keep every bit of an f32. Throws ValueError if there is nothing to show or a
/// tensor holds what is not finite; ShapeError naming the map or lane whose numbers do not fit its tokens.
std::string page_html(const AttentionPage& page, Loc loc = Loc::current());

/// Writes it under a temporary name, then renames it. Throws FileError too.
void write_page(const AttentionPage& page, const std::filesystem::path& file, Loc loc = Loc::current());

/// "1 layer", "2 layers".
inline std::string counted(int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// `text` for HTML: "<" becomes "&lt;", and so on; control characters become U+FFFD. Public for tests.
std::string escape_html(std::string_view text);

}  // namespace heed::train
