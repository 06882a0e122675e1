#include <heed/train/training_state.h>

#include <bit>
#include <cstring>

#include <heed/autograd/ops.h>
#include <heed/nn/parameters_file.h>
#include <heed/train/data/text.h>

namespace heed::train {
namespace {

constexpr const char* kModelPrefix = "model.";
constexpr const char* kOptimizerPrefix = "optimizer.";
constexpr const char* kOwnPrefix = "trainer.";
constexpr const char* kRng = "rng";
constexpr const char* kStep = "step";
constexpr const char* kKind = "heed";  // the metadata that tells a training state from other files
constexpr const char* kTrainingState = "training state";
constexpr const char* kHash = "hash";  // of names and elements, in the metadata; older versions wrote none

/// Of the tensors of the i-th optimiser; moments' names begin with no digit.
std::string prefix_of(size_t i) { return i == 0 ? kOptimizerPrefix : fmt::format("{}{}.", kOptimizerPrefix, i); }

/// What names and elements come to, one tensor after another: FNV-1a by words, which keeps up with memory, each turned
/// by half so that its upper bits count as the others do. A changed word always changes it.
void add_to(uint64_t& hash, std::string_view name, std::string_view elements) {
  hash = fnv1a(name, hash);
  for (; elements.size() >= sizeof(uint64_t); elements.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    std::memcpy(&word, elements.data(), sizeof word);
    hash = std::rotl((hash ^ word) * 0x100000001b3, 32);
  }
  hash = fnv1a(elements, hash);
}

std::string hash_of(const NamedTensors& tensors) {
  uint64_t hash = kNothingHashed;
  for (const auto& [name, any] : tensors) {
    const Tensor x = any.contiguous();
    const auto size = static_cast<int64_t>(size_of(x.dtype()));
    const std::byte* bytes = x.storage()->data() + x.offset() * size;
    add_to(hash, name, {reinterpret_cast<const char*>(bytes), static_cast<size_t>(x.numel() * size)});
  }
  return hex(hash);
}

std::string hash_of(const SafetensorsFile& file) {
  uint64_t hash = kNothingHashed;
  for (const StoredTensor& entry : file.tensors()) {
    const std::span<const std::byte> bytes = file.bytes(entry);
    add_to(hash, entry.name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return hex(hash);
}

}  // namespace

void save_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizers& optimizers,
                   const Rng& rng, const TrainingState& training, Loc loc) {
  const Op op{"save_training", loc};
  NamedTensors tensors;
  for (const auto& [name, parameter] : params) tensors.emplace_back(kModelPrefix + name, parameter);
  for (size_t i = 0; i < optimizers.size(); ++i)
    for (const auto& [name, x] : optimizers[i].get().state()) tensors.emplace_back(prefix_of(i) + name, x);
  for (const auto& [name, x] : training.own) tensors.emplace_back(kOwnPrefix + name, x);
  const std::vector<int64_t> state = rng.state();
  tensors.emplace_back(kRng, from_vector(state, {static_cast<int64_t>(state.size())}));
  tensors.emplace_back(kStep, from_vector(std::vector<int64_t>{training.step}, {}));
  Metadata about = training.notes;
  about.insert_or_assign(kKind, kTrainingState);
  about.insert_or_assign(kHash, hash_of(tensors));
  save_safetensors(path, tensors, about);
}

int64_t load_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizers& optimizers,
                      Rng& rng, const std::function<void(const NamedTensors&)>& take, Loc loc) {
  const Op op{Op::called("load_training"), loc};
  const auto file = std::make_shared<const SafetensorsFile>(path);
  const auto kind = file->metadata().find(kKind);
  if (kind == file->metadata().end() || kind->second != kTrainingState)
    fail<FileError>(op, "'{}' is not a training state; need the file of a run that was interrupted", path.string());
  if (const auto hash = file->metadata().find(kHash); hash != file->metadata().end() && hash->second != hash_of(*file))
    fail<FileError>(op,
                    "'{}' is damaged: it does not hold what was written; need a copy of it from before, or a new run",
                    path.string());

  nn::StoredTensors model{path, {}};
  std::vector<NamedTensors> moments(optimizers.size());
  NamedTensors own;
  Tensor rng_state, step;
  for (const StoredTensor& entry : file->tensors()) {
    const std::string_view name = entry.name;
    const auto without = [&](std::string_view prefix) { return std::string(name.substr(prefix.size())); };
    if (name.starts_with(kModelPrefix)) model.places[without(kModelPrefix)] = {file, &entry};
    else if (name.starts_with(kOwnPrefix)) own.emplace_back(without(kOwnPrefix), file->read(entry));
    else if (name.starts_with(kOptimizerPrefix)) {
      size_t i = optimizers.size() - 1;
      while (i > 0 && !name.starts_with(prefix_of(i))) --i;
      moments[i].emplace_back(without(prefix_of(i)), file->read(entry));
    } else if (name == kRng) rng_state = file->read(entry);
    else if (name == kStep) step = file->read(entry);
  }
  if (!rng_state.defined() || rng_state.dtype() != i64 || !step.defined() || step.dtype() != i64 || step.numel() != 1 ||
      step.item<int64_t>() < 0)
    fail<FileError>(op, "'{}' has no random state or no step; need the file of a run that was interrupted",
                    path.string());
  // Everything that can be refused is, before anything changes.
  Rng saved_rng;
  saved_rng.set_state(rng_state.to_vector<int64_t>());
  const std::vector<nn::Slot> slots = nn::slots_of(params);
  nn::check_parameters(slots, model);
  for (size_t i = 0; i < optimizers.size(); ++i) optimizers[i].get().check_state(moments[i]);
  take(own);
  for (size_t i = 0; i < optimizers.size(); ++i) optimizers[i].get().load_state(moments[i]);
  nn::load_parameters(slots, model);
  rng = saved_rng;
  return step.item<int64_t>();
}

}  // namespace heed::train
