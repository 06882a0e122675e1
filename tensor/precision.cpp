#include <heed/tensor/precision.h>

#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/simd.h>

namespace heed {

bool has_bf16() { return kernels::simd_has_bf16(); }

std::string bf16_instructions() {
  if (!has_bf16()) return "";
  return kernels::bf16_unit() == kernels::Bf16Unit::squares ? "AMX" : "AVX512-BF16";
}

std::string why_no_bf16() {
  if (has_bf16()) return "";
  if (kernels::cpu_bf16_unit() == kernels::Bf16Unit::none) return "this processor has no AVX512-BF16";
  return "SIMD is set to " + kernels::simd_target();
}

Precision::Precision(Products reads, Loc loc) : Scoped(precision_detail::here, reads) {
  if (reads == Products::bf16 && !has_bf16())
    fail<ValueError>({"Precision", loc}, "bf16 is asked for, and {}; need Products::f32", why_no_bf16());
}

Products products_named(const std::string& name, Loc loc) {
  if (name == "f32") return Products::f32;
  if (name == "bf16") return Products::bf16;
  if (name == "auto") return has_bf16() && kernels::bf16_is_faster() ? Products::bf16 : Products::f32;
  fail<ValueError>({"products_named", loc}, "no precision is called \"{}\"; need f32, bf16 or auto", name);
}

}  // namespace heed
