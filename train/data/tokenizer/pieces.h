// Where byte-level tokenizers cut a text into pieces, before they merge the bytes of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace heed::train {

/// The regular expressions that published tokenizers cut with, written out over Unicode's classes.
enum class Cut : uint8_t {
  none,      ///< a text is one piece
  gpt2,      ///< a word with the space before it, a number, a run of signs, white space, and 's, 't, 're, ... apart
  smollm,    ///< the same between digits, each of which is a piece
  llama3,    ///< as GPT-4: a word with any sign before it, up to 3 digits, signs with the line breaks behind them
  nanochat,  ///< the same with up to 2 digits
  qwen2,     ///< the same with digits one by one
};

/// Where the piece that starts at byte i ends.
size_t piece_end(std::string_view text, size_t i, Cut cut);
/// All pieces; together they are the text.
std::vector<std::string_view> pieces_of(std::string_view text, Cut cut);

}  // namespace heed::train
