// Recording: how a result remembers the inputs and formulas that its gradient needs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <heed/autograd/closure.h>
#include <heed/autograd/grad_mode.h>
#include <heed/tensor/precision.h>
#include <heed/tensor/tensor.h>

namespace heed::autograd {

/// Which inputs of a node want a gradient: the others' may be left undefined.
class Needs {
 public:
  static constexpr size_t kCounted = 64;  ///< inputs; every one beyond is said to want one
  /// Whether that input wants one; says that it does.
  bool operator[](size_t input) const { return input >= kCounted || ((bits_ >> input) & 1); }
  void set(size_t input) {
    if (input < kCounted) bits_ |= uint64_t{1} << input;
  }

 private:
  uint64_t bits_ = 0;
};

/// The gradient of one input: from g, the gradient of the output, and if asked for y, the output itself. A reference to
/// the function that gives it, for the call of record alone: where nothing is recorded, nothing is made.
class Formula {
 public:
  /// The gradient; y is undefined unless wants_output().
  using Kept = Closure<Tensor(const Tensor& g, const Tensor& y)>;
  /// A function of g, or of g and y.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Formula>) Formula(F&& f)
      : function_(const_cast<void*>(static_cast<const void*>(&f))),
        keep_(&keep_as<F>),
        wants_output_(kTakesOutput<F>) {}
  /// The function, moved to where it stays; or copied, if it has a name.
  Kept keep() const { return keep_(function_); }
  bool wants_output() const { return wants_output_; }

 private:
  template <class F>
  static constexpr bool kTakesOutput = std::is_invocable_v<F&, const Tensor&, const Tensor&>;
  template <class F>
  static Kept keep_as(void* function) {
    auto& f = *static_cast<std::remove_reference_t<F>*>(function);
    if constexpr (kTakesOutput<F>) return Kept(std::forward<F>(f));
    else return Kept([f = std::forward<F>(f)](const Tensor& g, const Tensor&) { return f(g); });
  }

  void* function_;
  Kept (*keep_)(void*);
  bool wants_output_;
};

/// One row of record's table.
struct Input {
  const Tensor& tensor;  ///< the input
  Formula formula;       ///< of its gradient
};

/// Of an op, and one for each of them.
using Inputs = std::span<const Tensor>;
using Gradients = std::vector<Tensor>;
/// One gradient per input; undefined where `needs` does not ask, or where it is zero.
using JointBackward = Closure<Gradients(const Tensor& g, Needs needs)>;
/// The same computation from recorded ops: what a fused op means, and the way to its higher derivatives.
using Twin = std::function<Tensor(Inputs)>;
/// An op's output computed once more, bit for bit, from what its backward keeps anyway.
using Remake = std::function<Tensor()>;

/// What only a leaf has.
struct Leaf {
  std::string name;             ///< of a parameter: that of its module, a dot, and its own, "h.0.attn.c_attn.weight"
  Tensor grad;                  ///< accumulated
  std::recursive_mutex adding;  ///< held while a pass adds to grad: others may run on other threads
  std::vector<std::shared_ptr<const std::function<void(Tensor& grad)>>> hooks;  ///< see GradHook
};

/// One recorded op. Nodes are made in topological order: an input's id is smaller than its user's.
struct Node {
  const char* op;               ///< its name
  uint64_t id;                  ///< grows with every op of the process
  Loc where;                    ///< the line that called the outermost function
  ModuleName module;            ///< that computed it, or that owns the parameter
  Shape shape;                  ///< of the output, as of every gradient that arrives
  DType dtype;                  ///< of the same
  Products reads = products();  ///< what its products read, in its backward too
  bool frozen = false;          ///< a leaf that does not train now
  bool freed = false;           ///< its backward has run, and the graph was not kept
  std::unique_ptr<Leaf> leaf;   ///< of a tensor that trains; null of a result
  std::vector<std::shared_ptr<Node>, Pooled<std::shared_ptr<Node>>> inputs;  ///< null where no gradient is needed
  /// One gradient per input. `self` lets the saved output take its place in the graph again when gradients are
  /// recorded.
  Closure<Gradients(const Tensor& g, const std::shared_ptr<Node>& self)> backward;
  std::shared_ptr<const Remake> remake;  ///< null where it would cost more than the memory is worth

  /// Of `output`, which `op` made, without inputs yet.
  Node(const Op& op, const Tensor& output);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Forgets what backward needed, once it has run, but not its inputs: who asks for what lies below is refused.
  void release();
  /// Nodes that exist now, over all threads.
  static int64_t live();
};
inline const std::shared_ptr<Node> kNoNode;  ///< null

/// What a backward pass will need: a tensor, or, if it is large and the op that made it can remake it, the way to it.
/// So the activations between two products need not be kept.
class Saved {
 public:
  explicit Saved(const Tensor& x);
  /// The tensor, with its history.
  Tensor get() const;

 private:
  Tensor kept_;
  std::shared_ptr<Node> node_;
  std::shared_ptr<const Remake> remake_;
};

/// Where a kernel of a fused op's backward may write a gradient of g's shape, if it may write over what it reads: g
/// itself where it is all of a storage that nothing else holds, else a new tensor. To be called before anything else
/// takes hold of g.
Tensor room_for_gradient(const Tensor& g);

/// Gives `y` a node that remembers each input with its formula, if recording is on and any of them needs a gradient.
/// Formulas are written with recorded ops, so that they can be differentiated in turn. Throws GradError if y is neither
/// f32 nor f64.
Tensor record(const Op& op, Tensor y, std::initializer_list<Input> inputs);
/// The same for gradients that share work, or for any number of inputs.
Tensor record(const Op& op, Tensor y, std::vector<Tensor> inputs, JointBackward backward);

/// Records an op whose forward and backward are kernels. `twin` computes the same from recorded ops; when the backward
/// pass is itself recorded, the twin is differentiated in place of `backward`. A null twin says that there are no
/// second derivatives: asking for one throws GradError. `remake` is for ops that cost little beside the products around
/// them.
Tensor fused(const Op& op, Tensor y, std::vector<Tensor> inputs, JointBackward backward, Twin twin,
             Remake remake = nullptr);

/// Names a leaf.
void set_name(const Tensor& leaf, std::string name, ModuleName module);

}  // namespace heed::autograd

namespace heed {

inline const std::shared_ptr<autograd::Node>& Tensor::node() const {
  const std::shared_ptr<autograd::Node>& node = history();
  return node && node->frozen ? autograd::kNoNode : node;
}

}  // namespace heed
