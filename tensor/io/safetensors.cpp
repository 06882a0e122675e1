#include <heed/tensor/io/safetensors.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/half.h>
#include <heed/tensor/io/safetensors_header.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/view.h>

namespace heed {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and read as they lie");

template <class From, class To, class F>
void convert(std::span<const std::byte> bytes, To* out, F&& f) {
  const size_t count = bytes.size() / sizeof(From);
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    out[i] = f(value);
  }
}

std::byte* bytes_of(Tensor& x) {
  return dispatch(x.dtype(), [&]<class T>() { return reinterpret_cast<std::byte*>(x.mutable_data<T>()); });
}

/// Elements of a stored type as a tensor.
Tensor widened(std::string_view type, std::span<const std::byte> bytes, Tensor out) {
  const auto integer = [](auto value) { return static_cast<int64_t>(value); };
  if (type == "F16") convert<uint16_t>(bytes, out.mutable_data<float>(), from_f16);
  else if (type == "BF16") convert<uint16_t>(bytes, out.mutable_data<float>(), from_bf16);
  else if (type == "I32") convert<int32_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "I16") convert<int16_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "I8") convert<int8_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "U32") convert<uint32_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "U16") convert<uint16_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (type == "U8") convert<uint8_t>(bytes, out.mutable_data<int64_t>(), integer);
  else if (!bytes.empty()) std::memcpy(bytes_of(out), bytes.data(), bytes.size());
  return out;
}

/// A contiguous tensor with the elements of x, without history.
Tensor plain(const Tensor& x) { return kernels::contiguous(x.detach()); }

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, Loc loc) {
  auto map = std::make_shared<const MappedFile>(Op{Op::called("load_safetensors"), loc}, path, "a safetensors file");
  *this = SafetensorsFile(map->bytes(), path.string(), loc);
  map_ = std::move(map);
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, std::string name, Loc loc) : name_(std::move(name)) {
  const Op op{Op::called("load_safetensors"), loc};
  uint64_t length = 0;
  if (bytes.size() < sizeof length)
    fail<FileError>(op,
                    "'{}' is not a valid safetensors file: it has {} bytes; need at least the 8 of the header's length",
                    name_, bytes.size());
  std::memcpy(&length, bytes.data(), sizeof length);
  data_ = bytes.subspan(sizeof length);
  if (length > kMaxHeaderBytes || length > data_.size())
    fail<FileError>(
        op, "'{}' is not a valid safetensors file: its first 8 bytes claim a header of {} bytes, but {} follow{}",
        name_, length, data_.size(), length > kMaxHeaderBytes ? " (and at most 100,000,000 are read)" : "");
  const std::string_view json(reinterpret_cast<const char*>(data_.data()), length);
  data_ = data_.subspan(length);
  Header header = parse_header(op, name_, json, data_.size());
  tensors_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
}

void SafetensorsFile::copy(const StoredTensor& entry, const Tensor& x, Loc loc) const {
  const Op op{Op::called("load_safetensors"), loc};
  constexpr size_t kAtOnce = 4 << 20;  // bytes
  const std::span<const std::byte> all = bytes(entry);
  if (all.empty()) return;
  const Tensor out = x.rank() ? x.detach() : view::reshape(x.detach(), {1});
  Shape shape = out.shape();
  const int64_t rows = shape[0];
  const size_t row = all.size() / static_cast<size_t>(rows);
  const auto step = static_cast<int64_t>(std::max<size_t>(1, kAtOnce / row));
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = shape[0] = std::min(step, rows - first);
    const auto part = all.subspan(static_cast<size_t>(first) * row, static_cast<size_t>(count) * row);
    if (entry.type.dtype == boolean && std::any_of(part.begin(), part.end(), [](auto b) { return b > std::byte{1}; }))
      fail<FileError>(op, "'{}' is not a valid safetensors file: tensor '{}' of dtype BOOL has a byte above 1", name_,
                      entry.name);
    const Tensor read = widened(entry.type.name, part, empty(shape, entry.type.dtype));
    kernels::copy_into(read.dtype() == out.dtype() ? read : kernels::cast(read, out.dtype()),
                       view::narrow(op, out, 0, first, count));
    if (map_) map_->forget(part);
  }
  x.storage()->mark_written();
}

Tensor SafetensorsFile::read(const StoredTensor& entry, Loc loc) const {
  const Tensor x = empty(entry.shape, entry.type.dtype, loc);
  copy(entry, x, loc);
  return x;
}

Safetensors read_safetensors(const SafetensorsFile& file, Loc loc) {
  Safetensors all{{}, file.metadata()};
  for (const StoredTensor& entry : file.tensors()) all.tensors.emplace_back(entry.name, file.read(entry, loc));
  return all;
}

Safetensors load_safetensors(const std::filesystem::path& path, Loc loc) {
  return read_safetensors(SafetensorsFile(path, loc), loc);
}

void write_safetensors(AtomicFile& file, const NamedTensors& tensors, const Metadata& metadata, Loc loc) {
  const Op op{Op::called("write_safetensors"), loc};
  Header header{{}, metadata};
  for (const auto& [name, x] : tensors) header.entries.push_back({name, stored_type_of(x.dtype()), x.shape(), 0, 0});

  // Wide elements first, so that all lie at multiples of their size. The header keeps the caller's order.
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return header.entries[a].type.size > header.entries[b].type.size; });
  uint64_t end = 0;
  for (const size_t i : order) {
    StoredTensor& entry = header.entries[i];
    entry.begin = end;
    entry.end = end += static_cast<uint64_t>(entry.shape.numel()) * entry.type.size;
  }

  const std::string json = format_header(op, header);
  const uint64_t length = json.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(json);
  for (const size_t i : order) {
    Tensor x = plain(tensors[i].second);
    file.write(std::span<const std::byte>(bytes_of(x), header.entries[i].end - header.entries[i].begin));
  }
}

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata,
                      Loc loc) {
  const Op op{Op::called("save_safetensors"), loc};
  AtomicFile file(path);
  write_safetensors(file, tensors, metadata);
  file.commit();
}

}  // namespace heed
