// What the products of f32 matrices read.
#pragma once

#include <cstdint>
#include <string>

#include <heed/tensor/error.h>

namespace heed {

/// f32: operands as they are. bf16: operands rounded, while they are packed for the product, to the nearest bf16, which
/// has f32's exponent and 8 bits of its 24; the product takes half the time, by AMX a fifth. Sums are f32 in both, as
/// all tensors are.
enum class Products : uint8_t { f32, bf16 };

/// "f32" or "bf16".
constexpr const char* name_of(Products products) { return products == Products::f32 ? "f32" : "bf16"; }

namespace precision_detail {
inline constinit thread_local Products here = Products::f32;
}

/// What this thread's products read now.
inline Products products() { return precision_detail::here; }

/// Whether this machine has instructions for bf16, and the SIMD target in use allows for them: AVX512-BF16, and AMX.
bool has_bf16();
/// Those that products take: "AMX", else "AVX512-BF16", else "". They add up in other orders, to other last bits.
std::string bf16_instructions();
/// Why not: "this processor has no AVX512-BF16". Empty where it has.
std::string why_no_bf16();

/// While it lives, matrix products of f32 on this thread (linear, matmul, attention, recurrent layers, and what is made
/// of them) read bf16, or f32 again. Guards nest, and f32 is what holds outside of all.
///
///   const Precision precision(Products::bf16);
///   cross_entropy(gpt(x), y).backward();
///
/// The gradient of an op reads what the op read, whether the guard still lives or not; so PyTorch's autocast has it.
/// Everything else stays f32, as under PyTorch's set_float32_matmul_precision("medium"): tensors, and so weights and
/// their gradients, norms, softmax (attention's weights to 2^-18 before they are rounded), losses and optimisers. Each
/// factor is off by 2^-8 of itself at most, so an element of a product of k terms by 2^-7 + 2^-16 + k 2^-23 times the
/// sum of its terms' magnitudes; what is below 1.2e-38 counts as 0. Products of f64, those with 4 rows or columns or
/// fewer, attention of 4 queries or fewer, and recurrent steps of fewer than 256 rows in all read their operands as
/// they are. Same seed, same bits, at any number of threads.
class [[nodiscard]] Precision : Scoped<Products> {
 public:
  /// Throws ValueError for bf16 where has_bf16() is false.
  explicit Precision(Products reads, Loc loc = Loc::current());
};

/// "f32", "bf16", or "auto": bf16 where it is faster, else f32. That is where bf16_instructions() is AMX, or
/// AVX512-BF16 of another maker than Intel, whose AVX512-BF16 takes 1.4 times as long as f32. Throws ValueError for
/// other names.
Products products_named(const std::string& name, Loc loc = Loc::current());

}  // namespace heed
