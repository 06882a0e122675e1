#include <heed/train/run_rules.h>

#include <nlohmann/json.hpp>

#include <heed/train/model_config.h>

namespace heed::train {

void RunRules::apply(TrainerOptions& options) const {
  options.evaluate_every = evaluate_every;
  options.accumulate = accumulate;
  options.patience = patience;
  options.ema = ema;
  options.products = products;
}

void RunRules::write(nlohmann::ordered_json& training) const {
  training["evaluate_every"] = evaluate_every;
  training["accumulate"] = accumulate;
  training["patience"] = patience;
  training["ema"] = ema;
  training["precision"] = name_of(products);
  training["license"] = license;
}

RunRules RunRules::read(const ModelConfig& training, const RunRules& otherwise) {
  constexpr int64_t kCount = int64_t{1} << 53;
  return {.evaluate_every = training.integer("evaluate_every", 1, kCount, otherwise.evaluate_every),
          .accumulate = training.integer("accumulate", 1, kCount, otherwise.accumulate),
          .patience = training.integer("patience", 0, kCount, otherwise.patience),
          .ema = training.number("ema", 0, 1, otherwise.ema),
          .products =
              training.has("precision") ? Products(training.choice("precision", {"f32", "bf16"})) : otherwise.products,
          .license = training.has("license") ? training.text("license") : otherwise.license};
}

}  // namespace heed::train
