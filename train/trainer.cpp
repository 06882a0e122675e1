#include <heed/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/train/clip.h>
#include <heed/train/data/text.h>
#include <heed/train/distributed.h>
#include <heed/train/interrupt.h>
#include <heed/train/run_directory.h>
#include <heed/train/show/progress.h>
#include <heed/train/tensorboard.h>
#include <heed/train/training_state.h>

namespace heed::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kAveraged = 100;  // steps whose mean loss is the training loss
constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kTimesFile = "times.jsonl";
constexpr const char* kLosses = "losses";    // in the state: of the last steps
constexpr const char* kNumbers = "numbers";  // in the state: best, best_step, evaluations since, seconds, tokens
constexpr const char* kEma = "ema.";         // in the state: before the names of the averages

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// "val_loss 1.9100, bleu 0.9312"
std::string described(const Measurements& numbers) {
  std::string text;
  for (const auto& [name, number] : numbers) text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, number);
  return text;
}

/// How long something that comes again takes.
struct Cost {
  double seconds = 0, guess = 0;  // of all so far; of one that has never been
  int64_t count = 0;
  double mean() const { return count > 0 ? seconds / static_cast<double>(count) : guess; }
};

/// Ctrl-C came while a model was scored.
struct Interrupted {};

}  // namespace

/// What one call of run() works with.
struct Trainer::Session {
  Session(Trainer& trainer, const Work& given, const RunDirectory* held)
      : t(trainer), now(trainer.now_), options(trainer.options_), work(given), hold(held) {
    const Op op{"Trainer", t.where_};
    if (hold) {
      if (t.kept_ < 0) remove_if_there(options.directory / kStateFile, op);  // whose metrics end here
      log_file = std::make_unique<MetricsLog>(options.directory / kMetricsFile, first, t.where_);
      times_file = std::make_unique<MetricsLog>(options.directory / kTimesFile, first, t.where_);
      if (first == 0) EventFile::remove_from(options.directory, t.where_);
      if (options.tensorboard || EventFile::any_in(options.directory))
        events = std::make_unique<EventFile>(options.directory, first, t.where_);
      peak = 1e9 * kernels::gemm_gflop_per_s(t.params_.dtype());
    }
    if (t.is_first() && !options.quiet) progress = std::make_unique<Progress>(options.steps);
  }

  bool over() const {
    return now.step >= options.steps || now.stop || (options.patience > 0 && t.worse_ >= options.patience);
  }
  bool out_of_time() const {  // a step is always made, so that resumed runs end
    return options.time_limit > 0 && steps.count > 0 && seconds_since(start) >= options.time_limit;
  }
  bool due(int64_t every) const { return now.step % every == 0 && !over(); }

  void step() {
    const auto began = Clock::now();
    const int64_t flops_before = kernels::flops();
    std::vector<Step> batches;
    for (int64_t i = 0; i < options.accumulate; ++i) {
      batches.push_back(work.next(now.step * options.accumulate + i));
      if (!batches.back().loss)
        fail<ValueError>({"Trainer", t.where_}, "next() gave batch {} without a loss; need Step{{.loss = a function}}",
                         now.step * options.accumulate + i);
    }
    now.lr = options.lr ? options.lr(now.step) : t.optimizers_[0].get().lr();
    for (size_t i = 0; options.lr && i < t.optimizers_.size(); ++i)
      t.optimizers_[i].get().set_lr(now.lr * t.shares_[i], t.where_);
    now.loss = t.update(batches);
    if (t.ema_) t.ema_->update();
    ++now.step;
    t.losses_.push_back(now.loss);
    now.mean_loss = t.mean_loss(kAveraged);
    for (const Step& batch : batches) now.tokens += static_cast<double>(batch.tokens);
    const double seconds = seconds_since(began);
    now.seconds += seconds;
    steps.seconds += seconds;
    ++steps.count;
    flops += static_cast<double>(kernels::flops() - flops_before);
    if (peak > 0) now.peak_share = flops / steps.seconds / peak;
    show();
    if (work.on_step) work.on_step(now);
    now.stop = t.is_told(now.stop);
  }

