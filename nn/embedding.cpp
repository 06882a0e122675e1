#include <heed/nn/embedding.h>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

Embedding::Embedding(Scope s, int64_t tokens, int64_t width, std::optional<int64_t> padding)
    : name(s.name()), padding_idx(padding) {
  const Op op{"Embedding", s.name(), s.where()};
  if (tokens < 1 || width < 1) fail<ValueError>(op, "{} tokens of width {}; need at least 1 of each", tokens, width);
  if (padding && (*padding < 0 || *padding >= tokens))
    fail<IndexError>(op, "padding_idx is {}; need a token in [0, {})", *padding, tokens);
  weight = s.param("weight", {tokens, width}, [&](const Tensor& all, Rng& rng) {
    init::normal()(all, rng);  // the padding row takes part in the drawing
    if (padding) init::zeros()(all.select(0, *padding), rng);
  });
}

Tensor Embedding::operator()(const Tensor& index, Loc loc) const {
  const Op op{"Embedding", name, loc};
  const Tensor y = compressed ? compressed->rows(index) : embedding(index, weight);
  if (!padding_idx) return y;
  // The identity, but for a gradient that skips padding.
  const Tensor is_padding = eq(index, static_cast<double>(*padding_idx)).unsqueeze(-1);
  return autograd::record({"embedding"}, y.detach(),
                          {{y, [is_padding](const Tensor& g) { return masked_fill(g, is_padding, 0); }}});
}

}  // namespace heed::nn
