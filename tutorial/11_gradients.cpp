// Lesson 11: what reverse mode records, and how to check the gradients of an op and a module of your own.
#include <cstdlib>

#include <heed/autograd/check/graph.h>
#include <heed/autograd/node.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/train/data/text.h>
#include "lesson.h"

using namespace heed;

namespace {

/// An op of our own: x / (1 + |x|), whose derivative is 1 / (1 + |x|)^2. `power` other than 2 is a mistake to
/// be found.
Tensor softsign(const Tensor& x, double power = 2) {
  const auto value = [&] {
    const NoGrad no_grad;
    return x / (1 + abs(x));
  };
  return autograd::record({"softsign"}, value(),
                          {{x, [x, power](const Tensor& g) { return g / pow(1 + abs(x), power); }}});
}

/// A module of our own: what W x says, as far as V x lets it through (Dauphin et al. 2017).
struct GatedLinear {
  nn::Linear W, V;
  GatedLinear(nn::Scope s, int64_t in, int64_t out) : W(s / "W", in, out), V(s / "V", in, out) {}
  Tensor operator()(const Tensor& x) const { return W(x) * sigmoid(V(x)); }
};

/// Graphviz's colours for readers of dark pages.
constexpr const char* kDark = R"(<style>@media (prefers-color-scheme:dark){
[fill="white"]{fill:#0d1117}text{fill:#e6edf3}[stroke="black"]{stroke:#c9d1d9}[stroke="#aaaaaa"]{stroke:#59636e}
[fill="#fff3cf"]{fill:#5c4813}[fill="#f3f6fb"]{fill:#161b22}[fill="#e3eaf6"]{fill:#1f2733}
[stroke="#666666"]{stroke:#9da7b3}[fill="#666666"]{fill:#9da7b3}}</style>)";

/// DIR/NAME.dot, and DIR/NAME.svg where Graphviz is installed.
void draw_graph(const lesson::Lesson& l, const std::string& name, const std::string& dot) {
  const std::string path = (l.out() / name).string();
  write_file(path + ".dot", dot);
  const bool drawn =
      std::system(("dot -Tsvg '" + path + ".dot' > '" + path + ".svg' 2>/dev/null").c_str()) == 0;
  if (drawn) {
    std::string svg = train::read_text(path + ".svg");
    svg.insert(svg.find("<g id=\"graph0\""), std::string(kDark) + "\n");
    write_file(path + ".svg", svg);
  } else {
    std::filesystem::remove(path + ".svg");
  }
  fmt::print("  ({}.{})\n", path, drawn ? "svg" : "dot; install graphviz to see it drawn");
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 11: gradients", [](lesson::Lesson& l) {
    Rng rng(l.seed());

    l.heading("Reverse mode by hand: loss = (w x - y)^2, then by backward()");
    Tensor w = scalar(3).set_requires_grad();
    const Tensor x = scalar(2), y = scalar(5), error = w * x - y, loss = error * error;
    loss.backward();
    fmt::print("error = {:g}, loss = {:g}\n", error.item<double>(), loss.item<double>());
    l.expect_equal("d loss / d w = 2 (w x - y) x", w.grad().item<double>(), 2 * (3 * 2 - 5) * 2);

    l.heading("What was recorded: the graph of one head of attention");
    nn::Parameters params(rng);
    const nn::SelfAttention attention(params, 3, 2);
    const Tensor inputs = rand({6, 3}, rng), context = attention(inputs).sum();
    const std::string dot = graph::dot(context, {.names = {{"sum of the context vectors", context}}});
    draw_graph(l, "attention", dot);
    for (const char* name : {"W_query", "W_key", "W_value"})
      l.expect(fmt::format("the graph frames {}", name),
               dot.find(fmt::format("label=\"{}\"", name)) != std::string::npos, 1, 1);

    l.heading(
        "An op of our own, softsign(x) = x / (1 + |x|), and gradcheck: backward against central differences");
    const Tensor points = randn({3, 4}, rng, f64);
    const GradcheckReport right = gradcheck([](const Tensor& a) { return softsign(a); }, points);
    fmt::print("{}\n", right);
    l.page("compared", fmt::format("{} derivatives", right.compared));
    l.expect("gradcheck passes", bool(right), 1, 1);
    l.expect("its largest relative error", right.worst.error, 0, 1e-6);
    l.expect("gradgradcheck passes too: the formula is made of recorded ops",
             bool(gradgradcheck([](const Tensor& a) { return softsign(a); }, points)), 1, 1);

    l.heading("The same with a mistake in the formula: 1 / (1 + |x|)");
    const GradcheckReport wrong = gradcheck([](const Tensor& a) { return softsign(a, 1); }, points);
    fmt::print("{}\n", wrong);
    const std::string told = to_string(wrong);
    l.page("wrong", "    " + told.substr(0, told.find(" (")) + "\n");
    l.expect("gradcheck fails", !wrong, 1, 1);
    l.expect_equal("and finds every element wrong", double(wrong.wrong), 12);

    l.heading("A module of our own: W x * sigmoid(V x), every parameter by name");
    nn::Parameters gated_params(rng, f64);
    const GatedLinear gated(gated_params, 4, 3);
    const Tensor batch = randn({5, 4}, rng, f64);
    const GradcheckReport module = gradcheck(gated_params, [&] { return tanh(gated(batch)).sum(); });
    fmt::print("{}\n", module);
    l.expect("gradcheck passes", bool(module), 1, 1);
    l.expect("derivatives compared", double(module.compared), 30, 1000);
    draw_graph(l, "gated", graph::dot(gated(batch).sum()));
  });
}