  void log() {
    write(
        log_file,
        {{"loss", t.mean_loss(static_cast<size_t>(options.log_every))}, {"lr", now.lr}, {"grad_norm", now.grad_norm}});
    write(times_file, {{"ms_per_step", 1e3 * steps.mean()},
                       {"tokens_per_s", now.tokens_per_second()},
                       {"sgemm_share", now.peak_share},
                       {"seconds", now.seconds}});
  }

  /// Measures, and keeps the model if no other was better.
  void evaluate() {
    if (!work.evaluate.measure || std::exchange(evaluated, now.step) == now.step) return;
    now.evaluation = measured(work.evaluate, evaluation);
    if (!finished) write(log_file, now.evaluation);
    note(fmt::format("step {}: {}", now.step, described(now.evaluation)));
    ++t.worse_;
    if (!now.evaluation.empty() && now.evaluation[0].second < now.best) {
      now.best = now.evaluation[0].second;
      now.best_step = now.step;
      t.worse_ = 0;
      if (hold) write_model(options.directory / kBestDirectory);
    }
    if (work.on_evaluate) work.on_evaluate(now);
  }

  void sample() {
    if (!work.sample || !t.is_first() || std::exchange(sampled, now.step) == now.step) return;
    const Timed timed(sampling);
    const NoGrad no_grad;
    const nn::EvalMode eval;
    const UseAverage average(ema());
    const std::string text = work.sample();
    note(fmt::format("sample of step {}:\n{}", now.step, text));
    if (!events) return;
    events->text(now.step, "sample", text);
    const Tensor picture = work.picture ? work.picture() : Tensor();
    if (picture.defined()) events->image(now.step, "attention", picture, t.where_);
  }

  /// The model and what resume() needs.
  void save() {
    if (std::exchange(saved, now.step) == now.step) return;
    const Timed timed(saving);
    save_state([&] {
      if (now.best_step == 0 && options.overwrite && hold)
        remove_model(options.directory / kBestDirectory, {"Trainer", t.where_});
      write_model(options.directory);
    });
  }

  /// The model besides, if this step's is to be kept; after a save, which another run's give way to.
  void keep() {
    if (std::ranges::count(options.keep, now.step) == 0) return;
    if (!over()) save();
    if (hold) write_model(options.directory / kStepsDirectory / std::to_string(now.step));
  }

  TrainingReport end(const InterruptGuard& interrupt) {
    const bool interrupted = t.is_told(interrupt.requested());
    TrainingReport report{.steps = now.step, .train_loss = now.mean_loss};
    if (!over()) {
      save();
      report.ended = interrupted ? Ended::interrupted : Ended::out_of_time;
    } else {
      report.ended = now.step >= options.steps ? Ended::all_steps
                     : now.stop                ? Ended::by_callback
                                               : Ended::out_of_patience;
      evaluate();
    }
    if (!interrupted || over()) {
      report.evaluation = now.evaluation;
      if (work.evaluate_all.measure) {
        report.evaluation = measured(work.evaluate_all, whole_evaluation);
        if (over() && !finished) write(log_file, suffixed(report.evaluation));
      } else if (report.evaluation.empty() && work.evaluate.measure) {
        report.evaluation = measured(work.evaluate, evaluation);
      }
      sample();
      show_curve();
    }
    if (over() && t.is_first()) write_model(options.directory);
    if (over()) keep();
    if (work.score.measure && (!interrupted || over()) && !score(interrupt)) report.ended = Ended::interrupted;
    else if (over() && hold) {  // nothing is left to resume
      check_hold();
      remove_if_there(options.directory / kStateFile, {"Trainer", t.where_});
    }
    report.seconds = now.seconds;
    report.tokens_per_second = now.tokens_per_second();
    report.best_step = now.best_step;
    report.losses.assign(t.losses_.begin() + restored, t.losses_.end());
    return report;
  }

 private:
  /// Adds what it lived to a cost.
  struct Timed {
    explicit Timed(Cost& c) : cost(c) {}
    ~Timed() { cost.seconds += seconds_since(began), ++cost.count; }
    Cost& cost;
    Clock::time_point began = Clock::now();
  };

