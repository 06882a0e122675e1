#include <heed/nn/lora.h>

#include <cmath>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/nn/init.h>

namespace heed::nn {

Lora::Lora(Parameters& params, Linear& layer, const LoraOptions& options, Loc loc) {
  const Op op{"Lora", layer.name, loc};
  if (options.rank < 1) fail<ValueError>(op, "rank {}; need at least 1", options.rank);
  if (layer.low_rank)
    fail<ValueError>(op, "the layer has one already, of rank {}; need a layer without, or merge_lora",
                     layer.low_rank->a.size(0));
  const Scope s = Scope(params, op.where).at(*layer.name);
  const Tensor a =
      (s / "lora_A").param("weight", {options.rank, layer.weight.size(1)}, init::kaiming_uniform(std::sqrt(5.0)));
  const Tensor b = (s / "lora_B").param("weight", {layer.weight.size(0), options.rank}, init::zeros());
  layer.weight.set_requires_grad(false);
  if (layer.bias.defined()) layer.bias.set_requires_grad(false);
  layer.low_rank = std::make_shared<const LowRank>(LowRank{a, b, options.alpha / static_cast<double>(options.rank)});
}

void merge_lora(Linear& layer) {
  if (!layer.low_rank) return;
  const NoGrad constant;
  const auto& [a, b, scale] = *layer.low_rank;
  layer.weight.assign(layer.weight + matmul(b, a) * scale);
  layer.low_rank = nullptr;
}

}  // namespace heed::nn
