// Every differentiable op. Shapes broadcast by NumPy's rules where two tensors meet element by element.
//
// Unless a line says otherwise: inputs are f32 or f64 and all of one dtype (else DTypeError), the result has that
// dtype, gradients of any order exist, and errors name the op, the shapes and the caller's line. Views (reshape,
// transpose, narrow, ...) and reductions (sum, mean, ...) are members of Tensor.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <heed/tensor/kernels/recurrent.h>
#include <heed/tensor/tensor.h>

namespace heed {

/// The left operand of an operator, which brings the caller's line along.
struct Operand {
  const Tensor& tensor;  ///< itself
  Loc where;             ///< the caller's line
  Operand(const Tensor& t, Loc loc = Loc::current()) : tensor(t), where(loc) {}
};

// --- arithmetic; also of i64 (which has no gradient), where div gives f32 --------------------------------------------
Tensor add(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor sub(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor mul(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor div(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor add(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor sub(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor sub(Scalar s, const Tensor& x, Loc loc = Loc::current());
Tensor mul(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor div(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor div(Scalar s, const Tensor& x, Loc loc = Loc::current());
Tensor neg(const Tensor& x, Loc loc = Loc::current());
/// a - b floor(a / b), with b's sign (a's where it is 0, as in PyTorch), and floor(a / b); of i64 i64, where a divisor
/// of 0 is a ValueError. floor_divide has gradient 0.
Tensor remainder(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor remainder(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor remainder(Scalar s, const Tensor& x, Loc loc = Loc::current());
Tensor floor_divide(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor floor_divide(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor floor_divide(Scalar s, const Tensor& x, Loc loc = Loc::current());
/// x^p and s^x for constant p and s, and a^b element by element (a > 0 where b's gradient is wanted). i64 to an integer
/// stays i64: 0, 1 or -1 for a negative power in a tensor, ValueError for a negative constant.
Tensor pow(const Tensor& x, Scalar p, Loc loc = Loc::current());
Tensor pow(Scalar s, const Tensor& x, Loc loc = Loc::current());
Tensor pow(const Tensor& a, const Tensor& b, Loc loc = Loc::current());

/// add, sub, mul, div, remainder and neg.
inline Tensor operator+(const Operand& a, const Tensor& b) { return add(a.tensor, b, a.where); }
inline Tensor operator-(const Operand& a, const Tensor& b) { return sub(a.tensor, b, a.where); }
inline Tensor operator*(const Operand& a, const Tensor& b) { return mul(a.tensor, b, a.where); }
inline Tensor operator/(const Operand& a, const Tensor& b) { return div(a.tensor, b, a.where); }
inline Tensor operator+(const Operand& a, Scalar s) { return add(a.tensor, s, a.where); }
inline Tensor operator-(const Operand& a, Scalar s) { return sub(a.tensor, s, a.where); }
inline Tensor operator*(const Operand& a, Scalar s) { return mul(a.tensor, s, a.where); }
inline Tensor operator/(const Operand& a, Scalar s) { return div(a.tensor, s, a.where); }
inline Tensor operator+(Scalar s, const Operand& a) { return add(a.tensor, s, a.where); }
inline Tensor operator-(Scalar s, const Operand& a) { return sub(s, a.tensor, a.where); }
inline Tensor operator*(Scalar s, const Operand& a) { return mul(a.tensor, s, a.where); }
inline Tensor operator/(Scalar s, const Operand& a) { return div(s, a.tensor, a.where); }
inline Tensor operator%(const Operand& a, const Tensor& b) { return remainder(a.tensor, b, a.where); }
inline Tensor operator%(const Operand& a, Scalar s) { return remainder(a.tensor, s, a.where); }
inline Tensor operator%(Scalar s, const Operand& a) { return remainder(s, a.tensor, a.where); }
inline Tensor operator-(const Operand& a) { return neg(a.tensor, a.where); }

// --- element by element --------------------------------------------------------------------------------------------
Tensor exp(const Tensor& x, Loc loc = Loc::current());
Tensor log(const Tensor& x, Loc loc = Loc::current());
Tensor sqrt(const Tensor& x, Loc loc = Loc::current());
Tensor sin(const Tensor& x, Loc loc = Loc::current());
Tensor cos(const Tensor& x, Loc loc = Loc::current());
Tensor tanh(const Tensor& x, Loc loc = Loc::current());
/// 1 / sqrt(x)
Tensor rsqrt(const Tensor& x, Loc loc = Loc::current());
/// Gradient 0 at 0. Also i64.
Tensor abs(const Tensor& x, Loc loc = Loc::current());
/// 1 / (1 + e^-x)
Tensor sigmoid(const Tensor& x, Loc loc = Loc::current());
/// log(1 + x) and e^x - 1, exact for small x.
Tensor log1p(const Tensor& x, Loc loc = Loc::current());
Tensor expm1(const Tensor& x, Loc loc = Loc::current());
/// The error function, 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x.
Tensor erf(const Tensor& x, Loc loc = Loc::current());
/// max(x, 0); gradient 0 at 0.
Tensor relu(const Tensor& x, Loc loc = Loc::current());
/// max(x, 0)^2 (So et al. 2021).
Tensor relu2(const Tensor& x, Loc loc = Loc::current());
/// The form of gelu.
enum class Gelu { erf, tanh };
/// x Phi(x), exactly or by the tanh approximation of GPT-2 (Hendrycks and Gimpel 2016).
Tensor gelu(const Tensor& x, Gelu form = Gelu::erf, Loc loc = Loc::current());
/// x sigmoid(x)
Tensor silu(const Tensor& x, Loc loc = Loc::current());
/// log(1 + e^x), without overflow.
Tensor softplus(const Tensor& x, Loc loc = Loc::current());
/// To the integer below, above, or nearest (of two the even one); -1, 0 or 1. Gradient 0. Also i64.
Tensor floor(const Tensor& x, Loc loc = Loc::current());
Tensor ceil(const Tensor& x, Loc loc = Loc::current());
Tensor round(const Tensor& x, Loc loc = Loc::current());
Tensor sign(const Tensor& x, Loc loc = Loc::current());
/// The smaller and the larger of two; equal elements share the gradient half and half. Also i64.
Tensor minimum(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor maximum(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor minimum(const Tensor& x, Scalar s, Loc loc = Loc::current());
Tensor maximum(const Tensor& x, Scalar s, Loc loc = Loc::current());
/// min(max(x, low), high), and so high if low > high; gradient 1 inside and at the ends, 0 outside. Infinity is no
/// bound. Also i64. Throws ValueError for a bound that is NaN.
Tensor clamp(const Tensor& x, Scalar low, Scalar high, Loc loc = Loc::current());
/// a where condition (boolean) holds, else b. Any dtype.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor where(const Tensor& condition, const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor where(const Tensor& condition, Scalar s, const Tensor& b, Loc loc = Loc::current());
/// x, with `value` where mask (boolean) holds; the two broadcast.
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value, Loc loc = Loc::current());

// --- reductions beside the members of Tensor: axes {} means all ------------------------------------------------------
/// Maximum and minimum; equal elements share the gradient evenly. Throws ShapeError if there is nothing to choose from.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current());
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current());
/// log sum exp; -inf where every element is, or none is there.
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim = false, Loc loc = Loc::current());
/// Sums of the elements up to and including each. Also i64.
Tensor cumsum(const Tensor& x, int64_t axis, Loc loc = Loc::current());
/// Products of the same. Also i64.
Tensor cumprod(const Tensor& x, int64_t axis, Loc loc = Loc::current());

// --- products -------------------------------------------------------------------------------------------------------
/// (..., m, k) x (..., k, n) -> (..., m, n), leading axes broadcast; vectors as in NumPy: (k) x (k) -> ().
Tensor matmul(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
/// Stacks of matrices: (B, m, k) x (B, k, n) -> (B, m, n).
Tensor bmm(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
/// a b^T of vectors: (m), (n) -> (m, n).
Tensor outer(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
/// Einstein's summation: "bij,bjk->bik", a letter an axis. What the output lacks is summed; without "->" the output is
/// the letters that stand once, sorted. "..." stands for any further axes, which broadcast. A letter twice in one
/// operand is its diagonal. Throws ValueError for a malformed equation, ShapeError for axes that do not fit.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands, Loc loc = Loc::current());
/// x W^T + b: x (..., in), weight (out, in), bias (out) or undefined -> (..., out).
/// With a weight (in) and a bias () or undefined -> (...).
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Loc loc = Loc::current());

// --- joining, splitting, picking; cat, stack, split, index_select, gather, flip and tril take any dtype --------------
/// Tensors joined along an axis; all other sizes equal. Throws ValueError for none.
Tensor cat(const std::vector<Tensor>& tensors, int64_t axis = 0, Loc loc = Loc::current());
/// Tensors of one shape joined along a new axis.
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis = 0, Loc loc = Loc::current());
/// Views of `size` elements each along an axis; the last may be shorter.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis = 0, Loc loc = Loc::current());
/// Views of the given sizes, which must add up.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis = 0,
                          Loc loc = Loc::current());
/// Views of an axis's parts, `chunks` or fewer: equal sizes, but that the last may be smaller.
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t axis = 0, Loc loc = Loc::current());
/// x repeats[i] times along axis i; repeats has x's rank, or more for new axes in front. tile also takes fewer, for the
/// last axes.
Tensor repeat(const Tensor& x, const Shape& repeats, Loc loc = Loc::current());
Tensor tile(const Tensor& x, const Shape& repeats, Loc loc = Loc::current());
/// Elements moved up by a shift along each of the axes; those that leave its end come in at its start. Without axes
/// along all elements in row-major order. Throws ValueError for unequal counts.
Tensor roll(const Tensor& x, const Axes& shifts, const Axes& axes = {}, Loc loc = Loc::current());
/// x with `value` around it: pads are (before, after) the last axis, then the one before, ...; negative ones cut off.
Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, Scalar value = 0, Loc loc = Loc::current());
/// A view of the elements x[..., i, ..., i + offset, ...] of two axes, which go; the diagonal is the last axis.
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1, Loc loc = Loc::current());
/// The sum of the diagonal of x (n, m) -> ().
Tensor trace(const Tensor& x, Loc loc = Loc::current());
/// y[..., i, ...] = x[..., index[..., i, ...], ...] along an axis. index i64, of x's rank, no larger than x elsewhere.
/// Here and below, a negative index counts from the axis's end; IndexError names the first index out of range. A number
/// counts as a vector of one, as x and as index.
Tensor gather(const Tensor& x, int64_t axis, const Tensor& index, Loc loc = Loc::current());
/// Slices of x along an axis, in the order of index (n) i64.
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index, Loc loc = Loc::current());
/// x with source's slices added at index (n) i64; source has x's shape, but n on the axis. Equal indices add up.
Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source, Loc loc = Loc::current());
/// x with src's elements added (put) where gather(x, axis, index) would take them; src is at least as large as index.
/// Equal indices add up in scatter_add; in scatter the last is kept, and the gradient of src holds for distinct ones
/// only. A number is put at every index.
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& src, Loc loc = Loc::current());
Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& src, Loc loc = Loc::current());
Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, Scalar value, Loc loc = Loc::current());
/// (..., classes) i64: 1 at index (...) i64, 0 elsewhere. Without `classes`, one more than the largest index.
Tensor one_hot(const Tensor& index, int64_t classes = -1, Loc loc = Loc::current());
/// The indices of the elements that are not 0, in row-major order: (count, rank) i64. Any dtype.
Tensor nonzero(const Tensor& x, Loc loc = Loc::current());
/// Sorted along an axis: values, and i64 indices into x. Equal elements keep their order; NaN counts as the largest.
std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t axis = -1, bool descending = false, Loc loc = Loc::current());
/// sort's indices.
Tensor argsort(const Tensor& x, int64_t axis = -1, bool descending = false, Loc loc = Loc::current());
/// The k largest (smallest) elements along an axis, in order, and their indices.
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true,
                               Loc loc = Loc::current());
/// The last two axes' lower (upper) triangle: elements with column - row <= diagonal (>= diagonal); zeros elsewhere.
Tensor tril(const Tensor& x, int64_t diagonal = 0, Loc loc = Loc::current());
Tensor triu(const Tensor& x, int64_t diagonal = 0, Loc loc = Loc::current());
/// Reversed along an axis.
Tensor flip(const Tensor& x, int64_t axis, Loc loc = Loc::current());
/// Summed to `shape`, from which x's shape can be broadcast: the gradient of broadcasting.
Tensor sum_to(const Tensor& x, const Shape& shape, Loc loc = Loc::current());

// --- probabilities and losses ----------------------------------------------------------------------------------------
/// e^x over the sum of e^x along an axis, without overflow, and its logarithm.
Tensor softmax(const Tensor& x, int64_t axis, Loc loc = Loc::current());
Tensor log_softmax(const Tensor& x, int64_t axis, Loc loc = Loc::current());

/// What becomes of the losses of single elements or rows: their mean, their sum, themselves, or their sum over the size
/// of the first axis, the batch.
enum class Reduction { mean, sum, none, batch_mean };

constexpr int64_t kIgnoreIndex = -1;  ///< PyTorch's is -100

/// What rows and classes count in cross_entropy.
struct CrossEntropyOptions {
  Tensor weight = {};                     ///< (V), of the classes: each row counts as much as its target's
  int64_t ignore_index = kIgnoreIndex;    ///< targets to skip
  Reduction reduction = Reduction::mean;  ///< over the rows that count, by their weights
  double label_smoothing = 0;             ///< in [0, 1): this share of the target is spread over all classes
};
/// Cross-entropy of softmax(logits) against class indices, in nats.
/// logits (..., V); targets (...) i64 in [0, V), or ignore_index to skip. Returns (), or (...) without reduction.
/// Or against probabilities: targets (..., V) of logits' dtype; the mean is over all rows.
/// Throws ShapeError if the leading axes differ; IndexError naming the first bad target.
/// If every target is skipped: loss 0, gradient 0. A class whose probability or weight is 0 adds 0, be its logit
/// -infinity.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {},
                     Loc loc = Loc::current());
/// As those of cross_entropy.
struct NllLossOptions {
  /// As in CrossEntropyOptions.
  Tensor weight = {};
  int64_t ignore_index = kIgnoreIndex;
  Reduction reduction = Reduction::mean;
};
/// -log_probabilities[target]: (..., V) with (...) i64 -> (), or (...) without reduction. Options as in cross_entropy.
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const NllLossOptions& options = {},
                Loc loc = Loc::current());

