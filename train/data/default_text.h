// The text that a GPT learns from when no file is given.
#pragma once

#include <optional>
#include <string>

#include <heed/tensor/random.h>

namespace heed::train {

/// A text, and which of the two it is.
struct DefaultText {
  std::string text;    ///< UTF-8
  bool bible = false;  ///< the King James text; otherwise stories from the grammar
};

/// English to learn from without a download: the King James text where Debian's `bible` program (package
/// bible-kjv) is installed, else stories from the grammar, about 1,000,000 characters drawn with `rng`.
/// `max_characters` cuts it short at the end of a line; 0 takes all. The caller can tell which one it got and
/// should say so.
DefaultText default_text(Rng& rng, int64_t max_characters = 0);

/// The King James text, 4.1 million characters, one verse a line without its reference, a blank line between
/// chapters. Nothing if `program` is not installed or prints something else.
std::optional<std::string> king_james_text(const std::string& program = "bible");

/// Verses as `bible -f` prints them ("Ge1:1 In the beginning ...") to the form above; nothing if a line has
/// no reference. Public for tests.
std::optional<std::string> without_references(const std::string& verses);

}  // namespace heed::train
