// The English-French grammar: each phenomenon by sentences that are built by hand.
#include <algorithm>
#include <memory>

#include <heed/train/data/grammar/tree.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;
using namespace heed::train::grammar;

namespace {

constexpr Number kOne = Number::singular, kMany = Number::plural;

int64_t fresh_id() {
  static int64_t next = 1;
  return next++;
}

template <class T>
const T& named(const std::vector<T>& all, std::string_view T::*name, std::string_view wanted) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const T& item) { return item.*name == wanted; });
  REQUIRE(found != all.end());
  return *found;
}

std::unique_ptr<Phrase> phrase(Determiner determiner, Number number, std::string_view noun,
                               std::string_view before = "", std::string_view after = "") {
  auto made = std::make_unique<Phrase>();
  made->id = fresh_id();
  made->noun = &named(lexicon::nouns(), &Noun::english, noun);
  made->number = number;
  made->determiner = determiner;
  if (!before.empty()) made->before = &named(lexicon::adjectives(), &Adjective::english, before);
  if (!after.empty()) made->after = &named(lexicon::adjectives(), &Adjective::english, after);
  return made;
}
std::unique_ptr<Phrase> the(std::string_view noun) { return phrase(Determiner::the, kOne, noun); }
std::unique_ptr<Phrase> all_the(std::string_view noun) { return phrase(Determiner::the, kMany, noun); }

/// "sleep", "talk to", "be" with an adjective in `predicate`, or "be" with a place.
Clause says(std::unique_ptr<Phrase> subject, std::string_view verb, Tense tense, Polarity polarity = Polarity::plain) {
  Clause made{.id = fresh_id(), .tense = tense, .polarity = polarity};
  if (subject) made.agreement = subject->agreement();
  made.subject = std::move(subject);
  for (const Verb& v : lexicon::verbs()) {
    std::string name(v.base);
    for (auto word : {v.particle, v.preposition})
      if (!word.empty()) name.append(" ").append(word);
    if (name == verb) made.verb = &v;
  }
  if (verb == "be") made.verb = &lexicon::to_be(Frame::place);
  REQUIRE(made.verb);
  return made;
}
Clause with_object(Clause clause, std::unique_ptr<Phrase> object) {
  clause.object = std::move(object);
  return clause;
}
Clause at(Clause clause, std::string_view preposition, std::unique_ptr<Phrase> place) {
  for (const Preposition& p : lexicon::prepositions())
    if (p.english[0] == preposition && !clause.preposition) clause.preposition = &p;
  clause.place = std::move(place);
  return clause;
}
Clause is(std::unique_ptr<Phrase> subject, std::string_view adjective, Tense tense,
          Polarity polarity = Polarity::plain) {
  Clause made = says(std::move(subject), "be", tense, polarity);
  made.verb = &lexicon::to_be(Frame::adjective);
  made.predicate = &named(lexicon::adjectives(), &Adjective::english, adjective);
  return made;
}
std::unique_ptr<Phrase> who(std::unique_ptr<Phrase> head, Clause clause, bool object_gap = false, bool commas = false) {
  clause.person = head->noun->kind & lexicon::kPerson;
  clause.antecedent = head->agreement();
  if (!object_gap) clause.agreement = clause.antecedent;
  clause.object_gap = object_gap;
  clause.commas = commas;
  head->relative = std::make_unique<Clause>(std::move(clause));
  return head;
}

std::string text(const std::vector<Word>& words) {
  std::string joined;
  for (const Word& word : words) {
    if (!joined.empty()) joined += ' ';
    joined += word.text;
  }
  return joined;
}

void check(const Sentence& sentence, const std::string& english, const std::string& french) {
  CHECK(text(in_english(sentence).words) == english);
  CHECK(text(in_french(sentence).words) == french);
}
void check(Clause clause, const std::string& english, const std::string& french) {
  check(Sentence{.id = fresh_id(), .first = std::move(clause)}, english, french);
}

}  // namespace

TEST_CASE("grammar: relative clauses nest between subject and verb", "[grammar]") {
  auto mat = who(the("mat"), at(says(nullptr, "be", Tense::past), "next", the("dog")), false, true);
  auto cat = who(the("cat"), at(says(nullptr, "sit", Tense::past_progressive), "on", std::move(mat)));
  check(says(std::move(cat), "jump", Tense::past),
        "the cat that was sitting on the mat , which was next to the dog , jumped",
        "le chat qui était assis sur le tapis , qui était à côté du chien , a sauté");
  // Two clauses that end together share one comma; none ends the sentence.
  auto tree = who(the("tree"), is(nullptr, "green", Tense::past), false, true);
  auto house = who(the("house"), at(says(nullptr, "be", Tense::past), "behind", std::move(tree)), false, true);
  check(at(says(the("bee"), "be", Tense::past), "in", std::move(house)),
        "the bee was in the house , which was behind the tree , which was green",
        "l' abeille était dans la maison , qui était derrière l' arbre , qui était vert");
}

