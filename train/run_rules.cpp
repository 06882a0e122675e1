#include <heed/train/run_rules.h>

#include <heed/train/model_config.h>

namespace heed::train {

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
