// How GPT-2's files, and those of all byte-level tokenizers after it, show bytes; and how Llama 2's show spaces.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heed::train {

/// The text of a token in a tokenizer's files, where every byte is a printable character, and back; std::nullopt for
/// what is no such text.
std::string shown_bytes(std::string_view token);
std::optional<std::string> bytes_shown(std::string_view text);

/// Where characters are merged: " the" is "▁the", and the token of a byte "<0x0A>".
std::string shown_spaces(std::string_view token);
std::string spaces_shown(std::string_view text);
std::string name_of_byte(size_t byte);

/// A token as a reader sees it: <A7> stands for a byte that is no part of a whole character.
std::string legible_bytes(std::string_view token);

}  // namespace heed::train
