// Parameters from tensors of files. Parameters::save and load are defined here.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::nn {

/// A tensor that a file must have, and where its elements go.
struct Slot {
  std::string name;                    ///< in the file
  Tensor into;                         ///< a parameter, a part of one, or a transposed view, without history
  std::vector<std::string> also = {};  ///< of tied parameters: may stand for the first, or be there with equal bytes
  bool zeros = false;  ///< `into` is all zeros, and so must be the file's: the model has no such parameter
  std::function<Tensor(const Tensor&)> reorder = {};  ///< elements of the file -> those of `into`, and back
};

/// Tensors by name, of one file or several, with the file that each is in.
struct StoredTensors {
  /// Where a tensor lies.
  struct Place {
    std::shared_ptr<const SafetensorsFile> file;  ///< that has it
    const StoredTensor* entry;                    ///< of that file
  };
  std::filesystem::path from;           ///< what errors name
  std::map<std::string, Place> places;  ///< by the tensor's name
  bool rounded = false;                 ///< f64 may fill f32

  /// Takes in all tensors of a file. Throws FileError for a name that is there already.
  void add(const std::shared_ptr<const SafetensorsFile>& file, Loc loc = Loc::current());
};

/// What a weights file says of itself: "format" "pt", which transformers ask for, "heed" the version that wrote it, and
/// the weights' "license".
std::map<std::string, std::string> weights_metadata(const std::string& license);

/// Every parameter under its own name.
std::vector<Slot> slots_of(const Parameters& params);

/// Copies tensors of files into the slots. The two must match one to one in names and shapes; f32 may fill f64. Changes
/// nothing unless everything fits. Needs no memory but for a few MiB. Throws FileError that lists what is missing,
/// unexpected, or of a different shape.
void load_parameters(const std::vector<Slot>& slots, const StoredTensors& stored, Loc loc = Loc::current());
/// Throws what load_parameters would, and changes nothing.
void check_parameters(const std::vector<Slot>& slots, const StoredTensors& stored, Loc loc = Loc::current());

}  // namespace heed::nn