  /// On the first process, with what all have of the optimisers' moments.
  void save_state(const std::function<void()>& before = [] {}) {
    const auto write = [&] {
      check_hold();
      before();
      if (hold) t.save_state();
      t.kept_ = now.step;
    };
    if (options.world) options.world->save(write);
    else write();
  }
  void check_hold() const {
    if (hold) hold->check({"Trainer", t.where_});
  }
  Ema* ema() const { return t.ema_ ? &*t.ema_ : nullptr; }
  void note(const std::string& text) {
    if (progress) progress->note(text);
  }
  void write(const std::unique_ptr<MetricsLog>& file, const Measurements& numbers) {
    if (file) file->write(now.step, numbers);
    if (events) events->scalars(now.step, numbers);
  }
  static Measurements suffixed(Measurements numbers) {
    for (auto& [name, number] : numbers) name += kOfAll;
    return numbers;
  }
  /// Whether it came to its end before Ctrl-C. What a resumed run finds is that all but this is done.
  bool score(const InterruptGuard& interrupt) {
    if (over()) save_state();
    try {
      const Measurements numbers = measured(work.score, scoring, &interrupt);
      if (over()) write(log_file, suffixed(numbers));
      return true;
    } catch (const Interrupted&) {
      return false;
    }
  }
  Measurements measured(const Evaluation& what, Cost& cost, const InterruptGuard* interrupt = nullptr) {
    const Timed timed(cost);
    const NoGrad no_grad;
    const nn::EvalMode eval;
    const UseAverage average(ema());
    return what.measure([&](double share) {
      if (interrupt && !options.world && interrupt->requested()) throw Interrupted{};
      if (progress) show(fmt::format("evaluating {:.0f}%", 100 * share), (1 - share) * cost.mean(), &cost);
    });
  }
  void write_model(const std::filesystem::path& directory) {
    if (!work.save) return;
    check_hold();
    const Op op{"Trainer", t.where_};
    if (hold && directory == options.directory && std::exchange(anew, false)) {
      for (const auto& [step, of_another_run] : kept_in(directory)) remove_model(of_another_run, op);
      ::rmdir((directory / kStepsDirectory).c_str());  // not if there is more in it
    }
    if (hold) make_directory(directory, op);
    const UseAverage average(ema());
    work.save(directory);
    now.saved = directory;
    if (work.on_save) work.on_save(now);
  }

  /// Draws the progress line; `doing` is what it does besides steps, with so many seconds of it yet to come.
  void show(const std::string& doing = "", double doing_left = 0, const Cost* under_way = nullptr) {
    if (!progress) return;
    // Before the first evaluation: a forward pass takes a third of a step.
    const double forward = now.tokens > 0 ? now.seconds / now.tokens / 3 : 0;
    evaluation.guess = forward * static_cast<double>(work.evaluate.tokens);
    whole_evaluation.guess = forward * static_cast<double>(work.evaluate_all.tokens);
    const auto left = [&](const Cost& cost, int64_t every) {  // what is due at the very end comes in any case
      const int64_t times = now.step < options.steps ? (options.steps - 1) / every - now.step / every + 1 : 0;
      return cost.mean() * static_cast<double>(times);
    };
    double seconds = doing_left;
    if (!over())
      seconds += left(steps, 1) + left(evaluation, options.evaluate_every) + left(saving, options.save_every) +
                 left(sampling, options.sample_every);
    else if (evaluated != now.step) seconds += evaluation.mean();
    if (under_way != &whole_evaluation) seconds += whole_evaluation.mean();
    if (options.time_limit > 0) seconds = std::min(seconds, std::max(0.0, options.time_limit - seconds_since(start)));
    progress->update(now.step, now.mean_loss, now.tokens_per_second(), seconds, doing);
  }

  void show_curve() {
    if (!progress || options.directory.empty()) return;
    const int width = progress->columns();
    const std::string curve =
        loss_curve(options.directory / kMetricsFile, width > 0 ? std::clamp(width - 1, 24, 100) : 72);
    if (!curve.empty()) note(curve.substr(0, curve.size() - 1));
  }

