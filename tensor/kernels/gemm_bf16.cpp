// One operand, the one of the shorter side of C, is packed first, by all threads; then each thread packs its share of
// the other, piece by piece, and multiplies it while it is in cache.
#include <heed/tensor/kernels/gemm_bf16.h>

#include <algorithm>

#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/row_blocks.h>

namespace heed::kernels {
namespace {

constexpr int64_t kMostDepth = 1024;         // of k at a time: a panel and a unit of rows stay in the second cache
constexpr int64_t kRoom = int64_t{1} << 21;  // elements packed at first, 4 MiB: they stay in the last cache
constexpr int64_t kMostColumns = 42 * kBf16Columns, kMostRows = 128 * kBf16Unit;  // of that operand
constexpr int64_t kRowsPerPiece = 4 * kBf16Unit;                                  // they stay in the second cache
// What is worth a thread's while: multiply-adds, and elements to pack.
constexpr int64_t kWorkPerRange = int64_t{1} << 20, kPackedPerRange = int64_t{1} << 15;

// Of k cut into even blocks, of whole vectors of pairs: a short last one would read and write C for little work.
int64_t depth_of(int64_t k) {
  const int64_t blocks = (k + kMostDepth - 1) / kMostDepth, vector = 2 * kBf16Lanes;
  return (k + blocks * vector - 1) / (blocks * vector) * vector;
}

int64_t grain(int64_t worth, int64_t work_per_item) {
  return std::max<int64_t>(1, worth / std::max<int64_t>(1, work_per_item));
}

/// C (m, n) = A B + beta C.
struct Part {
  Bf16Source a, b;
  int64_t m, n, k, most_depth;
  float beta;
  float* c;
  int64_t ldc;

  int64_t units() const { return (m + kBf16Unit - 1) / kBf16Unit; }
  int64_t blocks() const { return (k + most_depth - 1) / most_depth; }
  int64_t depth(int64_t block) const { return std::min(most_depth, k - block * most_depth); }
  float factor(int64_t block) const { return block == 0 ? beta : 1; }
};

/// Threads share the rows of C; B is packed first.
void share_rows(const Part& part, uint32_t* room) {
  const Bf16Panels panels(part.n);
  const auto packed = [&](int64_t block) { return room + block * bf16_columns_size(part.n, part.most_depth); };
  const int64_t pieces = part.blocks() * panels.count;
  parallel_for(pieces, grain(kPackedPerRange, part.k * part.n / pieces), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t block = i / panels.count, panel = i % panels.count, depth = part.depth(block);
      pack_bf16_panel(part.b.from(block * part.most_depth, 0), panels, panel, depth,
                      packed(block) + panels.start(panel) * bf16_pairs(depth));
    }
  });
  parallel_for(part.units(), grain(kWorkPerRange, kBf16Unit * part.n * part.k), [&](int64_t first, int64_t last) {
    const Scratch<uint32_t> rows(bf16_rows_size(kRowsPerPiece, part.depth(0)));
    const int64_t end = std::min(part.m, last * kBf16Unit);
    for (int64_t i = first * kBf16Unit; i < end; i += kRowsPerPiece)
      for (int64_t block = 0; block < part.blocks(); ++block) {
        const int64_t count = std::min(kRowsPerPiece, end - i), depth = part.depth(block);
        const auto a = pack_bf16_rows(part.a.from(i, block * part.most_depth), count, depth, rows.data());
        multiply_bf16(count, part.n, depth, a, {packed(block), bf16_pairs(depth)}, part.factor(block),
                      part.c + i * part.ldc, part.ldc);
      }
  });
}

/// Threads share the columns of C; A is packed first.
void share_columns(const Part& part, uint32_t* room) {
  const Bf16Panels panels(part.n);
  const int64_t units = part.units();
  const auto packed = [&](int64_t block) {
    return Bf16Rows{room + block * bf16_rows_size(part.m, part.most_depth), bf16_padded(bf16_pairs(part.depth(block))),
                    part.a.transposed};
  };
  parallel_for(part.blocks() * units, grain(kPackedPerRange, kBf16Unit * part.depth(0)),
               [&](int64_t first, int64_t last) {
                 for (int64_t i = first; i < last; ++i) {
                   const int64_t block = i / units, row = i % units * kBf16Unit;
                   pack_bf16_rows(part.a.from(row, block * part.most_depth), std::min(kBf16Unit, part.m - row),
                                  part.depth(block), const_cast<uint32_t*>(packed(block).unit(i % units).data));
                 }
               });
  parallel_for(panels.count, grain(kWorkPerRange, kBf16Columns * part.m * part.k), [&](int64_t first, int64_t last) {
    const Scratch<uint32_t> columns(bf16_columns_size(kBf16Columns, part.depth(0)));
    for (int64_t panel = first; panel < last; ++panel)
      for (int64_t block = 0; block < part.blocks(); ++block) {
        pack_bf16_panel(part.b.from(block * part.most_depth, 0), panels, panel, part.depth(block), columns.data());
        multiply_bf16(part.m, panels.width(panel), part.depth(block), packed(block),
                      {columns.data(), bf16_pairs(part.depth(block))}, part.factor(block), part.c + panels.start(panel),
                      part.ldc);
      }
  });
}

}  // namespace

void gemm_bf16(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
               int64_t ldb, float beta, float* c, int64_t ldc) {
  const Bf16Source A{a, lda, trans_a}, B{b, ldb, trans_b};
  const bool by_rows = m >= n;
  const int64_t rows = by_rows ? m : std::min(m, kMostRows), columns = by_rows ? std::min(n, kMostColumns) : n;
  const int64_t packed = by_rows ? columns : rows, block = depth_of(k);
  const int64_t depth = std::min(k, std::max<int64_t>(1, kRoom / packed / block) * block);
  const Scratch<uint32_t> room(bf16_padded(packed) * ((depth + block - 1) / block) * bf16_padded(bf16_pairs(block)));
  for (int64_t i = 0; i < m; i += rows)
    for (int64_t j = 0; j < n; j += columns)
      for (int64_t p = 0; p < k; p += depth) {
        const Part part{A.from(i, p),
                        B.from(p, j),
                        std::min(rows, m - i),
                        std::min(columns, n - j),
                        std::min(depth, k - p),
                        block,
                        p == 0 ? beta : 1,
                        c + i * ldc + j,
                        ldc};
        by_rows ? share_rows(part, room.data()) : share_columns(part, room.data());
      }
}

}  // namespace heed::kernels
