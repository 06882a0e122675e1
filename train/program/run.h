// What both trainings of the program share: their flags, how they hold their directory, and what they say at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <heed/tensor/io/json.h>
#include <heed/train/run_directory.h>
#include <heed/train/run_rules.h>
#include <heed/train/trainer.h>

namespace heed::train::program {

/// A command line that asks for something impossible: the program ends with exit code 2.
class UsageError : public Error {
  using Error::Error;
};

struct TrainFlags {
  std::string out;
  std::optional<int64_t> steps = {};
  std::optional<uint64_t> seed = {};
  std::optional<int64_t> evaluate_every = {}, accumulate = {}, patience = {}, sample_every = {};
  std::optional<double> ema = {};
  std::string precision = {}, license = {};
  double time_limit = 0;
  int64_t save_every = 100;
  std::vector<int64_t> keep = {};
  bool keep_anew = false;  ///< keep was given to this process, not remembered of the run that it resumes
  bool tensorboard = false, json = false, resume = false, overwrite = false;
  Metadata notes = {};  ///< what was said of the options that --resume takes too, and remembers
};

/// Holds the directory of --out. Throws FileError if another run holds it, or if it has a model that neither --resume
/// nor --overwrite says may be touched.
std::shared_ptr<const RunDirectory> hold_directory(const TrainFlags& flags);

/// For --resume. Throws FileError if the directory holds a model and no interrupted run; `otherwise` is what more one
/// can do then, as "--init MODEL to train on, ".
void check_interrupted(const TrainFlags& flags, const std::string& otherwise = "");

/// For --resume: where `file`, which the run learns from, now is: `given`, if `option` says so. Throws FileError if it
/// is not there.
std::string path_now(const std::string& file, const std::string& given, const char* option);

/// What the command line says of the rules of a run of so many steps, and `otherwise` where it says nothing.
RunRules rules_of(const TrainFlags& flags, int64_t steps, const RunRules& otherwise);

/// The options of a run of so many steps that both trainings take from their flags, and notes of the files that it
/// learns from, by option.
TrainerOptions trainer_options(const TrainFlags& flags, const RunRules& rules, int64_t steps, const Metadata& files,
                               std::shared_ptr<const RunDirectory> hold);

/// Tells on stderr how `heed COMMAND train` ended and what to type next: to go on, or `use` with the model.
void say_end(const char* command, const TrainingReport& report, const TrainFlags& flags, const std::string& use);
/// The exit code: 130 after Ctrl-C, else 0.
int exit_code_of(const TrainingReport& report);

/// One JSON object on stdout, for --json: with the last evaluation by its names, and `more`.
void print_report(const TrainingReport& report, int64_t parameters, const Json& more = Json::object());

}  // namespace heed::train::program
