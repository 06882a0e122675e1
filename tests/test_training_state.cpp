#include <heed/train/training_state.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include <heed/autograd/ops.h>
#include <heed/nn/init.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;

namespace {

/// Two linear layers, whose first values differ by seed.
struct Model {
  Rng rng;
  nn::Parameters params;
  nn::Linear first, second;
  explicit Model(uint64_t seed, DType dtype = f32)
      : rng(seed), params(rng, dtype), first(params / "first", 3, 4), second(params / "second", 4, 2) {}

  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [name, parameter] : params)
      for (const double v : parameter.to_vector<double>()) all.push_back(v);
    return all;
  }
  void step(train::Optimizer& optimizer) {
    const Tensor x = randn({5, 3}, rng);
    second(tanh(first(x))).sum().backward();
    optimizer.step();
    optimizer.zero_grad();
  }
};

}  // namespace

TEST_CASE("parameters: saved and loaded values are the same, into the memory that was there", "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model a(1), b(2);
  REQUIRE(a.values() != b.values());
  const float* before = b.first.weight.data<float>();
  a.params.save(directory / "a.safetensors");
  b.params.load(directory / "a.safetensors");
  CHECK(a.values() == b.values());
  CHECK(b.first.weight.data<float>() == before);
  Model wide(3, f64);
  wide.params.load(directory / "a.safetensors");
  CHECK(wide.values() == a.values());
}

TEST_CASE("parameters: a saved file says which version wrote it, and under what licence it is", "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model model(1);
  const auto said = [&] { return SafetensorsFile(directory / "a.safetensors").metadata(); };
  model.params.save(directory / "a.safetensors");
  CHECK(said() == Metadata{{"format", "pt"}, {"heed", HEED_VERSION}, {"license", "unknown"}});
  model.params.save(directory / "a.safetensors", "MIT");
  CHECK(said() == Metadata{{"format", "pt"}, {"heed", HEED_VERSION}, {"license", "MIT"}});
}

TEST_CASE("parameters: what cannot be written or read names the caller's line", "[training_state]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear linear(params, 2, 2);
  const auto save = [&] { params.save("/nowhere/to/be/found"); };
  CHECK_THROWS_WITH(save(), Contains(fmt::format("[test_training_state.cpp:{}]", __LINE__ - 1)));
  const auto load = [&] { params.load("/nowhere/to/be/found"); };
  CHECK_THROWS_WITH(load(), Contains(fmt::format("[test_training_state.cpp:{}]", __LINE__ - 1)));
}

TEST_CASE("parameters: loading says what is missing, unexpected or different, and changes nothing",
          "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model model(1);
  const std::vector<double> before = model.values();
  const auto refuses = [&](const NamedTensors& tensors, const std::string& why) {
    save_safetensors(directory / "file", tensors);
    CHECK_THROWS_WITH(model.params.load(directory / "file"), Contains(why));
    CHECK_THROWS_AS(model.params.load(directory / "file"), FileError);
    const auto load = [&] { model.params.load(directory / "file"); };
    CHECK_THROWS_WITH(load(), Contains(fmt::format("[test_training_state.cpp:{}]", __LINE__ - 1)));
    CHECK(model.values() == before);
  };
  const NamedTensors good(model.params.begin(), model.params.end());
  NamedTensors less(good.begin(), good.end() - 1);
  refuses(less, "missing 'second.bias' (2)");
  NamedTensors more = good;
  more.emplace_back("third.bias", ones({7}));
  refuses(more, "unexpected 'third.bias' (7)");
  NamedTensors other = good;
  other[0].second = ones({4, 5});
  refuses(other, "different 'first.weight' (4, 5), not (4, 3)");
  NamedTensors integers = good;
  integers[1].second = tensor({1, 2, 3, 4});
  refuses(integers, "different 'first.bias' i64, not f32");
  NamedTensors doubles = good;
  doubles[1].second = ones({4}, f64);
  refuses(doubles, "different 'first.bias' f64, not f32");
}

TEST_CASE("parameters: a tied parameter may come under either name, and must agree under both", "[training_state]") {
  const tests::TemporaryDirectory directory;
  Rng rng(1);
  nn::Parameters params(rng);
  const Tensor w = nn::Scope(params).param("table", {2}, nn::init::zeros());
  nn::Scope(params).tie("head", w);
  save_safetensors(directory / "alias", {{"head", tensor({1.0, 2.0})}});
  params.load(directory / "alias");
  CHECK(w.to_vector<double>() == std::vector<double>{1, 2});
  save_safetensors(directory / "both", {{"head", tensor({3.0, 4.0})}, {"table", tensor({3.0, 4.0})}});
  params.load(directory / "both");
  CHECK(w.to_vector<double>() == std::vector<double>{3, 4});
  save_safetensors(directory / "torn", {{"head", tensor({5.0, 6.0})}, {"table", tensor({5.0, 7.0})}});
  CHECK_THROWS_WITH(params.load(directory / "torn"), Contains("'head', which is tied to 'table' but has other values"));
  CHECK(w.to_vector<double>() == std::vector<double>{3, 4});
}

