// Tests what is written in 08a.h.
#include "08a.h"

const exercise::Exercise exercise_08a("8a", "cut into heads", [](exercise::Check& check) {
  Rng rng(14);
  const Tensor x = randn({2, 5, 12}, rng);
  for (const int64_t H : {1, 3, 4}) {
    const Tensor y = into_heads(x, H);
    for (int64_t h = 0; h < H; ++h)
      check.equal(fmt::format("head {} of {}", h + 1, H), y(all, h),
                  x(ellipsis, slice(h * 12 / H, (h + 1) * 12 / H)), 0);
  }
});
