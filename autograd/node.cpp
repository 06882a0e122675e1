#include <heed/autograd/node.h>

#include <algorithm>
#include <atomic>

#include <heed/autograd/engine.h>
#include <heed/autograd/observer.h>

namespace heed::autograd {

namespace {

std::atomic<int64_t> live_nodes{0};

// A node may hold the last reference to its inputs, and so on down a chain: what a dying node held is freed from this
// list instead of from its destructor, so that the depth of the stack does not grow with the length of the chain.
struct Remains {
  decltype(Node::inputs) inputs;
  decltype(Node::backward) backward;
  decltype(Node::remake) remake;
};
thread_local std::vector<Remains>* burying = nullptr;

void bury(Remains remains) {
  if (burying) {
    burying->push_back(std::move(remains));
    return;
  }
  std::vector<Remains> waiting;
  burying = &waiting;
  for (;;) {
    remains = {};
    if (waiting.empty()) break;
    remains = std::move(waiting.back());
    waiting.pop_back();
  }
  burying = nullptr;
}

const Tensor& tensor_of(const Tensor& x) { return x; }
const Tensor& tensor_of(const Input& input) { return input.tensor; }

/// What record's table of inputs keeps for backward.
struct Table {
  std::vector<Formula::Kept, Pooled<Formula::Kept>> formulas;
  Tensor output;  // if a formula wants it

  Table(std::initializer_list<Input> inputs, const Tensor& y) {
    formulas.reserve(inputs.size());
    for (const Input& input : inputs) {
      if (!input.tensor.node()) continue;
      formulas.push_back(input.formula.keep());
      if (input.formula.wants_output()) output = y;
    }
  }
  Gradients operator()(const Tensor& g, const std::shared_ptr<Node>& self) const {
    Tensor y = output;
    if (y.defined() && grad_enabled()) y.set_node(self);
    Gradients result;
    result.reserve(formulas.size());
    for (const Formula::Kept& formula : formulas) result.push_back(formula(g, y));
    return result;
  }
};

/// Whether an op with this result is recorded. y is a tensor of its own then, if it is an input as it was, and who
/// watches has been told of it.
template <class Inputs>
bool records(const Op& op, Tensor& y, const Inputs& inputs) {
  if (y.node()) y.set_node(nullptr);
  if (Observer::any()) {
    std::vector<Tensor> tensors;
    for (const auto& x : inputs) tensors.push_back(tensor_of(x));
    Observer::tell_computed(op, y, tensors);
  }
  return grad_enabled() &&
         std::any_of(inputs.begin(), inputs.end(), [](const auto& x) { return tensor_of(x).node() != nullptr; });
}

Needs needs_of(const Node& node) {
  Needs needs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i]) needs.set(i);
  return needs;
}

std::shared_ptr<Node> node_over(const Op& op, const Tensor& y, std::span<const Tensor> inputs) {
  auto node = std::allocate_shared<Node>(Pooled<Node>(), op, y);
  node->inputs.reserve(inputs.size());
  for (const Tensor& x : inputs) node->inputs.push_back(x.node());
  return node;
}

/// The twin's gradients as recorded ops. Each input gets a slot of its own, so that one tensor given twice counts
/// twice, and the walk back from the twin's output ends at the slots.
Gradients differentiate_twin(const Op& op, const Twin& twin, std::span<const Saved> saved, const Tensor& g,
                             Needs needs) {
  if (!twin)
    fail<GradError>(op,
                    "no second derivative, as it was recorded without a twin; need create_graph = false, or a twin of "
                    "recorded ops in "
                    "fused(...)");
  std::vector<Tensor> inputs;
  for (const Saved& x : saved) inputs.push_back(x.get());
  std::vector<Tensor> slots = inputs;
  std::vector<std::shared_ptr<Node>> targets;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!needs[i]) {
      slots[i].set_node(nullptr);
      continue;
    }
    slots[i] = record(op, slots[i].detach(), {{inputs[i], [](const Tensor& gi) { return gi; }}});
    targets.push_back(slots[i].node());
  }
  const Tensor y = twin(slots);
  if (!(y.shape() == g.shape()) || y.dtype() != g.dtype())
    fail<GradError>(op, "its twin gives {} {}, its forward {} {}; need a twin that computes the same",
                    name_of(y.dtype()), y.shape(), name_of(g.dtype()), g.shape());
  if (!y.node())
    fail<GradError>(op, "its twin gives a constant; need one of recorded ops, which its second derivatives come from");
  Gradients result(inputs.size());
  Gradients found = run_backward(op, {&y, 1}, {.seeds = {g}, .create_graph = true}, targets);
  for (size_t i = 0, k = 0; i < inputs.size(); ++i)
    if (needs[i]) result[i] = std::move(found[k++]);
  return result;
}

}  // namespace

