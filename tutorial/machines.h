// The machines of lesson 12's timeline, each in the few lines that its formula takes.
#pragma once

#include <vector>

#include <heed.h>

namespace machines {

using namespace heed;

/// Hopfield 1982: the patterns (P, N) of 1 and -1 are stored in W; every unit turns to where the others push
/// it.
inline Tensor hopfield(const Tensor& patterns, Tensor state) {
  const Tensor W = matmul(patterns.mT(), patterns) * (1 - eye(patterns.size(1)));
  for (int i = 0; i < 20; ++i) state = sign(matmul(W, state));
  return state;
}

/// Elman 1990, one step.
inline Tensor elman_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h) {
  return tanh(linear(x, w.weight_ih, w.bias_ih) + linear(h, w.weight_hh, w.bias_hh));
}

/// Elman's first task: of three bits the third is the exclusive or of the other two. The squared error of
/// guessing the next bit, for each place in the three, after training by backpropagation through time.
inline std::vector<double> exclusive_or(Rng& rng, int64_t steps) {
  nn::Parameters params(rng);
  const nn::RNN rnn(params / "rnn", 1, 8, {.batch_first = true});
  const nn::Linear output(params / "output", 8, 1);
  train::AdamW optimizer(params, {.lr = 1e-2});
  std::vector<double> errors(3);
  for (int64_t step = 0; step <= steps; ++step) {
    const Tensor ab = randint(0, 2, {step < steps ? 32 : 512, 10, 2}, rng).to(f32);
    const Tensor a = ab(ellipsis, slice(0, 1)), b = ab(ellipsis, slice(1, 2));
    const Tensor bits = cat({a, b, a + b - 2 * a * b}, -1).reshape({-1, 30, 1});
    const Tensor guess = output(rnn(bits(all, slice(0, 29))).y), next = bits(all, slice(1, 30));
    if (step == steps) {
      const Tensor error = pow(sigmoid(guess) - next, 2).detach().mean({0, 2});  // (29): of bits 1, 2, 3, ...
      for (int64_t i = 0; i < 3; ++i)
        errors[size_t(i)] = error(slice((i + 2) % 3 + 3, 29, 3)).mean().item<double>();
      return errors;
    }
    binary_cross_entropy_with_logits(guess, next).backward();
    optimizer.step();
    optimizer.zero_grad();
  }
  return errors;
}

/// Schmidhuber 1992: each step writes v k^T into a matrix that is there only while it reads, and asks it with
/// q.
inline Tensor fast_weights(const Tensor& q, const Tensor& k, const Tensor& v) {
  Tensor W = zeros({v.size(1), k.size(1)});
  std::vector<Tensor> y;
  for (int64_t t = 0; t < q.size(0); ++t) {
    W = W + outer(v[t], k[t]);
    y.push_back(matmul(W, q[t]));
  }
  return stack(y, 0);
}

/// Graves 2013, eq. 46 and 47: how much of each of U letters the pen looks at. All three arguments are (K).
inline Tensor window(const Tensor& alpha, const Tensor& beta, const Tensor& kappa, int64_t U) {
  const Tensor distance = kappa.unsqueeze(1) - arange(double(U), kappa.dtype());
  return (alpha.unsqueeze(1) * exp(-beta.unsqueeze(1) * distance * distance)).sum(0);
}

/// Cheng et al. 2016: an LSTM whose step starts from a mixture of all its states, by soft attention. With
/// `last`, from the last alone. Returns (T, H).
inline Tensor lstmn(const nn::LSTMCell& cell, const nn::AdditiveAttention& look, const Tensor& x, bool last) {
  const int64_t H = cell.weights.weight_hh.size(1);
  std::vector<Tensor> h = {zeros({H})}, c = h;
  Tensor mixed = zeros({H});
  for (int64_t t = 0; t < x.size(0); ++t) {
    const Tensor scores = matmul(tanh(look.W(cat({x[t], mixed}, 0)) + look.U(stack(h, 0))), look.v);
    const Tensor shares = last ? one_hot(scalar(t, i64), t + 1).to(f32) : softmax(scores, 0);
    mixed = matmul(shares, stack(h, 0));
    const auto next =
        cell(x(slice(t, t + 1)), {mixed.unsqueeze(0), matmul(shares, stack(c, 0)).unsqueeze(0)});
    h.push_back(next.h[0]), c.push_back(next.c[0]);
  }
  return stack({h.begin() + 1, h.end()}, 0);
}

}  // namespace machines
