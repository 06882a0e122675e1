// x(...) and the diagonal: parts that are views, and parts by index tensors.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

/// A part of any tensor of one shape, as a view without history.
using Part = std::function<Tensor(const Tensor&)>;

Tensor take(const Op& op, const Tensor& x, const Part& part);

/// g where `part` lies in zeros of `shape`: take's gradient, as take is its own.
Tensor place(const Tensor& g, const Part& part, const Shape& shape) {
  Tensor y = zeros(shape, g.dtype());
  kernels::copy_into(g, part(y));
  return record({"place"}, y, {{g, [part](const Tensor& gg) { return take({"index"}, gg, part); }}});
}

Tensor take(const Op& op, const Tensor& x, const Part& part) {
  return record(op, part(x), {{x, [part, shape = x.shape()](const Tensor& g) { return place(g, part, shape); }}});
}

/// What one subscript keeps of one axis of x: `length` elements, or a single one and no axis; `none` makes a new axis.
struct Kept {
  int axis;  // -1: new
  int64_t start = 0, step = 1, length = 1;
  bool stays = true;
};

Tensor view_of(const Tensor& x, const std::vector<Kept>& kept) {
  Shape shape;
  Strides strides;
  int64_t offset = x.offset();
  for (const Kept& k : kept) {
    const int64_t stride = k.axis < 0 ? 0 : x.strides()[k.axis];
    if (k.length > 0) offset += k.start * stride;
    if (!k.stays) continue;
    shape.push_back(k.length);
    strides.push_back(stride * k.step);
  }
  return Tensor(x.storage(), shape, strides, offset, x.dtype());
}

Kept kept_of(const Op& op, const Slice& s, int axis, int64_t n) {
  if (s.step < 1)
    fail<ValueError>(op, "a slice with step {}; need at least 1, and flip(x, {}) to reverse", s.step, axis);
  const auto inside = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const int64_t start = inside(s.start.value_or(0)), stop = inside(s.stop.value_or(n));
  const int64_t length = stop > start ? (stop - start - 1) / s.step + 1 : 0;
  return {axis, start, length > 1 ? s.step : 1, length};
}

Kept kept_of(const Op& op, int64_t i, int axis, const Shape& shape) {
  const int64_t n = shape[axis];
  if (i < -n || i >= n)
    fail<IndexError>(op, "index {} is out of range for axis {} of shape {}; need {} <= index < {}", i, axis, shape, -n,
                     n);
  return {axis, i < 0 ? i + n : i, 1, 1, false};
}

/// Elements of the axes that lie from `axis` on, as if those were merged into one.
struct Pick {
  int axis, axes;
  Tensor index;
};

/// x by index tensors: the axes that they index, which come to the front unless they are neighbours, merged into one;
/// rows of that selected.
Tensor pick(const Op& op, const Tensor& x0, const std::vector<Pick>& picks) {
  Shape together, order;
  for (const Pick& p : picks) {
    together = broadcast_shapes(op, together, p.index.shape(), "the indices");
    for (int i = 0; i < p.axes; ++i) order.push_back(p.axis + i);
  }
  const int first = order[0], count = order.rank();
  const bool neighbours = order.back() - first + 1 == count;
  for (int i = 0; i < x0.rank(); ++i)
    if (std::find(order.begin(), order.end(), i) == order.end()) order.push_back(i);
  const Tensor x = neighbours ? x0 : x0.permute(order);
  const int at = neighbours ? first : 0;
  Tensor flat;
  int64_t rows = 1;
  for (const Pick& p : picks) {
    int64_t n = 1;
    for (int i = 0; i < p.axes; ++i) n *= x0.shape()[p.axis + i];
    flat = flat.defined() ? flat * n + p.index : p.index;
    rows *= n;
  }
  Shape merged = leading(x.shape(), x.rank() - at), result = merged;
  merged.push_back(rows);
  for (const int64_t n : together) result.push_back(n);
  for (int i = at + count; i < x.rank(); ++i) merged.push_back(x.shape()[i]), result.push_back(x.shape()[i]);
  return index_select(x.reshape(merged), at, flat.reshape({flat.numel()})).reshape(result);
}

/// The axes that a subscript covers.
int axes_of(const Subscript& s) {
  if (const Tensor* t = std::get_if<Tensor>(&s.what)) return t->dtype() == boolean ? t->rank() : 1;
  return std::holds_alternative<None>(s.what) || std::holds_alternative<Ellipsis>(s.what) ? 0 : 1;
}

}  // namespace