Node::Node(const Op& o, const Tensor& output)
    : op(o.name),
      id(Storage::next_id()),
      where(o.where),
      module(o.module()),
      shape(output.shape()),
      dtype(output.dtype()) {
  if (!is_floating(dtype))
    fail<GradError>(o, "its result is {}, which has no derivative; need f32 or f64, or no record(...)", name_of(dtype));
  live_nodes.fetch_add(1, std::memory_order_relaxed);
}

Node::~Node() {
  live_nodes.fetch_sub(1, std::memory_order_relaxed);
  if (backward || !inputs.empty()) bury({std::move(inputs), std::move(backward), std::move(remake)});
}

void Node::release() {
  freed = true;
  bury({{}, std::exchange(backward, nullptr), std::exchange(remake, nullptr)});
}

void set_name(const Tensor& leaf, std::string name, ModuleName module) {
  leaf.node()->leaf->name = std::move(name);
  leaf.node()->module = std::move(module);
}

int64_t Node::live() { return live_nodes.load(std::memory_order_relaxed); }

// What is smaller stays in the caches, and is not worth the time.
constexpr int64_t kWorthRemaking = int64_t{4} << 20;  // bytes

Saved::Saved(const Tensor& x) : node_(x.node()) {
  if (node_ && node_->remake && x.numel() * static_cast<int64_t>(size_of(x.dtype())) >= kWorthRemaking &&
      x.is_contiguous())
    remake_ = node_->remake;
  else kept_ = x;
}

Tensor Saved::get() const {
  if (!remake_) return kept_;
  Tensor x = (*remake_)();
  x.set_node(node_);
  return x;
}

Tensor room_for_gradient(const Tensor& g) {
  const bool whole = g.is_contiguous() && static_cast<size_t>(g.numel()) * size_of(g.dtype()) == g.storage()->bytes();
  return whole && g.storage().use_count() == 1 && !grad_enabled() ? g : empty_like(g);
}

Tensor record(const Op& op, Tensor y, std::initializer_list<Input> inputs) {
  if (!records(op, y, inputs)) return y;
  auto node = std::allocate_shared<Node>(Pooled<Node>(), op, y);
  node->inputs.reserve(inputs.size());
  for (const Input& input : inputs)
    if (input.tensor.node()) node->inputs.push_back(input.tensor.node());
  node->backward.emplace<Table>(inputs, y);
  y.set_node(std::move(node));
  return y;
}

Tensor record(const Op& op, Tensor y, std::vector<Tensor> inputs, JointBackward backward) {
  if (!records(op, y, inputs)) return y;
  auto node = node_over(op, y, inputs);
  node->backward = [backward = std::move(backward), needs = needs_of(*node)](
                       const Tensor& g, const std::shared_ptr<Node>&) { return backward(g, needs); };
  y.set_node(std::move(node));
  return y;
}

Tensor fused(const Op& op, Tensor y, std::vector<Tensor> inputs, JointBackward backward, Twin twin, Remake remake) {
  if (!records(op, y, inputs)) return y;
  if (inputs.size() > Needs::kCounted)
    fail<ValueError>(op, "{} inputs; need at most {}", inputs.size(), Needs::kCounted);
  auto node = node_over(op, y, inputs);
  node->backward = [name = op.name, backward = std::move(backward), twin = std::move(twin), needs = needs_of(*node),
                    saved = std::vector<Saved, Pooled<Saved>>(inputs.begin(), inputs.end())](
                       const Tensor& g, const std::shared_ptr<Node>&) {
    return grad_enabled() ? differentiate_twin({name}, twin, saved, g, needs) : backward(g, needs);
  };
  if (remake) node->remake = std::make_shared<const Remake>(std::move(remake));
  y.set_node(std::move(node));
  return y;
}

}  // namespace heed::autograd
