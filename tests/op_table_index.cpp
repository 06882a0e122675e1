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

/// PyTorch takes a src larger than the index, but cannot differentiate it.
constexpr const char* kSource = "x[2][tuple(map(slice, x[1].shape))]";

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

  OpRecord chunks{"chunk(x, chunks, axis)"};
  const auto chunking = [&](const Shape& shape, int64_t n, int64_t axis) {
    chunks.sample(
        fmt::format("{} in {} along {}", shape, n, axis), real({shape}),
        [=](const List& x) { return chunk(x[0], n, axis); }, fmt::format("torch.chunk(x[0], {}, {})", n, axis));
  };
  chunking({6, 2}, 3, 0);
  chunking({2, 5}, 2, -1);
  chunking({5}, 4, 0);
  chunking({2}, 7, 0);
  chunking({0, 2}, 2, 0);
  all.push_back(chunks);
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
  gathering({}, 0, {}, 1);
  gathering({}, -1, {1}, 1);
  gathering({3}, 0, {}, 3);
  g.sample(
      "from the end", real({{2, 3}}),
      [](const List& x) {
        return gather(x[0], 1, tensor({{-1, 0}, {1, -3}}));
      },
      "torch.gather(x[0], 1, torch.tensor([[2, 0], [1, 0]]))");
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
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{3, 2}})
    is.sample(
        fmt::format("of {} at a number", shape), indexed(shape, {}, 1),
        [](const List& in) { return index_select(in[0], 0, in[1]); }, "torch.index_select(x[0], 0, x[1])");
  is.sample(
      "from the end", real({{3, 2}}),
      [](const List& x) {
        return index_select(x[0], 0, tensor({-1, 0, -3}));
      },
      "x[0][torch.tensor([-1, 0, -3])]");
  all.push_back(is);

  OpRecord ia{"index_add(x, axis, index, source)"};
  ia.sample(
      "into a number",
      [](Draw& d) {
        return List{d.real({}), d.integers(0, 1, {1}), d.real({})};
      },
      [](const List& in) { return index_add(in[0], -1, in[1], in[2]); }, "x[0].index_add(-1, x[1], x[2])");
  const auto adding = [&](const Shape& x, int axis, int64_t n) {
    Shape part = x;
    part[axis] = n;
    ia.sample(
        fmt::format("{} into {}", part, x),
        [=](Draw& d) {
          return List{d.real(x), d.integers(-x[axis], x[axis], {n}), d.real(part)};
        },
        [=](const List& in) { return index_add(in[0], axis, in[1], in[2]); },
        fmt::format("x[0].index_add({}, x[1] % {}, x[2])", axis, std::max<int64_t>(1, x[axis])));
  };
  adding({3, 2}, 0, 5);
  adding({2, 6}, 1, 4);
  adding({2, 2, 2}, 1, 3);
  adding({2, 3}, 0, 0);
  adding({1}, 0, 1);
  all.push_back(ia);

  OpRecord sa{"scatter_add(x, axis, index, src)"};
  const auto scattering = [&](const Shape& x, int64_t axis, const Shape& index, const Shape& src) {
    const int64_t bound = x.rank() == 0 ? 1 : x[static_cast<int>(axis)];
    sa.sample(
        fmt::format("{} at {} into {}", src, index, x),
        [=](Draw& d) {
          return List{d.real(x), d.integers(-bound, bound, index), d.real(src)};
        },
        [=](const List& in) { return scatter_add(in[0], axis, in[1], in[2]); },
        fmt::format("x[0].scatter_add({}, x[1] % {}, {})", axis, bound, kSource));
  };
  scattering({3, 4}, 0, {2, 4}, {2, 4});
  scattering({3, 4}, 1, {3, 6}, {3, 7});
  scattering({2, 3, 4}, 1, {2, 5, 3}, {3, 5, 4});
  scattering({2, 3}, 0, {0, 3}, {0, 3});
  scattering({1}, 0, {1}, {1});
  scattering({}, 0, {}, {});
  scattering({3}, 0, {}, {});
  all.push_back(sa);

  OpRecord put{"scatter(x, axis, index, src)"};
  const auto putting = [&](const Shape& x, const NestedList& index, int64_t axis, const Shape& src) {
    put.sample(
        fmt::format("{} into {} along {}", src, x, axis),
        [=](Draw& d) {
          return List{d.real(x), tensor(index), d.real(src)};
        },
        [=](const List& in) { return scatter(in[0], axis, in[1], in[2]); },
        fmt::format("x[0].scatter({}, x[1] % {}, {})", axis, x.rank() == 0 ? 1 : x[static_cast<int>(axis)], kSource));
  };
  putting({3, 4}, {{0, 2, -1}, {1, 0, 0}}, 0, {2, 3});
  putting({2, 3}, {{2, 0}, {0, -2}}, 1, {2, 3});
  putting({2}, {1}, 0, {1});
  putting({}, 0, -1, {});
  all.push_back(put);

  OpRecord fill{"scatter(x, axis, index, value)"};
  const auto filling = [&](const Shape& x, const NestedList& index, int64_t axis) {
    fill.sample(
        fmt::format("{} along {}", x, axis),
        [=](Draw& d) {
          return List{d.real(x), tensor(index)};
        },
        [=](const List& in) { return scatter(in[0], axis, in[1], 1.5); },
        fmt::format("x[0].scatter({}, x[1] % {}, 1.5)", axis, x.rank() == 0 ? 1 : x[static_cast<int>(axis)]));
  };
  filling({3, 4}, {{0, 2, -1}, {1, 0, 0}}, 0);
  filling({5}, {1, 1, -2}, 0);
  filling({}, 0, 0);
  all.push_back(fill);

  OpRecord hot{"one_hot(index, classes)"};
  hot.no_gradient();
  for (const Shape& shape : {Shape{4}, Shape{2, 3}, Shape{}, Shape{0, 2}})
    hot.sample(
        fmt::format("{}", shape), [=](Draw& d) { return List{d.integers(0, 5, shape)}; },
        [](const List& x) { return one_hot(x[0], 5); }, "F.one_hot(x[0], 5)");
  hot.sample(
      "without classes", [](Draw& d) { return List{d.integers(0, 5, {4})}; },
      [](const List& x) { return one_hot(x[0]); }, "F.one_hot(x[0])");
  all.push_back(hot);
  OpRecord places{"nonzero(x)"};
  places.no_gradient();
  for (const Shape& shape : {Shape{3, 4}, Shape{37}, Shape{2, 3, 2}, Shape{}, Shape{0, 2}})
    places.sample(
        fmt::format("{}", shape), [=](Draw& d) { return List{d.integers(-1, 2, shape)}; },
        [](const List& x) { return nonzero(x[0]); }, "torch.nonzero(x[0])");
  places.sample(
      "flags",
      [](Draw& d) {
        return List{d.mask({4, 5})};
      },
      [](const List& x) { return nonzero(x[0]); }, "torch.nonzero(x[0])");
  all.push_back(places);
  return all;
}

