// The training loop: steps, evaluations, what they are logged and saved as, and what stops them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <heed/nn/scope.h>
#include <heed/tensor/precision.h>
#include <heed/train/ema.h>
#include <heed/train/metrics_log.h>
#include <heed/train/optimizer.h>
#include <heed/train/schedule.h>

namespace heed::train {

class Distributed;
class RunDirectory;

constexpr int64_t kSnapshots = 50;  ///< of a run, which TrainerOptions::average counts

/// How long a run is, what is measured on the way, and what is kept.
struct TrainerOptions {
  int64_t steps = 2000;  ///< updates in all
  Schedule lr = {};  ///< by step, of the first optimiser: others keep their proportion to it; none: all keep their own
  double clip_norm = 0;                   ///< of all gradients together; 0: no clipping
  std::optional<Products> products = {};  ///< what matrix products read in run(); none: as the guard around it says
  int64_t accumulate = 1;                 ///< batches whose gradients make one step
  double ema = 0;                         ///< decay of the weights' average, which is evaluated and saved; 0: none
  int64_t average = 1;                    ///< the weights at the end: mean of the last so many of kSnapshots snapshots
  int64_t evaluate_every = 500;           ///< steps; then the run is saved too
  int64_t sample_every = 500;             ///< steps
  int64_t save_every = 100;               ///< steps between saves besides
  std::vector<int64_t> keep = {};         ///< steps after which the model is also kept, in steps/N/; 0: as it begins
  int64_t log_every = 10;                 ///< steps between lines of metrics.jsonl
  int64_t patience = 0;                   ///< evaluations in a row without a better one that end the run; 0: any number
  double time_limit = 0;                  ///< seconds after which run() saves and returns; 0: none
  std::filesystem::path directory = {};   ///< for metrics, training.safetensors, best/, steps/; empty: nothing is kept
  std::shared_ptr<const RunDirectory> hold = {};  ///< of the directory, by the caller; null: run() holds it itself
  bool overwrite = false;                         ///< begin anew over a model, or a run that could be resumed
  bool tensorboard = false;                       ///< an event file too, which TensorBoard shows
  bool quiet = false;                             ///< no progress line
  Metadata notes = {};           ///< kept in training.safetensors alone: what resuming needs to be told
  Distributed* world = nullptr;  ///< the processes that train together; rank 0 alone writes and shows
};

/// One batch's work, with its data already drawn: so that it can be run again.
struct Step {
  std::function<Tensor()> loss;  ///< forward: the scalar to minimise, a mean over the tokens
  int64_t tokens = 0;            ///< how many it trains on, for tokens a second and its share of an accumulated step
};

/// To be told, from time to time, which share of a work is done.
using Tell = std::function<void(double share)>;

/// A measurement of the model, under NoGrad and EvalMode. The first number is the one to be low.
struct Evaluation {
  std::function<Measurements(const Tell& tell)> measure;  ///< named numbers
  int64_t tokens = 0;  ///< how many it reads: the time left counts it before it has ever run
};

/// At most `count` of them, evenly spaced: a fixed sample, for evaluations on the way.
template <class T>
std::vector<T> spread(const std::vector<T>& all, int64_t count) {
  const int64_t n = static_cast<int64_t>(all.size());
  if (n <= count) return all;
  std::vector<T> some;
  for (int64_t i = 0; i < count; ++i) some.push_back(all[static_cast<size_t>(i * n / count)]);
  return some;
}

/// A run at one moment: what callbacks are given.
struct Moment {
  /// As the trainer has them.
  const nn::Parameters& params;
  const Optimizers& optimizers;
  const TrainerOptions& options;
  int64_t step = 0;           ///< done in all, those before a resume included
  double loss = 0;            ///< of this step
  double mean_loss = 0;       ///< of the last 100 steps, or of all if fewer
  double lr = 0;              ///< of this step
  double grad_norm = 0;       ///< of this step, before clipping
  double seconds = 0;         ///< of all steps, without evaluations
  double tokens = 0;          ///< of all steps
  double peak_share = 0;      ///< the matrix products' FLOP a second as a share of what one product alone reaches
  Measurements evaluation{};  ///< the last one
  double best = std::numeric_limits<double>::infinity();  ///< the lowest first number of an evaluation
  int64_t best_step = 0;                                  ///< when that was
  std::filesystem::path saved{};  ///< of on_save: where the model was written, the directory or one in it
  bool stop = false;              ///< a callback sets it to end the run after this step

