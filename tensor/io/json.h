// JSON as heed reads and writes it: nlohmann's values, with the parser and the printer compiled once, in json.cpp.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <heed/tensor/error.h>

namespace heed {

using Json = nlohmann::ordered_json;  ///< objects keep the order in which their keys were put

constexpr int kDeepestJson = 16;  ///< levels: a deep value would exhaust the stack of what walks through it

/// A discarded value (is_discarded()) if the text is not JSON, nests deeper than kDeepestJson, or has an object with a
/// key twice.
Json parse_json(std::string_view text);

/// The same with objects that are sorted by key, and so find one among thousands fast.
nlohmann::json parse_sorted_json(std::string_view text);

/// The same of a text that has to be JSON. Throws FileError with `complaint` and where it is not, as "the text is no
/// tokenizer.json: key "vocab" stands twice; need each once".
nlohmann::json need_json(std::string_view text, std::string_view complaint, const Op& op);

/// What an object has under a key; null if it has nothing there, or is no object.
const nlohmann::json& find_json(const nlohmann::json& object, const char* key);

/// Hands the values of the text to `events` as they come; false if it is not JSON, or `events` wants no more.
bool parse_json(std::string_view text, nlohmann::json_sax<Json>& events);

/// One line, or `indent` spaces a level. Throws Json::exception for text that is not UTF-8.
std::string dump_json(const Json& json, int indent = -1);

/// One line of ASCII for any text; what is not UTF-8 becomes U+FFFD.
std::string dump_ascii(const Json& json);

}  // namespace heed
