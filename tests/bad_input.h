// A place of files that are good and of files that are not, and how the program refuses them.
#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "workplace.h"

namespace heed::tests::bad_input {

constexpr int kError = 1, kUsage = 2;

struct BadInput {
  std::string arguments;
  int exit_code;
  std::string sentence;  // part of it
};

inline void write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Files that are good, and files that are not.
struct Workplace : tests::Workplace {
  Workplace() {
    write(*this / "empty", "");
    write(*this / "short", "too short a text");
    write(*this / "latin1", "caf\xe9 ol\xe9\n");
    write(*this / "no-tab", "a cat\tun chat\nthe dog le chien\n");
    write(*this / "one-pair", "a cat\tun chat\n");
    std::string very;
    for (int i = 0; i < 300; ++i) very += "very ";
    write(*this / "long-pair", tests::content_of(*this / "pairs") + very + "long\ttrès long\n");
  }

  void refuses(const std::vector<BadInput>& inputs) const {
    for (const BadInput& input : inputs) {
      const Finished finished = run(input.arguments);
      INFO("heed " << input.arguments << "\n" << finished.err);
      CHECK(finished.exit_code == input.exit_code);
      CHECK(finished.out.empty());
      CHECK(finished.err.starts_with("heed: "));
      CHECK_THAT(finished.err, Contains(input.sentence));
      CHECK(std::count(finished.err.begin(), finished.err.end(), '\n') ==
            (input.exit_code == kUsage ? 2 : 1));  // usage says where help is
      CHECK_FALSE(std::filesystem::exists(*this / "out"));
    }
  }
};

/// A directory with a trained GPT, copied as often as a test spoils it.
struct Trained : Workplace {
  Trained() {
    REQUIRE(run("gpt train --text text --preset micro --steps 2 --out good").exit_code == 0);
    REQUIRE(run("seq2seq train --pairs pairs --steps 2 --out translator").exit_code == 0);
  }
  std::string spoil(const std::string& name, const std::function<void(const std::filesystem::path&)>& change) const {
    std::filesystem::copy(*this / "good", *this / name);
    change(*this / name);
    return "gpt sample --model " + name;
  }
  using Change = std::function<void(nlohmann::json&)>;
  static void change_config(const std::filesystem::path& directory, const Change& change) {
    auto config = nlohmann::json::parse(tests::content_of(directory / "config.json"));
    change(config);
    write(directory / "config.json", config.dump());
  }
  std::string spoil_translator(const std::string& name, const Change& change) const {
    std::filesystem::copy(*this / "translator", *this / name);
    change_config(*this / name, change);
    return "seq2seq translate --model " + name + " 'a cat'";
  }
  std::string spoil_config(const std::string& name, const Change& change) const {
    return spoil(name, [&](const std::filesystem::path& directory) { change_config(directory, change); });
  }
};

}  // namespace heed::tests::bad_input
