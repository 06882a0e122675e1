// Optimisers over named parameters: PyTorch's formulas, defaults and order of operations.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::kernels {
template <class T>
struct ParameterPart;
}  // namespace heed::kernels

namespace heed::train {

/// What some parameters have in place of the optimiser's own options, which have these names. An option that the
/// optimiser does not have is refused.
struct GroupOptions {
  std::optional<double> lr = {};            ///< set_lr() later scales it in proportion
  std::optional<double> weight_decay = {};  ///< of vectors too
  /// As in the optimiser's own options.
  std::optional<double> momentum = {}, dampening = {}, beta1 = {}, beta2 = {}, eps = {}, alpha = {}, lr_decay = {},
                        initial_accumulator_value = {};
  std::optional<bool> nesterov = {}, amsgrad = {}, centered = {};
  std::optional<bool> adam = {};  ///< of Muon: by AdamW, as embeddings and the output layer want it
  bool skip = false;              ///< left to another optimiser: this one keeps and does nothing
  /// Field by field.
  auto operator<=>(const GroupOptions&) const = default;
};
/// The parameters that fit a pattern, as Parameters::freeze takes it: "*.bias", "h.[0-3]".
struct ParameterGroup {
  std::string pattern;   ///< of names
  GroupOptions options;  ///< in place of the optimiser's
};
/// `{{"*.bias", {.weight_decay = 0}}, ...}`
struct ParameterGroups : std::vector<ParameterGroup> {
  ParameterGroups() = default;
  ParameterGroups(std::initializer_list<ParameterGroup> groups) : vector(groups) {}
};

/// What all optimisers share: the parameters with their running moments, and the learning rate. Parameters are those
/// that the store holds when the optimiser is made; one that does not require a gradient or has none is left as it is.
/// A parameter's moments begin, and take memory, with its first update: what stays frozen has none.
/// Each takes groups: `AdamW opt(params, {.lr = 1e-3}, {{"*.bias", {.weight_decay = 0}}, {"wte*", {.lr = 1e-5}}})`.
/// Throws ValueError for a pattern that fits no parameter, for a parameter that fits two, and for an option that makes
/// no sense or that the optimiser does not have.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One update from the parameters' gradients, each multiplied by grad_scale as it is read (see clip_scale).
  /// Throws ShapeError if a gradient does not fit its parameter.
  void step(double grad_scale = 1, Loc loc = Loc::current());
  /// Forgets all gradients.
  void zero_grad();

  /// The learning rate of the next step.
  double lr() const { return lr_; }
  /// Throws ValueError below 0 or if not finite.
  void set_lr(double lr, Loc loc = Loc::current());

  /// Everything but the parameters and options that the next step depends on: "steps" (n), the updates of each
  /// parameter, "lr" (f64), and of those that had one the moments as "exp_avg.<name>" and so on. They share memory with
  /// the optimiser: save or clone them before its next step.
  NamedTensors state() const;
  /// Throws ValueError naming a tensor that is missing or unexpected, ShapeError or DTypeError for one that does not
  /// fit. check_state does nothing but that.
  void load_state(const NamedTensors& state, Loc loc = Loc::current());
  void check_state(const NamedTensors& state, Loc loc = Loc::current()) const;

  /// The names of the parameters that it updates.
  std::vector<std::string> names() const;

 protected:
  struct Slot {
    std::string name;
    Tensor parameter;
    GroupOptions options;  // all that its formula asks for; an lr only if it does not follow the optimiser's
    NamedTensors moments;  // none before its first update
    int64_t steps;
  };
  /// What all slots of one update have in common; `number` counts this step.
  struct Step {
    double lr;
    GroupOptions options;
    int64_t number;
    double grad_scale;
  };
  /// A parameter's options where its group says nothing.
  using Defaults = std::function<GroupOptions(const Tensor& parameter, const GroupOptions& group)>;
  /// The running moments that a parameter of such options has, by name, and what each starts as.
  using MomentStarts = std::vector<std::pair<const char*, double>>;
  using Moments = MomentStarts (*)(const GroupOptions& options);
  Optimizer(const char* name, const nn::Parameters& params, double lr, const Defaults& defaults, Moments moments,
            const ParameterGroups& groups, Loc loc);
  /// The same defaults for every parameter.
  Optimizer(const char* name, const nn::Parameters& params, double lr, const GroupOptions& defaults, Moments moments,
            const ParameterGroups& groups, Loc loc)
      : Optimizer(
            name, params, lr, [&](const Tensor&, const GroupOptions&) { return defaults; }, moments, groups, loc) {}
  /// Updates slots of one dtype.
  virtual void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const = 0;

