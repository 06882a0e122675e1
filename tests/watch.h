// The weights that an attention uses.
#pragma once

#include <heed/nn/watch_attention.h>

namespace heed::tests {

/// What the last attention saw while forward() ran.
template <class Forward>
Tensor seen(const Forward& forward) {
  const nn::WatchAttention guard;
  forward();
  return guard.looks().back().second;
}

}  // namespace heed::tests
