#include <heed/train/data/corpus.h>

#include <algorithm>
#include <cstring>
#include <list>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/mapped_file.h>
#include <heed/train/data/text.h>

namespace heed::train {

namespace {

constexpr int64_t kMostNarrow = 1 << 16;  // tokens whose ids fit into two bytes

std::string_view name_of(Part part) { return part == Part::train ? "training" : "validation"; }

void check_sizes(int64_t batch, int64_t context, const Op& op) {
  if (batch < 1 || context < 1) fail<ValueError>(op, "batch is {} and context {}; need at least 1", batch, context);
}

/// A whole file of ids, mapped; the part behind llm.c's header if there is one.
std::span<const uint16_t> read_bin(const MappedFile& file, const std::filesystem::path& path, int64_t vocabulary,
                                   const Op& op) {
  constexpr int32_t kMagic = 20240520, kWideMagic = 20240801, kVersion = 1;  // llm.c, dev/data/data_common.py
  constexpr size_t kHeader = 256 * sizeof(int32_t);
  std::span<const std::byte> bytes = file.bytes();
  int32_t header[3] = {};
  if (bytes.size() >= kHeader) std::memcpy(header, bytes.data(), sizeof header);
  if (bytes.size() % 2 != 0)
    fail<FileError>(op, "'{}' has {} bytes; need two for each id", path.string(), bytes.size());
  if (header[0] == kWideMagic)
    fail<FileError>(op, "'{}' has llm.c's header of ids of four bytes; need ids of two, as of GPT-2's tokens",
                    path.string());
  if (header[0] == kMagic && header[1] == kVersion) {
    bytes = bytes.subspan(kHeader);
    if (header[2] < 0 || static_cast<size_t>(header[2]) != bytes.size() / 2)
      fail<FileError>(op, "the header of '{}' says {} ids, but {} follow", path.string(), header[2], bytes.size() / 2);
  }
  if (bytes.empty()) fail<FileError>(op, "'{}' has no ids; need at least one", path.string());
  const std::span ids(reinterpret_cast<const uint16_t*>(bytes.data()), bytes.size() / 2);
  constexpr size_t kBlock = 1 << 20;
  for (size_t i = 0; i < ids.size(); i += kBlock) {  // forgets what it has looked at: a file may exceed the memory
    const auto block = ids.subspan(i, std::min(kBlock, ids.size() - i));
    const auto largest = std::max_element(block.begin(), block.end());
    if (*largest >= vocabulary)
      fail<FileError>(op, "'{}' has the id {} at place {}; need ids of the tokenizer, 0 to {}", path.string(), *largest,
                      largest - ids.begin(), vocabulary - 1);
    file.forget(std::as_bytes(block));
  }
  return ids;
}

/// The directory's file of that name, or the only one that ends in "_" and it.
std::filesystem::path find_bin(const std::filesystem::path& directory, const std::string& name, const Op& op) {
  if (is_there(directory / name)) return directory / name;
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
    if (entry.path().filename().string().ends_with("_" + name)) found.push_back(entry.path());
  if (found.size() != 1)
    fail<FileError>(op, "'{}' has no {}, and {} files *_{}; need one", directory.string(), name, found.size(), name);
  return found[0];
}

/// The windows of `context` tokens that begin at the offsets.
TokenBatch rows(const TokenIds& tokens, std::span<const int64_t> offsets, int64_t context) {
  const int64_t B = std::ssize(offsets);
  TokenBatch made{empty({B, context}, i64), empty({B, context}, i64)};
  int64_t *x = made.x.mutable_data<int64_t>(), *y = made.y.mutable_data<int64_t>();
  for (int64_t b = 0; b < B; ++b) {
    for (int64_t t = 0; t < context; ++t) {
      x[b * context + t] = tokens[offsets[b] + t];
      y[b * context + t] = tokens[offsets[b] + t + 1];
    }
  }
  return made;
}

}  // namespace

Corpus Corpus::from_text(std::string_view text, Tokenizer tokenizer, std::optional<Part> whole, Loc loc) {
  const Op op{"Corpus::from_text", loc};
  if (text.empty()) fail<ValueError>(op, "the text is empty; need at least one character");
  const auto made = [&]<class Id>(Id) {
    auto ids = std::make_shared<std::vector<Id>>();
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view part = tokenizer.first_part(rest);
      for (const int64_t id : tokenizer.encode(part)) ids->push_back(static_cast<Id>(id));
      rest.remove_prefix(part.size());
    }
    const TokenIds all{std::span<const Id>(*ids)};
    const size_t cut = !whole ? all.size() * 9 / 10 : *whole == Part::train ? all.size() : 0;
    return Corpus(std::move(tokenizer), std::move(ids), all.part(0, cut), all.part(cut, all.size() - cut));
  };
  return tokenizer.size() <= kMostNarrow ? made(uint16_t{}) : made(int32_t{});
}

Corpus Corpus::from_text(std::string_view text, Loc loc) {
  return from_text(text, Chars::from_text(text, loc), {}, loc);
}

