#include <heed/autograd/observer.h>

#include <utility>

namespace heed::autograd {

Observer::Observer() : older_(std::exchange(newest_, this)) {}
Observer::~Observer() { newest_ = older_; }

Observer::Silence::Silence() : before_(std::exchange(newest_, nullptr)) {}
Observer::Silence::~Silence() { newest_ = before_; }

bool Observer::any_reads_gradient() {
  for (const Observer* observer = newest_; observer; observer = observer->older_)
    if (observer->reads_gradient()) return true;
  return false;
}

void Observer::tell_computed(const Op& op, const Tensor& y, std::span<const Tensor> inputs) {
  for (Observer* observer = newest_; observer; observer = observer->older_) observer->computed(op, y, inputs);
}

void Observer::tell_differentiated(const Op& op, std::span<const Tensor> gradients, const Tensor& g) {
  for (Observer* observer = newest_; observer; observer = observer->older_) observer->differentiated(op, gradients, g);
}

}  // namespace heed::autograd
