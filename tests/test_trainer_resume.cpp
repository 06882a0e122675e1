// Runs that end before they are done: by a signal, a kill or a limit of time. They go on with the same bits.
#include <csignal>
#include <fstream>
#include <map>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/run_directory.h>
#include "catch.h"
#include "run_program.h"
#include "temporary_directory.h"
#include "trainer_task.h"

using namespace heed;
using tests::metrics_in;
using tests::Task;
using train::Trainer;
using train::TrainingReport;
using train::Work;

TEST_CASE("trainer: SIGTERM and a closed terminal save as Ctrl-C does, unless nohup", "[trainer][processes]") {
  const auto before = std::signal(SIGHUP, SIG_DFL);  // these tests may run under nohup
  for (const int signal : {SIGTERM, SIGHUP}) {
    const tests::TemporaryDirectory directory;
    Task task;
    task.directory = directory.path();
    task.signal = signal;
    CHECK(task.run(false, 16).ended == train::Ended::interrupted);
    CHECK(task.saved == std::vector<int64_t>{10, 17});
  }
  std::signal(SIGHUP, SIG_IGN);  // nohup
  Task task;
  task.signal = SIGHUP;
  CHECK_FALSE(task.run(false, 16).ended == train::Ended::interrupted);
  CHECK(std::signal(SIGHUP, before) == SIG_IGN);
}

TEST_CASE("trainer: Ctrl-C saves before it leaves, and resuming ends with the bits of an undisturbed run",
          "[trainer][processes]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.run();

  Task interrupted;
  interrupted.directory = directory.path();
  const TrainingReport report = interrupted.run(false, 16);
  CHECK(report.ended == train::Ended::interrupted);
  CHECK(report.steps == 17);
  CHECK(interrupted.saved == std::vector<int64_t>{10, 17});

  Task resumed;
  resumed.directory = directory.path();
  CHECK(resumed.run(true).steps == 40);
  CHECK(resumed.values() == through.values());
  CHECK(resumed.evaluated == std::vector<int64_t>{20, 30, 40});
  CHECK(metrics_in(directory.path()).size() == 8 + 4);
}

TEST_CASE("trainer: scores that Ctrl-C cuts off are all that a resumed run does", "[trainer][processes]") {
  const tests::TemporaryDirectory whole, cut;
  int drawn = 0, told = 0;
  const auto run = [&](const std::filesystem::path& directory, bool resume, bool interrupted) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 10, .ema = 0.5, .evaluate_every = 4, .directory = directory, .quiet = true});
    if (resume) trainer.resume();
    const train::Work work{.next = [&](int64_t) { return ++drawn, task.batch(); },
                           .evaluate = {[&](const train::Tell&) -> train::Measurements {
                             return {{"val_loss", task.values()[0]}};
                           }},
                           .score = {[&](const train::Tell& tell) -> train::Measurements {
                             if (interrupted) std::raise(SIGINT);
                             interrupted = false;
                             tell(1);
                             ++told;
                             return {{"score", task.values()[0]}};
                           }}};
    TrainingReport report = trainer.run(work);
    if (resume) CHECK_THROWS_WITH(trainer.run(work), Contains("the run has ended"));
    return report;
  };
  CHECK(run(whole.path(), false, false).ended == train::Ended::all_steps);
  CHECK((drawn == 10 && told == 1));
  const TrainingReport report = run(cut.path(), false, true);
  CHECK((report.ended == train::Ended::interrupted && report.steps == 10));
  CHECK((drawn == 20 && told == 1));
  CHECK(run(cut.path(), true, false).ended == train::Ended::all_steps);
  CHECK((drawn == 20 && told == 2));
  CHECK(tests::content_of(cut / "metrics.jsonl") == tests::content_of(whole / "metrics.jsonl"));
  CHECK_THAT(tests::content_of(cut / "metrics.jsonl"), Contains("\"score_all\""));
  CHECK_FALSE(std::filesystem::exists(cut / "training.safetensors"));
}

