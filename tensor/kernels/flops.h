// Counting the floating-point operations of matrix products, for profiles.
#pragma once

#include <atomic>
#include <cstdint>

namespace heed::kernels {

inline std::atomic<int64_t> flop_counter{0};

/// A multiplication and an addition count as two. Called by kernels, once a product.
inline void count_flops(int64_t n) { flop_counter.fetch_add(n, std::memory_order_relaxed); }
/// All counted since the start, over all threads.
inline int64_t flops() { return flop_counter.load(std::memory_order_relaxed); }

}  // namespace heed::kernels
