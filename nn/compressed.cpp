#include <heed/nn/compressed.h>

#include <algorithm>
#include <cmath>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/io/half.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/kernels/thin_product.h>
#include <heed/tensor/kernels/unary.h>

namespace heed::nn {

using namespace autograd;

namespace {

/// Writes a row in steps; returns what a step is.
float to_steps(const Op& op, int64_t row, const float* from, int64_t in, int8_t* to) {
  float largest = 0;
  for (int64_t i = 0; i < in; ++i) {
    if (!std::isfinite(from[i])) fail<ValueError>(op, "row {} holds {}; need finite numbers for q8", row, from[i]);
    largest = std::max(largest, std::abs(from[i]));
  }
  const float step = largest / 127;
  for (int64_t i = 0; i < in; ++i)
    to[i] = static_cast<int8_t>(step > 0 ? std::clamp(std::round(from[i] / step), -127.0f, 127.0f) : 0);
  return step;
}

}  // namespace

Compressed::Compressed(const Tensor& matrix, Weights kept, Loc loc) : kept_(kept) {
  const Op op{"Compressed", loc};
  check_dtype(op, matrix, f32, "the matrix");
  if (matrix.rank() != 2) fail<ShapeError>(op, "the matrix has shape {}; need (out, in)", matrix.shape());
  if (kept == Weights::f32) fail<ValueError>(op, "f32 is what the matrix is; need bf16 or q8");
  out_ = matrix.size(0), in_ = matrix.size(1), row_ = kernels::padded_weights(in_);
  const Tensor plain = kernels::contiguous(matrix);
  const float* from = plain.data<float>();
  const auto numbers = static_cast<size_t>(out_ * row_);
  data_ = Storage::allocate(numbers * (kept == Weights::bf16 ? 2 : 1));
  std::fill_n(data_->data(), data_->bytes(), std::byte{0});
  if (kept == Weights::bf16) {
    auto* to = reinterpret_cast<uint16_t*>(data_->data());
    for (int64_t j = 0; j < out_; ++j) std::transform(from + j * in_, from + (j + 1) * in_, to + j * row_, to_bf16);
    return;
  }
  scales_ = empty({out_});
  auto* to = reinterpret_cast<int8_t*>(data_->data());
  float* scales = scales_.mutable_data<float>();
  for (int64_t j = 0; j < out_; ++j) scales[j] = to_steps(op, j, from + j * in_, in_, to + j * row_);
}

Tensor Compressed::linear(const Tensor& x0, const Tensor& bias, Loc loc) const {
  const Op op{"linear", loc};
  check_dtype(op, x0, f32, "the input");
  if (x0.rank() < 1 || x0.size(-1) != in_)
    fail<ShapeError>(op, "the weight ({}, {}) does not fit the input {}; need (..., {})", out_, in_, x0.shape(), in_);
  if (bias.defined()) check_shape(op, bias, {out_}, f32, "the bias");
  if (grad_enabled() && (x0.requires_grad() || (bias.defined() && bias.requires_grad())))
    fail<GradError>(op, "the weights are {}, for generation, and have no gradients; need NoGrad, or the model in f32",
                    name_of(kept_));
  const Tensor x = kernels::contiguous(x0), b = bias.defined() ? kernels::contiguous(bias) : bias;
  Shape shape = x.shape();
  shape[shape.rank() - 1] = out_;
  const int64_t rows = x.numel() / std::max<int64_t>(1, in_);
  Tensor y = empty(shape);
  float* to = y.mutable_data<float>();
  if (kept_ == Weights::bf16)
    kernels::thin_product(rows, out_, in_, x.data<float>(), reinterpret_cast<const uint16_t*>(data_->data()), to);
  else
    kernels::thin_product(rows, out_, in_, x.data<float>(), reinterpret_cast<const int8_t*>(data_->data()),
                          scales_.data<float>(), to);
  if (b.defined()) kernels::add_bias(to, b.data<float>(), rows, out_);
  return record(op, y, {});
}

Tensor Compressed::rows(const Tensor& index, Loc loc) const {
  const Op op{"embedding", loc};
  check_dtype(op, index, i64, "the index");
  if (const auto bad = kernels::first_outside(index, 0, out_))
    fail<IndexError>(op, "index {} is out of range; need 0 <= index < {}", *bad, out_);
  check_new_axis(op, index);
  Shape shape = index.shape();
  shape.push_back(in_);
  Tensor y = empty(shape);
  float* to = y.mutable_data<float>();
  for (const int64_t j : index.to_vector<int64_t>()) {
    const auto* bf16 = reinterpret_cast<const uint16_t*>(data_->data()) + j * row_;
    const auto* steps = reinterpret_cast<const int8_t*>(data_->data()) + j * row_;
    for (int64_t i = 0; i < in_; ++i)
      *to++ = kept_ == Weights::bf16 ? from_bf16(bf16[i]) : static_cast<float>(steps[i]) * scales_.data<float>()[j];
  }
  return record(op, y, {});
}

}  // namespace heed::nn
