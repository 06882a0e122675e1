// Where a step's time goes, by op.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include <heed/autograd/observer.h>

namespace heed {

/// While it lives, counts what the ops of this thread cost. An op's forward time runs from the end of the op before it;
/// its backward time is that of its gradient formulas. The innermost guard counts.
class [[nodiscard]] Profile : public autograd::Observer {
 public:
  /// What one name cost.
  struct Row {
    int64_t calls = 0;   ///< how many
    double seconds = 0;  ///< of all of them
    int64_t bytes = 0;   ///< newly allocated
    int64_t flops = 0;   ///< of its matrix products
  };

  Profile();

  /// By name: "linear", "linear backward", ... and whatever mark() was given.
  const std::map<std::string, Row>& rows() const { return rows_; }
  /// Books all that happened since the op before under a name of the caller's: an optimiser's step, say.
  void mark(const std::string& name);
  /// A table, dearest first.
  std::string table() const;

  void computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) override;
  void differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) override;

 private:
  std::map<std::string, Row> rows_;
  std::chrono::steady_clock::time_point last_;
  int64_t last_bytes_ = 0, last_flops_ = 0;
};

}  // namespace heed