// --- losses of equal shapes, reduced over all elements ---------------------------------------------------------------
/// (x - target)^2
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean, Loc loc = Loc::current());
/// |x - target|
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean, Loc loc = Loc::current());
/// r^2 / 2 of r = x - target up to |r| = delta, from there on delta (|r| - delta / 2). Huber 1964.
Tensor huber_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean, double delta = 1,
                  Loc loc = Loc::current());
/// huber_loss / beta with delta beta; l1_loss for beta 0.
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean, double beta = 1,
                      Loc loc = Loc::current());
/// p (log p - log_q), 0 where p is; or with log_target, p given as its logarithm. The mean is over elements, as in
/// PyTorch; batch_mean is the divergence itself.
Tensor kl_div(const Tensor& log_q, const Tensor& p, Reduction reduction = Reduction::mean, bool log_target = false,
              Loc loc = Loc::current());
/// -t log x - (1 - t) log(1 - x), logarithms at least -100; times weight, which broadcasts to x.
/// Throws ValueError for an x outside [0, 1].
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::mean, Loc loc = Loc::current());
/// What elements count in binary_cross_entropy_with_logits.
struct BinaryCrossEntropyOptions {
  Tensor weight = {};                     ///< of the elements; broadcasts to x
  Reduction reduction = Reduction::mean;  ///< over the elements
  Tensor pos_weight = {};                 ///< of the term t log sigmoid(x); broadcasts to x
};
/// -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)); t in [0, 1].
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                        const BinaryCrossEntropyOptions& options = {}, Loc loc = Loc::current());

