// Gradient formulas broken on purpose: gradcheck must notice every one.
#include <map>
#include <set>

#include <fmt/ranges.h>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/node.h>
#include "op_run.h"

using namespace heed;
using namespace heed::tests;
using autograd::Gradients;
using autograd::Node;

namespace {

using NodePtr = std::shared_ptr<Node>;
using Backward = decltype(Node::backward);

/// Nodes between outputs and leaves, oldest first: the same list for every run of one function.
std::vector<NodePtr> formulas_of(const List& outputs) {
  std::map<uint64_t, NodePtr> met;
  std::vector<NodePtr> open;
  for (const Tensor& y : outputs) open.push_back(y.node());
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    if (!node || node->leaf || !met.emplace(node->id, node).second) continue;
    open.insert(open.end(), node->inputs.begin(), node->inputs.end());
  }
  std::vector<NodePtr> nodes;
  for (const auto& [id, node] : met) nodes.push_back(node);
  return nodes;
}

/// What a fault may use: the right backward, one that saved other values, and the gradient it is given.
struct Context {
  const Backward &right, &stale;
  const Tensor& g;
  const NodePtr& self;
  size_t slot;  // the input whose gradient is broken
};

struct Fault {
  const char* name;
  Gradients (*make)(Gradients right, const Context& c);
};

/// g with its first half kept: what a sum that stops early sees.
Tensor first_half(const Tensor& g) {
  const Tensor flat = g.reshape({-1});
  const Tensor keep = lt(arange(g.numel()), tensor((g.numel() + 1) / 2));
  return masked_fill(flat, logical_not(keep), 0).reshape(g.shape());
}

const Fault kFaults[] = {
    {"sign", [](Gradients d, const Context& c) { return d[c.slot] = d[c.slot] * -1, d; }},
    {"factor 2", [](Gradients d, const Context& c) { return d[c.slot] = d[c.slot] * 2, d; }},
    {"missing term", [](Gradients d, const Context& c) { return d[c.slot] = d[c.slot] * 0, d; }},
    {"half a sum",
     [](Gradients d, const Context& c) { return d[c.slot] = c.right(first_half(c.g), c.self)[c.slot], d; }},
    {"transposed",
     [](Gradients d, const Context& c) {
       if (d[c.slot].rank() >= 2) d[c.slot] = d[c.slot].mT().reshape(d[c.slot].shape());
       return d;
     }},
    {"reversed",
     [](Gradients d, const Context& c) {
       return d[c.slot] = flip(d[c.slot].reshape({-1}), 0).reshape(d[c.slot].shape()), d;
     }},
    {"another input's",
     [](Gradients d, const Context& c) {
       for (size_t i = 0; i < d.size(); ++i)
         if (i != c.slot && d[i].defined() && d[i].shape() == d[c.slot].shape()) d[c.slot] = d[i];
       return d;
     }},
    {"stale value", [](Gradients d, const Context& c) { return d[c.slot] = c.stale(c.g, c.self)[c.slot], d; }},
};

/// fn whose formula number `at` has the fault for input `slot`, whenever it is recorded.
Function broken(const Function& fn, size_t at, size_t slot, const Fault& fault, const NodePtr& stale) {
  return [=](const List& x) {
    const List outputs = fn(x);
    const std::vector<NodePtr> nodes = formulas_of(outputs);
    if (nodes.empty()) return outputs;
    nodes[at]->backward = [=, right = std::move(nodes[at]->backward)](const Tensor& g, const NodePtr& self) {
      Gradients d = right(g, self);
      if (!d[slot].defined()) return d;
      return fault.make(d, Context{right, stale->backward, g, self, slot});
    };
    return outputs;
  };
}

List leaves_at(const List& x, double scale, double shift) {
  List y;
  for (const Tensor& t : x) y.push_back(is_floating(t.dtype()) ? (t * scale + shift).detach().set_requires_grad() : t);
  return y;
}

constexpr double kFault = 1e-5;  // what changes a gradient by less, of its largest or 1, is no fault

struct Count {
  int injected = 0, caught = 0;
};

}  // namespace

TEST_CASE("mutations: gradcheck catches every fault in every gradient formula, fast mode too",
          "[gradcheck][mutations]") {
  std::map<std::string, std::map<std::string, Count>> table;  // op of the formula, fault
  std::set<std::string> without_fault;
  for (const OpRecord& record : op_table())
    if (record.differentiable && !record.flat) without_fault.insert(record.declares);
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    if (!record.differentiable) return;
    const List right = evaluate(sample.fn, x).gradients, outputs = sample.fn(leaves_at(x, 1, 0)),
               others = sample.fn(leaves_at(x, 1.07, 0.02));
    const std::vector<NodePtr> nodes = formulas_of(outputs), stale = formulas_of(others);
    if (nodes.size() != stale.size()) return;  // the graph depends on the values
    for (size_t at = 0; at < nodes.size(); ++at)
      for (size_t slot = 0; slot < nodes[at]->inputs.size(); ++slot)
        for (const Fault& fault : kFaults) {
          const Function mutant = broken(sample.fn, at, slot, fault, stale[at]);
          if (difference(evaluate(mutant, x).gradients, right, kFault) == "") continue;  // zeros have no sign, for one
          without_fault.erase(record.declares);
          Count& count = table[nodes[at]->op][fault.name];
          ++count.injected;
          INFO(fmt::format("formula {} of {}, input {}: {}", at, nodes[at]->op, slot, fault.name));
          const bool slow = !gradcheck(mutant, x), fast = !gradcheck(mutant, x, {.fast = true});
          CHECK(slow);
          CHECK(fast);
          count.caught += slow && fast;
        }
  });
  int injected = 0, caught = 0;
  fmt::print(stderr, "{:40}", "mutations caught / injected");
  for (const Fault& fault : kFaults) fmt::print(stderr, "{:>16}", fault.name);
  for (const auto& [op, faults] : table) {
    fmt::print(stderr, "\n{:40}", op);
    for (const Fault& fault : kFaults) {
      const auto it = faults.find(fault.name);
      fmt::print(stderr, "{:>16}",
                 it == faults.end() ? "-" : fmt::format("{} / {}", it->second.caught, it->second.injected));
      if (it == faults.end()) continue;
      injected += it->second.injected;
      caught += it->second.caught;
    }
  }
  fmt::print(stderr, "\nmutations: {} injected into the formulas of {} ops, {} caught\n", injected, table.size(),
             caught);
  CHECK(injected > 2000);
  CHECK(caught == injected);
  INFO("ops without any fault: " << fmt::format("{}", fmt::join(without_fault, "; ")));
  CHECK(without_fault.empty());
}
