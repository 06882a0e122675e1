#include <filesystem>

#include <heed/train/saved_gpt.h>
#include "fuzz.h"
#include "small_models.h"

using namespace heed;

void heed::tests::fuzz(std::string_view bytes) {
  static const auto kNames = save_small_models(folder().path());  // of which gpt2 lies in two shards
  write("gpt2/model.safetensors.index.json", bytes);
  take_or_refuse([&] {
    const train::SavedGpt saved(folder() / "gpt2");
    require(saved.tokenizer.size() == saved.gpt.config.vocabulary, "a row of weights for every token");
  });
}
