#include <heed/autograd/engine.h>

#include <algorithm>

#include <heed/autograd/observer.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/copy.h>

namespace heed {

namespace autograd {

namespace {

using NodePtr = std::shared_ptr<Node>;

/// The gradient that has arrived so far. Few are on their way at once: apart, they let visits be small.
struct Arrived {
  Tensor sum;
  static void* operator new(size_t bytes) { return take_from_pool(bytes); }
  static void operator delete(void* arrived, size_t bytes) { give_to_pool(arrived, bytes); }
};

/// A node of the walk.
struct Visit {
  NodePtr node;
  std::unique_ptr<Arrived> gradient = nullptr;
  int target = -1;      // which of the asked-for nodes it is
  int awaited = 0;      // of a leaf, where there are hooks: uses whose gradients may still come
  bool needed = false;  // it is one, or lies between one and the outputs
};

class Walk {
 public:
  Walk(const Op& op, Inputs outputs, std::span<const NodePtr> targets, Through through)
      : op_(op), targets_(targets), stop_(through == Through::stop_at_targets) {
    collect(outputs);
    mark();
  }

  void add(const Node& node, Tensor&& g) {
    Visit* visit = find(node);
    if (!visit || !visit->needed) return;
    if (!visit->gradient) visit->gradient = std::make_unique<Arrived>();
    accumulate(visit->gradient->sum, std::move(g));
  }

  Gradients run(bool create_graph, bool retain) {
    Gradients result(targets_.size());
    for (Visit& visit : visits_) {
      const std::vector<Visit*> leaves = leaves_of(visit);
      differentiate(visit, result, create_graph, retain);
      // Leaves are the oldest, so their turn is at the end; where somebody waits for them it is once all has arrived.
      for (Visit* leaf : leaves)
        if (--leaf->awaited == 0) differentiate(*leaf, result, create_graph, retain);
    }
    return result;
  }

 private:
  /// Newest first: creation order is a topological order, so every user of a node comes before it.
  void collect(Inputs outputs) {
    uint64_t oldest = targets_.empty() ? 0 : UINT64_MAX;  // nodes made before every target lead to none
    for (const NodePtr& target : targets_) oldest = std::min(oldest, target->id);
    std::vector<NodePtr, Pooled<NodePtr>> open;  // a heap, the newest in front, where a node is once for each use
    const auto older = [](const NodePtr& a, const NodePtr& b) { return a->id < b->id; };
    const auto meet = [&](const NodePtr& node) {
      if (!node || node->id < oldest) return;
      open.push_back(node);
      std::push_heap(open.begin(), open.end(), older);
    };
    visits_.reserve(8), ids_.reserve(8), open.reserve(8);
    for (const Tensor& y : outputs) meet(y.node());
    while (!open.empty()) {
      std::pop_heap(open.begin(), open.end(), older);
      NodePtr node = std::move(open.back());
      open.pop_back();
      if (!visits_.empty() && visits_.back().node == node) continue;
      if (!stop_ || std::find(targets_.begin(), targets_.end(), node) == targets_.end())
        for (const NodePtr& input : node->inputs) meet(input);
      ids_.push_back(node->id);
      visits_.emplace_back().node = std::move(node);
    }
  }

  /// Null if the walk does not come by.
  Visit* find(const Node& node) {
    const auto id = std::lower_bound(ids_.begin(), ids_.end(), node.id, std::greater<>());
    return id != ids_.end() && *id == node.id ? &visits_[size_t(id - ids_.begin())] : nullptr;
  }

  void mark() {
    if (targets_.empty()) {
      for (Visit& visit : visits_) {
        visit.needed = true;
        hooked_ |= visit.node->leaf && !visit.node->leaf->hooks.empty();
      }
      for (const Visit& visit : visits_)
        for (Visit* leaf : leaves_of(visit)) ++leaf->awaited;
      return;
    }
    for (size_t i = 0; i < targets_.size(); ++i)
      if (Visit* visit = find(*targets_[i])) {
        visit->target = int(i);
        visit->needed = true;
      }
    for (auto visit = visits_.rbegin(); visit != visits_.rend(); ++visit) visit->needed |= below_needed(*visit->node);
  }

  /// Once for each use, if any leaf has a hook.
  std::vector<Visit*> leaves_of(const Visit& visit) {
    std::vector<Visit*> leaves;
    if (!hooked_ || !visit.node) return leaves;
    for (const NodePtr& input : visit.node->inputs)
      if (input && input->leaf) leaves.push_back(find(*input));
    return leaves;
  }

