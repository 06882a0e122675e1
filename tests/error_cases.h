// What tensor/, autograd/, nn/ and models/ refuse: calls, with the whole message of each.
#pragma once

#include <functional>
#include <string>
#include <typeinfo>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::tests {

struct ErrorCase {
  std::string message;  ///< from the op's name on, without the place in brackets; * stands for any text
  std::function<void()> call;
  bool (*is_type)(const Error&);
  Loc where;  ///< of the case: the caller that the error names stands here, or below and before the next case
};

/// The call throws E, and no type derived from it, with that message.
template <class E>
ErrorCase refuses(std::string message, std::function<void()> call, Loc loc = Loc::current()) {
  return {std::move(message), std::move(call), [](const Error& e) { return typeid(e) == typeid(E); }, loc};
}

// Arguments of which only shape and dtype matter.
inline Tensor real(const Shape& shape) { return ones(shape); }
inline Tensor whole(const Shape& shape) { return zeros(shape, i64); }
inline Tensor flags(const Shape& shape) { return zeros(shape, boolean); }

std::vector<ErrorCase> op_errors();
std::vector<ErrorCase> layer_errors();
std::vector<ErrorCase> tensor_errors();
std::vector<ErrorCase> engine_errors();
std::vector<ErrorCase> nn_errors();
std::vector<ErrorCase> model_errors();

}  // namespace heed::tests
