// What the tests of train::Trainer train.
#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include <heed/train/trainer.h>

namespace heed::tests {

/// A linear map with dropout before it that learns to sum its inputs; batches and dropout draw from one generator.
struct Task {
  Rng rng{7};
  nn::Parameters params{rng};
  nn::Linear linear{params / "linear", 4, 1};
  nn::Dropout dropout{params, 0.1};
  train::AdamW optimizer{params, {.lr = 1e-2}};
  std::filesystem::path directory;
  int64_t steps = 40;
  int signal = SIGINT;
  std::vector<int64_t> evaluated, saved;

  /// Those of run().
  train::TrainerOptions options() const {
    return {.steps = steps,
            .lr = train::constant(1e-2),
            .clip_norm = 1,
            .evaluate_every = 10,
            .log_every = 5,
            .directory = directory,
            .quiet = true};
  }

  train::TrainingReport run(bool resume = false, int64_t interrupt_at = -1,
                            const std::function<void(int64_t step)>& meanwhile = {}) {
    train::Trainer trainer(params, optimizer, options());
    if (resume) trainer.resume();
    int64_t done = 0;
    train::Work work{.next =
                         [&, interrupt_at](int64_t step) {
                           done = step + 1;
                           if (meanwhile) meanwhile(step);
                           for (int i = 0; step == interrupt_at && i < (signal == SIGHUP ? 2 : 1); ++i)
                             std::raise(signal);  // a terminal that closes sends several
                           return batch();
                         },
                     .evaluate = {[&](const train::Tell&) -> train::Measurements {
                       evaluated.push_back(done);
                       return {{"val_loss", 0.5}};
                     }},
                     .save =
                         [&](const std::filesystem::path& into) {
                           if (into == directory) saved.push_back(done);
                         }};
    return trainer.run(work);
  }
  /// Drawn from the generator of the weights.
  train::Step batch(int64_t rows = 8) {
    const Tensor x = randn({rows, 4}, rng);
    return {[this, x] { return mse_loss(linear(dropout(x)), x.sum(-1, true)); }, rows};
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [name, parameter] : params)
      for (const double v : parameter.to_vector<double>()) all.push_back(v);
    return all;
  }
};

inline std::vector<nlohmann::json> metrics_in(const std::filesystem::path& directory) {
  std::ifstream in(directory / "metrics.jsonl");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace heed::tests
