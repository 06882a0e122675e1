// The training loop: steps, evaluations, what they are logged and saved as, and what stops them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include <heed/nn/scope.h>
#include <heed/train/metrics_log.h>
#include <heed/train/optimizer.h>
#include <heed/train/schedule.h>

namespace heed::train {

class Distributed;

struct TrainerOptions {
  int64_t steps = 2000;                  ///< updates in all
  Schedule lr = constant(1e-3);          ///< by step, from 0
  double clip_norm = 0;                  ///< of all gradients together; 0: no clipping
  int64_t evaluate_every = 500;          ///< steps; then the run is saved too
  int64_t save_every = 100;              ///< steps between saves besides
  int64_t log_every = 10;                ///< steps between lines of metrics.jsonl
  std::filesystem::path directory = {};  ///< for metrics.jsonl and training.safetensors; empty: nothing is kept
  bool quiet = false;                    ///< no progress line
  Distributed* world = nullptr;          ///< the processes that train together; rank 0 alone writes and shows
};

/// One step's work, with its data already drawn: so that it can be run again.
struct Step {
  std::function<Tensor()> loss;  ///< forward: the scalar to minimise
  int64_t tokens = 0;            ///< how many it trains on, for tokens a second
};

struct TrainingReport {
  int64_t steps = 0;      ///< done in all, those before a resume included
  double train_loss = 0;  ///< mean of the last 100 steps, or of all if fewer
  double seconds = 0;     ///< of the steps, without evaluations
  double tokens_per_second = 0;
  bool interrupted = false;         ///< by Ctrl-C
  Measurements evaluation = {};     ///< the last one; empty if interrupted
  std::vector<double> losses = {};  ///< of each step that this run did
};

/// Runs updates until the last step or Ctrl-C. Randomness is to come from params.rng() alone: then a run that was
/// interrupted or killed and goes on with resume() ends with the same bits as one that was not.
class Trainer {
 public:
  /// Throws ValueError for an option that makes no sense. All references must outlive the trainer.
  Trainer(const nn::Parameters& params, Optimizer& optimizer, TrainerOptions options, Loc loc = Loc::current());

  /// Goes on from the directory's training.safetensors. Throws FileError if it is not there or does not fit.
  void resume();

  /// next(step) draws the batch of a step, counted from 0; evaluate() is called under NoGrad and EvalMode every
  /// evaluate_every steps and at the end; save() is called after every evaluation, every save_every steps and on
  /// Ctrl-C, to write the model.
  /// Throws AnomalyError with the step and the first op that made it when a loss or gradient is not finite, and
  /// FileError when something cannot be written.
  TrainingReport run(const std::function<Step(int64_t step)>& next, const std::function<Measurements()>& evaluate,
                     const std::function<void()>& save);

 private:
  struct Session;
  double update(const Step& step);
  [[noreturn]] void explain(const Step& step, const std::vector<int64_t>& rng_before, const char* what, double value);
  void save_all(const std::function<void()>& save);
  bool is_first() const;          // of the world's processes, or alone
  bool is_told(bool here) const;  // whether any of them is

  const nn::Parameters& params_;
  Optimizer& optimizer_;
  TrainerOptions options_;
  Loc where_;
  int64_t done_ = 0;
};

}  // namespace heed::train
