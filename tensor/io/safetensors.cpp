#include <heed/tensor/io/safetensors.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <istream>
#include <numeric>
#include <system_error>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/safetensors_header.h>
#include <heed/tensor/kernels/copy.h>

namespace heed {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and read as they lie");

/// IEEE 754 half precision, exactly.
float from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, mantissa = half & 0x3ff;
  const int exponent = half >> 10 & 0x1f;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);  // infinity, NaN
  if (exponent == 0) {                                                                    // mantissa * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | static_cast<uint32_t>(exponent + 112) << 23 | mantissa << 13);
}

/// The upper half of a float's bits.
float from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

template <class From, class To, class F>
void convert(const std::vector<std::byte>& bytes, To* out, F&& f) {
  const size_t count = bytes.size() / sizeof(From);
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    out[i] = f(value);
  }
}

void widen(std::string_view type, const std::vector<std::byte>& bytes, const Tensor& out) {
  const auto integer = [](auto value) { return static_cast<int64_t>(value); };
  if (type == "F16") convert<uint16_t>(bytes, out.mutable_data<float>(), from_f16);
  else if (type == "BF16") convert<uint16_t>(bytes, out.mutable_data<float>(), from_bf16);
  else if (type == "I32") convert<int32_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "I16") convert<int16_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "I8") convert<int8_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "U32") convert<uint32_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "U16") convert<uint16_t>(bytes, out.mutable_data<int64_t>(), integer);
  else convert<uint8_t>(bytes, out.mutable_data<int64_t>(), integer);
}

std::byte* bytes_of(const Tensor& x) {
  return dispatch(x.dtype(), [&]<class T>() { return reinterpret_cast<std::byte*>(x.mutable_data<T>()); });
}

/// Reads exactly `count` bytes.
void read_bytes(const Op& op, const std::string& file, std::istream& in, std::byte* out, uint64_t count) {
  if (count == 0) return;
  in.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(count));
  if (!in) fail<FileError>(op, "'{}' ended while it was read; need a file that nobody is changing", file);
}

Tensor read_tensor(const Op& op, const std::string& file, std::istream& in, const HeaderEntry& entry) {
  Tensor x = empty(entry.shape, entry.type.dtype, op.where);
  const uint64_t bytes = entry.end - entry.begin;
  if (entry.type.name == stored_type_of(entry.type.dtype).name) {
    read_bytes(op, file, in, bytes_of(x), bytes);
  } else {
    std::vector<std::byte> narrow(bytes);
    read_bytes(op, file, in, narrow.data(), bytes);
    widen(entry.type.name, narrow, x);
  }
  if (x.dtype() == boolean) {
    const std::byte* values = bytes_of(x);
    if (std::any_of(values, values + bytes, [](std::byte b) { return b > std::byte{1}; }))
      fail<FileError>(op, "'{}' is not a valid safetensors file: tensor '{}' of dtype BOOL has a byte above 1", file,
                      entry.name);
  }
  return x;
}

/// A contiguous tensor with the elements of x, without history.
Tensor plain(const Tensor& x) { return kernels::contiguous(x.detach()); }

}  // namespace

Safetensors read_safetensors(std::istream& in, uint64_t bytes, const std::string& name, Loc loc) {
  const Op op{"load_safetensors", loc};
  constexpr uint64_t kLengthBytes = 8;
  if (bytes < kLengthBytes)
    fail<FileError>(op,
                    "'{}' is not a valid safetensors file: it has {} bytes; need at least the 8 of the header's length",
                    name, bytes);
  uint64_t length = 0;
  read_bytes(op, name, in, reinterpret_cast<std::byte*>(&length), kLengthBytes);
  if (length > kMaxHeaderBytes || length > bytes - kLengthBytes)
    fail<FileError>(
        op, "'{}' is not a valid safetensors file: its first 8 bytes claim a header of {} bytes, but {} follow{}", name,
        length, bytes - kLengthBytes, length > kMaxHeaderBytes ? " (and at most 100,000,000 are read)" : "");
  std::string json(length, '\0');
  read_bytes(op, name, in, reinterpret_cast<std::byte*>(json.data()), length);
  Header header = parse_header(op, name, json, bytes - kLengthBytes - length);

  Safetensors file;
  file.metadata = std::move(header.metadata);
  const std::streampos data = in.tellg();
  for (const HeaderEntry& entry : header.entries) {
    in.seekg(data + static_cast<std::streamoff>(entry.begin));
    file.tensors.emplace_back(entry.name, read_tensor(op, name, in, entry));
  }
  return file;
}

Safetensors load_safetensors(const std::filesystem::path& path, Loc loc) {
  const Op op{"load_safetensors", loc};
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    fail<FileError>(op, "'{}' does not exist; need a safetensors file", path.string());
  if (!std::filesystem::is_regular_file(status))
    fail<FileError>(op, "'{}' is not a regular file; need a safetensors file", path.string());
  std::ifstream in(path, std::ios::binary);
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (!in || error) fail<FileError>(op, "'{}' cannot be read; need permission to read it", path.string());
  return read_safetensors(in, bytes, path.string(), loc);
}

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata,
                      Loc loc) {
  const Op op{"save_safetensors", loc};
  Header header{{}, metadata};
  for (const auto& [name, x] : tensors) header.entries.push_back({name, stored_type_of(x.dtype()), x.shape(), 0, 0});

  // Wide elements first, so that all lie at multiples of their size. The header keeps the caller's order.
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return header.entries[a].type.size > header.entries[b].type.size; });
  uint64_t end = 0;
  for (const size_t i : order) {
    HeaderEntry& entry = header.entries[i];
    entry.begin = end;
    entry.end = end += static_cast<uint64_t>(entry.shape.numel()) * entry.type.size;
  }

  const std::string json = format_header(op, header);
  const uint64_t length = json.size();
  AtomicFile file(path, loc);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(json);
  for (const size_t i : order) {
    const Tensor x = plain(tensors[i].second);
    file.write(std::span<const std::byte>(bytes_of(x), header.entries[i].end - header.entries[i].begin));
  }
  file.commit();
}

}  // namespace heed
