#!/usr/bin/env python3
"""Tokens a second that a GPT of the same sizes writes in PyTorch, greedily and alone, with a key-value cache and without.

The peer of bench_generate. The last line is one JSON object. Run with /usr/bin/python3 (Debian's python3-torch).
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY = 6, 6, 384, 256, 65


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x, past, start):
        """x (1, t, C) follows `start` tokens, whose keys and values are in past[0] and past[1] (1, H, CONTEXT, D), if any."""
        t = x.shape[1]
        q, k, v = (part.view(1, t, HEADS, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(WIDTH, dim=2))
        if past is not None:
            past[0][:, :, start:start + t], past[1][:, :, start:start + t] = k, v
            k, v = past[0][:, :, :start + t], past[1][:, :, :start + t]
        scores = q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5
        if t > 1:
            future = torch.ones(t, t, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(1, t, WIDTH)
        x = x + self.out(mixed)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, ids, past=None, start=0):
        x = self.tokens(ids) + self.positions.weight[start:start + ids.shape[1]]
        for i, layer in enumerate(self.layers):
            x = layer(x, None if past is None else past[i], start)
        return self.norm(x[:, -1]) @ self.tokens.weight.T

    def write(self, count, cached):
        text = torch.zeros(1, 1, dtype=torch.long)
        head = WIDTH // HEADS
        past = [torch.empty(2, 1, HEADS, CONTEXT, head) for _ in self.layers] if cached else None
        for i in range(count):
            logits = self(text[:, -1:], past, i) if cached else self(text)
            text = torch.cat([text, logits.argmax(-1, keepdim=True)], dim=1)
        return text


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tokens", type=int, default=CONTEXT - 1)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--times", type=int, default=3)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)
    writer = Writer().eval()

    def rate(cached):
        best = float("inf")
        for _ in range(given.times):
            start = time.perf_counter()
            writer.write(given.tokens, cached)
            best = min(best, time.perf_counter() - start)
        return given.tokens / best

    with torch.inference_mode():
        same = torch.equal(writer.write(given.tokens, True), writer.write(given.tokens, False))
        print(json.dumps({"config": "baby", "threads": given.threads, "tokens": given.tokens, "cached_tokens_per_s": rate(True),
                          "uncached_tokens_per_s": rate(False), "same_text": same}))


if __name__ == "__main__":
    main()
