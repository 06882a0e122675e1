#include <heed/train/metrics_log.h>
#include <heed/train/training_state.h>
#include "fuzz.h"
#include "small_models.h"

using namespace heed;

// What a run that goes on reads of its directory: training.safetensors, or else the lines of metrics.jsonl.
void heed::tests::fuzz(std::string_view bytes) {
  static SmallRun run;
  const std::string state = write("training.safetensors", bytes), metrics = write("metrics.jsonl", bytes);
  take_or_refuse([&] {
    const int64_t step = train::load_training(state, run.params, run.optimizers, run.params.rng());
    require(step >= 0, "no less than no updates are done");
    const std::string again = (folder() / "again.safetensors").string();
    train::save_training(again, run.params, run.optimizers, run.params.rng(), {.step = step});
    require(train::load_training(again, run.params, run.optimizers, run.params.rng()) == step, "a state survives");
  });
  const auto lines = train::read_metrics(metrics);
  { const train::MetricsLog all(metrics, INT64_MAX); }
  const auto kept = train::read_metrics(metrics);
  require(kept.size() == lines.size(), "lines that are kept are those that were read");
  for (size_t i = 0; i < kept.size(); ++i) require(kept[i].first == lines[i].first, "a line keeps its step");
}
