// BLEU, exact match, and both by source length. Outside numbers: sacrebleu 2.6.0 with smooth_method='none',
// tokenize='none' on the same sentences.
#include <cmath>

#include <heed/train/data/metrics.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

using Sentences = std::vector<std::string>;
constexpr double kRounding = 1e-10;  // a few operations on doubles near 100

// The sentences of Papineni et al. 2002, section 2.
const std::string kGuide =
    "it is a guide to action which ensures that the military always obeys the commands of the party";
const std::string kTroops = "it is to insure the troops forever hearing the activity guidebook that party direct";
const Sentences kReferences = {
    "it is a guide to action that ensures that the military will forever heed party commands",
    "it is the guiding principle which guarantees the military forces always being under the command of the "
    "party",
    "it is the practical guide for the army always to heed the directions of the party"};

BleuScore bleu_of(const Sentences& candidates, const std::vector<Sentences>& references) {
  return bleu(candidates, std::span<const Sentences>(references));
}
BleuScore bleu_of(const Sentences& candidates, const Sentences& references) {
  return bleu(candidates, std::span<const std::string>(references));
}

}  // namespace

TEST_CASE("bleu: a perfect translation scores 100", "[metrics]") {
  const Sentences all = {"le chat noir dort", "elle ne dort pas ici"};
  const BleuScore score = bleu_of(all, all);
  CHECK(score.bleu == Approx(100).epsilon(kRounding));
  CHECK(score.brevity_penalty == 1);
  for (double precision : score.precisions) CHECK(precision == 1);
}

TEST_CASE("bleu: repeated words count no more often than a reference has them", "[metrics]") {
  // Papineni et al. 2002, example 2: 2 of 7.
  const BleuScore score = bleu_of({"the the the the the the the"},
                                  std::vector<Sentences>{{"the cat is on the mat", "there is a cat on the mat"}});
  CHECK(score.precisions[0] == Approx(2.0 / 7));
  CHECK(score.bleu == 0);
}

TEST_CASE("bleu: Papineni's two candidates have his precisions", "[metrics]") {
  const BleuScore guide = bleu_of({kGuide}, std::vector<Sentences>{kReferences}),
                  troops = bleu_of({kTroops}, std::vector<Sentences>{kReferences});
  CHECK(guide.precisions[0] == Approx(17.0 / 18));
  CHECK(guide.precisions[1] == Approx(10.0 / 17));
  CHECK(troops.precisions[0] == Approx(8.0 / 14));
  CHECK(troops.precisions[1] == Approx(1.0 / 13));
  CHECK(guide.bleu == Approx(50.456668400584846).epsilon(kRounding));  // sacrebleu
  CHECK(troops.bleu == 0);
  CHECK(troops.brevity_penalty == Approx(0.8668778997501817).epsilon(kRounding));  // sacrebleu
}

TEST_CASE("bleu: counts are summed over the corpus before they are divided", "[metrics]") {
  const BleuScore both = bleu_of({kGuide, kTroops}, std::vector<Sentences>{kReferences, kReferences});
  CHECK(both.bleu == Approx(30.435372613055613).epsilon(kRounding));  // sacrebleu
  CHECK(both.candidate_words == 32);
  CHECK(both.reference_words == 34);
  const BleuScore french =
      bleu_of({"le chat noir dort sur le tapis", "la souris a vu les chats", "elle ne dort pas"},
              Sentences{"le chat noir dort sous le lit", "la souris que le chat a vue dort", "elle ne dort pas"});
  CHECK(french.bleu == Approx(37.62564403974402).epsilon(kRounding));  // sacrebleu
}

TEST_CASE("bleu: candidates that are too short pay exp(1 - r/c)", "[metrics]") {
  const BleuScore score = bleu_of({"les petits chats dorment", "le roi a besoin du livre"},
                                  Sentences{"les petits chats dorment toujours ici", "le roi a besoin du livre rouge"});
  CHECK(score.brevity_penalty == Approx(std::exp(1 - 13.0 / 10)).epsilon(kRounding));
  CHECK(score.bleu == Approx(74.08182206817182).epsilon(kRounding));  // sacrebleu; every n-gram is right
}

TEST_CASE("bleu: sentences without any 4-gram can still score", "[metrics]") {
  CHECK(bleu_of({"elle dort"}, Sentences{"elle dort"}).bleu == Approx(100));
  // 1-grams 2/3, 2-grams 1/2, 3-grams 0/1
  CHECK(bleu_of({"elle dort ici"}, Sentences{"elle dort bien"}).bleu == 0);
  // 1-grams 1/2, 2-grams 0/1
  CHECK(bleu_of({"elle court"}, Sentences{"elle dort"}).bleu == 0);
  // 1-grams 1/1 and 1/2
  CHECK(bleu_of({"elle", "il"}, Sentences{"elle", "elle"}).bleu == Approx(50));
}

TEST_CASE("bleu: nothing scores 0", "[metrics]") {
  CHECK(bleu_of({}, Sentences{}).bleu == 0);
  CHECK(bleu_of({"", ""}, Sentences{"elle dort", "il court"}).bleu == 0);
  CHECK(bleu_of({"elle dort", ""}, Sentences{"", ""}).bleu == 0);
}

TEST_CASE("metrics: exact match is the share of equal sentences", "[metrics]") {
  const Sentences said = {"a", "b c", "d"}, wanted = {"a", "b", "d"};
  CHECK(exact_match(said, wanted) == Approx(2.0 / 3));
  CHECK(exact_match(Sentences{}, Sentences{}) == 0);
}

TEST_CASE("metrics: scores by length fall into the source's bucket", "[metrics]") {
  const Sentences sources = {"a", "a b c", "a b c d e", "a b c d", "a b c d e f g h i j"};
  const Sentences wanted = {"un", "un deux", "un deux trois quatre", "trois", "dix"};
  const Sentences said = {"un", "un deux", "un deux trois quatre", "quatre", "onze"};
  const auto rows = by_length(sources, said, wanted, 3);
  REQUIRE(rows.size() == 3);
  CHECK((rows[0].from == 1 && rows[0].to == 3 && rows[0].count == 2));
  CHECK((rows[1].from == 4 && rows[1].to == 6 && rows[1].count == 2));
  CHECK((rows[2].from == 10 && rows[2].to == 12 && rows[2].count == 1));
  CHECK(rows[0].exact_match == 1);
  CHECK(rows[1].exact_match == 0.5);
  CHECK(rows[2].exact_match == 0);
  CHECK(rows[0].bleu == Approx(100));
  CHECK(rows[1].bleu == Approx(100 * std::pow(4.0 / 5, 0.25)));  // 1-grams 4/5, the others all right
  CHECK(rows[2].bleu == 0);
}

TEST_CASE("metrics: counts that differ are refused", "[metrics]") {
  const Sentences one = {"a"}, two = {"a", "b"};
  CHECK_THROWS_WITH(bleu_of(one, two), Contains("there are 1 candidates and 2 references; need one for each"));
  CHECK_THROWS_AS(exact_match(one, two), ValueError);
  CHECK_THROWS_WITH(by_length(two, one, one, 5), Contains("there are 2 sources and 1 candidates"));
  CHECK_THROWS_WITH(by_length(one, one, one, 0), Contains("width is 0; need at least 1"));
  CHECK_THROWS_WITH(bleu_of(one, std::vector<Sentences>{{}}), Contains("candidate 0 has no reference"));
}