// --- layers ----------------------------------------------------------------------------------------------------------
/// Rows of weight (V, C) by index (...) i64 -> (..., C). Throws IndexError naming the first bad index.
Tensor embedding(const Tensor& index, const Tensor& weight, Loc loc = Loc::current());
/// Each element zeroed with probability p, the rest scaled by 1 / (1 - p). p = 0 draws nothing. Throws ValueError
/// outside [0, 1].
Tensor dropout(const Tensor& x, double p, Rng& rng, Loc loc = Loc::current());
/// (x - mean) / sqrt(var + eps) * weight + bias over the last axis; weight, bias (C), each may be undefined.
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5,
                  Loc loc = Loc::current());
/// x / sqrt(mean(x^2) + eps) * weight over the last axis; weight (C) or undefined.
Tensor rms_norm(const Tensor& x, const Tensor& weight = {}, double eps = 1e-6, Loc loc = Loc::current());

constexpr int64_t kFarthestKey = int64_t(1) << 40;  ///< that a causal_offset may name; a larger window is no limit

/// What queries see, and how scores become weights.
struct AttentionOptions {
  bool causal = false;                 ///< query i sees keys 0 .. i (+ causal_offset)
  int64_t causal_offset = 0;           ///< keys that precede the first query: with a cache, its length
  std::optional<int64_t> window = {};  ///< of causal: a query sees that many keys at most, itself and those before it
  Tensor mask = {};    ///< broadcasts to (..., T, S): boolean, true = may attend; or floating, added to the scores
  double dropout = 0;  ///< of the weights; needs rng
  Rng* rng = nullptr;  ///< that dropout draws from
  std::optional<double> scale = {};  ///< of the scores; by default 1 / sqrt(D)
  double softcap = 0;                ///< c > 0: scores become c tanh(score / c), before the mask
};
/// softmax(q k^T * scale + mask) v: q (..., T, D), k (..., S, D), v (..., S, E) -> (..., T, E).
/// Grouped queries (Ainslie et al. 2023): q (B, H, T, D) may have a multiple of the heads of k and v; head h reads head
/// h / (H / H_kv).
/// Memory grows with T, not T * S. A query that may attend to nothing gets zeros and gives no gradient.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {}, Loc loc = Loc::current());
/// Self-attention over a packed projection: qkv (B, T, 3 C), thirds q, k and v of `heads` heads each -> (B, T, C).
/// Nothing is copied apart. options.mask must be undefined.
Tensor packed_self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options = {},
                             Loc loc = Loc::current());

