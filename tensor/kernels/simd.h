// Which instruction set the SIMD kernels run on.
#pragma once

#include <string>
#include <vector>

#include <heed/tensor/error.h>

namespace heed::kernels {

/// The instruction sets of this build that this machine has, best first, by Highway's names: "AVX3" is AVX-512.
std::vector<std::string> simd_targets();

/// The one in use: at first the best.
std::string simd_target();

/// Whether kernels may use AVX-512's instructions for bf16: the machine has them, and what is in use allows for them.
bool simd_has_bf16();

/// Uses `name`, for tests and measurements; not while a kernel runs. Throws ValueError for a name not in
/// simd_targets().
void use_simd_target(const std::string& name, Loc loc = Loc::current());

}  // namespace heed::kernels