  /// Of all steps.
  double tokens_per_second() const { return seconds > 0 ? tokens / seconds : 0; }
};

/// What a run is made of. Only `next` has to be there, and with patience `evaluate`.
struct Work {
  std::function<Step(int64_t batch)> next;  ///< draws the batch of that number, from 0; each step takes `accumulate`
  Evaluation evaluate{};                    ///< every evaluate_every steps and at the end; may be of a fixed sample
  Evaluation evaluate_all{};                ///< at the end besides: of everything
  std::function<void(const std::filesystem::path& directory)> save{};  ///< writes the model into a directory
  Evaluation score{};  ///< after all that, of the model that was written; Ctrl-C leaves it to resume(), once it tells
  std::function<std::string()> sample{};  ///< what the model makes now, to be read
  std::function<Tensor()> picture{};  ///< (rows, columns) in [0, 1] for TensorBoard beside it, or an undefined tensor
  std::function<void(Moment&)> on_step{}, on_evaluate{}, on_save{};  ///< after each of these
};

/// Why a run ended.
enum class Ended { all_steps, out_of_patience, by_callback, out_of_time, interrupted };

/// What a run came to.
struct TrainingReport {
  int64_t steps = 0;                ///< done in all, those before a resume included
  double train_loss = 0;            ///< mean of the last 100 steps, or of all if fewer
  double seconds = 0;               ///< of the steps, without evaluations, those before a resume included
  double tokens_per_second = 0;     ///< of the steps
  Ended ended = Ended::all_steps;   ///< why; interrupted too if only the scores are missing
  Measurements evaluation = {};     ///< the last one, of everything if there is one; empty if interrupted
  int64_t best_step = 0;            ///< whose model is in best/
  std::vector<double> losses = {};  ///< of each step that this run did
};

/// Runs updates until the last step, until evaluations no longer fall, until the time is over, or until Ctrl-C.
/// Randomness is to come from params.rng() alone: then a run that was interrupted or killed and goes on with resume()
/// ends with the same bits as one that was not, in the weights and in metrics.jsonl.
///
/// The directory is made, and gets: metrics.jsonl, numbers that a run of the same seed repeats; times.jsonl, how long
/// steps took and what share of the machine's peak they reached; training.safetensors, what resume() goes on from,
/// removed at the end; best/, the model with the lowest evaluation; steps/N/, those of `keep`. A resumed run goes on
/// with the files that are there, another begins them anew; over an interrupted run or a model (config.json,
/// model.safetensors) it does so only with `overwrite`. While it runs, no other run can write there, and it ends where
/// the directory is removed or moved.
class Trainer {
 public:
  /// Throws ValueError for an option that makes no sense, and for a parameter that two optimisers update. All
  /// references must outlive the trainer.
  Trainer(const nn::Parameters& params, const Optimizers& optimizers, TrainerOptions options, Loc loc = Loc::current());
  Trainer(const Trainer&) = delete;  // what it hands to callbacks points to it
  Trainer& operator=(const Trainer&) = delete;

  /// Goes on from the directory's training.safetensors. Throws FileError if it is not there or does not fit, and if
  /// another run holds the directory.
  void resume();

  /// Once more after Ctrl-C or the time limit, it goes on. Throws AnomalyError with the step and the first op that made
  /// it when a loss or gradient is not finite, FileError when something cannot be written or would be lost, and
  /// ValueError if the run has ended before or lacks a part of its work.
  TrainingReport run(const Work& work);

 private:
  struct Session;
  void check(const Work& work) const;
  TrainingReport run_checked(const Work& work, const RunDirectory* hold);
  double update(const std::vector<Step>& batches);
  [[noreturn]] void explain(const std::vector<Step>& batches, const std::vector<int64_t>& rng_before, const char* what,
                            double value);
  void zero_grad();
  double mean_loss(size_t last) const;
  void add_snapshot();
  void average_snapshots();
  bool is_first() const;          // of the world's processes, or alone
  bool is_told(bool here) const;  // whether any of them is
  void save_state() const;

  const nn::Parameters& params_;
  Optimizers optimizers_;
  std::vector<double> shares_;  // of the first optimiser's learning rate
  TrainerOptions options_;
  Loc where_;
  std::shared_ptr<const RunDirectory> hold_;  // from resume() to run()
  Moment now_;
  std::vector<double> losses_;  // of each step, those of before a resume as far as they are still asked for
  int64_t worse_ = 0;           // evaluations since the best one
  bool begun_ = false;          // or resumed: what the directory holds is this run's
  bool ended_ = false;
  int64_t kept_ = -1;  // the step of the directory's training.safetensors
  std::optional<Ema> ema_;
  NamedTensors snapshots_;      // the sum of the weights in them, f64
  int64_t snapshot_count_ = 0;  // in the sum
};

}  // namespace heed::train