/// How rotary positions reach past the context that they were trained on. Speeds of turning are divided by `factor`
/// (Chen et al. 2023); with an original context, as Llama 3 does, only those of pairs that turn less than low_turns
/// times in it, and less and less up to high_turns (the published low_freq_factor and high_freq_factor).
struct RopeScaling {
  double factor = 1;                     ///< of the context
  int64_t original_context = 0;          ///< 0: all speeds are divided
  double low_turns = 1, high_turns = 4;  ///< turns within the original context
};
/// How pairs of columns turn.
struct RopeOptions {
  double base = 10000;  ///< pair i turns by position / base^(2i / width)
  bool interleaved =
      false;          ///< columns 2i and 2i + 1 pair up, as in the paper; else i and i + width / 2, as in Llama's
  int64_t width = 0;  ///< columns that turn, the first; 0: all
  RopeScaling scaling = {};  ///< past the context of the training
};
/// Cosines and sines of what pairs of columns turn by, each (..., width / 2): computed once, turned by often.
/// Constants.
struct RopeAngles {
  Tensor cos, sin;  ///< (..., width / 2)
};
/// position / base^(2i / width), for positions (...) i64 and i < width / 2.
RopeAngles rope_angles(const Tensor& positions, int64_t width, const RopeOptions& options = {}, DType dtype = f32,
                       Loc loc = Loc::current());
