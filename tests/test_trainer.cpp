#include <heed/train/trainer.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/nn/dropout.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include <heed/train/data/corpus.h>
#include <heed/train/muon.h>
#include <heed/train/run_directory.h>
#include "catch.h"
#include "run_program.h"
#include "temporary_directory.h"
#include "trainer_task.h"

using namespace heed;
using tests::metrics_in;
using tests::Task;
using train::Step;
using train::Trainer;
using train::TrainingReport;
using train::Work;

TEST_CASE("trainer: evaluates and saves on time, logs, and leaves nothing to resume at the end", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  task.directory = directory.path();
  const TrainingReport report = task.run();
  CHECK(report.steps == 40);
  CHECK_FALSE(report.ended == train::Ended::interrupted);
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
  std::string said;
  try {
    trainer.run({.next = next});
  } catch (const AnomalyError& error) {
    said = error.what();
  }
  CHECK_THAT(said, Contains("train: the loss of step 4 is nan; first made by log: the result (8, 1) has 8 NaN"));
  CHECK_THAT(said, Catch::Matchers::EndsWith(fmt::format("  [test_trainer.cpp:{}]", __LINE__ - 10)));
  CHECK(said.find("  [") == said.rfind("  ["));  // one place, of the op
  CHECK(task.values() == before);                // the step was not taken
}

TEST_CASE("trainer: the module that made the first infinity is named", "[trainer]") {
  Task task;
  const nn::Linear head(task.params / "decoder" / "head", 4, 2);
  head.weight.assign(full(head.weight.shape(), 3e38));
  train::SGD sgd(task.params);
  Trainer trainer(task.params, sgd, {.steps = 1, .quiet = true});
  const auto next = [&](int64_t) { return Step{[&head] { return head(ones({1, 4})).sum(); }}; };
  CHECK_THROWS_WITH(trainer.run({.next = next}),
                    Contains("the loss of step 1 is inf; first made by linear in decoder.head: the result (1, 2) has 0 "
                             "NaN and 2 infinities"));
}

TEST_CASE("trainer: a gradient that is not finite stops with the op whose backward made it", "[trainer]") {
  Task task;
  Trainer trainer(task.params, task.optimizer, {.steps = 10, .quiet = true});
  const auto next = [&](int64_t) {
    return Step{[&] { return sqrt(task.linear(zeros({1, 4})) - task.linear(zeros({1, 4}))).sum(); }};
  };
  CHECK_THROWS_WITH(trainer.run({.next = next}),
                    Contains("the gradient norm of step 1 is nan; first made by sqrt: its gradient 0"));
}

TEST_CASE("trainer: four small batches make the step of one large one", "[trainer]") {
  const auto trained = [](int64_t accumulate, int64_t rows) {
    Task task;
    task.params.zero_grad();
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 5, .lr = train::constant(1e-2), .clip_norm = 1, .accumulate = accumulate, .quiet = true});
    const Tensor data = randn({40, 4}, task.rng);
    std::vector<int64_t> numbers;
    trainer.run({.next = [&](int64_t number) {
      numbers.push_back(number);
      const Tensor x = data(slice(number * rows, (number + 1) * rows));
      return Step{[&task, x] { return mse_loss(task.linear(x), x.sum(-1, true)); }, rows};
    }});
    CHECK(numbers.size() == static_cast<size_t>(5 * accumulate));
    CHECK(numbers.back() == 5 * accumulate - 1);
    return task.values();
  };
  constexpr double kRounding = 1e-6;  // sums of 8 products in f32, in another order
  const auto whole = trained(1, 8), parts = trained(4, 2);
  for (size_t i = 0; i < whole.size(); ++i) CHECK(parts[i] == Approx(whole[i]).margin(kRounding));
}

