// What scripts/interop.sh asks about scores: for each line of JSON with "candidates" and "references" (a list for each)
// a line with what heed makes of them.
#include <cstdio>
#include <iostream>

#include <heed/tensor/io/json.h>
#include <heed/train/data/metrics.h>

using namespace heed;

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const Json question = parse_json(line);
    const auto candidates = question.at("candidates").get<std::vector<std::string>>();
    const auto references = question.at("references").get<train::References>();
    const Json answer = {{"bleu", train::bleu(candidates, references).bleu},
                         {"chrf", train::chrf(candidates, references)},
                         {"signature", train::bleu_signature(references)}};
    fmt::print("{}\n", answer.dump());
  }
}
