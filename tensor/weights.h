// How generation keeps the matrices of a model.
#pragma once

#include <cstdint>
#include <string>

#include <heed/tensor/error.h>

namespace heed {

/// f32: as they are. bf16: each number rounded to the nearest bf16, off by 2^-8 of itself at most. q8: to one of 255
/// steps of its row, which reach from minus to plus the row's largest magnitude: off by 1/254 of that at most.
enum class Weights : uint8_t { f32, bf16, q8 };

/// "f32", "bf16" or "q8".
constexpr const char* name_of(Weights kept) {
  return kept == Weights::f32 ? "f32" : kept == Weights::bf16 ? "bf16" : "q8";
}

/// What name_of gives for it. Throws ValueError for other names.
Weights weights_named(const std::string& name, Loc loc = Loc::current());

}  // namespace heed
