// A variable that has another value for a while.
#pragma once

#include <utility>

namespace heed {

/// While it lives, `variable` has `value`.
template <class T>
class [[nodiscard]] Scoped {
 public:
  Scoped(T& variable, T value) : variable_(variable), before_(std::exchange(variable, value)) {}
  ~Scoped() { variable_ = before_; }
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;

 private:
  T& variable_;
  T before_;
};

}  // namespace heed
