// What of a model and its training is kept in files. nn::Parameters::save and load are defined here too.
#pragma once

#include <cstdint>
#include <filesystem>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/train/optimizer.h>

namespace heed {
class Rng;
}

namespace heed::train {

/// Copies tensors into the parameters of the same names (or of their second names, if tied). The two must match one to one
/// in names and shapes; f32 may fill f64. Changes nothing unless everything fits.
/// Throws FileError that lists what is missing, unexpected, or of a different shape; `file` names the source in it.
void load_parameters(const nn::Parameters& params, const NamedTensors& tensors, const std::string& file,
                     Loc loc = Loc::current());

/// Writes parameters, optimiser and generator as they are now, after `step` updates, all in one file, so that a run resumed
/// from it goes on with the same bits. Throws FileError.
void save_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizer& optimizer,
                   const Rng& rng, int64_t step, Loc loc = Loc::current());
/// Puts all of that back and returns the number of updates done. Throws FileError if the file is not such a state or holds
/// another model, ValueError or ShapeError if it holds another optimiser.
int64_t load_training(const std::filesystem::path& path, const nn::Parameters& params, Optimizer& optimizer, Rng& rng,
                      Loc loc = Loc::current());

}  // namespace heed::train
