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

// The numbers of fields in tensorflow's event.proto, summary.proto, tensor.proto and tensor_shape.proto, by message.
constexpr uint64_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;  // Event
constexpr uint64_t kValue = 1;                                                                 // Summary
constexpr uint64_t kTag = 1, kSimpleValue = 2, kImage = 4, kTensor = 8, kMetadata = 9;         // Summary.Value
constexpr uint64_t kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;                     // Summary.Image
constexpr uint64_t kDtype = 1, kStringValue = 8;                                               // TensorProto
constexpr uint64_t kPluginData = 1, kPluginName = 1;   // SummaryMetadata, PluginData
constexpr uint64_t kStatus = 1;                        // SessionLog
constexpr int64_t kStart = 1, kGrey = 1, kString = 7;  // a status, a colorspace and a dtype

std::string event_of(int64_t step, const std::string& what) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return field(kWallTime, std::chrono::duration<double>(now).count()) + field(kStep, step) + what;
}

/// One value of a summary, with its tag.
std::string summary_of(const std::string& tag, const std::string& value) {
  return field(kSummary, field(kValue, field(kTag, tag) + value));
}

/// TFRecord: the length and the data, each with its check, rotated and shifted.
std::string record(const std::string& data) {
  const auto check = [](const std::string& bytes) {
    return fixed(std::rotr(crc<kCrc32c>(bytes), 15) + uint32_t{0xA282EAD8});
  };
  const std::string length = fixed(uint64_t{data.size()});
  return length + check(length) + data + check(data);
}

/// Those of heed; other programs put the machine's name into their files'.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code absent;  // then none can be made either, which says more
  for (const auto& entry : std::filesystem::directory_iterator(directory, absent))
    if (const std::string name = entry.path().filename();
        name.starts_with(kName) && name.find_first_not_of("0123456789.", std::string_view(kName).size()) == name.npos)
      files.push_back(entry.path());
  return files;
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& directory, int64_t done, Loc loc) {
  const Op op{"EventFile", loc};
  if (done == 0) remove_from(directory);
  // Files are read in the order of their names.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  file_ = std::make_unique<AppendFile>(directory / fmt::format("{}{:010}.{:06}.{}", kName, microseconds / 1'000'000,
                                                               microseconds % 1'000'000, getpid()));
  file_->append(record(event_of(0, field(kFileVersion, std::string("brain.Event:2")))));
  if (done > 0) file_->append(record(event_of(done + 1, field(kSessionLog, field(kStatus, kStart)))));
}

bool EventFile::any_in(const std::filesystem::path& directory) { return !files_in(directory).empty(); }

void EventFile::remove_from(const std::filesystem::path& directory, Loc loc) {
  for (const auto& file : files_in(directory)) remove_if_there(file, {"EventFile", loc});
}

void EventFile::scalars(int64_t step, const Measurements& numbers) {
  for (const auto& [name, number] : numbers)
    file_->append(record(event_of(step, summary_of(name, field(kSimpleValue, static_cast<float>(number))))));
}

void EventFile::text(int64_t step, const std::string& tag, const std::string& text) {
  const std::string plugin = field(kPluginData, field(kPluginName, std::string("text")));
  const std::string tensor = field(kDtype, kString) + field(kStringValue, text);
  file_->append(record(event_of(step, summary_of(tag, field(kMetadata, plugin) + field(kTensor, tensor)))));
}

void EventFile::image(int64_t step, const std::string& tag, const Tensor& values, Loc loc) {
  if (values.rank() != 2)
    fail<ShapeError>({"EventFile", loc}, "the image has shape {}; need (rows, columns)", values.shape());
  constexpr int64_t kSide = 256, kMost = 16;
  const int64_t pixels = std::clamp<int64_t>(kSide / std::max({values.size(0), values.size(1), int64_t{1}}), 1, kMost);
  const std::string picture = field(kHeight, pixels * values.size(0)) + field(kWidth, pixels * values.size(1)) +
                              field(kColorspace, kGrey) + field(kEncoded, png(values, pixels));
  file_->append(record(event_of(step, summary_of(tag, field(kImage, picture)))));
}

}  // namespace heed::train
