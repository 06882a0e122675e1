#include <heed/train/data/corpus.h>

#include <algorithm>

#include <heed/train/data/text.h>

namespace heed::train {

namespace {

std::string_view name_of(Part part) { return part == Part::train ? "training" : "validation"; }

void check_sizes(int64_t batch, int64_t context, const Op& op) {
  if (batch < 1 || context < 1) fail<ValueError>(op, "batch is {} and context {}; need at least 1", batch, context);
}

}  // namespace

Corpus Corpus::from_text(std::string_view text, Chars chars, Loc loc) {
  const Op op{"Corpus::from_text", loc};
  if (text.empty()) fail<ValueError>(op, "the text is empty; need at least one character");
  std::vector<int32_t> ids;
  for (const int64_t id : chars.encode(text, loc)) ids.push_back(static_cast<int32_t>(id));
  return Corpus(std::move(chars), std::move(ids));
}

Corpus Corpus::from_text(std::string_view text, Loc loc) { return from_text(text, Chars::from_text(text, loc), loc); }

Corpus Corpus::from_file(const std::filesystem::path& path, Loc loc) {
  return from_text(unix_text(read_text(path, Op{"Corpus::from_file", loc})), loc);
}

std::span<const int32_t> Corpus::tokens(Part part) const {
  const size_t cut = ids_.size() * 9 / 10;
  const std::span all(ids_);
  return part == Part::train ? all.first(cut) : all.subspan(cut);
}

TokenBatch Corpus::rows(std::span<const int32_t> tokens, std::span<const int64_t> offsets, int64_t context) {
  const int64_t B = std::ssize(offsets);
  TokenBatch made{empty({B, context}, i64), empty({B, context}, i64)};
  int64_t *x = made.x.mutable_data<int64_t>(), *y = made.y.mutable_data<int64_t>();
  for (int64_t b = 0; b < B; ++b) {
    const auto window = tokens.subspan(offsets[b], context + 1);
    std::copy(window.begin(), window.end() - 1, x + b * context);
    std::copy(window.begin() + 1, window.end(), y + b * context);
  }
  return made;
}

TokenBatch Corpus::batch(int64_t batch, int64_t context, Rng& rng, Part part, Loc loc) const {
  const Op op{"Corpus::batch", loc};
  check_sizes(batch, context, op);
  const auto all = tokens(part);
  if (std::ssize(all) <= context)
    fail<ValueError>(op, "the {} split has {} tokens; a context of {} needs at least {}", name_of(part), all.size(),
                     context, context + 1);
  std::vector<int64_t> offsets(batch);
  rng.randint(offsets.data(), batch, 0, std::ssize(all) - context, loc);
  return rows(all, offsets, context);
}

std::vector<TokenBatch> Corpus::windows(int64_t batch, int64_t context, Part part, Loc loc) const {
  const Op op{"Corpus::windows", loc};
  check_sizes(batch, context, op);
  const auto all = tokens(part);
  const int64_t predicted = std::ssize(all) - 1;
  if (predicted < 1) fail<ValueError>(op, "the {} split has {} tokens; need at least 2", name_of(part), all.size());
  std::vector<TokenBatch> made;
  std::vector<int64_t> offsets;
  for (int64_t start = 0; start + context <= predicted; start += context) {
    offsets.push_back(start);
    const bool last = start + 2 * context > predicted;
    if (std::ssize(offsets) < batch && !last) continue;
    made.push_back(rows(all, offsets, context));
    offsets.clear();
  }
  if (const int64_t rest = predicted % context; rest > 0) {
    const int64_t start = predicted - rest;
    made.push_back(rows(all, std::span(&start, 1), rest));
  }
  return made;
}

}  // namespace heed::train
