// What GPT-2 does around its merges: where it cuts texts, and how its files show bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heed::train {

/// The pieces that text is cut into before merging; together they are the text.
std::vector<std::string_view> gpt2_pieces(std::string_view text);
/// Where the piece that starts at byte i ends.
size_t gpt2_piece_end(std::string_view text, size_t i);

/// The text of a token in a tokenizer's files, where every byte is a printable character, and back; std::nullopt for
/// what is no such text.
std::string shown_bytes(std::string_view token);
std::optional<std::string> bytes_shown(std::string_view text);

/// A token as a reader sees it: <A7> stands for a byte that is no part of a whole character.
std::string legible_bytes(std::string_view token);

}  // namespace heed::train
