// One operand, the one of the shorter side of C, is packed first, by all threads; then each thread packs its share of
// the other, piece by piece, and multiplies it while it is in cache (Goto and van de Geijn 2008). An A in f32 or f64 is
// read as it lies where that is as fast.
#include <heed/tensor/kernels/tile.h>

#include <algorithm>
#include <type_traits>

#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/row_blocks.h>

namespace heed::kernels {
namespace {

// At a time: a panel and a unit of rows stay in the second cache.
template <class Element>
constexpr int64_t kMostSteps = std::is_floating_point_v<Element> ? 768 : 512;
constexpr int64_t kRoom = int64_t{1} << 22;  // bytes packed at first, or one block of k: they stay in the last cache
constexpr int64_t kMostRows = 128 * kUnit;   // of that operand
// Of rows that are packed or read at a time: few stay in the second cache; of a large A transposed, whose rows lie
// across, many are read from memory in longer lines.
constexpr int64_t kFewUnits = 4, kManyUnits = 16;
constexpr int64_t kLarge = int64_t{1} << 21;  // bytes
// Of B's panels that are packed together, for the same lines, and of their rows at a time.
template <class Element>
constexpr int64_t kFewPanels = std::is_floating_point_v<Element> ? 3 : 6;
constexpr int64_t kRowsAtOnce = 32;
template <class Element>
constexpr int64_t kMostColumns = 42 * kPanel<Element>;
// What is worth a thread's while: multiply-adds, and elements to pack.
template <class Element>
constexpr int64_t kWorkPerRange = (std::is_floating_point_v<Element> ? int64_t{1} << 21 : int64_t{1} << 22) /
                                  sizeof(Element);
constexpr int64_t kPackedPerRange = int64_t{1} << 15;
// Bytes of an A that is read as it lies, across too: in a larger one rows a power of two apart would share few lines of
// the caches.
constexpr int64_t kSmall = int64_t{1} << 16;

// Of k cut into even blocks, of whole lines: a short last one would read and write C for little work.
template <class Element>
int64_t depth_of(int64_t k) {
  constexpr int64_t kElement = std::is_floating_point_v<Element> ? 1 : 2, kMostDepth = kMostSteps<Element> * kElement;
  const int64_t blocks = (k + kMostDepth - 1) / kMostDepth, line = kLine<Element> * kElement;
  return (k + blocks * line - 1) / (blocks * line) * line;
}

/// C (m, n) = A B + beta C.
template <class Element, class Real>
struct Part {
  Source<Real> a, b;
  int64_t m, n, k, most_depth;
  Real beta;
  Real* c;
  int64_t ldc;

  int64_t units() const { return (m + kUnit - 1) / kUnit; }
  int64_t blocks() const { return (k + most_depth - 1) / most_depth; }
  int64_t depth(int64_t block) const { return std::min(most_depth, k - block * most_depth); }
  Real factor(int64_t block) const { return block == 0 ? beta : 1; }
  int64_t units_per_piece() const {
    const bool large = m * k * int64_t{sizeof(Real)} > kLarge;
    return a.transposed && large ? kManyUnits : kFewUnits;
  }

