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

  OpRecord batches{"bmm(a, b)"}, vectors{"outer(a, b)"};
  const auto pair = [](const Shape& a, const Shape& b) { return [=](Draw& d) { return List{d.real(a), d.real(b)}; }; };
  for (const auto& [a, b] :
       {std::pair<Shape, Shape>{{2, 3, 4}, {2, 4, 2}}, {{1, 1, 3}, {1, 3, 5}}, {{0, 2, 3}, {0, 3, 2}}})
    batches.sample(
        fmt::format("{} x {}", a, b), pair(a, b), [](const List& x) { return bmm(x[0], x[1]); },
        "torch.bmm(x[0], x[1])");
  for (const auto& [a, b] : {std::pair<Shape, Shape>{{3}, {4}}, {{1}, {5}}, {{0}, {2}}})
    vectors.sample(
        fmt::format("{} x {}", a, b), pair(a, b), [](const List& x) { return outer(x[0], x[1]); },
        "torch.outer(x[0], x[1])");
  all.push_back(batches);
  all.push_back(vectors);

  OpRecord e{"einsum(equation, operands)"};
  const auto sum = [&](const std::string& equation, const std::vector<Shape>& shapes) {
    std::string name = equation;
    for (const Shape& shape : shapes) name += fmt::format(" {}", shape);
    e.sample(
        name,
        [=](Draw& d) {
          List x;
          for (const Shape& shape : shapes) x.push_back(d.real(shape));
          return x;
        },
        [=](const List& x) { return einsum(equation, x); }, fmt::format("torch.einsum('{}', *x)", equation));
  };
  sum("ij,jk->ik", {{2, 3}, {3, 4}});
  sum("ij,jk", {{2, 3}, {3, 4}});
  sum("bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}});
  sum("bhtd,bhsd->bhts", {{2, 2, 3, 2}, {2, 2, 4, 2}});
  sum("bnd,hde->hbne", {{2, 3, 2}, {2, 2, 3}});
  sum("i,j->ij", {{3}, {4}});
  sum("i,i->", {{3}, {3}});
  sum("ij->ji", {{2, 3}});
  sum("ba", {{2, 3}});
  sum("ij->", {{2, 3}});
  sum("ijk->j", {{2, 3, 2}});
  sum("ii->i", {{3, 3}});
  sum("ii", {{3, 3}});
  sum("ijij->ij", {{2, 3, 2, 3}});
  sum("iii->i", {{3, 3, 3}});
  sum("iij,jk->ik", {{3, 3, 2}, {2, 2}});
  sum("a b, c -> c a", {{2, 3}, {2}});
  sum("...ij,...jk->...ik", {{2, 1, 2, 3}, {3, 3, 2}});
  sum("...i,i", {{2, 2, 3}, {3}});
  sum("...i->i...", {{2, 4, 3}});
  sum("i...->...", {{2, 3}});
  sum("ij,jk->ik", {{2, 1}, {3, 4}});
  sum("ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 4}});
  sum("i,i,i->i", {{3}, {3}, {3}});
  sum("ij,k->i", {{2, 3}, {4}});
  sum("Ab,bC", {{2, 3}, {3, 2}});
  sum(",i->i", {{}, {3}});
  sum("ij,jk->ik", {{0, 3}, {3, 2}});
  sum("ij,jk->ik", {{2, 0}, {0, 3}});
  all.push_back(e);

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
  l.sample(
      "a weight (3)",
      [](Draw& d) {
        return List{d.real({2, 3}), d.real({3}), d.real({})};
      },
      [](const List& x) { return linear(x[0], x[1], x[2]); }, "x[0] @ x[1] + x[2]");
  layer("one by one", {1, 1}, 1, 1, true);
  layer("no rows", {0, 3}, 3, 2, true);
  layer("no inputs", {2, 0}, 0, 2, true);
  all.push_back(l);
  return all;
}

}  // namespace heed::tests
