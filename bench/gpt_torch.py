#!/usr/bin/env python3
"""A training step of GPT-2's architecture in PyTorch on the CPU: bench_step's peer, of its sizes, on random tokens.

Weights as PyTorch draws them from seed 1, no biases in the linear layers, AdamW. Prints one line of JSON.
gqa and window want PyTorch 2.5, for enable_gqa. The window is a boolean mask: flex_attention has no backward on the CPU.
"""
import argparse

import torch
import torch.nn.functional as F
from step_torch import parsed, time_steps
from torch import nn

SIZES = {  # B, T, layers, heads, C, V
    "micro": (4, 32, 2, 2, 32, 65),         # what an op costs beside its arithmetic
    "cpu": (12, 64, 4, 4, 128, 65),         # nanoGPT's settings for a laptop
    "baby": (64, 256, 6, 6, 384, 65),       # nanoGPT's train_shakespeare_char
    "long": (1, 4096, 4, 4, 128, 65),       # attention is most of it
    "gpt2": (1, 512, 12, 12, 768, 50304),   # GPT-2 of 124 million parameters
    "full": (1, 4096, 4, 8, 256, 65),       # beside it gqa and window, with the same sizes
}
GQA = {"gqa": (2, None), "window": (2, 512)}  # heads of keys and values, and how many keys a query sees


def attention(q, k, v, mask):
    """Causal, (B, H, T, D); PyTorch 2 has it fused. A mask is causal already."""
    if hasattr(F, "scaled_dot_product_attention"):
        gqa = {"enable_gqa": True} if k.shape[1] < q.shape[1] else {}
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, **gqa)
    T, D = q.shape[-2:]
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return (q @ k.transpose(-2, -1) * D ** -0.5).masked_fill(future, float("-inf")).softmax(-1) @ v


class Layer(nn.Module):
    def __init__(self, C, heads, kv_heads):
        super().__init__()
        self.D, self.widths = C // heads, [C, kv_heads * C // heads, kv_heads * C // heads]
        self.norm1, self.norm2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.out = nn.Linear(C, sum(self.widths), bias=False), nn.Linear(C, C, bias=False)
        self.up, self.down = nn.Linear(C, 4 * C, bias=False), nn.Linear(4 * C, C, bias=False)

    def forward(self, x, mask):
        B, T, C = x.shape
        parts = self.qkv(self.norm1(x)).split(self.widths, dim=2)
        mixed = attention(*(part.view(B, T, -1, self.D).transpose(1, 2) for part in parts), mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self, T, layers, heads, C, V, kv_heads=None, window=None):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, C), nn.Embedding(T, C)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(C, heads, kv_heads or heads) for _ in range(layers))
        self.norm = nn.LayerNorm(C)
        self.mask = torch.ones(T, T, dtype=torch.bool).tril().triu(1 - window) if window else None

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x, self.mask)
        return self.norm(x) @ self.tokens.weight.T


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--config", choices=[*SIZES, *GQA], default="cpu")
    given = parsed(options, steps=30)
    B, T, *sizes, V = SIZES["full" if given.config in GQA else given.config]
    model = Model(T, *sizes, V, *GQA.get(given.config, ()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    ids, targets = torch.randint(V, (B, T)), torch.randint(V, (B, T))
    time_steps(given, model, optimizer, lambda m: F.cross_entropy(m(ids).flatten(0, 1), targets.flatten()),
               config=given.config)


if __name__ == "__main__":
    main()
