// Muon: steps of matrices made orthogonal.
#pragma once

#include <heed/train/optimizer.h>

namespace heed::train {

/// Options of Muon, in the names of its formula.
struct MuonOptions {
  double lr = 1e-3;           ///< of matrices
  double momentum = 0.95;     ///< in [0, 1)
  double weight_decay = 0.1;  ///< p shrinks by lr weight_decay p
  bool nesterov = true;       ///< the step looks ahead
  /// How a matrix's shape scales lr: original, by sqrt(max(1, rows / columns)); match_rms_adamw, by
  /// 0.2 sqrt(max(rows, columns)), so that AdamW's lr serves (Liu et al. 2025).
  enum Adjust { original, match_rms_adamw };
  Adjust adjust = original;         ///< which of them
  int64_t newton_schulz_steps = 5;  ///< of the iteration that makes a matrix orthogonal
  double eps = 1e-7;                ///< the least norm that a step is divided by
  /// Of what is no matrix, or whose group says `adam`: AdamW's.
  AdamWOptions adam = {.lr = 3e-4, .weight_decay = 0};
};

/// b = momentum b + (1 - momentum) g;  p -= lr O(b), or with Nesterov O((1 - momentum) g + momentum b), where O(x) is
/// the orthogonal matrix nearest to x, roughly: x divided by its norm, then steps of x <- 3.4445 x - 4.775 (x x^T) x +
/// 2.0315 (x x^T)^2 x, whose singular values go towards 1. Jordan et al. 2024. Products in the parameters' dtype, where
/// PyTorch takes bfloat16.
/// Throws ValueError for a momentum outside [0, 1) or fewer than 1 step.
class Muon : public Optimizer {
 public:
  explicit Muon(const nn::Parameters& params, const MuonOptions& options = {}, const ParameterGroups& groups = {},
                Loc loc = Loc::current());
  Muon(const nn::Parameters& params, const ParameterGroups& groups, Loc loc = Loc::current())
      : Muon(params, MuonOptions{}, groups, loc) {}

 private:
  void update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const override;
  MuonOptions options_;
};

}  // namespace heed::train
