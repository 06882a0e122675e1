// The first numbers that the book prints: embeddings, small networks, their training. From first_steps.json.
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/embedding.h>
#include <heed/nn/norm.h>
#include <heed/nn/scope.h>
#include <heed/tensor/random.h>
#include "reference_files.h"

using namespace heed;
using heed::tests::find_case;
using heed::tests::json;
using heed::tests::reference_file;
using heed::tests::require_close;
using heed::tests::tensor_of;

namespace {

constexpr double kPrinted = 5.1e-5;  // four decimals, as printed

struct Mlp {
  nn::Linear first, second, third;
  Mlp(nn::Scope s, int64_t in, int64_t out)
      : first(s / "layers.0", in, 30), second(s / "layers.2", 30, 20), third(s / "layers.4", 20, out) {}
  Tensor operator()(const Tensor& x) const { return third(relu(second(relu(first(x))))); }
};

// Five layers, each behind a GELU, with or without a way around them.
struct Deep {
  std::vector<nn::Linear> layers;
  bool shortcut;
  Deep(nn::Scope s, bool with_shortcut) : shortcut(with_shortcut) {
    for (int64_t i = 0; i < 5; ++i) layers.emplace_back(s / "layers" / i / 0, 3, i < 4 ? 3 : 1);
  }
  Tensor operator()(Tensor x) const {
    for (const nn::Linear& layer : layers) {
      const Tensor y = gelu(layer(x), Gelu::tanh);
      x = shortcut && y.shape() == x.shape() ? x + y : y;
    }
    return x;
  }
};

void descend(const nn::Parameters& params, float rate) {
  for (const auto& [name, p] : params) p.assign(p.detach() - rate * p.grad());
  params.zero_grad();
}

}  // namespace

TEST_CASE("book 2.7: an embedding's first weights and rows", "[book]") {
  const json file = reference_file("first_steps.json");
  Rng rng(123);
  nn::Parameters params(rng);
  const nn::Embedding embedding(params, 6, 3);
  require_close(embedding.weight, find_case(file, "embedding_weight")["expected"]["weight"], kPrinted);
  require_close(embedding(tensor({2, 3, 5, 1})), find_case(file, "embedding_lookup")["expected"]["rows"], kPrinted);
}

TEST_CASE("book A.3 and A.4: a logistic loss and its gradients", "[book]") {
  const json file = reference_file("first_steps.json");
  const Tensor x = tensor({1.1}), y = tensor({1.0});
  Tensor w = tensor({2.2}), b = tensor({0.0});
  w.set_requires_grad(), b.set_requires_grad();
  const Tensor loss = binary_cross_entropy_with_logits(x * w + b, y);
  require_close(loss, find_case(file, "bce_forward")["expected"]["loss"], kPrinted);
  loss.backward();
  const json expected = find_case(file, "bce_grad")["expected"];
  require_close(w.grad(), expected["dw"], kPrinted);
  require_close(b.grad(), expected["db"], kPrinted);
}

TEST_CASE("book A.5: a small network's first output", "[book]") {
  const json file = reference_file("first_steps.json");
  Rng rng(123);
  nn::Parameters params(rng);
  const Mlp mlp(params, 50, 3);
  const json probabilities = find_case(file, "mlp_softmax");
  REQUIRE(params.numel() == probabilities["also"]["n_params_mlp_50_3"]);
  rng = Rng(123);
  const Tensor out = mlp(rand({1, 50}, rng));
  require_close(out, find_case(file, "mlp_forward")["expected"]["out"], kPrinted);
  require_close(softmax(out, 1), probabilities["expected"]["probs"], kPrinted);
}

TEST_CASE("book A.6: the order of a shuffled loader", "[book]") {
  const json file = reference_file("first_steps.json");
  const json expected = find_case(file, "loader_order_5")["expected"];
  Rng rng(123);
  REQUIRE(rng.epoch_order(5) == expected["epoch1_items"].get<std::vector<int64_t>>());
  const std::vector<int64_t> next = rng.epoch_order(5);
  const json batches = expected["second_loader_first_epoch_batches"];
  REQUIRE(json{{next[0], next[1]}, {next[2], next[3]}} == batches);
}

TEST_CASE("book A.7: three epochs of descent on five points", "[book]") {
  const json file = reference_file("first_steps.json");
  const json one = find_case(file, "toy_training");
  const Tensor x = tensor_of(one["data"]["X_train"]), y = tensor_of(one["data"]["y_train"], i64);
  Rng rng(123);
  nn::Parameters params(rng);
  const Mlp mlp(params, 2, 2);
  std::vector<double> losses;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const std::vector<int64_t> order = rng.epoch_order(5);
    for (size_t first = 0; first + 2 <= order.size(); first += 2) {
      const Tensor batch = tensor({order[first], order[first + 1]});
      const Tensor loss = cross_entropy(mlp(index_select(x, 0, batch)), index_select(y, 0, batch));
      loss.backward();
      descend(params, 0.5f);
      losses.push_back(loss.item<double>());
    }
  }
  const json expected = one["expected"];
  require_close(from_vector(losses, {6}), expected["losses"], 5.1e-3);  // two decimals, as printed
  const Tensor out = mlp(x);
  require_close(out, expected["outputs_after_training"], kPrinted);
  require_close(softmax(out, 1), expected["softmax"], kPrinted);
  REQUIRE(out.argmax(1).to_vector<int64_t>() == expected["argmax"].get<std::vector<int64_t>>());
}

