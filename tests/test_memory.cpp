#include <heed/autograd/node.h>
#include <heed/models/gpt.h>
#include <heed/tensor/random.h>
#include <heed/tensor/sanitizers.h>
#include <heed/tensor/storage.h>
#include <heed/train/clip.h>
#include <heed/train/optimizer.h>
#include "catch.h"

using namespace heed;

TEST_CASE("training: peak memory is flat over 1,000 steps, and the system is asked for nothing more",
          "[train][memory]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Gpt gpt(params,
                        {.vocabulary = 17, .context = 16, .layers = 2, .heads = 2, .channels = 16, .dropout = 0.1});
  train::AdamW optimizer(params);
  const auto step = [&] {
    const Tensor x = randint(0, 17, {4, 16}, rng);
    const Tensor y = randint(0, 17, {4, 16}, rng);
    cross_entropy(gpt(x), y).backward();
    train::clip_grad_norm(params, 1.0);
    optimizer.step();
    optimizer.zero_grad();
  };
  for (int i = 0; i < 3; ++i) step();
  const int64_t live = memory_stats().live_bytes, nodes = autograd::Node::live();
  const int64_t calls = memory_stats().system_calls;
  reset_peak_memory();
  step();
  const int64_t peak_of_one = memory_stats().peak_bytes;
  for (int i = 0; i < 1000; ++i) step();
  CHECK(memory_stats().live_bytes == live);
  CHECK(memory_stats().peak_bytes == peak_of_one);
  CHECK(autograd::Node::live() == nodes);
  if (!kAddressSanitizer)  // which keeps nothing, so that it finds what is read after it was freed
    CHECK(memory_stats().system_calls == calls);
}
