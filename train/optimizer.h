// Optimisers over named parameters: PyTorch's formulas, defaults and order of operations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <heed/nn/scope.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::train {

/// What all optimisers share: the parameters with their running moments, and the learning rate. Parameters are those that
/// the store holds when the optimiser is made; one without a gradient is left as it is.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One update from the parameters' gradients, each multiplied by grad_scale as it is read (see clip_scale).
  /// Throws ShapeError if a gradient does not fit its parameter.
  void step(double grad_scale = 1, Loc loc = Loc::current());
  /// Forgets all gradients.
  void zero_grad();

  double lr() const { return lr_; }
  /// Throws ValueError below 0 or if not finite.
  void set_lr(double lr, Loc loc = Loc::current());

  /// Everything but the parameters that the next step depends on: moments as "exp_avg.<name>" and so on, and "steps" (n),
  /// the updates of each parameter. They share memory with the optimiser: save or clone them before its next step.
  NamedTensors state() const;
  /// Throws ValueError naming a tensor that is missing or unexpected, ShapeError or DTypeError for one that does not fit.
  void load_state(const NamedTensors& state, Loc loc = Loc::current());

 protected:
  struct Slot {
    std::string name;
    Tensor parameter;
    std::vector<Tensor> moments;  // in the order of moment_names_
    double weight_decay;
    int64_t steps;
  };
  /// Throws ValueError if `params` is empty, or if `lr` or `weight_decay` is negative or not finite.
  Optimizer(const char* name, const nn::Parameters& params, std::vector<std::string> moment_names, double lr,
            double weight_decay, bool decay_vectors, Loc loc);
  /// Updates slots of one dtype, weight decay and number of steps (which already counts this one).
  virtual void update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads,
                      double grad_scale) const = 0;

  const char* name_;

 private:
  double lr_;
  std::vector<std::string> moment_names_;
  std::vector<Slot> slots_;
};

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  ///< needs momentum, and dampening 0
};
/// g += weight_decay p;  b = momentum b + (1 - dampening) g, at first b = g;  p -= lr b, or with Nesterov lr (g + momentum b).
class SGD : public Optimizer {
 public:
  explicit SGD(const nn::Parameters& params, const SGDOptions& options = {}, Loc loc = Loc::current());

 private:
  void update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads,
              double grad_scale) const override;
  SGDOptions options_;
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< weight_decay p joins the gradient
};
/// Kingma and Ba 2015, algorithm 1.
class Adam : public Optimizer {
 public:
  explicit Adam(const nn::Parameters& params, const AdamOptions& options = {}, Loc loc = Loc::current());

 protected:
  enum class Decay { gradient, matrices, everything };  // where weight_decay goes: into the gradient, or to parameters
  Adam(const char* name, const nn::Parameters& params, const AdamOptions& options, Decay decay, Loc loc);

 private:
  void update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads,
              double grad_scale) const override;
  AdamOptions options_;
  Decay decay_;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool decay_vectors = false;  ///< also decay biases and gains (rank below 2), as PyTorch does without parameter groups
};
/// Loshchilov and Hutter 2019, algorithm 2: p shrinks by lr weight_decay p, apart from the gradient. Only matrices (rank 2
/// and above) decay unless decay_vectors is set.
class AdamW : public Adam {
 public:
  explicit AdamW(const nn::Parameters& params, const AdamWOptions& options = {}, Loc loc = Loc::current());
};

}  // namespace heed::train
