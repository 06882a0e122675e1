#include <heed/train/data/pairs.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

namespace heed::train {

namespace {

/// Without white space at its ends, French's narrow and no-break spaces included.
std::string_view trimmed(std::string_view text) {
  size_t first = text.size(), last = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (is_space(next_code_point(text, i))) continue;
    first = std::min(first, start);
    last = i;
  }
  return first < last ? text.substr(first, last - first) : std::string_view();
}

/// Whether an apostrophe behind `word` belongs to it, as in French: l', d', qu', jusqu'.
bool elides(std::u32string_view word) {
  constexpr std::array<std::u32string_view, 15> kElided{U"l",      U"d",      U"j",      U"n",      U"c",
                                                        U"s",      U"m",      U"t",      U"qu",     U"jusqu",
                                                        U"lorsqu", U"puisqu", U"quoiqu", U"quelqu", U"presqu"};
  return std::find(kElided.begin(), kElided.end(), word) != kElided.end();
}

std::vector<std::vector<int64_t>> cut(std::span<const int64_t> order, int64_t batch, const Op& op) {
  if (batch < 1) fail<ValueError>(op, "batch is {}; need at least 1", batch);
  std::vector<std::vector<int64_t>> batches;
  for (size_t i = 0; i < order.size(); i += batch) {
    const auto rows = order.subspan(i, std::min<size_t>(batch, order.size() - i));
    batches.emplace_back(rows.begin(), rows.end());
  }
  return batches;
}

}  // namespace

std::vector<SentencePair> read_pairs(const std::filesystem::path& path, Loc loc) {
  const Op op{"read_pairs", loc};
  const std::string text = read_text(path);
  std::vector<SentencePair> pairs;
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view row = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (trimmed(row).empty()) continue;
    const size_t tab = row.find('\t');
    if (tab == row.npos)
      fail<FileError>(op, "{}:{}: no tab in \"{}\"; need source, tab, target", path.string(), line, trimmed(row));
    const std::string_view source = trimmed(row.substr(0, tab));
    const std::string_view behind = row.substr(tab + 1), target = trimmed(behind.substr(0, behind.find('\t')));
    if (source.empty() || target.empty())
      fail<FileError>(op, "{}:{}: the {} is empty; need source, tab, target", path.string(), line,
                      source.empty() ? "source" : "target");
    pairs.push_back({std::string(source), std::string(target)});
  }
  if (pairs.empty())
    fail<FileError>(op, "\"{}\" has only blank lines; need lines of source, tab, target", path.string());
  return pairs;
}

std::string tokenize(std::string_view raw, Loc loc) {
  if (const size_t bad = find_invalid_utf8(raw); bad != raw.npos)
    fail<ValueError>({"tokenize", loc}, "the sentence is not UTF-8: byte {} (0x{:02x})", bad,
                     static_cast<unsigned char>(raw[bad]));
  std::u32string points = decode_utf8(raw);
  for (char32_t& c : points) c = c == U'\u2019' ? U'\'' : lower_case(c);
  std::vector<std::string> words;
  std::u32string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(encode_utf8(word));
    word.clear();
  };
  for (size_t i = 0; i < points.size(); ++i) {
    const char32_t c = points[i], next = i + 1 < points.size() ? points[i + 1] : U' ';
    const bool inside = !word.empty() && is_word_character(next);
    if (is_space(c)) {
      finish();
    } else if (is_word_character(c) || (c == U'-' && inside) || (c == U'\'' && inside && word == U"aujourd")) {
      word += c;
    } else if (c == U'\'' && elides(word)) {
      word += c;
      finish();
    } else {
      finish();
      word = c;
      if (c != U'\'' || !is_word_character(next)) finish();  // "'m" goes on
    }
  }
  finish();
  return join(words, " ");
}

std::vector<SentencePair> tokenize(std::span<const SentencePair> raw, Loc loc) {
  std::vector<SentencePair> pairs;
  pairs.reserve(raw.size());
  for (const SentencePair& pair : raw) pairs.push_back({tokenize(pair.source, loc), tokenize(pair.target, loc)});
  return pairs;
}

