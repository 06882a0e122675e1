// heed's side of scripts/oracles.sh: runs ops by name on tensors that Python drew.
//
//   heed_oracle CASES ANSWERS
//
// CASES is a safetensors file. Its metadata "cases" lists {"name", "op", "args", "inputs", "constants", "strided"}:
// numbers that the op takes, how many tensors "NAME.x0", ... are differentiated, how many "NAME.c0", ... are not (one
// that is not there is an absent argument), and whether they lie with gaps in memory. ANSWERS gets the outputs
// "NAME.y0", ...; where inputs are numbers the gradients "NAME.g0", ... of sum <v, y> and "NAME.h0", ... of sum <w, g>,
// with the seeds "NAME.v0", ... and "NAME.w0", ...; and in its metadata "refused" what each other case was refused for.
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/random.h>

using namespace heed;
using nlohmann::json;

namespace {

using List = std::vector<Tensor>;

/// What a case's op is called with.
struct Call {
  List x, c;
  json args;

  bool has(const char* name) const { return args.contains(name) && !args[name].is_null(); }
  double number(const char* name, double otherwise) const { return has(name) ? args[name].get<double>() : otherwise; }
  int64_t whole(const char* name, int64_t otherwise) const { return has(name) ? args[name].get<int64_t>() : otherwise; }
  bool flag(const char* name) const { return has(name) && args[name].get<bool>(); }
  std::string word(const char* name) const { return args.at(name).get<std::string>(); }
  std::vector<int64_t> wholes(const char* name) const {
    if (!has(name)) return {};
    if (args[name].is_number()) return {args[name].get<int64_t>()};
    return args[name].get<std::vector<int64_t>>();
  }
  Shape shape(const char* name) const { return Shape(std::span<const int64_t>(wholes(name))); }
  Scalar scalar(const char* name) const {
    const json& s = args.at(name);
    return s.is_number_integer() ? Scalar(s.get<int64_t>()) : Scalar(s.get<double>());
  }
  Tensor constant(size_t i) const { return i < c.size() ? c[i] : Tensor(); }
  Reduction reduction() const {
    if (!has("reduction")) return Reduction::mean;
    return word("reduction") == "none"  ? Reduction::none
           : word("reduction") == "sum" ? Reduction::sum
                                        : Reduction::mean;
  }
  Axes axes() const { return Axes(wholes("dim")); }
};

using Run = std::function<List(const Call&)>;

template <class F>
Run one(F f) {
  return [f](const Call& a) { return List{f(a)}; };
}

Cell cell_of(const std::string& name) {
  return name == "lstm" ? Cell::lstm : name == "gru" ? Cell::gru : name == "relu" ? Cell::rnn_relu : Cell::rnn_tanh;
}

const std::map<std::string, Run>& ops() {
  static const std::map<std::string, Run> all = [] {
    std::map<std::string, Run> m;
    using Unary = Tensor (*)(const Tensor&, Loc);
    const std::pair<const char*, Unary> unary[] = {
        {"abs", abs},        {"exp", exp},     {"log", log},     {"sqrt", sqrt},         {"rsqrt", rsqrt},
        {"sin", sin},        {"cos", cos},     {"tanh", tanh},   {"sigmoid", sigmoid},   {"log1p", log1p},
        {"expm1", expm1},    {"erf", erf},     {"relu", relu},   {"silu", silu},         {"softplus", softplus},
        {"floor", floor},    {"ceil", ceil},   {"round", round}, {"sign", sign},         {"neg", neg},
        {"isnan", isnan},    {"isinf", isinf}, {"trace", trace}, {"isfinite", isfinite}, {"logical_not", logical_not},
        {"nonzero", nonzero}};
    for (const auto& [name, f] : unary) m[name] = one([f = f](const Call& a) { return f(a.x[0], Loc::current()); });
    m["gelu"] = one([](const Call& a) { return gelu(a.x[0], a.flag("tanh") ? Gelu::tanh : Gelu::erf); });
    using Binary = Tensor (*)(const Tensor&, const Tensor&, Loc);
    const std::pair<const char*, Binary> binary[] = {{"add", add},
                                                     {"sub", sub},
                                                     {"mul", mul},
                                                     {"div", div},
                                                     {"remainder", remainder},
                                                     {"floor_divide", floor_divide},
                                                     {"pow", pow},
                                                     {"minimum", minimum},
                                                     {"maximum", maximum},
                                                     {"eq", eq},
                                                     {"ne", ne},
                                                     {"lt", lt},
                                                     {"le", le},
                                                     {"gt", gt},
                                                     {"ge", ge},
                                                     {"logical_and", logical_and},
                                                     {"logical_or", logical_or},
                                                     {"matmul", matmul},
                                                     {"bmm", bmm},
                                                     {"outer", outer}};
    for (const auto& [name, f] : binary)
      m[name] = one([f = f](const Call& a) { return f(a.x[0], a.x[1], Loc::current()); });
    m["pow_scalar"] = one([](const Call& a) { return pow(a.x[0], a.scalar("exponent")); });
    m["scalar_pow"] = one([](const Call& a) { return pow(a.scalar("base"), a.x[0]); });
    m["clamp"] = one([](const Call& a) {
      return clamp(a.x[0], a.has("min") ? a.scalar("min") : Scalar(-INFINITY),
                   a.has("max") ? a.scalar("max") : Scalar(INFINITY));
    });
    m["where"] = one([](const Call& a) { return where(a.c[0], a.x[0], a.x[1]); });
    m["masked_fill"] = one([](const Call& a) { return masked_fill(a.x[0], a.c[0], a.number("value", 0)); });

    m["sum"] = one([](const Call& a) { return a.x[0].sum(a.axes(), a.flag("keepdim")); });
    m["mean"] = one([](const Call& a) { return a.x[0].mean(a.axes(), a.flag("keepdim")); });
    m["prod"] = one([](const Call& a) { return a.x[0].prod(a.axes(), a.flag("keepdim")); });
    m["amax"] = one([](const Call& a) { return amax(a.x[0], a.axes(), a.flag("keepdim")); });
    m["amin"] = one([](const Call& a) { return amin(a.x[0], a.axes(), a.flag("keepdim")); });
    m["any"] = one([](const Call& a) { return a.x[0].any(a.axes(), a.flag("keepdim")); });
    m["all"] = one([](const Call& a) { return a.x[0].all(a.axes(), a.flag("keepdim")); });
    m["var"] = one([](const Call& a) { return a.x[0].var(a.axes(), a.number("correction", 1), a.flag("keepdim")); });
    m["std"] = one([](const Call& a) { return a.x[0].std(a.axes(), a.number("correction", 1), a.flag("keepdim")); });
    m["norm"] = one([](const Call& a) { return a.x[0].norm(a.number("p", 2), a.axes(), a.flag("keepdim")); });
    m["logsumexp"] = one([](const Call& a) { return logsumexp(a.x[0], a.axes(), a.flag("keepdim")); });
    m["argmax"] = one([](const Call& a) {
      return a.has("dim") ? a.x[0].argmax(a.whole("dim", 0), a.flag("keepdim")) : a.x[0].argmax();
    });
    m["cumsum"] = one([](const Call& a) { return cumsum(a.x[0], a.whole("dim", 0)); });
    m["cumprod"] = one([](const Call& a) { return cumprod(a.x[0], a.whole("dim", 0)); });

    m["reshape"] = one([](const Call& a) { return a.x[0].reshape(a.shape("shape")); });
    m["expand"] = one([](const Call& a) { return a.x[0].expand(a.shape("shape")); });
    m["permute"] = one([](const Call& a) { return a.x[0].permute(a.shape("dims")); });
    m["transpose"] = one([](const Call& a) { return a.x[0].transpose(a.whole("dim0", 0), a.whole("dim1", 1)); });
    m["narrow"] =
        one([](const Call& a) { return a.x[0].narrow(a.whole("dim", 0), a.whole("start", 0), a.whole("length", 0)); });
    m["select"] = one([](const Call& a) { return a.x[0].select(a.whole("dim", 0), a.whole("index", 0)); });
    m["squeeze"] =
        one([](const Call& a) { return a.has("dim") ? a.x[0].squeeze(a.whole("dim", 0)) : a.x[0].squeeze(); });
    m["unsqueeze"] = one([](const Call& a) { return a.x[0].unsqueeze(a.whole("dim", 0)); });
    m["flip"] = one([](const Call& a) { return flip(a.x[0], a.whole("dim", 0)); });
    m["roll"] = one([](const Call& a) { return roll(a.x[0], a.whole("shift", 0), a.whole("dim", 0)); });
    m["tril"] = one([](const Call& a) { return tril(a.x[0], a.whole("diagonal", 0)); });
    m["triu"] = one([](const Call& a) { return triu(a.x[0], a.whole("diagonal", 0)); });
    m["diagonal"] = one(
        [](const Call& a) { return diagonal(a.x[0], a.whole("offset", 0), a.whole("dim1", 0), a.whole("dim2", 1)); });
    m["repeat"] = one([](const Call& a) { return repeat(a.x[0], a.shape("repeats")); });
    m["tile"] = one([](const Call& a) { return tile(a.x[0], a.shape("repeats")); });
    m["pad"] = one([](const Call& a) { return pad(a.x[0], a.wholes("pads"), a.number("value", 0)); });
    m["cat"] = one([](const Call& a) { return cat(a.x, a.whole("dim", 0)); });
    m["stack"] = one([](const Call& a) { return stack(a.x, a.whole("dim", 0)); });
    m["chunk"] = [](const Call& a) { return chunk(a.x[0], a.whole("chunks", 1), a.whole("dim", 0)); };
    m["split"] = [](const Call& a) {
      if (a.args["size"].is_array()) return split(a.x[0], a.wholes("size"), a.whole("dim", 0));
      return split(a.x[0], a.whole("size", 1), a.whole("dim", 0));
    };

    m["gather"] = one([](const Call& a) { return gather(a.x[0], a.whole("dim", 0), a.c[0]); });
    m["index_select"] = one([](const Call& a) { return index_select(a.x[0], a.whole("dim", 0), a.c[0]); });
    m["index_add"] = one([](const Call& a) { return index_add(a.x[0], a.whole("dim", 0), a.c[0], a.x[1]); });
    m["scatter"] = one([](const Call& a) { return scatter(a.x[0], a.whole("dim", 0), a.c[0], a.x[1]); });
    m["scatter_add"] = one([](const Call& a) { return scatter_add(a.x[0], a.whole("dim", 0), a.c[0], a.x[1]); });
    m["embedding"] = one([](const Call& a) { return embedding(a.c[0], a.x[0]); });
    m["one_hot"] = one([](const Call& a) { return one_hot(a.x[0], a.whole("classes", -1)); });
    m["sort"] = one([](const Call& a) { return sort(a.x[0], a.whole("dim", -1), a.flag("descending")).first; });
    m["topk"] = one([](const Call& a) {
      return topk(a.x[0], a.whole("k", 1), a.whole("dim", -1), !a.has("largest") || a.flag("largest")).first;
    });

    m["linear"] = one([](const Call& a) { return linear(a.x[0], a.x[1], a.x.size() > 2 ? a.x[2] : Tensor()); });
    m["einsum"] = one([](const Call& a) { return einsum(a.word("equation"), a.x); });
    m["softmax"] = one([](const Call& a) { return softmax(a.x[0], a.whole("dim", -1)); });
    m["log_softmax"] = one([](const Call& a) { return log_softmax(a.x[0], a.whole("dim", -1)); });
    m["layer_norm"] = one([](const Call& a) {
      const size_t n = a.x.size();
      const bool biased = a.flag("bias");
      return layer_norm(a.x[0], n - size_t(biased) > 1 ? a.x[1] : Tensor(), biased ? a.x.back() : Tensor(),
                        a.number("eps", 1e-5));
    });
    m["rms_norm"] =
        one([](const Call& a) { return rms_norm(a.x[0], a.x.size() > 1 ? a.x[1] : Tensor(), a.number("eps", 1e-6)); });
    m["mse_loss"] = one([](const Call& a) { return mse_loss(a.x[0], a.x[1], a.reduction()); });
    m["l1_loss"] = one([](const Call& a) { return l1_loss(a.x[0], a.x[1], a.reduction()); });
    m["huber_loss"] =
        one([](const Call& a) { return huber_loss(a.x[0], a.x[1], a.reduction(), a.number("delta", 1)); });
    m["smooth_l1_loss"] =
        one([](const Call& a) { return smooth_l1_loss(a.x[0], a.x[1], a.reduction(), a.number("beta", 1)); });
    m["kl_div"] = one([](const Call& a) { return kl_div(a.x[0], a.x[1], a.reduction(), a.flag("log_target")); });
    m["binary_cross_entropy"] =
        one([](const Call& a) { return binary_cross_entropy(a.x[0], a.c[0], a.constant(1), a.reduction()); });
    m["binary_cross_entropy_with_logits"] = one([](const Call& a) {
      return binary_cross_entropy_with_logits(
          a.x[0], a.c[0], {.weight = a.constant(1), .reduction = a.reduction(), .pos_weight = a.constant(2)});
    });
    m["cross_entropy"] = one([](const Call& a) {
      return cross_entropy(a.x[0], a.c[0],
                           {.weight = a.constant(1),
                            .ignore_index = a.whole("ignore_index", -100),
                            .reduction = a.reduction(),
                            .label_smoothing = a.number("label_smoothing", 0)});
    });
    m["nll_loss"] = one([](const Call& a) {
      return nll_loss(
          a.x[0], a.c[0],
          {.weight = a.constant(1), .ignore_index = a.whole("ignore_index", -100), .reduction = a.reduction()});
    });
    m["attention"] = one([](const Call& a) {
      AttentionOptions options{.causal = a.flag("causal"),
                               .causal_offset = a.whole("causal_offset", 0),
                               .mask = a.x.size() > 3 ? a.x[3] : a.constant(0)};
      if (a.has("scale")) options.scale = a.number("scale", 1);
      if (a.has("window")) options.window = a.whole("window", 1);
      options.softcap = a.number("softcap", 0);
      return scaled_dot_product_attention(a.x[0], a.x[1], a.x[2], options);
    });
    m["rope"] = one([](const Call& a) { return rope(a.x[0], RopeAngles{a.c[0], a.c[1]}, a.flag("interleaved")); });
    m["recurrent"] = one([](const Call& a) {
      const Cell cell = cell_of(a.word("cell"));
      return recurrent(cell, a.x[0], a.x[1], a.x[2], a.x[3], cell == Cell::lstm ? a.x[4] : Tensor(),
                       {.reverse = a.flag("reverse"), .lengths = a.constant(0)});
    });
    return m;
  }();
  return all;
}

/// x with a gap behind every element.
Tensor with_gaps(const Tensor& x) { return stack({x, x}, -1).select(-1, 0); }

List random_like(const List& tensors, uint64_t seed) {
  Rng rng(seed);
  List seeds;
  for (const Tensor& y : tensors) seeds.push_back(randn(y.shape(), rng, f64).to(y.dtype()));
  return seeds;
}

List with_history(const List& tensors) {
  List found;
  for (const Tensor& y : tensors)
    if (y.requires_grad()) found.push_back(y);
  return found;
}

void put(NamedTensors& file, const std::string& name, char kind, const List& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].defined()) file.emplace_back(fmt::format("{}.{}{}", name, kind, i), tensors[i].detach());
}

