// A training that was interrupted, as a file keeps it.
#pragma once

#include <cstdint>
#include <filesystem>

#include <heed/nn/scope.h>
#include <heed/train/optimizer.h>

namespace heed {
class Rng;
}

namespace heed::train {

/// Writes parameters, optimiser and generator as they are now, after `step` updates, all in one file, so that a run
/// resumed from it goes on with the same bits. Throws FileError.
void save_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizer& optimizer,
                   const Rng& rng, int64_t step, Loc loc = Loc::current());
/// Puts all of that back and returns the number of updates done. Throws FileError if the file is not such a state or
/// holds another model, ValueError or ShapeError if it holds another optimiser; then nothing has changed.
int64_t load_training(const std::filesystem::path& path, const nn::Parameters& params, Optimizer& optimizer, Rng& rng,
                      Loc loc = Loc::current());

}  // namespace heed::train
