#include <heed/train/program/commands.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include <fmt/core.h>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/folder/family.h>
#include <heed/train/model_config.h>
#include <heed/train/run_directory.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include <heed/train/show/live.h>
#include <heed/train/show/page.h>
#include <heed/train/show/page_translator.h>
#include <heed/train/show/progress.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

constexpr double kRounding = 1e-3;            // of shares that were computed in f16
constexpr int64_t kMostNumbers = 30'000'000;  // 80 MB of page: a browser holds no more with ease

bool is_translator(const std::string& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  return config.has("model") && config.text("model") == "translator";
}

void check_size(const Op& op, size_t snapshots, int64_t numbers) {
  const double all = double(numbers) * double(snapshots);
  if (all > double(kMostNumbers))
    fail<UsageError>(op, "{} numbers{} are too many for a page; need at most {}{}", format_count(all),
                     snapshots > 1 ? fmt::format(" of {} snapshots", snapshots) : "",
                     format_count(double(kMostNumbers)),
                     snapshots > 1 && numbers <= kMostNumbers ? ": name fewer snapshots, each by --model" : "");
}

/// The steps that made a model; if its weights do not say, those of its whole run.
int64_t steps_made(const std::string& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  const ModelConfig own = config.has("model") ? config : config.optional("heed");
  return steps_of(directory).value_or(own.optional("training").integer("steps", 0, kMostCount, 0));
}

/// The models to show, by their steps: those given, or one and those that its run kept.
std::map<int64_t, std::string> snapshots_of(const Op& op, const PageFlags& flags) {
  std::map<int64_t, std::string> snapshots;
  for (const std::string& directory : flags.models)
    if (const auto [other, fresh] = snapshots.emplace(steps_made(directory), directory); !fresh)
      fail<UsageError>(op, "'{}' and '{}' are both of {} steps; need snapshots of one training after different ones",
                       other->second, directory, other->first);
  if (flags.models.size() > 1) return snapshots;
  for (const auto& [step, directory] : kept_in(flags.models[0]))
    if (is_there(directory / kConfigFile)) snapshots.emplace(step, directory.string());
  return snapshots;
}

/// What must be equal in all snapshots of one training.
std::string likeness(const std::string& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  if (is_translator(directory))
    return config.at("config").dump() + config.at("source_words").dump() + config.at("target_words").dump();
  return dump_json(own_json(read_gpt_config(config))) + read_tokenizer(directory, config).to_json();
}

void check_alike(const Op& op, const std::string& directory, const std::string& first) {
  if (is_translator(directory) != is_translator(first) || likeness(directory) != likeness(first))
    fail<UsageError>(op,
                     "'{}' has another architecture, other sizes or tokens than '{}'; need snapshots of one training",
                     directory, first);
}

std::string translator_page(const Op& op, const PageFlags& flags) {
  const std::map<int64_t, std::string> snapshots = snapshots_of(op, flags);
  std::vector<std::unique_ptr<SavedTranslator>> models;
  for (const auto& [steps, directory] : snapshots) {
    check_alike(op, directory, flags.models[0]);
    models.push_back(load_translator(directory));
    if (models.back()->training().arch == Arch::rnn)
      fail<UsageError>(op, "'{}' has no attention; need a translator of --arch attention or transformer",
                       flags.models[0]);
    check_size(op, snapshots.size(), models.back()->params().numel());
  }
  const SavedTranslator& last = *models.back();
  LivePage page{
      .title = "A translator whose attention you can move",
      .about = (last.training().arch == Arch::attention ? "Encoder-decoder with attention: " : "") + about(last),
      .examples = flags.texts,
      .source = live_tokens(last.source_tokens()),
      .target = live_tokens(last.target_tokens()),
      .most = last.training().max_length};
  if (page.examples.empty() && last.training().pairs.empty())
    page.examples = {"the small black cat did not see the dogs"};  // of the grammar
  for (const auto& [steps, directory] : snapshots)
    page.snapshots.emplace_back(steps, &models[page.snapshots.size()]->params());
  return std::visit([&](const auto& model) { return live_page_html(model, page); }, last.model());
}

std::string gpt_page(const Op& op, const PageFlags& flags) {
  const std::map<int64_t, std::string> snapshots = snapshots_of(op, flags);
  std::vector<std::unique_ptr<SavedGpt>> models;
  for (const auto& [steps, directory] : snapshots) {
    check_alike(op, directory, flags.models[0]);
    models.push_back(std::make_unique<SavedGpt>(directory));
    check_size(op, snapshots.size(), models.back()->params.numel());
  }
  const SavedGpt& last = *models.back();
  const models::GptConfig& c = last.gpt.config;
  const char* unit = std::holds_alternative<Chars>(last.tokenizer.kind()) ? "character" : "token";
  LivePage page{.title = "A GPT that writes in your hands",
                .about = fmt::format("GPT of {} and {}, {} wide, {} parameters, {} at once", counted(c.layers, "layer"),
                                     counted(c.heads, "head"), c.channels, format_count(double(last.params.numel())),
                                     counted(c.context, unit)),
                .examples = flags.texts,
                .source = live_tokens(last.tokenizer)};
  for (const auto& [steps, directory] : snapshots)
    page.snapshots.emplace_back(steps, &models[page.snapshots.size()]->params);
  return live_page_html(last.gpt, page);
}

/// The words of a JSON list.
std::vector<std::string> words_of(const Op& op, const PageFlags& flags, const nlohmann::json& list,
                                  const std::string& what) {
  std::vector<std::string> words;
  for (const nlohmann::json& word : list)
    if (word.is_string()) words.push_back(word.get<std::string>());
  if (!list.is_array() || words.size() != list.size() || words.empty())
    fail<FileError>(
        op, "'{}' has no {}; need a JSON list of strings, or of two texts {{\"source\": [...], \"target\": [...]}}",
        flags.tokens, what);
  return words;
}