  void differentiate(Visit& visit, Gradients& result, bool create_graph, bool retain) {
    if (!visit.gradient) return;
    Tensor g = std::move(visit.gradient->sum);
    visit.gradient = nullptr;
    if (visit.target >= 0) result[size_t(visit.target)] = g;
    Node& node = *visit.node;
    if (node.leaf) {
      if (targets_.empty() && !node.frozen) accumulate_leaf(node, std::move(g), create_graph);
      return;
    }
    if (visit.target >= 0 && (stop_ || !below_needed(node))) return;
    if (node.freed)
      fail<GradError>(
          op_,
          "the graph at {} ({}) was freed by an earlier backward; need retain_graph in that one, or detach() "
          "of what was carried on from it",
          node.op, to_string(node.where));
    pass_down(visit, g);
    if (!retain) node.release();
    visit.node = nullptr;
  }

  bool below_needed(const Node& node) {
    if (targets_.empty()) return true;
    for (const NodePtr& input : node.inputs)
      if (const Visit* below = input ? find(*input) : nullptr; below && below->needed) return true;
    return false;
  }

  /// g is gone afterwards, and as soon as the formulas have read it.
  void pass_down(const Visit& visit, Tensor& g) {
    Node& node = *visit.node;
    const Op op(Op::Recorded{node.op, node.module, node.where, node.id});  // what is recorded, or goes wrong, is its
    Tensor intact;
    if (Observer::any_reads_gradient()) intact = g;  // held, so that no formula writes over it
    Gradients down = [&] {
      const Observer::Silence one_op;
      const Precision precision(node.reads);
      return node.backward(g, visit.node);
    }();
    check_recorded(op, down, g);
    if (Observer::any()) Observer::tell_differentiated(op, down, g);
    g = Tensor();
    if (down.size() != node.inputs.size())
      fail<GradError>(op, "backward returned {} gradients for {} inputs; need one each", down.size(),
                      node.inputs.size());
    for (size_t i = 0; i < down.size(); ++i) {
      const NodePtr& input = node.inputs[i];
      if (!input || !down[i].defined()) continue;
      if (!(down[i].shape() == input->shape))
        fail<ShapeError>(op, "gradient {} has shape {}; need {}", i, down[i].shape(), input->shape);
      if (down[i].dtype() != input->dtype)
        fail<DTypeError>(op, "gradient {} is {}; need {}", i, name_of(down[i].dtype()), name_of(input->dtype));
      add(*input, std::move(down[i]));
    }
  }

  /// Gradients are linear in g: one that is recorded no further than a recorded g is either 0, or made by kernels
  /// behind the graph's back, and second derivatives would silently lose it.
  static void check_recorded(const Op& op, const Gradients& down, const Tensor& g) {
    if (!grad_enabled() || !g.node()) return;
    for (size_t i = 0; i < down.size(); ++i)
      if (down[i].defined() && !down[i].node() && ne(down[i], 0).any().item<bool>())
        fail<GradError>(op,
                        "no second derivative, as the formula of gradient {} is not made of recorded ops; need "
                        "create_graph = false, such ops, or fused(...) with a twin",
                        i);
  }

  /// sum += g, in place where nothing else can see the sum.
  static void accumulate(Tensor& sum, Tensor&& g) {
    if (!sum.defined()) sum = std::move(g);
    else if (!grad_enabled() && sum.storage().use_count() == 1 && sum.is_contiguous()) kernels::add_into(g, sum);
    else sum = sum + g;
  }

  void accumulate_leaf(Node& node, Tensor&& g, bool create_graph) {
    Leaf& leaf = *node.leaf;
    const std::lock_guard lock(leaf.adding);
    if (leaf.grad.defined()) accumulate(leaf.grad, std::move(g));
    else if (create_graph || (g.storage().use_count() == 1 && g.is_contiguous())) leaf.grad = std::move(g);
    else leaf.grad = kernels::copy(g);
    for (const auto& hook : std::vector(leaf.hooks)) {  // a copy: a hook may be taken away by one
      const Tensor before = leaf.grad;
      (*hook)(leaf.grad);
      if (const Tensor& now = leaf.grad; now.defined() && (!(now.shape() == node.shape) || now.dtype() != node.dtype)) {
        const Tensor wrong = std::exchange(leaf.grad, before);
        fail<GradError>(op_, "a hook left a gradient {} {} for a leaf {} {}{}{}; need the leaf's shape and dtype",
                        name_of(wrong.dtype()), wrong.shape(), name_of(node.dtype), node.shape,
                        leaf.name.empty() ? "" : ", ", leaf.name);
      }
    }
  }