TEST_CASE("trainer: a run that was killed resumes from its last save, and metrics after it are forgotten",
          "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.run();

  Task killed;
  killed.directory = directory.path();
  Trainer trainer(killed.params, killed.optimizer, killed.options());
  struct Killed {};
  const auto next = [&](int64_t step) {
    if (step == 26) throw Killed();
    return killed.batch();
  };
  CHECK_THROWS_AS(trainer.run({.next = next, .evaluate = {[](const auto&) -> train::Measurements {
                                               return {{"val_loss", 0.5}};
                                             }}}),
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

TEST_CASE("trainer: what cannot be written is said with the step of the save that a resumed run goes on from",
          "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.run();
  Task full;
  full.directory = directory.path();
  train::TrainerOptions options = full.options();
  options.save_every = 10;
  Trainer trainer(full.params, full.optimizer, options);
  int64_t saves = 0;
  const auto save = [&](const std::filesystem::path& into) {
    if (++saves % 3 == 0) write_file(into / "no room" / "model", "");
  };
  const train::Work work{.next = [&](int64_t) { return full.batch(); }, .save = save};
  CHECK_THROWS_WITH(trainer.run(work), Contains("cannot create") &&
                                           Contains("; the save of step 20 is whole: once this "
                                                    "is mended, resume goes on from it  [test_trainer_resume.cpp:"));
  Task resumed;
  resumed.directory = directory.path();
  resumed.run(true);
  CHECK(resumed.values() == through.values());
  for (const bool ever : {false, true}) {  // never saved, or saved and taken away since
    Task lost;
    Trainer other(lost.params, lost.optimizer, {.save_every = 1, .directory = directory / "new", .quiet = true});
    saves = ever ? 0 : 2;
    const auto without = [&](const std::filesystem::path& into) {
      if (saves == 2) std::filesystem::remove_all(into / "training.safetensors");
      save(into);
    };
    const train::Work losing{.next = [&](int64_t) { return lost.batch(); }, .save = without};
    CHECK_THROWS_WITH(other.run(losing), Contains("cannot create") && !Contains("is whole"));
  }
}

TEST_CASE("trainer: a time limit saves and returns, and the run goes on with the same bits", "[trainer]") {
  const tests::TemporaryDirectory whole, cut;
  const auto go = [&](const std::filesystem::path& into, bool resume, double limit) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 30,
                     .lr = train::constant(1e-2),
                     .evaluate_every = 10,
                     .log_every = 3,
                     .time_limit = limit,
                     .directory = into,
                     .quiet = true});
    if (resume) trainer.resume();
    return trainer.run({.next = [&](int64_t) { return task.batch(); },
                        .evaluate = {[&](const auto&) -> train::Measurements {
                          return {{"val_loss", task.values()[0]}};
                        }},
                        .save = [&](const auto& there) { task.params.save(there / "weights"); }});
  };
  go(whole.path(), false, 0);
  int64_t runs = 1;
  TrainingReport report = go(cut.path(), false, 1e-9);
  for (; report.ended == train::Ended::out_of_time && runs < 30; ++runs) {
    CHECK(report.steps == runs);
    CHECK_FALSE(report.evaluation.empty());  // it is told, though not written to the metrics
    report = go(cut.path(), true, 1e-9);
  }
  CHECK(report.ended == train::Ended::all_steps);
  for (const char* file : {"metrics.jsonl", "weights", "best/weights"})
    CHECK(tests::content_of(cut / file) == tests::content_of(whole / file));
}

TEST_CASE("trainer: a directory that is removed, or moved and taken by another run, ends its run in a sentence",
          "[trainer]") {
  const tests::TemporaryDirectory place;
  const auto files_in = [](const std::filesystem::path& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
      if (entry.is_regular_file()) files[entry.path().lexically_relative(directory)] = tests::content_of(entry.path());
    return files;
  };
  const auto said = [&](const std::function<void()>& meanwhile) {
    Task task;
    task.directory = place / "run";
    try {
      task.run(false, -1, [&](int64_t step) {
        if (step == 25) meanwhile();
      });
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  Task through;
  through.run();
  CHECK_THAT(said([&] { std::filesystem::remove_all(place / "run"); }),
             Contains("Trainer: '") && Contains("run' was taken away while this run wrote into it; need a directory "
                                                "that stays  [trainer_task.h:"));
  CHECK_FALSE(std::filesystem::exists(place / "run"));
  std::map<std::string, std::string> others;
  CHECK_THAT(said([&] {
               std::filesystem::rename(place / "run", place / "old");
               Task other;
               other.directory = place / "run";
               other.run();
               others = files_in(place / "run");
             }),
             Contains("was moved to '" + (place / "old").string() + "' while this run") &&
                 Contains("; the save of step 20 is whole"));
  CHECK(files_in(place / "run") == others);
  Task resumed;
  resumed.directory = place / "old";
  resumed.run(true);
  CHECK(resumed.values() == through.values());
  CHECK_FALSE(files_in(place / "old").contains("run.lock"));
}

TEST_CASE("trainer: a directory is one run's at a time, and the model in it replaced only with .overwrite",
          "[trainer]") {
  const tests::TemporaryDirectory place;
  const auto run = [&](
                       bool overwrite, std::function<void()> meanwhile = [] {}) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 1, .directory = place.path(), .overwrite = overwrite, .quiet = true});
    trainer.run({.next = [&](int64_t) { return meanwhile(), task.batch(); },
                 .save = [&](const auto& into) { task.params.save(into / "model.safetensors"); }});
  };
  for (const bool overwrite : {false, true})
    run(overwrite, [&] {
      CHECK_THROWS_WITH(run(true), Contains("trains into '" + place.path().string() + "'; need another directory"));
      Task again;
      again.directory = place.path();
      CHECK_THROWS_WITH(again.run(true), Contains("trains into"));
    });
  const std::string kept = tests::content_of(place / "model.safetensors");
  CHECK_THROWS_WITH(run(false), Contains("' holds a model; need .overwrite to replace it, or another directory"));
  std::filesystem::create_directory(place / "best");
  std::filesystem::rename(place / "model.safetensors", place / "best/model.safetensors");
  CHECK_THROWS_WITH(run(false), Contains("/best' holds a model; need .overwrite"));
  CHECK(tests::content_of(place / "best/model.safetensors") == kept);
  std::filesystem::create_directories(place / "steps/1");
  std::filesystem::create_directory(place / "steps/2");
  std::filesystem::rename(place / "best/model.safetensors", place / "steps/2/model.safetensors");
  CHECK_THROWS_WITH(run(false), Contains("/steps/2' holds a model; need .overwrite"));
  CHECK(tests::content_of(place / "steps/2/model.safetensors") == kept);
  CHECK_FALSE(std::filesystem::exists(place / "run.lock"));
}