  template <class T>
  static std::vector<kernels::ParameterPart<T>> raw(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads);
  /// AdamW's step, or with decay into the gradient Adam's.
  static void adam(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step,
                   bool decoupled_decay);
  /// Calls f(part) for parts of all slots, in parallel.
  template <class F>
  static void each_part(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, F f);

  const std::vector<Slot>& slots() const { return slots_; }

  const char* name_;

 private:
  friend class Distributed;  // which leaves a process the moments of some slots only
  void start_moments(Slot& slot) const;
  double lr_, first_lr_;
  Moments moments_;
  std::vector<Slot> slots_;
};

/// Any number of optimisers, each of parameters of its own: `{matrices, rest}`. They must outlive this.
struct Optimizers : std::vector<std::reference_wrapper<Optimizer>> {
  Optimizers(Optimizer& one) : vector{one} {}
  Optimizers(std::initializer_list<std::reference_wrapper<Optimizer>> all) : vector(all) {}
};

/// Options of SGD, in the names of its formula.
struct SGDOptions {
  /// As in the formula.
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  ///< needs momentum, and dampening 0
};
/// g += weight_decay p;  b = momentum b + (1 - dampening) g, at first b = g;  p -= lr b, or with Nesterov lr (g +
/// momentum b).
class SGD : public Optimizer {
 public:
  explicit SGD(const nn::Parameters& params, const SGDOptions& options = {}, const ParameterGroups& groups = {},
               Loc loc = Loc::current());
  SGD(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : SGD(params, SGDOptions{}, groups, loc) {}

 private:
  void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const override;
};

/// Options of Adam, in the names of the paper.
struct AdamOptions {
  /// Learning rate, decays of the two moments, and what is added to the root.
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< weight_decay p joins the gradient
  bool amsgrad = false;     ///< divides by the largest second moment so far (Reddi et al. 2018)
};
/// Kingma and Ba 2015, algorithm 1.
class Adam : public Optimizer {
 public:
  explicit Adam(const nn::Parameters& params, const AdamOptions& options = {}, const ParameterGroups& groups = {},
                Loc loc = Loc::current());
  Adam(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : Adam(params, AdamOptions{}, groups, loc) {}

 protected:
  enum class Decay { gradient, matrices, everything };  // where weight_decay goes: into the gradient, or to parameters
  template <class Options>
  Adam(const char* name, const nn::Parameters& params, const Options& options, Decay decay,
       const ParameterGroups& groups, Loc loc);

 private:
  void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const override;
  Decay decay_;
};

/// Options of AdamW, in the names of the paper.
struct AdamWOptions {
  /// Learning rate, decays of the two moments, what is added to the root, share of a parameter that goes with lr; and
  /// whether the largest second moment so far divides.
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool decay_vectors = false;  ///< also decay biases and gains (rank below 2), as PyTorch does without parameter groups
};
/// Loshchilov and Hutter 2019, algorithm 2: p shrinks by lr weight_decay p, apart from the gradient. Only matrices
/// (rank 2 and above) decay unless decay_vectors or a group says otherwise.
class AdamW : public Adam {
 public:
  explicit AdamW(const nn::Parameters& params, const AdamWOptions& options = {}, const ParameterGroups& groups = {},
                 Loc loc = Loc::current());
  AdamW(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : AdamW(params, AdamWOptions{}, groups, loc) {}
};

/// Options of RMSprop, in the names of its formula.
struct RMSpropOptions {
  /// As in the formula.
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;  ///< weight_decay p joins the gradient
  /// Of a running sum of steps, as in SGD.
  double momentum = 0;
  bool centered = false;  ///< divides by the gradient's deviation from its running mean
};
/// s = alpha s + (1 - alpha) g^2;  p -= lr g / (sqrt(s) + eps). Tieleman and Hinton 2012.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(const nn::Parameters& params, const RMSpropOptions& options = {}, const ParameterGroups& groups = {},
                   Loc loc = Loc::current());
  RMSprop(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : RMSprop(params, RMSpropOptions{}, groups, loc) {}

 private:
  void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const override;
};

/// Options of Adagrad, in the names of its formula.
struct AdagradOptions {
  /// As in the formula.
  double lr = 1e-2;
  double lr_decay = 0;                   ///< step n takes lr / (1 + (n - 1) lr_decay)
  double weight_decay = 0;               ///< weight_decay p joins the gradient
  double initial_accumulator_value = 0;  ///< of s
  double eps = 1e-10;                    ///< added to the root
};
/// s += g^2;  p -= lr g / (sqrt(s) + eps). Duchi et al. 2011.
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const nn::Parameters& params, const AdagradOptions& options = {}, const ParameterGroups& groups = {},
                   Loc loc = Loc::current());
  Adagrad(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : Adagrad(params, AdagradOptions{}, groups, loc) {}

 private:
  void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const override;
};

}  // namespace heed::train
