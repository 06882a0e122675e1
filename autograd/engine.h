// Reverse-mode differentiation over recorded nodes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <heed/autograd/node.h>

namespace heed {

/// How grad and backward run.
struct GradOptions {
  std::vector<Tensor> seeds = {};  ///< one per output, of its shape; may be left out for scalars (then 1)
  bool create_graph = false;  ///< record the backward pass, so that its results can be differentiated again; a leaf's
                              ///< grad() then holds the graph, and so the leaf itself, until zero_grad()
  bool retain_graph = false;  ///< keep what backward needs for another pass; implied by create_graph
};

/// The gradients of sum_i <seeds_i, outputs_i> with respect to each input, which may be leaves or intermediate results.
/// An input that the outputs do not depend on gets zeros. Nothing is accumulated into grad().
/// Throws GradError for an output without history, an input that does not require a gradient, a missing seed of a
/// non-scalar, or a graph that an earlier backward freed; ShapeError and DTypeError for a seed that does not fit.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {}, Loc loc = Loc::current());
/// The same, so that grad({y}, {w}) is a list too.
inline std::vector<Tensor> grad(std::initializer_list<Tensor> outputs, std::initializer_list<Tensor> inputs,
                                const GradOptions& options = {}, Loc loc = Loc::current()) {
  return grad(std::vector(outputs), std::vector(inputs), options, loc);
}
/// The gradient of one output with respect to one input.
Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options = {}, Loc loc = Loc::current());

/// grad over every leaf below the outputs, accumulated into their grad(). Threads may do so at once, with graphs of
/// their own that share leaves.
void backward(const std::vector<Tensor>& outputs, const GradOptions& options = {}, Loc loc = Loc::current());

/// Takes a hook away again when it is destroyed.
class [[nodiscard]] GradHook {
 public:
  /// What is called, with grad().
  using Hook = std::function<void(Tensor& grad)>;
  /// register_post_accumulate_grad_hook's.
  GradHook(const std::shared_ptr<autograd::Node>& leaf, Hook hook);
  ~GradHook();
  GradHook(GradHook&&) = default;
  GradHook& operator=(GradHook&&) = delete;

 private:
  std::weak_ptr<autograd::Node> leaf_;
  std::shared_ptr<const Hook> hook_;
};

/// While what it returns lives, every backward() calls the hook as soon as the leaf's gradient is final: all that this
/// pass brings is in grad(), and the rest of the pass is still to come. The hook gets grad() itself, and may replace it
/// by another of its shape and dtype (PyTorch's hook of this name is called with the tensor); else backward throws
/// GradError. Not called where no gradient arrives, by grad(), and for a
/// frozen leaf; more than one are called in the order of registration. Throws GradError if `leaf` is no leaf.
GradHook register_post_accumulate_grad_hook(const Tensor& leaf, GradHook::Hook hook, Loc loc = Loc::current());

namespace autograd {

/// Whether a target that lies below another also gets what arrives through that one.
enum class Through { targets, stop_at_targets };

/// grad by nodes: the gradients that arrive at `targets`, undefined where none does. No targets: accumulate into
/// leaves.
Gradients run_backward(const Op& op, Inputs outputs, const GradOptions& options,
                       std::span<const std::shared_ptr<Node>> targets, Through through = Through::targets);

}  // namespace autograd
}  // namespace heed
