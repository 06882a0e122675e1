// Tests what is written in 11b.h.
#include "11b.h"

#include <heed/autograd/node.h>

const exercise::Exercise exercise_11b(
    "11b", "the two gradients of a matrix product", [](exercise::Check& check) {
      Rng rng(22);
      const auto yours = [](const Tensor& A, const Tensor& B) {
        return autograd::record({"my_product"}, matmul(A.detach(), B.detach()),
                                {{A, [A, B](const Tensor& G) { return product_gradients(A, B, G).first; }},
                                 {B, [A, B](const Tensor& G) { return product_gradients(A, B, G).second; }}});
      };
      const Tensor A = randn({3, 4}, rng, f64), B = randn({4, 2}, rng, f64);
      check.passes("beside central differences", gradcheck(yours, {A, B}));
      check.passes("and theirs", gradgradcheck(yours, {A, B}));
    });