  const Op& op_;
  std::span<const NodePtr> targets_;
  const bool stop_;
  bool hooked_ = false;  // a leaf that this pass accumulates into has a hook
  std::vector<Visit, Pooled<Visit>> visits_;
  std::vector<uint64_t, Pooled<uint64_t>> ids_;  // theirs
};

Tensor seed_for(const Op& op, Inputs outputs, const GradOptions& options, size_t i) {
  const Tensor& y = outputs[i];
  if (options.seeds.empty() || !options.seeds[i].defined()) {
    if (y.numel() != 1)
      fail<GradError>(op, "output {} has shape {} and no seed; need a scalar, or a seed of shape {}", i, y.shape(),
                      y.shape());
    return full(y.shape(), 1, y.dtype());
  }
  const Tensor& seed = options.seeds[i];
  if (!(seed.shape() == y.shape()))
    fail<ShapeError>(op, "seed {} has shape {}; need the output's shape {}", i, seed.shape(), y.shape());
  if (seed.dtype() != y.dtype())
    fail<DTypeError>(op, "seed {} is {}; need the output's dtype {}", i, name_of(seed.dtype()), name_of(y.dtype()));
  return seed;
}

}  // namespace

Gradients run_backward(const Op& op, Inputs outputs, const GradOptions& options, std::span<const NodePtr> targets,
                       Through through) {
  if (!options.seeds.empty() && options.seeds.size() != outputs.size())
    fail<GradError>(op, "{} seeds for {} outputs; need one each, or none for scalars", options.seeds.size(),
                    outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    check_defined(op, outputs[i], "an output");
    if (!is_floating(outputs[i].dtype()))
      fail<GradError>(op,
                      "output {} is {}, which has no derivative (comparisons, argmax and .to({}) end the graph); need "
                      "an f32 or f64 "
                      "result",
                      i, name_of(outputs[i].dtype()), name_of(outputs[i].dtype()));
    if (!outputs[i].node())
      fail<GradError>(op,
                      "output {} is a constant: it depends on no tensor that requires a gradient (as the slope of a "
                      "line), or was computed under NoGrad, or by grad() without create_graph = true; need a result "
                      "computed from a tensor with set_requires_grad()",
                      i);
  }
  const GradMode mode(options.create_graph);
  Walk walk(op, outputs, targets, through);
  for (size_t i = 0; i < outputs.size(); ++i) walk.add(*outputs[i].node(), seed_for(op, outputs, options, i));
  return walk.run(options.create_graph, options.retain_graph || options.create_graph);
}

}  // namespace autograd

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options, Loc loc) {
  const Op op{"grad", loc};
  if (inputs.empty()) fail<GradError>(op, "no inputs; need at least one tensor to differentiate by");
  std::vector<std::shared_ptr<autograd::Node>> targets;
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_defined(op, inputs[i], "an input");
    if (!inputs[i].node())
      fail<GradError>(op, "input {} does not require a gradient; need set_requires_grad() before it is used", i);
    for (size_t k = 0; k < i; ++k)
      if (inputs[k].node() == inputs[i].node())
        fail<GradError>(op, "input {} is input {} again; need distinct inputs", i, k);
    targets.push_back(inputs[i].node());
  }
  std::vector<Tensor> result = autograd::run_backward(op, outputs, options, targets);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!result[i].defined()) result[i] = zeros_like(inputs[i]);
  return result;
}

Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options, Loc loc) {
  return grad(std::vector{output}, std::vector{input}, options, loc)[0];
}

void backward(const std::vector<Tensor>& outputs, const GradOptions& options, Loc loc) {
  autograd::run_backward({"backward", loc}, outputs, options, {});
}

GradHook::GradHook(const std::shared_ptr<autograd::Node>& leaf, Hook hook)
    : leaf_(leaf), hook_(std::make_shared<const Hook>(std::move(hook))) {
  leaf->leaf->hooks.push_back(hook_);
}

GradHook::~GradHook() {
  if (const auto leaf = leaf_.lock(); leaf && hook_) std::erase(leaf->leaf->hooks, hook_);
}

GradHook register_post_accumulate_grad_hook(const Tensor& leaf, GradHook::Hook hook, Loc loc) {
  const Op op{"register_post_accumulate_grad_hook", loc};
  check_defined(op, leaf, "the tensor");
  if (!leaf.node() || !leaf.node()->leaf)
    fail<GradError>(op, "the tensor is {}; need a leaf that requires a gradient",
                    leaf.node() ? "the result of an op" : "a constant, or frozen");
  return {leaf.node(), std::move(hook)};
}

