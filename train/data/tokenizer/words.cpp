#include <heed/train/data/tokenizer/words.h>

#include <algorithm>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

namespace heed::train {

std::vector<std::string> split_words(std::string_view sentence) {
  std::vector<std::string> words;
  for (size_t start = 0; start < sentence.size();) {
    const size_t end = std::min(sentence.find(' ', start), sentence.size());
    if (end > start) words.emplace_back(sentence.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

Words::Words() : words_{"<pad>", "<bos>", "<eos>", "<unk>"} {}

bool Words::add(const std::string& word) {
  if (std::find(words_.begin(), words_.begin() + 4, word) != words_.begin() + 4) return false;
  if (!ids_.emplace(word, size()).second) return false;
  words_.push_back(word);
  return true;
}

Words Words::from_sentences(std::span<const std::string> sentences, int64_t min_frequency, Loc loc) {
  const Op op{"Words::from_sentences", loc};
  std::map<std::string, int64_t> counts;
  for (const std::string& sentence : sentences) {
    if (const size_t bad = find_invalid_utf8(sentence); bad != sentence.npos)
      fail<ValueError>(op, "a sentence is not UTF-8: byte {} (0x{:02x})", bad,
                       static_cast<unsigned char>(sentence[bad]));
    for (std::string& word : split_words(sentence)) ++counts[std::move(word)];
  }
  std::vector<std::pair<std::string, int64_t>> frequent;
  for (const auto& [word, count] : counts)
    if (count >= min_frequency) frequent.emplace_back(word, count);
  std::stable_sort(frequent.begin(), frequent.end(), [](auto& a, auto& b) { return a.second > b.second; });
  Words vocabulary;
  for (const auto& [word, count] : frequent) vocabulary.add(word);
  if (vocabulary.ids_.empty())
    fail<ValueError>(op, "no word occurs {} times in {} sentences; need one that does", min_frequency,
                     sentences.size());
  return vocabulary;
}

const std::string& Words::word(int64_t id, Loc loc) const {
  if (id < 0 || id >= size())
    fail<IndexError>({"Words::word", loc}, "id {} is not in the vocabulary; need 0 to {}", id, size() - 1);
  return words_[id];
}

int64_t Words::id(std::string_view word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? kUnk : found->second;
}

std::vector<int64_t> Words::encode(std::string_view sentence) const {
  std::vector<int64_t> ids;
  for (const std::string& word : split_words(sentence)) ids.push_back(id(word));
  return ids;
}

std::string Words::decode(std::span<const int64_t> ids, Loc loc) const {
  std::string sentence;
  for (const int64_t id : ids) {
    if (id == kEos) break;
    if (id == kPad || id == kBos) continue;
    if (!sentence.empty()) sentence += ' ';
    sentence += word(id, loc);
  }
  return sentence;
}

std::vector<std::string> Words::unknown(std::string_view sentence) const {
  std::vector<std::string> missing;
  for (std::string& word : split_words(sentence))
    if (id(word) == kUnk && std::find(missing.begin(), missing.end(), word) == missing.end())
      missing.push_back(std::move(word));
  return missing;
}

std::string Words::to_json() const {
  return dump_json({{"type", "words"}, {"words", std::vector(words_.begin() + 4, words_.end())}});
}

Words Words::parse(std::string_view text, const std::string& from, const Op& op) {
  const Json json = parse_json(text);
  if (json.is_discarded() || !json.is_object() || json.value("type", Json()) != "words" || !json.contains("words") ||
      !json["words"].is_array() || json["words"].empty())
    fail<FileError>(
        op, "{} holds no word vocabulary; need {{\"type\": \"words\", \"words\": [...]}} with at least one word", from);
  Words vocabulary;
  for (const auto& word : json["words"]) {
    if (!word.is_string()) fail<FileError>(op, "{}: word {} is not a string", from, vocabulary.size() - 4);
    const auto& text_of_word = word.get_ref<const std::string&>();
    if (text_of_word.empty() || text_of_word.find(' ') != text_of_word.npos)
      fail<FileError>(op, "{}: \"{}\" cannot be a word; need text without spaces", from, text_of_word);
    if (!vocabulary.add(text_of_word))
      fail<FileError>(op, "{}: \"{}\" is special or there twice; need each word once", from, text_of_word);
  }
  return vocabulary;
}

Words Words::from_json(std::string_view json, Loc loc) { return parse(json, "the JSON", Op{"Words::from_json", loc}); }

void Words::save(const std::filesystem::path& path, Loc loc) const { write_file(path, to_json() + "\n", loc); }

Words Words::load(const std::filesystem::path& path, Loc loc) {
  const Op op{"Words::load", loc};
  return parse(read_text(path, op), '"' + path.string() + '"', op);
}

}  // namespace heed::train
