#include <filesystem>

#include <heed/train/gguf.h>
#include <heed/train/saved_gpt.h>
#include "fuzz.h"
#include "small_models.h"

using namespace heed;

namespace {

std::string_view up_to_zero(std::string_view& rest) {
  const size_t zero = rest.find('\0');
  const std::string_view part = rest.substr(0, zero);
  rest = zero == rest.npos ? std::string_view() : rest.substr(zero + 1);
  return part;
}

}  // namespace

// generation_config.json, tokenizer_config.json and a chat template, with a zero byte between them: a model's folder
// beside them is complete.
void heed::tests::fuzz(std::string_view bytes) {
  static const std::string name = save_small_models(folder().path()).front();
  const std::filesystem::path directory = folder() / name;
  for (const char* file : {"generation_config.json", "tokenizer_config.json", "chat_template.jinja"})
    write(name + "/" + file, up_to_zero(bytes));
  take_or_refuse([&] {
    const train::SavedGpt saved(directory);
    const train::TokenNotes& notes = saved.tokenizer.notes;
    for (const int64_t id : saved.tokenizer.ends()) require(id >= 0 && id < saved.tokenizer.size(), "ends are tokens");
    train::save_gpt(folder() / "again", saved.params, saved.gpt.config, saved.tokenizer, {});
    const train::SavedGpt again(folder() / "again");
    require(again.tokenizer.ends() == saved.tokenizer.ends() &&
                again.tokenizer.end_of_text() == saved.tokenizer.end_of_text() &&
                again.tokenizer.begin_of_text() == saved.tokenizer.begin_of_text() &&
                again.tokenizer.notes.chat_template == notes.chat_template,
            "what a folder says of its tokens is written again");
    train::save_gguf(folder() / "again.gguf", saved.params, saved.gpt.config, saved.tokenizer, train::GgufType::f32);
  });
}
