// Folders that cross to Hugging Face's transformers and back: tests/reference/folders holds what they wrote, with what
// their models compute (tests/oracle/folders.py).
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "difference.h"
#include "folder_answer.h"
#include "gpt_families.h"
#include "temporary_directory.h"

using namespace heed;
using tests::TemporaryDirectory;
using train::SavedModel;
namespace fs = std::filesystem;

namespace {

// Of a tensor's largest magnitude; the numbers to compare with are computed in f64 in either case.
constexpr double kF32Tol = 1e-5, kF64Tol = 1e-10;

const fs::path kFolders = HEED_SOURCE_DIR "/tests/reference/folders";

std::map<std::string, Tensor> by_name(const NamedTensors& tensors) { return {tensors.begin(), tensors.end()}; }

std::string content_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

/// All tensors of all weight files of a folder.
std::map<std::string, Tensor> weights_of(const fs::path& folder) {
  std::map<std::string, Tensor> all;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".safetensors" && file.path().filename() != "expected.safetensors")
      all.merge(by_name(load_safetensors(file.path()).tensors));
  return all;
}

std::vector<std::string> folder_names() {
  std::vector<std::string> names;
  for (const auto& folder : fs::directory_iterator(kFolders)) names.push_back(folder.path().filename().string());
  std::ranges::sort(names);
  return names;
}

/// A copy of a folder that a test spoils.
struct Spoiled : TemporaryDirectory {
  explicit Spoiled(const std::string& name) { fs::copy(kFolders / name, path() / "f"); }
  void config(const std::function<void(Json&)>& change, const char* file = "config.json") const {
    Json json = Json::parse(content_of(path() / "f" / file));
    change(json);
    write(path() / "f" / file, json.dump());
  }
  void refused(const std::string& why) const { CHECK_THROWS_WITH(SavedModel(path() / "f"), Contains(why)); }
};

}  // namespace

TEST_CASE("folders: logits, gradients and greedy text of every folder that transformers wrote", "[folders]") {
  CHECK(folder_names().size() >= 14);
  for (const std::string& name : folder_names()) {
    INFO(name);
    const SavedModel saved(kFolders / name);
    const auto expected = by_name(load_safetensors(kFolders / name / "expected.safetensors").tensors);
    const double tolerance = saved.params.dtype() == f64 ? kF64Tol : kF32Tol;
    const auto answer = by_name(tests::folder_answer(saved, expected.at("tokens"), expected.at("prompt")));
    const std::string prefix = name == "gpt2-headless" ? "transformer." : "";  // heed writes it
    for (const auto& [what, x] : expected) {
      if (what == "tokens" || what == "prompt") continue;
      INFO(what);
      const auto found = answer.find(answer.contains(what) ? what : prefix + what);
      REQUIRE(found != answer.end());
      CHECK(largest_difference(found->second, x) <= tolerance * largest(x));
    }
  }
}

TEST_CASE("folders: what is read is written again with the same names, shapes and bits", "[folders]") {
  for (const std::string& name : folder_names()) {
    INFO(name);
    const TemporaryDirectory place;
    const SavedModel saved(kFolders / name);
    train::save_gpt(place.path(), saved.params, saved.gpt.config);
    const auto before = weights_of(kFolders / name), after = weights_of(place.path());
    CHECK(before.size() == after.size());
    for (const auto& [tensor, x] : before) {
      INFO(tensor);
      const auto found = after.find(after.contains(tensor) ? tensor : "transformer." + tensor);
      REQUIRE(found != after.end());
      CHECK(largest_difference(found->second, x) == 0);
    }
    const auto asked = nlohmann::json::parse(content_of(kFolders / name / "config.json")),
               told = nlohmann::json::parse(content_of(place / "config.json"));  // whatever the order of keys
    for (const auto& [key, value] : told.items()) {
      const std::set<std::string> ours = {"heed", "architectures", "dtype"};
      INFO(key << " " << value.dump());
      CHECK_FALSE((name == "qwen2" && key == "attention_bias"));  // it has one, and false would deny it
      if (!ours.contains(key) && asked.contains(key)) CHECK((value == asked[key] || asked[key].is_null()));
    }
  }
}

