#include <numeric>

#include <heed/train/data/tokenizer/chars.h>
#include "fuzz.h"

using namespace heed;
using train::Chars;

namespace {

std::vector<int64_t> all_ids(const Chars& chars) {
  std::vector<int64_t> ids(static_cast<size_t>(chars.size()));
  std::iota(ids.begin(), ids.end(), int64_t{0});
  return ids;
}

void check(const Chars& chars) {
  const std::vector<int64_t> ids = all_ids(chars);
  tests::require(chars.encode(chars.decode(ids)) == ids, "every id is the code of its character");
  tests::require(Chars::from_json(chars.to_json()).decode(ids) == chars.decode(ids), "a vocabulary survives JSON");
}

}  // namespace

void heed::tests::fuzz(std::string_view bytes) {
  take_or_refuse([&] { check(Chars::from_json(bytes)); });
  take_or_refuse([&] {
    const Chars chars = Chars::from_text(bytes);
    require(chars.decode(chars.encode(bytes)) == bytes, "a text survives its own vocabulary");
    check(chars);
  });
}
