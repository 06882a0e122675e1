// Lesson 12: forty years of remembering. Small machines of each time (machines.h), and the large ones on one
// task.
#include "machines.h"
#include "one_task.h"

using namespace heed;
using namespace machines;

namespace {

const auto percent_equal = [](const Tensor& a, const Tensor& b) {
  return 100 * eq(a, b).to(f32).mean().item<double>();
};

void associative_memory(lesson::Lesson& l, Rng& rng) {
  l.heading("1982, Hopfield: a memory that is asked with a spoiled pattern");
  const auto signs = [&rng](const Shape& shape) { return (2 * randint(0, 2, shape, rng) - 1).to(f32); };
  const auto spoil = [&rng](const Tensor& x) {
    return x * where(lt(rand(x.shape(), rng), 0.2), -1, ones(x.shape()));
  };
  const Tensor y = pow(arange(10.0) - 4.5, 2),
               apart = y.unsqueeze(1) + y;  // of a picture of 10 by 10, squared
  const Tensor ring = (2 * logical_and(gt(apart, 7), lt(apart, 20)).to(f32) - 1).reshape({1, 100});
  const Tensor few = cat({ring, signs({4, 100})}, 0), asked = spoil(few[0]), found = hopfield(few, asked);
  const auto picture = [](const Tensor& state) { return pad(state.reshape({10, 10}), {1, 1, 0, 0}); };
  std::vector<std::string> columns(36);
  columns[5] = "stored", columns[17] = "asked", columns[29] = "found";
  l.picture("hopfield", train::Heatmap{"Stored; as it is asked; as it is found", "", "", columns,
                                       std::vector<std::string>(10),
                                       cat({picture(few[0]), picture(asked), picture(found)}, 1), -1, 1});
  const Tensor many = signs({60, 100});
  l.page("spoiled", fmt::format("{:.0f}%", 100 - percent_equal(asked, few[0])));
  l.expect_equal("Hopfield 1982: right again (%)", percent_equal(found, few[0]), 100);
  const double first_of_many = percent_equal(hopfield(many, spoil(many[0])), many[0]);
  l.page("first of many", fmt::format("{:.0f}%", first_of_many));
  l.expect("of 60 stored patterns the first (%)", first_of_many, 40, 95);
  const Tensor looked =
      matmul(softmax(matmul(many, spoil(many[0])), 0), many);  // attention, and one step is enough
  l.expect_equal("the same with a softmax, Ramsauer 2020 (%)", percent_equal(sign(looked), many[0]), 100);
}

void recurrence(lesson::Lesson& l, Rng& rng) {
  l.heading("1986 to 1990, Jordan, Rumelhart, Elman: a state, and gradients through time");
  nn::Parameters params(rng);
  const nn::RNN rnn(params, 3, 4);
  const Tensor x = randn({6, 1, 3}, rng);
  Tensor h = zeros({4});
  for (int64_t t = 0; t < 6; ++t) h = elman_step(rnn.weights[0], x[t][0], h);
  l.expect_equal("Elman 1990: six steps by hand and nn::RNN", h, rnn(x).state.h[0][0], 1e-6);
  const std::vector<double> errors = exclusive_or(rng, l.budget(400, 400));
  l.page("xor", {{"bit", "squared error of the guess"},
                 {"1, random", fmt::format("{:.3f}", errors[0])},
                 {"2, random", fmt::format("{:.3f}", errors[1])},
                 {"3, their exclusive or", fmt::format("{:.3f}", errors[2])}});
  l.expect("squared error of the first bit, which is random", errors[0], 0.2, 0.3);
  l.expect("of the second, which is too", errors[1], 0.2, 0.3);
  l.expect("of the third, their exclusive or", errors[2], 0, 0.05);
}

void attention_before_2017(lesson::Lesson& l, Rng& rng) {
  l.heading("1992, Schmidhuber: weights that change while the network reads");
  const Tensor q = randn({7, 4}, rng), k = randn({7, 4}, rng), v = randn({7, 3}, rng);
  l.expect_equal("fast weights and attention without softmax", fast_weights(q, k, v),
                 matmul(tril(matmul(q, k.mT())), v), 1e-5);

  l.heading("2013, Graves: a window that slides over the text, and can be trained");
  const Tensor alpha = tensor({1.0, 0.5}, f64), beta = tensor({0.8, 0.5}, f64),
               kappa = tensor({2.2, 4.6}, f64);
  const Tensor looks = window(alpha, beta, kappa, 8);
  l.show("looks", looks.to(f32));
  l.expect("gradcheck of the place it looks at",
           bool(gradcheck([&](const Tensor& at) { return window(alpha, beta, at, 8); }, kappa)), 1, 1);

  l.heading("2015, Luong: the score is a plain product, of the writer's state d and the words read");
  const Tensor d = randn({1, 4}, rng), read = randn({7, 4}, rng);
  l.expect_equal("Luong 2015 and scaled_dot_product_attention of scale 1",
                 matmul(softmax(matmul(d, read.mT()), -1), read),
                 scaled_dot_product_attention(d, read, read, {.scale = 1}), 1e-5);

  l.heading("2016, Cheng, Dong and Lapata: an LSTM that attends to its own past");
  nn::Parameters params(rng);
  const nn::LSTMCell cell(params / "cell", 3, 4);
  const nn::AdditiveAttention look(params / "look", 3 + 4, 4, 5);
  const Tensor x = randn({6, 3}, rng);
  const Tensor lstm = lstmn(cell, look, x, true);
  nn::RecurrentState state;
  for (int64_t t = 0; t < 6; ++t) state = cell(x(slice(t, t + 1)), state);
  l.expect_equal("LSTMN that looks at its last state alone, and nn::LSTM", lstm[5], state.h[0], 1e-6);
  l.expect("LSTMN that looks at all: how far its last state is from that",
           amax(abs(lstmn(cell, look, x, false)[5] - lstm[5])).item<double>(), 1e-3, 2);

  l.heading("2016, Parikh et al.: two sentences, attention alone. 2017, Lin et al.: one sentence");
  const nn::Linear F(params / "F", 4, 4);
  const Tensor a = randn({5, 4}, rng), b = randn({7, 4}, rng), e = matmul(F(a), F(b).mT());
  l.expect_equal("a's words, each with what of b fits it: cross-attention", matmul(softmax(e, 1), b),
                 scaled_dot_product_attention(F(a), F(b), b, {.scale = 1}), 1e-5);
  l.expect_equal("b's with what of a", matmul(softmax(e, 0).mT(), a),
                 scaled_dot_product_attention(F(b), F(a), a, {.scale = 1}), 1e-5);
  const Tensor W1 = randn({6, 4}, rng), w2 = randn({6}, rng);
  l.expect_equal("Lin 2017 and Bahdanau's attention without a query",
                 matmul(softmax(matmul(w2, tanh(matmul(W1, a.mT()))), 0), a),
                 additive_attention(zeros({1, 1, 6}), linear(a, W1).unsqueeze(0), w2, a.unsqueeze(0))[0][0],
                 1e-5);
}

void today(lesson::Lesson& l, Rng& rng) {
  l.heading("2019 to 2023: RMSNorm, SwiGLU, rotary positions, grouped queries");
  const Tensor x = randn({5, 8}, rng);
  l.expect_equal("RMSNorm 2019: the mean square is", pow(rms_norm(x), 2).mean(-1), ones({5}), 1e-5);
  const auto product = [&](int64_t m, int64_t n) {
    const auto turned = [&](int64_t i, int64_t at) { return rope(x[i], scalar(double(at), i64)); };
    return (turned(0, m) * turned(1, n)).sum().item<double>();
  };
  l.expect_equal("RoPE 2021: q at 103 and k at 101 as q at 3 and k at 1", product(103, 101), product(3, 1),
                 1e-4);
  const Tensor q = randn({1, 4, 5, 8}, rng), k = randn({1, 2, 5, 8}, rng), v = randn({1, 2, 5, 8}, rng);
  const auto twice = [](const Tensor& y) { return stack({y, y}, 2).reshape({1, 4, 5, 8}); };
  l.expect_equal("GQA 2023: two heads of k and v as four of which two are equal",
                 scaled_dot_product_attention(q, k, v, {.causal = true}),
                 scaled_dot_product_attention(q, twice(k), twice(v), {.causal = true}), 1e-5);
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 12: forty years of remembering",
      [](lesson::Lesson& l) {
        Rng rng(l.seed());
        associative_memory(l, rng);
        recurrence(l, rng);
        attention_before_2017(l, rng);
        today(l, rng);
        l.heading("The large ones, on one task");
        lesson::one_task(l);
      },
      1);
}