TEST_CASE("book 4.2: layer normalisation, by hand and by the module", "[book][norm]") {
  const json file = reference_file("first_steps.json");
  Rng rng(123);
  const Tensor x = randn({2, 5}, rng);
  nn::Parameters params(rng);
  const Tensor out = relu(nn::Linear(params / "linear", 5, 6)(x));
  require_close(out, find_case(file, "linear_relu")["expected"]["out"], kPrinted);
  const Tensor mean = out.mean(-1, true), var = out.var(-1, true, true);
  const json moments = find_case(file, "mean_var")["expected"];
  require_close(mean, moments["mean"], kPrinted);
  require_close(var, moments["var"], kPrinted);
  const Tensor normalized = (out - mean) / sqrt(var);
  const json by_hand = find_case(file, "layernorm_by_hand")["expected"];
  require_close(normalized, by_hand["normalized"], kPrinted);
  require_close(normalized.mean(-1, true), by_hand["mean"], 1e-6);
  require_close(normalized.var(-1, true, true), by_hand["var"], kPrinted);
  const Tensor by_module = nn::LayerNorm(params / "norm", 6)(out);
  const json module = find_case(file, "layernorm_module")["expected"];
  require_close(by_module.mean(-1, true), module["mean"], kPrinted);
  require_close(by_module.var(-1, false, true), module["var"], kPrinted);
}

TEST_CASE("book 4.3: GELU by its tanh formula", "[book]") {
  Rng rng(123);
  const Tensor x = randn({100}, rng, f64) * 3;
  const Tensor by_hand = x * 0.5 * (1 + tanh(std::sqrt(2 / M_PI) * (x + pow(x, 3) * 0.044715)));
  require_close(gelu(x, Gelu::tanh), by_hand, 1e-14);
}

TEST_CASE("book 4.4: gradients vanish in a deep network, and shortcuts keep them", "[book]") {
  const json file = reference_file("first_steps.json");
  for (const bool shortcut : {false, true}) {
    Rng rng(123);
    nn::Parameters params(rng);
    const Deep deep(params, shortcut);
    mse_loss(deep(tensor({{1.0, 0.0, -1.0}})), zeros({1, 1})).backward();
    const json expected =
        find_case(file, shortcut ? "deep_net_shortcut_grads" : "deep_net_no_shortcut_grads")["expected"];
    REQUIRE(expected.size() == 5);
    for (const auto& [name, value] : expected.items()) {
      INFO(name);
      const double mean = abs(params.at(name).grad()).mean().item<double>();
      REQUIRE(mean == Approx(value.get<double>()).epsilon(1e-5));
    }
  }
}

TEST_CASE("book 4: the parameters of a 124M GPT are as many as printed", "[book]") {
  const json file = reference_file("first_steps.json");
  const json config = file.at("common").at("config");
  const json expected = find_case(file, "gpt_param_counts")["expected"];
  const int64_t C = config["emb_dim"];
  Rng rng(123);
  nn::Parameters block(rng), rest(rng);
  const nn::Scope s = block;
  const nn::MultiHeadAttention attention(s / "att", C, C, config["n_heads"],
                                         {.causal = true, .qkv_bias = config["qkv_bias"]});
  const nn::Linear up(s / "ff.layers.0", C, 4 * C), down(s / "ff.layers.2", 4 * C, C);
  const nn::LayerNorm norm1(s / "norm1", C), norm2(s / "norm2", C);
  const nn::Embedding token(rest / "tok_emb", config["vocab_size"], C);
  const nn::Embedding position(rest / "pos_emb", config["context_length"], C);
  const nn::LayerNorm final_norm(rest / "final_norm", C);

  const int64_t without_head = rest.numel() + config["n_layers"].get<int64_t>() * block.numel();
  const int64_t total = without_head + token.weight.numel();  // out_head has no bias and the table's size
  REQUIRE(without_head == expected["without_out_head"]);
  REQUIRE(total == expected["total"]);
  REQUIRE(double(total) * 4 / (1 << 20) == Approx(expected["MB_float32"].get<double>()).epsilon(1e-5));
}

TEST_CASE("book: every case of the first steps is among these tests", "[book]") {
  const json file = reference_file("first_steps.json");
  REQUIRE(file.at("cases").size() == 16);
}
