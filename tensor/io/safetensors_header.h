// The JSON header of a safetensors file: reading it from untrusted bytes, and writing it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/io/safetensors.h>

namespace heed {

/// Headers above this are refused, as the format's own reader does.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

/// Undefined for a type that heed has no tensor for.
std::optional<StoredType> find_stored_type(std::string_view name);
/// How heed stores a tensor's type.
StoredType stored_type_of(DType dtype);

struct Header {
  std::vector<StoredTensor> entries;
  Metadata metadata;
};

/// Parses and checks `json` against `data_bytes` bytes of data. Throws FileError with `op` and `file` in its message.
Header parse_header(const Op& op, const std::string& file, std::string_view json, uint64_t data_bytes);

/// The header's JSON, padded with spaces to a multiple of 8. Throws ValueError for names it cannot hold.
std::string format_header(const Op& op, const Header& header);

}  // namespace heed
