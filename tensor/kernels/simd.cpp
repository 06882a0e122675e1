#include <heed/tensor/kernels/simd.h>

#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/simd_targets.h>

#include <hwy/highway.h>
#include <hwy/targets.h>

namespace heed::kernels {
namespace {

/// What this build has and the machine has, as bits; a better instruction set has a lower bit.
int64_t usable() {
  static const int64_t bits = hwy::SupportedTargets() & HWY_TARGETS;
  return bits;
}

int64_t in_use = usable() & -usable();

}  // namespace

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (uint64_t rest = static_cast<uint64_t>(usable()); rest; rest &= rest - 1)
    names.emplace_back(hwy::TargetName(static_cast<int64_t>(rest & -rest)));
  return names;
}

std::string simd_target() { return hwy::TargetName(in_use); }

bool simd_has_bf16() { return in_use == HWY_AVX3 && bf16_unit() != Bf16Unit::none; }

void use_simd_target(const std::string& name, Loc loc) {
  for (uint64_t rest = static_cast<uint64_t>(usable()); rest; rest &= rest - 1) {
    const auto target = static_cast<int64_t>(rest & -rest);
    if (name != hwy::TargetName(target)) continue;
    in_use = target;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    return;
  }
  fail<ValueError>({"use_simd_target", loc}, "this machine has no \"{}\"; need one of {}", name,
                   join(simd_targets(), ", "));
}

}  // namespace heed::kernels
