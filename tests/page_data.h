// What a browser reads from a page of train/show/page.h.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace heed::tests {

/// The text between the first mark and the next one behind it.
inline std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find(from) + from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

inline std::string page_script_data(const std::string& html) {
  return between(html, R"(<script type="application/json" id="data">)", "</script>");
}

inline nlohmann::json page_data(const std::string& html) { return nlohmann::json::parse(page_script_data(html)); }

}  // namespace heed::tests
