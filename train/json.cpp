#include "train/json.h"

namespace heed::train {

Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

std::string dump_json(const Json& json, int indent) { return json.dump(indent); }

std::string dump_ascii(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

}  // namespace heed::train
