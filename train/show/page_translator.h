// What train/show/page.h shows of a saved translator.
#pragma once

#include <string>

#include <heed/train/saved_translator.h>
#include <heed/train/show/page_models.h>

namespace heed::train {

/// A translation of `sentence` as the pages show it. Throws IndexError for a token that the translator has not.
TranslatedSentence translated(const Translator& translator, const std::string& sentence,
                              const models::Translation& translation, Loc loc = Loc::current());

/// Where the model looked as it wrote this translation, and how. Throws ValueError for a model without attention.
PageExample page_example(const SavedTranslator& translator, const std::string& sentence,
                         const models::Translation& translation, Loc loc = Loc::current());
/// How the model wrote this translation.
PageLane page_lane(const SavedTranslator& translator, const std::string& sentence,
                   const models::Translation& translation, Loc loc = Loc::current());
/// What the model is, in a line.
std::string about(const SavedTranslator& translator);

}  // namespace heed::train
