#!/usr/bin/env python3
"""Small folders as transformers write them, with what their models compute.

    folders.py DIR

Writes DIR/NAME/ for each case below, and beside the model expected.safetensors: "tokens", "prompt", "logits", the gradient
of the mean cross-entropy of each next token under the name of every tensor of the folder, and "greedy", the prompt and
what follows it. tests/reference/folders holds them for tests/test_folders.cpp; scripts/interop.sh makes them anew.
Everything is computed in f64, also what transformers compute in f32 whatever the model's type (norms, angles).
"""
import contextlib
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, GPT2Model, LlamaConfig, LlamaForCausalLM,
                          MistralConfig, MistralForCausalLM, NanoChatConfig, NanoChatForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

GPT2 = dict(vocab_size=13, n_positions=10, n_embd=8, n_layer=2, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            bos_token_id=None, eos_token_id=None)
LLAMA = dict(vocab_size=13, max_position_embeddings=24, hidden_size=8, intermediate_size=12, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, bos_token_id=None, eos_token_id=None, pad_token_id=None)
LLAMA3 = dict(rope_theta=100.0, rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=8)

# name: (model, type of the weights, options of save_pretrained)
CASES = {
    "gpt2-tied": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2)), torch.float32, {}),
    "gpt2-untied": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2, tie_word_embeddings=False)), torch.float32, {}),
    "gpt2-gelu-inner": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2, activation_function="gelu", n_inner=20,
                                                           layer_norm_epsilon=1e-3)), torch.float32, {}),
    "gpt2-f16-sharded": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2)), torch.float16, {"max_shard_size": "1KB"}),
    "gpt2-bf16": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2)), torch.bfloat16, {}),
    "gpt2-headless": (lambda: GPT2Model(GPT2Config(**GPT2)), torch.float32, {}),
    "gpt2-f64": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2)), torch.float64, {}),
    "llama": (lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)), torch.float64, {}),
    "llama-biased-scaled": (lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True,
                                                                 tie_word_embeddings=True, rope_parameters=LLAMA3)),
                            torch.float64, {}),
    "llama-linear": (lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, rope_parameters=dict(
        rope_theta=50.0, rope_type="linear", factor=2.0))), torch.float64, {}),
    "mistral": (lambda: MistralForCausalLM(MistralConfig(**LLAMA, sliding_window=5)), torch.float64, {}),
    "qwen2": (lambda: Qwen2ForCausalLM(Qwen2Config(**LLAMA)), torch.float64, {}),
    "qwen3": (lambda: Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=6)), torch.float64, {}),
    "nanochat": (lambda: NanoChatForCausalLM(NanoChatConfig(**LLAMA)), torch.float64, {}),
}


@contextlib.contextmanager
def all_in_f64():
    """Whoever asks torch for f32 gets f64."""
    before = torch.float, torch.float32, torch.Tensor.float, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.float = torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float, torch.float32, torch.Tensor.float, default = before
        torch.set_default_dtype(default)


def answer(model, names):
    """What a model of f64 computes; every gradient under the name in the file."""
    context = model.config.max_position_embeddings
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(model.config.vocab_size, (2, context), generator=generator)
    prompt = tokens[1, :3].clone()
    model.train(False)
    with all_in_f64():
        logits = model(tokens).logits
        F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
        greedy = prompt[None]
        with torch.no_grad():
            while greedy.shape[1] < context:
                greedy = torch.cat([greedy, model(greedy).logits[:, -1:].argmax(-1)], 1)
    gradients = dict(model.named_parameters())
    prefix = model.base_model_prefix + "."
    found = {name: gradients[name if name in gradients else prefix + name].grad for name in names}
    return {"tokens": tokens, "prompt": prompt, "logits": logits.detach(), "greedy": greedy,
            **{name: x.contiguous() for name, x in found.items()}}


def make(name, folder):
    build, dtype, options = CASES[name]
    torch.manual_seed(sum(map(ord, name)))
    model = build()
    for parameter in model.parameters():  # far from where they start, also biases and norms
        parameter.data += 0.3 * torch.randn_like(parameter)
    model.to(dtype).save_pretrained(folder, **options)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    names = [name for file in folder.glob("model*.safetensors") for name in load_file(file)]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with all_in_f64():
        wide = type(model)(model.config)  # with angles in f64
    wide.load_state_dict(model.state_dict())
    save_file(answer(wide, names), folder / "expected.safetensors")


if __name__ == "__main__":
    for name in CASES:
        make(name, pathlib.Path(sys.argv[1]) / name)
