#include <heed/train/program/run.h>

#include <sys/resource.h>

#include <fmt/core.h>

#include <heed/tensor/io/json.h>

namespace heed::train::program {
namespace {

/// The most memory that this process has held, in MiB.
double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int say_interrupted(const char* command, const TrainingReport& report, const TrainFlags& flags) {
  fmt::print(stderr, "Interrupted after step {}; saved. To go on: heed {} train --resume --out {}\n", report.steps,
             command, flags.out);
  return 130;
}

void print_report(const TrainingReport& report, int64_t parameters) {
  const Json json = {{"parameters", parameters},
                     {"steps", report.steps},
                     {"train_loss", report.train_loss},
                     {"val_loss", report.evaluation[0].second},
                     {"bits_per_byte", report.evaluation[1].second},
                     {"seconds", report.seconds},
                     {"tokens_per_s", report.tokens_per_second},
                     {"peak_mib", peak_mib()}};
  fmt::print("{}\n", dump_json(json));
}

void print_report(const TrainingReport& report, int64_t parameters, const std::string& arch,
                  const TranslationScores& scores) {
  Json rows = Json::array();
  for (const LengthRow& row : scores.rows)
    rows.push_back({{"from", row.from},
                    {"to", row.to},
                    {"count", row.count},
                    {"exact_match", row.exact_match},
                    {"bleu", row.bleu}});
  const Json json = {{"arch", arch},
                     {"parameters", parameters},
                     {"steps", report.steps},
                     {"train_loss", report.train_loss},
                     {"val_loss", report.evaluation[0].second},
                     {"seconds", report.seconds},
                     {"tokens_per_s", report.tokens_per_second},
                     {"peak_mib", peak_mib()},
                     {"exact_match", scores.exact_match},
                     {"bleu", scores.bleu},
                     {"chrf", scores.chrf},
                     {"signature", scores.signature},
                     {"exact_match_of_one", scores.exact_match_of_one},
                     {"bleu_of_one", scores.bleu_of_one},
                     {"by_length", rows}};
  fmt::print("{}\n", dump_json(json));
}

}  // namespace heed::train::program
