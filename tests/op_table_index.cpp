// Joining, splitting, picking, triangles.
#include <fmt/ranges.h>

#include "op_table.h"

namespace heed::tests {
namespace {

Inputs real(const std::vector<Shape>& shapes) {
  return [=](Draw& d) {
    List x;
    for (const Shape& shape : shapes) x.push_back(d.real(shape));
    return x;
  };
}

/// A tensor of numbers, and indices in [0, bound) of another shape.
Inputs indexed(const Shape& x, const Shape& index, int64_t bound) {
  return [=](Draw& d) { return List{d.real(x), d.integers(0, bound, index)}; };
}

std::vector<OpRecord> joins() {
  std::vector<OpRecord> all;
  OpRecord c{"cat(tensors, axis)"};
  c.sample(
      "rows (2, 3), (1, 3)", real({{2, 3}, {1, 3}}), [](const List& x) { return cat(x, 0); }, "torch.cat(x, 0)");
  c.sample(
      "columns (2, 3), (2, 1), (2, 2)", real({{2, 3}, {2, 1}, {2, 2}}), [](const List& x) { return cat(x, -1); },
      "torch.cat(x, -1)");
  c.sample(
      "the middle of (2, 2, 3)", real({{2, 2, 3}, {2, 1, 3}}), [](const List& x) { return cat(x, 1); },
      "torch.cat(x, 1)");
  c.sample(
      "one", real({{2, 3}}), [](const List& x) { return cat(x, 0); }, "torch.cat(x, 0)");
  c.sample(
      "with an empty one", real({{2, 3}, {0, 3}, {1, 3}}), [](const List& x) { return cat(x, 0); }, "torch.cat(x, 0)");
  c.sample(
      "all empty", real({{0, 3}, {0, 3}}), [](const List& x) { return cat(x, 1); }, "torch.cat(x, 1)");
  c.sample(
      "one twice", real({{2, 2}}),
      [](const List& x) {
        return cat({x[0], x[0]}, 0);
      },
      "torch.cat([x[0], x[0]], 0)");
  all.push_back(c);

  OpRecord s{"stack(tensors, axis)"};
  s.sample(
      "in front", real({{2, 3}, {2, 3}}), [](const List& x) { return stack(x, 0); }, "torch.stack(x, 0)");
  s.sample(
      "between", real({{2, 3}, {2, 3}, {2, 3}}), [](const List& x) { return stack(x, 1); }, "torch.stack(x, 1)");
  s.sample(
      "behind", real({{2, 3}, {2, 3}}), [](const List& x) { return stack(x, -1); }, "torch.stack(x, -1)");
  s.sample(
      "scalars", real({{}, {}}), [](const List& x) { return stack(x, 0); }, "torch.stack(x, 0)");
  s.sample(
      "one", real({{3}}), [](const List& x) { return stack(x, 0); }, "torch.stack(x, 0)");
  s.sample(
      "empty", real({{0, 2}, {0, 2}}), [](const List& x) { return stack(x, 0); }, "torch.stack(x, 0)");
  all.push_back(s);

  OpRecord equal{"split(x, size, axis)"};
  equal.sample(
      "even", real({{4, 3}}), [](const List& x) { return split(x[0], int64_t{2}, 0); }, "torch.split(x[0], 2, 0)");
  equal.sample(
      "a shorter last", real({{2, 5}}), [](const List& x) { return split(x[0], int64_t{2}, -1); },
      "torch.split(x[0], 2, -1)");
  equal.sample(
      "one part", real({{3, 2}}), [](const List& x) { return split(x[0], int64_t{7}, 0); }, "torch.split(x[0], 7, 0)");
  all.push_back(equal);

  OpRecord sizes{"split(x, sizes, axis)"};
  sizes.sample(
      "1, 3, 0 and 1", real({{2, 5}}),
      [](const List& x) {
        return split(x[0], std::vector<int64_t>{1, 3, 0, 1}, 1);
      },
      "torch.split(x[0], [1, 3, 0, 1], 1)");
  sizes.sample(
      "one of three used", real({{6}}),
      [](const List& x) {
        return split(x[0], std::vector<int64_t>{2, 2, 2}, 0)[1] * 2;
      },
      "torch.split(x[0], [2, 2, 2], 0)[1] * 2");
  all.push_back(sizes);
  return all;
}

std::vector<OpRecord> picks() {
  std::vector<OpRecord> all;
  OpRecord g{"gather(x, axis, index)"};
  const auto gathering = [&](const Shape& x, int64_t axis, const Shape& index, int64_t bound) {
    g.sample(
        fmt::format("{} along {} at {}", x, axis, index), indexed(x, index, bound),
        [=](const List& in) { return gather(in[0], axis, in[1]); }, fmt::format("torch.gather(x[0], {}, x[1])", axis));
  };
  gathering({3, 4}, 0, {2, 4}, 3);
  gathering({3, 4}, 1, {3, 6}, 4);
  gathering({2, 3, 4}, -2, {2, 5, 3}, 3);
  gathering({4}, 0, {7}, 4);
  gathering({3, 4}, 1, {3, 0}, 4);
  gathering({1}, 0, {1}, 1);
  all.push_back(g);

  OpRecord is{"index_select(x, axis, index)"};
  const auto selecting = [&](const Shape& x, int64_t axis, int64_t n) {
    is.sample(
        fmt::format("{} of {} along {}", n, x, axis),
        indexed(x, {n}, n == 0 ? 1 : x[axis < 0 ? int(axis) + x.rank() : int(axis)]),
        [=](const List& in) { return index_select(in[0], axis, in[1]); },
        fmt::format("torch.index_select(x[0], {}, x[1])", axis));
  };
  selecting({3, 4}, 0, 5);
  selecting({3, 4}, 1, 2);
  selecting({2, 3, 2}, -2, 4);
  selecting({3}, 0, 1);
  selecting({3, 2}, 0, 0);
  all.push_back(is);

  OpRecord ia{"index_add(g, axis, index, size)"};
  const auto adding = [&](const Shape& x, int axis, int64_t size) {
    Shape full = x;
    full[axis] = size;
    ia.sample(
        fmt::format("{} into {}", x, full), indexed(x, {x[axis]}, size),
        [=](const List& in) { return index_add(in[0], axis, in[1], size); },
        fmt::format("torch.zeros([{}], dtype=x[0].dtype).index_add({}, x[1], x[0])",
                    fmt::join(full.begin(), full.end(), ", "), axis));
  };
  adding({5, 2}, 0, 3);
  adding({2, 4}, 1, 6);
  adding({2, 3, 2}, 1, 2);
  adding({0, 3}, 0, 2);
  adding({1}, 0, 1);
  all.push_back(ia);

  OpRecord sa{"scatter_add(g, axis, index, shape)"};
  const auto scattering = [&](const Shape& x, int64_t axis, const Shape& full) {
    const int64_t bound = full[static_cast<int>(axis)];
    sa.sample(
        fmt::format("{} into {}", x, full), indexed(x, x, bound),
        [=](const List& in) { return scatter_add(in[0], axis, in[1], full); },
        fmt::format("torch.zeros([{}], dtype=x[0].dtype).scatter_add({}, x[1], x[0])",
                    fmt::join(full.begin(), full.end(), ", "), axis));
  };
  scattering({2, 4}, 0, {3, 4});
  scattering({3, 6}, 1, {3, 4});
  scattering({2, 5, 3}, 1, {2, 3, 4});
  scattering({0, 3}, 0, {2, 3});
  scattering({1}, 0, {1});
  all.push_back(sa);
  return all;
}

std::vector<OpRecord> rearranged() {
  std::vector<OpRecord> all;
  for (const bool lower : {true, false}) {
    OpRecord r{lower ? "tril(x, diagonal)" : "triu(x, diagonal)"};
    const auto add = [&](const Shape& shape, int64_t diagonal) {
      r.sample(
          fmt::format("{} from {}", shape, diagonal), real({shape}),
          [=](const List& x) { return lower ? tril(x[0], diagonal) : triu(x[0], diagonal); },
          fmt::format("torch.{}(x[0], {})", lower ? "tril" : "triu", diagonal));
    };
    add({3, 3}, 0);
    add({2, 3, 4}, 1);
    add({4, 2}, -1);
    add({2, 2}, 5);
    add({2, 2}, -5);
    add({0, 3}, 0);
    add({1, 1}, 0);
    all.push_back(r);
  }

  OpRecord f{"flip(x, axis)"};
  f.sample(
      "rows", real({{3, 4}}), [](const List& x) { return flip(x[0], 0); }, "torch.flip(x[0], [0])");
  f.sample(
      "columns", real({{3, 4}}), [](const List& x) { return flip(x[0], -1); }, "torch.flip(x[0], [-1])");
  f.sample(
      "the middle", real({{2, 3, 2}}), [](const List& x) { return flip(x[0], 1); }, "torch.flip(x[0], [1])");
  f.sample(
      "one", real({{1}}), [](const List& x) { return flip(x[0], 0); }, "torch.flip(x[0], [0])");
  f.sample(
      "empty", real({{2, 0}}), [](const List& x) { return flip(x[0], 1); }, "torch.flip(x[0], [1])");
  all.push_back(f);

  OpRecord s{"sum_to(x, shape)"};
  const auto summing = [&](const Shape& from, const Shape& to) {
    s.sample(
        fmt::format("{} to {}", from, to), real({from}), [=](const List& x) { return sum_to(x[0], to); },
        fmt::format("x[0].sum_to_size([{}])", fmt::join(to.begin(), to.end(), ", ")));
  };
  summing({3, 4}, {4});
  summing({3, 4}, {3, 1});
  summing({2, 3, 4}, {1, 4});
  summing({2, 3}, {});
  summing({2, 3}, {2, 3});
  summing({0, 3}, {3});
  all.push_back(s);
  return all;
}

}  // namespace

std::vector<OpRecord> index_records() {
  std::vector<OpRecord> all;
  for (auto part : {joins, picks, rearranged})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
