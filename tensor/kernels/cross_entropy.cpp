#include "tensor/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "tensor/parallel.h"
#include "tensor/kernels/softmax.h"

namespace heed::kernels {

template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, T* lse) {
  const auto [N, V, ignore_index, smoothing] = shape;
  logsumexp(logits, lse, N, V);
  for (int64_t i = 0; i < N; ++i) {
    const T* x = logits + i * V;
    if (targets[i] == ignore_index) {
      loss[i] = 0;
      continue;
    }
    loss[i] = lse[i] - x[targets[i]];
    if (smoothing != 0) {
      double sum = 0;
      for (int64_t j = 0; j < V; ++j) sum += x[j];
      loss[i] = T((1 - smoothing) * loss[i] + smoothing * (lse[i] - sum / double(V)));
    }
  }
}

template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const T* lse, T scale,
                            T* dlogits) {
  const auto [N, V, ignore_index, smoothing] = shape;
  const int64_t columns = V, ignored = ignore_index;
  const T spread = T(smoothing / double(V)), hit = T(1 - smoothing);
  parallel_for(N, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, V)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* x = logits + i * columns;
      T* dx = dlogits + i * columns;
      if (targets[i] == ignored) {
        std::fill(dx, dx + columns, T(0));
        continue;
      }
      for (int64_t j = 0; j < columns; ++j) dx[j] = scale * (std::exp(x[j] - lse[i]) - spread);
      dx[targets[i]] -= scale * hit;
    }
  });
}

template void cross_entropy(const CrossEntropy&, const float*, const int64_t*, float*, float*);
template void cross_entropy(const CrossEntropy&, const double*, const int64_t*, double*, double*);
template void cross_entropy_backward(const CrossEntropy&, const float*, const int64_t*, const float*, float, float*);
template void cross_entropy_backward(const CrossEntropy&, const double*, const int64_t*, const double*, double, double*);

}  // namespace heed::kernels