TEST_CASE("trainer: accumulated batches of unequal sizes count by their tokens", "[trainer]") {
  const auto gradient = [](const std::vector<int64_t>& sizes) {
    Task task;
    train::SGD sgd(task.params, {.lr = 1});
    const Tensor data = randn({8, 4}, task.rng);
    int64_t first = 0;
    Trainer trainer(task.params, sgd,
                    {.steps = 1, .lr = train::constant(1), .accumulate = std::ssize(sizes), .quiet = true});
    trainer.run({.next = [&](int64_t i) {
      const int64_t rows = sizes[static_cast<size_t>(i)];
      const Tensor x = data(slice(first, first + rows));
      first += rows;
      return Step{[&task, x] { return mse_loss(task.linear(x), x.sum(-1, true)); }, rows};
    }});
    return task.values();
  };
  const auto whole = gradient({8}), parts = gradient({6, 2});
  for (size_t i = 0; i < whole.size(); ++i) CHECK(parts[i] == Approx(whole[i]).margin(1e-5));
}

TEST_CASE("trainer: two optimisers share a model, keep their proportion of the rate, and resume", "[trainer]") {
  const tests::TemporaryDirectory directory;
  struct Two : Task {
    train::AdamW weights{params, {.lr = 1e-2}, {{"*.bias", {.skip = true}}}};
    train::SGD biases{params, {.lr = 5e-2, .momentum = 0.9}, {{"*.weight", {.skip = true}}}};
    TrainingReport go(const std::filesystem::path& into, bool resume, int64_t cut) {
      Trainer trainer(
          params, {weights, biases},
          {.steps = 20, .lr = [](int64_t i) { return 1e-2 / double(i + 1); }, .directory = into, .quiet = true});
      if (resume) trainer.resume();
      return trainer.run({.next = [&](int64_t i) {
        if (i == cut) std::raise(SIGINT);
        return batch();
      }});
    }
  } through, cut, resumed;
  through.go({}, false, -1);
  CHECK(through.biases.lr() == Approx(5 * through.weights.lr()));
  CHECK(cut.go(directory.path(), false, 7).ended == train::Ended::interrupted);
  resumed.go(directory.path(), true, -1);
  CHECK(resumed.values() == through.values());
  CHECK(through.weights.names() == std::vector<std::string>{"linear.weight"});
}

TEST_CASE("trainer: the README's run of two optimisers stops at the loss that its callback asks for", "[trainer]") {
  const tests::TemporaryDirectory directory;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "the cat sat on the mat, and the dog sat on the log.\n";
  const train::Corpus corpus = train::Corpus::from_text(text);
  nn::Parameters params(1337);
  const models::Gpt gpt(params,
                        {.vocabulary = corpus.vocabulary(), .context = 16, .layers = 1, .heads = 2, .channels = 16});
  train::Muon matrices(params, {.lr = 0.02}, {{"wte*", {.skip = true}}, {"wpe*", {.skip = true}}});
  train::AdamW tables(params, {.lr = 1e-3}, {{"h.*", {.skip = true}}, {"ln_f*", {.skip = true}}});
  Trainer trainer(params, {matrices, tables}, {.steps = 2000, .directory = directory.path(), .quiet = true});
  const TrainingReport report =
      trainer.run({.next =
                       [&](int64_t) {
                         auto [x, y] = corpus.batch(12, 16, params.rng());
                         return Step{[&gpt, x = x, y = y] { return cross_entropy(gpt(x), y); }, x.numel()};
                       },
                   .save = [&](const auto& into) { params.save(into / "gpt.safetensors"); },
                   .on_step = [](train::Moment& now) { now.stop = now.mean_loss < 1.5; }});
  CHECK(report.ended == train::Ended::by_callback);
  CHECK(report.train_loss < 1.5);
  CHECK(std::filesystem::exists(directory / "gpt.safetensors"));
}

