#include <heed/train/data/grammar/lexicon.h>

namespace heed::train::lexicon {

const std::vector<Noun>& nouns() {
  constexpr Gender m = Gender::masculine, f = Gender::feminine;
  static const std::vector<Noun> all = {
      {"man", "men", "homme", "hommes", m, kPerson | kAdult},
      {"woman", "women", "femme", "femmes", f, kPerson | kAdult},
      {"boy", "boys", "garçon", "garçons", m, kPerson},
      {"girl", "girls", "fille", "filles", f, kPerson},
      {"king", "kings", "roi", "rois", m, kPerson | kAdult},
      {"queen", "queens", "reine", "reines", f, kPerson | kAdult},
      {"child", "children", "enfant", "enfants", m, kPerson},
      {"actress", "actresses", "actrice", "actrices", f, kPerson | kAdult},
      {"hero", "heroes", "héros", "héros", m, kPerson | kAdult},
      {"cat", "cats", "chat", "chats", m, kAnimal},
      {"dog", "dogs", "chien", "chiens", m, kAnimal},
      {"bird", "birds", "oiseau", "oiseaux", m, kAnimal},
      {"horse", "horses", "cheval", "chevaux", m, kAnimal},
      {"mouse", "mice", "souris", "souris", f, kAnimal},
      {"cow", "cows", "vache", "vaches", f, kAnimal},
      {"bee", "bees", "abeille", "abeilles", f, kAnimal},
      {"mat", "mats", "tapis", "tapis", m, kThing | kOn},
      {"table", "tables", "table", "tables", f, kThing | kOn | kUnder},
      {"chair", "chairs", "chaise", "chaises", f, kThing | kOn | kUnder},
      {"bed", "beds", "lit", "lits", m, kThing | kOn | kUnder},
      {"tree", "trees", "arbre", "arbres", m, kThing | kUnder},
      {"flower", "flowers", "fleur", "fleurs", f, kThing},
      {"book", "books", "livre", "livres", m, kThing},
      {"boat", "boats", "bateau", "bateaux", m, kThing | kOn},
      {"car", "cars", "voiture", "voitures", f, kThing | kIn},
      {"house", "houses", "maison", "maisons", f, kThing | kIn | kGoal},
      {"garden", "gardens", "jardin", "jardins", m, kThing | kIn | kGoal},
      {"school", "schools", "école", "écoles", f, kThing | kIn | kGoal},
  };
  return all;
}

const std::vector<Adjective>& adjectives() {
  // clang-format off
  static const std::vector<Adjective> all = {
      // before the noun
      {"small", "petit", "petite", "petits", "petites", "", true, true, kAny, ""},
      {"big", "grand", "grande", "grands", "grandes", "", true, true, kAny, ""},
      {"beautiful", "beau", "belle", "beaux", "belles", "bel", true, true, kAny, ""},
      {"old", "vieux", "vieille", "vieux", "vieilles", "vieil", true, true, kAnimal | kThing | kAdult, ""},
      {"new", "nouveau", "nouvelle", "nouveaux", "nouvelles", "nouvel", true, false, kThing, ""},
      {"young", "jeune", "jeune", "jeunes", "jeunes", "", true, true, kAnimate, ""},
      // after the noun
      {"black", "noir", "noire", "noirs", "noires", "", false, true, kAnimal | kThing, ""},
      {"white", "blanc", "blanche", "blancs", "blanches", "", false, true, kAnimal | kThing, ""},
      {"red", "rouge", "rouge", "rouges", "rouges", "", false, true, kThing, ""},
      {"green", "vert", "verte", "verts", "vertes", "", false, true, kThing, ""},
      {"tired", "fatigué", "fatiguée", "fatigués", "fatiguées", "", false, true, kAnimate, ""},
      {"happy", "heureux", "heureuse", "heureux", "heureuses", "", false, true, kAnimate, ""},
      {"sad", "triste", "triste", "tristes", "tristes", "", false, true, kAnimate, ""},
      {"clever", "intelligent", "intelligente", "intelligents", "intelligentes", "", false, true, kAnimate, ""},
      {"hungry", "affamé", "affamée", "affamés", "affamées", "", false, true, kAnimate, "faim"},
  };
  // clang-format on
  return all;
}

const std::vector<Verb>& verbs() {
  using enum Frame;
  // clang-format off
  static const std::vector<Verb> all = {
      // English; particle, preposition; French; complement, preposition; frame, être, stative, progressive, who, whom
      {"sleep", "sleeps", "slept", "sleeping", "", "", {"dort", "dorment", "dorm", "dormi", "dormir"}, "", "", alone, false, false, true, kAnimate, 0},
      {"jump", "jumps", "jumped", "jumping", "", "", {"saute", "sautent", "saut", "sauté", "sauter"}, "", "", alone, false, false, true, kAnimate, 0},
      {"sing", "sings", "sang", "singing", "", "", {"chante", "chantent", "chant", "chanté", "chanter"}, "", "", alone, false, false, true, kAnimate, 0},
      {"run", "runs", "ran", "running", "", "", {"court", "courent", "cour", "couru", "courr"}, "", "", alone, false, false, true, kAnimate, 0},
      {"fall", "falls", "fell", "falling", "", "", {"tombe", "tombent", "tomb", "tombé", "tomber"}, "", "", alone, true, false, true, kAny, 0},
      {"arrive", "arrives", "arrived", "arriving", "", "", {"arrive", "arrivent", "arriv", "arrivé", "arriver"}, "", "", alone, true, false, true, kAnimate, 0},
      {"come", "comes", "came", "coming", "back", "", {"revient", "reviennent", "reven", "revenu", "reviendr"}, "", "", alone, true, false, true, kAnimate, 0},
      {"go", "goes", "went", "going", "", "to", {"va", "vont", "all", "allé", "ir"}, "", "à", goal, true, false, true, kAnimate, kGoal},
      {"see", "sees", "saw", "seeing", "", "", {"voit", "voient", "voy", "vu", "verr"}, "", "", direct, false, false, false, kAnimate, kAny},
      {"find", "finds", "found", "finding", "", "", {"trouve", "trouvent", "trouv", "trouvé", "trouver"}, "", "", direct, false, false, false, kAnimate, kAny},
      {"love", "loves", "loved", "loving", "", "", {"aime", "aiment", "aim", "aimé", "aimer"}, "", "", direct, false, true, false, kAnimate, kAny},
      {"look", "looks", "looked", "looking", "for", "", {"cherche", "cherchent", "cherch", "cherché", "chercher"}, "", "", direct, false, false, true, kAnimate, kAny},
      {"follow", "follows", "followed", "following", "", "", {"suit", "suivent", "suiv", "suivi", "suivr"}, "", "", direct, false, false, true, kAnimate, kAnimate},
      {"need", "needs", "needed", "needing", "", "", kAvoir, "besoin", "de", indirect, false, true, false, kAnimate, kAny},
      {"be", "is", "was", "being", "afraid", "of", kAvoir, "peur", "de", indirect, false, true, false, kAnimate, kAnimate},
      {"talk", "talks", "talked", "talking", "", "about", {"parle", "parlent", "parl", "parlé", "parler"}, "", "de", indirect, false, false, true, kPerson, kAny},
      {"talk", "talks", "talked", "talking", "", "to", {"parle", "parlent", "parl", "parlé", "parler"}, "", "à", indirect, false, false, true, kPerson, kAnimate},
      {"sit", "sits", "sat", "sitting", "", "", kEtre, "assis", "", posture, false, false, true, kAnimate, 0},
      {"lie", "lies", "lay", "lying", "", "", kEtre, "couché", "", posture, false, false, true, kAnimate, 0},
  };
  // clang-format on
  return all;
}

const Verb& to_be(Frame frame) {
  // clang-format off
  static const Verb with_adjective{"be", "is", "was", "being", "", "", kEtre, "", "", Frame::adjective, false, true, false, kAny, 0};
  static const Verb with_place{"be", "is", "was", "being", "", "", kEtre, "", "", Frame::place, false, true, false, kAny, 0};
  // clang-format on
  return frame == Frame::adjective ? with_adjective : with_place;
}

const std::vector<Preposition>& prepositions() {
  static const std::vector<Preposition> all = {
      {{"on"}, {"sur"}, kOn},
      {{"under"}, {"sous"}, kUnder},
      {{"in"}, {"dans"}, kIn},
      {{"near"}, {"près", "de"}, kAny},
      {{"next", "to"}, {"à", "côté", "de"}, kAny},
      {{"behind"}, {"derrière"}, kAny},
      {{"in", "front", "of"}, {"devant"}, kAny},
      {{"with"}, {"avec"}, kAnimate},
  };
  return all;
}

bool begins_with_vowel(std::string_view french) {
  for (std::string_view vowel : {"a", "e", "i", "o", "u", "é", "ê", "h"})
    if (french.starts_with(vowel)) return french != "héros";
  return false;
}

std::string agree(std::string_view stem, Gender gender, Number number) {
  std::string word(stem);
  if (gender == Gender::feminine) word += 'e';
  if (number == Number::plural && !word.ends_with('s')) word += 's';
  return word;
}

std::string_view form(const Adjective& adjective, Gender gender, Number number) {
  if (number == Number::singular) return gender == Gender::masculine ? adjective.masculine : adjective.feminine;
  return gender == Gender::masculine ? adjective.masculines : adjective.feminines;
}

std::string_view form(const Noun& noun, Number number) {
  return number == Number::singular ? noun.french : noun.french_plural;
}

}  // namespace heed::train::lexicon
