// Byte pair encoding. Outside numbers: Hugging Face tokenizers 0.23.3,
// ByteLevelBPETokenizer(add_prefix_space=False), trained with vocab_size=280, min_frequency=2 on kText; its
// pieces from pre_tokenizers.ByteLevel.
#include <filesystem>
#include <set>

#include <heed/train/data/grammar/grammar.h>
#include <heed/train/data/text.h>
#include <heed/train/data/tokenizer/bpe.h>
#include <heed/train/data/tokenizer/pieces.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

using Ids = std::vector<int64_t>;

const std::string kText =
    "the cat that was sitting on the mat , which was next to the dog , jumped\n"
    "the cats that were sitting on the mats were jumping\n";

const std::string kMerges =
    "t h\na t\nĠ w\nĠ th\ni n\nĠth e\nin g\na s\nc at\ne r\ni t\nj u\nm p\nm at\no n\ns it\nt "
    "ing\n"
    "Ġ ,\nĠ cat\nĠ ju\nĠ mat\nĠ on\nĠ sit\nth e\n";

std::string cut(const std::string& text, Cut how = Cut::gpt2) {
  std::string marked;
  for (const auto piece : train::pieces_of(text, how)) marked.append("[").append(piece).append("]");
  return marked;
}

}  // namespace

TEST_CASE("bpe: text is cut as GPT-2 cuts it", "[tokenizer]") {
  CHECK(cut("I'll say   it's 1,234 don't--they've\t gone...  \n\nEnd \n") ==
        "[I]['ll][ say][  ][ it]['s][ 1][,][234][ don]['t][--][they]['ve][\t][ gone][...][  \n][\n][End][ \n]");
  CHECK(cut("Où est l'été ? 12½€ «voilà»") == "[Où][ est][ l]['][été][ ?][ 12½][€][ «][voilà][»]");
  CHECK(cut("  a") == "[ ][ a]");
  CHECK(cut("a  ") == "[a][  ]");
  CHECK(cut("\n\n\na b\n c") == "[\n\n][\n][a][ b][\n][ c]");
  CHECK(cut("x'S'll 'tis") == "[x]['][S]['ll][ '][tis]");
  CHECK(cut("日本 a1b2") == "[日本][ a][1][b][2]");
  CHECK(cut("a\u00A0\u00A0b") == "[a][\u00A0][\u00A0][b]");
  CHECK(cut(" ") == "[ ]");
  CHECK(cut("") == "");
}

TEST_CASE("bpe: text is cut as GPT-4, Llama 3, nanochat and Qwen cut it", "[tokenizer]") {
  const std::string text = "I'LL say   it's 1,23456 (don't)--\"they've\"\t gone...\n\n \nEnd  \n";
  CHECK(cut(text, Cut::llama3) ==
        "[I]['LL][ say][  ][ it]['s][ ][1][,][234][56][ (][don]['t][)--\"][they]['ve][\"][\t][ gone][...\n\n][ \n]"
        "[End][  \n]");
  CHECK_THAT(cut(text, Cut::nanochat), Contains("[ ][1][,][23][45][6][ (]"));
  CHECK_THAT(cut(text, Cut::qwen2), Contains("[ ][1][,][2][3][4][5][6][ (]"));
  CHECK(cut("\r\n  a", Cut::llama3) == "[\r\n][ ][ a]");
  CHECK(cut("a  ", Cut::llama3) == "[a][  ]");
  CHECK(cut("\tx\n\ty", Cut::llama3) == "[\tx][\n][\ty]");
  CHECK(cut("日本,語 ½", Cut::llama3) == "[日本][,語][ ][½]");
  CHECK(cut("'\u017Fa 'Ve'", Cut::llama3) == "['\u017F][a][ '][Ve][']");
  CHECK(cut("'sa 'x", Cut::llama3) == "['s][a][ '][x]");
  CHECK(cut(text, Cut::none) == "[" + text + "]");
}

TEST_CASE("bpe: text is cut as SmolLM cuts it, digits first", "[tokenizer]") {
  CHECK(cut("in 1984,  42 x\n 7  ", Cut::smollm) == "[in][ ][1][9][8][4][,][  ][4][2][ x][\n ][7][  ]");
  CHECK(cut("a1 b'll", Cut::smollm) == "[a][1][ b]['ll]");
}

TEST_CASE("bpe: training learns the reference's merges in its order", "[tokenizer]") {
  const Bpe bpe = Bpe::train(kText, 280);
  CHECK(bpe.size() == 280);
  CHECK(join(bpe.shown_merges(), "\n") + "\n" == kMerges);
  CHECK(bpe.encode("the cats that jumped on it") == Ids{279, 274, 82, 259, 257, 275, 268, 68, 67, 277, 220, 266});
  CHECK(bpe.encode("été: 😀\n") == Ids{127, 102, 83, 127, 102, 25, 220, 172, 253, 246, 222, 198});
}

TEST_CASE("bpe: any bytes decode to themselves", "[tokenizer]") {
  const Bpe bpe = Bpe::train(kText, 280);
  std::string bytes = kText + "\xFF\xC3 été 😀 \xF0\x9F";
  for (int b = 0; b < 256; ++b) bytes += static_cast<char>(b);
  CHECK(bpe.decode(bpe.encode(bytes)) == bytes);
  CHECK(bpe.encode("").empty());
  std::set<std::string> tokens;
  for (int64_t id = 0; id < 256; ++id) tokens.insert(bpe.token(id));
  CHECK(tokens.size() == 256);
  CHECK(bpe.token(0) == "!");  // GPT-2's ids
  CHECK(bpe.token(220) == " ");
  CHECK(bpe.token(198) == "\n");
  CHECK_THROWS_WITH(bpe.decode(Ids{280}), Contains("id 280 is not in the vocabulary; need 0 to 279"));
}

TEST_CASE("bpe: training stops when nothing repeats, and at the vocabulary asked for", "[tokenizer]") {
  CHECK(Bpe::train("abcdef", 1000).size() == 256);
  CHECK(Bpe::train("", 1000).size() == 256);
  CHECK(Bpe::train("abab", 1000).size() == 257);  // "ab" twice; "abab" once
  CHECK(Bpe::train("aaaa", 1000).size() == 257);  // three overlapping pairs, one merge
  CHECK(Bpe::train(kText, 256).size() == 256);
  CHECK_THROWS_WITH(Bpe::train(kText, 255),
                    Contains("vocabulary is 255; need at least the 256 bytes") && Contains("test_bpe.cpp"));
}

TEST_CASE("bpe: the stories of seed 1 take 54,244 tokens of a vocabulary of 500, as the tokenizers package says",
          "[tokenizer]") {
  Rng rng(1);
  const std::string text = Grammar::stories(200000, rng);
  REQUIRE(text.size() == 200313);
  const Bpe bpe = Bpe::train(text, 500);
  const Ids ids = bpe.encode(text);
  CHECK(ids.size() == 54244);  // of a ByteLevel BPE trained on the same file
  CHECK(bpe.decode(ids) == text);
}
