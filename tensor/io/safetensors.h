// The safetensors format: named tensors in one file, as Python's safetensors and PyTorch tools read and write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed {

using Metadata = std::map<std::string, std::string>;

struct Safetensors {
  NamedTensors tensors;  ///< in the order of the file's header
  Metadata metadata;
};

/// Reads all tensors. F64, F32, I64 and BOOL keep their type, F16 and BF16 become f32, and I32, I16, I8, U32, U16 and
/// U8 become i64. The file is checked before anything is allocated for it: the header's length and JSON, every name
/// once, shapes whose element count fits, and offsets that cover the data without overlap, hole or rest.
/// Throws FileError that names the file, what is wrong, and what would be right.
Safetensors load_safetensors(const std::filesystem::path& path, Loc loc = Loc::current());

/// The same from a stream that holds `bytes` bytes; errors call it `name`.
Safetensors read_safetensors(std::istream& in, uint64_t bytes, const std::string& name, Loc loc = Loc::current());

/// Writes `tensors` (any strides) under their names, all or nothing: see AtomicFile.
/// Throws FileError if that fails, ValueError for a name twice, an empty name, or a name that is not UTF-8.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata = {},
                      Loc loc = Loc::current());

}  // namespace heed