/// Rotary positions (Su et al. 2021): x (..., D) with its pairs of columns turned; angles, or positions, broadcast to
/// x's leading axes: for x (B, T, H, D), positions (T, 1). Throws ShapeError for more pairs than fit, ValueError for an
/// odd width.
Tensor rope(const Tensor& x, const RopeAngles& angles, bool interleaved = false, Loc loc = Loc::current());
Tensor rope(const Tensor& x, const Tensor& positions, const RopeOptions& options = {}, Loc loc = Loc::current());

/// RNN, LSTM and GRU by PyTorch's equations (tensor/kernels/recurrent.h).
using kernels::Cell;
/// Which steps, and in which order.
struct RecurrentSteps {
  bool reverse = false;  ///< from each row's last step to its first
  Tensor lengths = {};   ///< (B) i64 in [0, T], the steps of each row; undefined: all T
};
/// All steps of a recurrent cell, given the projection of its inputs: gates (T, B, G H) = W_ih x + b_ih, with w_hh (G
/// H, H) and, each of which may be undefined, b_hh (G H), h0 and, of an LSTM, c0 (B, H); G is 1, LSTM 4, GRU 3.
/// Returns (T + 1, B, H), an LSTM (T + 2, B, H): h after each step, 0 past a row's length; then h, and c, after each
/// row's last.
Tensor recurrent(Cell cell, const Tensor& gates, const Tensor& w_hh, const Tensor& b_hh = {}, const Tensor& h0 = {},
                 const Tensor& c0 = {}, const RecurrentSteps& steps = {}, Loc loc = Loc::current());

