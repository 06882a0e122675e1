#include <heed/train/trainer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/ops.h>
#include <heed/train/clip.h>
#include <heed/train/distributed.h>
#include <heed/train/interrupt.h>
#include <heed/train/run_directory.h>
#include <heed/train/trainer_session.h>
#include <heed/train/training_state.h>

namespace heed::train {
namespace {

// In the state:
constexpr const char* kLosses = "losses";    // of the last steps
constexpr const char* kNumbers = "numbers";  // best, best_step, evaluations since, seconds, tokens, snapshots
constexpr const char* kEma = "ema.";         // before the names of the averages
constexpr const char* kSum = "sum.";         // and of the sums of snapshots

/// What holds the directory of such a run: `hold`, or else what takes it now; null where this process writes nothing.
/// Throws FileError if another run holds it, or it cannot be written.
std::shared_ptr<const RunDirectory> hold_directory(const TrainerOptions& options, Loc loc) {
  const Op op{"Trainer", loc};
  if (options.directory.empty() || (options.world && options.world->rank() != 0)) return nullptr;
  return options.hold ? options.hold : std::make_shared<RunDirectory>(options.directory);
}

}  // namespace

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
  if (o.average < 1 || o.average > kSnapshots)
    fail<ValueError>(op, "average is {}; need 1 to {}", o.average, kSnapshots);
  if (o.average > 1 && o.ema != 0) fail<ValueError>(op, "average is {} and ema {}; need one of them", o.average, o.ema);
  if (o.average > 1 && o.patience != 0)
    fail<ValueError>(op, "average is {} and patience {}, which may end the run before the last snapshots; need one",
                     o.average, o.patience);
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
    const auto under = [&](std::string_view prefix) {
      NamedTensors tensors;
      for (const auto& [name, x] : own)
        if (name.starts_with(prefix)) tensors.emplace_back(name.substr(prefix.size()), x);
      return tensors;
    };
    const NamedTensors averages = under(kEma);
    if (ema_.has_value() == averages.empty())
      fail<FileError>(op, "'{}' has {}; need the ema that the interrupted run had", file.string(),
                      averages.empty() ? "no average of the weights" : "an average of the weights, and ema is 0");
    if (ema_) ema_->load_state(averages, where_);
    if (options_.average > 1) snapshots_ = under(kSum);
    for (const auto& [name, x] : own) {
      if (name == kLosses) losses_ = x.to_vector<double>();
      else if (name == kNumbers && x.numel() >= 5) {
        const std::vector<double> numbers = x.to_vector<double>();
        now_.best = numbers[0];
        now_.best_step = static_cast<int64_t>(numbers[1]);
        worse_ = static_cast<int64_t>(numbers[2]);
        now_.seconds = numbers[3];
        now_.tokens = numbers[4];
        if (numbers.size() > 5) snapshot_count_ = static_cast<int64_t>(numbers[5]);  // older versions had none here
      }
    }
  };
  now_.step = load_training(file, params_, optimizers_, params_.rng(), take, where_);
  now_.mean_loss = mean_loss(Session::kAveraged);
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

/// Takes in the weights as they are, if the mean at the end is to have them.
void Trainer::add_snapshot() {
  const int64_t every = std::max<int64_t>(1, options_.steps / kSnapshots), left = options_.steps - now_.step;
  if (options_.average == 1 || left % every != 0 || left >= options_.average * every) return;
  const NoGrad no_grad;
  if (snapshots_.empty())
    for (const auto& [name, x] : params_) snapshots_.emplace_back(name, zeros(x.shape(), f64));
  for (auto& [name, sum] : snapshots_) sum = sum + params_.at(name).to(f64);
  ++snapshot_count_;
}

/// Makes the weights the mean of all snapshots.
void Trainer::average_snapshots() {
  const NoGrad no_grad;
  for (const auto& [name, sum] : std::exchange(snapshots_, {}))
    params_.at(name).assign((sum / snapshot_count_).to(params_.dtype()));
}

void Trainer::save_state() const {
  const Op op{"Trainer", where_};
  const int64_t kept = std::min(std::ssize(losses_), std::max<int64_t>(Session::kAveraged, options_.log_every));
  const std::vector<double> losses(losses_.end() - kept, losses_.end());
  const std::vector<double> numbers = {
      now_.best,   static_cast<double>(now_.best_step), static_cast<double>(worse_), now_.seconds,
      now_.tokens, static_cast<double>(snapshot_count_)};
  NamedTensors own{{kLosses, from_vector(losses, {kept})}, {kNumbers, from_vector(numbers, {std::ssize(numbers)})}};
  if (ema_)
    for (const auto& [name, x] : ema_->state()) own.emplace_back(kEma + name, x);
  for (const auto& [name, x] : snapshots_) own.emplace_back(kSum + name, x);
  save_training(options_.directory / kStateFile, params_, optimizers_, params_.rng(),
                {now_.step, std::move(own), options_.notes});
}

}  // namespace heed::train
