#include <heed/tensor/kernels/bf16_squares.h>

#include <heed/tensor/kernels/bf16_tiles.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <hwy/base.h>
#include <immintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512bf16")
namespace heed::kernels {
namespace {

// The registers of squares: 0 to 3 are of C, 4 and 5 of A, 6 and 7 of B. In assembly, as compilers' functions for them
// take no number of a template's.
template <int t>
void load(const void* from, int64_t row) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row * 4), "i"(t) : "memory");
}
template <int t>
void store(void* to, int64_t row) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row * 4), "i"(t) : "memory");
}
template <int t>
void clear() {
  asm volatile("tilezero %%tmm%c0" ::"i"(t));
}
template <int c, int a, int b>
void add_product() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

constexpr int64_t kSquare = kUnit * kBf16Lanes;  // elements

// A square of C, of which some rows and columns are there: it is held apart where that is not all.
struct SquareOfC {
  float* c;
  int64_t ldc, rows, columns;

  SquareOfC from(int64_t i, int64_t j) const {
    return {c + i * kUnit * ldc + j * kBf16Lanes, ldc, rows - i * kUnit, columns - j * kBf16Lanes};
  }
  bool is_whole() const { return rows >= kUnit && columns >= kBf16Lanes; }
  template <int t>
  void start(float beta, float* apart) const {
    if (beta == 0) return clear<t>();
    if (is_whole() && beta == 1) return load<t>(c, ldc);
    for (int64_t i = 0; i < std::min(kUnit, rows); ++i)
      _mm512_store_ps(apart + i * kBf16Lanes,
                      _mm512_mul_ps(_mm512_maskz_loadu_ps(first_lanes(columns), c + i * ldc), _mm512_set1_ps(beta)));
    load<t>(apart, kBf16Lanes);
  }
  template <int t>
  void finish(float* apart) const {
    if (is_whole()) return store<t>(c, ldc);
    store<t>(apart, kBf16Lanes);
    for (int64_t i = 0; i < std::min(kUnit, rows); ++i)
      _mm512_mask_storeu_ps(c + i * ldc, first_lanes(columns), _mm512_load_ps(apart + i * kBf16Lanes));
  }
};

// kUnits units of rows and kVectors vectors of C. A register is stored when the next block needs it: then this block's
// products run meanwhile.
template <int kUnits, int kVectors>
struct Block {
  template <class F>
  static void for_squares(F f) {
    const auto of = [&]<int i, int j>() {
      if constexpr (i < kUnits && j < kVectors) f.template operator()<i, j>();
    };
    of.template operator()<0, 0>(), of.template operator()<0, 1>(), of.template operator()<1, 0>();
    of.template operator()<1, 1>(), of.template operator()<2, 0>(), of.template operator()<3, 0>();
  }
  static void load_operands(const Bf16Pair* a, int64_t unit, const Bf16Pair* b, int64_t width) {
    load<6>(b, width);
    if constexpr (kVectors > 1) load<7>(b + kBf16Lanes, width);
    load<4>(a, kBf16Lanes);
    if constexpr (kUnits > 1) load<5>(a + unit, kBf16Lanes);
  }
  template <int i, int j>
  static void add(const Bf16Pair* a, int64_t unit) {
    if constexpr (i > 1) load<4 + i % 2>(a + i * unit, kBf16Lanes);
    add_product<i * kVectors + j, 4 + i % 2, 6 + j>();
  }

  static void finish(const SquareOfC& at, float* apart) {
    for_squares([&]<int i, int j>() { at.from(i, j).template finish<i * kVectors + j>(apart); });
  }
  // Over k in `squares` steps; B's pairs lie `width` apart. `before`: the block that the registers hold, or null.
  static void multiply(int64_t squares, const Bf16Pair* a, int64_t unit, const Bf16Pair* b, int64_t width, float beta,
                       const SquareOfC& at, const SquareOfC* before, float* apart) {
    load_operands(a, unit, b, width);
    for_squares([&]<int i, int j>() {
      constexpr int t = i * kVectors + j;
      if (before) before->from(i, j).template finish<t>(apart);
      at.from(i, j).template start<t>(beta, apart);
      add<i, j>(a, unit);
    });
    for (int64_t p = 1; p < squares; ++p) {
      a += kSquare, b += kUnit * width;
      load_operands(a, unit, b, width);
      for_squares([&]<int i, int j>() { add<i, j>(a, unit); });
    }
  }
};