  Trainer& t;
  Moment& now;
  const TrainerOptions& options;
  const Work& work;
  const RunDirectory* const hold;  // null where nothing is written
  const int64_t first = now.step;
  const ptrdiff_t restored = std::ssize(t.losses_);
  const Clock::time_point start = Clock::now();
  const bool finished = t.kept_ == first && over();  // a run of which only the scores are missing
  int64_t evaluated = -1, sampled = -1, saved = -1;  // the step of the last one
  bool anew = t.kept_ < 0;                           // and nothing is written yet
  double peak = 0, flops = 0;
  Cost steps, evaluation, whole_evaluation, saving, sampling, scoring;
  std::unique_ptr<MetricsLog> log_file, times_file;
  std::unique_ptr<EventFile> events;
  std::unique_ptr<Progress> progress;
};

std::shared_ptr<const RunDirectory> hold_directory(const TrainerOptions& options, Loc loc) {
  const Op op{"Trainer", loc};
  if (options.directory.empty() || (options.world && options.world->rank() != 0)) return nullptr;
  return options.hold ? options.hold : std::make_shared<RunDirectory>(options.directory);
}

Trainer::Trainer(const nn::Parameters& params, const Optimizers& optimizers, TrainerOptions options, Loc loc)
    : params_(params),
      optimizers_(optimizers),
      options_(std::move(options)),
      where_(loc),
      now_{.params = params_, .optimizers = optimizers_, .options = options_} {
  const Op op{"Trainer", loc};
  const TrainerOptions& o = options_;
  for (const auto& [name, count] : {std::pair("accumulate", o.accumulate),
                                    {"evaluate_every", o.evaluate_every},
                                    {"sample_every", o.sample_every},
                                    {"save_every", o.save_every},
                                    {"log_every", o.log_every}})
    if (count < 1) fail<ValueError>(op, "{} is {}; need at least 1", name, count);
  for (const auto& [name, number] : {std::pair("steps", static_cast<double>(o.steps)),
                                     {"clip_norm", o.clip_norm},
                                     {"patience", static_cast<double>(o.patience)},
                                     {"time_limit", o.time_limit}})
    if (!(number >= 0)) fail<ValueError>(op, "{} is {}; need at least 0", name, number);
  for (const int64_t step : o.keep)
    if (step < 0 || step > o.steps) fail<ValueError>(op, "keep has step {}; need 0 to {}", step, o.steps);
  if (!o.keep.empty() && o.directory.empty())
    fail<ValueError>(op, "keep has {} steps, and there is no directory; need one", o.keep.size());
  if (optimizers_.empty()) fail<ValueError>(op, "there are no optimisers; need at least one");
  std::map<std::string, size_t> updated_by;
  for (size_t i = 0; i < optimizers_.size(); ++i) {
    shares_.push_back(i == 0 ? 1 : optimizers_[i].get().lr() / optimizers_[0].get().lr());
    if (o.lr && !std::isfinite(shares_[i]))
      fail<ValueError>(op, "the first optimiser's lr is 0, to which others keep their proportion; need one above 0");
    for (const std::string& name : optimizers_[i].get().names())
      if (const auto [other, fresh] = updated_by.try_emplace(name, i); !fresh)
        fail<ValueError>(op, "'{}' is updated by optimisers {} and {}; need a group with .skip in one of them", name,
                         other->second, i);
  }
  for (const auto& [name, parameter] : params_)
    if (parameter.requires_grad() && !updated_by.contains(name))
      fail<ValueError>(op, "'{}' is updated by no optimiser; need one for it, or the parameter frozen", name);
  if (o.ema != 0) ema_.emplace(params_, o.ema, loc);
}

