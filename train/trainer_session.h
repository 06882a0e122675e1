// One call of Trainer::run(): what it measures, writes and shows around the steps, and how long each of these takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <heed/autograd/grad_mode.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/train/data/text.h>
#include <heed/train/distributed.h>
#include <heed/train/interrupt.h>
#include <heed/train/run_directory.h>
#include <heed/train/show/progress.h>
#include <heed/train/tensorboard.h>
#include <heed/train/trainer.h>

namespace heed::train {

/// What one call of run() works with.
struct Trainer::Session {
  static constexpr int64_t kAveraged = 100;  // steps whose mean loss is the training loss

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
    t.add_snapshot();
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
      if (report.ended == Ended::all_steps) t.average_snapshots();
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
  using Clock = std::chrono::steady_clock;
  static constexpr const char *kMetricsFile = "metrics.jsonl", *kTimesFile = "times.jsonl";

  /// Ctrl-C came while a model was scored.
  struct Interrupted {};
  /// How long something that comes again takes.
  struct Cost {
    double seconds = 0, guess = 0;  // of all so far; of one that has never been
    int64_t count = 0;
    double mean() const { return count > 0 ? seconds / static_cast<double>(count) : guess; }
  };
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
  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  /// "val_loss 1.9100, bleu 0.9312"
  static std::string described(const Measurements& numbers) {
    std::vector<std::string> texts;
    for (const auto& [name, number] : numbers) texts.push_back(fmt::format("{} {:.4f}", name, number));
    return join(texts, ", ");
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
    if (hold && directory == options.directory && std::exchange(anew, false)) remove_kept(directory, op);
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

}  // namespace heed::train