TEST_CASE("folders: every configuration is saved and read back, as the family that can say it", "[folders]") {
  const std::map<std::string, std::string> families = {{"gpt2", "gpt2"},         {"llama", "llama"},
                                                       {"qwen2", "qwen2"},       {"qwen3", "qwen3"},
                                                       {"nanochat", "nanochat"}, {"windowed", "mistral"}};
  auto configs = tests::gpt_families();
  for (const auto& [name, expected] : families)
    for (auto [of, config] : configs) {
      if (of != name) continue;
      for (const bool bias : {config.bias, !config.bias}) {
        INFO(name << " bias " << bias);
        const TemporaryDirectory place;
        config.bias = bias;
        if (bias) config.qkv_bias = false;  // as it says so too
        config.dropout = 0.25;
        nn::Parameters params(1);
        const models::Gpt gpt(params, config);
        train::save_gpt(place.path(), params, config);
        const std::string family = Json::parse(content_of(place / "config.json"))["model_type"];
        if (name == "gpt2" || name == "llama" || !bias) CHECK(family == expected);
        else CHECK(family == (name == "qwen2" ? "llama" : "heed"));  // no one else has such biases
        const SavedModel again(place.path());
        CHECK(train::own_json(again.gpt.config) == train::own_json(config));
        CHECK(again.params.size() == params.size());
        for (const auto& [parameter, x] : params) CHECK(largest_difference(again.params.at(parameter), x) == 0);
      }
    }
}

TEST_CASE("folders: a model to train in f32 takes the weights of f64 rounded", "[folders]") {
  const fs::path folder = kFolders / "gpt2-f64";
  const SavedModel wide(folder);
  nn::Parameters params(1);
  const models::Gpt gpt(params, wide.gpt.config);
  train::load_weights(folder, params, gpt.config);
  for (const auto& [name, x] : wide.params) CHECK(params.at(name).to_vector<float>() == x.to(f32).to_vector<float>());
}

TEST_CASE("folders: what a folder says of its tokens is read, and written again", "[folders]") {
  const TemporaryDirectory place;
  models::GptConfig config{.vocabulary = 262, .context = 4, .layers = 1, .heads = 2, .channels = 4};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  const auto bpe = train::Bpe::train("", 260, std::vector<std::string>{"<think>", "</s>", "<e>", "<s>"});
  train::save_gpt(place / "theirs", params, config, bpe, {});
  const auto json = [&](const char* file) { return Json::parse(content_of(place / file)); };
  CHECK(json("theirs/generation_config.json").dump() == R"({"bos_token_id":null,"eos_token_id":null})");
  Json model = json("theirs/config.json");
  model.update({{"bos_token_id", 259}, {"eos_token_id", 257}, {"pad_token_id", 261}});
  write(place / "theirs/config.json", model.dump());
  const auto again = [&] {
    const train::SavedGpt saved(place / "theirs");
    train::save_gpt(place / "again", saved.params, saved.gpt.config, saved.tokenizer, {});
    return saved.tokenizer.notes;
  };

  fs::remove(place / "theirs/generation_config.json");
  fs::remove(place / "theirs/tokenizer_config.json");
  CHECK(again().ends == std::vector<int64_t>{257});
  CHECK(json("again/tokenizer_config.json")["bos_token"] == "<s>");
  CHECK(json("again/tokenizer_config.json")["eos_token"] == "</s>");
  CHECK(json("again/generation_config.json") ==
        Json{{"bos_token_id", 259}, {"eos_token_id", 257}, {"pad_token_id", 261}});

  model["eos_token_id"] = 220;  // a space, which files show as another character
  write(place / "theirs/config.json", model.dump());
  CHECK(again().ends == std::vector<int64_t>{220});
  CHECK(json("again/tokenizer_config.json")["eos_token"] == "Ġ");
  model["eos_token_id"] = 257;
  write(place / "theirs/config.json", model.dump());

  const nlohmann::json generation = {{"bos_token_id", 259},
                                     {"eos_token_id", {257, 258, 261}},
                                     {"pad_token_id", 0},
                                     {"top_k", 5}},
                       names = {{"eos_token", "<e>"}, {"chat_template", "{{ a }}"}, {"model_max_length", 7}};
  write(place / "theirs/generation_config.json", generation.dump());
  write(place / "theirs/tokenizer_config.json", names.dump());
  const train::TokenNotes notes = again();
  CHECK(notes.begin == 259);
  CHECK(notes.ends == std::vector<int64_t>{257, 258});  // those that the tokenizer has
  CHECK(notes.chat_template == "{{ a }}");
  CHECK(nlohmann::json(json("again/generation_config.json")) == nlohmann::json(generation));  // in any order
  CHECK(nlohmann::json(json("again/tokenizer_config.json")) == nlohmann::json(names));
  CHECK(json("again/config.json")["bos_token_id"] == 259);
  CHECK(json("again/config.json")["eos_token_id"].dump() == generation["eos_token_id"].dump());

  write(place / "theirs/chat_template.jinja", "{{ b }}");
  CHECK(again().chat_template == "{{ b }}");
  CHECK(content_of(place / "again/chat_template.jinja") == "{{ b }}");
  write(place / "theirs/chat_template.jinja", "");
  CHECK(again().chat_template.empty());
  CHECK(train::SavedGpt(place / "again").tokenizer.notes.chat_template.empty());
  write(place / "theirs/chat_template.jinja", std::string((1 << 20) + 1, ' '));
  CHECK_THROWS_WITH(again(), Contains("chat_template.jinja\" has more than 1048576 bytes"));
  fs::remove(place / "theirs/chat_template.jinja");  // what is read could not be read again
  write(place / "theirs/tokenizer_config.json", Json{{"chat_template", std::string((1 << 20) + 1, ' ')}}.dump());
  CHECK_THROWS_WITH(again(), Contains("has 1048577 bytes; need at most 1048576"));
  train::save_gpt(place / "again", params, config, bpe, {});
  CHECK_FALSE(fs::exists(place / "again/chat_template.jinja"));
}

