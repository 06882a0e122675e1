#include <heed/tensor/io/json.h>

#include <set>
#include <vector>

namespace heed {

namespace {

template <class Value>
Value parse(std::string_view text) {
  using Event = typename Value::parse_event_t;
  struct Refused {};
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Event event, Value& value) {
    if (depth > kDeepestJson) throw Refused();
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.template get<std::string>()).second) throw Refused();
    return true;
  };
  try {
    return Value::parse(text, check, false);
  } catch (const Refused&) {
    return Value(Value::value_t::discarded);
  }
}

}  // namespace

Json parse_json(std::string_view text) { return parse<Json>(text); }

nlohmann::json parse_sorted_json(std::string_view text) { return parse<nlohmann::json>(text); }

const nlohmann::json& find_json(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

bool parse_json(std::string_view text, nlohmann::json_sax<Json>& events) {
  return Json::sax_parse(text.begin(), text.end(), &events);
}

std::string dump_json(const Json& json, int indent) { return json.dump(indent); }

std::string dump_ascii(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

}  // namespace heed
