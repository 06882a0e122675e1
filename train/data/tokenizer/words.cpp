#include <heed/train/data/tokenizer/words.h>

#include <algorithm>
#include <set>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/tokenizer_json.h>

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
  if (std::find(words_.begin(), words_.begin() + kSpecial, word) != words_.begin() + kSpecial) return false;
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
  std::set<std::string> seen;
  std::vector<std::string> missing;
  for (const std::string& word : split_words(sentence))
    if (id(word) == kUnk && seen.insert(word).second) missing.push_back(word);
  return missing;
}

/// No constant, since a vocabulary may be written before main.
static Json spaces_removed() {
  return {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Removed"}, {"invert", false}};
}

std::string Words::to_json() const {
  std::vector<SpecialToken> special;
  for (int64_t id = 0; id < kSpecial; ++id) special.push_back({words_[id], id});
  return dump_tokenizer(words_, special, spaces_removed(), nullptr, nullptr,
                        {{"type", "WordLevel"}, {"vocab", Json::object()}, {"unk_token", words_[kUnk]}});
}

Words Words::from_json(std::string_view text, Loc loc) {
  const Op op{"Words::from_json", loc};
  std::vector<std::string> words;
  if (const Json old = parse_sorted_json(text); old.is_object() && old.contains("words")) {  // of heed 0.1
    for (const auto& word : old["words"]) {
      if (!word.is_string()) fail<FileError>(op, "word {} is not a string", words.size());
      words.push_back(word.get<std::string>());
    }
  } else {
    const TokenizerJson json(text, "WordLevel", op);
    json.need("pre_tokenizer", spaces_removed());
    for (const char* key : {"normalizer", "post_processor"}) json.need(key, nullptr);
    std::vector<SpecialToken> ignored;
    words = json.tokens(ignored);
    const Words none;
    if (words.size() < kSpecial || !std::equal(none.words_.begin(), none.words_.end(), words.begin()))
      fail<FileError>(op, "the first tokens are not \"{}\"", join(none.words_, "\", \""));
    words.erase(words.begin(), words.begin() + kSpecial);
  }
  if (words.empty()) fail<FileError>(op, "the vocabulary has no words; need at least one");
  Words vocabulary;
  for (const std::string& word : words) {
    if (word.empty() || word.find(' ') != word.npos)
      fail<FileError>(op, "\"{}\" cannot be a word; need text without spaces", word);
    if (!vocabulary.add(word)) fail<FileError>(op, "\"{}\" is special or there twice; need each word once", word);
  }
  return vocabulary;
}

}  // namespace heed::train
