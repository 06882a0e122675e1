// Trains in the processes that mpirun started, beside one process with the whole batch; the last line counts as tests
// do.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <heed.h>
#include <heed/train/clip.h>
#include <heed/train/distributed.h>

using namespace heed;

namespace {

constexpr int kSteps = 100, kFewSteps = 20;
constexpr int64_t kBatch = 12, kContext = 16, kVocabulary = 47;
constexpr double kSame = 1e-5;  // in the loss of any step

int failed = 0, passed = 0;

void check(const train::Distributed& world, bool right, const std::string& what) {
  if (world.any(!right)) {
    ++failed;
    if (world.rank() == 0) fmt::print("FAILED with {} processes: {}\n", world.size(), what);
  } else ++passed;
}

struct Training {
  Rng rng{7};
  nn::Parameters params;
  models::Gpt gpt;
  Tensor unused;  // no process has a gradient for it
  train::AdamW optimizer;

  explicit Training(DType dtype)
      : params(rng, dtype),
        gpt(params, {.vocabulary = kVocabulary, .context = kContext, .layers = 2, .heads = 4, .channels = 192}),
        unused(
            nn::Scope(params).param("unused", {3000}, [](Tensor x, Rng& r) { x.assign(randn({3000}, r, x.dtype())); })),
        optimizer(params, {.lr = 1e-3}) {
    params.freeze("h.1.ln_1");
  }

  std::pair<Tensor, Tensor> batch() {
    const Tensor x = randint(0, kVocabulary, {kBatch, kContext}, rng);
    return {x, randint(0, kVocabulary, {kBatch, kContext}, rng)};
  }
  int64_t moments() const {
    int64_t numbers = 0;
    for (const auto& [name, x] : optimizer.state()) numbers += x.numel();
    return numbers;
  }
  /// What they are after a step: Adam has two for each number that is trained, counts each parameter's steps, and keeps
  /// its rate.
  int64_t moments_then() const {
    int64_t numbers = 1 + std::ssize(optimizer.names());
    for (const auto& [name, p] : params) numbers += p.requires_grad() && name != "unused" ? 2 * p.numel() : 0;
    return numbers;
  }
};

/// The losses of one process with all of the batch.
std::vector<double> alone(DType dtype, int steps) {
  Training t(dtype);
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) {
    const auto [x, y] = t.batch();
    const Tensor loss = cross_entropy(t.gpt(x), y);
    loss.backward();
    losses.push_back(loss.item<double>());
    t.optimizer.step(train::clip_scale(train::grad_norm(t.params), 1));
    t.optimizer.zero_grad();
  }
  return losses;
}

/// With `parts` backward passes a step.
void together(train::Distributed& world, DType dtype, bool sharded, int64_t parts,
              const std::vector<double>& expected) {
  Training t(dtype);
  if (world.rank() > 0) t.params.set("wpe.weight", zeros({kContext, 192}, dtype));  // until rank 0's come
  const int64_t whole = t.moments_then();
  world.share(t.params, sharded ? &t.optimizer : nullptr);
  double worst = 0;
  bool agree = true;
  for (int i = 0; i < std::ssize(expected); ++i) {
    const auto [all_x, all_y] = t.batch();
    const Tensor x = world.part(all_x), y = world.part(all_y);
    const int64_t rows = x.size(0) / parts;
    double loss = 0;
    for (int64_t k = 0; k < parts; ++k) {
      std::optional<train::Distributed::Local> local;
      if (k + 1 < parts) local.emplace(world);
      const Tensor part =
          cross_entropy(t.gpt(x.narrow(0, k * rows, rows)), y.narrow(0, k * rows, rows)) / double(parts);
      part.backward();
      loss += part.item<double>();
    }
    worst = std::max(worst, std::abs(world.wait(loss) - expected[size_t(i)]));
    world.step(t.optimizer, train::clip_scale(world.grad_norm(), 1));
    t.optimizer.zero_grad();
    agree &= world.agree(t.params);
  }
  const std::string how =
      fmt::format("{}, {} backward passes a step{}", name_of(dtype), parts, sharded ? ", sharded optimizer" : "");
  check(world, worst <= kSame, fmt::format("{}: a loss is off by {:.2g}", how, worst));
  check(world, agree, how + ": the weights differ after a step");
  if (world.rank() == 0) fmt::print("{}: losses within {:.2g}\n", how, worst);
  int64_t saved = 0;
  const int64_t own = t.moments();
  world.save([&] { saved = t.moments(); });
  check(world, world.rank() > 0 || saved == whole, how + ": what is saved lacks moments");
  fmt::print("  rank {}: {:.0f} KiB of moments, of {:.0f}\n", world.rank(), double(own * size_of(dtype)) / 1024,
             double(whole * size_of(dtype)) / 1024);
  if (sharded)
    check(world, double(own) < 1.3 * double(whole) / world.size(),
          how + ": a process has more than its share of moments");
}

}  // namespace

int main() {
  set_num_threads(1);
  train::Distributed world;
  for (const DType dtype : {f32, f64}) {
    const std::vector<double> expected = alone(dtype, dtype == f32 ? kSteps : kFewSteps);
    together(world, dtype, false, 1, expected);
    together(world, dtype, true, 1, expected);
    if (kBatch / world.size() % 2 == 0) together(world, dtype, false, 2, expected);
  }
  if (world.rank() == 0) fmt::print("{} passed, {} failed, 0 skipped\n", passed, failed);
  return failed > 0;
}
