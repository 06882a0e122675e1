// Cyclic redundancy checks of 32 bits, as files carry them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace heed {

constexpr uint32_t kCrc32 = 0xEDB88320;   ///< of zlib and PNG
constexpr uint32_t kCrc32c = 0x82F63B78;  ///< Castagnoli's, of TFRecord

/// The check of all bytes by a polynomial, its bits reversed.
template <uint32_t polynomial>
uint32_t crc(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ polynomial : value >> 1;
      table[i] = value;
    }
    return table;
  }();
  uint32_t value = ~uint32_t{0};
  for (const char c : bytes) value = value >> 8 ^ kTable[(value ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~value;
}

}  // namespace heed
