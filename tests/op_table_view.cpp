// Views, copies and casts: members of Tensor.
#include "op_table.h"

namespace heed::tests {
namespace {

Inputs real(const Shape& shape) {
  return [=](Draw& d) { return List{d.real(shape)}; };
}

std::vector<OpRecord> copies() {
  std::vector<OpRecord> all;
  OpRecord to{"Tensor::to(dtype)"};
  to.sample(
      "to itself", real({2, 3}), [](const List& x) { return x[0].to(x[0].dtype()); }, "x[0].to(x[0].dtype)");
  to.sample(
      "f64 through a product", real({2, 3}), [](const List& x) { return x[0].to(f64) * x[0].to(f64); },
      "x[0].double() * x[0].double()");
  to.sample(
      "integers to numbers",
      [](Draw& d) {
        return List{d.integers(-5, 5, {3}), d.real({3})};
      },
      [](const List& x) { return x[0].to(x[1].dtype()) * x[1]; }, "x[0].to(x[1].dtype) * x[1]");
  to.sample(
      "empty", real({0}), [](const List& x) { return x[0].to(f64); }, "x[0].double()");
  all.push_back(to);

  OpRecord contiguous{"Tensor::contiguous()"};
  OpRecord clone{"Tensor::clone()"};
  for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}, Shape{1}}) {
    contiguous.sample(
        fmt::format("{}", shape), real(shape), [](const List& x) { return x[0].contiguous(); }, "x[0].contiguous()");
    clone.sample(
        fmt::format("{}", shape), real(shape), [](const List& x) { return x[0].clone(); }, "x[0].clone()");
  }
  contiguous.sample(
      "of a transpose", real({2, 3}), [](const List& x) { return x[0].mT().contiguous(); }, "x[0].mT.contiguous()");
  clone.sample(
      "of a transpose", real({2, 3}), [](const List& x) { return x[0].mT().clone(); }, "x[0].mT.clone()");
  all.push_back(contiguous);
  all.push_back(clone);
  return all;
}

std::vector<OpRecord> shapes() {
  std::vector<OpRecord> all;
  OpRecord reshape{"Tensor::reshape(shape)"};
  const auto add = [&](const Shape& from, const Shape& to, const std::string& torch_shape) {
    reshape.sample(
        fmt::format("{} to {}", from, to), real(from), [=](const List& x) { return x[0].reshape(to); },
        fmt::format("x[0].reshape({})", torch_shape));
  };
  add({2, 6}, {3, 4}, "3, 4");
  add({2, 3, 4}, {-1, 4}, "-1, 4");
  add({2, 3}, {6}, "6");
  add({1, 1}, {}, "()");
  add({}, {1, 1, 1}, "1, 1, 1");
  add({0, 3}, {3, 0}, "3, 0");
  reshape.sample(
      "a transpose, which needs a copy", real({2, 3}), [](const List& x) { return x[0].mT().reshape({-1}); },
      "x[0].mT.reshape(-1)");
  all.push_back(reshape);

  OpRecord flatten{"Tensor::flatten(first, last)"};
  flatten.sample(
      "all", real({2, 3, 2}), [](const List& x) { return x[0].flatten(); }, "x[0].flatten()");
  flatten.sample(
      "the first two", real({2, 3, 2}), [](const List& x) { return x[0].flatten(0, 1); }, "x[0].flatten(0, 1)");
  flatten.sample(
      "the last two", real({2, 3, 2}), [](const List& x) { return x[0].flatten(-2); }, "x[0].flatten(-2)");
  flatten.sample(
      "empty", real({2, 0, 2}), [](const List& x) { return x[0].flatten(1); }, "x[0].flatten(1)");
  all.push_back(flatten);

  OpRecord transpose{"Tensor::transpose(a, b)"};
  transpose.sample(
      "(2, 3), 0 and 1", real({2, 3}), [](const List& x) { return x[0].transpose(0, 1); }, "x[0].transpose(0, 1)");
  transpose.sample(
      "(2, 3, 4), 0 and -1", real({2, 3, 4}), [](const List& x) { return x[0].transpose(0, -1); },
      "x[0].transpose(0, -1)");
  transpose.sample(
      "an axis with itself", real({2, 3}), [](const List& x) { return x[0].transpose(1, 1); }, "x[0].transpose(1, 1)");
  transpose.sample(
      "empty", real({0, 3}), [](const List& x) { return x[0].transpose(0, 1); }, "x[0].transpose(0, 1)");
  transpose.sample(
      "a scalar", real({}), [](const List& x) { return x[0].transpose(0, -1) * 2; }, "x[0].transpose(0, -1) * 2");
  all.push_back(transpose);

  OpRecord mt{"Tensor::mT()"};
  mt.sample(
      "(2, 3)", real({2, 3}), [](const List& x) { return x[0].mT(); }, "x[0].mT");
  mt.sample(
      "(2, 3, 4)", real({2, 3, 4}), [](const List& x) { return x[0].mT(); }, "x[0].mT");
  mt.sample(
      "(1, 1)", real({1, 1}), [](const List& x) { return x[0].mT(); }, "x[0].mT");
  all.push_back(mt);

  OpRecord permute{"Tensor::permute(axes)"};
  permute.sample(
      "(2, 3, 4) by (2, 0, 1)", real({2, 3, 4}),
      [](const List& x) {
        return x[0].permute({2, 0, 1});
      },
      "x[0].permute(2, 0, 1)");
  permute.sample(
      "(2, 3, 4) by (1, -1, 0)", real({2, 3, 4}),
      [](const List& x) {
        return x[0].permute({1, -1, 0});
      },
      "x[0].permute(1, -1, 0)");
  permute.sample(
      "(3)", real({3}), [](const List& x) { return x[0].permute({0}); }, "x[0].permute(0)");
  permute.sample(
      "empty", real({2, 0, 3}),
      [](const List& x) {
        return x[0].permute({2, 1, 0});
      },
      "x[0].permute(2, 1, 0)");
  all.push_back(permute);
  return all;
}

