// What --json prints at the end of training: one JSON object on stdout.
#pragma once

#include <cstdint>
#include <string>

#include <heed/train/data/metrics.h>
#include <heed/train/trainer.h>

namespace heed::train::program {

/// Of a GPT; val_loss in nats a character.
void print_report(const TrainingReport& report, int64_t parameters, double val_loss);

/// Of a translator, with the scores of its translations of sentences held out.
void print_report(const TrainingReport& report, int64_t parameters, const std::string& arch,
                  const TranslationScores& scores);

}  // namespace heed::train::program