void answer(const json& c, const std::map<std::string, Tensor>& given, NamedTensors& file) {
  const std::string name = c["name"];
  const bool strided = c["strided"];
  const auto tensors = [&](char kind, size_t count) {
    List found(count);
    for (size_t i = 0; i < count; ++i)
      if (const auto it = given.find(fmt::format("{}.{}{}", name, kind, i)); it != given.end())
        found[i] = strided ? with_gaps(it->second) : it->second;
    return found;
  };
  Call call{tensors('x', c["inputs"]), tensors('c', c["constants"]), c["args"]};
  List leaves;
  for (Tensor& x : call.x) {
    if (!is_floating(x.dtype())) continue;
    x = x.detach();
    leaves.push_back(x.set_requires_grad());
  }
  NamedTensors own;
  const List y = ops().at(c["op"])(call), differentiable = with_history(y);
  put(own, name, 'y', y);
  if (!differentiable.empty()) {
    const List v = random_like(differentiable, 1);
    const List first = grad(differentiable, leaves, {.seeds = v, .create_graph = true});
    put(own, name, 'v', v);
    put(own, name, 'g', first);
    const List again = with_history(first), w = random_like(first, 2);
    put(own, name, 'w', w);
    if (!again.empty()) {
      List chosen;
      for (size_t i = 0; i < first.size(); ++i)
        if (first[i].requires_grad()) chosen.push_back(w[i]);
      put(own, name, 'h', grad(again, leaves, {.seeds = chosen}));
    }
  }
  for (auto& tensor : own) file.push_back(tensor);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: heed_oracle CASES ANSWERS\n", stderr), 2;
  const Safetensors cases = load_safetensors(argv[1]);
  std::map<std::string, Tensor> given;
  for (const auto& [name, x] : cases.tensors) given.emplace(name, x);
  NamedTensors file;
  json refused = json::object();
  for (const json& c : json::parse(cases.metadata.at("cases"))) try {
      answer(c, given, file);
    } catch (const Error& e) {
      refused[c["name"].get<std::string>()] = e.what();
    }
  save_safetensors(argv[2], file, {{"refused", refused.dump()}});
}