std::vector<OpRecord> parts() {
  std::vector<OpRecord> all_records;
  OpRecord narrow{"Tensor::narrow(axis, start, length)"};
  narrow.sample(
      "columns", real({3, 4}), [](const List& x) { return x[0].narrow(1, 1, 2); }, "x[0].narrow(1, 1, 2)");
  narrow.sample(
      "the last row", real({3, 4}), [](const List& x) { return x[0].narrow(-2, 2, 1); }, "x[0].narrow(-2, 2, 1)");
  narrow.sample(
      "from the end", real({3, 4}), [](const List& x) { return x[0].narrow(1, -3, 2); }, "x[0].narrow(1, -3, 2)");
  narrow.sample(
      "all", real({3, 4}), [](const List& x) { return x[0].narrow(0, 0, 3); }, "x[0].narrow(0, 0, 3)");
  narrow.sample(
      "none", real({3, 4}), [](const List& x) { return x[0].narrow(0, 3, 0); }, "x[0].narrow(0, 3, 0)");
  narrow.sample(
      "overlapping parts", real({5}), [](const List& x) { return x[0].narrow(0, 0, 3) * x[0].narrow(0, 2, 3); },
      "x[0].narrow(0, 0, 3) * x[0].narrow(0, 2, 3)");
  all_records.push_back(narrow);

  OpRecord select{"Tensor::select(axis, index)"};
  select.sample(
      "a column", real({3, 4}), [](const List& x) { return x[0].select(1, 2); }, "x[0].select(1, 2)");
  select.sample(
      "the last of the middle", real({2, 3, 2}), [](const List& x) { return x[0].select(-2, -1); },
      "x[0].select(-2, -1)");
  select.sample(
      "of a vector", real({3}), [](const List& x) { return x[0].select(0, 0); }, "x[0].select(0, 0)");
  select.sample(
      "empty", real({3, 0}), [](const List& x) { return x[0].select(0, 1); }, "x[0].select(0, 1)");
  all_records.push_back(select);

  OpRecord index{"Tensor::operator[](index)"};
  index.sample(
      "a row", real({3, 4}), [](const List& x) { return x[0][1]; }, "x[0][1]");
  index.sample(
      "the last", real({3, 4}), [](const List& x) { return x[0][-1]; }, "x[0][-1]");
  index.sample(
      "twice", real({3, 4}), [](const List& x) { return x[0][0][3] * x[0][1]; }, "x[0][0][3] * x[0][1]");
  all_records.push_back(index);

  OpRecord subscripts{"Tensor::index(subscripts)"};
  const auto part = [&](const char* torch, const Shape& shape, std::vector<Subscript> list) {
    subscripts.sample(
        fmt::format("{} of {}", torch, shape), real(shape), [=](const List& x) { return x[0].index(list); },
        fmt::format("x[0][{}]", torch));
  };
  part(":, 0:-1", {3, 4}, {all, slice(0, -1)});
  part("1", {3, 4}, {1});
  part("-1, 2", {3, 4}, {-1, 2});
  part("..., 1::2", {2, 3, 5}, {ellipsis, slice(1, none, 2)});
  part("-9:9, None, :2", {3, 4}, {slice(-9, 9), none, slice(2)});
  part("2:1, 0", {3, 4}, {slice(2, 1), 0});
  part("7:", {3, 4}, {slice(7, none)});
  part("None, ..., None", {3}, {none, ellipsis, none});
  part("...", {}, {ellipsis});
  part(":, 0:5:3", {0, 4}, {all, slice(0, 5, 3)});
  const Tensor rows = tensor({2, 0, -1}), two = tensor({{1}, {-2}});
  part("torch.tensor([2, 0, -1])", {3, 4}, {rows});
  part(":, torch.tensor([2, 0, -1])", {3, 4}, {all, rows});
  part("torch.tensor([[1], [-2]]), torch.tensor([2, 0, -1])", {3, 4}, {two, rows});
  part(":, torch.tensor([[1], [-2]]), torch.tensor([2, 0, -1]), 1:", {2, 3, 4, 3}, {all, two, rows, slice(1, none)});
  part("torch.tensor([[1], [-2]]), :, torch.tensor([2, 0, -1])", {3, 2, 4}, {two, all, rows});
  part(":, torch.tensor([[1], [-2]]), None, torch.tensor([2, 0, -1])", {2, 3, 4}, {all, two, none, rows});
  part("1, :, torch.tensor([2, 0, -1])", {2, 3, 4}, {1, all, rows});
  part("torch.tensor(1), 1:", {2, 3}, {tensor(1), slice(1, none)});
  part("torch.zeros(0, dtype=torch.long)", {2, 3}, {zeros({0}, i64)});
  part("torch.tensor([True, False, True])", {3, 2}, {tensor({true, false, true})});
  part("1:, torch.tensor([[True, False], [False, True], [True, True]])", {2, 3, 2},
       {slice(1, none), tensor({{true, false}, {false, true}, {true, true}})});
  part("torch.tensor([True, False, True]), torch.tensor([1, 0])", {3, 2},
       {tensor({true, false, true}), tensor({1, 0})});
  part("torch.tensor([False, False])", {2, 3}, {tensor({false, false})});
  all_records.push_back(subscripts);

  OpRecord call{"Tensor::operator()(first, rest)"};
  call.sample(
      "a slice and an integer", real({3, 4}), [](const List& x) { return x[0](slice(1, none), -1); }, "x[0][1:, -1]");
  call.sample(
      "overlapping parts", real({3, 4}),
      [](const List& x) { return x[0](all, slice(0, -1)) * x[0](all, slice(1, none)); }, "x[0][:, :-1] * x[0][:, 1:]");
  call.sample(
      "a tensor", real({3, 4}),
      [](const List& x) {
        return x[0](tensor({0, 0, 2}), tensor({1, 1, -1}));
      },
      "x[0][torch.tensor([0, 0, 2]), torch.tensor([1, 1, -1])]");
  all_records.push_back(call);

  OpRecord expand{"Tensor::expand(shape)"};
  expand.sample(
      "a row", real({1, 3}),
      [](const List& x) {
        return x[0].expand({2, 3});
      },
      "x[0].expand(2, 3)");
  expand.sample(
      "new axes", real({3}),
      [](const List& x) {
        return x[0].expand({2, 2, 3});
      },
      "x[0].expand(2, 2, 3)");
  expand.sample(
      "-1 keeps a size", real({2, 1}),
      [](const List& x) {
        return x[0].expand({-1, 4});
      },
      "x[0].expand(-1, 4)");
  expand.sample(
      "a scalar", real({}), [](const List& x) { return x[0].expand({2}); }, "x[0].expand(2)");
  expand.sample(
      "to nothing", real({1, 2}),
      [](const List& x) {
        return x[0].expand({0, 2});
      },
      "x[0].expand(0, 2)");
  all_records.push_back(expand);

  OpRecord squeeze_axis{"Tensor::squeeze(axis)"};
  squeeze_axis.sample(
      "the middle", real({2, 1, 3}), [](const List& x) { return x[0].squeeze(1); }, "x[0].squeeze(1)");
  squeeze_axis.sample(
      "the last", real({3, 1}), [](const List& x) { return x[0].squeeze(-1); }, "x[0].squeeze(-1)");
  squeeze_axis.sample(
      "empty", real({1, 0}), [](const List& x) { return x[0].squeeze(0); }, "x[0].squeeze(0)");
  squeeze_axis.sample(
      "a larger one", real({2, 3}), [](const List& x) { return x[0].squeeze(1) * 2; }, "x[0].squeeze(1) * 2");
  squeeze_axis.sample(
      "a scalar", real({}), [](const List& x) { return x[0].squeeze(-1) * 2; }, "x[0].squeeze(-1) * 2");
  all_records.push_back(squeeze_axis);

  OpRecord squeeze{"Tensor::squeeze()"};
  squeeze.sample(
      "two axes", real({1, 3, 1, 2}), [](const List& x) { return x[0].squeeze(); }, "x[0].squeeze()");
  squeeze.sample(
      "none", real({3, 2}), [](const List& x) { return x[0].squeeze(); }, "x[0].squeeze()");
  squeeze.sample(
      "all", real({1, 1}), [](const List& x) { return x[0].squeeze(); }, "x[0].squeeze()");
  all_records.push_back(squeeze);

  OpRecord unsqueeze{"Tensor::unsqueeze(axis)"};
  unsqueeze.sample(
      "in front", real({2, 3}), [](const List& x) { return x[0].unsqueeze(0); }, "x[0].unsqueeze(0)");
  unsqueeze.sample(
      "behind", real({2, 3}), [](const List& x) { return x[0].unsqueeze(-1); }, "x[0].unsqueeze(-1)");
  unsqueeze.sample(
      "a scalar", real({}), [](const List& x) { return x[0].unsqueeze(0); }, "x[0].unsqueeze(0)");
  unsqueeze.sample(
      "empty", real({0}), [](const List& x) { return x[0].unsqueeze(1); }, "x[0].unsqueeze(1)");
  all_records.push_back(unsqueeze);
  return all_records;
}

}  // namespace

std::vector<OpRecord> view_records() {
  std::vector<OpRecord> all;
  for (auto part : {copies, shapes, parts})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests
