// Products of bf16 by AMX, which has registers of 16 rows of 16 pairs: what one thread does at a time.
#pragma once

#include <cstdint>

#include <heed/tensor/kernels/pack.h>

namespace heed::kernels {

constexpr int64_t kBf16Lanes = kLine<Bf16Pair>;  // pairs in a vector, and f32

/// Whether this processor has them, and the system lets this process use them: it is asked when this is first called.
bool cpu_has_squares();

/// The registers of squares belong to the thread while this lives, around `multiply`; where there are none, or `wanted`
/// is false, it does nothing.
class [[nodiscard]] SquareRegisters {
 public:
  explicit SquareRegisters(bool wanted = true);
  ~SquareRegisters();
  SquareRegisters(const SquareRegisters&) = delete;
  SquareRegisters& operator=(const SquareRegisters&) = delete;

 private:
  [[maybe_unused]] bool taken_;
};

/// As multiply (bf16_tiles.h), of rows in squares. SquareRegisters must live.
void multiply_in_squares(int64_t m, int64_t n, int64_t k, const Rows<Bf16Pair>& a, const Columns<Bf16Pair>& b,
                         float beta, float* c, int64_t ldc);

}  // namespace heed::kernels
