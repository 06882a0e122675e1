#include <heed/nn/mask.h>

#include <heed/autograd/ops.h>

namespace heed::nn {

Tensor length_mask(const Tensor& lengths, int64_t T, Loc loc) {
  const Op op{"length_mask", loc};
  if (lengths.rank() != 1) fail<ShapeError>(op, "lengths has shape {}; need (B)", lengths.shape());
  if (lengths.dtype() != i64)
    fail<DTypeError>(op, "lengths is {}; need i64: cast it with .to(i64)", name_of(lengths.dtype()));
  for (const int64_t length : lengths.to_vector<int64_t>())
    if (length < 0 || length > T) fail<ValueError>(op, "a length of {}; need 0 to {}", length, T);
  return lt(arange(T), lengths.unsqueeze(1));
}

Tensor causal_mask(int64_t T, Loc loc) {
  const Op op{"causal_mask", loc};
  return le(arange(T), arange(T).unsqueeze(1));
}

}  // namespace heed::nn
