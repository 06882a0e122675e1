// Lesson 7: attention that cannot see the future, and the proof that nothing leaks.
#include <cmath>

#include "lesson.h"

using namespace heed;

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 7: causal attention", [](lesson::Lesson& l) {
    const std::vector<std::string> words = {"Your", "journey", "starts", "with", "one", "step"};
    const Tensor inputs = tensor({{0.43, 0.15, 0.89},
                                  {0.55, 0.87, 0.66},
                                  {0.57, 0.85, 0.64},
                                  {0.22, 0.58, 0.33},
                                  {0.77, 0.25, 0.10},
                                  {0.05, 0.80, 0.55}});
    Rng rng(789);
    nn::Parameters params(rng);
    const nn::SelfAttention attention(params, 3, 2);
    nn::WatchAttention seen;
    attention(inputs);
    const Tensor attn_weights = seen[""];

    l.heading(
        "First way: weights times a lower triangle of ones, then each row divided by what is left of it");
    const Tensor mask_simple = tril(ones({6, 6}));
    const Tensor masked_simple = attn_weights * mask_simple;
    const Tensor masked_simple_norm = masked_simple / masked_simple.sum(-1, true);
    l.show("attn_weights", attn_weights);
    l.show("mask_simple", mask_simple);
    l.show("masked_simple", masked_simple);
    l.show("masked_simple_norm", masked_simple_norm);

    l.heading("Second way: scores of the future become -inf, and softmax makes them 0");
    const Tensor attn_scores = matmul(attention.W_query(inputs), attention.W_key(inputs).mT()).detach();
    const Tensor masked = masked_fill(attn_scores, logical_not(nn::causal_mask(6)), -INFINITY);
    const Tensor causal_weights = softmax(masked / std::sqrt(2.0), -1);
    l.show("masked", masked);
    l.show("attn_weights", causal_weights);
    l.expect_equal("both ways give the same weights", causal_weights, masked_simple_norm, 1e-6);
    l.expect_equal("weights on the future", (causal_weights * triu(ones({6, 6}), 1)).sum().item<double>(), 0);
    l.picture("weights",
              train::Heatmap{"Causal attention", "looks at", "word", words, words, causal_weights});

    l.heading("Dropout: half of the weights go, the others count double");
    Rng dropping(123);
    nn::Parameters nothing(dropping);
    const nn::Dropout dropout(nothing, 0.5);
    l.show("dropout(ones)", dropout(ones({6, 6})));
    dropping.seed(123);
    l.show("dropout(attn_weights)", dropout(causal_weights));
    l.expect("mean of 10,000 dropped ones stays 1", dropout(ones({100, 100})).mean().item<double>(), 0.96,
             1.04);
    const nn::EvalMode evaluating;
    l.expect_equal("after training, dropout leaves everything as it is", dropout(causal_weights),
                   causal_weights);

    l.heading("The module, on a batch of two");
    Rng causal_rng(l.seed());
    nn::Parameters causal_params(causal_rng);
    const nn::CausalAttention causal(causal_params, 3, 2);
    const Tensor context_vecs = causal(stack({inputs, inputs}, 0)).detach();
    l.show("context_vecs", context_vecs);
    if (l.seed() == 123)
      l.expect_equal("last row, as the book prints it", context_vecs[0][5], tensor({-0.5299, -0.1081}),
                     5.1e-5);

    l.heading("No leak: row i, column j says how much output i changes with word j (norm of its gradient)");
    std::vector<double> influence;
    double future = 0, past = INFINITY;
    for (int64_t i = 0; i < 6; ++i) {
      Tensor x = inputs.clone().set_requires_grad();
      causal(x)[i].sum().backward();
      const Tensor norms = sqrt((x.grad() * x.grad()).sum(-1));
      for (int64_t j = 0; j < 6; ++j) {
        influence.push_back(norms.at<double>({j}));
        if (j > i) future += influence.back();
        else past = std::min(past, influence.back());
      }
    }
    const Tensor gradients = from_vector(influence, {6, 6});
    l.show("influence", gradients);
    l.expect_equal("gradients from the future, added up: exactly", future, 0);
    l.expect("the smallest gradient from the past or present", past, 1e-6, 10);
    l.picture("influence",
              train::Heatmap{"Which words change which outputs", "word", "output", words, words, gradients},
              false);
  });
}
