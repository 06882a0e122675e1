// Whole trainings: the same bits on any number of threads, in several threads of the program, after a fork, inside
// somebody else's parallel region.
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/tensor/parallel.h>
#include <heed/train/clip.h>
#include <heed/train/optimizer.h>
#include "catch.h"
#include "scoped_threads.h"

using namespace heed;
using tests::Threads;

namespace {

/// Some steps; the losses, and every weight after them.
std::vector<float> train(nn::Parameters& params, const std::function<Tensor()>& loss, int steps) {
  train::AdamW optimizer(params, {.lr = 1e-2});
  std::vector<float> numbers;
  for (int i = 0; i < steps; ++i) {
    const Tensor l = loss();
    l.backward();
    optimizer.step(train::clip_scale(train::grad_norm(params), 1));
    optimizer.zero_grad();
    numbers.push_back(l.item<float>());
  }
  for (const auto& [name, p] : params) {
    const auto values = p.to_vector<float>();
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
  return numbers;
}

std::vector<float> gpt_training(uint64_t seed) {
  Rng rng(seed);
  nn::Parameters params(rng);
  const models::Gpt gpt(
      params, {.vocabulary = 61, .context = 48, .layers = 1, .heads = 3, .channels = 96, .dropout = 0.1, .bias = true});
  const Tensor x = randint(0, 61, {9, 48}, rng), y = randint(0, 61, {9, 48}, rng);
  return train(
      params, [&] { return cross_entropy(gpt(x), y); }, 3);
}

std::vector<float> translator_training(uint64_t seed) {
  Rng rng(seed);
  nn::Parameters params(rng);
  const models::Seq2Seq model(
      params, {.source_vocabulary = 50, .target_vocabulary = 40, .embedding = 32, .hidden = 64, .attention = true});
  const Tensor x = randint(4, 50, {20, 9}, rng), y = randint(4, 40, {20, 11}, rng);
  return train(
      params, [&] { return cross_entropy(model(x, {}, y), y); }, 3);
}

}  // namespace

TEST_CASE("training: the same bits on any number of threads", "[threads]") {
  for (const auto& training : {gpt_training, translator_training}) {
    std::vector<float> first;
    for (const int n : {1, 2, 3, 5}) {
      CAPTURE(n);
      const Threads threads(n);
      const std::vector<float> numbers = training(5);
      if (first.empty()) first = numbers;
      REQUIRE(numbers == first);
    }
  }
}

TEST_CASE("training: two models in two threads of the program get the bits that each gets alone", "[threads]") {
  const Threads threads(2);
  const std::vector<float> one = gpt_training(1), two = translator_training(2);
  std::vector<float> with_two, with_one;
  std::thread other([&] { with_one = translator_training(2); });
  with_two = gpt_training(1);
  other.join();
  CHECK(with_two == one);
  CHECK(with_one == two);
}

TEST_CASE("backward: threads add to the gradients of shared leaves, and lose none", "[threads]") {
  constexpr int kThreads = 4, kPasses = 2000;
  const Tensor x = zeros({3}, f64).set_requires_grad();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&x] {
      for (int i = 0; i < kPasses; ++i) x.sum().backward();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(x.grad().to_vector<double>() == std::vector<double>(3, kThreads * kPasses));
}

TEST_CASE("training: goes on in a forked child, with threads of its own", "[threads]") {
  const Threads threads(2);
  const std::vector<float> expected = gpt_training(1);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(gpt_training(1) == expected && num_threads() == 2 ? 0 : 1);
  CHECK(gpt_training(1) == expected);  // beside it
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

#ifdef _OPENMP
TEST_CASE("training: inside a parallel region of OpenMP", "[threads]") {
  const Threads threads(2);
  const std::vector<float> expected = gpt_training(1);
  std::vector<std::vector<float>> numbers(3);
#pragma omp parallel for num_threads(3)
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = gpt_training(1);
  for (const auto& each : numbers) CHECK(each == expected);
}
#endif
