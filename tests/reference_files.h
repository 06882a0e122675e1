// Numbers from outside: JSON files beside the source tree, and tensors compared with them.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <heed/tensor/tensor.h>
#include "catch.h"
#include "skip.h"

namespace heed::tests {

using nlohmann::json;

/// The parsed file tests/reference/<name>; each says in "source" where its numbers are from.
inline json reference_file(const std::string& name) {
  std::ifstream file(HEED_SOURCE_DIR "/tests/reference/" + name);
  REQUIRE(file);
  return json::parse(file);
}

/// What tests/oracle/<script> prints, parsed; nothing, said aloud, where Python has no torch.
inline std::optional<json> torch_answer(const std::string& script) {
  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0) {
    skip("/usr/bin/python3 cannot import torch");
    return {};
  }
  FILE* pipe = popen(("/usr/bin/python3 " HEED_SOURCE_DIR "/tests/oracle/" + script).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  REQUIRE(pclose(pipe) == 0);
  return json::parse(text);
}

/// The case of that id in a file's list "cases".
inline json find_case(const json& file, const std::string& id) {
  for (const json& one : file.at("cases"))
    if (one.at("id") == id) return one;
  FAIL("no case " << id);
  return {};
}

/// Nested lists of numbers, in which "-inf" may stand for itself.
inline Tensor tensor_of(const json& lists, DType dtype = f32) {
  Shape shape;
  for (const json* level = &lists; level->is_array(); level = &level->front()) shape.push_back(int64_t(level->size()));
  std::vector<double> values;
  const auto walk = [&](const auto& self, const json& item) -> void {
    if (item.is_array())
      for (const json& inner : item) self(self, inner);
    else values.push_back(item.is_string() ? -INFINITY : item.get<double>());
  };
  walk(walk, lists);
  return from_vector(values, shape).to(dtype);
}

/// Requires equal shapes, and every element within atol.
inline void require_close(const Tensor& x, const Tensor& expected, double atol) {
  REQUIRE(x.shape() == expected.shape());
  const std::vector<double> got = x.to_vector<double>(), want = expected.to_vector<double>();
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("element " << i << ": " << got[i] << ", expected " << want[i]);
    if (std::isinf(want[i])) REQUIRE(got[i] == want[i]);
    else REQUIRE(std::abs(got[i] - want[i]) <= atol);
  }
}
inline void require_close(const Tensor& x, const json& expected, double atol) {
  require_close(x, tensor_of(expected, f64), atol);
}

}  // namespace heed::tests
