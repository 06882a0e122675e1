// What the model of a folder computes, by the names that its files have.
#pragma once

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/generate.h>
#include <heed/train/folder/family.h>
#include <heed/train/saved_gpt.h>

namespace heed::tests {

/// For tokens (B, T) and a prompt (T): "logits", the gradient of the mean cross-entropy of each next token for each
/// tensor of the folder, and "greedy", the prompt and what follows it until the context is full.
inline NamedTensors folder_answer(const train::SavedModel& saved, const Tensor& tokens, const Tensor& prompt) {
  const nn::EvalMode eval;
  const int64_t T = tokens.size(1);
  const Tensor logits = saved.gpt(tokens);
  NamedTensors answer = {{"logits", logits.detach()}};
  saved.params.zero_grad();
  cross_entropy(logits(all, slice(0, T - 1)), tokens(all, slice(1, T))).backward();
  const models::GptConfig& config = saved.gpt.config;
  nn::Parameters gradients(1, saved.params.dtype());  // lie as the parameters do
  const models::Gpt shapes(gradients, config);
  for (const auto& [name, parameter] : saved.params) gradients.set(name, parameter.grad());
  for (const nn::Slot& slot : train::family_of(config).slots(gradients, config))
    answer.emplace_back(slot.name, slot.reorder ? slot.reorder(slot.into) : slot.into.clone());
  const NoGrad no_grad;
  Rng rng(1);
  answer.emplace_back("greedy", models::sample(saved.gpt, prompt.unsqueeze(0),
                                               {.tokens = config.context - prompt.size(0), .temperature = 0}, rng));
  return answer;
}

}  // namespace heed::tests
