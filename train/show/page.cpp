#include <heed/train/show/page.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include <heed/autograd/grad_mode.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/half.h>
#include <heed/tensor/io/json.h>
#include <heed/train/show/page_template.h>

namespace heed::train {
namespace {

std::string base64(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t three = 0;
    for (size_t j = 0; j < 3; ++j) three = three << 8 | (j < n ? bytes[i + j] : 0u);
    for (size_t j = 0; j < 4; ++j) text += j <= n ? kDigits[three >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace

Json tensor_json(const Op& op, const std::string& name, const Tensor& tensor, bool halves) {
  if (!tensor.defined()) return nullptr;
  if (!is_floating(tensor.dtype()))
    fail<DTypeError>(op, "the numbers of '{}' are {}; need f32 or f64", name, name_of(tensor.dtype()));
  const NoGrad no_grad;
  const std::vector<float> numbers = tensor.detach().to(f32).to_vector<float>();
  std::vector<uint8_t> bytes;
  bytes.reserve((halves ? 2 : 4) * numbers.size());
  for (const float x : numbers) {
    if (!std::isfinite(halves ? from_f16(to_f16(x)) : x))
      fail<ValueError>(op, "the numbers of '{}' hold {}; need finite ones{}", name, x,
                       halves ? ", and f16 reaches to 65504" : "");
    const uint32_t bits = halves ? to_f16(x) : std::bit_cast<uint32_t>(x);
    for (int shift = 0; shift < (halves ? 16 : 32); shift += 8) bytes.push_back(static_cast<uint8_t>(bits >> shift));
  }
  const Shape& shape = tensor.shape();
  return {{"shape", std::vector<int64_t>(shape.begin(), shape.end())}, {halves ? "f16" : "f32", base64(bytes)}};
}

namespace {

void require_shape(const Op& op, const std::string& name, const Tensor& tensor, const Shape& need) {
  if (tensor.shape() != need)
    fail<ShapeError>(op, "'{}' has numbers of shape {}; its tokens need {}", name, tensor.shape(), need);
}

Json to_json(const Op& op, const AttentionMaps& maps) {
  if (maps.layers.empty() || maps.queries.empty() || maps.keys.empty())
    fail<ValueError>(op, "'{}' has {} layers, {} queries and {} keys; need at least one of each", maps.name,
                     maps.layers.size(), maps.queries.size(), maps.keys.size());
  Json layers = Json::array();
  for (const Tensor& weights : maps.layers) {
    if (!weights.defined() || weights.rank() != 3 || weights.size(0) < 1)
      fail<ShapeError>(op, "a layer of '{}' is not (heads, queries, keys)", maps.name);
    require_shape(op, maps.name, weights, {weights.size(0), std::ssize(maps.queries), std::ssize(maps.keys)});
    layers.push_back(tensor_json(op, maps.name, weights));
  }
  return {{"name", maps.name}, {"about", maps.about}, {"queries", maps.queries},
          {"keys", maps.keys}, {"layers", layers},    {"causal", maps.causal}};
}

Json to_json(const Op& op, const PageLane& lane) {
  const int64_t S = std::ssize(lane.source), T = std::ssize(lane.written);
  if (S == 0) fail<ValueError>(op, "'{}' has no source words", lane.name);
  if (lane.weights.defined()) require_shape(op, lane.name, lane.weights, {T, S});
  for (const auto& [numbers, rows] : {std::pair(&lane.states, S), {&lane.contexts, T}, {&lane.decoder, T}})
    if (numbers->defined()) require_shape(op, lane.name, *numbers, {rows, numbers->size(-1)});
  constexpr const char* kReading[] = {"forward", "both_ways", "at_once"};
  return {{"name", lane.name},
          {"about", lane.about},
          {"lines", lane.lines},
          {"reading", kReading[static_cast<size_t>(lane.reading)]},
          {"source", lane.source},
          {"written", lane.written},
          {"width", lane.width},
          {"states", tensor_json(op, lane.name, lane.states)},
          {"contexts", tensor_json(op, lane.name, lane.contexts)},
          {"decoder", tensor_json(op, lane.name, lane.decoder)},
          {"weights", tensor_json(op, lane.name, lane.weights)}};
}

Json to_json(const Op& op, const PageExample& example) {
  if (example.maps.empty()) fail<ValueError>(op, "example '{}' has no attention to show", example.name);
  Json maps = Json::array(), lanes = Json::array();
  for (const AttentionMaps& m : example.maps) maps.push_back(to_json(op, m));
  for (const PageLane& lane : example.lanes) lanes.push_back(to_json(op, lane));
  return {{"name", example.name}, {"unknown", example.unknown}, {"maps", maps}, {"lanes", lanes}};
}

/// JSON that may stand in a <script> element: nothing in it can end the element or open a comment, and what
/// is not ASCII (U+2028 with it) is escaped.
std::string script_data(const Json& json) {
  const std::string dumped = dump_ascii(json);
  std::string text;
  text.reserve(dumped.size());
  for (const char c : dumped) {
    if (c == '<' || c == '>' || c == '&') text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else text += c;
  }
  return text;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) escaped += "\xEF\xBF\xBD";
        else escaped += c;
    }
  }
  return escaped;
}

std::string filled_page(std::string_view page, const std::string& title, const Json& data) {
  const std::pair<std::string_view, std::string> values[] = {{"{{title}}", escape_html(title)},
                                                             {"{{data}}", script_data(data)}};
  std::string text;
  for (size_t at = 0; at < page.size();) {
    const size_t open = std::min(page.find("{{", at), page.size());
    text += page.substr(at, open - at);
    at = open;
    for (const auto& [name, value] : values)
      if (page.substr(open).starts_with(name)) text += value, at += name.size();
    if (at == open && at < page.size()) text += page.substr(at++, 1);
  }
  return text;
}

std::string page_html(const AttentionPage& page, Loc loc) {
  const Op op{"page", loc};
  if (page.examples.empty()) fail<ValueError>(op, "page '{}' has no example; need at least one", page.title);
  Json examples = Json::array();
  for (const PageExample& example : page.examples) examples.push_back(to_json(op, example));
  const Json data = {{"title", page.title}, {"about", page.about}, {"examples", examples}};
  return filled_page(kPageTemplate, page.title, data);
}

void write_page(const AttentionPage& page, const std::filesystem::path& file, Loc loc) {
  const Op op{"write_page", loc};
  write_file(file, page_html(page));
}

}  // namespace heed::train