PairSplit split_pairs(std::span<const SentencePair> pairs, double fraction, uint64_t seed, Loc loc) {
  if (!(fraction >= 0 && fraction <= 1))
    fail<ValueError>({"split_pairs", loc}, "fraction is {}; need 0 to 1", fraction);
  std::map<std::string_view, int64_t> rank;  // of each distinct source, in order of appearance
  for (const SentencePair& pair : pairs) rank.emplace(pair.source, static_cast<int64_t>(rank.size()));
  Rng rng(seed);
  const std::vector<int64_t> place = rng.randperm(std::ssize(rank));
  const int64_t held = std::llround(fraction * static_cast<double>(rank.size()));
  PairSplit split;
  for (const SentencePair& pair : pairs)
    (place[rank[pair.source]] < held ? split.held_out : split.train).push_back(pair);
  return split;
}

// --- tokens ----------------------------------------------------------------------------------------------------------

constexpr const char* kSpecialTokens[] = {"<pad>", "<bos>", "<eos>"};

SentenceTokens::SentenceTokens(Words words)
    : tokens_(std::move(words)), special_{Words::kPad, Words::kBos, Words::kEos, Words::kUnk} {}

SentenceTokens::SentenceTokens(Bpe pieces, Loc loc) : tokens_(std::move(pieces)), special_{-1, -1, -1, -1} {
  const std::vector<SpecialToken>& special = bpe()->special();
  for (size_t i = 0; i < std::size(kSpecialTokens); ++i) {
    const auto found = std::ranges::find(special, std::string_view(kSpecialTokens[i]), &SpecialToken::text);
    if (found == special.end())
      fail<ValueError>({"SentenceTokens", loc}, "the tokenizer lacks the special token \"{}\"", kSpecialTokens[i]);
    special_[i] = found->id;
  }
}

SentenceTokens SentenceTokens::pieces(std::span<const std::string> sentences, int64_t count, Loc loc) {
  const Op op{"SentenceTokens::pieces", loc};
  std::string text;
  for (const std::string& sentence : sentences) text += ' ' + sentence + '\n';
  return Bpe::train(text, count, std::vector<std::string>(std::begin(kSpecialTokens), std::end(kSpecialTokens)));
}

std::vector<int64_t> SentenceTokens::encode(std::string_view sentence) const {
  if (words()) return words()->encode(sentence);
  if (sentence.find_first_not_of(' ') == sentence.npos) return {};
  return bpe()->encode(' ' + std::string(sentence));  // so that the first word is like any other
}

std::string SentenceTokens::decode(std::span<const int64_t> ids, Loc loc) const {
  const Op op{"SentenceTokens::decode", loc};
  if (words()) return words()->decode(ids);
  std::vector<int64_t> text(ids.begin(), std::find(ids.begin(), ids.end(), end()));
  std::erase_if(text, [&](int64_t id) { return id == pad() || id == begin(); });
  return join(split_words(valid_utf8(bpe()->decode(text))), " ");
}

std::vector<std::string> SentenceTokens::unknown(std::string_view sentence) const {
  return words() ? words()->unknown(sentence) : std::vector<std::string>();
}

std::string SentenceTokens::shown(int64_t id, Loc loc) const {
  const Op op{"SentenceTokens::shown", loc};
  if (words()) return words()->word(id);
  const std::string& token = bpe()->token(id);
  if (std::find(special_.begin(), special_.end(), id) != special_.end()) return token;
  return token.starts_with(' ') ? valid_utf8(token.substr(1)) : "##" + valid_utf8(token);
}

std::vector<std::string> SentenceTokens::shown(std::string_view sentence) const {
  if (words()) return split_words(sentence);
  std::vector<std::string> all;
  for (const int64_t id : encode(sentence)) all.push_back(shown(id));
  return all;
}

SentenceTokens SentenceTokens::from_json(std::string_view json, Loc loc) {
  const Op op{"SentenceTokens::from_json", loc};
  const Tokenizer tokenizer = Tokenizer::from_json(json);
  if (const auto* words = std::get_if<Words>(&tokenizer.kind())) return *words;
  const auto* pieces = std::get_if<Bpe>(&tokenizer.kind());
  if (!pieces) fail<FileError>(op, "the tokens are characters; need words or byte pairs");
  try {
    return *pieces;
  } catch (const ValueError& error) {
    throw FileError(error.what());
  }
}

// --- batches ---------------------------------------------------------------------------------------------------------

PairSet::PairSet(std::span<const SentencePair> pairs, const SentenceTokens& source, const SentenceTokens& target,
                 Loc loc)
    : source_pad_(source.pad()), target_pad_(target.pad()), begin_(target.begin()), end_(target.end()) {
  const Op op{"PairSet", loc};
  if (pairs.empty()) fail<ValueError>(op, "there are no pairs; need at least one");
  for (const SentencePair& pair : pairs) {
    pairs_.push_back({source.encode(pair.source), target.encode(pair.target)});
    if (pairs_.back().source.empty() || pairs_.back().target.empty())
      fail<ValueError>(op, "pair {} is \"{}\" and \"{}\"; need words on both sides", pairs_.size() - 1, pair.source,
                       pair.target);
  }
}

