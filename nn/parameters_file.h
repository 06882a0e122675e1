// Parameters from tensors of a file. Parameters::save and load are defined here.
#pragma once

#include <filesystem>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::nn {

/// Copies tensors into the parameters of the same names (or of their second names, if tied). The two must match one to
/// one in names and shapes; f32 may fill f64. Changes nothing unless everything fits.
/// Throws FileError that lists what is missing, unexpected, or of a different shape; `file` names the source in it.
void load_parameters(const Parameters& params, const NamedTensors& tensors, const std::filesystem::path& file,
                     Loc loc = Loc::current());
/// Throws what load_parameters would, and changes nothing.
void check_parameters(const Parameters& params, const NamedTensors& tensors, const std::filesystem::path& file,
                      Loc loc = Loc::current());

}  // namespace heed::nn
