// English stories: paragraphs about one hero each.
#include <cctype>

#include <heed/train/data/grammar/tree.h>

namespace heed::train {

using namespace grammar;

namespace {

/// "the king 's cat , which slept" as people write it: "The king's cat, which slept."
std::string written(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) {
    const bool joined = word.text == "," || word.text.starts_with('\'');
    if (!text.empty() && !joined) text += ' ';
    text += word.text;
  }
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + '.';
}

const Noun& hero(Rng& rng) {
  std::vector<const Noun*> animate;
  for (const Noun& noun : lexicon::nouns())
    if (noun.kind & lexicon::kAnimate) animate.push_back(&noun);
  return *animate[rng.random() % animate.size()];
}

Pronoun pronoun_of(const Noun& noun) {
  if (!(noun.kind & lexicon::kPerson)) return Pronoun::it;
  return noun.gender == Gender::feminine ? Pronoun::she : Pronoun::he;
}

}  // namespace

std::string Grammar::stories(int64_t characters, Rng& rng) {
  std::string text;
  const Taste taste{.appetite = 0.5, .subject_depth = 0, .object_depth = 2};
  while (static_cast<int64_t>(text.size()) < characters) {
    const Noun& about = hero(rng);
    const int64_t sentences = 4 + static_cast<int64_t>(rng.random() % 6);
    for (int64_t i = 0; i < sentences; ++i) {
      const bool by_pronoun = i > 0 && rng.random() % 2 == 0;
      const Sentence sentence = make_up_about(about, i == 0 ? Determiner::a : Determiner::the,
                                              by_pronoun ? pronoun_of(about) : Pronoun::none, taste, rng);
      if (i > 0) text += ' ';
      text += written(in_english(sentence).words);
    }
    text += "\n\n";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace heed::train
