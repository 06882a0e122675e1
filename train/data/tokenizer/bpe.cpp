#include <heed/train/data/tokenizer/bpe.h>

#include <algorithm>
#include <iterator>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/gpt2.h>

namespace heed::train {

namespace {

struct HashPair {
  size_t operator()(const Bpe::Pair& pair) const {
    return (static_cast<uint64_t>(pair.first) << 32 | static_cast<uint64_t>(pair.second)) * 0x9E3779B97F4A7C15u >> 32;
  }
};

/// The places of a pair in the pieces, and how often it occurs there.
struct Seen {
  int64_t count = 0;
  std::vector<int32_t> pieces;
};

/// The pair whose turn it is comes last.
struct LaterTurn {
  using Turn = std::pair<int64_t, Bpe::Pair>;  // count and pair, as they were when it was queued
  bool operator()(const Turn& a, const Turn& b) const {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  }
};

}  // namespace

Bpe::Bpe() : table_(2), id_of_byte_(256) {
  // The bytes shown as themselves come first, then the others: the order of the characters that show them.
  std::vector<std::string> bytes;
  for (int b = 0; b < 256; ++b) bytes.emplace_back(1, static_cast<char>(b));
  std::ranges::sort(bytes, {}, shown_bytes);
  for (const std::string& byte : bytes) id_of_byte_[static_cast<unsigned char>(byte[0])] = add(byte);
}

int64_t Bpe::add(const std::string& token) {
  tokens_.push_back(token);
  return size() - 1;
}

void Bpe::set_special(std::vector<SpecialToken> special) {
  special_ = std::move(special);
  by_text_ = {};
  std::ranges::stable_sort(special_, std::greater(), [](const SpecialToken& s) { return s.text.size(); });
  for (size_t i = 0; i < special_.size(); ++i) by_text_[special_[i].normalized].push_back(static_cast<int32_t>(i));
  for (auto& kind : by_text_)
    std::ranges::stable_sort(kind, {}, [&](int32_t i) { return std::string_view(special_[i].text); });
}

const SpecialToken* Bpe::special_at(std::string_view text, bool normalized) const {
  std::span<const int32_t> agree = by_text_[normalized];  // in the first n bytes; those that have no more come first
  const SpecialToken* longest = nullptr;
  for (size_t n = 0; n < text.size() && !agree.empty(); ++n) {
    const auto byte = [&](int32_t i) { return n < special_[i].text.size() ? special_[i].text[n] & 0xFF : -1; };
    const int next = text[n] & 0xFF;
    agree = {std::ranges::lower_bound(agree, next, {}, byte), std::ranges::upper_bound(agree, next, {}, byte)};
    if (!agree.empty() && special_[agree[0]].text.size() == n + 1) longest = &special_[agree[0]];
  }
  return longest;
}

std::string Bpe::normalized(std::string_view text) const {
  const std::string made = form_.composes        ? composed(text)
                           : form_.of_characters ? spaces_shown(text)
                                                 : std::string(text);
  return form_.added_space == AddedSpace::all ? " " + made : made;
}

std::vector<Bpe::Part> Bpe::parts(std::string_view text, std::deque<std::string>& made) const {
  std::vector<Part> parts;
  for (const Part& part : cut(text, false))
    if (part.special) parts.push_back(part);
    else
      std::ranges::copy(
          cut(form_.composes || form_.of_characters ? made.emplace_back(normalized(part.text)) : part.text, true),
          std::back_inserter(parts));
  if (form_.added_space == AddedSpace::first_without || form_.added_space == AddedSpace::all_without)
    for (Part& part :
         std::span(parts).first(form_.added_space == AddedSpace::all_without ? parts.size() : !parts.empty()))
      if (!part.special && part.text[0] != ' ') part.text = made.emplace_back(" ").append(part.text);
  return parts;
}

std::vector<Bpe::Part> Bpe::cut(std::string_view text, bool normalized) const {
  std::vector<Part> parts;
  const auto add_text = [&](std::string_view part) {
    if (!part.empty()) parts.push_back({part, nullptr});
  };
  const auto take_white = [text](size_t& at) { return class_of(next_code_point(text, at)) == CharClass::space; };
  size_t begin = 0;  // of the text that no part has yet
  for (size_t i = 0; i < text.size() && !by_text_[normalized].empty();) {
    const SpecialToken* token = special_at(text.substr(i), normalized);
    if (!token) {
      ++i;
      continue;
    }
    size_t first = i, last = i + token->text.size();  // of it and the white space that it takes
    if (token->strip_left)
      for (size_t at = first = begin; at < i;)
        if (!take_white(at)) first = at;
    if (token->strip_right)
      for (size_t at = last; at < text.size() && take_white(at);) last = at;
    add_text(text.substr(begin, first - begin));
    parts.push_back({text.substr(first, last - first), token});
    begin = i = last;
  }
  add_text(text.substr(begin));
  return parts;
}

size_t Bpe::slot(int32_t left, int32_t right) const {
  const size_t last = table_.size() - 1;
  size_t i = HashPair()({left, right}) & last;
  while (table_[i].left >= 0 && (table_[i].left != left || table_[i].right != right)) i = (i + 1) & last;
  return i;
}

const Bpe::Merge* Bpe::find_merge(int32_t left, int32_t right) const {
  const Merge& found = table_[slot(left, right)];
  return found.left < 0 ? nullptr : &found;
}

bool Bpe::add_merge(Pair pair, int64_t id) {
  if (table_.size() < 2 * order_.size() + 2)  // at most half full
    for (Merge merge : std::exchange(table_, std::vector<Merge>(2 * table_.size())))
      if (merge.left >= 0) table_[slot(merge.left, merge.right)] = merge;
  const auto [left, right] = std::pair(static_cast<int32_t>(pair.first), static_cast<int32_t>(pair.second));
  Merge& merge = table_[slot(left, right)];
  if (merge.left >= 0) return false;
  merge = {left, right, static_cast<int32_t>(order_.size()), static_cast<int32_t>(id)};
  order_.push_back(pair);
  return true;
}

Bpe Bpe::train(std::string_view text, int64_t vocabulary, std::span<const std::string> special, Loc loc) {
  const Op op{"Bpe::train", loc};
  if (vocabulary < 256 + std::ssize(special))
    fail<ValueError>(op, "vocabulary is {}; need at least the 256 bytes{}", vocabulary,
                     special.empty() ? "" : fmt::format(" and {} special tokens", special.size()));
  Bpe bpe;
  std::unordered_map<std::string_view, int64_t> frequency;
  std::set<std::string_view> distinct;
  std::vector<SpecialToken> added;
  for (const std::string& token : special) {
    if (token.empty() || !distinct.insert(token).second)
      fail<ValueError>(op, "the special token \"{}\" is {}; need distinct texts", token,
                       token.empty() ? "empty" : "there twice");
    added.push_back({.text = token});
  }
  bpe.set_special(std::move(added));
  std::deque<std::string> made;
  for (const Part& part : bpe.parts(text, made))
    if (!part.special)
      for (const std::string_view piece : pieces_of(part.text, bpe.form_.cut)) ++frequency[piece];
  std::unordered_map<std::string, int64_t> id_of;
  for (int64_t id = 0; id < bpe.size(); ++id) id_of.emplace(bpe.tokens_[id], id);
  const int64_t most = vocabulary - std::ssize(special);

  std::vector<std::pair<std::vector<int64_t>, int64_t>> pieces;
  std::unordered_map<Pair, Seen, HashPair> seen;
  std::priority_queue<LaterTurn::Turn, std::vector<LaterTurn::Turn>, LaterTurn> queue;
  const auto count = [&](Pair pair, int64_t times, size_t piece) -> Seen& {
    Seen& s = seen[pair];
    s.count += times;
    const auto place = static_cast<int32_t>(piece);
    if (times > 0 && (s.pieces.empty() || s.pieces.back() != place)) s.pieces.push_back(place);
    return s;
  };
  for (const auto& [piece, times] : frequency) {
    auto& [ids, n] = pieces.emplace_back(std::vector<int64_t>{}, times);
    for (const char c : piece) ids.push_back(bpe.id_of_byte_[static_cast<unsigned char>(c)]);
    for (size_t i = 0; i + 1 < ids.size(); ++i) count({ids[i], ids[i + 1]}, times, pieces.size() - 1);
  }
  for (const auto& [pair, s] : seen) queue.emplace(s.count, pair);

  while (bpe.size() < most && !queue.empty()) {
    const int64_t was = queue.top().first;
    const Pair pair = queue.top().second;
    queue.pop();
    const auto found = seen.find(pair);
    if (found == seen.end() || found->second.count < 2) continue;
    if (found->second.count != was) {  // others took some of its places
      queue.emplace(found->second.count, pair);
      continue;
    }
    const std::string merged = bpe.tokens_[pair.first] + bpe.tokens_[pair.second];
    const auto [named, fresh] = id_of.emplace(merged, bpe.size());  // two merges may spell one token
    if (fresh) bpe.add(merged);
    bpe.add_merge(pair, named->second);
    const std::vector<int32_t> places = std::move(found->second.pieces);
    seen.erase(found);
    std::vector<Pair> grown;
    for (const int32_t place : places) {
      std::vector<int64_t>& ids = pieces[place].first;
      const int64_t times = pieces[place].second;
      // Every occurrence becomes the token, from the left; only its neighbours' pairs change.
      size_t kept = 0;
      for (size_t i = 0; i < ids.size(); ++i, ++kept) {
        if (i + 1 == ids.size() || ids[i] != pair.first || ids[i + 1] != pair.second) {
          ids[kept] = ids[i];
          continue;
        }
        const auto replace = [&](Pair old, Pair now) {
          if (old != pair) count(old, -times, place);
          count(now, times, place);
          grown.push_back(now);
        };
        if (kept > 0) replace({ids[kept - 1], pair.first}, {ids[kept - 1], named->second});
        if (i + 2 < ids.size()) replace({pair.second, ids[i + 2]}, {named->second, ids[i + 2]});
        ids[kept] = named->second;
        ++i;
      }
      ids.resize(kept);
    }
    std::sort(grown.begin(), grown.end());
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    for (const Pair& now : grown)
      if (const auto s = seen.find(now); s != seen.end()) queue.emplace(s->second.count, now);
  }
  for (SpecialToken& token : bpe.special_) token.id = bpe.add(token.text);
  return bpe;
}

const std::string& Bpe::token(int64_t id, Loc loc) const {
  if (id < 0 || id >= size())
    fail<IndexError>({"Bpe::token", loc}, "id {} is not in the vocabulary; need 0 to {}", id, size() - 1);
  return tokens_[id];
}

bool Bpe::cuts_at_spaces() const {
  return form_.cut != Cut::none && form_.added_space == AddedSpace::none &&
         std::none_of(special_.begin(), special_.end(), [](const SpecialToken& token) {
           const std::u32string text = decode_utf8(token.text);
           return token.strip_left || token.strip_right || std::any_of(text.begin(), text.end(), is_space);
         });
}

int64_t Bpe::id_of_character(std::string_view text, size_t& i) const {
  const bool ascii = (text[i] & 0x80) == 0;
  const size_t begin = i;
  const auto found = characters_.find(next_code_point(text, i));
  return found != characters_.end() && (ascii || i > begin + 1) ? found->second : -1;
}

/// Merges the tokens of one piece after the other.
class Bpe::Merger {
 public:
  explicit Merger(const Bpe& bpe) : bpe_(bpe) {}

