#include <heed/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/grad_mode.h>
#include <heed/tensor/random.h>
#include <heed/train/clip.h>
#include <heed/train/distributed.h>
#include <heed/train/interrupt.h>
#include <heed/train/show/progress.h>
#include <heed/train/training_state.h>

namespace heed::train {
namespace {

constexpr size_t kAveraged = 100;  // steps whose mean loss is the training loss
constexpr const char* kStateFile = "training.safetensors";
constexpr const char* kMetricsFile = "metrics.jsonl";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// "val_loss 1.9100, bleu 0.9312"
std::string described(const Measurements& numbers) {
  std::string text;
  for (const auto& [name, number] : numbers) text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, number);
  return text;
}

}  // namespace

/// What one call of run() keeps count of.
struct Trainer::Session {
  explicit Session(const Trainer& trainer) : first(trainer.done_) {
    if (trainer.is_first() && !trainer.options_.directory.empty())
      log = std::make_unique<MetricsLog>(trainer.options_.directory / kMetricsFile, first);
    if (trainer.is_first() && !trainer.options_.quiet)
      progress = std::make_unique<Progress>(trainer.options_.steps, first);
  }

  void add(double loss, int64_t step_tokens) {
    losses.push_back(loss);
    tokens += step_tokens;
  }
  double mean_loss(size_t last) const {
    const size_t count = std::min(last, losses.size());
    return count == 0 ? 0
                      : std::accumulate(losses.end() - static_cast<ptrdiff_t>(count), losses.end(), 0.0) /
                            static_cast<double>(count);
  }
  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
  void write(int64_t step, const Measurements& numbers) {
    if (log) log->write(step, numbers);
  }
  Measurements evaluate(int64_t step, const std::function<Measurements()>& evaluation) {
    const NoGrad no_grad;
    const nn::EvalMode eval;
    const Measurements numbers = evaluation();
    write(step, numbers);
    if (progress) progress->note(fmt::format("step {}: {}", step, described(numbers)));
    return numbers;
  }

  int64_t first, tokens = 0;
  double seconds = 0;
  std::vector<double> losses;  // of each step
  std::unique_ptr<MetricsLog> log;
  std::unique_ptr<Progress> progress;
};

Trainer::Trainer(const nn::Parameters& params, Optimizer& optimizer, TrainerOptions options, Loc loc)
    : params_(params), optimizer_(optimizer), options_(std::move(options)), where_(loc) {
  const Op op{"Trainer", loc};
  if (options_.steps < 0) fail<ValueError>(op, "steps is {}; need at least 0", options_.steps);
  if (options_.evaluate_every < 1 || options_.save_every < 1 || options_.log_every < 1)
    fail<ValueError>(op, "evaluate_every is {}, save_every {} and log_every {}; need at least 1",
                     options_.evaluate_every, options_.save_every, options_.log_every);
  if (!(options_.clip_norm >= 0)) fail<ValueError>(op, "clip_norm is {}; need at least 0", options_.clip_norm);
}

void Trainer::resume() {
  done_ = load_training(options_.directory / kStateFile, params_, optimizer_, params_.rng(), where_);
}

TrainingReport Trainer::run(const std::function<Step(int64_t)>& next, const std::function<Measurements()>& evaluate,
                            const std::function<void()>& save) {
  const InterruptGuard interrupt;
  Session session(*this);
  bool stop = is_told(interrupt.requested());
  while (done_ < options_.steps && !stop) {
    const auto start = std::chrono::steady_clock::now();
    const Step step = next(done_);
    const double rate = options_.lr(done_);
    optimizer_.set_lr(rate);
    session.add(update(step), step.tokens);
    ++done_;
    session.seconds += seconds_since(start);

    if (done_ % options_.log_every == 0)
      session.write(done_, {{"loss", session.mean_loss(static_cast<size_t>(options_.log_every))},
                            {"lr", rate},
                            {"tokens_per_s", session.tokens_per_second()},
                            {"seconds", session.seconds}});
    if (session.progress)
      session.progress->update(done_, session.mean_loss(kAveraged), session.tokens_per_second(), session.seconds);
    stop = is_told(interrupt.requested());
    if (done_ == options_.steps || stop) continue;
    const bool evaluated = done_ % options_.evaluate_every == 0;
    if (evaluated) session.evaluate(done_, evaluate);
    if (evaluated || done_ % options_.save_every == 0) save_all(save);
  }
  TrainingReport report{.steps = done_,
                        .train_loss = session.mean_loss(kAveraged),
                        .seconds = session.seconds,
                        .tokens_per_second = session.tokens_per_second(),
                        .interrupted = done_ < options_.steps,
                        .losses = session.losses};
  if (report.interrupted) {
    save_all(save);
    return report;
  }
  report.evaluation = session.evaluate(done_, evaluate);
  if (is_first()) save();
  if (is_first() && !options_.directory.empty())
    std::filesystem::remove(options_.directory / kStateFile);  // nothing is left to resume
  return report;
}

double Trainer::update(const Step& step) {
  const std::vector<int64_t> rng_before = params_.rng().state();
  const auto check = [&](const char* what, double value) {
    if (!std::isfinite(value)) explain(step, rng_before, what, value);
  };
  const Tensor loss = step.loss();
  const double value = loss.item<double>();
  check("loss", value);
  loss.backward();
  Distributed* const world = options_.world;
  const double mean = world ? world->wait(value) : value;
  const double norm = world ? world->grad_norm() : grad_norm(params_);
  check("gradient norm", norm);
  const double scale = options_.clip_norm > 0 ? clip_scale(norm, options_.clip_norm) : 1;
  if (world) world->step(optimizer_, scale);
  else optimizer_.step(scale);
  optimizer_.zero_grad();
  return mean;
}

bool Trainer::is_first() const { return !options_.world || options_.world->rank() == 0; }
bool Trainer::is_told(bool here) const { return options_.world ? options_.world->any(here) : here; }

/// Runs the step again, from the same random numbers, with an eye on every op.
void Trainer::explain(const Step& step, const std::vector<int64_t>& rng_before, const char* what, double value) {
  optimizer_.zero_grad();
  params_.rng().set_state(rng_before);
  std::string culprit = "no op made it twice";
  std::optional<Distributed::Local> alone;
  if (options_.world) alone.emplace(*options_.world);
  try {
    const DetectAnomaly detect;
    step.loss().backward();
  } catch (const AnomalyError& error) {
    culprit = error.what();
  }
  optimizer_.zero_grad();
  fail<AnomalyError>({"train", where_}, "the {} of step {} is {}; first made by {}", what, done_ + 1, value, culprit);
}

void Trainer::save_all(const std::function<void()>& save) {
  const auto write = [&] {
    save();
    if (!options_.directory.empty())
      save_training(options_.directory / kStateFile, params_, optimizer_, params_.rng(), done_, where_);
  };
  if (options_.world) options_.world->save(write);
  else write();
}

}  // namespace heed::train
