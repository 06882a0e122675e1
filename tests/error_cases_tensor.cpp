// Wrong factories, shapes, elements and draws; and gradients that cannot be had.
#include <cmath>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/check/graph.h>
#include <heed/autograd/checkpoint.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/simd.h>
#include <heed/tensor/kernels/views.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/precision.h>
#include <heed/tensor/random.h>
#include <heed/tensor/weights.h>
#include "error_cases.h"

namespace heed::tests {
namespace {

void written(const Tensor& to, const Tensor& x, Loc loc = Loc::current()) { to.assign(x, loc); }

std::vector<ErrorCase> factories_and_elements() {
  return {
      refuses<ShapeError>("zeros: size -1 in shape (2, -1) is negative; need sizes of at least 0",
                          [] {
                            zeros({2, -1});
                          }),
      refuses<ShapeError>(
          "empty: shape (4611686018427387904, 4) has more elements than memory can address; need a smaller shape",
          [] {
            empty({int64_t{1} << 62, 4});
          }),
      refuses<ShapeError>("Shape: 9 axes; need at most 8",
                          [] {
                            zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
                          }),
      refuses<ShapeError>("Shape: one axis more than the 8 of (1, 1, 1, 1, 1, 1, 1, 1); need at most 8",
                          [] { tensor({{{{{{{{{1.}}}}}}}}}); }),
      refuses<Error>("empty: the system refused 2305843009213693952 bytes; * bytes are in use by tensors, "
                     "need fewer or "
                     "smaller ones",
                     [] { empty({int64_t{1} << 58}, f64); }),
      refuses<DTypeError>("linspace: dtype is i64; need f32 or f64", [] { linspace(0, 1, 3, i64); }),
      refuses<ValueError>("linspace: -1 steps; need at least 0", [] { linspace(0, 1, -1); }),
      refuses<ValueError>("eye: n is -1; need at least 0", [] { eye(-1); }),
      refuses<ShapeError>("tensor: the list is ragged: item 0 has shape (2), item 1 has shape (1); need equal shapes",
                          [] {
                            tensor({{1, 2}, {3}});
                          }),
      refuses<ShapeError>("from_vector: 3 values do not fill shape (2, 2); need 4",
                          [] {
                            from_vector(std::vector<float>{1, 2, 3}, {2, 2});
                          }),
      refuses<ValueError>("arange: start 0, end 1, step 0; need finite numbers and a step other than 0",
                          [] { arange(0., 1., 0.); }),
      refuses<ValueError>("arange: start 0, end 9007199254740992; need i64 below 2^53",
                          [] { arange(int64_t{1} << 53); }),
      refuses<Error>("zeros_like: input is undefined; need a tensor made by a factory or an op",
                     [] { zeros_like(Tensor()); }),
      refuses<DTypeError>(
          "data: elements read as f64 but the tensor is f32; need data of the same type, or .to(f64) first",
          [] { ones({2}).data<double>(); }),
      refuses<Error>("data: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().data<float>(); }),
      refuses<Error>("item: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().item<float>(); }),
      refuses<Error>("to_vector: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().to_vector<float>(); }),
      refuses<Error>("size: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().size(0); }),
      refuses<IndexError>("at: index 3 is out of range for axis 1 of shape (2, 3); need -3 <= index < 3",
                          [] {
                            ones({2, 3}).at<float>({1, 3});
                          }),
      refuses<ShapeError>("item: shape (2) has 2 elements; need exactly 1", [] { ones({2}).item<float>(); }),
      refuses<IndexError>("at: 1 indices for shape (2, 2); need 2",
                          [] {
                            ones({2, 2}).at<float>({0});
                          }),
      refuses<IndexError>("Shape: entry 2 of (2, 3); need -2 <= place < 2",
                          [] {
                            static_cast<void>(Shape{2, 3}[2]);
                          }),
      refuses<IndexError>("Shape: entry -3 of (2, 3); need -2 <= place < 2",
                          [] {
                            Shape({2, 3})[-3] = 1;
                          }),
      refuses<IndexError>("size: axis 2 is out of range for rank 2; need -2 <= axis < 2",
                          [] {
                            ones({2, 2}).size(2);
                          }),
      refuses<IndexError>("size: axis -1 of a tensor of rank 0, which has no axes; need rank 1 or more",
                          [] { scalar(1).size(-1); }),
  };
}

std::vector<ErrorCase> random_tensors() {
  const auto with = [](auto f) {
    return [f] {
      Rng rng(1);
      f(rng);
    };
  };
  return {
      refuses<DTypeError>("rand: dtype is i64; need f32 or f64", with([](Rng& rng) { rand({2}, rng, i64); })),
      refuses<DTypeError>("randn: dtype is boolean; need f32 or f64", with([](Rng& rng) { randn({2}, rng, boolean); })),
      refuses<ShapeError>("randn: size -2 in shape (-2) is negative; need sizes of at least 0",
                          with([](Rng& rng) { randn({-2}, rng); })),
      refuses<ValueError>("randperm: n is -1; need at least 0", with([](Rng& rng) { randperm(-1, rng); })),
      refuses<ValueError>("multinomial: weights are i64 (3); need (..., n), f32 or f64",
                          with([](Rng& rng) { multinomial(arange(3), 1, rng); })),
      refuses<ValueError>("randint: no integer in [3, 3); need low < high",
                          with([](Rng& rng) { randint(3, 3, {2}, rng); })),
  };
}

std::vector<ErrorCase> draws() {
  const auto with = [](auto f) {
    return [f] {
      Rng rng(1);
      float out[2];
      f(rng, out);
    };
  };
  const auto pick = [](const std::vector<float>& weights, int64_t samples, bool replacement = false,
                       Loc loc = Loc::current()) {
    Rng rng(1);
    int64_t out[4];
    rng.multinomial(out, samples, weights.data(), int64_t(weights.size()), replacement, loc);
  };
  const auto restore = [](size_t size, size_t at, int64_t value, Loc loc = Loc::current()) {
    Rng rng(1);
    std::vector<int64_t> state = rng.state();
    state.resize(size);
    if (at < size) state[at] = value;
    rng.set_state(state, loc);
  };
  return {
      refuses<ValueError>("full_like: inf for i64; need a number between -2^63 and 2^63",
                          [=] { full_like(zeros({2}, i64), INFINITY); }),
      refuses<ValueError>("uniform: cannot draw -1 numbers; need 0 <= n <= 2^40",
                          with([](Rng& rng, float* out) { rng.uniform(out, -1); })),
      refuses<ValueError>("uniform: from 1 to 0 is not an interval; need finite from <= to",
                          with([](Rng& rng, float* out) { rng.uniform(out, 2, 1, 0); })),
      refuses<ValueError>("normal: mean 0 and std -1; need finite numbers and std >= 0",
                          with([](Rng& rng, float* out) { rng.normal(out, 2, 0, -1); })),
      refuses<ValueError>("trunc_normal: std 0 within [-2, 2]; need std > 0 and low < high",
                          with([](Rng& rng, float* out) { rng.trunc_normal(out, 2, 0, 0); })),
      refuses<ValueError>(
          "trunc_normal: no part of normal(0, 1) falls in [50, 60]; need an interval nearer to the mean",
          with([](Rng& rng, float* out) { rng.trunc_normal(out, 2, 0, 1, 50, 60); })),
      refuses<ValueError>("exponential: rate lambda 0; need a finite number > 0",
                          with([](Rng& rng, float* out) { rng.exponential(out, 2, 0); })),
      refuses<ValueError>("bernoulli: probability is 2; need 0 to 1",
                          with([](Rng& rng, float* out) { rng.bernoulli(out, 2, 2); })),
      refuses<ValueError>("multinomial: weight -1 of category 1; need a finite number >= 0",
                          [=] {
                            pick({1, -1}, 1);
                          }),
      refuses<ValueError>("multinomial: none of 3 weights is positive; need at least one",
                          [=] {
                            pick({0, 0, 0}, 1);
                          }),
      refuses<ValueError>("multinomial: cannot draw 0 samples; need at least 1", [=] { pick({1}, 0); }),
      refuses<ValueError>(
          "multinomial: cannot draw 3 samples without replacement; need at most 1, the categories with positive weight",
          [=] {
            pick({1, 0, 0, 0}, 3);
          }),
      refuses<ValueError>("multinomial: the 2 weights add up to infinity; need a finite sum",
                          [=] {
                            pick({3e38f, 3e38f}, 2, true);
                          }),
      refuses<ValueError>("set_state: state of 600 numbers; need 627", [=] { restore(600, 600, 0); }),
      refuses<ValueError>("set_state: word 3 is -1; need 32 bits", [=] { restore(627, 3, -1); }),
      refuses<ValueError>("set_state: position 700 and flag 0; need 0 to 624, and 0 or 1",
                          [=] { restore(627, 624, 700); }),
  };
}

std::vector<ErrorCase> settings() {
  return {
      refuses<ValueError>("set_num_threads: 0 threads; need at least 1", [] { set_num_threads(0); }),
      refuses<ValueError>("use_simd_target: this machine has no \"ABACUS\"; need one of *",
                          [] { kernels::use_simd_target("ABACUS"); }),
      refuses<ValueError>("Precision: bf16 is asked for, and *; need Products::f32",
                          [] {
                            const std::string before = kernels::simd_target();
                            kernels::use_simd_target(kernels::simd_targets().back());
                            try {
                              const Precision precision(Products::bf16);
                            } catch (const Error&) {
                              kernels::use_simd_target(before);
                              throw;
                            }
                          }),
      refuses<ValueError>("products_named: no precision is called \"half\"; need f32, bf16 or auto",
                          [] { products_named("half"); }),
      refuses<ValueError>("weights_named: no weights are called \"q4\"; need f32, bf16 or q8",
                          [] { weights_named("q4"); }),
      refuses<Error>("writable: a result of shape (3, 2, 4) and strides (4, 12, 1) would be written to a copy; need 2 "
                     "axes by strides",
                     [] {
                       kernels::writable<float, 1>(zeros({2, 3, 4}).transpose(0, 1));
                     }),
  };
}

Tensor leaf(const Shape& shape, DType dtype = f64) { return ones(shape, dtype).set_requires_grad(); }

}  // namespace

std::vector<ErrorCase> tensor_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {factories_and_elements, random_tensors, draws, settings})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

std::vector<ErrorCase> engine_errors() {
  using autograd::Gradients, autograd::Needs;
  const auto twice = [](const Tensor& x) { return x * 2; };
  const auto custom = [](autograd::Formula formula, Loc loc = Loc::current()) {
    return autograd::record({"custom", loc}, ones({}, f64), {{leaf({2}), std::move(formula)}});
  };
  const auto twice_derived = [](autograd::Twin twin, Loc loc = Loc::current()) {
    const Tensor x = leaf({});
    const auto backward = [x](const Tensor& g, Needs) { return Gradients{g * x * x * 3}; };
    grad(autograd::fused({"cube", loc}, (x * x * x).detach(), {x}, backward, std::move(twin)), x,
         {.create_graph = true});
  };
  return {
      refuses<GradError>("backward: output 0 is a constant: it depends on no tensor that requires a gradient (as the "
                         "slope of a line), or was computed under NoGrad, or by grad() without create_graph = true; "
                         "need a result computed from a tensor with set_requires_grad()",
                         [] {
                           const Tensor b = leaf({});
                           grad(remainder(5, b), b, {.create_graph = true}).backward();
                         }),
      refuses<GradError>("backward: output 0 has shape (2) and no seed; need a scalar, or a seed of shape (2)",
                         [] { leaf({2}).backward(); }),
      refuses<ShapeError>("backward: seed 0 has shape (3); need the output's shape (2)",
                          [] { leaf({2}).backward(ones({3}, f64)); }),
      refuses<DTypeError>("backward: seed 0 is f32; need the output's dtype f64",
                          [] { leaf({2}).backward(ones({2})); }),
      refuses<GradError>("grad: 2 seeds for 1 outputs; need one each, or none for scalars",
                         [] {
                           const Tensor x = leaf({});
                           grad({x}, {x}, {.seeds = {x, x}});
                         }),
      refuses<GradError>("backward: a hook left a gradient f64 (1) for a leaf f64 (2); need the leaf's shape and dtype",
                         [] {
                           const Tensor x = leaf({2});
                           const GradHook hook =
                               register_post_accumulate_grad_hook(x, [](Tensor& g) { g = ones({1}, f64); });
                           x.sum().backward();
                         }),
      refuses<GradError>("register_post_accumulate_grad_hook: the tensor is a constant, or frozen; need a leaf that "
                         "requires a gradient",
                         [] { static_cast<void>(register_post_accumulate_grad_hook(ones({2}), [](Tensor&) {})); }),
      refuses<GradError>(
          "register_post_accumulate_grad_hook: the tensor is the result of an op; need a leaf that requires a gradient",
          [] {
            static_cast<void>(register_post_accumulate_grad_hook(ones({2}).set_requires_grad() * 2, [](Tensor&) {}));
          }),
      refuses<GradError>("grad: no inputs; need at least one tensor to differentiate by",
                         [] { grad({leaf({})}, std::vector<Tensor>{}); }),
      refuses<GradError>("grad: input 0 does not require a gradient; need set_requires_grad() before it is used",
                         [] { grad(leaf({}), ones({})); }),
      refuses<GradError>("grad: input 1 is input 0 again; need distinct inputs",
                         [] {
                           const Tensor x = leaf({});
                           grad({x}, {x, x});
                         }),
      refuses<Error>("set_requires_grad: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().set_requires_grad(); }),
      refuses<GradError>("set_requires_grad: a const view of shape (3); need one that is not const",
                         [] {
                           const Tensor row = ones({2, 3})(0);
                           row.set_requires_grad();
                         }),
      refuses<GradError>(
          "checkpoint: fn gave other values in backward than before; need the rng that it draws from, and "
          "nothing else that changes between",
          [] {
            double scale = 1;
            const auto fn = [&](const std::vector<Tensor>& in) { return in[0] * scale; };
            const Tensor y = checkpoint(fn, {leaf({2})});
            scale = 2;
            y.sum().backward();
          }),
      refuses<Error>("backward: an output is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().backward(); }),
      refuses<Error>("grad: an output is undefined; need a tensor made by a factory or an op",
                     [] { grad(Tensor(), leaf({})); }),
      refuses<Error>("grad: an input is undefined; need a tensor made by a factory or an op",
                     [] { grad(leaf({}), Tensor()); }),
      refuses<Error>("grad: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().grad(); }),
      refuses<Error>("zero_grad: the tensor is undefined; need a tensor made by a factory or an op",
                     [] { Tensor().zero_grad(); }),
      refuses<GradError>("zero_grad: only leaves keep gradients, and this is a constant; need a tensor with "
                         "set_requires_grad()",
                         [] { ones({}).zero_grad(); }),
      refuses<Error>("register_post_accumulate_grad_hook: the tensor is undefined; need a tensor made by a factory or "
                     "an op",
                     [] { static_cast<void>(register_post_accumulate_grad_hook(Tensor(), [](Tensor&) {})); }),
      refuses<DTypeError>("set_requires_grad: i64 has no gradient; need f32 or f64",
                          [] { arange(3).set_requires_grad(); }),
      refuses<GradError>("set_requires_grad: the tensor was computed from others (exp); need a leaf, or detach() first",
                         [] { exp(leaf({2})).set_requires_grad(); }),
      refuses<GradError>(
          "grad: only leaves keep gradients, and this is a constant; need a tensor with set_requires_grad()",
          [] { ones({2}).grad(); }),
      refuses<ShapeError>("set_grad: a gradient of shape (3) for a tensor of shape (2); need equal shapes",
                          [] { leaf({2}).set_grad(ones({3}, f64)); }),
      refuses<DTypeError>("set_grad: a gradient of f32 for a tensor of f64; need equal dtypes",
                          [] { leaf({2}).set_grad(ones({2})); }),
      refuses<GradError>(
          "backward: the graph at exp ([error_cases_tensor.cpp:*]) was freed by an earlier backward; need retain_graph "
          "in that one, or detach() of what was carried on from it",
          [] {
            const Tensor y = exp(leaf({}));
            y.backward();
            y.backward();
          }),
      refuses<GradError>("custom: backward returned 1 gradients for 2 inputs; need one each",
                         [] {
                           const Tensor x = leaf({2});
                           const auto backward = [](const Tensor& g, Needs) { return Gradients{g}; };
                           autograd::record({"custom"}, ones({}, f64), {x, x}, backward).backward();
                         }),
      refuses<ShapeError>("custom: gradient 0 has shape (3); need (2)",
                          [=] { custom([](const Tensor&) { return ones({3}, f64); }).backward(); }),
      refuses<DTypeError>("custom: gradient 0 is f32; need f64",
                          [=] { custom([](const Tensor&) { return ones({2}); }).backward(); }),
      refuses<GradError>("backward: output 0 is boolean, which has no derivative (comparisons, argmax and .to(boolean) "
                         "end the graph); "
                         "need an f32 or f64 result",
                         [] { gt(leaf({}), 0).backward(); }),
      refuses<GradError>("backward: output 0 is i64, which has no derivative (comparisons, argmax and .to(i64) end the "
                         "graph); need an "
                         "f32 or f64 result",
                         [] { leaf({3}).argmax().backward(); }),
      refuses<Error>("assign: x is undefined; need a tensor made by a factory or an op",
                     [] { written(ones({2}), Tensor()); }),
      refuses<Error>("assign: the tensor to write is undefined; need a tensor made by a factory or an op",
                     [] { written(Tensor(), ones({2})); }),
      refuses<GradError>("assign: the tensor was computed from others (exp); need a leaf or a constant, or NoGrad "
                         "around what makes it",
                         [] { written(exp(leaf({2})), ones({2}, f64)); }),
      refuses<ShapeError>("assign: x has shape (3); need that of the tensor, (2)",
                          [] { written(ones({2}), ones({3})); }),
      refuses<GradError>("assign: x was computed from what wants a gradient, and a write passes no gradient on; need "
                         "x.detach() or NoGrad, or stack, cat or where",
                         [] { written(ones({2}, f64), leaf({2}) * 2); }),
      refuses<GradError>("assign: x wants a gradient, and a write passes no gradient on; need x.detach() or NoGrad, or "
                         "stack, cat or where",
                         [] { written(ones({2}, f64), leaf({2})); }),
      refuses<DTypeError>("assign: x is f64; need f32, as the tensor is", [] { written(ones({2}), ones({2}, f64)); }),
      refuses<ValueError>(
          "assign: along axis 0 of (2, 3) all elements are the same one; need a tensor with a place for "
          "each: clone()",
          [] {
            written(ones({3}).expand({2, 3}), ones({2, 3}));
          }),
      refuses<ValueError>("assign: the f32 (1) to write is a copy that nothing else holds; need a tensor, or a view of "
                          "one; where, scatter_add and index_add make one that differs at places which indices name",
                          [] {
                            const Tensor x = ones({2});
                            x(tensor({true, false})).assign(ones({1}));
                          }),
      refuses<GradError>(
          "mul: its gradient needs a f64 (2) that was written after the op was recorded; need backward() "
          "before the write, a clone() to write to, or detach() of what was carried on from an earlier step",
          [] {
            const Tensor x = leaf({2}), y = x * x;
            x.assign(zeros({2}, f64));
            y.sum().backward();
          }),
      refuses<GradError>("custom: its result is i64, which has no derivative; need f32 or f64, or no record(...)",
                         [] {
                           const auto zero = [](const Tensor& g) { return g * 0; };
                           autograd::record({"custom"}, arange(2), {{leaf({2}), zero}});
                         }),
      refuses<GradError>("cube: no second derivative, as it was recorded without a twin; need create_graph = false, or "
                         "a twin of recorded "
                         "ops in fused(...)",
                         [=] { twice_derived(nullptr); }),
      refuses<GradError>("cube: its twin gives f64 (2), its forward f64 (); need a twin that computes the same",
                         [=] { twice_derived([](autograd::Inputs in) { return in[0] * ones({2}, f64); }); }),
      refuses<GradError>(
          "cube: its twin gives a constant; need one of recorded ops, which its second derivatives come from",
          [=] { twice_derived([](autograd::Inputs in) { return in[0].detach(); }); }),
      refuses<GradError>(
          "kernel: no second derivative, as the formula of gradient 0 is not made of recorded ops; need create_graph = "
          "false, such ops, or fused(...) with a twin",
          [=] {
            const Tensor x = leaf({});
            const auto behind_its_back = [](const Tensor& g) { return g.detach(); };
            const Tensor y = autograd::record({"kernel"}, x.detach(), {{x, behind_its_back}});
            grad(y * y, x, {.create_graph = true});
          }),
      refuses<ValueError>("custom: 65 inputs; need at most 64",
                          [] {
                            const std::vector<Tensor> many(65, leaf({}));
                            autograd::fused(
                                {"custom"}, ones({}, f64), many, [](const Tensor&, Needs) { return Gradients(65); },
                                [](autograd::Inputs in) { return in[0]; });
                          }),
      refuses<GradError>(
          "dot: the output is a constant: nothing was recorded; need a result computed from a tensor with "
          "set_requires_grad()",
          [] { graph::dot(ones({2})); }),
      refuses<AnomalyError>("log: the result (2) has 1 NaN and 0 infinities, first at (1); the inputs are *",
                            [] {
                              const DetectAnomaly guard;
                              log(tensor({1., -1.}));
                            }),
      refuses<AnomalyError>("sqrt: its gradient 0, (2), has 0 NaN and 1 infinities, first at (0); made from *",
                            [] {
                              const DetectAnomaly guard;
                              sqrt(zeros({2}, f64).set_requires_grad()).narrow(0, 0, 1).sum().backward();
                            }),
      refuses<DTypeError>("gradcheck: input 0 is f32, whose rounding (1e-7) hides errors below 1% of a derivative; "
                          "need f64: use .to(f64)",
                          [=] { gradcheck(twice, ones({2})); }),
      refuses<ValueError>("gradcheck: input 0[1] is inf; need finite values to take differences",
                          [=] {
                            gradcheck(twice, tensor({1., HUGE_VAL}, f64));
                          }),
      refuses<ValueError>("gradgradcheck: eps = 0, atol = 1e-08, rtol = 1e-06; need all above 0",
                          [=] { gradgradcheck(twice, ones({2}, f64), {.eps = 0}); }),
      refuses<ValueError>("gradcheck: elements = -1; need 0 for all, or a count",
                          [=] { gradcheck(twice, ones({2}, f64), {.elements = -1}); }),
      refuses<ValueError>("gradcheck: none of the 1 inputs is f64; need one to differentiate by",
                          [=] { gradcheck(twice, arange(2)); }),
      refuses<ValueError>("gradgradcheck: 2 inputs for a function of 1; need equal counts",
                          [=] {
                            gradgradcheck(twice, {ones({2}, f64), ones({2}, f64)});
                          }),
      refuses<DTypeError>(
          "gradcheck: the function gives f32 from f64 inputs, whose rounding (1e-7) hides errors; need f64",
          [] { gradcheck([](const Tensor& x) { return x.to(f32); }, ones({2}, f64)); }),
      refuses<DTypeError>("gradcheck: the function gives boolean, which has no derivative; need f64",
                          [] { gradcheck([](const Tensor& x) { return x > 0.0; }, ones({2}, f64)); }),
      refuses<ValueError>("gradcheck: the function returned a list of 0 tensors; need one in f64",
                          [] { gradcheck([](const Tensor&) { return std::vector<Tensor>(); }, ones({2}, f64)); }),
      refuses<ValueError>("gradgradcheck: the function returned an undefined tensor, output 0; need one in f64",
                          [] { gradgradcheck([](const Tensor&) { return Tensor(); }, ones({2}, f64)); }),
      refuses<ValueError>("gradcheck: no tensor to differentiate by has elements: input 0 is (0, 3); need at least one "
                          "derivative to compare",
                          [=] {
                            gradcheck(twice, ones({0, 3}, f64));
                          }),
      refuses<ValueError>("gradgradcheck: no f64 output has elements: output 0 is (0); need at least one derivative to "
                          "compare",
                          [] { gradgradcheck([](const Tensor& x) { return x.narrow(0, 0, 0); }, ones({2}, f64)); }),
      refuses<ShapeError>(
          "gradcheck: the function gave 1 f64 numbers, then 2; need the same shapes at every call",
          [] {
            gradcheck([](const Tensor& x) { return grad_enabled() ? x : cat({x, x}, 0); }, ones({1}, f64));
          }),
      refuses<ValueError>("gradcheck: output 0[1] is -inf at the given inputs; need finite values to take differences",
                          [] {
                            gradcheck([](const Tensor& x) { return log(x); }, tensor({1., 0.}, f64));
                          }),
      refuses<ValueError>("gradcheck_values: vjp gave 1 numbers; need 2, one for each of x",
                          [] {
                            const auto f = [](auto x) { return std::vector<double>(x.begin(), x.end()); };
                            const auto vjp = [](auto, auto v) { return std::vector{v[0]}; };
                            gradcheck_values(f, vjp, std::vector{1., 2.});
                          }),
      refuses<Error>("gradcheck: input 0 is undefined; need a tensor made by a factory or an op",
                     [=] { gradcheck(twice, Tensor()); }),
      refuses<GradError>("gradcheck: w was computed from other tensors (exp); need a leaf",
                         [] {
                           const NamedTensors params{{"w", exp(leaf({2}))}};
                           gradcheck(params, [&] { return params[0].second.sum(); });
                         }),
      refuses<ValueError>("gradcheck: dec.w is enc.w again; need each tensor once",
                          [] {
                            const Tensor w = leaf({2});
                            gradcheck(NamedTensors{{"enc.w", w}, {"dec.w", w}}, [&] { return w.sum(); });
                          }),
      refuses<ValueError>("gradcheck: none of the 1 tensors is f64 and requires a gradient; need one",
                          [] {
                            const NamedTensors params{{"w", ones({2}, f64)}};
                            gradcheck(params, [&] { return params[0].second.sum(); });
                          }),
  };
}

}  // namespace heed::tests