  /// Appends the tokens of `piece` to `ids`.
  void append(std::string_view piece, std::vector<int64_t>& ids, const Op& op) {
    if (piece.size() > INT32_MAX) fail<ValueError>(op, "a piece has {} bytes; need less than 2^31", piece.size());
    links_.clear();
    for (size_t i = 0, next = 0; i < piece.size(); i = next) {
      const auto byte = static_cast<unsigned char>(piece[i]);
      int64_t id = bpe_.form_.of_characters ? bpe_.id_of_character(piece, next) : -1;
      if (id < 0) id = bpe_.id_of_byte_[byte], next = i + 1;
      if (id < 0)
        fail<ValueError>(op, "the vocabulary has no token for the byte 0x{:02x}, and so none for \"{}\"", byte, piece);
      links_.push_back({static_cast<int32_t>(id), size() - 1, size() + 1});
    }
    const int32_t end = size();
    for (int32_t i = 0; i + 1 < end; ++i) queue(i);
    while (!turns_.empty()) {
      const int32_t i = turns_.top().second;
      const Bpe::Merge& merge = *turns_.top().first;
      turns_.pop();
      Link& left = links_[i];
      const int32_t next = left.next;
      if (left.id != merge.left || next == end || links_[next].id != merge.right) continue;  // a neighbour was taken
      left.id = merge.id;
      left.next = links_[next].next;
      links_[next].id = -1;
      if (left.next < end) links_[left.next].previous = i;
      queue(i);
      if (left.previous >= 0) queue(left.previous);
    }
    for (int32_t i = 0; i < end; i = links_[i].next) ids.push_back(links_[i].id);
  }

