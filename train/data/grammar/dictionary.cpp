// The pocket dictionary: one French answer for each English word, whatever stands around it.
#include <heed/train/data/grammar/tree.h>

namespace heed::train {

using namespace lexicon;

const std::map<std::string, std::string>& Grammar::dictionary() {
  static const std::map<std::string, std::string> dictionary = [] {
    // clang-format off
    std::map<std::string, std::string> words = {
        {",", ","}, {"'s", "de"}, {"'", "de"}, {"the", "le"}, {"a", "un"}, {"an", "un"}, {"some", "des"},
        {"any", "des"}, {"this", "ce"}, {"these", "ces"}, {"my", "mon"}, {"his", "son"}, {"her", "son"},
        {"their", "leur"}, {"two", "deux"}, {"many", "beaucoup de"}, {"all", "tous"}, {"and", "et"},
        {"but", "mais"}, {"because", "parce que"}, {"when", "quand"}, {"that", "qui"}, {"which", "qui"},
        {"who", "qui"}, {"whom", "que"}, {"he", "il"}, {"she", "elle"}, {"it", "il"}, {"they", "ils"},
        {"him", "le"}, {"them", "les"}, {"not", "pas"}, {"never", "jamais"}, {"often", "souvent"},
        {"always", "toujours"}, {"is", "est"}, {"are", "sont"}, {"was", "était"}, {"were", "étaient"},
        {"be", "être"}, {"will", "va"}, {"do", "font"}, {"does", "fait"}, {"did", "a"}, {"on", "sur"},
        {"under", "sous"}, {"in", "dans"}, {"near", "près de"}, {"next", "à côté"}, {"to", "à"},
        {"behind", "derrière"}, {"front", "devant"}, {"of", "de"}, {"with", "avec"}, {"for", "pour"},
        {"about", "de"}, {"back", "retour"}, {"afraid", "peur"}, {"sitting", "assis"}, {"lying", "couché"},
        {"need", "besoin"}, {"needs", "besoin"}, {"needed", "besoin"}};
    // clang-format on
    const auto add = [&](std::string_view english, std::string_view french) { words.emplace(english, french); };
    for (const Noun& noun : nouns()) add(noun.english, noun.french), add(noun.english_plural, noun.french_plural);
    for (const Adjective& adjective : adjectives()) add(adjective.english, adjective.masculine);
    for (const Verb& verb : verbs()) {
      if (verb.base == "be" || verb.frame == Frame::posture || !verb.complement.empty()) continue;
      const std::string imperfect = std::string(verb.french.imperfect) + "ait";
      add(verb.base, verb.french.presents);
      add(verb.third, verb.french.present);
      add(verb.past, verb.stative ? imperfect : std::string(verb.french.participle));
      if (verb.progressive) add(verb.ing, imperfect);
    }
    return words;
  }();
  return dictionary;
}

}  // namespace heed::train