PairBatch PairSet::batch(std::span<const int64_t> rows, Loc loc) const {
  const Op op{"PairSet::batch", loc};
  if (rows.empty()) fail<ValueError>(op, "there are no rows; need at least one");
  const int64_t B = std::ssize(rows);
  int64_t S = 0, T = 0;
  for (const int64_t row : rows) {
    if (row < 0 || row >= size()) fail<IndexError>(op, "row {} is not one of the {} pairs", row, size());
    S = std::max(S, std::ssize(pairs_[row].source));
    T = std::max(T, std::ssize(pairs_[row].target) + 1);
  }
  PairBatch b{full({B, S}, static_cast<double>(source_pad_), i64), empty({B}, i64),
              full({B, T}, static_cast<double>(target_pad_), i64), full({B, T}, -1, i64)};
  for (int64_t i = 0; i < B; ++i) {
    const auto& [source, target] = pairs_[rows[i]];
    int64_t* input = b.decoder_input.mutable_data<int64_t>() + i * T;
    int64_t* wanted = b.targets.mutable_data<int64_t>() + i * T;
    b.source_length.mutable_data<int64_t>()[i] = std::ssize(source);
    std::copy(source.begin(), source.end(), b.source.mutable_data<int64_t>() + i * S);
    *input = begin_;
    std::copy(target.begin(), target.end(), input + 1);
    *std::copy(target.begin(), target.end(), wanted) = end_;
  }
  return b;
}

std::vector<std::vector<int64_t>> PairSet::epoch(int64_t batch, Rng& rng, Loc loc) const {
  std::vector<int64_t> order = rng.randperm(size());
  std::ranges::stable_sort(
      order, {}, [&](int64_t row) { return std::pair(pairs_[row].source.size(), pairs_[row].target.size()); });
  auto sorted = cut(order, batch, {"PairSet::epoch", loc});
  std::vector<std::vector<int64_t>> batches;
  for (const int64_t i : rng.randperm(std::ssize(sorted))) batches.push_back(std::move(sorted[i]));
  return batches;
}

std::vector<std::vector<int64_t>> PairSet::in_order(int64_t batch, Loc loc) const {
  std::vector<int64_t> order(pairs_.size());
  std::iota(order.begin(), order.end(), 0);
  return cut(order, batch, {"PairSet::in_order", loc});
}

PairSplit grammar_pairs(int64_t train, int64_t held_out, uint64_t seed, Loc loc) {
  Rng rng(seed);
  PairSplit split;
  split.train = Grammar::pairs(train, {.split = Split::train}, rng, loc);
  split.held_out = Grammar::pairs(held_out, {.split = Split::test}, rng, loc);
  for (SentencePair& pair : split.train)
    if (rng.random() % 10 == 0) pair.source += " .", pair.target += " .";
  const std::vector<SentencePair> phrases = Grammar::phrases();
  split.train.insert(split.train.end(), phrases.begin(), phrases.end());
  return split;
}

std::vector<std::string> side(std::span<const SentencePair> pairs, std::string SentencePair::*which) {
  std::vector<std::string> sentences;
  for (const SentencePair& pair : pairs) sentences.push_back(pair.*which);
  return sentences;
}

int64_t PairBatch::target_tokens() const {
  const std::vector<int64_t> ids = targets.to_vector<int64_t>();
  return std::count_if(ids.begin(), ids.end(), [](int64_t id) { return id >= 0; });
}

PairBatches::PairBatches(const PairSet& set, int64_t batch, uint64_t seed, Loc loc)
    : set_(set), batch_(batch), seed_(seed) {
  if (batch < 1) fail<ValueError>({"PairBatches", loc}, "batch {}; need at least 1", batch);
}

PairBatch PairBatches::at(int64_t step) {
  const int64_t count = (set_.size() + batch_ - 1) / batch_, epoch = step / count;
  if (epoch != epoch_) {
    Rng rng(seed_ + 1000003 * static_cast<uint64_t>(epoch + 1));
    rows_ = set_.epoch(batch_, rng);
    epoch_ = epoch;
  }
  return set_.batch(rows_[static_cast<size_t>(step % count)]);
}

}  // namespace heed::train
