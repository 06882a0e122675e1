#include <heed/autograd/check/graph.h>

#include <cstdlib>
#include <fstream>

#include <heed/autograd/checkpoint.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/grad_mode.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/models/transformer.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;

namespace {

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

Tensor leaf(const Shape& shape, DType dtype = f32) {
  Tensor x = ones(shape, dtype);
  x.set_requires_grad();
  return x;
}

Tensor gpt_loss(Rng& rng, nn::Parameters& params, int64_t layers) {
  const models::Gpt gpt(params, {.vocabulary = 7, .context = 4, .layers = layers, .heads = 2, .channels = 8});
  const Tensor tokens = randint(0, 7, {2, 4}, rng);
  return cross_entropy(gpt(tokens).flatten(0, 1), tokens.flatten());
}

/// The frame of one module, with all that is in it.
std::string frame(const std::string& text, const std::string& path) {
  const size_t begin = text.find("subgraph \"cluster " + path + "\" {");
  if (begin == std::string::npos) return "";
  size_t at = text.find('{', begin);
  for (int open = 1; open > 0;) {
    at = text.find_first_of("{}", at + 1);
    open += text[at] == '{' ? 1 : -1;
  }
  return text.substr(begin, at - begin);
}

/// What Graphviz says of a text: 0 if it can read it. -1 without Graphviz.
int graphviz(const std::string& text) {
  if (std::system("command -v dot > /dev/null 2>&1") != 0) return -1;
  const tests::TemporaryDirectory folder;
  const std::string path = (folder / "graph.dot").string();
  std::ofstream(path) << text;
  return std::system(("dot -Tcanon " + path + " > /dev/null 2>&1").c_str());
}

}  // namespace

TEST_CASE("graph: every op and leaf is drawn once, with shape, dtype and bytes, and an edge for each input",
          "[graph]") {
  const Tensor a = leaf({2, 3}), b = leaf({3}, f64);
  const Tensor y = (a.to(f64) * b).sum();
  const std::string text = graph::dot(y, {.names = {{"a", a}, {"loss", y}}});
  CHECK(text.find("label=\"a\\nf32 (2, 3), 24 B\"") != std::string::npos);
  CHECK(text.find("label=\"leaf\\nf64 (3), 24 B\"") != std::string::npos);
  CHECK(text.find("label=\"mul\\nf64 (2, 3), 48 B\"") != std::string::npos);
  CHECK(text.find("label=\"sum -> loss\\nf64 (), 8 B\"") != std::string::npos);
  CHECK(count(text, "[label=") == 6);  // a, b, to, expand, mul, sum
  CHECK(count(text, " -> n") == 5);
}

TEST_CASE("graph: a tensor that is used twice is one node with two edges", "[graph]") {
  const Tensor x = leaf({2});
  const std::string text = graph::dot(x * x);
  CHECK(count(text, "[label=") == 2);
  CHECK(count(text, "n0 -> n1;") == 2);
}

TEST_CASE("graph: what a GPT's block computes stands in the frames of its modules", "[graph]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const std::string text = graph::dot(gpt_loss(rng, params, 1));
  for (const char* module :
       {"wte", "wpe", "h.0", "h.0.ln_1", "h.0.attn", "h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.mlp", "ln_f"}) {
    INFO(module);
    CHECK(count(text, fmt::format("label=\"{}\";", module)) == 1);
  }
  CHECK(count(text, "label=\"h\"") == 0);  // a list is no module
  CHECK(count(frame(text, "h.0.attn"), "\"linear\\n") == 2);
  CHECK(count(frame(text, "h.0.attn"), "\"packed_self_attention\\n") == 1);
  CHECK(count(frame(text, "h.0.mlp"), "\"gelu\\n") == 1);
  CHECK(count(frame(text, "h.0"), "\"add\\n") == 2);  // of the residual stream
  CHECK(count(frame(text, "wpe"), "\"add\\n") == 1);
  CHECK(count(frame(text, "h.0.attn.c_attn"), "\"weight\\nf32 (24, 8), 768 B\"") == 1);
  CHECK(frame(text, "wte").find("linear") == std::string::npos);  // the tied output layer is not where its table is
  CHECK(graphviz(text) <= 0);
}

