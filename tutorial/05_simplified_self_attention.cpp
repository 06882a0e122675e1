// Lesson 5: attention in its plainest form, for the six words "Your journey starts with one step".
#include "lesson.h"

using namespace heed;

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 5: self-attention without weights", [](lesson::Lesson& l) {
    // One vector of three numbers stands for each word.
    const std::vector<std::string> words = {"Your", "journey", "starts", "with", "one", "step"};
    const Tensor inputs = tensor({{0.43, 0.15, 0.89},
                                  {0.55, 0.87, 0.66},
                                  {0.57, 0.85, 0.64},
                                  {0.22, 0.58, 0.33},
                                  {0.77, 0.25, 0.10},
                                  {0.05, 0.80, 0.55}});

    l.heading("One word asks: how much does \"journey\" have in common with each word?");
    const Tensor query = inputs[1];
    const Tensor attn_scores_2 = matmul(inputs, query);  // six dot products
    l.show("attn_scores_2", attn_scores_2);

    l.heading("Scores become shares of 1: by their sum, or by softmax, which is at home with any numbers");
    const Tensor attn_weights_2_tmp = attn_scores_2 / attn_scores_2.sum();
    l.show("attn_weights_2_tmp", attn_weights_2_tmp);
    const Tensor attn_weights_2_naive = exp(attn_scores_2) / exp(attn_scores_2).sum();
    l.show("attn_weights_2_naive", attn_weights_2_naive);
    const Tensor attn_weights_2 = softmax(attn_scores_2, 0);
    l.show("attn_weights_2", attn_weights_2);
    l.expect_equal("the shares add up to", attn_weights_2.sum().item<double>(), 1, 1e-6);
    l.expect_equal("softmax is exp(x) / sum(exp(x))", attn_weights_2, attn_weights_2_naive, 1e-6);
    const Tensor large = attn_scores_2 * 100;
    l.show("naive, of scores 100 times as large", exp(large) / exp(large).sum());
    l.show("softmax, of the same", softmax(large, 0));

    l.heading("The context vector: the words' vectors, mixed by those shares");
    Tensor context_vec_2 = zeros({3});
    for (int64_t i = 0; i < 6; ++i) context_vec_2 = context_vec_2 + attn_weights_2[i] * inputs[i];
    l.show("context_vec_2", context_vec_2);
    l.expect_equal("context of \"journey\", as the book prints it", context_vec_2,
                   tensor({0.4419, 0.6515, 0.5683}), 5.1e-5);

    l.heading("All words ask at once: three matrix operations");
    const Tensor attn_scores = matmul(inputs, inputs.mT());
    const Tensor attn_weights = softmax(attn_scores, -1);
    const Tensor all_context_vecs = matmul(attn_weights, inputs);
    l.show("attn_scores", attn_scores);
    l.show("attn_weights", attn_weights);
    l.show("all_context_vecs", all_context_vecs);
    l.expect_equal("each row adds up to 1", attn_weights.sum(-1), ones({6}), 1e-6);
    l.expect_equal("row 2 is the word by word result", all_context_vecs[1], context_vec_2, 1e-6);
    l.expect_equal("and nn::SimplifiedSelfAttention computes the same", nn::SimplifiedSelfAttention()(inputs),
                   all_context_vecs, 1e-6);

    l.heading("Like looks for like? Not quite: long vectors have large dot products with all");
    const std::vector<int64_t> favourites = attn_weights.argmax(-1).to_vector<int64_t>();
    const std::vector<double> lengths = sqrt((inputs * inputs).sum(-1)).to_vector<double>();
    std::vector<std::vector<std::string>> looks = {{"word", "length of its vector", "looks most at"}};
    int64_t elsewhere = 0;
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string& favourite = words[static_cast<size_t>(favourites[i])];
      elsewhere += favourite != words[i];
      looks.push_back({words[i], fmt::format("{:.2f}", lengths[i]), favourite});
      fmt::print("{:>8}, of length {:.2f}, looks most at {}\n", words[i], lengths[i], favourite);
    }
    l.page("looks", looks);
    l.page("elsewhere", std::vector<std::string>{"none", "one", "two", "three", "four", "five", "six"}.at(
                            static_cast<size_t>(elsewhere)));

    l.picture("weights",
              train::Heatmap{"Attention without weights", "looks at", "word", words, words, attn_weights});
  });
}
