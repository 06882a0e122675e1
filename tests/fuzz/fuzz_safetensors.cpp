#include <span>

#include <heed/tensor/io/safetensors.h>
#include "fuzz.h"

void heed::tests::fuzz(std::string_view bytes) {
  take_or_refuse([&] {
    const Safetensors file = read_safetensors(SafetensorsFile(std::as_bytes(std::span(bytes)), "bytes"));
    for (const auto& [name, x] : file.tensors) {
      require(x.defined() && x.is_contiguous(), "a tensor that was read is defined and contiguous");
      require(static_cast<uint64_t>(x.numel()) <= bytes.size(), "no more numbers than bytes in the file");
      for (const double value : x.to_vector<double>())
        require(x.dtype() != boolean || value == 0 || value == 1, "a truth value is 0 or 1");
    }
    const std::string path = (folder() / "again.safetensors").string();
    save_safetensors(path, file.tensors, file.metadata);
    const Safetensors again = load_safetensors(path);
    require(again.metadata == file.metadata && again.tensors.size() == file.tensors.size(),
            "what was read can be written and read again");
    for (size_t i = 0; i < file.tensors.size(); ++i)
      require(again.tensors[i].first == file.tensors[i].first &&
                  again.tensors[i].second.shape() == file.tensors[i].second.shape() &&
                  again.tensors[i].second.dtype() == file.tensors[i].second.dtype(),
              "names, shapes and dtypes survive");
  });
}