TEST_CASE("grammar: negation wraps the finite verb", "[grammar]") {
  check(says(the("cat"), "jump", Tense::past, Polarity::negated), "the cat did not jump", "le chat n' a pas sauté");
  check(says(all_the("dog"), "sleep", Tense::present, Polarity::negated), "the dogs do not sleep",
        "les chiens ne dorment pas");
  check(says(the("dog"), "run", Tense::future, Polarity::never), "the dog will never run", "le chien ne courra jamais");
  check(says(the("cow"), "arrive", Tense::past, Polarity::never), "the cow never arrived",
        "la vache n' est jamais arrivée");
  check(says(the("cow"), "sing", Tense::past_progressive, Polarity::negated), "the cow was not singing",
        "la vache ne chantait pas");
  check(is(the("king"), "tired", Tense::present, Polarity::often), "the king is often tired",
        "le roi est souvent fatigué");
  check(says(the("king"), "fall", Tense::past, Polarity::always), "the king always fell", "le roi est toujours tombé");
}

TEST_CASE("grammar: the object of a negated verb takes de", "[grammar]") {
  const auto sees = [](Polarity polarity, std::unique_ptr<Phrase> object) {
    return with_object(says(the("boy"), "see", Tense::present, polarity), std::move(object));
  };
  check(sees(Polarity::plain, phrase(Determiner::a, kOne, "tree")), "the boy sees a tree", "le garçon voit un arbre");
  check(sees(Polarity::negated, phrase(Determiner::a, kOne, "tree")), "the boy does not see a tree",
        "le garçon ne voit pas d' arbre");
  check(sees(Polarity::never, phrase(Determiner::a, kMany, "cat")), "the boy never sees any cats",
        "le garçon ne voit jamais de chats");
  check(sees(Polarity::negated, the("tree")), "the boy does not see the tree", "le garçon ne voit pas l' arbre");
}

TEST_CASE("grammar: adjectives agree, and most of them follow the noun", "[grammar]") {
  check(is(phrase(Determiner::the, kMany, "mouse", "old", "white"), "happy", Tense::present),
        "the old white mice are happy", "les vieilles souris blanches sont heureuses");
  check(is(phrase(Determiner::a, kOne, "tree", "beautiful"), "green", Tense::past), "a beautiful tree was green",
        "un bel arbre était vert");
  check(is(phrase(Determiner::these, kOne, "man", "old"), "sad", Tense::future), "this old man will be sad",
        "ce vieil homme sera triste");
  check(is(phrase(Determiner::a, kMany, "flower", "small", "red"), "beautiful", Tense::present),
        "some small red flowers are beautiful", "de petites fleurs rouges sont belles");
  check(is(phrase(Determiner::a, kMany, "flower"), "white", Tense::present), "some flowers are white",
        "des fleurs sont blanches");
}

TEST_CASE("grammar: a plural is masculine if either part is", "[grammar]") {
  const auto both = [](std::string_view a, std::string_view b) {
    auto made = the(a);
    made->partner = the(b);
    return made;
  };
  check(is(both("boy", "girl"), "happy", Tense::present), "the boy and the girl are happy",
        "le garçon et la fille sont heureux");
  check(is(both("girl", "boy"), "small", Tense::present), "the girl and the boy are small",
        "la fille et le garçon sont petits");
  check(is(both("queen", "girl"), "happy", Tense::present), "the queen and the girl are happy",
        "la reine et la fille sont heureuses");
}

TEST_CASE("grammar: articles and possessives elide and follow the noun that they stand before", "[grammar]") {
  check(says(the("actress"), "sleep", Tense::past), "the actress slept", "l' actrice a dormi");
  check(says(the("hero"), "sleep", Tense::past), "the hero slept", "le héros a dormi");  // no silent h
  check(says(phrase(Determiner::my, kOne, "bee"), "sleep", Tense::past), "my bee slept", "mon abeille a dormi");
  check(says(phrase(Determiner::my, kOne, "bee", "small"), "sleep", Tense::past), "my small bee slept",
        "ma petite abeille a dormi");
  check(says(phrase(Determiner::her, kOne, "dog"), "sleep", Tense::past), "her dog slept", "son chien a dormi");
  check(says(phrase(Determiner::his, kOne, "cow"), "sleep", Tense::past), "his cow slept", "sa vache a dormi");
  check(says(phrase(Determiner::these, kOne, "bird"), "sleep", Tense::past), "this bird slept", "cet oiseau a dormi");
  check(says(phrase(Determiner::all, kMany, "cow"), "sleep", Tense::past), "all the cows slept",
        "toutes les vaches ont dormi");
  check(says(phrase(Determiner::many, kMany, "bird"), "sleep", Tense::past), "many birds slept",
        "beaucoup d' oiseaux ont dormi");
}

