#include <filesystem>

#include <heed/autograd/grad_mode.h>
#include <heed/train/gguf.h>
#include <heed/train/model_config.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "fuzz.h"
#include "small_models.h"

using namespace heed;

namespace {

/// Beside every input lie the weights of one small model, so that a configuration that fits them is a whole model.
const std::vector<std::string>& folders() {
  static const std::vector<std::string> all = tests::save_small_models(tests::folder().path());
  return all;
}

}  // namespace

void heed::tests::fuzz(std::string_view bytes) {
  for (const std::string& name : folders()) {
    write(name + "/config.json", bytes);
    const std::filesystem::path directory = folder() / name;
    take_or_refuse([&] {
      const auto config = train::ModelConfig::read(directory);
      train::read_gpt_training(config);
    });
    take_or_refuse([&] {
      const train::SavedGpt saved(directory);
      require(saved.tokenizer.size() == saved.gpt.config.vocabulary, "a token for every character");
      const NoGrad no_grad;
      saved.gpt(zeros({1, 1}, i64));
      std::filesystem::create_directory(folder() / "again");
      train::save_gpt(folder() / "again", saved.params, saved.gpt.config, saved.tokenizer, {});
      const train::SavedGpt again(folder() / "again");
      for (const auto& [parameter, x] : saved.params)
        require(x.to_vector<double>() == again.params.at(parameter).to_vector<double>(), "what was read is written");
      train::save_gguf(folder() / "again.gguf", saved.params, saved.gpt.config, saved.tokenizer, train::GgufType::f32);
    });
    take_or_refuse(
        [&] { require(train::load_translator(directory)->params().numel() > 0, "a translator has parameters"); });
  }
}
