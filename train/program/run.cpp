#include <heed/train/program/run.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include <sys/resource.h>

#include <fmt/core.h>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>
#include <heed/train/model_config.h>
#include <heed/train/program/options.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

/// The most memory that this process has held, in MiB.
double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// A path as it is found from any working directory; "" stays "".
std::string absolute_path(const std::string& file) {
  std::error_code error;  // the working directory may be gone
  const std::string path = file.empty() ? "" : std::filesystem::absolute(file, error).string();
  return error ? file : path;
}

/// Refuses a --keep of steps that a run from step `first` to `steps` does not have.
void check_keep(const TrainFlags& flags, int64_t first, int64_t steps) {
  for (const int64_t step : flags.trainer.keep)
    if (flags.keep_anew && (step < first || step > steps))
      fail<UsageError>({"--keep"}, "the run has no step {}{}; need {} to {}", step, first > 0 ? " ahead" : "", first,
                       steps);
}

}  // namespace

std::shared_ptr<const RunDirectory> hold_directory(const TrainFlags& flags) {
  const auto hold = std::make_shared<RunDirectory>(flags.out);
  if (const auto model = model_in(flags.out); !flags.resume && !flags.overwrite && !model.empty())
    fail<FileError>({"train"}, "'{}' holds a model; need --overwrite to replace it, {}or another directory",
                    model.string(), is_there(hold->path() / kStateFile) ? "--resume to go on, " : "");
  return hold;
}

void check_interrupted(const TrainFlags& flags, const std::string& otherwise) {
  const std::filesystem::path directory = flags.out;
  if (is_there(directory / kStateFile) || !is_there(directory / kConfigFile)) return;
  fail<FileError>({"--resume"}, "the run in '{}' has ended, or was never saved whole; need {}--overwrite to begin anew",
                  flags.out, otherwise);
}

std::string path_now(const std::string& file, const std::string& given, const char* option) {
  const std::string& now = given.empty() ? file : given;
  if (!now.empty() && !is_there(now))
    fail<FileError>({"--resume"},
                    "'{}' is not there; need {}, to say where what the interrupted run learns from now is", now,
                    option);
  return now;
}

RunRules rules_of(const TrainFlags& flags, int64_t steps, int64_t evaluate_every) {
  check_keep(flags, 0, steps);
  RunRules rules = flags.rules;
  rules.products = products_named(flags.precision);
  if (rules.products == Products::bf16 && !has_bf16())
    fail<UsageError>({"--precision"}, "bf16 is asked for, and {}; need f32, or auto", why_no_bf16());
  rules.evaluate_every = flags.evaluate_every.value_or(evaluate_every);
  rules.done = 0;
  return rules;
}

TrainerOptions trainer_options(const TrainFlags& flags, const RunRules& rules, int64_t steps, const Metadata& files,
                               std::shared_ptr<const RunDirectory> hold) {
  check_keep(flags, rules.done.value_or(0), steps);
  if (flags.resume && rules.products == Products::bf16 && !has_bf16())
    fail<FileError>(
        {"--resume"},
        "the products of the run in '{}' read bf16, and {}; need a machine of which heed info says bf16, as "
        "in f32 its numbers would be others",
        flags.out, why_no_bf16());
  TrainerOptions options = flags.trainer;
  options.steps = steps;
  options.sample_every = flags.sample_every.value_or(std::max<int64_t>(1, steps));
  options.directory = flags.out;
  options.hold = std::move(hold);
  options.overwrite = true;  // hold_directory has asked
  for (const auto& [option, file] : files) options.notes[option] = valid_utf8(absolute_path(file));
  rules.apply(options);
  return options;
}

void say_end(const char* command, const TrainingReport& report, const TrainFlags& flags, const std::string& use) {
  const std::string go_on = fmt::format("To go on: heed {} train --resume --out {}", command, shell_word(flags.out));
  switch (report.ended) {
    case Ended::interrupted: say("Interrupted after step {}; saved. {}\n", report.steps, go_on); return;
    case Ended::out_of_time:
      say("The time limit of {:g} s is over after step {}; saved. {}\n", flags.trainer.time_limit, report.steps, go_on);
      break;
    case Ended::out_of_patience:
      say("Stopped after step {}: no evaluation was better than that of step {}, whose model is in {}\n", report.steps,
          report.best_step, (std::filesystem::path(flags.out) / "best").string());
      break;
    default: break;
  }
  say("Next: {}\n", use);
}

int exit_code_of(const TrainingReport& report) { return report.ended == Ended::interrupted ? 130 : 0; }

void print_report(const TrainingReport& report, int64_t parameters, const Json& more) {
  Json json = {{"parameters", parameters}, {"steps", report.steps}, {"train_loss", report.train_loss}};
  for (const auto& [name, number] : report.evaluation) json[name] = number;
  json.update({{"seconds", report.seconds}, {"tokens_per_s", report.tokens_per_second}, {"peak_mib", peak_mib()}});
  json.update(more);
  fmt::print("{}\n", dump_json(json));
}

}  // namespace heed::train::program
