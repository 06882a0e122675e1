#include <heed/tensor/io/json.h>

namespace heed {

Json parse_json(std::string_view text) {
  struct TooDeep {};
  const auto check_depth = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepestJson) throw TooDeep();
    return true;
  };
  try {
    return Json::parse(text, check_depth, false);
  } catch (const TooDeep&) {
    return Json(Json::value_t::discarded);
  }
}

bool parse_json(std::string_view text, nlohmann::json_sax<Json>& events) {
  return Json::sax_parse(text.begin(), text.end(), &events);
}

std::string dump_json(const Json& json, int indent) { return json.dump(indent); }

std::string dump_ascii(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

}  // namespace heed
