// Matrix products.
#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {

std::vector<OpRecord> product_records() {
  std::vector<OpRecord> all;
  OpRecord m{"matmul(a, b)"};
  const auto product = [&](const std::string& what, const Shape& a, const Shape& b) {
    m.sample(
        fmt::format("{} {} x {}", what, a, b),
        [=](Draw& d) {
          return List{d.real(a), d.real(b)};
        },
        [](const List& x) { return matmul(x[0], x[1]); }, "x[0] @ x[1]");
  };
  product("matrices", {2, 3}, {3, 4});
  product("batches", {2, 2, 3}, {2, 3, 2});
  product("one matrix for a batch on the right", {2, 3, 2}, {2, 3});
  product("one matrix for a batch on the left", {2, 3}, {2, 3, 2});
  product("batch axes that stretch", {2, 1, 2, 3}, {3, 3, 2});
  product("vectors", {4}, {4});
  product("matrix and vector", {3, 4}, {4});
  product("vector and matrix", {3}, {3, 4});
  product("batch and vector", {2, 3, 4}, {4});
  product("vector and batch", {3}, {2, 3, 2});
  product("one by one", {1, 1}, {1, 1});
  product("no terms", {2, 0}, {0, 3});
  product("no terms in a batch", {2, 2, 0}, {0, 3});
  product("no rows", {0, 3}, {3, 2});
  product("no batch", {0, 2, 3}, {0, 3, 2});
  m.sample(
      "a transposed operand",
      [](Draw& d) {
        return List{d.real({3, 4}), d.real({2, 4})};
      },
      [](const List& x) { return matmul(x[0], x[1].mT()); }, "x[0] @ x[1].mT");
  m.sample(
      "a matrix with its own transpose",
      [](Draw& d) {
        return List{d.real({3, 4})};
      },
      [](const List& x) { return matmul(x[0], x[0].mT()); }, "x[0] @ x[0].mT");
  all.push_back(m);

  OpRecord l{"linear(x, weight, bias)"};
  const auto layer = [&](const std::string& what, const Shape& x, int64_t in, int64_t out, bool bias) {
    l.sample(
        what,
        [=](Draw& d) {
          return bias ? List{d.real(x), d.real({out, in}), d.real({out})} : List{d.real(x), d.real({out, in})};
        },
        [=](const List& t) { return linear(t[0], t[1], bias ? t[2] : Tensor()); },
        bias ? "F.linear(x[0], x[1], x[2])" : "F.linear(x[0], x[1])");
    l.twin([=](const List& t) { return reference::linear(t[0], t[1], bias ? t[2] : Tensor()); });
  };
  layer("(2, 3) to 4", {2, 3}, 3, 4, true);
  layer("(2, 3) to 4, no bias", {2, 3}, 3, 4, false);
  layer("(2, 2, 3) to 2", {2, 2, 3}, 3, 2, true);
  layer("a vector", {3}, 3, 2, true);
  layer("one by one", {1, 1}, 1, 1, true);
  layer("no rows", {0, 3}, 3, 2, true);
  layer("no inputs", {2, 0}, 0, 2, true);
  all.push_back(l);
  return all;
}

}  // namespace heed::tests