TEST_CASE("folders: a folder of heed's own old layout still loads", "[folders]") {
  const TemporaryDirectory place;
  const models::GptConfig config{.vocabulary = 3, .context = 4, .layers = 1, .heads = 2, .channels = 4, .bias = false};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  params.save(place / "model.safetensors");
  write(place / "config.json", R"({"model": "gpt", "heed": "0.1.0",
    "config": {"vocabulary": 3, "context": 4, "layers": 1, "heads": 2, "channels": 4, "dropout": 0.0, "bias": false,
               "tied": true, "gelu": "tanh"},
    "training": {"text": "", "text_name": "t", "characters": 9, "steps": 1, "batch": 1, "evaluate_every": 1, "lr": 0.1,
                 "seed": 1},
    "tokenizer": {"type": "chars", "characters": "abc"}})");
  const auto [old, tokenizer] = train::load_gpt(place.path());
  CHECK(tokenizer.size() == 3);
  CHECK(largest_difference(old(tensor({{0, 1, 2}})), gpt(tensor({{0, 1, 2}}))) == 0);
}

TEST_CASE("folders: tables that older files hold beside the parameters are not missed and not refused", "[folders]") {
  const Spoiled place("gpt2-tied");
  NamedTensors tensors = load_safetensors(place / "f/model.safetensors").tensors;
  tensors.emplace_back("transformer.h.0.attn.bias", ones({1, 1, 10, 10}));
  tensors.emplace_back("transformer.h.1.attn.masked_bias", scalar(-1e4));
  Tensor table;
  for (const auto& [name, x] : tensors)
    if (name == "transformer.wte.weight") table = x;
  tensors.emplace_back("lm_head.weight", table);
  save_safetensors(place / "f/model.safetensors", tensors);
  CHECK_NOTHROW(SavedModel(place / "f"));
  tensors.back().second = table * 2;
  save_safetensors(place / "f/model.safetensors", tensors);
  place.refused("'lm_head.weight', which is tied to 'transformer.wte.weight' but has other values");
}

