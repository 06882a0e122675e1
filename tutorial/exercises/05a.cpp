// Tests what is written in 05a.h.
#include "05a.h"

const exercise::Exercise exercise_05a("5a", "softmax that does not overflow", [](exercise::Check& check) {
  const Tensor scores = tensor({0.9544, 1.4950, 1.4754, 0.8434, 0.7070, 1.0865});  // of the lesson
  check.equal("as the lesson prints it", my_softmax(scores),
              tensor({0.1385, 0.2379, 0.2333, 0.1240, 0.1082, 0.1581}), 5.1e-5);
  for (const double factor : {1.0, 100.0, -1000.0})
    check.equal(fmt::format("{} times as large", factor), my_softmax(scores * factor),
                softmax(scores * factor, 0), 1e-6);
  Rng rng(8);
  check.passes("its gradient", gradcheck(my_softmax, randn({5}, rng, f64)));
});