bool Tensor::requires_grad() const { return node() != nullptr; }

Tensor& Tensor::set_requires_grad(bool on, Loc loc) {
  const Op op{"set_requires_grad", loc};
  check_defined(op, *this, "the tensor");
  std::shared_ptr<autograd::Node>& own = whole_ && !node_ ? storage_->leaf : node_;
  if (own && !own->leaf)
    fail<GradError>(op, "the tensor was computed from others ({}); need a leaf, or detach() first", own->op);
  if (on && !is_floating(dtype_)) fail<DTypeError>(op, "{} has no gradient; need f32 or f64", name_of(dtype_));
  if (on && !own) {
    own = std::make_shared<autograd::Node>(Op{"leaf", loc}, *this);
    own->leaf = std::make_unique<autograd::Leaf>();
  }
  if (own) own->frozen = !on;
  return *this;
}

const Tensor& Tensor::set_requires_grad(bool on, Loc loc) const {
  if (on && defined() && !whole_ && !node_)
    fail<GradError>({"set_requires_grad", loc}, "a const view of shape {}; need one that is not const", shape_);
  Tensor(*this).set_requires_grad(on, loc);
  return *this;
}

void Tensor::assign(const Tensor& x, Loc loc) const&& {
  if (defined() && storage_.use_count() == 1)
    fail<ValueError>({"assign", loc},
                     "the {} {} to write is a copy that nothing else holds; need a tensor, or a view of one; "
                     "where, scatter_add and index_add make one that differs at places which indices name",
                     name_of(dtype_), shape_);
  assign(x, loc);
}

void Tensor::assign(const Tensor& x, Loc loc) const& {
  const Op op{"assign", loc};
  check_defined(op, *this, "the tensor to write");
  check_defined(op, x, "x");
  if (node_ && !node_->leaf)
    fail<GradError>(
        op, "the tensor was computed from others ({}); need a leaf or a constant, or NoGrad around what makes it",
        node_->op);
  if (x.node() && grad_enabled())
    fail<GradError>(op, "x {}, and a write passes no gradient on; need x.detach() or NoGrad, or stack, cat or where",
                    x.node()->leaf ? "wants a gradient" : "was computed from what wants a gradient");
  if (!(x.shape() == shape_)) fail<ShapeError>(op, "x has shape {}; need that of the tensor, {}", x.shape(), shape_);
  if (x.dtype() != dtype_)
    fail<DTypeError>(op, "x is {}; need {}, as the tensor is", name_of(x.dtype()), name_of(dtype_));
  for (int i = 0; i < rank(); ++i)
    if (strides_[i] == 0 && shape_[i] > 1)
      fail<ValueError>(
          op, "along axis {} of {} all elements are the same one; need a tensor with a place for each: clone()", i,
          shape_);
  kernels::copy_into(x.storage() == storage_ ? kernels::copy(x) : x, *this);
  storage_->mark_written();
}

Tensor& Tensor::own_grad(const Op& op) const {
  check_defined(op, *this, "the tensor");
  const auto& own = history();
  if (!own || !own->leaf)
    fail<GradError>(op, "only leaves keep gradients, and this is {}; need a tensor with set_requires_grad(){}",
                    own ? "the result of an op" : "a constant", own ? ", or grad(loss, x)" : "");
  return own->leaf->grad;
}

const Tensor& Tensor::grad(Loc loc) const { return own_grad({"grad", loc}); }

void Tensor::set_grad(const Tensor& g, Loc loc) const {
  const Op op{"set_grad", loc};
  Tensor& own = own_grad(op);
  if (g.defined()) {
    if (!(g.shape() == shape_))
      fail<ShapeError>(op, "a gradient of shape {} for a tensor of shape {}; need equal shapes", g.shape(), shape_);
    if (g.dtype() != dtype_)
      fail<DTypeError>(op, "a gradient of {} for a tensor of {}; need equal dtypes", name_of(g.dtype()),
                       name_of(dtype_));
  }
  own = g;
}

void Tensor::zero_grad(Loc loc) const { own_grad({"zero_grad", loc}) = {}; }

void Tensor::backward(Loc loc) const { autograd::run_backward({"backward", loc}, {this, 1}, {}, {}); }

void Tensor::backward(const Tensor& seed, bool retain_graph, Loc loc) const {
  autograd::run_backward({"backward", loc}, {this, 1}, {.seeds = {seed}, .retain_graph = retain_graph}, {});
}

}  // namespace heed
