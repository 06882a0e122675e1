#include <heed/train/data/tokenizer/tokenizer.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

namespace heed::train {
namespace {

constexpr size_t kLargestTokenizer = 256 << 20;  // bytes: eight of Gemma 3's, of 262,145 tokens

}  // namespace

int64_t Tokenizer::size() const {
  return std::visit([](const auto& kind) { return kind.size(); }, kind_);
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, Loc loc) const {
  const Op op{"Tokenizer::encode", loc};
  return std::visit([&](const auto& kind) { return kind.encode(text); }, kind_);
}

std::string Tokenizer::decode(std::span<const int64_t> ids, bool begins, Loc loc) const {
  const Op op{"Tokenizer::decode", loc};
  const auto* bpe = std::get_if<Bpe>(&kind_);
  return bpe ? bpe->decode(ids, begins) : std::visit([&](const auto& kind) { return kind.decode(ids); }, kind_);
}

std::string_view Tokenizer::first_part(std::string_view text) const {
  // Before a space that follows no white space every tokenizer begins anew, and most before a line break.
  const auto* bpe = std::get_if<Bpe>(&kind_);
  if (bpe && !bpe->cuts_at_spaces()) return text;
  const bool lines = bpe ? bpe->form().cut == Cut::gpt2 : !std::holds_alternative<Words>(kind_);
  for (size_t most = size_t{1} << 22; most < text.size(); most *= 2)
    for (size_t i = most; i > most / 2; --i) {
      if (text[i] != ' ' && (text[i] != '\n' || !lines)) continue;
      size_t before = i - 1;
      while (before > 0 && (text[before] & 0xC0) == 0x80) --before;
      if (class_of(next_code_point(text, before)) != CharClass::space && before == i) return text.substr(0, i);
    }
  return text;
}

std::vector<int64_t> Tokenizer::before() const {
  const auto* bpe = std::get_if<Bpe>(&kind_);
  return bpe ? bpe->before() : std::vector<int64_t>();
}

std::vector<int64_t> Tokenizer::ends() const {
  if (!notes.ends.empty()) return notes.ends;
  if (const auto* bpe = std::get_if<Bpe>(&kind_))
    for (const SpecialToken& token : bpe->special())
      if (token.text == kEndOfText) return {token.id};
  return {};
}

int64_t Tokenizer::end_of_text() const {
  const std::vector<int64_t> all = ends();
  return all.empty() ? -1 : all[0];
}

int64_t Tokenizer::begin_of_text() const { return notes.begin.value_or(notes.ends.empty() ? end_of_text() : -1); }

std::string Tokenizer::to_json() const {
  return std::visit([](const auto& kind) { return kind.to_json(); }, kind_);
}

Tokenizer Tokenizer::from_json(std::string_view text, Loc loc) {
  const Op op{"Tokenizer::from_json", loc};
  const nlohmann::json json = need_json(text, "the text is no tokenizer.json", op);
  const auto at = [&json](const char* part, const char* key) -> const nlohmann::json& {
    return find_json(find_json(json, part), key);
  };
  const nlohmann::json& old = find_json(json, "type");
  if (at("model", "type") == "BPE") return Bpe::from_json(text);
  if (find_json(at("pre_tokenizer", "pattern"), "Regex").is_string() || old == "chars") return Chars::from_json(text);
  if (at("model", "type") == "WordLevel" || old == "words") return Words::from_json(text);
  fail<FileError>(op, "the text is no tokenizer.json that heed knows; need a byte-level BPE, or characters or words");
}

void Tokenizer::save(const std::filesystem::path& path, Loc loc) const {
  const Op op{"Tokenizer::save", loc};
  write_file(path, to_json());
}

Tokenizer Tokenizer::load(std::filesystem::path path, Loc loc) {
  const Op op{Op::called("Tokenizer::load"), loc};
  if (is_folder(path)) path /= kTokenizerFile;
  if (!is_there(path))
    fail<FileError>(op, "\"{}\" is not there; need a tokenizer.json, as heed tokenizer train writes it", path.string());
  const std::string text = read_small_text(path, kLargestTokenizer, op);
  try {
    return from_json(text);
  } catch (const FileError& error) {
    throw FileError(fmt::format("\"{}\": {}", path.string(), error.what()));
  }
}

}  // namespace heed::train