std::vector<OpRecord> orders() {
  std::vector<OpRecord> all;
  OpRecord s{"sort(x, axis, descending)"};
  OpRecord a{"argsort(x, axis, descending)"};
  a.no_gradient();
  OpRecord t{"topk(x, k, axis, largest)"};
  const auto add = [&](const Shape& shape, int64_t axis, bool down, int64_t k) {
    const std::string name = fmt::format("{} along {}{}", shape, axis, down ? ", descending" : "");
    const char* order = down ? "True" : "False";
    s.sample(
        name, real({shape}), [=](const List& x) { return sort(x[0], axis, down); },
        fmt::format("list(torch.sort(x[0], {}, {}))", axis, order));
    a.sample(
        name, real({shape}), [=](const List& x) { return argsort(x[0], axis, down); },
        fmt::format("torch.argsort(x[0], {}, {})", axis, order));
    t.sample(
        fmt::format("{} of {}", k, name), real({shape}), [=](const List& x) { return topk(x[0], k, axis, down); },
        fmt::format("list(torch.topk(x[0], {}, {}, {}))", k, axis, order));
  };
  add({5}, 0, false, 2);
  add({3, 4}, -1, true, 3);
  add({2, 5, 2}, 1, false, 1);
  add({4, 3}, 0, true, 4);
  add({2, 0}, 1, true, 0);
  add({1}, -1, true, 1);
  add({}, -1, true, 1);
  add({}, 0, false, 1);
  s.sample(
      "integers with equals",
      [](Draw& d) {
        return List{d.integers(0, 3, {2, 9})};
      },
      [](const List& x) { return sort(x[0], 1, true); }, "list(torch.sort(x[0], dim=1, descending=True, stable=True))");
  all.push_back(s);
  all.push_back(a);
  all.push_back(t);
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
      "a number", real({{}}), [](const List& x) { return flip(x[0], -1); }, "torch.flip(x[0], [-1])");
  f.sample(
      "empty", real({{2, 0}}), [](const List& x) { return flip(x[0], 1); }, "torch.flip(x[0], [1])");
  all.push_back(f);

  OpRecord ro{"roll(x, shifts, axes)"};
  const auto rolling = [&](const Shape& shape, const std::vector<int64_t>& shifts, const std::vector<int64_t>& axes) {
    ro.sample(
        fmt::format("{} by {} along {}", shape, shifts, axes), real({shape}),
        [=](const List& x) { return roll(x[0], shifts, axes); },
        axes.empty() ? fmt::format("torch.roll(x[0], {})", shifts)
                     : fmt::format("torch.roll(x[0], {}, {})", shifts, axes));
  };
  rolling({5}, {2}, {0});
  rolling({3, 4}, {-1}, {1});
  rolling({2, 3, 2}, {7}, {-2});
  rolling({2, 3, 4}, {1, -6}, {0, -1});
  rolling({3, 2}, {1, 1}, {0, 0});
  rolling({2, 3}, {4}, {});
  rolling({0, 2}, {1}, {0});
  rolling({1}, {3}, {0});
  rolling({}, {3}, {});
  all.push_back(ro);

  OpRecord re{"repeat(x, repeats)"};
  OpRecord ti{"tile(x, repeats)"};
  const auto repeating = [&](OpRecord& r, const Shape& shape, const Shape& times) {
    const bool tiles = &r == &ti;
    r.sample(
        fmt::format("{} by {}", shape, times), real({shape}),
        [=](const List& x) { return tiles ? tile(x[0], times) : repeat(x[0], times); },
        fmt::format("{}([{}])", tiles ? "x[0].tile" : "x[0].repeat", fmt::join(times.begin(), times.end(), ", ")));
  };
  for (OpRecord* r : {&re, &ti}) {
    repeating(*r, {3}, {2});
    repeating(*r, {2, 3}, {3, 2});
    repeating(*r, {2}, {2, 1, 3});
    repeating(*r, {2, 2}, {0, 1});
    repeating(*r, {}, {2});
  }
  repeating(ti, {2, 1, 3}, {2});
  all.push_back(re);
  all.push_back(ti);

  OpRecord pa{"pad(x, pads, value)"};
  const auto padding = [&](const Shape& shape, const std::vector<int64_t>& pads, double value) {
    pa.sample(
        fmt::format("{} with {}", shape, fmt::join(pads, " ")), real({shape}),
        [=](const List& x) { return pad(x[0], pads, value); },
        fmt::format("F.pad(x[0], [{}], value={})", fmt::join(pads, ", "), value));
  };
  padding({3}, {1, 2}, 0);
  padding({2, 3}, {0, 1, 2, 0}, 1.5);
  padding({2, 3, 2}, {1, -1, -1, 2}, 0);
  padding({4}, {-1, -2}, 0);
  padding({2, 3}, {}, 0);
  padding({0, 2}, {0, 0, 1, 1}, 2);
  all.push_back(pa);

  OpRecord di{"diagonal(x, offset, axis1, axis2)"};
  const auto diagonals = [&](const Shape& shape, int64_t offset, int64_t a, int64_t b) {
    di.sample(
        fmt::format("{} from {} of {} and {}", shape, offset, a, b), real({shape}),
        [=](const List& x) { return diagonal(x[0], offset, a, b); },
        fmt::format("torch.diagonal(x[0], {}, {}, {})", offset, a, b));
  };
  diagonals({3, 3}, 0, 0, 1);
  diagonals({3, 4}, 1, 0, 1);
  diagonals({4, 2}, -2, 0, 1);
  diagonals({2, 3, 4}, -1, -1, 0);
  diagonals({2, 2}, 2, 0, 1);
  all.push_back(di);

  OpRecord tr{"trace(x)"};
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 4}, Shape{0, 2}})
    tr.sample(
        fmt::format("{}", shape), real({shape}), [](const List& x) { return trace(x[0]); }, "torch.trace(x[0])");
  all.push_back(tr);

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
  for (auto part : {joins, picks, orders, rearranged})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
