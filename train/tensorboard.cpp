#include <heed/train/tensorboard.h>

#include <algorithm>
#include <bit>
#include <chrono>

#include <unistd.h>

#include <heed/tensor/io/crc.h>
#include <heed/train/run_directory.h>
#include <heed/train/show/png.h>

namespace heed::train {
namespace {

constexpr const char* kName = "events.out.tfevents.";  // TensorBoard reads files with "tfevents" in their name

// Protocol buffers: a message is a sequence of fields, each a key (number << 3 | kind) and a value.

std::string varint(uint64_t n) {
  std::string bytes;
  for (; n >= 0x80; n >>= 7) bytes += static_cast<char>(n | 0x80);
  return bytes + static_cast<char>(n);
}

/// The least significant byte first.
template <class Word>
std::string fixed(Word n) {
  std::string bytes;
  for (size_t i = 0; i < sizeof n; ++i) bytes += static_cast<char>(n >> (8 * i) & 0xFF);
  return bytes;
}

std::string field(uint64_t number, int64_t value) { return varint(number << 3) + varint(static_cast<uint64_t>(value)); }
std::string field(uint64_t number, double value) {
  return varint(number << 3 | 1) + fixed(std::bit_cast<uint64_t>(value));
}
std::string field(uint64_t number, float value) {
  return varint(number << 3 | 5) + fixed(std::bit_cast<uint32_t>(value));
}
std::string field(uint64_t number, const std::string& value) {
  return varint(number << 3 | 2) + varint(value.size()) + value;
}

/// The numbers of fields in tensorflow's event.proto, summary.proto, tensor.proto and tensor_shape.proto.
namespace event {
constexpr uint64_t wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
namespace session_log {
constexpr uint64_t status = 1;
constexpr int64_t start = 1;
}  // namespace session_log
namespace summary {
constexpr uint64_t value = 1;
}
namespace value {
constexpr uint64_t tag = 1, simple_value = 2, image = 4, tensor = 8, metadata = 9;
}
namespace image {
constexpr uint64_t height = 1, width = 2, colorspace = 3, encoded = 4;
constexpr int64_t grey = 1;
}  // namespace image
namespace tensor {
constexpr uint64_t dtype = 1, string_value = 8;
constexpr int64_t string = 7;
}  // namespace tensor
namespace metadata {
constexpr uint64_t plugin_data = 1, plugin_name = 1;
}

std::string event_of(int64_t step, const std::string& what) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return field(event::wall_time, std::chrono::duration<double>(now).count()) + field(event::step, step) + what;
}

/// One value of a summary, with its tag.
std::string summary_of(const std::string& tag, const std::string& value) {
  return field(event::summary, field(summary::value, field(value::tag, tag) + value));
}

/// TFRecord: the length and the data, each with its check, rotated and shifted.
std::string record(const std::string& data) {
  const auto check = [](const std::string& bytes) {
    return fixed(std::rotr(crc<kCrc32c>(bytes), 15) + uint32_t{0xA282EAD8});
  };
  const std::string length = fixed(uint64_t{data.size()});
  return length + check(length) + data + check(data);
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& directory, int64_t done, Loc loc) {
  std::error_code absent;  // then the file cannot be opened, which says more
  if (done == 0)
    for (const auto& entry : std::filesystem::directory_iterator(directory, absent))
      if (entry.path().filename().string().starts_with(kName)) remove_if_there(entry.path());
  // Files are read in the order of their names.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  file_ = std::make_unique<AppendFile>(
      directory / fmt::format("{}{:010}.{:06}.{}", kName, microseconds / 1'000'000, microseconds % 1'000'000, getpid()),
      loc);
  file_->append(record(event_of(0, field(event::file_version, std::string("brain.Event:2")))));
  if (done > 0)
    file_->append(
        record(event_of(done + 1, field(event::session_log, field(session_log::status, session_log::start)))));
}

void EventFile::scalars(int64_t step, const Measurements& numbers) {
  for (const auto& [name, number] : numbers)
    file_->append(record(event_of(step, summary_of(name, field(value::simple_value, static_cast<float>(number))))));
}

void EventFile::text(int64_t step, const std::string& tag, const std::string& text) {
  const std::string plugin = field(metadata::plugin_data, field(metadata::plugin_name, std::string("text")));
  const std::string tensor = field(tensor::dtype, tensor::string) + field(tensor::string_value, text);
  file_->append(record(event_of(step, summary_of(tag, field(value::metadata, plugin) + field(value::tensor, tensor)))));
}

void EventFile::image(int64_t step, const std::string& tag, const Tensor& values, Loc loc) {
  if (values.rank() != 2)
    fail<ShapeError>({"EventFile", loc}, "the image has shape {}; need (rows, columns)", values.shape());
  constexpr int64_t kSide = 256, kMost = 16;
  const int64_t pixels = std::clamp<int64_t>(kSide / std::max({values.size(0), values.size(1), int64_t{1}}), 1, kMost);
  const std::string picture = field(image::height, pixels * values.size(0)) +
                              field(image::width, pixels * values.size(1)) + field(image::colorspace, image::grey) +
                              field(image::encoded, png(values, pixels));
  file_->append(record(event_of(step, summary_of(tag, field(value::image, picture)))));
}

}  // namespace heed::train