void Trainer::resume() {
  const Op op{"Trainer", where_};
  const auto hold = hold_directory(options_, where_);
  const auto file = options_.directory / kStateFile;
  if (!is_there(file))
    fail<FileError>(op, "'{}' does not exist: the run has ended, or was never saved; need one to resume",
                    file.string());
  const auto take = [&](const NamedTensors& own) {
    NamedTensors averages;
    for (const auto& [name, x] : own)
      if (name.starts_with(kEma)) averages.emplace_back(name.substr(std::string_view(kEma).size()), x);
    if (ema_.has_value() == averages.empty())
      fail<FileError>(op, "'{}' has {}; need the ema that the interrupted run had", file.string(),
                      averages.empty() ? "no average of the weights" : "an average of the weights, and ema is 0");
    if (ema_) ema_->load_state(averages, where_);
    for (const auto& [name, x] : own) {
      if (name == kLosses) losses_ = x.to_vector<double>();
      else if (name == kNumbers && x.numel() == 5) {
        const std::vector<double> numbers = x.to_vector<double>();
        now_.best = numbers[0];
        now_.best_step = static_cast<int64_t>(numbers[1]);
        worse_ = static_cast<int64_t>(numbers[2]);
        now_.seconds = numbers[3];
        now_.tokens = numbers[4];
      }
    }
  };
  now_.step = load_training(file, params_, optimizers_, params_.rng(), take, where_);
  now_.mean_loss = mean_loss(kAveraged);
  begun_ = true;
  kept_ = now_.step;
  hold_ = hold;
}

/// Refuses a run that cannot be, or that would lose what another one left.
void Trainer::check(const Work& work) const {
  const Op op{"Trainer", where_};
  if (!work.next) fail<ValueError>(op, "Work has no next; need a function that draws a batch");
  if (options_.patience > 0 && !work.evaluate.measure)
    fail<ValueError>(op, "patience is {} and Work has no evaluate; need one, as it counts evaluations",
                     options_.patience);
  if (!options_.keep.empty() && !work.save)
    fail<ValueError>(op, "keep has {} steps and Work has no save; need one, as it writes them", options_.keep.size());
  if (ended_) fail<ValueError>(op, "the run has ended after {} steps; need another Trainer to train on", now_.step);
  if (begun_ || options_.overwrite || !is_first() || options_.directory.empty()) return;
  if (is_there(options_.directory / kStateFile))
    fail<FileError>(op, "'{}' holds an interrupted run; need resume() to go on, .overwrite, or another directory",
                    options_.directory.string());
  if (const auto model = model_in(options_.directory); !model.empty())
    fail<FileError>(op, "'{}' holds a model; need .overwrite to replace it, or another directory", model.string());
}

TrainingReport Trainer::run(const Work& work) {
  const auto hold = hold_ ? std::exchange(hold_, nullptr) : hold_directory(options_, where_);
  check(work);
  begun_ = true;
  try {
    return run_checked(work, hold.get());
  } catch (const FileError& error) {  // a full disk, say
    const std::filesystem::path place = hold ? hold->place() : "";
    if (kept_ < 0 || place.empty() || !is_there(place / kStateFile)) throw;
    const std::string text = error.what();
    const size_t end = std::min(text.rfind("  ["), text.size());
    throw FileError(fmt::format("{}; the save of step {} is whole: once this is mended, resume goes on from it{}",
                                text.substr(0, end), kept_, text.substr(end)),
                    error.check());
  }
}

TrainingReport Trainer::run_checked(const Work& work, const RunDirectory* hold) {
  const Precision precision(options_.products.value_or(products()), where_);
  const InterruptGuard interrupt;
  Session session(*this, work, hold);
  if (!session.over()) session.keep();
  for (bool stop = is_told(interrupt.requested()); !session.over() && !stop;) {
    session.step();  // draws batches; forward, backward, clip, update, average
    if (now_.step % options_.log_every == 0) session.log();
    const bool evaluates = session.due(options_.evaluate_every);
    if (evaluates) session.evaluate();
    if (session.due(options_.sample_every)) session.sample();
    if (!session.over()) session.keep();
    if (session.due(options_.save_every) || (evaluates && !session.over())) session.save();
    stop = is_told(session.out_of_time() || interrupt.requested());
  }
  ended_ = session.over();
  TrainingReport report = session.end(interrupt);
  if (report.ended == Ended::interrupted) ended_ = false;
  return report;
}

