// Whether padding leaves a loss and its gradients alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <heed/nn/scope.h>

namespace heed::tests {

/// A sum of losses over sequences x (B, T, ...), floating or tokens, of `lengths` (B) i64 steps each. `rows` (B) i64
/// are their numbers in the batch, for what else belongs to them.
using LossOfRows = std::function<Tensor(const Tensor& x, const Tensor& lengths, const Tensor& rows)>;

/// Compares the loss, and its gradients by every parameter and by x if that is floating (f64), with those
/// - of other contents behind the lengths, each of `fillers` in turn: to the last bit;
/// - of a batch with three more steps of padding, and of the rows one by one, without any: but for rounding.
/// Gradients by what stands in the padding must be 0. Returns what differs, in words; "" if nothing does.
std::string effect_of_padding(const nn::Parameters& params, const Tensor& x, const Tensor& lengths,
                              const LossOfRows& loss, const std::vector<double>& fillers);

}  // namespace heed::tests
