#include <heed/train/tensorboard.h>

#include <cstring>
#include <map>

#include <heed/tensor/io/crc.h>
#include <heed/train/show/png.h>
#include "catch.h"
#include "run_program.h"
#include "temporary_directory.h"

using namespace heed;

namespace {

/// The unsigned number of so many bytes, the least significant first.
uint64_t number(std::string_view bytes) {
  uint64_t n = 0;
  for (size_t i = bytes.size(); i > 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return n;
}

/// CRC-32C bit by bit, masked as TFRecord has it.
uint64_t masked(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0U);
  }
  crc = ~crc;
  return ((crc >> 15 | crc << 17) + 0xA282EAD8U) & 0xFFFFFFFFU;
}

/// The records of a file, their checks checked.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> all;
  for (size_t at = 0; at < file.size();) {
    REQUIRE(at + 12 <= file.size());
    const std::string_view length = std::string_view(file).substr(at, 8);
    REQUIRE(number(file.substr(at + 8, 4)) == masked(length));
    const size_t size = number(length);
    REQUIRE(at + 16 + size <= file.size());
    all.push_back(file.substr(at + 12, size));
    REQUIRE(number(file.substr(at + 12 + size, 4)) == masked(all.back()));
    at += 16 + size;
  }
  return all;
}

/// A message's fields by number: numbers as they are, the rest as bytes.
struct Fields : std::multimap<uint64_t, std::string> {
  explicit Fields(const std::string& message) {
    size_t at = 0;
    const auto varint = [&] {
      uint64_t n = 0;
      for (int shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(message.at(at++));
        n |= uint64_t{byte & 0x7FU} << shift;
        if (byte < 0x80) return n;
      }
    };
    while (at < message.size()) {
      const uint64_t key = varint(), kind = key & 7;
      if (kind == 0) {
        emplace(key >> 3, std::to_string(varint()));
        continue;
      }
      const size_t size = kind == 1 ? 8 : kind == 5 ? 4 : varint();
      REQUIRE(at + size <= message.size());
      emplace(key >> 3, message.substr(at, size));
      at += size;
    }
  }
  std::string at(uint64_t field) const {
    REQUIRE(count(field) == 1);
    return find(field)->second;
  }
};

std::vector<std::filesystem::path> event_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename().string().find("tfevents") != std::string::npos) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("crc: the check values of both polynomials", "[tensorboard]") {
  CHECK(crc<kCrc32>("123456789") == 0xCBF43926);   // catalogue of parametrised CRC algorithms: CRC-32/ISO-HDLC
  CHECK(crc<kCrc32c>("123456789") == 0xE3069283);  // CRC-32/ISCSI
  CHECK(crc<kCrc32c>(std::string(32, '\0')) == 0x8A9136AA);  // RFC 3720, B.4
}

TEST_CASE("tensorboard: an event file holds records of events with their steps, tags and values", "[tensorboard]") {
  const tests::TemporaryDirectory directory;
  {
    train::EventFile events(directory.path(), 0);
    events.scalars(300, {{"loss", 1.25}, {"lr", 0.5}});
    events.text(7, "sample", "été");
    events.image(8, "attention", tensor({{0.0, 1.0, 0.5}}));
  }
  REQUIRE(event_files(directory.path()).size() == 1);
  const auto all = records(tests::content_of(event_files(directory.path())[0]));
  REQUIRE(all.size() == 5);
  CHECK(Fields(all[0]).at(3) == "brain.Event:2");
  const auto value = [&](size_t i) { return Fields(Fields(Fields(all[i]).at(5)).at(1)); };
  const std::pair<const char*, float> scalars[] = {{"loss", 1.25F}, {"lr", 0.5F}};
  for (size_t i = 0; i < 2; ++i) {
    CHECK(Fields(all[1 + i]).at(2) == "300");
    CHECK(value(1 + i).at(1) == scalars[i].first);
    float number = 0;
    std::memcpy(&number, value(1 + i).at(2).data(), sizeof number);
    CHECK(number == scalars[i].second);
    double wall_time = 0;
    std::memcpy(&wall_time, Fields(all[1 + i]).at(1).data(), sizeof wall_time);
    CHECK(wall_time > 1.7e9);
  }
  CHECK(value(3).at(1) == "sample");
  CHECK(Fields(value(3).at(8)).at(8) == "été");
  CHECK(Fields(Fields(value(3).at(9)).at(1)).at(1) == "text");
  const Fields image(value(4).at(4));
  CHECK(image.at(1) == "16");
  CHECK(image.at(2) == "48");
  CHECK(image.at(4) == train::png(tensor({{0.0, 1.0, 0.5}}), 16));
}