TEST_CASE("training state: a run that is saved and resumed ends with the same bits", "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model through(1), resumed(2);
  train::AdamW a(through.params), b(resumed.params);
  for (int i = 0; i < 3; ++i) through.step(a);
  randn({1}, through.rng);  // leaves half of a pair of normals in the generator
  train::save_training(directory / "state", through.params, a, through.rng, {.step = 3});
  CHECK(train::load_training(directory / "state", resumed.params, b, resumed.rng) == 3);
  CHECK(randn({1}, resumed.rng).item<double>() == randn({1}, through.rng).item<double>());
  for (int i = 0; i < 3; ++i) {
    through.step(a);
    resumed.step(b);
  }
  CHECK(through.values() == resumed.values());
}

TEST_CASE("training state: one of another optimiser, model or generator is refused and changes nothing",
          "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model saved(1), model(2);
  train::AdamW adam(saved.params), mine(model.params);
  saved.step(adam);
  model.step(mine);
  train::save_training(directory / "state", saved.params, adam, saved.rng, {.step = 1});
  train::SGD sgd(model.params);
  const auto moments = [&] {
    std::vector<double> all;
    for (const auto& [name, x] : mine.state())
      for (const double v : x.to_vector<double>()) all.push_back(v);
    return all;
  };
  const auto values = model.values(), before = moments();
  const auto generator = model.rng.state();
  CHECK_THROWS_AS(train::load_training(directory / "state", model.params, sgd, model.rng), ValueError);

  Safetensors file = load_safetensors(directory / "state");
  const auto refuses = [&](const std::string& name, const Tensor& x) {
    NamedTensors tensors = file.tensors;
    for (auto& [own, tensor] : tensors)
      if (own == name) tensor = x;
    save_safetensors(directory / "spoilt", tensors, {{"heed", "training state"}});
    CHECK_THROWS_AS(train::load_training(directory / "spoilt", model.params, mine, model.rng), Error);
  };
  refuses("rng", tensor({1, 2, 3}));
  refuses("model.first.bias", ones({5}));
  refuses("optimizer.exp_avg.second.bias", ones({5}));
  CHECK(model.values() == values);
  CHECK(moments() == before);
  CHECK(model.rng.state() == generator);
}

TEST_CASE("training state: a bit that has turned is noticed wherever it is, and a state without a hash is read",
          "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model saved(1);
  train::AdamW adam(saved.params);
  saved.step(adam);
  train::save_training(directory / "state", saved.params, adam, saved.rng, {.step = 1, .own = {{"losses", ones({3})}}});
  const auto loads = [&](const std::filesystem::path& path) {
    Model model(2);
    train::AdamW mine(model.params);
    const auto before = model.values();
    std::string refused;
    try {
      train::load_training(path, model.params, mine, model.rng);
    } catch (const FileError& error) {
      refused = error.what();
    }
    CHECK(model.values() == (refused.empty() ? saved.values() : before));
    return refused;
  };
  CHECK(loads(directory / "state").empty());
  std::ifstream in(directory / "state", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  for (size_t i = sizeof header + header; i < whole.size(); ++i) {
    std::string turned = whole;
    turned[i] = static_cast<char>(turned[i] ^ (1 << (i % 8)));
    std::ofstream(directory / "turned", std::ios::binary) << turned;
    CHECK_THAT(loads(directory / "turned"), Contains("turned' is damaged"));
  }
  for (size_t i = 0; i < sizeof header + header; ++i) {  // here it may be refused for what it then says
    std::string turned = whole;
    turned[i] = static_cast<char>(turned[i] ^ 1);
    std::ofstream(directory / "turned", std::ios::binary) << turned;
    loads(directory / "turned");
  }
  save_safetensors(directory / "old", load_safetensors(directory / "state").tensors, {{"heed", "training state"}});
  CHECK(loads(directory / "old").empty());
}

TEST_CASE("training state: a file of something else is refused", "[training_state]") {
  const tests::TemporaryDirectory directory;
  Model model(1);
  train::AdamW adam(model.params);
  model.params.save(directory / "weights");
  CHECK_THROWS_WITH(train::load_training(directory / "weights", model.params, adam, model.rng),
                    Contains("weights") && Contains("not a training state"));
  CHECK_THROWS_AS(train::load_training(directory / "absent", model.params, adam, model.rng), FileError);
}