/// sum_s softmax_s(score . tanh(query + key_s)) value_s (Bahdanau et al. 2014): query (B, T, A) and keys (B, S, A)
/// projected, score (A), values (B, S, D), mask boolean, true = may attend, broadcast to (B, T, S) -> (B, T, D).
/// Memory grows with T * S, not T * S * A. A query that may attend to nothing gets zeros and gives no gradient.
Tensor additive_attention(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
                          const Tensor& mask = {}, Loc loc = Loc::current());

/// Of attentive_decoder. Sizes: B batch, T target time, S source time, H hidden, G gates of the cell (1, LSTM 4, GRU
/// 3), A width of queries, D width of values. All dtypes equal, f32 or f64.
struct AttentiveInputs {
  Tensor gates;      ///< (T, B, G H): what the cell reads besides the context, projected, with its bias
  Tensor w_context;  ///< (G H, D): how the cell reads the context
  Tensor w_hh;       ///< (G H, H)
  Tensor b_hh;       ///< (G H)
  Tensor w_query;    ///< (A, H): the query of a step is w_query h_{t-1}
  Tensor score;      ///< (A)
  Tensor keys;       ///< (B, S, A)
  Tensor values;     ///< (B, S, D)
  Tensor h0;         ///< (B, H)
  Tensor c0 = {};    ///< (B, H), LSTM only
  Tensor mask = {};  ///< (B, S) boolean, true where the source may be looked at; undefined: everywhere
};
/// A decoder that looks back at its source before each step (Bahdanau et al. 2014, appendix A.2.2). For each t
///   context_t = sum_s softmax_s(score . tanh(w_query h_{t-1} + key_s)) value_s
///   h_t, c_t  = cell(gates_t + w_context context_t, h_{t-1}, c_{t-1})
/// Returns [h_t; context_t], (T, B, H + D). One op over all steps: each weight's gradient is one product over T B rows,
/// and those of keys and values are summed in place, where step by step there would be T of each to add up.
Tensor attentive_decoder(Cell cell, const AttentiveInputs& in, Loc loc = Loc::current());

// --- comparisons and logic: boolean results, without gradients -------------------------------------------------------
Tensor eq(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor ne(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor lt(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor le(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor gt(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor ge(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor eq(const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor ne(const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor lt(const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor le(const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor gt(const Tensor& a, Scalar s, Loc loc = Loc::current());
Tensor ge(const Tensor& a, Scalar s, Loc loc = Loc::current());
inline Tensor operator==(const Operand& a, const Operand& b) { return eq(a.tensor, b.tensor, a.where); }
inline Tensor operator!=(const Operand& a, const Tensor& b) { return ne(a.tensor, b, a.where); }
inline Tensor operator<(const Operand& a, const Tensor& b) { return lt(a.tensor, b, a.where); }
inline Tensor operator<=(const Operand& a, const Tensor& b) { return le(a.tensor, b, a.where); }
inline Tensor operator>(const Operand& a, const Tensor& b) { return gt(a.tensor, b, a.where); }
inline Tensor operator>=(const Operand& a, const Tensor& b) { return ge(a.tensor, b, a.where); }
inline Tensor operator==(const Operand& a, Scalar s) { return eq(a.tensor, s, a.where); }
inline Tensor operator!=(const Operand& a, Scalar s) { return ne(a.tensor, s, a.where); }
inline Tensor operator<(const Operand& a, Scalar s) { return lt(a.tensor, s, a.where); }
inline Tensor operator<=(const Operand& a, Scalar s) { return le(a.tensor, s, a.where); }
inline Tensor operator>(const Operand& a, Scalar s) { return gt(a.tensor, s, a.where); }
inline Tensor operator>=(const Operand& a, Scalar s) { return ge(a.tensor, s, a.where); }
/// Whether an element is NaN, infinite, or neither. Any dtype.
Tensor isnan(const Tensor& x, Loc loc = Loc::current());
Tensor isinf(const Tensor& x, Loc loc = Loc::current());
Tensor isfinite(const Tensor& x, Loc loc = Loc::current());
/// Of boolean tensors; two broadcast.
Tensor logical_not(const Tensor& x, Loc loc = Loc::current());
Tensor logical_and(const Tensor& a, const Tensor& b, Loc loc = Loc::current());
Tensor logical_or(const Tensor& a, const Tensor& b, Loc loc = Loc::current());

}  // namespace heed