Corpus Corpus::from_file(const std::filesystem::path& path, Loc loc) {
  const Op op{"Corpus::from_file", loc};
  return from_text(unix_text(read_text(path)));
}

Corpus Corpus::from_directory(const std::filesystem::path& directory, std::optional<Tokenizer> tokenizer, Loc loc) {
  const Op op{"Corpus::from_directory", loc};
  const auto train_path = find_bin(directory, kTrainFile, op),
             validation_path = find_bin(directory, kValidationFile, op);
  if (!tokenizer && !is_there(directory / kTokenizerFile))
    fail<FileError>(op, "'{}' has no {}; need one there or a tokenizer, as by --tokenizer FILE, which made its ids",
                    directory.string(), kTokenizerFile);
  if (!tokenizer) tokenizer = Tokenizer::load(directory / kTokenizerFile);
  const auto open = [&](const std::filesystem::path& path) {
    auto file = std::make_shared<const MappedFile>(op, path, "ids of two bytes each");
    return std::pair(file, TokenIds(read_bin(*file, path, tokenizer->size(), op)));
  };
  auto train = open(train_path), validation = open(validation_path);
  const TokenIds train_ids = train.second, validation_ids = validation.second;
  return Corpus(std::move(*tokenizer), std::make_shared<std::pair<decltype(train), decltype(train)>>(train, validation),
                train_ids, validation_ids);
}

std::vector<int64_t> TokenIds::to_vector() const {
  std::vector<int64_t> ids(size_);
  for (size_t i = 0; i < size_; ++i) ids[i] = (*this)[i];
  return ids;
}

int64_t Corpus::bytes(Part part) const {
  constexpr size_t kBlock = 1 << 16;
  const TokenIds& ids = tokens(part);
  int64_t bytes = 0;
  for (size_t i = 1; i < ids.size(); i += kBlock)
    bytes += std::ssize(tokenizer_.decode(ids.part(i, std::min(kBlock, ids.size() - i)).to_vector(), false));
  return bytes;
}

TokenBatch Corpus::batch(int64_t batch, int64_t context, Rng& rng, Part part, Loc loc) const {
  const Op op{"Corpus::batch", loc};
  check_sizes(batch, context, op);
  const TokenIds& all = tokens(part);
  if (static_cast<int64_t>(all.size()) <= context)
    fail<ValueError>(op, "the {} split has {} tokens; a context of {} needs at least {}", name_of(part), all.size(),
                     context, context + 1);
  std::vector<int64_t> offsets(batch);
  rng.randint(offsets.data(), batch, 0, static_cast<int64_t>(all.size()) - context);
  return rows(all, offsets, context);
}

std::vector<TokenBatch> Corpus::windows(int64_t batch, int64_t context, Part part, Loc loc) const {
  const Op op{"Corpus::windows", loc};
  check_sizes(batch, context, op);
  const TokenIds& all = tokens(part);
  const int64_t predicted = static_cast<int64_t>(all.size()) - 1;
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

std::pair<int64_t, int64_t> prepare_corpus(const std::filesystem::path& path, const Tokenizer& tokenizer,
                                           const std::filesystem::path& directory, bool keep_cr, Loc loc) {
  const Op op{"prepare_corpus", loc};
  if (tokenizer.size() > kMostNarrow)
    fail<FileError>(op, "the vocabulary has {} tokens; need at most {}, as an id takes two bytes", tokenizer.size(),
                    kMostNarrow);
  const MappedFile file(op, path, "a text file");
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  size_t cut = text.size() / 10 * 9 + text.size() % 10 * 9 / 10, line = 1;
  const auto splits = [&](size_t at) {  // a character, a line end, or what would look like a byte order mark
    return (text[at] & 0xC0) == 0x80 || text.substr(at - 1, 2) == "\r\n" || text.substr(at).starts_with("\xEF\xBB\xBF");
  };
  while (cut > 0 && cut < text.size() && splits(cut)) --cut;
  const auto write = [&](AtomicFile& out, std::string_view rest) {
    int64_t count = 0;
    while (!rest.empty()) {
      const std::string_view part = tokenizer.first_part(rest);
      check_text(part, path, part.data() - text.data(), line, op);
      std::vector<uint16_t> ids;
      for (const int64_t id : tokenizer.encode(keep_cr ? std::string(part) : unix_text(std::string(part))))
        ids.push_back(static_cast<uint16_t>(id));
      out.write(std::as_bytes(std::span(ids)));
      count += std::ssize(ids);
      rest.remove_prefix(part.size());
      file.forget(std::as_bytes(std::span(part)));
    }
    return count;
  };
  std::list<AtomicFile> files;
  AtomicFile &train = files.emplace_back(directory / kTrainFile),
             &names = files.emplace_back(directory / kTokenizerFile),
             &validation = files.emplace_back(directory / kValidationFile);
  const std::pair counts(write(train, text.substr(0, cut)), write(validation, text.substr(cut)));
  if (counts.first == 0 || counts.second == 0)
    fail<FileError>(op, "'{}' has {} bytes; need text for both parts", path.string(), text.size());
  names.write(tokenizer.to_json());
  commit_together(files);
  return counts;
}

}  // namespace heed::train
