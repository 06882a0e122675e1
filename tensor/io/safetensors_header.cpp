#include <heed/tensor/io/safetensors_header.h>

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include <heed/tensor/io/json.h>

namespace heed {
namespace {

constexpr StoredType kStoredTypes[] = {
    {"F32", 4, f32}, {"F64", 8, f64}, {"I64", 8, i64}, {"BOOL", 1, boolean}, {"F16", 2, f32}, {"BF16", 2, f32},
    {"I32", 4, i64}, {"I16", 2, i64}, {"I8", 1, i64},  {"U32", 4, i64},      {"U16", 2, i64}, {"U8", 1, i64},
};
constexpr const char* kMetadataKey = "__metadata__";
constexpr uint64_t kMostElements = std::numeric_limits<int64_t>::max() / 16;  // as check_sizes has it

/// Builds a Header from the parser's events. Only the one structure that the format knows is accepted, so nothing
/// nests deeper than it should, and a key that comes twice is seen.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  Header header;
  std::string problem;  ///< why parsing stopped, as "what is wrong; need ..."

  bool key(string_t& key) override {
    switch (place_) {
      case Place::root: return begin_member(key);
      case Place::metadata:
        if (!metadata_.insert(key).second) return refuse("__metadata__ has '{}' twice", key);
        key_ = key;
        return true;
      case Place::tensor:
        if (key != "dtype" && key != "shape" && key != "data_offsets")
          return refuse("tensor '{}' has the unknown field '{}'; need dtype, shape and data_offsets", name_, key);
        if (!fields_.insert(key).second) return refuse("tensor '{}' has {} twice", name_, key);
        key_ = key;
        return true;
      default: return unexpected();
    }
  }
  bool start_object(size_t) override {
    if (place_ == Place::outside) return enter(Place::root);
    if (place_ != Place::root) return unexpected();
    return enter(name_ == kMetadataKey ? Place::metadata : Place::tensor);
  }
  bool end_object() override {
    if (place_ == Place::root) return enter(Place::done);
    if (place_ == Place::tensor && !end_tensor()) return false;
    return enter(Place::root);
  }
  bool start_array(size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") return unexpected();
    return enter(key_ == "shape" ? Place::shape : Place::offsets);
  }
  bool end_array() override { return enter(Place::tensor); }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) return header.metadata.emplace(key_, text), true;
    if (place_ != Place::tensor || key_ != "dtype") return unexpected();
    const auto type = find_stored_type(text);
    if (!type)
      return refuse(
          "tensor '{}' has dtype '{}', which heed cannot hold; need F32, F64, I64, BOOL, F16, BF16 or an integer of at "
          "most 32 bits",
          name_, text);
    type_ = *type;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) return unexpected();
    (place_ == Place::shape ? sizes_ : offsets_).push_back(value);
    const size_t most = place_ == Place::shape ? kMaxRank : 2;
    if ((place_ == Place::shape ? sizes_ : offsets_).size() > most)
      return refuse("tensor '{}' has more than {} {}", name_, most, place_ == Place::shape ? "axes" : "data_offsets");
    return true;
  }
  bool number_integer(number_integer_t value) override { return bad_number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return bad_number(text); }
  bool null() override { return unexpected(); }
  bool boolean(bool) override { return unexpected(); }
  bool binary(binary_t&) override { return unexpected(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("the header is not JSON in UTF-8 (at its byte {})", position);
  }

 private:
  enum class Place { outside, root, metadata, tensor, shape, offsets, done };

  template <class... Args>
  bool refuse(fmt::format_string<Args...> format, Args&&... args) {
    problem = fmt::format(format, std::forward<Args>(args)...);
    return false;
  }
  bool unexpected() {
    return refuse(
        "the header has an unexpected value{}; need {{\"name\": {{\"dtype\": \"F32\", \"shape\": [2, 3], "
        "\"data_offsets\": [0, 24]}}, ...}}",
        name_.empty() ? "" : " at '" + name_ + "'");
  }
  bool bad_number(const std::string& text) {
    return refuse("tensor '{}' has the number {}; need whole numbers from 0 to 2^64 - 1", name_, text);
  }
  bool enter(Place place) {
    place_ = place;
    return true;
  }
  bool begin_member(const std::string& key) {
    if (!names_.insert(key).second) return refuse("the header has '{}' twice; need every name once", key);
    name_ = key;
    fields_.clear();
    sizes_.clear();
    offsets_.clear();
    return true;
  }
  bool end_tensor() {
    if (fields_.size() != 3 || offsets_.size() != 2)
      return refuse("tensor '{}' is incomplete; need dtype, shape and two data_offsets", name_);
    uint64_t count = 1, strides = 1;  // of an empty tensor, too
    Shape shape;
    for (const uint64_t size : sizes_) {
      count *= size;
      if (__builtin_mul_overflow(strides, std::max<uint64_t>(size, 1), &strides) || strides > kMostElements)
        return refuse("tensor '{}' of shape ({}) has more elements than can be counted", name_,
                      fmt::join(sizes_, ", "));
      shape.push_back(static_cast<int64_t>(size));
    }
    const uint64_t bytes = count * type_.size;
    if (offsets_[1] < offsets_[0] || offsets_[1] - offsets_[0] != bytes)
      return refuse("tensor '{}' of shape {} and dtype {} needs {} bytes, but its data_offsets are [{}, {}]", name_,
                    shape, type_.name, bytes, offsets_[0], offsets_[1]);
    header.entries.push_back({name_, type_, shape, offsets_[0], offsets_[1]});
    return true;
  }

  Place place_ = Place::outside;
  std::string name_, key_;  // the tensor and the field being read
  std::set<std::string> names_, metadata_, fields_;
  StoredType type_{};
  std::vector<uint64_t> sizes_, offsets_;
};