/// Gradients of all batches, each by its share of the tokens, and one step of the optimisers. Returns the loss.
double Trainer::update(const std::vector<Step>& batches) {
  const std::vector<int64_t> rng_before = params_.rng().state();
  const auto check = [&](const char* what, double value) {
    if (!std::isfinite(value)) explain(batches, rng_before, what, value);
  };
  int64_t tokens = 0;
  for (const Step& batch : batches) tokens += batch.tokens;
  Distributed* const world = options_.world;
  double mean = 0;
  for (const Step& batch : batches) {
    std::optional<Distributed::Local> here;  // the sum goes out with the last one
    if (world && &batch != &batches.back()) here.emplace(*world);
    const double share = tokens > 0 ? static_cast<double>(batch.tokens) / static_cast<double>(tokens)
                                    : 1 / static_cast<double>(batches.size());
    const Tensor loss = batch.loss();
    if (!loss.defined() || loss.numel() != 1)
      fail<ShapeError>({"Trainer", where_}, "the loss of a batch {}; need one number, as its mean()",
                       loss.defined() ? fmt::format("has shape {}", loss.shape()) : "is undefined");
    const double value = loss.item<double>(where_);
    check("loss", value);
    (batches.size() == 1 ? loss : loss * share).backward(where_);
    mean += share * value;
  }
  if (world) mean = world->wait(mean, where_);
  now_.grad_norm = world ? world->grad_norm() : grad_norm(params_);
  check("gradient norm", now_.grad_norm);
  const double scale = options_.clip_norm > 0 ? clip_scale(now_.grad_norm, options_.clip_norm) : 1;
  for (Optimizer& optimizer : optimizers_)
    if (world) world->step(optimizer, scale, where_);
    else optimizer.step(scale, where_);
  zero_grad();
  return mean;
}

bool Trainer::is_first() const { return !options_.world || options_.world->rank() == 0; }
bool Trainer::is_told(bool here) const { return options_.world ? options_.world->any(here) : here; }

/// Runs the step again, from the same random numbers, with an eye on every op.
void Trainer::explain(const std::vector<Step>& batches, const std::vector<int64_t>& rng_before, const char* what,
                      double value) {
  zero_grad();
  params_.rng().set_state(rng_before);
  std::string culprit = "no op made it twice  " + to_string(where_);
  std::optional<Distributed::Local> alone;
  if (options_.world) alone.emplace(*options_.world);
  try {
    const DetectAnomaly detect;
    for (const Step& batch : batches) batch.loss().backward(where_);
  } catch (const AnomalyError& error) {
    culprit = error.what();
  }
  zero_grad();
  throw AnomalyError(fmt::format("train: the {} of step {} is {}; first made by {}", what, now_.step + 1,
                                 std::isnan(value) ? std::abs(value) : value, culprit));  // NaN has no sign
}

void Trainer::zero_grad() {
  for (Optimizer& optimizer : optimizers_) optimizer.zero_grad();
}

double Trainer::mean_loss(size_t last) const {
  const size_t count = std::min(last, losses_.size());
  if (count == 0) return 0;
  return std::accumulate(losses_.end() - static_cast<ptrdiff_t>(count), losses_.end(), 0.0) /
         static_cast<double>(count);
}

void Trainer::save_state() const {
  const Op op{"Trainer", where_};
  const int64_t kept = std::min(std::ssize(losses_), std::max<int64_t>(kAveraged, options_.log_every));
  const std::vector<double> losses(losses_.end() - kept, losses_.end());
  const std::vector<double> numbers = {now_.best, static_cast<double>(now_.best_step), static_cast<double>(worse_),
                                       now_.seconds, now_.tokens};
  NamedTensors own{{kLosses, from_vector(losses, {kept})}, {kNumbers, from_vector(numbers, {5})}};
  if (ema_)
    for (const auto& [name, x] : ema_->state()) own.emplace_back(kEma + name, x);
  save_training(options_.directory / kStateFile, params_, optimizers_, params_.rng(),
                {now_.step, std::move(own), options_.notes});
}

}  // namespace heed::train