/// The tensor of one layer, (H, T, S), as a softmax gave it. Another library may have left an axis for the batch.
Tensor read_shares(const Op& op, const SafetensorsFile& file, const StoredTensor& entry, const Shape& tokens) {
  Tensor x = file.read(entry);
  if (x.rank() == 4 && x.size(0) == 1) x = x[0];
  if (x.rank() != 3 || x.size(1) != tokens[0] || x.size(2) != tokens[1])
    fail<FileError>(op, "'{}' of '{}' has shape {}; need (heads, {}, {}) for these tokens, or with 1 before it",
                    entry.name, file.name(), entry.shape, tokens[0], tokens[1]);
  if (!is_floating(x.dtype()) || !(ge(x, 0).all().item<bool>() && le(x, 1 + kRounding).all().item<bool>()))
    fail<FileError>(op,
                    "'{}' of '{}' holds numbers outside [0, 1]; need the shares that softmax gives, without dropout",
                    entry.name, file.name());
  return x;
}

/// "attentions.11": what stands before the last number names the attention, the number the layer.
std::pair<std::string, int64_t> part_and_layer(const std::string& name) {
  constexpr std::string_view kDigits = "0123456789";
  const size_t end = name.find_last_of(kDigits);
  if (end == name.npos) return {name, 0};
  const size_t begin = name.find_last_not_of(kDigits, end) + 1;  // npos + 1 is 0
  const std::string number = name.substr(begin, std::min<size_t>(end + 1 - begin, 18));
  const std::string part = name.substr(0, name.find_last_not_of("._-/", begin - 1) + 1);
  return {begin == 0 || part.empty() ? "attention" : part, std::stoll(number)};
}

/// Attention that another program computed: each tensor a layer's (heads, queries, keys).
std::string attention_page(const Op& op, const PageFlags& flags) {
  const nlohmann::json json =
      need_json(read_small_text(flags.tokens, kLargestJson, op), fmt::format("'{}' has no tokens", flags.tokens), op);
  const bool two = json.is_object() && json.contains("source") && json.contains("target");
  const std::vector<std::string> target = words_of(op, flags, two ? json["target"] : json, two ? "'target'" : "tokens"),
                                 source = two ? words_of(op, flags, json["source"], "'source'") : target;
  const SafetensorsFile file(flags.attention);
  std::map<std::string, std::map<int64_t, const StoredTensor*>> parts;
  for (const StoredTensor& entry : file.tensors()) {
    const auto [part, layer] = part_and_layer(entry.name);
    const auto [there, is_new] = parts[part].emplace(layer, &entry);
    if (!is_new)
      fail<FileError>(op, "'{}' and '{}' of '{}' are both layer {} of '{}'; need one tensor a layer",
                      there->second->name, entry.name, file.name(), layer, part);
  }
  PageExample example{.name = join(target, " ")};
  for (const auto& [part, layers] : parts) {
    AttentionMaps& maps = example.maps.emplace_back();
    maps.name = part;
    maps.queries = two && part.starts_with("encoder") ? source : target;
    maps.keys = two && (part.starts_with("encoder") || part.starts_with("cross")) ? source : target;
    const int64_t T = std::ssize(maps.queries), S = std::ssize(maps.keys);
    maps.causal = T == S && T > 1;
    for (const auto& [layer, entry] : layers) {
      maps.layers.push_back(read_shares(op, file, *entry, {T, S}));
      maps.causal = maps.causal && !ne(triu(maps.layers.back(), 1), 0).any().item<bool>();
    }
    maps.about = maps.causal ? "Each row sees itself and what stands before it." : "Rows look, columns are looked at.";
  }
  if (example.maps.empty()) fail<FileError>(op, "'{}' holds no tensor; need one for each layer", file.name());
  return page_html({.title = "What attention looks at",
                    .about = fmt::format("From {}", std::filesystem::path(flags.attention).filename().string()),
                    .examples = {std::move(example)}});
}

/// The page that the flags ask for.
std::string page_of(const Op& op, const PageFlags& flags) {
  if (flags.attention.empty() != flags.tokens.empty())
    fail<UsageError>(op, "{} is given alone; need --attention FILE and --tokens FILE together",
                     flags.tokens.empty() ? "--attention" : "--tokens");
  if (flags.attention.empty() == flags.models.empty())
    fail<UsageError>(op, "{}; need either --model DIR, or --attention FILE and --tokens FILE",
                     flags.models.empty() ? "nothing to show is given" : "--model and --attention are both given");
  if (!flags.attention.empty()) {
    if (!flags.texts.empty())
      fail<UsageError>(op, "'{}' is given, and no model runs in a page of --attention; need no text", flags.texts[0]);
    return attention_page(op, flags);
  }
  return is_translator(flags.models[0]) ? translator_page(op, flags) : gpt_page(op, flags);
}

}  // namespace

int write_page(const PageFlags& flags) {
  const Op op{"page"};
  for (const std::string& text : flags.texts)
    if (const size_t bad = find_invalid_utf8(text); bad != text.npos)
      fail<UsageError>(op, "the text {}{} is not UTF-8: byte {} (0x{:02x})", dump_ascii(text.substr(0, 40)),
                       text.size() > 40 ? "..." : "", bad, static_cast<unsigned char>(text[bad]));
  AtomicFile file(flags.out);  // before models are read
  const std::string page = page_of(op, flags);
  file.write(page);
  file.commit();
  say("{}: {:.1f} MB; open it in a browser\n", flags.out, static_cast<double>(page.size()) / 1e6);
  return 0;
}

}  // namespace heed::train::program
