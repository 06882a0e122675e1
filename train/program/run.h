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
  RunRules rules = {};          ///< of a new run; evaluate_every and products are given by name
  TrainerOptions trainer = {};  ///< what this process runs with, besides: notes are of what --resume remembers
  std::optional<int64_t> evaluate_every = {}, sample_every = {};
  std::string precision = "f32";
  bool keep_anew = false;  ///< keep was given to this process, not remembered of the run that it resumes
  bool json = false, resume = false, overwrite = false;
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

/// The rules of a new run of so many steps, evaluated every `evaluate_every` unless the command line says otherwise.
RunRules rules_of(const TrainFlags& flags, int64_t steps, int64_t evaluate_every);

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
