// What attention sees, as it looks.
#pragma once

#include <heed/nn/scope.h>

namespace heed::nn {

/// While it lives, every attention module that this thread runs leaves its weights here under the module's name:
///
///   nn::WatchAttention seen;
///   gpt(tokens);
///   seen["h.0.attn"]  // (B, H, T, T)
///
/// Rows are queries, columns keys. A row sums to 1, as before dropout, or to 0 for a query that may attend to nothing.
/// Constants, without gradients. Guards nest, and each sees.
class [[nodiscard]] WatchAttention {
 public:
  WatchAttention();
  ~WatchAttention();
  WatchAttention(const WatchAttention&) = delete;
  WatchAttention& operator=(const WatchAttention&) = delete;

  /// What the module of that name saw last. Throws ValueError naming those that looked.
  const Tensor& operator[](const ChildName& module) const;
  /// All looks, (module, weights), in order; a module that was called twice stands here twice.
  const NamedTensors& looks() const { return looks_; }

  /// This thread's guard, or null. A module of one's own hands it the weights: see add.
  static WatchAttention* current();
  /// Weights that the running module (Op) just used.
  void add(const Tensor& weights);

 private:
  NamedTensors looks_;
  WatchAttention* before_;
};

}  // namespace heed::nn
