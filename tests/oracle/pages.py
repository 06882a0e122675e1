#!/usr/bin/env python3
"""Attention of transformers' models in heed's page.

    pages.py HEED DIR    lets a GPT-2 and a T5 with random weights look at some tokens, saves what they give for
                         output_attentions=True in DIR, has `heed page` show it, and compares every number of the page

Prints a line for each model, and how many passed and failed.
"""
import base64
import json
import pathlib
import re
import subprocess
import sys

import numpy
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2Model, T5Config, T5Model

heed, place = sys.argv[1], pathlib.Path(sys.argv[2])
place.mkdir(parents=True, exist_ok=True)
torch.manual_seed(1)
passed = failed = 0


def compare(name, tensors, tokens, wanted, dtype=torch.float32):
    """`wanted` lists of each part of the page its name, tokens in rows and columns, weights, and whether it is causal."""
    global passed, failed
    save_file({key: x.to(dtype).contiguous() for key, x in tensors.items()}, place / "weights.safetensors")
    (place / "tokens.json").write_text(json.dumps(tokens))
    page = place / f"{name}.html"
    subprocess.run([heed, "page", "--attention", place / "weights.safetensors", "--tokens", place / "tokens.json", "--out", page],
                   check=True, stderr=subprocess.DEVNULL)
    data = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page.read_text(), re.S)[1])
    seen, numbers, right = data["examples"][0]["maps"], 0, True
    right &= [part["name"] for part in seen] == [part[0] for part in wanted]
    for part, (_, rows, columns, layers, causal) in zip(seen, wanted):
        right &= part["queries"] == rows and part["keys"] == columns and part["causal"] == causal
        right &= len(part["layers"]) == len(layers)
        for shown, layer in zip(part["layers"], layers):
            bits = numpy.frombuffer(base64.b64decode(shown["f32"]), "<f4").reshape(shown["shape"])
            right &= bool((bits == layer[0].to(dtype).float().numpy()).all())
            numbers += bits.size
    passed, failed = passed + right, failed + (not right)
    print(f"{'ok' if right else 'FAILED':6} {name}: {len(seen)} parts, {numbers} numbers")


with torch.no_grad():
    words = ["The", "▁cat", "<b>", "\n", "é", "sat"]
    gpt2 = GPT2Model(GPT2Config(vocab_size=50, n_positions=16, n_embd=24, n_layer=12, n_head=3, attn_implementation="eager")).eval()
    look = gpt2(torch.arange(6)[None], output_attentions=True).attentions
    for name, dtype in ("gpt2", torch.float32), ("gpt2_bf16", torch.bfloat16):
        compare(name, {f"attentions.{i}": x for i, x in enumerate(look)}, words, [("attentions", words, words, look, True)], dtype)

    t5 = T5Model(T5Config(vocab_size=50, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=3, attn_implementation="eager")).eval()
    source, target = ["the", "cat", "sleeps", "."], ["<pad>", "le", "chat"]
    out = t5(input_ids=torch.arange(4)[None], decoder_input_ids=torch.arange(3)[None], output_attentions=True)
    parts = {"cross_attentions": (out.cross_attentions, target, source, False),
             "decoder_attentions": (out.decoder_attentions, target, target, True),
             "encoder_attentions": (out.encoder_attentions, source, source, False)}
    compare("t5", {f"{name}.{i}": x for name, part in parts.items() for i, x in enumerate(part[0])},
            {"source": source, "target": target}, [(name, rows, columns, x, causal) for name, (x, rows, columns, causal) in parts.items()])

print(f"{passed} passed, {failed} failed")