/// The entries must cover data bytes 0 .. data_bytes - 1, each once.
std::string check_cover(const Header& header, uint64_t data_bytes) {
  std::vector<const StoredTensor*> sorted;
  for (const StoredTensor& entry : header.entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  uint64_t end = 0;
  for (const StoredTensor* entry : sorted) {
    if (entry->begin != end)
      return fmt::format(
          "tensor '{}' begins at data byte {}, {} the end of the one before it, {}; need tensors without overlaps or "
          "holes",
          entry->name, entry->begin, entry->begin < end ? "before" : "after", end);
    end = entry->end;
  }
  if (end > data_bytes)
    return fmt::format("the file is truncated: its header lists {} bytes of data, but {} follow", end, data_bytes);
  if (end < data_bytes) return fmt::format("{} bytes follow the last tensor; need none", data_bytes - end);
  return {};
}

}  // namespace

std::optional<StoredType> find_stored_type(std::string_view name) {
  for (const StoredType& type : kStoredTypes)
    if (type.name == name) return type;
  return {};
}

StoredType stored_type_of(DType dtype) {
  return *std::find_if(std::begin(kStoredTypes), std::end(kStoredTypes),
                       [&](const StoredType& t) { return t.dtype == dtype; });
}

Header parse_header(const Op& op, const std::string& file, std::string_view json, uint64_t data_bytes) {
  HeaderReader reader;
  const bool parsed = parse_json(json, reader);
  std::string problem = parsed ? check_cover(reader.header, data_bytes) : reader.problem;
  if (!problem.empty()) fail<FileError>(op, "'{}' is not a valid safetensors file: {}", file, problem);
  return std::move(reader.header);
}

std::string format_header(const Op& op, const Header& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) json[kMetadataKey] = header.metadata;
  auto& members = json.get_ref<Json::object_t&>();  // which would look each name up among all before
  std::set<std::string_view> names;
  for (const StoredTensor& entry : header.entries) {
    if (entry.name.empty() || !names.insert(entry.name).second || entry.name == kMetadataKey)
      fail<ValueError>(op, "tensor name '{}' is empty, reserved, or there twice; need different names", entry.name);
    members.emplace_back(entry.name, Json{{"dtype", entry.type.name},
                                          {"shape", std::vector<int64_t>(entry.shape.begin(), entry.shape.end())},
                                          {"data_offsets", {entry.begin, entry.end}}});
  }
  std::string text;
  try {
    text = dump_json(json);
  } catch (const Json::exception&) {
    fail<ValueError>(op, "a tensor's name or the metadata is not valid UTF-8; need UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace heed