TEST_CASE("trainer: models are kept at the steps asked for, in a resumed run too, and give way to another run's",
          "[trainer]") {
  const tests::TemporaryDirectory directory;
  const auto go = [&](std::vector<int64_t> keep, bool resume, int64_t cut) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 12,
                     .lr = train::constant(1e-2),
                     .save_every = 5,
                     .keep = std::move(keep),
                     .directory = directory.path(),
                     .overwrite = true,
                     .quiet = true});
    if (resume) trainer.resume();
    std::map<int64_t, std::string> weights;
    const auto save = [&](const auto& into) { task.params.save(into / "model.safetensors"); };
    trainer.run({.next =
                     [&](int64_t i) {
                       task.params.save(directory / "now");
                       weights[i] = tests::content_of(directory / "now");
                       if (i == cut) std::raise(SIGINT);
                       return task.batch();
                     },
                 .save = save});
    return weights;
  };
  const auto kept = [&] { return train::kept_in(directory.path()); };
  const auto is_kept = [&](int64_t step, const std::string& weights) {
    CAPTURE(step);
    CHECK(tests::content_of(kept().at(step) / "model.safetensors") == weights);
  };
  const auto before = go({0, 3, 7, 12}, false, 5);
  CHECK(kept().size() == 2);
  is_kept(0, before.at(0));
  is_kept(3, before.at(3));
  std::filesystem::remove_all(directory / "steps" / "3");
  const auto after = go({0, 3, 7, 12}, true, -1);
  CHECK(kept().size() == 3);
  is_kept(0, before.at(0));  // as the first of the two runs left it
  is_kept(7, after.at(7));
  is_kept(12, tests::content_of(directory / "model.safetensors"));

  std::ofstream(directory / "steps" / "7" / "photo.jpg") << "precious";
  go({2}, false, -1);
  CHECK(kept().size() == 2);
  is_kept(2, before.at(2));
  CHECK(tests::content_of(directory / "steps" / "7" / "photo.jpg") == "precious");
  std::filesystem::remove_all(directory / "steps" / "7");
  go({}, false, -1);
  CHECK_FALSE(std::filesystem::exists(directory / "steps"));
}

TEST_CASE("trainer: run() goes on after a time limit, and refuses to once the run has ended", "[trainer]") {
  const tests::TemporaryDirectory directory;
  Task through;
  through.steps = 10;
  through.run();
  Task task;
  task.steps = 10;
  task.directory = directory.path();
  train::TrainerOptions options = task.options();
  options.log_every = 1;
  options.time_limit = 1e-9;
  Trainer trainer(task.params, task.optimizer, options);
  const Work work{.next = [&](int64_t) { return task.batch(); }};
  for (int64_t step = 1; step < 10; ++step) CHECK(trainer.run(work).ended == train::Ended::out_of_time);
  CHECK(trainer.run(work).ended == train::Ended::all_steps);
  CHECK(task.values() == through.values());
  CHECK(metrics_in(directory.path()).size() == 10);
  CHECK_THROWS_WITH(trainer.run(work), Contains("the run has ended after 10 steps; need another Trainer"));
  CHECK(metrics_in(directory.path()).size() == 10);
}

TEST_CASE("trainer: an interrupted run is not lost to another in its directory", "[trainer]") {
  const tests::TemporaryDirectory directory;
  const auto train = [&](bool overwrite) {
    Task task;
    Trainer trainer(task.params, task.optimizer,
                    {.steps = 3, .log_every = 1, .directory = directory.path(), .overwrite = overwrite, .quiet = true});
    trainer.run({.next = [&](int64_t) { return task.batch(); }});
  };
  Task cut;
  cut.directory = directory.path();
  CHECK(cut.run(false, 16).ended == train::Ended::interrupted);
  const std::string state = tests::content_of(directory / "training.safetensors"),
                    metrics = tests::content_of(directory / "metrics.jsonl");
  CHECK_THROWS_WITH(train(false), Contains("holds an interrupted run; need resume() to go on, .overwrite, or another"));
  CHECK(tests::content_of(directory / "training.safetensors") == state);
  CHECK(tests::content_of(directory / "metrics.jsonl") == metrics);
  train(true);
  CHECK(metrics_in(directory.path()).size() == 3);
  train(false);  // of an ended run nothing could be resumed: its metrics begin anew
  CHECK(metrics_in(directory.path()).size() == 3);
}