  /// Whether A is read as it lies.
  bool in_place() const {
    return std::is_floating_point_v<Element> && (!a.transposed || m * k * int64_t{sizeof(Real)} <= kSmall);
  }
  /// A's rows from i, of one block.
  Rows<Element> rows_in_place(int64_t i, int64_t block) const {
    if constexpr (std::is_same_v<Element, Real>) {
      const Source<Real> from = a.from(i, block * most_depth);
      return from.transposed ? Rows<Real>::across(from.data, from.row) : Rows<Real>::along(from.data, from.row);
    } else return {};
  }
};

/// Calls f(first, last, begin, end) in parallel for parts of a grid of `along` by `across` cells, each of so many
/// multiply-adds: whole rows of it, first to last, but where those are few for the threads. No bits depend on it.
template <class Element, class F>
void share_grid(int64_t along, int64_t across, int64_t work, int64_t most, F f) {
  const int64_t threads = num_threads(), worth = along * across * work / kWorkPerRange<Element>;
  const int64_t cuts = std::clamp<int64_t>(std::min((4 * threads + along - 1) / along, worth), 1, across);
  const int64_t least = std::clamp<int64_t>(along * cuts / threads, 1, most);
  parallel_for(along * cuts, std::max(least, grain_for(kWorkPerRange<Element>, across / cuts * work)),
               [&](int64_t first, int64_t last) {
                 while (first < last) {
                   const int64_t cut = first / along, end = std::min(last, (cut + 1) * along);
                   f(first - cut * along, end - cut * along, across * cut / cuts, across * (cut + 1) / cuts);
                   first = end;
                 }
               });
}

/// Calls f(row, begin, end) in parallel for cells [begin, end) of each of so many rows.
template <class F>
void for_rows_of_grid(int64_t rows, int64_t cells, int64_t grain, F f) {
  parallel_for(rows * cells, grain, [&](int64_t first, int64_t last) {
    for (int64_t row = first / cells; row * cells < last; ++row)
      f(row, std::max(first - row * cells, int64_t{0}), std::min(last - row * cells, cells));
  });
}

/// Packs panels [first, last) of B, panel i to `to(i)`: of one that is not transposed a few rows of all at a time, so
/// that it is read in long lines.
template <class Element, class Real, class To>
void pack_panels(const Source<Real>& b, const Panels<Element>& panels, int64_t first, int64_t last, int64_t k, To to) {
  const int64_t rows = b.transposed ? k : kRowsAtOnce;
  for (int64_t p = 0; p < k; p += rows)
    for (int64_t i = first; i < last; ++i)
      pack_panel(b.from(p, 0), panels, i, std::min(rows, k - p),
                 to(i) + steps<Element>(p) * whole_lines<Element>(panels.width(i)));
}

/// B is packed first, and then A by each thread, by pieces of rows.
template <class Element, class Real>
void multiply_rows(const Part<Element, Real>& part, Element* room) {
  const Panels<Element> panels(part.n);
  const bool in_place = part.in_place();
  const int64_t piece = part.units_per_piece();
  const auto packed = [&](int64_t block, int64_t panel) {
    return room + block * columns_size<Element>(part.n, part.most_depth) +
           panels.start(panel) * steps<Element>(part.depth(block));
  };
  for_rows_of_grid(part.blocks(), panels.count, grain_for(kPackedPerRange, part.depth(0) * kPanel<Element>),
                   [&](int64_t block, int64_t begin, int64_t end) {
                     pack_panels(part.b.from(block * part.most_depth, 0), panels, begin, end, part.depth(block),
                                 [&](int64_t panel) { return packed(block, panel); });
                   });
  share_grid<Element>(
      part.units(), panels.count, kUnit * kPanel<Element> * part.k, piece,
      [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        const SquareRegisters registers(!std::is_floating_point_v<Element>);
        const Scratch<Element> rows(in_place ? 0 : rows_size<Element>(piece * kUnit, part.depth(0)));
        for (int64_t unit = first; unit < last; unit += piece)
          for (int64_t block = 0; block < part.blocks(); ++block) {
            const int64_t i = unit * kUnit, depth = part.depth(block);
            const int64_t count = std::min(part.m, std::min(last, unit + piece) * kUnit) - i;
            const auto a = in_place ? part.rows_in_place(i, block)
                                    : pack_rows(part.a.from(i, block * part.most_depth), count, depth, rows.data());
            for (int64_t panel = begin; panel < end; ++panel)
              multiply(count, panels.width(panel), depth, a, {packed(block, panel), steps<Element>(depth)},
                       part.factor(block), part.c + i * part.ldc + panels.start(panel), part.ldc);
          }
      });
}

/// A is packed first, and then B by each thread, by panels.
template <class Element, class Real>
void multiply_columns(const Part<Element, Real>& part, Element* room) {
  const Panels<Element> panels(part.n);
  const int64_t units = part.units();
  const bool in_place = part.in_place();
  const auto packed = [&](int64_t block, int64_t unit) {
    return room + block * rows_size<Element>(part.m, part.most_depth) +
           unit * rows_size<Element>(kUnit, part.depth(block));
  };
  const auto rows = [&](int64_t block, int64_t unit) {
    if (in_place) return part.rows_in_place(unit * kUnit, block);
    if constexpr (std::is_same_v<Element, Bf16Pair>)
      return packed_rows(packed(block, unit), part.depth(block), part.a.transposed);
    else return Rows<Element>::units(packed(block, unit), row_length<Element>(part.depth(block)));
  };
  if (!in_place)
    for_rows_of_grid(part.blocks(), units, grain_for(kPackedPerRange, kUnit * part.depth(0)),
                     [&](int64_t block, int64_t begin, int64_t end) {
                       pack_rows(part.a.from(begin * kUnit, block * part.most_depth),
                                 std::min(part.m, end * kUnit) - begin * kUnit, part.depth(block),
                                 packed(block, begin));
                     });
  share_grid<Element>(
      panels.count, units, kUnit * kPanel<Element> * part.k, kFewUnits,
      [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        const SquareRegisters registers(!std::is_floating_point_v<Element>);
        const Scratch<Element> columns(columns_size<Element>(kFewPanels<Element> * kPanel<Element>, part.depth(0)));
        for (int64_t panel = first; panel < last; panel += kFewPanels<Element>)
          for (int64_t block = 0; block < part.blocks(); ++block) {
            const int64_t depth = part.depth(block), after = std::min(last, panel + kFewPanels<Element>);
            const auto packed_panel = [&](int64_t i) {
              return columns.data() + (panels.start(i) - panels.start(panel)) * steps<Element>(depth);
            };
            pack_panels(part.b.from(block * part.most_depth, 0), panels, panel, after, depth, packed_panel);
            for (int64_t i = panel; i < after; ++i)
              multiply(std::min(part.m, end * kUnit) - begin * kUnit, panels.width(i), depth, rows(block, begin),
                       {packed_panel(i), steps<Element>(depth)}, part.factor(block),
                       part.c + begin * kUnit * part.ldc + panels.start(i), part.ldc);
          }
      });
}

}  // namespace

template <class Element, class Real>
void packed_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b,
                 int64_t ldb, Real beta, Real* c, int64_t ldc) {
  const Source<Real> A{a, lda, trans_a}, B{b, ldb, trans_b};
  const bool by_rows = m >= n;
  const int64_t rows = by_rows ? m : std::min(m, kMostRows), columns = by_rows ? std::min(n, kMostColumns<Element>) : n;
  const int64_t block = depth_of<Element>(k);
  const int64_t packed = by_rows ? columns_size<Element>(columns, block) : rows_size<Element>(rows, block);
  const int64_t room_for = std::max<int64_t>(1, kRoom / int64_t{sizeof(Element)} / packed);  // blocks of k
  const int64_t depth = std::min(k, room_for * block);
  const bool packs = by_rows || trans_a || !std::is_floating_point_v<Element>;
  const Scratch<Element> room(packs ? (depth + block - 1) / block * packed : 0);
  for (int64_t i = 0; i < m; i += rows)
    for (int64_t j = 0; j < n; j += columns)
      for (int64_t p = 0; p < k; p += depth) {
        const Part<Element, Real> part{A.from(i, p),
                                       B.from(p, j),
                                       std::min(rows, m - i),
                                       std::min(columns, n - j),
                                       std::min(depth, k - p),
                                       block,
                                       p == 0 ? beta : 1,
                                       c + i * ldc + j,
                                       ldc};
        by_rows ? multiply_rows(part, room.data()) : multiply_columns(part, room.data());
      }
}

template decltype(packed_gemm<float, float>) packed_gemm<float, float>;
template decltype(packed_gemm<double, double>) packed_gemm<double, double>;
template decltype(packed_gemm<Bf16Pair, float>) packed_gemm<Bf16Pair, float>;

}  // namespace heed::kernels
