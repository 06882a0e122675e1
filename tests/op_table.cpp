#include "op_table.h"

namespace heed::tests {

double Draw::uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

Tensor Draw::real(const Shape& shape, double low, double high) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = low + (high - low) * uniform();
  return from_vector(values, shape);
}

Tensor Draw::away_from_zero(const Shape& shape, double low, double high) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) {
    v = low + (high - low) * uniform();
    if (uniform() < 0.5) v = -v;
  }
  return from_vector(values, shape);
}

Tensor Draw::integers(int64_t low, int64_t high, const Shape& shape) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  for (int64_t& v : values) v = low + static_cast<int64_t>(uniform() * static_cast<double>(high - low));
  return from_vector(values, shape);
}

Tensor Draw::mask(const Shape& shape, double p) {
  std::vector<bool> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = uniform() < p;
  return from_vector(values, shape);
}

const std::vector<OpRecord>& op_table() {
  static const std::vector<OpRecord> table = [] {
    std::vector<OpRecord> all;
    for (auto part : {elementwise_records, reduction_records, product_records, view_records, index_records,
                      loss_records, layer_records, recurrent_records, comparison_records})
      for (OpRecord& record : part()) all.push_back(std::move(record));
    return all;
  }();
  return table;
}

}  // namespace heed::tests
