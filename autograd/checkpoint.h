// Trading time for memory: recompute a segment in backward instead of keeping what it saved.
#pragma once

#include <functional>

#include <heed/autograd/node.h>
#include <heed/tensor/random.h>

namespace heed {

/// fn(inputs), of which only the inputs and the result are kept; backward runs fn again. Everything with a history that
/// fn uses, the parameters it captured included, gets its gradient. The second run trains or evaluates as the first.
/// `rng`: the generator that fn draws from, if any; the second run then draws the same numbers, and the generator ends
/// where the first run left it. backward() throws GradError if fn then gives other values.
Tensor checkpoint(const std::function<Tensor(const std::vector<Tensor>&)>& fn, const std::vector<Tensor>& inputs,
                  Rng* rng = nullptr, Loc loc = Loc::current());

}  // namespace heed
