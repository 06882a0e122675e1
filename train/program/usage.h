// What the commands of the program share: usage errors, checks of option values, and the way results leave.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tensor/error.h"

namespace heed::train::program {

/// A command line that asks for something impossible: the program ends with exit code 2.
class UsageError : public Error { using Error::Error; };

constexpr int64_t kMostSeed = int64_t{1} << 53;  // what JSON can hold

/// Makes `app` ask for one of its commands if none is given.
void require_command(CLI::App& app);

/// Checks that an option is a whole number in [low, high].
CLI::Validator whole_number(int64_t low, int64_t high = 1'000'000'000);
/// Checks that an option is a number above `low` (or equal to it, if `closed`) and at most `high`.
CLI::Validator number(double low, bool closed, double high);

/// Checks that an option is one of the names.
CLI::Validator one_of(const std::vector<std::string>& names);

/// The group of the options that decide a training run.
constexpr const char* kRunGroup = "The run";
/// Throws UsageError if one of those was given: an interrupted run has its own.
void check_resume(const CLI::App& command);

/// Threads for kernels; all cores unless given.
void use_threads(std::optional<int64_t> threads);

/// The most memory that this process has held, in MiB.
double peak_mib();

}  // namespace heed::train::program
