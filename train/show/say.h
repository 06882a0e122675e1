// What is told beside results, on stderr.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace heed::train {

/// Writes to stderr, or to another stream, as fmt::print does, but never throws: a closed terminal, or a full disk
/// under a log, ends no run.
template <class... Args>
void say(std::FILE* stream, fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  std::fwrite(text.data(), 1, text.size(), stream);
}
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say(stderr, format, std::forward<Args>(args)...);
}

}  // namespace heed::train
