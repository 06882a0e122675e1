// Wrong calls of ops and of Tensor's differentiable members.
#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "error_cases.h"

namespace heed::tests {
namespace {

std::vector<ErrorCase> elementwise() {
  return {
      refuses<ShapeError>(
          "add: shapes (2, 3) and (4) do not broadcast; need equal sizes or 1 on every axis, aligned at the right",
          [] {
            add(real({2, 3}), real({4}));
          }),
      refuses<ShapeError>(
          "mul: shapes (2, 3) and (3, 2) do not broadcast; need equal sizes or 1 on every axis, aligned at the right",
          [] {
            real({2, 3}) * real({3, 2});
          }),
      refuses<DTypeError>(
          "sub: dtypes differ: f32 and f64; need equal dtypes: cast one with .to(f64) or the other with .to(f32)",
          [] { real({2}) - ones({2}, f64); }),
      refuses<DTypeError>("add: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { add(flags({2}), flags({2})); }),
      refuses<DTypeError>("sub: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { 1 - flags({2}); }),
      refuses<DTypeError>("sub: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { flags({2}) - 1; }),
      refuses<DTypeError>("mean: input is boolean; need f32 or f64: cast it with .to(f32)", [] { flags({2}).mean(); }),
      refuses<DTypeError>("logical_and: the second input is f32; need boolean: x != 0",
                          [] { logical_and(flags({2}), real({2})); }),
      refuses<DTypeError>("div: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { div(flags({2}), flags({2})); }),
      refuses<ValueError>("remainder: an i64 divisor is 0; need others, or .to(f32) for infinity and NaN",
                          [] {
                            whole({2}) % tensor({3, 0});
                          }),
      refuses<ValueError>("floor_divide: an i64 divisor is 0; need others, or .to(f32) for infinity and NaN",
                          [] { floor_divide(whole({2}), 0); }),
      refuses<ValueError>("pow: i64 to the power -1; need at least 0, or .to(f32) first", [] { pow(whole({2}), -1); }),
      refuses<DTypeError>("pow: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { pow(2.0, flags({2})); }),
      refuses<DTypeError>("maximum: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write "
                          "logical_not, logical_and or logical_or",
                          [] { maximum(flags({2}), 0); }),
      refuses<DTypeError>("round: input is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, "
                          "logical_and or logical_or",
                          [] { round(flags({2})); }),
      refuses<DTypeError>("log1p: input is i64; need f32 or f64: cast it with .to(f32)", [] { log1p(whole({2})); }),
      refuses<DTypeError>("expm1: input is i64; need f32 or f64: cast it with .to(f32)", [] { expm1(whole({2})); }),
      refuses<Error>("isnan: input is undefined; need a tensor made by a factory or an op", [] { isnan(Tensor()); }),
      refuses<DTypeError>("where: the condition is f32; need boolean: x != 0",
                          [] { where(real({2}), real({2}), 0.0); }),
      refuses<Error>("exp: input is undefined; need a tensor made by a factory or an op", [] { exp(Tensor()); }),
      refuses<DTypeError>("tanh: input is i64; need f32 or f64: cast it with .to(f32)", [] { tanh(whole({2})); }),
      refuses<ValueError>("clamp: low nan and high 1; need numbers", [] { clamp(real({2}), NAN, 1); }),
      refuses<DTypeError>("where: the condition is f32; need boolean: x != 0",
                          [] { where(real({2}), real({2}), real({2})); }),
      refuses<DTypeError>("masked_fill: the mask is i64; need boolean: x != 0",
                          [] { masked_fill(real({2}), whole({2}), 0); }),
      refuses<ShapeError>("masked_fill: shapes (3) and (2) do not broadcast; need equal sizes or 1 on every axis, "
                          "aligned at the right",
                          [] { masked_fill(real({3}), flags({2}), 0); }),
      refuses<DTypeError>("eq: dtypes differ: f32 and i64; need equal dtypes: cast the second with .to(f32)",
                          [] { (void)(real({2}) == whole({2})); }),
      refuses<DTypeError>("logical_not: the input is f32; need boolean: x != 0", [] { logical_not(real({2})); }),
  };
}

std::vector<ErrorCase> reductions() {
  return {
      refuses<IndexError>("sum: axis 2 is out of range for rank 2; need -2 <= axis < 2",
                          [] {
                            real({2, 3}).sum(2);
                          }),
      refuses<IndexError>("mean: axis -3 is out of range for rank 2; need -2 <= axis < 2",
                          [] {
                            real({2, 3}).mean(-3);
                          }),
      refuses<ShapeError>("sum: 9 numbers for axes; need at most 8",
                          [] {
                            real({2, 3}).sum({0, 1, 2, 3, 4, 5, 6, 7, 8});
                          }),
      refuses<ShapeError>("amax: 9 numbers for axes; need at most 8",
                          [] {
                            amax(real({2, 3}), std::vector<int64_t>(9));
                          }),
      refuses<ShapeError>("roll: 10 numbers for axes; need at most 8",
                          [] {
                            roll(real({2, 3}), std::vector<int64_t>(10), std::vector<int64_t>(10));
                          }),
      refuses<ShapeError>("Shape: 9 axes; need at most 8",
                          [] {
                            real({2, 3}).permute({0, 1, 2, 3, 4, 5, 6, 7, 8});
                          }),
      refuses<ValueError>("sum: axis -1 is given twice; need distinct axes",
                          [] {
                            real({2, 3}).sum({1, -1});
                          }),
      refuses<ShapeError>(
          "max: shape (0, 3) has no elements to reduce to shape (3); need at least 1 on every reduced axis",
          [] {
            real({0, 3}).max(0);
          }),
      refuses<ShapeError>(
          "argmax: shape (2, 0) has no elements to reduce to shape (); need at least 1 on every reduced axis",
          [] {
            real({2, 0}).argmax();
          }),
      refuses<DTypeError>("mean: input is i64; need f32 or f64: cast it with .to(f32)", [] { whole({2}).mean(); }),
      refuses<IndexError>("logsumexp: axis 1 is out of range for rank 1; need -1 <= axis < 1",
                          [] { logsumexp(real({2}), 1); }),
      refuses<IndexError>("cumsum: axis 1 of a tensor of rank 0, which has no axes; need rank 1 or more",
                          [] { cumsum(real({}), 1); }),
      refuses<ShapeError>(
          "amax: shape (2, 0, 3) has no elements to reduce to shape (3); need at least 1 on every reduced axis",
          [] {
            amax(real({2, 0, 3}), {0, 1});
          }),
      refuses<ShapeError>(
          "norm: shape (2, 0) has no elements to reduce to shape (2); need at least 1 on every reduced axis",
          [] {
            real({2, 0}).norm(INFINITY, 1);
          }),
      refuses<ValueError>("norm: p is nan; need a number", [] { real({2}).norm(NAN); }),
      refuses<DTypeError>("norm: input is i64; need f32 or f64: cast it with .to(f32)", [] { whole({2}).norm(); }),
      refuses<DTypeError>("std: input is i64; need f32 or f64: cast it with .to(f32)", [] { whole({2}).std(); }),
      refuses<IndexError>("prod: axis 1 is out of range for rank 1; need -1 <= axis < 1", [] { real({2}).prod(1); }),
      refuses<IndexError>("any: axis 1 is out of range for rank 1; need -1 <= axis < 1", [] { flags({2}).any(1); }),
      refuses<ValueError>("all: axis 0 is given twice; need distinct axes",
                          [] {
                            flags({2, 2}).all({0, 0});
                          }),
  };
}

std::vector<ErrorCase> named_products() {
  return {
      refuses<ShapeError>("bmm: shapes (2, 3) and (3, 2); need (B, m, k) and (B, k, n)",
                          [] {
                            bmm(real({2, 3}), real({3, 2}));
                          }),
      refuses<ShapeError>("bmm: shapes (2, 1) and (3); need (B, m, k) and (B, k, n)",
                          [] {
                            bmm(real({2, 1}), real({3}));
                          }),
      refuses<ShapeError>("bmm: inner dimensions differ: (2, 3, 4) x (2, 3, 5); need a.shape[-1] == b.shape[-2]",
                          [] {
                            bmm(real({2, 3, 4}), real({2, 3, 5}));
                          }),
      refuses<ShapeError>("outer: shapes (2, 3) and (3); need two vectors",
                          [] {
                            outer(real({2, 3}), real({3}));
                          }),
      refuses<ValueError>("einsum: \"ij,jk\" has 2 terms for 1 operands; need one each",
                          [] {
                            einsum("ij,jk", {real({2, 3})});
                          }),
      refuses<ValueError>("einsum: 'i.j' in \"i.j->i\"; need letters and at most one \"...\"",
                          [] {
                            einsum("i.j->i", {real({2, 3})});
                          }),
      refuses<ShapeError>("einsum: operand 0 has shape (2, 3) for 'ijk'; need 3 axes",
                          [] {
                            einsum("ijk->i", {real({2, 3})});
                          }),
      refuses<ShapeError>("einsum: 'j' of \"ij,jk\" has sizes 3 and 4; need equal sizes",
                          [] {
                            einsum("ij,jk", {real({2, 3}), real({4, 2})});
                          }),
      refuses<ValueError>("einsum: 'k' in the output of \"ij->ik\"; need each letter once, and from an operand",
                          [] {
                            einsum("ij->ik", {real({2, 3})});
                          }),
      refuses<DTypeError>("einsum: input is i64; need f32 or f64: cast it with .to(f32)",
                          [] { einsum("i", {whole({2})}); }),
  };
}

std::vector<ErrorCase> views() {
  return {
      refuses<ShapeError>(
          "reshape: 6 elements of shape (2, 3) do not fit shape (4, 2), which holds 8; need equal counts",
          [] {
            real({2, 3}).reshape({4, 2});
          }),
      refuses<ShapeError>("reshape: 6 elements of shape (2, 3) do not divide into shape (4, -1); need a multiple of 4",
                          [] {
                            real({2, 3}).reshape({4, -1});
                          }),
      refuses<ShapeError>("reshape: size -2 in shape (-2, 3); need sizes of at least 0, and at most one -1",
                          [] {
                            real({2, 3}).reshape({-2, 3});
                          }),
      refuses<ValueError>("flatten: first axis -1 comes after last axis 0 of shape (2, 3); need them in order",
                          [] {
                            real({2, 3}).flatten(-1, 0);
                          }),
      refuses<IndexError>("transpose: axis 2 is out of range for rank 2; need -2 <= axis < 2",
                          [] {
                            real({2, 3}).transpose(0, 2);
                          }),
      refuses<ShapeError>("mT: input has shape (3); need rank 2 or more", [] { real({3}).mT(); }),
      refuses<ShapeError>("permute: 1 axes for shape (2, 3); need 2",
                          [] {
                            real({2, 3}).permute({0});
                          }),
      refuses<ValueError>("permute: axis 0 is given twice; need distinct axes",
                          [] {
                            real({2, 3}).permute({0, 0});
                          }),
      refuses<IndexError>("narrow: start -5 is out of range for axis 0 of shape (2, 3); need -2 <= start <= 2",
                          [] {
                            real({2, 3}).narrow(0, -5, 1);
                          }),
      refuses<IndexError>("narrow: length 2 from start 2 does not fit axis 1 of shape (2, 3); need 0 <= length <= 1",
                          [] {
                            real({2, 3}).narrow(1, 2, 2);
                          }),
      refuses<IndexError>("narrow: length 3 from start -2 does not fit axis 1 of shape (2, 3); need 0 <= length <= 2",
                          [] {
                            real({2, 3}).narrow(1, -2, 3);
                          }),
      refuses<IndexError>("narrow: length -1 from start 0 does not fit axis 1 of shape (2, 3); need 0 <= length <= 3",
                          [] {
                            real({2, 3}).narrow(1, 0, -1);
                          }),
      refuses<IndexError>("select: index 3 is out of range for axis 1 of shape (2, 3); need -3 <= index < 3",
                          [] {
                            real({2, 3}).select(1, 3);
                          }),
      refuses<ShapeError>("expand: cannot expand (2, 3) to (4, 3): axis 0 has size 2; need 1 or 4",
                          [] {
                            real({2, 3}).expand({4, 3});
                          }),
      refuses<ShapeError>("cross_entropy: logits has shape (3); need rank 2 or more",
                          [] { cross_entropy(real({3}), scalar(0, i64), {.reduction = Reduction::batch_mean}); }),
      refuses<ShapeError>("mse_loss: the input of batch_mean has shape (); need rank 1 or more",
                          [] { mse_loss(real({}), real({}), Reduction::batch_mean); }),
      refuses<ShapeError>("expand: cannot expand (3) to (-1, 3): axis 0 is -1; need a size for an axis that is new",
                          [] {
                            real({3}).expand({-1, 3});
                          }),
      refuses<ShapeError>("expand: cannot expand (3) to (-2): axis 0 is -2; need a size, or -1 to keep it",
                          [] { real({3}).expand({-2}); }),
      refuses<ShapeError>("expand: cannot expand (2, 3) to the lower rank of (3); need at least rank 2",
                          [] {
                            real({2, 3}).expand({3});
                          }),
      refuses<IndexError>("unsqueeze: axis 4 is out of range for rank 3; need -3 <= axis < 3",
                          [] {
                            real({2, 3}).unsqueeze(4);
                          }),
      refuses<ShapeError>(
          "unsqueeze: shape (1, 1, 1, 1, 1, 1, 1, 1) has no room for one more axis; need rank 7 or less",
          [] {
            real({1, 1, 1, 1, 1, 1, 1, 1}).unsqueeze(0);
          }),
      refuses<IndexError>("select: index 2 is out of range for axis 0 of shape (2, 3); need -2 <= index < 2",
                          [] {
                            real({2, 3})[2];
                          }),
      refuses<ShapeError>(
          "sum_to: (2, 3) was not broadcast from (2); need sizes that are equal or 1, aligned at the right",
          [] {
            sum_to(real({2, 3}), {2});
          }),
  };
}

std::vector<ErrorCase> subscripts() {
  return {
      refuses<IndexError>("index: index 3 is out of range for axis 1 of shape (2, 3); need -3 <= index < 3",
                          [] {
                            real({2, 3})(all, 3);
                          }),
      refuses<IndexError>("index: index -4 is out of range for axis 1 of shape (2, 3); need -3 <= index < 3",
                          [] {
                            real({2, 3})(all, tensor({0, -4}));
                          }),
      refuses<IndexError>("index: index 3 is out of range for axis 1 of shape (2, 3); need -3 <= index < 3",
                          [] {
                            real({2, 3})(0, tensor({0, 3}));
                          }),
      refuses<IndexError>("index: subscripts for 3 axes of shape (2, 3); need at most 2",
                          [] {
                            real({2, 3})(all, none, 0, 0);
                          }),
      refuses<ShapeError>("index: a part of shape (1, 1, 1, 1, 1, 1, 1, 1) with 9 axes; need at most 8",
                          [] {
                            real({1, 1, 1, 1, 1, 1, 1, 1})(none);
                          }),
      refuses<ValueError>("index: ellipsis stands 2 times; need at most once",
                          [] {
                            real({2, 3})(ellipsis, 0, ellipsis);
                          }),
      refuses<ValueError>("index: a slice with step -1; need at least 1, and flip(x, 1) to reverse",
                          [] {
                            real({2, 3})(all, slice(none, none, -1));
                          }),
      refuses<ShapeError>("index: a boolean index of shape (2) for shape (2, 3) from axis 1 on; need (3)",
                          [] {
                            real({2, 3})(all, flags({2}));
                          }),
      refuses<DTypeError>("index: an index tensor is f32 (2); need i64, or boolean of rank 1 or more",
                          [] {
                            real({2, 3})(real({2}));
                          }),
      refuses<ShapeError>("index: the indices (2) and (3) do not broadcast; need equal sizes or 1 on every axis, "
                          "aligned at the right",
                          [] {
                            real({2, 3})(whole({2}), whole({3}));
                          }),
  };
}

std::vector<ErrorCase> joins_and_picks() {
  return {
      refuses<ValueError>("cat: no tensors to join; need at least one", [] { cat({}, 0); }),
      refuses<ShapeError>("cat: shapes (2, 3) and (2, 4) do not join along axis 0; need equal sizes elsewhere",
                          [] {
                            cat({real({2, 3}), real({2, 4})}, 0);
                          }),
      refuses<DTypeError>("cat: dtypes differ: f32 and i64; need equal dtypes: cast the second with .to(f32)",
                          [] {
                            cat({real({2}), whole({2})}, 0);
                          }),
      refuses<ShapeError>("cat: input has shape (); need rank 1 or more",
                          [] {
                            cat({real({}), real({})}, 0);
                          }),
      refuses<ValueError>("stack: no tensors to join; need at least one", [] { stack({}, 0); }),
      refuses<ShapeError>("stack: shapes (2) and (3) differ; need equal shapes",
                          [] {
                            stack({real({2}), real({3})}, 0);
                          }),
      refuses<ValueError>("split: size 0; need at least 1", [] { split(real({4}), int64_t{0}, 0); }),
      refuses<ShapeError>("split: sizes add up to 3 but axis 0 of shape (4) has 4; need equal totals",
                          [] {
                            split(real({4}), std::vector<int64_t>{1, 2}, 0);
                          }),
      refuses<ValueError>("split: size -1 is negative; need sizes of at least 0",
                          [] {
                            split(real({4}), std::vector<int64_t>{5, -1}, 0);
                          }),
      refuses<IndexError>("gather: index 3 is out of range for axis 0 of shape (3); need -3 <= index < 3",
                          [] {
                            gather(real({3}), 0, tensor({0, 3}));
                          }),
      refuses<ShapeError>(
          "gather: the index (2, 3) does not fit (2, 2) along axis 0; need equal ranks, and no other size larger",
          [] {
            gather(real({2, 2}), 0, whole({2, 3}));
          }),
      refuses<DTypeError>("gather: the index is f32; need i64: cast it with .to(i64)",
                          [] { gather(real({3}), 0, real({3})); }),
      refuses<IndexError>("index_select: index -4 is out of range for axis 0 of shape (3); need -3 <= index < 3",
                          [] { index_select(real({3}), 0, tensor({-4})); }),
      refuses<ShapeError>("index_select: the index has shape (1, 1); need rank 1",
                          [] {
                            index_select(real({3}), 0, whole({1, 1}));
                          }),
      refuses<ShapeError>(
          "index_add: the index (2) and source (3) do not fit axis 0 of (5); need an index (n) and a source (2)",
          [] { index_add(real({5}), 0, whole({2}), real({3})); }),
      refuses<ShapeError>("scatter_add: src (1) is smaller than the index (2); need at least its size on every axis",
                          [] { scatter_add(real({3}), 0, whole({2}), real({1})); }),
      refuses<IndexError>("gather: index 3 is out of range for axis 0 of shape (); need -1 <= index < 1",
                          [] { gather(real({}), 0, tensor({3})); }),
      refuses<IndexError>("index_select: index 3 is out of range for axis 0 of shape (); need -1 <= index < 1",
                          [] { index_select(real({}), 0, tensor({3})); }),
      refuses<IndexError>("index_add: index 3 is out of range for axis 0 of shape (); need -1 <= index < 1",
                          [] { index_add(real({}), 0, tensor({3}), real({})); }),
      refuses<IndexError>("scatter: index 3 is out of range for axis 0 of shape (); need -1 <= index < 1",
                          [] { scatter(real({}), 0, tensor({3}), real({1})); }),
      refuses<IndexError>("scatter_add: index 3 is out of range for axis 0 of shape (); need -1 <= index < 1",
                          [] { scatter_add(real({}), 0, tensor({3}), real({1})); }),
      refuses<IndexError>("scatter: index -4 is out of range for axis 0 of shape (3); need -3 <= index < 3",
                          [] { scatter(real({3}), 0, tensor({-4}), real({1})); }),
      refuses<DTypeError>("scatter: dtypes differ: f32 and i64; need equal dtypes: cast the second with .to(f32)",
                          [] { scatter(real({3}), 0, whole({1}), whole({1})); }),
      refuses<IndexError>("one_hot: index 3 is out of range; need 0 <= index < 3", [] { one_hot(tensor({3}), 3); }),
      refuses<ValueError>("one_hot: the index (0) has no largest element; need classes", [] { one_hot(whole({0})); }),
      refuses<ValueError>("roll: 2 shifts for 1 axes; need one each",
                          [] {
                            roll(real({3}), {1, 2}, 0);
                          }),
      refuses<ValueError>("topk: k 2 of axis 0 of (); need 0 <= k <= 1", [] { topk(real({}), 2); }),
      refuses<ValueError>("chunk: 0 chunks; need at least 1", [] { chunk(real({3}), 0); }),
      refuses<ShapeError>("repeat: repeats (2) for shape (2, 3); need at least 2 numbers",
                          [] {
                            repeat(real({2, 3}), {2});
                          }),
      refuses<ValueError>("repeat: -1 repeats in (2, -1); need at least 0",
                          [] {
                            repeat(real({2, 3}), {2, -1});
                          }),
      refuses<ValueError>("pad: 3 pads for shape (2, 3); need two an axis, for at most 2 axes",
                          [] {
                            pad(real({2, 3}), {1, 1, 1});
                          }),
      refuses<ValueError>("pad: pads -3 and 1 take more than axis 0 of shape (2) has; need at least -2 together",
                          [] {
                            pad(real({2}), {-3, 1});
                          }),
      refuses<ValueError>("topk: k 4 of axis 1 of (2, 3); need 0 <= k <= 3",
                          [] {
                            topk(real({2, 3}), 4);
                          }),
      refuses<IndexError>("sort: axis 1 is out of range for rank 1; need -1 <= axis < 1", [] { sort(real({3}), 1); }),
      refuses<ValueError>("diagonal: axis -2 is given twice; need distinct axes",
                          [] {
                            diagonal(real({2, 3}), 0, 0, -2);
                          }),
      refuses<ShapeError>("trace: input has shape (3); need rank 2", [] { trace(real({3})); }),
      refuses<ShapeError>("tril: input has shape (3); need rank 2 or more", [] { tril(real({3})); }),
      refuses<IndexError>("flip: axis 1 is out of range for rank 1; need -1 <= axis < 1", [] { flip(real({3}), 1); }),
  };
}

std::vector<ErrorCase> products_and_losses() {
  return {
      refuses<ShapeError>("matmul: inner dimensions differ: (2, 3) x (4, 5); need a.shape[-1] == b.shape[-2]",
                          [] {
                            matmul(real({2, 3}), real({4, 5}));
                          }),
      refuses<ShapeError>("matmul: the first input has shape (); need rank 1 or more",
                          [] { matmul(real({}), real({2})); }),
      refuses<ShapeError>("matmul: leading axes (2) and (3) do not broadcast; need equal sizes or 1 on every axis, "
                          "aligned at the right",
                          [] {
                            matmul(real({2, 4, 5}), real({3, 5, 4}));
                          }),
      refuses<ShapeError>("linear: the weight (4, 5) does not fit the input (2, 3); need (out, 3)",
                          [] {
                            linear(real({2, 3}), real({4, 5}));
                          }),
      refuses<ShapeError>("linear: the bias has shape (3); need (4)",
                          [] {
                            linear(real({2, 3}), real({4, 3}), real({3}));
                          }),
      refuses<IndexError>("softmax: axis 1 is out of range for rank 1; need -1 <= axis < 1",
                          [] { softmax(real({3}), 1); }),
      refuses<ShapeError>("cross_entropy: targets have shape (3) and logits (2, 3); need targets of shape (2): classes "
                          "lie along the last axis",
                          [] {
                            cross_entropy(real({2, 3}), whole({3}));
                          }),
      refuses<IndexError>("cross_entropy: target 3 at 1 is out of range; need 0 <= target < 3, or -1 to skip",
                          [] {
                            cross_entropy(real({2, 3}), tensor({0, 3}));
                          }),
      refuses<ValueError>("cross_entropy: label_smoothing 1; need 0 <= label_smoothing < 1",
                          [] {
                            cross_entropy(real({1, 3}), whole({1}), {.label_smoothing = 1});
                          }),
      refuses<ShapeError>("nll_loss: targets have shape (3) and log_probabilities (2, 3); need targets of shape (2): "
                          "classes lie along the last axis",
                          [] {
                            nll_loss(real({2, 3}), whole({3}));
                          }),
      refuses<IndexError>("nll_loss: target 7 is out of range; need 0 <= target < 3, or -1 to skip",
                          [] {
                            nll_loss(real({1, 3}), tensor({7}));
                          }),
      refuses<ShapeError>("mse_loss: shapes (2) and (3) differ; need equal shapes",
                          [] { mse_loss(real({2}), real({3})); }),
      refuses<ShapeError>("binary_cross_entropy_with_logits: shapes (2) and (2, 1) differ; need equal shapes",
                          [] {
                            binary_cross_entropy_with_logits(real({2}), real({2, 1}));
                          }),
  };
}

}  // namespace

std::vector<ErrorCase> op_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {elementwise, reductions, named_products, views, subscripts, joins_and_picks, products_and_losses})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

}  // namespace heed::tests