TEST_CASE("grammar: de and à contract with le and les, but not with l'", "[grammar]") {
  const auto needs = [](std::unique_ptr<Phrase> object) {
    return with_object(says(the("king"), "need", Tense::present), std::move(object));
  };
  check(needs(the("book")), "the king needs the book", "le roi a besoin du livre");
  check(needs(all_the("book")), "the king needs the books", "le roi a besoin des livres");
  check(needs(the("tree")), "the king needs the tree", "le roi a besoin de l' arbre");
  check(needs(the("table")), "the king needs the table", "le roi a besoin de la table");
  check(needs(phrase(Determiner::a, kOne, "bed")), "the king needs a bed", "le roi a besoin d' un lit");
  check(needs(phrase(Determiner::a, kMany, "bird")), "the king needs some birds", "le roi a besoin d' oiseaux");
  const auto talks = [](std::unique_ptr<Phrase> object) {
    return with_object(says(the("king"), "talk to", Tense::past), std::move(object));
  };
  check(talks(the("boy")), "the king talked to the boy", "le roi a parlé au garçon");
  check(talks(all_the("girl")), "the king talked to the girls", "le roi a parlé aux filles");
  check(talks(the("child")), "the king talked to the child", "le roi a parlé à l' enfant");
}

TEST_CASE("grammar: the king's cat is the cat of the king", "[grammar]") {
  auto cat = phrase(Determiner::the, kOne, "cat", "", "black");
  cat->owner = phrase(Determiner::the, kMany, "king", "old");
  check(says(std::move(cat), "sing", Tense::present), "the old kings ' black cat sings",
        "le chat noir des vieux rois chante");
  auto garden = the("garden");
  garden->owner = the("dog");
  garden->owner->owner = phrase(Determiner::my, kOne, "actress");
  check(is(std::move(garden), "small", Tense::present), "my actress 's dog 's garden is small",
        "le jardin du chien de mon actrice est petit");
}

TEST_CASE("grammar: the participle agrees with the subject behind être, with the object that stands before avoir",
          "[grammar]") {
  check(says(all_the("woman"), "come back", Tense::past), "the women came back", "les femmes sont revenues");
  check(with_object(says(the("woman"), "go to", Tense::past), the("garden")), "the woman went to the garden",
        "la femme est allée au jardin");
  auto mice = who(all_the("mouse"), says(the("cat"), "see", Tense::past, Polarity::negated), true);
  check(says(std::move(mice), "sleep", Tense::past_progressive), "the mice that the cat did not see were sleeping",
        "les souris que le chat n' a pas vues dormaient");
  Clause sees_her = says(the("dog"), "see", Tense::past);
  sees_her.object_pronoun = Pronoun::she;
  check(std::move(sees_her), "the dog saw her", "le chien l' a vue");
  Clause sees_them = says(the("dog"), "follow", Tense::present, Polarity::negated);
  sees_them.object_pronoun = Pronoun::they;
  check(std::move(sees_them), "the dog does not follow them", "le chien ne les suit pas");
}

TEST_CASE("grammar: the relative pronoun depends on the verb that comes later", "[grammar]") {
  auto book = who(the("book"), says(the("king"), "need", Tense::present), true);
  check(is(std::move(book), "old", Tense::present), "the book that the king needs is old",
        "le livre dont le roi a besoin est vieux");
  auto dog = who(the("dog"), says(the("child"), "be afraid of", Tense::past), true, true);
  check(says(std::move(dog), "sleep", Tense::present), "the dog , which the child was afraid of , sleeps",
        "le chien , dont l' enfant avait peur , dort");
  Clause he_finds = says(nullptr, "find", Tense::past);
  he_finds.pronoun = Pronoun::he;
  auto girl = who(the("girl"), std::move(he_finds), true);
  check(says(std::move(girl), "sleep", Tense::present), "the girl whom he found sleeps",
        "la fille qu' il a trouvée dort");
}

TEST_CASE("grammar: it is il or elle by its antecedent", "[grammar]") {
  for (auto [noun, french] : {std::pair("bed", "le lit est tombé parce qu' il était vieux"),
                              std::pair("chair", "la chaise est tombée parce qu' elle était vieille")}) {
    Clause old = is(nullptr, "old", Tense::past);
    old.pronoun = Pronoun::it;
    old.agreement = the(noun)->agreement();
    check({.id = fresh_id(),
           .first = says(the(noun), "fall", Tense::past),
           .joint = Joint::because,
           .second = std::make_unique<Clause>(std::move(old))},
          fmt::format("the {} fell because it was old", noun), french);
  }
}

TEST_CASE("grammar: is hungry and is afraid are said with avoir", "[grammar]") {
  check(is(the("cow"), "hungry", Tense::present, Polarity::negated), "the cow is not hungry", "la vache n' a pas faim");
  check(is(phrase(Determiner::the, kOne, "cow", "", "hungry"), "tired", Tense::past), "the hungry cow was tired",
        "la vache affamée était fatiguée");
  check(with_object(says(all_the("cow"), "be afraid of", Tense::future), all_the("bee")),
        "the cows will be afraid of the bees", "les vaches auront peur des abeilles");
}
