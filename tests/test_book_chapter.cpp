// The numbers that a book prints, from the same seeds: attention_chapter.json and first_steps.json say which.
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/mask.h>
#include <heed/nn/norm.h>
#include <heed/nn/scope.h>
#include <heed/tensor/random.h>
#include "reference_files.h"
#include "watch.h"

using namespace heed;
using heed::tests::find_case;
using heed::tests::json;
using heed::tests::reference_file;
using heed::tests::require_close;
using heed::tests::tensor_of;

namespace {

constexpr double kPrinted = 5.1e-5;  // four decimals, as printed

const json& expected(const json& one, const char* name) { return one.at("expected").at(name); }

// W_query, W_key and W_value of the chapter's first trained attention: raw uniform numbers.
struct Raw {
  Tensor W_query, W_key, W_value;
  explicit Raw(Rng rng) : W_query(rand({3, 2}, rng)), W_key(rand({3, 2}, rng)), W_value(rand({3, 2}, rng)) {}
};

}  // namespace

TEST_CASE("book 3.3: attention without weights", "[book][attention]") {
  const json file = reference_file("attention_chapter.json");
  const Tensor inputs = tensor_of(file.at("common").at("inputs"));
  const auto check = [&](const char* id, const char* name, const Tensor& x) {
    INFO(id << " " << name);
    require_close(x, expected(find_case(file, id), name), kPrinted);
  };
  const Tensor scores_2 = matmul(inputs, inputs[1]);
  check("simple_scores_q2", "attn_scores_2", scores_2);
  const Tensor normed = scores_2 / scores_2.sum();
  check("simple_norm_sum", "attn_weights_2_tmp", normed);
  check("simple_norm_sum", "sum", normed.sum());
  const Tensor naive = exp(scores_2) / exp(scores_2).sum();
  check("simple_softmax_naive", "attn_weights_2_naive", naive);
  check("simple_softmax_naive", "sum", naive.sum());
  const Tensor weights_2 = softmax(scores_2, 0);
  check("simple_softmax", "attn_weights_2", weights_2);
  check("simple_softmax", "sum", weights_2.sum());
  check("simple_context_2", "context_vec_2", matmul(weights_2, inputs));

  const nn::SimplifiedSelfAttention attention;
  check("simple_all_scores", "attn_scores", matmul(inputs, inputs.mT()));
  check("simple_all_weights", "attn_weights", tests::seen([&] { attention(inputs); }));
  check("simple_all_context", "all_context_vecs", attention(inputs));
}

TEST_CASE("book 3.4: attention with trained weights", "[book][attention]") {
  const json file = reference_file("attention_chapter.json");
  const Tensor inputs = tensor_of(file.at("common").at("inputs"));
  const auto check = [&](const char* id, const char* name, const Tensor& x) {
    INFO(id << " " << name);
    require_close(x, expected(find_case(file, id), name), kPrinted);
  };
  const Raw raw(Rng(123));
  const Tensor query_2 = matmul(inputs[1], raw.W_query), keys = matmul(inputs, raw.W_key);
  check("trainable_query_2", "query_2", query_2);
  check("trainable_score_22", "attn_score_22", matmul(query_2, keys[1]));
  const Tensor scores_2 = matmul(query_2, keys.mT());
  check("trainable_scores_2", "attn_scores_2", scores_2);
  const Tensor weights_2 = softmax(scores_2 / std::sqrt(2.0), -1);
  check("trainable_weights_2", "attn_weights_2", weights_2);
  const Tensor values = matmul(inputs, raw.W_value);
  check("trainable_context_2", "context_vec_2", matmul(weights_2, values));
  const Tensor weights = softmax(matmul(matmul(inputs, raw.W_query), keys.mT()) / std::sqrt(2.0), -1);
  check("self_attention_v1", "sa_v1", matmul(weights, values));

  Rng rng(789);
  nn::Parameters params(rng);
  const nn::SelfAttention attention(params, 3, 2);
  check("self_attention_v2", "context_vecs", attention(inputs));
  check("sa_v2_attn_weights", "attn_weights", tests::seen([&] { attention(inputs); }));
}

TEST_CASE("book 3.5: attention that cannot see the future", "[book][attention]") {
  const json file = reference_file("attention_chapter.json");
  const Tensor inputs = tensor_of(file.at("common").at("inputs"));
  const auto check = [&](const char* id, const char* name, const Tensor& x) {
    INFO(id << " " << name);
    require_close(x, expected(find_case(file, id), name), kPrinted);
  };
  Rng rng(789);
  nn::Parameters params(rng);
  const nn::SelfAttention attention(params, 3, 2);
  const Tensor weights = tests::seen([&] { attention(inputs); });
  const Tensor lower = tril(ones({6, 6}));
  check("mask_simple", "mask_simple", lower);
  const Tensor masked = weights * lower;
  check("masked_simple", "masked_simple", masked);
  check("masked_simple_norm", "masked_simple_norm", masked / masked.sum(-1, true));
  const Tensor scores = matmul(attention.W_query(inputs), attention.W_key(inputs).mT());
  const Tensor future = masked_fill(scores, logical_not(nn::causal_mask(6)), -INFINITY);
  check("masked_scores", "masked", future);
  const Tensor causal_weights = softmax(future / std::sqrt(2.0), -1);
  check("causal_weights", "attn_weights", causal_weights);

  Rng dropping(123);
  nn::Parameters none(dropping);
  const nn::Dropout dropout(none, 0.5);
  check("dropout_ones", "out", dropout(ones({6, 6})));
  dropping.seed(123);
  check("dropout_weights", "dropped", dropout(causal_weights));

  Rng causal_rng(123);
  nn::Parameters causal_params(causal_rng);
  const Tensor batch = stack({inputs, inputs}, 0);
  const nn::CausalAttention first(causal_params / "first", 3, 2);
  check("causal_attention_batch", "context_vecs", first(batch));
  const nn::CausalAttention second(causal_params / "second", 3, 2);
  check("multi_head_wrapper", "context_vecs", cat({first(batch), second(batch)}, -1));
}

TEST_CASE("book 3.6: several heads at once, and products of batched matrices", "[book][attention]") {
  const json file = reference_file("attention_chapter.json");
  const Tensor inputs = tensor_of(file.at("common").at("inputs"));
  nn::Parameters params(123);
  const nn::MultiHeadAttention heads(params, 3, 2, 2, {.causal = true});
  require_close(heads(stack({inputs, inputs}, 0)), expected(find_case(file, "multi_head_attention"), "mha"), kPrinted);
  const json one = find_case(file, "batched_matmul");
  const Tensor a = tensor_of(one.at("operand_a"));
  require_close(matmul(a, a.transpose(2, 3)), expected(one, "a_at"), kPrinted);
}

TEST_CASE("book: every case of the attention chapter is among these tests", "[book]") {
  const json file = reference_file("attention_chapter.json");
  REQUIRE(file.at("cases").size() == 27);
}
