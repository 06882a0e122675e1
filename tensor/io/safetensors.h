// The safetensors format: named tensors in one file, as Python's safetensors and PyTorch tools read and write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/io/mapped_file.h>
#include <heed/tensor/tensor.h>

namespace heed {

class AtomicFile;

/// Strings by name, beside the tensors.
using Metadata = std::map<std::string, std::string>;

/// An element type as files store it, and the tensor's type that it becomes.
struct StoredType {
  std::string_view name;  ///< "F32"
  size_t size;            ///< bytes of an element
  DType dtype;            ///< what it becomes
};

/// One tensor of a file: bytes begin .. end - 1 of its data.
struct StoredTensor {
  std::string name;     ///< unique in the file
  StoredType type;      ///< of its elements
  Shape shape;          ///< as the file says
  uint64_t begin, end;  ///< of its bytes
};

/// A file whose tensors are read one by one, from where they lie: it is mapped, not loaded. F64, F32, I64 and BOOL keep
/// their type, F16 and BF16 become f32, and I32, I16, I8, U32, U16 and U8 become i64.
class SafetensorsFile {
 public:
  /// Checks the file before anything is allocated for it: the header's length and JSON, every name once, shapes whose
  /// element count fits, and offsets that cover the data without overlap, hole or rest. Throws FileError that names the
  /// file, what is wrong, and what would be right.
  explicit SafetensorsFile(const std::filesystem::path& path, Loc loc = Loc::current());
  /// The same of bytes, which must outlive it; errors call them `name`.
  SafetensorsFile(std::span<const std::byte> bytes, std::string name, Loc loc = Loc::current());

  /// The file's, as errors say it.
  const std::string& name() const { return name_; }
  /// In the order of the header.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// What the header says besides.
  const Metadata& metadata() const { return metadata_; }
  /// Copies an entry's elements, a few MiB at a time, into x of its shape: of its dtype, or f64 for f32 and back. x may
  /// be a part or a transposed view of a tensor. Throws FileError for a truth value that is neither 0 nor 1.
  void copy(const StoredTensor& entry, const Tensor& x, Loc loc = Loc::current()) const;
  /// The entry as a tensor of its own.
  Tensor read(const StoredTensor& entry, Loc loc = Loc::current()) const;
  /// The entry as it lies in the file.
  std::span<const std::byte> bytes(const StoredTensor& entry) const {
    return data_.subspan(entry.begin, entry.end - entry.begin);
  }

 private:
  std::shared_ptr<const MappedFile> map_;
  std::string name_;
  std::span<const std::byte> data_;  // what follows the header
  std::vector<StoredTensor> tensors_;
  Metadata metadata_;
};

/// All that a file holds.
struct Safetensors {
  NamedTensors tensors;  ///< in the order of the file's header
  Metadata metadata;     ///< what the header says besides
};

/// All tensors of a file. Throws as SafetensorsFile does.
Safetensors load_safetensors(const std::filesystem::path& path, Loc loc = Loc::current());
Safetensors read_safetensors(const SafetensorsFile& file, Loc loc = Loc::current());

/// Writes `tensors` (any strides) under their names, all or nothing: see AtomicFile.
/// Throws FileError if that fails, ValueError for a name twice, an empty name, or a name that is not UTF-8.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata = {},
                      Loc loc = Loc::current());
/// The same into a file that is open, whose commit() is left to the caller.
void write_safetensors(AtomicFile& file, const NamedTensors& tensors, const Metadata& metadata = {},
                       Loc loc = Loc::current());

}  // namespace heed