// As many units at a time as there are registers for.
template <int kVectors>
void multiply_units(int64_t squares, const Rows<Bf16Pair>& a, const Bf16Pair* b, int64_t width, float beta,
                    SquareOfC at) {
  alignas(64) float apart[kSquare];
  constexpr int64_t kMost = 4 / kVectors;
  const Bf16Pair* from = a.data;
  SquareOfC before{};
  for (; at.rows > (kMost - 1) * kUnit; from += kMost * a.unit, at = at.from(kMost, 0)) {
    Block<kMost, kVectors>::multiply(squares, from, a.unit, b, width, beta, at, before.c ? &before : nullptr, apart);
    before = at;
  }
  if (before.c) Block<kMost, kVectors>::finish(before, apart);
  const auto multiply_rest = [&]<int kUnits>() {
    if (at.rows <= (kUnits - 1) * kUnit || at.rows > kUnits * kUnit) return;
    Block<kUnits, kVectors>::multiply(squares, from, a.unit, b, width, beta, at, nullptr, apart);
    Block<kUnits, kVectors>::finish(at, apart);
  };
  multiply_rest.template operator()<1>();
  if constexpr (kMost > 2) multiply_rest.template operator()<2>(), multiply_rest.template operator()<3>();
}

}  // namespace

void multiply_in_squares(int64_t m, int64_t n, int64_t k, const Rows<Bf16Pair>& a, const Columns<Bf16Pair>& b,
                         float beta, float* c, int64_t ldc) {
  const Panels<Bf16Pair> panels(n);
  const int64_t squares = steps<Bf16Pair>(k) / kBf16Lanes;
  for (int64_t i = 0; i < panels.count; ++i) {
    const int64_t start = panels.start(i), width = whole_lines<Bf16Pair>(panels.width(i));
    const Bf16Pair* const panel = b.data + start * b.steps;
    const SquareOfC at{c + start, ldc, m, panels.width(i)};
    const int64_t lines = width / kBf16Lanes, even = lines / 2 * 2;
    if (even > 0) multiply_units<2>(squares, a, panel, width, beta, at);
    if (even < lines) multiply_units<1>(squares, a, panel + even * kBf16Lanes, width, beta, at.from(0, even));
  }
}

}  // namespace heed::kernels
HWY_POP_ATTRIBUTES

namespace heed::kernels {
namespace {

// AMX's state is large: Linux gives it to processes that ask.
bool ask_for_squares() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTiles = 1u << 24;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBf16) == 0 || (d & kTiles) == 0) return false;
#if defined(__linux__)
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
#else
  return false;
#endif
}

// Eight registers of 16 rows of 64 bytes.
struct alignas(64) SquareShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr SquareShapes kSquareShapes;

}  // namespace

bool cpu_has_squares() {
  static const bool has = ask_for_squares();
  return has;
}

SquareRegisters::SquareRegisters(bool wanted) : taken_(wanted && bf16_unit() == Bf16Unit::squares) {
  if (taken_) asm volatile("ldtilecfg %0" ::"m"(kSquareShapes));
}
SquareRegisters::~SquareRegisters() {
  if (taken_) asm volatile("tilerelease" ::);
}

}  // namespace heed::kernels

#else

namespace heed::kernels {

bool cpu_has_squares() { return false; }
SquareRegisters::SquareRegisters(bool) : taken_(false) {}
SquareRegisters::~SquareRegisters() {}
void multiply_in_squares(int64_t, int64_t, int64_t, const Rows<Bf16Pair>&, const Columns<Bf16Pair>&, float, float*,
                         int64_t) {}

}  // namespace heed::kernels

#endif