TEST_CASE("tensorboard: a run that goes on voids later events, and a new one removes older files", "[tensorboard]") {
  const tests::TemporaryDirectory directory;
  train::EventFile(directory.path(), 0).scalars(30, {{"loss", 1}});
  train::EventFile(directory.path(), 20).scalars(21, {{"loss", 2}});
  REQUIRE(event_files(directory.path()).size() == 2);
  const auto resumed = records(tests::content_of(event_files(directory.path())[1]));
  REQUIRE(resumed.size() == 3);
  CHECK(Fields(resumed[1]).at(2) == "21");               // from which step on all is void
  CHECK(Fields(Fields(resumed[1]).at(7)).at(1) == "1");  // SessionLog.START
  train::EventFile(directory.path(), 0).scalars(1, {{"loss", 3}});
  CHECK(event_files(directory.path()).size() == 1);
  CHECK_THROWS_AS(train::EventFile(directory / "absent", 3), FileError);
}

TEST_CASE("png: grey squares, in chunks with their checks and blocks that are stored", "[tensorboard]") {
  const auto big = [](std::string_view bytes) {
    uint32_t n = 0;
    for (const char c : bytes) n = n << 8 | static_cast<unsigned char>(c);
    return n;
  };
  const auto pixels = [&](const Tensor& values, int64_t side) {
    const std::string file = train::png(values, side);
    REQUIRE(file.starts_with("\x89PNG\r\n\x1a\n"));
    std::string stream, names;
    for (size_t at = 8; at < file.size();) {
      const size_t size = big(file.substr(at, 4));
      const std::string name = file.substr(at + 4, 4), data = file.substr(at + 8, size);
      CHECK(big(file.substr(at + 8 + size, 4)) == crc<kCrc32>(name + data));
      if (name == "IHDR") {
        CHECK(big(data.substr(0, 4)) == values.size(1) * side);
        CHECK(big(data.substr(4, 4)) == values.size(0) * side);
      }
      if (name == "IDAT") stream = data;
      names += name;
      at += 12 + size;
    }
    CHECK(names == "IHDRIDATIEND");
    std::string raw;
    for (size_t at = 2;;) {
      const bool last = stream.at(at) == 1;
      const size_t size = number(stream.substr(at + 1, 2));
      CHECK(number(stream.substr(at + 3, 2)) == (~size & 0xFFFF));
      raw += stream.substr(at + 5, size);
      at += 5 + size;
      if (!last) continue;
      CHECK(at + 4 == stream.size());
      break;
    }
    return raw;
  };
  CHECK(pixels(tensor({{0.0, 1.0}, {0.5, 2.0}}), 1) == std::string("\0\xff\0\0\x80\0", 6));
  CHECK(pixels(tensor({{1.0}}), 2) == std::string("\0\0\0\0\0\0", 6));
  CHECK(pixels(zeros({300, 300}), 1).size() == 300 * 301);  // several blocks
  CHECK_THROWS_WITH(train::png(zeros({3}), 1), Contains("values of shape (3); need (rows, columns)"));
}

TEST_CASE("heed train --tensorboard: numbers, a sample and where it looked, beside the same metrics",
          "[tensorboard][program]") {
  const tests::TemporaryDirectory place;
  std::ofstream text(place / "text"), pairs(place / "pairs");
  for (int i = 0; i < 100; ++i) {
    text << "the cat sat on the mat , and the dog sat on the log .\n";
    pairs << "cat number " << i << "\tchat numéro " << i << "\n";
  }
  text.close();
  pairs.close();
  for (const std::string command : {"gpt train --text text --preset micro", "seq2seq train --pairs pairs"}) {
    for (const std::string with : {"", " --tensorboard"}) {
      const auto finished = tests::run_program(place.path(), command + " --steps 10 --overwrite --out run" + with);
      INFO(finished.err);
      REQUIRE(finished.exit_code == 0);
      if (with.empty()) std::filesystem::copy(place / "run/metrics.jsonl", place / "without");
    }
    CHECK(tests::content_of(place / "run/metrics.jsonl") == tests::content_of(place / "without"));
    std::filesystem::remove(place / "without");
    REQUIRE(event_files(place / "run").size() == 1);
    std::map<std::string, int> tags;
    for (const std::string& record : records(tests::content_of(event_files(place / "run")[0])))
      if (const Fields event(record); event.count(5)) ++tags[Fields(Fields(event.at(5)).at(1)).at(1)];
    for (const char* tag :
         {"loss", "lr", "grad_norm", "val_loss", "ms_per_step", "tokens_per_s", "sgemm_share", "sample", "attention"})
      CHECK(tags[tag] >= 1);

    const std::string begin = command + " --steps 10 --overwrite --out run --time-limit 0.000001 --tensorboard";
    REQUIRE(tests::run_program(place.path(), begin).exit_code == 0);
    const std::string resume = command.substr(0, command.find(' ')) + " train --resume --out run";
    REQUIRE(tests::run_program(place.path(), resume).exit_code == 0);
    CHECK(event_files(place / "run").size() == 2);  // it goes on with them
    REQUIRE(tests::run_program(place.path(), command + " --steps 10 --overwrite --out run").exit_code == 0);
    CHECK(event_files(place / "run").empty());
  }
}