TEST_CASE("trainer: without a schedule each optimiser and group keeps its own rate", "[trainer]") {
  struct Own : Task {
    train::SGD weights{params, {.lr = 0.1}, {{"*.bias", {.skip = true}}}};
    train::SGD biases{params, {.lr = 3}, {{"*.weight", {.skip = true}}, {"*.bias", {.lr = 0.05}}}};
  } by_hand, trained;
  for (int i = 0; i < 5; ++i) {
    by_hand.batch().loss().backward();
    by_hand.weights.step();
    by_hand.biases.step();
    by_hand.params.zero_grad();
  }
  std::vector<double> rates;
  Trainer trainer(trained.params, {trained.weights, trained.biases}, {.steps = 5, .quiet = true});
  trainer.run({.next = [&](int64_t) { return trained.batch(); },
               .on_step = [&](train::Moment& now) { rates.push_back(now.lr); }});
  CHECK(trained.values() == by_hand.values());
  CHECK(rates == std::vector<double>(5, 0.1));
  CHECK(trained.biases.lr() == 3);
}

TEST_CASE("trainer: a parameter belongs to one optimiser", "[trainer]") {
  Task task;
  train::SGD biases(task.params, {.lr = 1}, {{"*.weight", {.skip = true}}});
  CHECK_THROWS_WITH(Trainer(task.params, {task.optimizer, biases}, {}),
                    Contains("'linear.bias' is updated by optimisers 0 and 1; need a group with .skip in one of them"));
  CHECK_THROWS_WITH(Trainer(task.params, biases, {}), Contains("'linear.weight' is updated by no optimiser"));
  CHECK_THROWS_WITH(train::SGD(task.params, {}, {{"*", {.skip = true}}}), Contains("skip all 2 parameters"));
  train::AdamW still(task.params, {.lr = 0}, {{"*.bias", {.skip = true}}});
  CHECK_THROWS_WITH(Trainer(task.params, {still, biases}, {.lr = train::constant(1)}), Contains("lr is 0"));
}

TEST_CASE("ema: the average follows its formula, is what is evaluated and saved, and resumes", "[trainer][ema]") {
  const tests::TemporaryDirectory directory;
  struct Averaged : Task {
    std::vector<std::vector<double>> each, averages;
    TrainingReport go(const std::filesystem::path& into, bool resume, int64_t cut) {
      Trainer trainer(params, optimizer,
                      {.steps = 20,
                       .lr = train::constant(1e-2),
                       .ema = 0.9,
                       .evaluate_every = 5,
                       .directory = into,
                       .quiet = true});
      if (resume) trainer.resume();
      return trainer.run({.next =
                              [&](int64_t i) {
                                if (i == cut) std::raise(SIGINT);
                                return batch();
                              },
                          .evaluate = {[&](const auto&) -> train::Measurements {
                            averages.push_back(values());
                            return {{"val_loss", values()[0]}};
                          }},
                          .save = [&](const auto&) { averages.push_back(values()); },
                          .on_step = [&](train::Moment&) { each.push_back(values()); }});
    }
  } through, cut, resumed;
  auto average = through.values();
  through.go({}, false, -1);
  REQUIRE(through.each.size() == 20);
  for (size_t n = 0; n < 20; ++n) {
    const double decay = std::min(0.9, (2.0 + double(n)) / (11.0 + double(n)));
    for (size_t i = 0; i < average.size(); ++i) average[i] += (1 - decay) * (through.each[n][i] - average[i]);
  }
  CHECK(through.averages.back() != through.each.back());
  for (size_t i = 0; i < average.size(); ++i) CHECK(through.averages.back()[i] == Approx(average[i]).epsilon(1e-5));
  CHECK(through.values() == through.each.back());  // the weights are back after each use
  CHECK(cut.go(directory.path(), false, 12).ended == train::Ended::interrupted);
  {
    Task without;
    without.directory = directory.path();
    const auto before = without.values();
    CHECK_THROWS_WITH(without.run(true), Contains("has an average of the weights, and ema is 0"));
    CHECK(without.values() == before);
  }
  resumed.go(directory.path(), true, -1);
  CHECK(resumed.averages.back() == through.averages.back());
}

