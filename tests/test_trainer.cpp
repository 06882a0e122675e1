#include <heed/train/trainer.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using train::Step;
using train::Trainer;
using train::TrainingReport;

namespace {

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

  TrainingReport run(bool resume = false, int64_t interrupt_at = -1) {
    Trainer trainer(params, optimizer,
                    {.steps = steps,
                     .lr = train::constant(1e-2),
                     .clip_norm = 1,
                     .evaluate_every = 10,
                     .log_every = 5,
                     .directory = directory,
                     .quiet = true});
    if (resume) trainer.resume();
    int64_t done = 0;
    return trainer.run(
        [&, interrupt_at](int64_t step) {
          done = step + 1;
          if (step == interrupt_at) std::raise(signal);
          const Tensor x = randn({8, 4}, rng);
          return Step{[this, x] { return mse_loss(linear(dropout(x)), x.sum(-1, true)); }, 8};
        },
        [&]() -> train::Measurements {
          evaluated.push_back(done);
          return {{"val_loss", 0.5}};
        },
        [&] { saved.push_back(done); });
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [name, parameter] : params)
      for (const double v : parameter.to_vector<double>()) all.push_back(v);
    return all;
  }
};

std::vector<nlohmann::json> metrics_in(const std::filesystem::path& directory) {
  std::ifstream in(directory / "metrics.jsonl");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("trainer: evaluates and saves on time, logs, and leaves nothing to resume at the end", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  task.directory = directory.path();
  const TrainingReport report = task.run();
  CHECK(report.steps == 40);
  CHECK_FALSE(report.interrupted);
  CHECK(report.evaluation == train::Measurements{{"val_loss", 0.5}});
  CHECK(report.train_loss > 0);
  CHECK(report.tokens_per_second > 0);
  CHECK(task.evaluated == std::vector<int64_t>{10, 20, 30, 40});
  CHECK(task.saved == std::vector<int64_t>{10, 20, 30, 40});
  const auto metrics = metrics_in(directory.path());
  REQUIRE(metrics.size() == 8 + 4);
  CHECK(metrics[0]["step"] == 5);
  CHECK(metrics[0]["loss"].get<double>() > 0);
  CHECK(metrics[0]["lr"] == 1e-2);
  CHECK(metrics[2] == nlohmann::json{{"step", 10}, {"val_loss", 0.5}});
  CHECK_FALSE(std::filesystem::exists(directory / "training.safetensors"));
}

TEST_CASE("trainer: the loss of what it trains falls", "[trainer]") {
  Task task;
  task.steps = 300;
  const double first = [] {
    Task short_task;
    short_task.steps = 5;
    return short_task.run().train_loss;
  }();
  CHECK(task.run().train_loss < first / 2);
}

TEST_CASE("trainer: SIGTERM and a closed terminal save as Ctrl-C does, unless nohup", "[trainer]") {
  for (const int signal : {SIGTERM, SIGHUP}) {
    const tests::TemporaryDirectory directory;
    Task task;
    task.directory = directory.path();
    task.signal = signal;
    CHECK(task.run(false, 16).interrupted);
    CHECK(task.saved == std::vector<int64_t>{10, 17});
  }
  const auto before = std::signal(SIGHUP, SIG_IGN);  // nohup
  Task task;
  task.signal = SIGHUP;
  CHECK_FALSE(task.run(false, 16).interrupted);
  CHECK(std::signal(SIGHUP, before) == SIG_IGN);
}

TEST_CASE("trainer: Ctrl-C saves before it leaves, and resuming ends with the bits of an undisturbed run",
          "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.run();

  Task interrupted;
  interrupted.directory = directory.path();
  const TrainingReport report = interrupted.run(false, 16);
  CHECK(report.interrupted);
  CHECK(report.steps == 17);
  CHECK(interrupted.saved == std::vector<int64_t>{10, 17});

  Task resumed;
  resumed.directory = directory.path();
  CHECK(resumed.run(true).steps == 40);
  CHECK(resumed.values() == through.values());
  CHECK(resumed.evaluated == std::vector<int64_t>{20, 30, 40});
  CHECK(metrics_in(directory.path()).size() == 8 + 4);
}

TEST_CASE("trainer: a run that was killed resumes from its last save, and metrics after it are forgotten",
          "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.run();

  Task killed;
  killed.directory = directory.path();
  Trainer trainer(killed.params, killed.optimizer,
                  {.steps = 40,
                   .lr = train::constant(1e-2),
                   .clip_norm = 1,
                   .evaluate_every = 10,
                   .log_every = 5,
                   .directory = directory.path(),
                   .quiet = true});
  struct Killed {};
  const auto next = [&](int64_t step) {
    if (step == 26) throw Killed();
    const Tensor x = randn({8, 4}, killed.rng);
    return Step{[&killed, x] { return mse_loss(killed.linear(killed.dropout(x)), x.sum(-1, true)); }, 8};
  };
  CHECK_THROWS_AS(trainer.run(
                      next, [] { return train::Measurements{}; }, [] {}),
                  Killed);
  CHECK(metrics_in(directory.path()).back()["step"] == 25);

  Task resumed;
  resumed.directory = directory.path();
  resumed.run(true);
  CHECK(resumed.evaluated == std::vector<int64_t>{30, 40});
  CHECK(resumed.values() == through.values());
  std::vector<int64_t> steps;
  for (const auto& line : metrics_in(directory.path())) steps.push_back(line["step"]);
  CHECK(steps == std::vector<int64_t>{5, 10, 10, 15, 20, 20, 25, 30, 30, 35, 40, 40});
}

TEST_CASE("trainer: a loss that is not finite stops with the step and the op that made it", "[trainer]") {
  Task task;
  Trainer trainer(task.params, task.optimizer, {.steps = 10, .quiet = true});
  std::vector<double> before;
  const auto next = [&](int64_t step) {
    before = task.values();
    const Tensor x = randn({8, 4}, task.rng);
    return Step{[&task, x, step] {
      const Tensor y = task.linear(task.dropout(x));
      return step == 3 ? log(y - 100).mean() : y.mean();
    }};
  };
  const auto none = [] { return train::Measurements{}; };
  CHECK_THROWS_WITH(trainer.run(next, none, [] {}), Contains("the loss of step 4 is nan") &&
                                                        Contains("log: the result (8, 1) has 8 NaN") &&
                                                        Contains("test_trainer.cpp"));
  CHECK(task.values() == before);  // the step was not taken
}

TEST_CASE("trainer: the module that made the first infinity is named", "[trainer]") {
  Task task;
  const nn::Linear head(task.params / "decoder" / "head", 4, 2);
  head.weight.assign(full(head.weight.shape(), 3e38));
  Trainer trainer(task.params, task.optimizer, {.steps = 1, .quiet = true});
  const auto next = [&](int64_t) { return Step{[&head] { return head(ones({1, 4})).sum(); }}; };
  CHECK_THROWS_WITH(trainer.run(
                        next, [] { return train::Measurements{}; }, [] {}),
                    Contains("the loss of step 1 is inf; first made by linear in decoder.head: the result (1, 2) has 0 "
                             "NaN and 2 infinities"));
}

TEST_CASE("trainer: a gradient that is not finite stops with the op whose backward made it", "[trainer]") {
  Task task;
  Trainer trainer(task.params, task.optimizer, {.steps = 10, .quiet = true});
  const auto next = [&](int64_t) {
    return Step{[&] { return sqrt(task.linear(zeros({1, 4})) - task.linear(zeros({1, 4}))).sum(); }};
  };
  CHECK_THROWS_WITH(trainer.run(
                        next, [] { return train::Measurements{}; }, [] {}),
                    Contains("the gradient norm of step 1 is") && Contains("sqrt: its gradient 0"));
}

TEST_CASE("trainer: options that make no sense, and resuming nothing, are refused", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.steps = -1}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.clip_norm = NAN}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.evaluate_every = 0}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.save_every = 0}), ValueError);
  task.directory = directory.path();
  CHECK_THROWS_WITH(task.run(true), Contains("training.safetensors") && Contains("does not exist"));
}
