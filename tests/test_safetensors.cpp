#include <heed/tensor/io/safetensors.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <span>

#include <nlohmann/json.hpp>

#include <heed/autograd/ops.h>
#include "catch.h"
#include "reference_files.h"
#include "temporary_directory.h"

using namespace heed;
using heed::load_safetensors;
using heed::Safetensors;
using heed::save_safetensors;

namespace {

Safetensors read_bytes(const std::string& bytes) {
  return read_safetensors(SafetensorsFile(std::as_bytes(std::span(bytes)), "bytes"));
}

/// A file of `header` and `data`, with the header's length in front.
std::string file_of(const std::string& header, const std::string& data = "") {
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return length + header + data;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

TEST_CASE("safetensors: every vector of the format's own tests is accepted or refused as listed", "[safetensors]") {
  const tests::json file = tests::reference_file("safetensors.json");
  for (const auto& one : file.at("cases")) {
    INFO(one.at("name").get<std::string>());
    const std::string bytes = from_hex(one.at("bytes"));
    if (one.at("error").is_null()) CHECK_NOTHROW(read_bytes(bytes));
    else CHECK_THROWS_AS(read_bytes(bytes), FileError);
  }
}

TEST_CASE("safetensors: what is written is read back, in order, with names, types, shapes and metadata",
          "[safetensors]") {
  const tests::TemporaryDirectory directory;
  const Tensor x = tensor({{1.5, -2.0}, {3.25, 1e-30}}), wide = tensor({1.0, M_PI}, f64);
  const Tensor counts = tensor({int64_t{1} << 62, int64_t{-7}}), flags = tensor({true, false, true});
  const Tensor transposed = x.transpose(0, 1), none = zeros({0, 3}), one = scalar(42);
  save_safetensors(
      directory / "a",
      {{"flags", flags}, {"x", x}, {"é", wide}, {"n", counts}, {"x'", transposed}, {"none", none}, {"one", one}},
      {{"format", "pt"}, {"note", "déjà \"vu\""}});
  const Safetensors file = load_safetensors(directory / "a");
  REQUIRE(file.tensors.size() == 7);
  CHECK(file.metadata == Metadata{{"format", "pt"}, {"note", "déjà \"vu\""}});
  const auto check = [&](size_t i, const char* name, const Tensor& wrote) {
    INFO(name);
    CHECK(file.tensors[i].first == name);
    const Tensor& got = file.tensors[i].second;
    CHECK(got.dtype() == wrote.dtype());
    CHECK(got.shape() == wrote.shape());
    CHECK(got.to_vector<double>() == wrote.to_vector<double>());
  };
  check(0, "flags", flags);
  check(1, "x", x);
  check(2, "é", wide);
  check(3, "n", counts);
  check(4, "x'", transposed);
  check(5, "none", none);
  check(6, "one", one);
  CHECK(file.tensors[3].second.at<int64_t>({0}) == int64_t{1} << 62);
}

TEST_CASE("safetensors: every tensor lies at a multiple of its element size", "[safetensors]") {
  const tests::TemporaryDirectory directory;
  save_safetensors(directory / "a", {{"b", tensor({true})}, {"f", tensor({1.0})}, {"d", tensor({1.0}, f64)}});
  std::ifstream in(directory / "a", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const size_t length = static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  CHECK(length % 8 == 0);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  CHECK(header["d"]["data_offsets"] == nlohmann::json{0, 8});
  CHECK(header["f"]["data_offsets"] == nlohmann::json{8, 12});
  CHECK(header["b"]["data_offsets"] == nlohmann::json{12, 13});
}

TEST_CASE("safetensors: narrow types of other writers become f32 and i64", "[safetensors]") {
  const auto values = [](const std::string& dtype, const std::string& data, int64_t count) {
    const std::string header =
        fmt::format(R"({{"x":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", dtype, count, data.size());
    return read_bytes(file_of(header, data)).tensors[0].second;
  };
  // 1, -2, 2^-24 (subnormal), 65504 (the largest), infinity
  const Tensor halves = values("F16", std::string("\x00\x3c\x00\xc0\x01\x00\xff\x7b\x00\x7c", 10), 5);
  CHECK(halves.dtype() == f32);
  CHECK(halves.to_vector<double>() == std::vector<double>{1, -2, std::ldexp(1, -24), 65504, INFINITY});
  CHECK(values("BF16", std::string("\x80\x3f\x49\xc0", 4), 2).to_vector<double>() == std::vector<double>{1, -3.140625});
  CHECK(values("I32", std::string("\xff\xff\xff\xff", 4), 1).to_vector<int64_t>() == std::vector<int64_t>{-1});
  CHECK(values("U32", std::string("\xff\xff\xff\xff", 4), 1).to_vector<int64_t>() == std::vector<int64_t>{4294967295});
  CHECK(values("I16", std::string("\xfe\xff", 2), 1).to_vector<int64_t>() == std::vector<int64_t>{-2});
  CHECK(values("U16", std::string("\xfe\xff", 2), 1).to_vector<int64_t>() == std::vector<int64_t>{65534});
  CHECK(values("I8", std::string("\x80", 1), 1).to_vector<int64_t>() == std::vector<int64_t>{-128});
  CHECK(values("U8", std::string("\x80", 1), 1).to_vector<int64_t>() == std::vector<int64_t>{128});
}

TEST_CASE("safetensors: a lying file is refused with what is wrong", "[safetensors]") {
  const auto refuses = [](const std::string& bytes, const std::string& why) {
    INFO(why);
    CHECK_THROWS_WITH(read_bytes(bytes), Contains(why));
    CHECK_THROWS_AS(read_bytes(bytes), FileError);
  };
  const auto tensor_of = [](const std::string& name, const std::string& rest) {
    return "\"" + name + "\":{" + rest + "}";
  };
  const std::string x = tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[0,4])");
  const std::string four(4, '\0');
  refuses("1234567", "has 7 bytes");
  refuses(file_of("{" + x + "}", "123"), "truncated: its header lists 4 bytes of data, but 3 follow");
  refuses(file_of("{" + x + "}", "12345"), "1 bytes follow the last tensor");
  refuses(file_of("{" + x + "," + x + "}", four), "'x' twice");
  refuses(file_of("{" + x + "} {", four), "not JSON");
  refuses(file_of("[" + x + "]", four), "unexpected value");
  refuses(
      file_of("{" + x + "," + tensor_of("y", R"("dtype":"F32","shape":[1],"data_offsets":[2,6])") + "}", four + four),
      "before the end");
  refuses(file_of("{" + x + "," + tensor_of("y", R"("dtype":"F32","shape":[1],"data_offsets":[8,12])") + "}",
                  four + four + four),
          "after the end");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[4,8])") + "}", four + four),
          "after the end");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[4,0])") + "}", four),
          "data_offsets are [4, 0]");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[2],"data_offsets":[0,4])") + "}", four),
          "needs 8 bytes");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])") + "}", four),
          "the number -1");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])") + "}", four),
          "the number 1.0");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1e999],"data_offsets":[0,4])") + "}", four), "");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0])") + "}"),
          "more elements");
  refuses(file_of("{" +
                  tensor_of("x", R"("dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],)"
                                 R"("data_offsets":[0,0])") +
                  "}"),
          "more elements");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F8","shape":[1],"data_offsets":[0,1])") + "}", "1"), "dtype 'F8'");
  refuses(
      file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])") + "}", four),
      "more than 8 axes");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[0,2,4])") + "}", four),
          "more than 2 data_offsets");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[4])") + "}", four), "incomplete");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1])") + "}", four), "incomplete");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])") + "}", four),
          "dtype twice");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1)") + "}", four),
          "unknown field 'extra'");
  refuses(file_of("{" + tensor_of("x", R"("dtype":"BOOL","shape":[1],"data_offsets":[0,1])") + "}", "\x02"),
          "byte above 1");
  refuses(file_of(R"({"__metadata__":{"a":1}})"), "unexpected value");
  refuses(file_of(R"({"__metadata__":{"a":"1","a":"2"}})"), "'a' twice");
  refuses(file_of(R"({"__metadata__":{"a":{"b":"c"}}})"), "unexpected value");
  refuses(file_of("{\"x\xff\":1}"), "UTF-8");
  refuses(file_of("{\"x\":" + std::string(1'000'000, '[')), "unexpected value");  // depth does not reach the stack
  refuses(file_of(""), "not JSON");
}

TEST_CASE("safetensors: files that are absent or not files are named", "[safetensors]") {
  const tests::TemporaryDirectory directory;
  CHECK_THROWS_WITH(load_safetensors(directory / "absent"), Contains("absent") && Contains("does not exist"));
  CHECK_THROWS_WITH(load_safetensors(directory.path()), Contains("not a regular file"));
  CHECK_THROWS_WITH(load_safetensors("/dev/zero"), Contains("not a regular file"));
  CHECK_THROWS_AS(load_safetensors("/dev/zero"), FileError);
}

TEST_CASE("safetensors: names that a file cannot hold are refused, and nothing is written", "[safetensors]") {
  const tests::TemporaryDirectory directory;
  const Tensor x = ones({2});
  CHECK_THROWS_AS(save_safetensors(directory / "a", {{"x", x}, {"x", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(directory / "a", {{"", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(directory / "a", {{"__metadata__", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(directory / "a", {{"\xff", x}}), ValueError);
  CHECK(std::filesystem::is_empty(directory.path()));
}