 private:
  struct Link {
    int32_t id, previous, next;  // id -1: merged into the one before
  };
  using Turn = std::pair<const Bpe::Merge*, int32_t>;  // and the place of its left token
  struct Later {
    bool operator()(const Turn& a, const Turn& b) const {
      return a.first->rank != b.first->rank ? a.first->rank > b.first->rank : a.second > b.second;
    }
  };

  int32_t size() const { return static_cast<int32_t>(links_.size()); }
  /// The pair that begins at i waits for its turn, if it merges.
  void queue(int32_t i) {
    const int32_t next = links_[i].next;
    if (next == size()) return;
    if (const Bpe::Merge* merge = bpe_.find_merge(links_[i].id, links_[next].id)) turns_.emplace(merge, i);
  }

  const Bpe& bpe_;
  std::vector<Link> links_;
  std::priority_queue<Turn, std::vector<Turn>, Later> turns_;
};

std::vector<int64_t> Bpe::encode(std::string_view text, Loc loc) const {
  constexpr size_t kLongestKnown = 32;  // bytes; words come again and again, and are short
  const Op op{"Bpe::encode", loc};
  std::unordered_map<std::string_view, std::pair<size_t, size_t>> known;  // where in `ids` a piece's tokens are
  std::vector<int64_t> ids;
  Merger merger(*this);
  std::deque<std::string> made;
  for (const Part& part : parts(text, made)) {
    if (part.special) {
      ids.push_back(part.special->id);
      continue;
    }
    for (size_t i = 0, end = 0; i < part.text.size(); i = end) {
      end = piece_end(part.text, i, form_.cut);
      const std::string_view piece = part.text.substr(i, end - i);
      const size_t start = ids.size();
      const auto [found, fresh] =
          piece.size() > kLongestKnown ? std::pair(known.end(), true) : known.try_emplace(piece, start, 0);
      if (fresh) {
        if (const auto whole = form_.takes_whole ? whole_.find(std::string(piece)) : whole_.end();
            whole != whole_.end())
          ids.push_back(whole->second);
        else merger.append(piece, ids, op);
        if (found != known.end()) found->second.second = ids.size() - start;
      } else {
        for (size_t k = 0; k < found->second.second; ++k) ids.push_back(ids[found->second.first + k]);
      }
    }
  }
  return ids;
}

std::string Bpe::decode(std::span<const int64_t> ids, bool begins, Loc loc) const {
  std::string text;
  for (const int64_t id : ids) text += token(id, loc);
  return begins && form_.strips_space && text.starts_with(' ') ? text.substr(1) : text;
}

bool Bpe::operator==(const Bpe& other) const {
  const auto said = [](const Bpe& b) {
    return std::tie(b.form_, b.tokens_, b.special_, b.order_, b.id_of_byte_, b.characters_);
  };
  return said(*this) == said(other);
}

std::vector<std::string> Bpe::names() const {
  std::vector<std::string> names;
  for (const std::string& token : tokens_)
    names.push_back(form_.of_characters ? shown_spaces(token) : shown_bytes(token));
  for (size_t byte = 0; form_.of_characters && byte < id_of_byte_.size(); ++byte)
    if (const int64_t id = id_of_byte_[byte]; id >= 0) names[static_cast<size_t>(id)] = name_of_byte(byte);
  for (const SpecialToken& token : special_)
    names[static_cast<size_t>(token.id)] = token.name.empty() ? token.text : token.name;
  return names;
}

std::vector<std::string> Bpe::shown_merges() const {
  const std::vector<std::string> name = names();
  std::vector<std::string> merges;
  for (const auto& [left, right] : order_) merges.push_back(name[left] + " " + name[right]);
  return merges;
}

}  // namespace heed::train
