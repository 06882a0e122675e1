#include <heed/train/show/png.h>

#include <algorithm>
#include <cmath>

#include <heed/tensor/io/crc.h>

namespace heed::train {
namespace {

/// The most significant byte first.
std::string big_endian(uint32_t n) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift & 0xFF);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<uint32_t>(data.size())) + type + data + big_endian(crc<kCrc32>(type + data));
}

/// A zlib stream of blocks that are stored as they are (RFC 1950, 1951).
std::string stored(const std::string& data) {
  constexpr size_t kBlock = 65535;
  std::string stream = "\x78\x01";
  for (size_t first = 0; first == 0 || first < data.size(); first += kBlock) {
    const size_t size = std::min(kBlock, data.size() - first);
    stream += static_cast<char>(first + size == data.size());
    for (const size_t length : {size, ~size})
      for (const int shift : {0, 8}) stream += static_cast<char>(length >> shift & 0xFF);
    stream.append(data, first, size);
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return stream + big_endian(b << 16 | a);
}

}  // namespace

std::string png(const Tensor& values, int64_t pixels, Loc loc) {
  if (values.rank() != 2 || values.numel() == 0)
    fail<ShapeError>({"png", loc}, "values of shape {}; need (rows, columns), at least one of each", values.shape());
  const int64_t rows = values.size(0), columns = values.size(1);
  const std::vector<double> all = values.to_vector<double>();
  std::string data;
  for (int64_t i = 0; i < rows * pixels; ++i) {
    data += '\0';  // no filter
    for (int64_t j = 0; j < columns * pixels; ++j) {
      const double value = all[static_cast<size_t>(i / pixels * columns + j / pixels)];
      data += static_cast<char>(std::lround(255 * (1 - std::clamp(value, 0.0, 1.0))));
    }
  }
  const std::string header = big_endian(static_cast<uint32_t>(columns * pixels)) +
                             big_endian(static_cast<uint32_t>(rows * pixels)) +
                             std::string("\x08\x00\x00\x00\x00", 5);  // 8 bits, grey, not interlaced
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", stored(data)) + chunk("IEND", "");
}

}  // namespace heed::train