Tensor Tensor::index(const std::vector<Subscript>& given, Loc loc) const {
  const OpOf op{"index", *this, loc};
  std::vector<Subscript> subscripts = given;
  for (Subscript& s : subscripts)
    if (const Tensor* t = std::get_if<Tensor>(&s.what); t && t->defined() && t->dtype() == i64 && t->rank() == 0)
      s.what = t->item<int64_t>();
  int covered = 0, ellipses = 0, axes = rank();
  for (const Subscript& s : subscripts) {
    if (const Tensor* t = std::get_if<Tensor>(&s.what)) {
      check_defined(op, *t, "an index");
      if (t->dtype() != i64 && (t->dtype() != boolean || t->rank() == 0))
        fail<DTypeError>(op, "an index tensor is {} {}; need i64, or boolean of rank 1 or more", name_of(t->dtype()),
                         t->shape());
    }
    covered += axes_of(s);
    ellipses += std::holds_alternative<Ellipsis>(s.what);
    axes += std::holds_alternative<None>(s.what) - std::holds_alternative<int64_t>(s.what);
  }
  if (covered > rank())
    fail<IndexError>(op, "subscripts for {} axes of shape {}; need at most {}", covered, shape_, rank());
  if (axes > kMaxRank) fail<ShapeError>(op, "a part of shape {} with {} axes; need at most {}", shape_, axes, kMaxRank);
  if (ellipses > 1) fail<ValueError>(op, "ellipsis stands {} times; need at most once", ellipses);

  std::vector<Kept> kept;
  std::vector<Pick> picks;
  int axis = 0, place = 0;  // of this tensor, and of the view that is left for the index tensors
  const auto keep = [&](Kept k) {
    place += k.stays;
    axis += k.axis >= 0;
    kept.push_back(k);
  };
  const auto keep_all = [&](int count) {
    for (int i = 0; i < count; ++i) keep({axis, 0, 1, shape_[axis]});
  };
  for (const Subscript& s : subscripts) {
    if (const auto* i = std::get_if<int64_t>(&s.what)) keep(kept_of(op, *i, axis, shape_));
    else if (const auto* part = std::get_if<Slice>(&s.what)) keep(kept_of(op, *part, axis, shape_[axis]));
    else if (std::holds_alternative<None>(s.what)) keep({-1});
    else if (std::holds_alternative<All>(s.what)) keep_all(1);
    else if (std::holds_alternative<Ellipsis>(s.what)) keep_all(rank() - covered);
    else {
      const Tensor& t = std::get<Tensor>(s.what);
      if (t.dtype() == i64) picks.push_back({place, 1, checked_index(op, t, axis, shape_)});
      else {
        const Shape here(std::span(shape_.begin() + axis, static_cast<size_t>(t.rank())));
        if (!(t.shape() == here))
          fail<ShapeError>(op, "a boolean index of shape {} for shape {} from axis {} on; need {}", t.shape(), shape_,
                           axis, here);
        picks.push_back({place, t.rank(), kernels::true_places(t)});
      }
      keep_all(axes_of(s));
    }
  }
  keep_all(rank() - axis);
  const Tensor y = take(op, *this, [kept](const Tensor& x) { return view_of(x, kept); });
  return picks.empty() ? y : pick(op, y, picks);
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t axis1, int64_t axis2, Loc loc) {
  const Op op{"diagonal", loc};
  check_rank_at_least(op, x, 2);
  const int a = normalize_axis(op, axis1, x.rank()), b = normalize_axis(op, axis2, x.rank());
  if (a == b) fail<ValueError>(op, "axis {} is given twice; need distinct axes", axis2);
  return take(op, x, [=](const Tensor& t) {
    const int64_t down = -std::clamp<int64_t>(offset, -t.shape()[a], 0), right = std::max<int64_t>(0, offset);
    const int64_t n = std::max<int64_t>(0, std::min(t.shape()[a] - down, t.shape()[b] - right));
    Shape shape = t.shape();
    Strides strides = t.strides();
    for (const int axis : {std::max(a, b), std::min(a, b)}) shape.erase(axis), strides.erase(axis);
    shape.push_back(n);
    strides.push_back(t.strides()[a] + t.strides()[b]);
    const int64_t start = n == 0 ? 0 : down * t.strides()[a] + right * t.strides()[b];
    return Tensor(t.storage(), shape, strides, t.offset() + start, t.dtype());
  });
}

Tensor trace(const Tensor& x, Loc loc) {
  const OpOf op{"trace", x, loc};
  if (x.rank() != 2) fail<ShapeError>(op, "input has shape {}; need rank 2", x.shape());
  return diagonal(x).sum();
}

}  // namespace heed