TEST_CASE("folders: what a configuration asks for and heed has not is named", "[folders][errors]") {
  const std::vector<std::tuple<std::string, std::string, Json, std::string>> cases = {
      {"gpt2-tied", "model_type", "mamba",
       "is \"mamba\"; need one of \"gpt2\", \"llama\", \"mistral\", \"qwen2\", \"qwen3\", \"nanochat\", \"heed\""},
      {"gpt2-tied", "activation_function", "relu", "\"activation_function\""},
      {"gpt2-tied", "scale_attn_by_inverse_layer_idx", true, "is true; need false, as heed has nothing else"},
      {"gpt2-tied", "scale_attn_weights", false, "\"scale_attn_weights\""},
      {"gpt2-tied", "add_cross_attention", true, "\"add_cross_attention\""},
      {"gpt2-tied", "attn_pdrop", 0.5, "need 0, as resid_pdrop"},
      {"gpt2-tied", "n_embd", 1'000'000, "describes a model of at least"},
      {"gpt2-tied", "n_layer", -1, "\"n_layer\""},
      {"gpt2-tied", "n_layer", 3, "missing 'transformer.h.2.ln_1.weight' (8)"},
      {"gpt2-tied", "n_inner", 31, "different 'transformer.h.0.mlp.c_fc.weight' (8, 32), not (8, 31)"},
      {"gpt2-tied", "n_head", 3, "3 heads do not divide 8 channels"},
      {"gpt2-tied", "tie_word_embeddings", false, "missing 'lm_head.weight'"},
      {"llama", "hidden_act", "gelu", "\"hidden_act\""},
      {"llama", "mlp_bias", true, "need attention_bias and mlp_bias alike"},
      {"llama", "head_dim", 1'000'000, "4 heads of 1000000"},
      {"llama", "max_position_embeddings", 999'999'999, "\"max_position_embeddings\""},
      {"llama", "rope_parameters", {{"rope_type", "yarn"}, {"factor", 2}}, "\"rope_type\""},
      {"llama", "num_key_value_heads", 3, "3 heads of keys do not divide 4"},
      {"mistral", "attention_bias", true, "\"attention_bias\""},
      {"mistral", "sliding_window", 0, "\"sliding_window\""},
      {"qwen2", "use_sliding_window", true, "\"use_sliding_window\""},
      {"qwen3", "use_sliding_window", true, "\"use_sliding_window\""},
      {"nanochat", "attention_bias", true, "\"attention_bias\""},
  };
  for (const auto& [folder, key, value, why] : cases) {
    INFO(folder << " " << key << " " << value.dump());
    const Spoiled place(folder);
    place.config([&, key = key, value = value](Json& c) { c[key] = value; });
    CHECK_THROWS_WITH(SavedModel(place / "f"), Contains(why));
  }
  const Spoiled twice("gpt2-tied");
  write(twice / "f/config.json", R"({"model_type": "gpt2", "n_layer": 2, "n_layer": 3})");
  twice.refused("is no JSON object, as training writes it: key \"n_layer\" stands twice; need each once");
}

TEST_CASE("folders: a key that is left out has transformers' default, where null means another", "[folders]") {
  const Spoiled place("nanochat");
  const auto softcap = [&](const std::function<void(Json&)>& change) {
    place.config(change);
    return SavedModel(place / "f").gpt.config.softcap;
  };
  CHECK(softcap([](Json& c) { c["final_logit_softcapping"] = nullptr; }) == 0);
  CHECK(softcap([](Json& c) { c.erase("final_logit_softcapping"); }) == 15);
  const Spoiled mistral("mistral");
  CHECK(SavedModel(mistral / "f").gpt.config.window == 5);
  mistral.config([](Json& c) { c["sliding_window"] = nullptr; });
  const SavedModel whole(mistral / "f");
  CHECK(whole.gpt.config.window == whole.gpt.config.context);
  const TemporaryDirectory again;
  train::save_gpt(again.path(), whole.params, whole.gpt.config);
  const Json said = Json::parse(content_of(again / "config.json"));
  CHECK((said["model_type"] == "mistral" && said["sliding_window"].is_null()));
  mistral.config([](Json& c) { c.erase("sliding_window"); });
  CHECK(SavedModel(mistral / "f").gpt.config.window == 4096);
  mistral.config([](Json& c) { c.erase("num_key_value_heads"); });
  mistral.refused("8 heads of keys do not divide 4");
  const Spoiled qwen3("qwen3");
  qwen3.config([](Json& c) { c["num_key_value_heads"] = nullptr; });
  qwen3.refused("different");  // 4 of them, where the file has 2
  qwen3.config([](Json& c) { c.erase("num_key_value_heads"); });
  qwen3.refused("32 heads of keys do not divide 4");
}

TEST_CASE("folders: rope_scaling counts, and all of it, where rope_parameters stand beside it", "[folders]") {
  const Json linear = {{"rope_type", "linear"}, {"factor", 2.0}}, none = Json::object();
  const std::vector<std::tuple<Json, Json, double, double>> cases = {
      {linear, 77.0, 77, 2}, {linear, nullptr, 10000, 2}, {none, 77.0, 50, 1}, {nullptr, 77.0, 50, 1}};
  for (const auto& [scaling, theta, base, factor] : cases) {  // as transformers 5 do
    INFO(scaling.dump() << " " << theta.dump());
    const Spoiled place("llama");
    place.config([&, scaling = scaling, theta = theta](Json& c) {
      c["rope_parameters"] = {{"rope_theta", 50.0}, {"rope_type", "default"}};
      c["rope_scaling"] = scaling;
      if (!theta.is_null()) c["rope_theta"] = theta;
    });
    const RopeOptions rope = SavedModel(place / "f").gpt.config.rope;
    CHECK(rope.base == base);
    CHECK(rope.scaling.factor == factor);
  }
  const Spoiled yarn("qwen3");
  yarn.config([](Json& c) { c["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}}; });
  yarn.refused("\"rope_type\"");
}

TEST_CASE("folders: an index that lies, or points out of its folder, is refused", "[folders][errors]") {
  const char* index = "model.safetensors.index.json";
  const auto with = [&](const std::string& why, const std::function<void(Json&)>& change) {
    const Spoiled place("gpt2-f16-sharded");
    place.config([&](Json& c) { change(c["weight_map"]); }, index);
    place.refused(why);
  };
  const std::string first = "transformer.wte.weight";
  for (const char* out : {"../model.safetensors", "/etc/passwd", "a/../b.safetensors", "..", "", "config.json"})
    with("need a .safetensors file of the same folder", [&](Json& map) { map[first] = out; });
  with("absent.safetensors' does not exist", [&](Json& map) { map[first] = "absent.safetensors"; });
  with("\"transformer.wte.weight\"", [&](Json& map) { map[first] = 3; });
  with("does not say that tensor 'transformer.wte.weight' is in", [&](Json& map) { map.erase(first); });
  with("which has none of that name", [&](Json& map) { map["more"] = map[first]; });
  {
    const Spoiled place("gpt2-f16-sharded");
    fs::remove(place / "f" / "model-00002-of-00005.safetensors");
    place.refused("model-00002-of-00005.safetensors' does not exist");
  }
  {
    const Spoiled place("gpt2-f16-sharded");
    fs::copy(place / "f/model-00001-of-00005.safetensors", place / "f/copy.safetensors");
    place.config([](Json& c) { c["weight_map"]["more"] = "copy.safetensors"; }, index);
    place.refused("which another file has too");
  }
  {
    const Spoiled place("gpt2-f16-sharded");
    write(place / "f" / index, "{}");
    place.refused("no \"weight_map\"");
  }
}

TEST_CASE("folders: a name that is nearly right is said to be meant", "[folders][errors]") {
  const Spoiled place("gpt2-tied");
  NamedTensors tensors;
  for (auto& [name, x] : load_safetensors(place / "f/model.safetensors").tensors)
    tensors.emplace_back(name == "transformer.h.1.ln_2.bias" ? "transformer.h.1.ln2.bias" : name, x);
  save_safetensors(place / "f/model.safetensors", tensors);
  place.refused(
      "missing 'transformer.h.1.ln_2.bias' (8) (is 'transformer.h.1.ln2.bias' meant?); unexpected "
      "'transformer.h.1.ln2.bias' (8)");
}

TEST_CASE("folders: biases of a model that heed trained without them must stay 0", "[folders][errors]") {
  const TemporaryDirectory place;
  const models::GptConfig config{.vocabulary = 3, .context = 4, .layers = 1, .heads = 2, .channels = 4, .bias = false};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  train::save_gpt(place.path(), params, config);
  NamedTensors tensors = load_safetensors(place / "model.safetensors").tensors;
  for (auto& [name, x] : tensors)
    if (name == "transformer.ln_f.bias") x = ones({4});
  save_safetensors(place / "model.safetensors", tensors);
  CHECK_THROWS_WITH(SavedModel(place.path()),
                    Contains("'transformer.ln_f.bias', which must be 0, as the model has none"));
}
