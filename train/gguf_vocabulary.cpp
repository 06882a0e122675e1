#include <heed/train/gguf_vocabulary.h>

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/gpt2.h>

namespace heed::train {
namespace {

/// Characters of several bytes are merged from them.
GgufVocabulary vocabulary_of(const Op&, const Chars& chars) {
  GgufVocabulary all;
  std::set<std::string> made;
  for (int64_t id = 0; id < chars.size(); ++id) {
    const std::string bytes = chars.decode({&id, 1});
    all.tokens.push_back(shown_bytes(bytes));
    for (size_t n = 1; n < bytes.size(); ++n) {
      const std::string merge = shown_bytes(bytes.substr(0, n)) + " " + shown_bytes(bytes.substr(n, 1));
      if (made.insert(merge).second) all.merges.push_back(merge);
    }
  }
  all.types.assign(all.tokens.size(), kNormal);
  return all;
}

/// What llama.cpp calls the way in which a text is cut. Only that of Llama 3 takes tokens whole, and none composes.
const char* name_of_cut(const Op& op, const BpeForm& form) {
  if (form.of_characters) return "default";
  for (const auto& [cut, name] : {std::pair(Cut::gpt2, "gpt-2"), std::pair(Cut::smollm, "smollm"),
                                  std::pair(Cut::llama3, "llama-bpe"), std::pair(Cut::qwen2, "qwen2")}) {
    if (form.cut != cut || form.added_space != AddedSpace::none) continue;
    if (const bool whole = cut == Cut::llama3; form.takes_whole != whole)
      fail<ValueError>(op, "the tokenizer has ignore_merges {}, and llama.cpp takes {} with {}; need the same",
                       form.takes_whole, name, whole);
    return name;
  }
  fail<ValueError>(op,
                   "the tokenizer cuts a text in a way that the file has no name for; need one that cuts as GPT-2's, "
                   "SmolLM's, Llama 3's or Qwen's, without a space before a text");
}

/// The scores of tokens from the merges that were made from them. llama.cpp makes the token of the highest score first,
/// wherever two others spell it: so the merges must be all the ways to make a token, one behind the other. Those of
/// tokens with the same score may be mixed, the longest left part first, then the longest right part.
std::vector<float> scores_of(const Op& op, const Bpe& bpe, const GgufVocabulary& all) {
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < all.tokens.size(); ++id) ids.emplace(all.tokens[id], id);
  const auto check = [&](bool good, size_t id) {
    if (!good)
      fail<ValueError>(op,
                       "the merges to {} are not all ways to make it in the order of scores; need merges made from "
                       "sentencepiece's scores, as llama.cpp merges whatever makes a token",
                       dump_ascii(all.tokens[id]));
  };
  struct Merge {
    size_t made;
    std::pair<size_t, size_t> lengths;  // of its parts, in characters
  };
  std::vector<Merge> merges;
  std::vector<size_t> last(all.tokens.size());   // of those that make a token
  std::vector<int64_t> ways(all.tokens.size());  // to make it that no merge has
  for (const auto& [left_id, right_id] : bpe.merges()) {
    const std::string &left = all.tokens[static_cast<size_t>(left_id)],
                      &right = all.tokens[static_cast<size_t>(right_id)];
    const size_t made = ids.at(left + right);
    last[made] = merges.size();
    --ways[made];
    merges.push_back({made, {decode_utf8(left).size(), decode_utf8(right).size()}});
  }
  for (size_t id = 0; id < all.tokens.size(); ++id) {
    const std::string_view token = all.tokens[id];
    for (size_t n = 1; n < token.size(); ++n)
      ways[id] += ids.contains(token.substr(0, n)) && ids.contains(token.substr(n));
    check(ways[id] == 0 || all.types[id] == kControl || all.types[id] == kUserDefined, id);
  }
  std::vector<float> scores(all.tokens.size());
  float score = -1;
  for (size_t i = 0, begin = 0, end = 0; i < merges.size(); ++i) {  // begin, end: of those with this score
    scores[merges[i].made] = score;
    end = std::max(end, last[merges[i].made]);
    if (i < end) continue;
    const auto same = std::span(merges).subspan(begin, i + 1 - begin);
    const auto of_one = [&](const Merge& merge) { return merge.made == same[0].made; };
    check(std::ranges::all_of(same, of_one) || std::ranges::is_sorted(same, std::greater(), &Merge::lengths),
          same[0].made);
    --score, begin = i + 1;
  }
  return scores;
}

GgufVocabulary vocabulary_of(const Op& op, const Bpe& bpe) {
  GgufVocabulary all{.tokens = bpe.names(), .merges = {}, .types = {}, .pre = name_of_cut(op, bpe.form())};
  all.adds_space = bpe.form().added_space != AddedSpace::none;
  all.types.assign(all.tokens.size(), kNormal);
  for (const SpecialToken& token : bpe.special()) {
    all.types[static_cast<size_t>(token.id)] = token.control ? kControl : kUserDefined;
    if (token.strip_left || token.strip_right)
      fail<ValueError>(op, "the token {} takes the white space beside it; need tokens that take none, as files have",
                       dump_ascii(token.text));
  }
  if (!bpe.form().of_characters) {
    all.merges = bpe.shown_merges();
    return all;
  }
  all.model = "llama";
  for (size_t byte = 0; byte < 256; ++byte)
    if (const int64_t id = bpe.token_of_byte(byte); id >= 0) all.types[static_cast<size_t>(id)] = kByte;
  all.scores = scores_of(op, bpe, all);
  return all;
}

GgufVocabulary vocabulary_of(const Op& op, const Words&) {
  fail<ValueError>(op, "the tokens are words; need characters or byte pairs");
}

}  // namespace

GgufVocabulary gguf_vocabulary(const Tokenizer& tokenizer, const Op& op) {
  return std::visit([&](const auto& kind) { return vocabulary_of(op, kind); }, tokenizer.kind());
}

}  // namespace heed::train
