#include <heed/train/run_rules.h>

#include <charconv>

#include <heed/nn/parameters_file.h>
#include <heed/train/data/text.h>
#include <heed/train/model_config.h>

namespace heed::train {
namespace {

constexpr const char* kSteps = "steps";

}  // namespace

std::optional<int64_t> steps_of(const std::filesystem::path& directory) {
  if (!is_there(directory / kWeightsFile)) return {};
  const SafetensorsFile file(directory / kWeightsFile);
  const auto said = file.metadata().find(kSteps);
  int64_t steps = -1;
  if (said != file.metadata().end())
    std::from_chars(said->second.data(), said->second.data() + said->second.size(), steps);
  return steps < 0 ? std::nullopt : std::optional(steps);
}

Metadata RunRules::metadata() const {
  Metadata about = nn::weights_metadata(license);
  if (done) about[kSteps] = std::to_string(*done);
  return about;
}

void RunRules::apply(TrainerOptions& options) const {
  options.evaluate_every = evaluate_every;
  options.accumulate = accumulate;
  options.patience = patience;
  options.ema = ema;
  options.products = products;
}

void RunRules::fields(ConfigFields field) {
  field.later("evaluate_every", evaluate_every, 1, kMostCount);
  field.later("accumulate", accumulate, 1, kMostCount);
  field.later("patience", patience, 0, kMostCount);
  field.later("ema", ema, 0, 1);
  field.later("precision", products, ConfigFields::Names{"f32", "bf16"});
  field.later("license", license);
}

}  // namespace heed::train
