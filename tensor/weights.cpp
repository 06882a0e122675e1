#include <heed/tensor/weights.h>

namespace heed {

Weights weights_named(const std::string& name, Loc loc) {
  for (const Weights kept : {Weights::f32, Weights::bf16, Weights::q8})
    if (name == name_of(kept)) return kept;
  fail<ValueError>({"weights_named", loc}, "no weights are called \"{}\"; need f32, bf16 or q8", name);
}

}  // namespace heed
