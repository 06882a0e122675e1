// Functions that a graph keeps.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <heed/tensor/pool.h>

namespace heed::autograd {

template <class Signature>
class Closure;

/// A function object of any type, which moves and is not copied, as C++23's std::move_only_function; in the pool, as
/// every op makes some.
template <class R, class... Args>
class Closure<R(Args...)> {
 public:
  /// Empty: not to be called.
  Closure() = default;
  /// Empty too.
  Closure(std::nullptr_t) {}
  /// f itself.
  template <class F>
  requires std::is_invocable_r_v<R, F&, Args...> Closure(F f) : state_(new Of<F>(std::move(f))) {}
  /// An F made in its place.
  template <class F, class... Parts>
  void emplace(Parts&&... parts) {
    state_.reset(new Of<F>(std::forward<Parts>(parts)...));
  }
  /// f(args...).
  R operator()(Args... args) const { return state_->call(std::forward<Args>(args)...); }
  /// Whether there is one.
  explicit operator bool() const { return state_ != nullptr; }

 private:
  struct State {
    virtual ~State() = default;
    virtual R call(Args... args) = 0;
    static void* operator new(size_t bytes) { return take_from_pool(bytes); }
    static void operator delete(void* state, size_t bytes) { give_to_pool(state, bytes); }
  };
  template <class F>
  struct Of final : State {
    F f;
    template <class... Parts>
    explicit Of(Parts&&... parts) : f(std::forward<Parts>(parts)...) {}
    R call(Args... args) override { return f(std::forward<Args>(args)...); }
  };
  std::unique_ptr<State> state_;
};

}  // namespace heed::autograd
