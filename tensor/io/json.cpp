#include <heed/tensor/io/json.h>

#include <set>
#include <vector>

namespace heed {

namespace {

/// Whether a text is JSON as heed reads it. A parser that may discard values, by a callback, looks through a whole
/// array after each object in it.
class Check : public nlohmann::json_sax<Json> {
 public:
  explicit Check(std::string_view text) : size_(text.size()) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return open(); }
  bool start_array(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    if (keys_.back().insert(key).second) return true;
    why = fmt::format("key {} stands twice; need each once", dump_ascii(key));
    return false;
  }
  bool parse_error(size_t read, const std::string&, const nlohmann::detail::exception& error) override {
    const bool in_string = std::string_view(error.what()).find("invalid string") != std::string_view::npos;
    if (read > size_)
      why = fmt::format("it ends {}at byte {}; need all of it", in_string ? "within a string " : "", size_);
    else why = fmt::format("it is no JSON at byte {}", read - 1);
    return false;
  }

  std::string why;  // it is not

 private:
  bool open() {
    keys_.emplace_back();
    if (keys_.size() > kDeepestJson) why = fmt::format("it nests deeper than {} levels; need fewer", kDeepestJson);
    return why.empty();
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  size_t size_;
  std::vector<std::set<std::string>> keys_;  // of what is open; arrays have none
};

template <class Value>
Value parse(std::string_view text) {
  Check check(text);
  if (!parse_json(text, check)) return Value(Value::value_t::discarded);
  return Value::parse(text, nullptr, false);
}

}  // namespace

Json parse_json(std::string_view text) { return parse<Json>(text); }

nlohmann::json parse_sorted_json(std::string_view text) { return parse<nlohmann::json>(text); }

nlohmann::json need_json(std::string_view text, std::string_view complaint, const Op& op) {
  if (Check check(text); !parse_json(text, check)) fail<FileError>(op, "{}: {}", complaint, check.why);
  return nlohmann::json::parse(text);
}

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