TEST_CASE("ema: what is frozen has no average, and a state of older versions, which kept one, loads",
          "[trainer][ema]") {
  Task task;
  task.params.freeze("*.bias");
  train::Ema ema(task.params, 0.9);
  NamedTensors state = ema.state();
  REQUIRE(state.size() == 2);
  CHECK(state[1].first == "linear.weight");
  state.emplace_back("linear.bias", task.params.at("linear.bias"));
  ema.load_state(state);
  state.emplace_back("linear.scale", ones({1}));
  CHECK_THROWS_WITH(ema.load_state(state), Contains("the state has 4 tensors; need the 2 of this model's average"));
}

TEST_CASE("trainer: callbacks are given all there is, and may end the run", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  task.directory = directory.path();
  train::TrainerOptions options = task.options();
  options.evaluate_every = 4;
  options.sample_every = 3;
  options.save_every = 5;
  Trainer trainer(task.params, task.optimizer, options);
  std::vector<int64_t> steps, evaluated, saved, samples;
  int64_t now = 0;
  const TrainingReport report =
      trainer.run({.next = [&](int64_t) { return task.batch(); },
                   .evaluate = {[&](const auto&) -> train::Measurements {
                                  return {{"val_loss", double(10 - now)}};
                                },
                                8},
                   .save = [&](const auto&) {},
                   .sample =
                       [&] {
                         samples.push_back(now);
                         return std::string("a sample");
                       },
                   .on_step =
                       [&](train::Moment& m) {
                         steps.push_back(now = m.step);
                         CHECK(m.grad_norm > 0);
                         CHECK(m.lr == 1e-2);
                         CHECK(m.tokens == 8.0 * double(m.step));
                         CHECK(m.seconds > 0);
                         CHECK(m.peak_share > 0);
                         CHECK(&m.params == &task.params);
                         m.stop = m.step == 12;
                       },
                   .on_evaluate =
                       [&](train::Moment& m) {
                         evaluated.push_back(m.step);
                         CHECK(m.evaluation == train::Measurements{{"val_loss", double(10 - m.step)}});
                         CHECK(m.best == double(10 - m.step));
                       },
                   .on_save =
                       [&](train::Moment& m) {
                         if (m.saved == directory.path()) saved.push_back(m.step);
                       }});
  CHECK(steps.back() == 12);
  CHECK(evaluated == std::vector<int64_t>{4, 8, 12});
  CHECK(samples == std::vector<int64_t>{3, 6, 9, 12});
  CHECK(saved == std::vector<int64_t>{4, 5, 8, 10, 12});
  CHECK(report.ended == train::Ended::by_callback);
}

TEST_CASE("trainer: stops when evaluations no longer fall, and best/ keeps the model of the lowest", "[trainer]") {
  const tests::TemporaryDirectory directory;
  const auto go = [&](const std::filesystem::path& into, bool resume, int64_t cut) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 40,
                     .lr = train::constant(1e-2),
                     .evaluate_every = 2,
                     .patience = 3,
                     .directory = into,
                     .quiet = true});
    if (resume) trainer.resume();
    int64_t step = 0;
    return trainer.run({.next =
                            [&](int64_t i) {
                              if (i == cut) std::raise(SIGINT);
                              return task.batch();
                            },
                        .evaluate = {[&](const auto&) -> train::Measurements {
                          return {{"val_loss", std::abs(double(step - 6))}};
                        }},
                        .evaluate_all = {[&](const auto&) -> train::Measurements {
                          return {{"val_loss", 0.25}};
                        }},
                        .save = [&](const auto& into_there) { task.params.save(into_there / "weights"); },
                        .on_step = [&](train::Moment& m) { step = m.step; }});
  };
  const TrainingReport report = go(directory / "", false, -1);
  CHECK(report.steps == 12);
  CHECK(report.best_step == 6);
  CHECK(report.ended == train::Ended::out_of_patience);
  CHECK(report.evaluation == train::Measurements{{"val_loss", 0.25}});
  CHECK(metrics_in(directory.path()).back() == nlohmann::json{{"step", 12}, {"val_loss_all", 0.25}});
  CHECK_FALSE(std::filesystem::exists(directory / "training.safetensors"));
  const tests::TemporaryDirectory cut;
  CHECK(go(cut.path(), false, 8).ended == train::Ended::interrupted);
  CHECK(go(cut.path(), true, -1).steps == 12);
  for (const char* file : {"metrics.jsonl", "weights", "best/weights"})
    CHECK(tests::content_of(cut / file) == tests::content_of(directory / file));
  CHECK(tests::content_of(cut / "weights") != tests::content_of(cut / "best/weights"));
}

