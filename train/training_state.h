// A training that was interrupted, as a file keeps it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include <heed/nn/scope.h>
#include <heed/train/optimizer.h>

namespace heed {
class Rng;
}

namespace heed::train {

/// What a loop keeps beside parameters, optimisers and generator.
struct TrainingState {
  int64_t step = 0;       ///< updates done
  NamedTensors own = {};  ///< what else the loop keeps, by names of its own
  Metadata notes = {};    ///< texts beside, which SafetensorsFile::metadata() gives again
};

/// Writes parameters, optimisers and generator as they are now, and the loop's own state, all in one file, so that a
/// run resumed from it goes on with the same bits. Throws FileError.
void save_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizers& optimizers,
                   const Rng& rng, const TrainingState& state, Loc loc = Loc::current());
/// Puts all of that back; the loop's own state goes to take(), which may throw. Returns the updates done. Throws
/// FileError if the file is not such a state, is no longer what was written, or holds another model, ValueError or
/// ShapeError if it holds other optimisers, and what take() does; then nothing has changed.
int64_t load_training(
    const std::filesystem::path& path, const nn::Parameters& params, const Optimizers& optimizers, Rng& rng,
    const std::function<void(const NamedTensors& own)>& take = [](const NamedTensors&) {}, Loc loc = Loc::current());

}  // namespace heed::train
