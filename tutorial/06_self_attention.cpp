// Lesson 6: self-attention with weights to train, and why its scores are divided by sqrt(d_k).
#include <algorithm>
#include <cmath>

#include "lesson.h"

using namespace heed;

namespace {

const std::vector<std::string> kWords = {"Your", "journey", "starts", "with", "one", "step"};

Tensor word_vectors() {
  return tensor({{0.43, 0.15, 0.89},
                 {0.55, 0.87, 0.66},
                 {0.57, 0.85, 0.64},
                 {0.22, 0.58, 0.33},
                 {0.77, 0.25, 0.10},
                 {0.05, 0.80, 0.55}});
}

/// What softmax makes of scores, a row for each query.
struct Saturation {
  double variance;  ///< of the scores
  double largest;   ///< weight of a query, on average
  double gradient;  ///< norm that arrives at the scores of a query: the median
  double root;      ///< and the root mean square
};
/// `loss` is what each weight counts in the loss whose gradient is measured.
Saturation measure(const Tensor& matrix, const Tensor& loss) {
  Tensor scores = matrix.clone().set_requires_grad();
  const Tensor weights = softmax(scores, -1);
  (weights * loss).sum().backward();
  const Tensor squares = (scores.grad() * scores.grad()).sum(-1);
  std::vector<double> norms = sqrt(squares).to_vector<double>();
  const auto middle = norms.begin() + std::ssize(norms) / 2;
  std::nth_element(norms.begin(), middle, norms.end());
  return {matrix.var().item<double>(), weights.detach().max(-1).mean().item<double>(), *middle,
          std::sqrt(squares.mean().item<double>())};
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 6: self-attention with trainable weights", [](lesson::Lesson& l) {
    const Tensor inputs = word_vectors();

    l.heading("Each word gets a query, a key and a value: three matrices, drawn in this order");
    Rng rng(l.seed());
    const Tensor W_query = rand({3, 2}, rng), W_key = rand({3, 2}, rng), W_value = rand({3, 2}, rng);
    const Tensor query_2 = matmul(inputs[1], W_query);
    const Tensor keys = matmul(inputs, W_key), values = matmul(inputs, W_value);
    l.show("query_2", query_2);
    l.show("attn_score_22", matmul(query_2, keys[1]));

    l.heading("\"journey\" compares its query with all keys, and mixes the values");
    const Tensor attn_scores_2 = matmul(query_2, keys.mT());
    const Tensor attn_weights_2 = softmax(attn_scores_2 / std::sqrt(2.0), -1);  // d_k = 2
    const Tensor context_vec_2 = matmul(attn_weights_2, values);
    l.show("attn_scores_2", attn_scores_2);
    l.show("attn_weights_2", attn_weights_2);
    l.show("context_vec_2", context_vec_2);
    if (l.seed() == 123)
      l.expect_equal("context of \"journey\", as the book prints it", context_vec_2, tensor({0.3061, 0.8210}),
                     5.1e-5);

    l.show("sa_v1", matmul(softmax(matmul(matmul(inputs, W_query), keys.mT()) / std::sqrt(2.0), -1), values));

    l.heading("The module: three Linear layers without bias, from seed 789");
    Rng module_rng(789);
    nn::Parameters params(module_rng);
    const nn::SelfAttention attention(params, 3, 2);
    nn::WatchAttention seen;
    const Tensor context_vecs = attention(inputs), attn_weights = seen[""];
    l.show("context_vecs", context_vecs.detach());
    l.show("attn_weights", attn_weights);
    const Tensor by_hand =
        matmul(softmax(matmul(attention.W_query(inputs), attention.W_key(inputs).mT()) / std::sqrt(2.0), -1),
               attention.W_value(inputs));
    l.expect_equal("the module is softmax(Q K^T / sqrt(d_k)) V", context_vecs, by_hand, 1e-6);
    l.expect_equal("its first row, as the book prints it", context_vecs[0], tensor({-0.0739, 0.0713}),
                   5.1e-5);
    l.picture("weights", train::Heatmap{"Self-attention before training", "looks at", "word", kWords, kWords,
                                        attn_weights});

    l.heading("Why divide by sqrt(d_k)? Queries and keys from N(0, 1), of growing width");
    train::LineChart chart{"What the gradient loses without 1/sqrt(d_k)",
                           "d_k",
                           "gradient at the scores (norm, median query)",
                           {},
                           true,
                           true};
    chart.series = {{"divided by sqrt(d_k)", {}, {}}, {"as they are", {}, {}}};
    fmt::print(
        "          ----- scores as they are -----   ----- divided by sqrt(d_k) -----\n"
        "    d_k   variance   largest   gradient    variance   largest   gradient\n");
    std::vector<std::vector<std::string>> table = {
        {"d_k", "variance", "largest weight", "gradient", "scaled: variance", "largest weight", "gradient"}};
    for (const int64_t d_k : {1, 4, 16, 64, 256, 1024}) {
      const Tensor asking = randn({512, d_k}, rng), asked = randn({64, d_k}, rng),
                   loss = randn({512, 64}, rng);
      const Tensor scores = matmul(asking, asked.mT());
      const Saturation raw = measure(scores, loss), scaled = measure(scores / std::sqrt(double(d_k)), loss);
      fmt::print("{:7}   {:8.2f}   {:7.3f}   {:8.5f}    {:8.3f}   {:7.3f}   {:8.5f}\n", d_k, raw.variance,
                 raw.largest, raw.gradient, scaled.variance, scaled.largest, scaled.gradient);
      std::vector<std::string>& row = table.emplace_back(std::vector{fmt::format("{}", d_k)});
      for (const Saturation& s : {raw, scaled})
        for (const double x : {s.variance, s.largest, s.gradient}) row.push_back(fmt::format("{:.3g}", x));
      chart.series[0].x.push_back(double(d_k)), chart.series[0].y.push_back(scaled.gradient);
      chart.series[1].x.push_back(double(d_k)), chart.series[1].y.push_back(raw.gradient);
      if (d_k != 1024) continue;
      l.page("root falls by", fmt::format("{:.1f}", scaled.root / raw.root));
      l.expect("variance of raw scores is d_k", raw.variance, 850, 1200);
      l.expect("variance of scaled scores is 1", scaled.variance, 0.85, 1.2);
      l.expect("raw softmax: the largest of 64 weights", raw.largest, 0.9, 1);
      l.expect("scaled softmax: the largest of 64 weights", scaled.largest, 0.05, 0.2);
      l.expect("gradient that arrives, scaled over raw", scaled.gradient / raw.gradient, 100, 10000);
    }
    l.page("saturation", table);
    l.picture("saturation", chart);
  });
}