TEST_CASE("trainer: the directory is made, and one that cannot be is said with the user's line", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  task.directory = directory / "new" / "run";
  task.run();
  CHECK(metrics_in(task.directory).size() == 8 + 4);
  std::ofstream(directory / "file") << "no directory";
  const Work work{.next = [&](int64_t) { return task.batch(); }};
  for (const bool tensorboard : {false, true})
    for (const char* name : {"file", "file/run"}) {
      const train::TrainerOptions options{.directory = directory / name, .tensorboard = tensorboard, .quiet = true};
      Trainer trainer(task.params, task.optimizer, options);
      CHECK_THROWS_WITH(trainer.run(work), Contains("Trainer: cannot make the directory") &&
                                               Contains(fmt::format("[test_trainer.cpp:{}]", __LINE__ - 2)));
    }
  std::filesystem::create_directories(directory / "taken" / "metrics.jsonl");
  Trainer trainer(task.params, task.optimizer, {.directory = directory / "taken", .quiet = true});
  CHECK_THROWS_WITH(trainer.run(work), Contains("Trainer: ") &&
                                           Contains("metrics.jsonl' exists and is not a regular file") &&
                                           Contains(fmt::format("[test_trainer.cpp:{}]", __LINE__ - 3)));
}

TEST_CASE("trainer: work that lacks a part is refused in a sentence", "[trainer]") {
  Task task;
  const auto refuses = [&](const train::TrainerOptions& options, const Work& work, const std::string& why) {
    Trainer trainer(task.params, task.optimizer, options);
    CHECK_THROWS_AS(trainer.run(work), ValueError);
    CHECK_THROWS_WITH(trainer.run(work), Contains(why) && Contains("[test_trainer.cpp:"));
  };
  refuses({.quiet = true}, {}, "Work has no next; need a function");
  refuses({.quiet = true}, {.next = [](int64_t) { return Step{}; }}, "next() gave batch 0 without a loss");
  refuses({.patience = 3, .quiet = true}, {.next = [&](int64_t) { return task.batch(); }},
          "patience is 3 and Work has no evaluate");
  const tests::TemporaryDirectory directory;
  refuses({.keep = {1, 2}, .directory = directory.path(), .quiet = true},
          {.next = [&](int64_t) { return task.batch(); }}, "keep has 2 steps and Work has no save; need one");
}

TEST_CASE("trainer: options that make no sense, and resuming nothing, are refused", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task task;
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.steps = -1}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.clip_norm = NAN}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.evaluate_every = 0}), ValueError);
  CHECK_THROWS_AS(Trainer(task.params, task.optimizer, {.save_every = 0}), ValueError);
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.accumulate = 0}),
                    Contains("accumulate is 0; need at least 1"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.sample_every = 0}), Contains("sample_every is 0"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.log_every = 0}), Contains("log_every is 0"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.patience = -1}), Contains("patience is -1"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.time_limit = NAN}), Contains("time_limit is nan"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.ema = 1}), Contains("decay is 1; need a number above 0"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.steps = 9, .keep = {3, 10}, .directory = directory.path()}),
                    Contains("keep has step 10; need 0 to 9"));
  CHECK_THROWS_WITH(Trainer(task.params, task.optimizer, {.keep = {3}}), Contains("there is no directory; need one"));
  task.directory = directory.path();
  CHECK_THROWS_WITH(task.run(true), Contains("training.safetensors' does not exist: the run has ended, or"));
}