TEST_CASE("graph: a Transformer's layers are framed, encoder and decoder apart", "[graph]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Transformer model(params, {.source_vocabulary = 5,
                                           .target_vocabulary = 5,
                                           .context = 4,
                                           .layers = 2,
                                           .heads = 2,
                                           .channels = 4,
                                           .feedforward = 8,
                                           .dropout = 0});
  const Tensor tokens = randint(0, 5, {2, 3}, rng);
  const std::string text = graph::dot(model(tokens, {}, tokens).sum());
  for (const char* layer : {"encoder.layers.0", "encoder.layers.1", "decoder.layers.1"}) {
    INFO(layer);
    CHECK(count(frame(text, layer), "\"add\\n") == (layer[0] == 'e' ? 2 : 3));
    CHECK(count(frame(text, layer), "\"relu\\n") == 1);
  }
  CHECK(count(frame(text, "decoder.layers.1.cross_attn"), "\"linear\\n") == 4);
  CHECK(graphviz(text) <= 0);
}

TEST_CASE("graph: the same computation gives the same text", "[graph]") {
  const auto draw = [] {
    Rng rng(1);
    nn::Parameters params(rng);
    return graph::dot(gpt_loss(rng, params, 2));
  };
  CHECK(draw() == draw());
}

TEST_CASE("graph: names with quotes, backslashes and line ends are escaped", "[graph]") {
  const Tensor x = leaf({1});
  const std::string text = graph::dot(exp(x), {.names = {{"say \"x\"\\n\nhere", x}}});
  CHECK(text.find(R"(label="say \"x\"\\n\nhere\nf32)") != std::string::npos);
  CHECK(graphviz(text) <= 0);
}

TEST_CASE("graph: of a long chain the last nodes are drawn, and a note counts the rest", "[graph]") {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 300'000; ++i) y = y + x;
  const std::string text = graph::dot(y, {.max_nodes = 10});
  CHECK(count(text, "label=\"add\\n") == 10);
  CHECK(text.find("299991 earlier nodes") != std::string::npos);
  CHECK(count(text, "earlier -> n") == 10);
  CHECK(graphviz(text) <= 0);
}

TEST_CASE("graph: a constant has none, and a freed one says so", "[graph]") {
  CHECK_THROWS_WITH(graph::dot(ones({1})), Contains("dot: the output is a constant") && Contains("test_graph.cpp"));
  CHECK_THROWS_AS(graph::dot(Tensor()), GradError);
  const Tensor y = exp(leaf({1})).sum();
  y.backward();
  CHECK(graph::dot(y).find("freed by backward") != std::string::npos);
}

TEST_CASE("graph: a recorded backward belongs to the modules whose gradients it computes", "[graph]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear inner(params / "inner", 3, 1);
  const Tensor x = leaf({2, 3});
  const Tensor g = grad(tanh(inner(x)).sum(), x, {.create_graph = true});
  const std::string text = graph::dot(g.sum());
  CHECK(count(frame(text, "inner"), "\"linear\\n") > 1);
  CHECK(frame(text, "inner").find("tanh") == std::string::npos);
}

TEST_CASE("Op: what runs inside belongs to the outermost call's line and the innermost module", "[graph]") {
  const auto named = [](const char* text) { return std::make_shared<const std::string>(text); };
  const auto here = [] { return Op::current() && Op::current()->module() ? *Op::current()->module() : "(none)"; };
  CHECK(Op::current() == nullptr);
  {
    const ModuleName net = named("net.layers"), layer = named("net.layers.10"), nameless = named("");
    const Op outer{"Net", net};
    const unsigned line = __LINE__ - 1;
    CHECK(here() == "net.layers");
    {
      const Op inner{"Layer", layer};
      CHECK(here() == "net.layers.10");
      const Op op{"exp"}, unknown{"Unnamed", nameless};
      CHECK(here() == "net.layers.10");
      CHECK(op.where.line() == line);
    }
    CHECK(here() == "net.layers");
    const Op::Within users(nullptr);
    CHECK(here() == "(none)");
  }
  CHECK(Op::current() == nullptr);
}
