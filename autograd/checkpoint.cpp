#include <heed/autograd/checkpoint.h>

#include <cstring>
#include <unordered_set>

#include <heed/autograd/engine.h>
#include <heed/autograd/grad_mode.h>
#include <heed/tensor/kernels/copy.h>

namespace heed {

using namespace autograd;

namespace {

/// What a recorded segment reaches beyond itself: nodes made before it began.
std::vector<std::shared_ptr<Node>> nodes_before(const Tensor& y, uint64_t first_id) {
  std::vector<std::shared_ptr<Node>> open{y.node()}, outside;
  std::unordered_set<const Node*> met;
  while (!open.empty()) {
    const std::shared_ptr<Node> node = std::move(open.back());
    open.pop_back();
    if (!node || !met.insert(node.get()).second) continue;
    if (node->id < first_id) outside.push_back(node);
    else open.insert(open.end(), node->inputs.begin(), node->inputs.end());
  }
  return outside;
}

bool equal_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  const Tensor x = kernels::contiguous(a), y = kernels::contiguous(b);
  return dispatch_floating(
      x.dtype(), [&]<class T>() { return std::memcmp(x.data<T>(), y.data<T>(), size_t(x.numel()) * sizeof(T)) == 0; });
}

/// A tensor that stands for a node alone: record reads nothing else of an input.
Tensor stand_in(const std::shared_ptr<Node>& node) {
  Tensor x;
  x.set_node(node);
  return x;
}

}  // namespace

Tensor checkpoint(const std::function<Tensor(const std::vector<Tensor>&)>& fn, const std::vector<Tensor>& inputs,
                  Rng* rng, Loc loc) {
  const Op op{"checkpoint", loc};
  if (!grad_enabled()) return fn(inputs);
  const std::optional<Rng> before = rng ? std::optional(*rng) : std::nullopt;
  const bool trains = training_here;

  // The first run is recorded only to learn which outer nodes fn reads; what it saved goes when `first` does.
  const uint64_t first_id = Node(op, scalar(0)).id;
  const Tensor first = fn(inputs);
  if (!first.node() || first.node()->id < first_id) return first;
  const std::vector<std::shared_ptr<Node>> outside = nodes_before(first, first_id);

  std::vector<Tensor> sources;
  for (const auto& node : outside) sources.push_back(stand_in(node));
  const Tensor y = first.detach();
  return record(op, y, sources, [=](const Tensor& g, Needs) {
    Tensor again;
    {
      const GradMode on(true);
      const Scoped as_trained(training_here, trains);
      std::optional<Scoped<Rng>> drawn_again;
      if (rng) drawn_again.emplace(*rng, *before);
      again = fn(inputs);
    }
    if (!equal_bits(again, y))
      fail<GradError>({"checkpoint"},
                      "fn gave other values in backward than before; need the rng that it draws from, and nothing else "
                      "that changes between");
    return run_backward({"checkpoint"}, {&again, 1}, {.seeds = {g}, .create_graph = grad_enabled()}, outside,
                        Through::stop_at_targets);
  });
}

}  // namespace heed
