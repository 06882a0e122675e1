#include <heed/train/data/tokenizer/gpt2.h>

#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include <heed/tensor/io/utf8.h>

namespace heed::train {
namespace {

/// The characters that show the bytes: those that print in Latin-1 themselves, the others from U+0100 on.
const std::array<char32_t, 256>& shown_as() {
  static const auto kShown = [] {
    std::array<char32_t, 256> shown{};
    char32_t stand_in = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool prints = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      shown[b] = prints ? static_cast<char32_t>(b) : stand_in++;
    }
    return shown;
  }();
  return kShown;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string made;
  for (size_t at; (at = text.find(from)) != text.npos; text.remove_prefix(at + from.size()))
    made.append(text.substr(0, at)).append(to);
  return made.append(text);
}

constexpr std::string_view kShownSpace = "\u2581";  // "▁"

}  // namespace

std::string shown_spaces(std::string_view token) { return replaced(token, " ", kShownSpace); }

std::string spaces_shown(std::string_view text) { return replaced(text, kShownSpace, " "); }

std::string name_of_byte(size_t byte) { return fmt::format("<0x{:02X}>", byte); }

std::string shown_bytes(std::string_view token) {
  std::string text;
  for (const char c : token) text += encode_utf8(shown_as()[static_cast<unsigned char>(c)]);
  return text;
}

std::string legible_bytes(std::string_view token) {
  std::string text;
  for (size_t bad; (bad = find_invalid_utf8(token)) != token.npos; token.remove_prefix(bad + 1))
    text += fmt::format("{}<{:02X}>", token.substr(0, bad), static_cast<unsigned char>(token[bad]));
  return text.append(token);
}

std::optional<std::string> bytes_shown(std::string_view text) {
  static const auto kBytes = [] {
    std::unordered_map<char32_t, char> bytes;
    for (int b = 0; b < 256; ++b) bytes.emplace(shown_as()[b], static_cast<char>(b));
    return bytes;
  }();
  std::string token;
  for (size_t i = 0; i < text.size();) {
    const auto found = kBytes.find(next_code_point(text, i));
    if (found == kBytes.end()) return std::nullopt;
    token += found->second;
  }
  return token;
}

}  // namespace heed::train
