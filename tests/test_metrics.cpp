// BLEU, chrF, exact match, and scores by source length.
#include <cmath>

#include <heed/train/data/metrics.h>
#include "catch.h"
#include "reference_files.h"

using namespace heed;
using namespace heed::train;

namespace {

using Sentences = std::vector<std::string>;
constexpr double kRounding = 1e-10;  // a few operations on doubles near 100

}  // namespace

TEST_CASE("bleu and chrf: sacrebleu's numbers, and its signature", "[metrics]") {
  const auto file = tests::reference_file("metrics.json");
  for (const auto& one : file.at("cases")) {
    INFO(one.at("id"));
    const auto candidates = one.at("candidates").get<Sentences>();
    const auto references = one.at("references").get<References>();
    const BleuScore score = bleu(candidates, references);
    CHECK(score.bleu == Approx(one.at("bleu").get<double>()).margin(kRounding));
    CHECK(score.brevity_penalty == Approx(one.at("bp").get<double>()).margin(kRounding));
    for (size_t n = 0; n < 4; ++n)
      CHECK(score.precisions[n] == Approx(one.at("precisions")[n].get<double>()).margin(kRounding));
    CHECK(chrf(candidates, references) == Approx(one.at("chrf").get<double>()).margin(kRounding));
    CHECK(bleu_signature(references) == one.at("signature").get<std::string>());
  }
}

TEST_CASE("bleu: repeated words count no more often than a reference has them", "[metrics]") {
  // Papineni et al. 2002, example 2: 2 of 7.
  const BleuScore score = bleu(Sentences{"the the the the the the the"},
                               References{{"the cat is on the mat", "there is a cat on the mat"}});
  CHECK(score.precisions[0] == Approx(2.0 / 7));
}

TEST_CASE("bleu: candidates that are too short pay exp(1 - r/c)", "[metrics]") {
  const BleuScore score =
      bleu(Sentences{"les petits chats dorment", "le roi a besoin du livre"},
           References{{"les petits chats dorment toujours ici"}, {"le roi a besoin du livre rouge"}});
  CHECK(score.brevity_penalty == Approx(std::exp(1 - 13.0 / 10)).epsilon(kRounding));
  CHECK(score.candidate_words == 10);
  CHECK(score.reference_words == 13);
}

TEST_CASE("bleu and chrf: no sentences score 0", "[metrics]") {
  CHECK(bleu(Sentences{}, References{}).bleu == 0);
  CHECK(chrf(Sentences{}, References{}) == 0);
  CHECK(bleu_signature({}).starts_with("nrefs:1|"));
}

TEST_CASE("metrics: exact match is the share of equal sentences", "[metrics]") {
  const Sentences said = {"a", "b c", "d"};
  CHECK(exact_match(said, one_each(Sentences{"a", "b", "d"})) == Approx(2.0 / 3));
  CHECK(exact_match(said, References{{"x", "a"}, {"b"}, {"e", "f"}}) == Approx(1.0 / 3));
  CHECK(exact_match(Sentences{}, References{}) == 0);
}

TEST_CASE("metrics: scores by length fall into the source's bucket", "[metrics]") {
  const Sentences sources = {"a", "a b c", "a b c d e", "a b c d", "a b c d e f g h i j"};
  const References wanted = {{"un deux trois quatre"}, {"x", "un deux"}, {"un deux trois quatre"}, {"trois"}, {"dix"}};
  const Sentences said = {"un deux trois quatre", "un deux", "un deux trois quatre", "quatre", "onze"};
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

TEST_CASE("score_translations: a source is judged once by all its translations, and every pair by its own",
          "[metrics]") {
  const std::vector<SentencePair> pairs = {
      {"run !", "cours !"}, {"a b c d e f", "u v w x y z"}, {"run !", "courez !"}, {"a b", "x"}};
  const Sentences said = {"courez !", "u v w x y z", "never looked at", "y"};
  const TranslationScores scores = score_translations(pairs, said);
  CHECK(scores.exact_match == Approx(2.0 / 3));
  CHECK(scores.exact_match_of_one == Approx(1.0 / 4));
  CHECK(scores.bleu ==
        bleu(Sentences{said[0], said[1], said[3]}, References{{"cours !", "courez !"}, {"u v w x y z"}, {"x"}}).bleu);
  CHECK(scores.pairs == 4);
  REQUIRE(scores.rows.size() == 2);
  CHECK(scores.rows[0].count == 2);
  CHECK(scores.rows[0].exact_match == Approx(0.5));
  CHECK(scores.rows[1].exact_match == 1);
  const std::string table = format_scores(scores);
  CHECK_THAT(table, Contains("    1 - 5             2        50.0%"));
  CHECK_THAT(table, Contains("         all          3        66.7%"));
  CHECK_THAT(table, Contains("pair by pair          4        25.0%"));
  CHECK_THAT(table, Contains("BLEU is nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0\n"));
  const TranslationScores alone = score_translations(std::span(pairs).first(2), Sentences{"cours !", "x"});
  CHECK(alone.exact_match == 0.5);
  CHECK(format_scores(alone).find("pair by pair") == std::string::npos);
}

TEST_CASE("metrics: counts that differ are refused", "[metrics]") {
  const Sentences one = {"a"}, two = {"a", "b"};
  const References right = one_each(one), both = one_each(two);
  CHECK_THROWS_WITH(bleu(one, both), Contains("bleu: there are 1 candidates and 2 references; need one for each"));
  CHECK_THROWS_WITH(chrf(two, right), Contains("chrf: there are 2 candidates and 1 references"));
  CHECK_THROWS_AS(exact_match(one, both), ValueError);
  CHECK_THROWS_WITH(by_length(two, one, right, 5), Contains("there are 2 sources and 1 candidates"));
  CHECK_THROWS_WITH(by_length(one, one, right, 0), Contains("width is 0; need at least 1"));
  CHECK_THROWS_WITH(bleu(one, References{{}}), Contains("candidate 0 has no reference"));
  const std::vector<SentencePair> pairs = {{"a", "b"}, {"a", "c"}};
  CHECK_THROWS_AS(score_translations(pairs, one), ValueError);
  CHECK_THROWS_AS(score_translations(pairs, Sentences{"a", "b", "c"}), ValueError);
}
