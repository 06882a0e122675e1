#!/usr/bin/env python3
"""PyTorch's values, gradients and second gradients of every sample of the op table, for tests/test_ops_torch.cpp.

    ops.py CASES ANSWERS

CASES is a safetensors file. Its metadata "samples" lists {"name", "torch"}: a sample's name and its expression of the
list x, with inputs "NAME.x0", ..., seeds of the outputs "NAME.v0", ..., and of the gradients "NAME.w0", .... ANSWERS gets
"NAME.y0", ... and, where inputs are numbers, the gradients "NAME.g0", ... of sum <v, y> and "NAME.h0", ... of sum <w, g>.
What PyTorch 1.13 does not have is written here from its formula, out of PyTorch's own ops.
"""
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from tensor_file import read, write


def dropout(x, p, seed):
    torch.manual_seed(seed)
    return F.dropout(x, p)


def layer_norm(x, weight, bias):
    """PyTorch 1.13 cannot differentiate its own twice with a bias but no weight."""
    if weight is None:
        weight = torch.ones(x.shape[-1], dtype=x.dtype)
    return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-5)


def hidden_softmax(scores, hidden):
    """Softmax over what is not hidden, zeros where all is."""
    dead = hidden.all(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(hidden & ~dead, -math.inf), -1).masked_fill(dead, 0)


def rope(x, positions, base, interleaved, width, factor, original, low=1.0, high=4.0):
    f = base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    if original:
        kept = ((original * f / (2 * math.pi) - low) / (high - low)).clamp(0, 1)
        f = kept * f + (1 - kept) * f / factor
    else:
        f = f / factor
    turn = torch.polar(torch.ones(()).double(), positions.double().unsqueeze(-1) * f)
    part, rest = x[..., :width], x[..., width:]
    a, b = (part[..., 0::2], part[..., 1::2]) if interleaved else part.chunk(2, -1)
    z = torch.complex(a.double(), b.double()) * turn
    turned = torch.stack([z.real, z.imag], -1).flatten(-2) if interleaved else torch.cat([z.real, z.imag], -1)
    return torch.cat([turned.to(x.dtype), rest], -1)


def attention(q, k, v, mask=None, causal=False, offset=0, scale=None, p=0, seed=0, window=0, cap=0, weights=False):
    T, S, D = q.shape[-2], k.shape[-2], q.shape[-1]
    if q.dim() > 3 and k.shape[-3] not in (1, q.shape[-3]):
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scores = q @ k.mT * (1 / math.sqrt(D) if scale is None else scale)
    if cap:
        scores = cap * torch.tanh(scores / cap)
    hidden = torch.zeros(T, S, dtype=torch.bool)
    if causal:
        hidden = ~torch.ones(T, S, dtype=torch.bool).tril(offset)
    if window:
        hidden = hidden | torch.ones(T, S, dtype=torch.bool).tril(offset - window)
    if mask is not None and mask.dtype == torch.bool:
        hidden = hidden | ~mask
    elif mask is not None:
        scores = scores + mask
    alpha = hidden_softmax(scores, hidden.expand(scores.shape))
    if p > 0:
        alpha = dropout(alpha, p, seed)
    return (alpha @ v, alpha) if weights else alpha @ v


def packed_attention(qkv, heads, causal, scale, p, seed):
    B, T, C = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = (part.reshape(B, T, heads, C // heads).transpose(1, 2) for part in qkv.split(C, 2))
    return attention(q, k, v, causal=causal, scale=scale, p=p, seed=seed).transpose(1, 2).reshape(B, T, C)


def additive(query, keys, score, values, mask, weights=False):
    scores = torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1)) @ score
    hidden = torch.zeros_like(scores, dtype=torch.bool) if mask is None else ~mask.expand(scores.shape)
    alpha = hidden_softmax(scores, hidden)
    return (alpha @ values, alpha) if weights else alpha @ values


def recurrent(cell, gates, w_hh, b_hh, h0, c0, reverse, lengths):
    """PyTorch's cells, step by step, with the identity as W_ih."""
    T, B, width = gates.shape
    H = w_hh.shape[1]
    identity, nothing = torch.eye(width, dtype=gates.dtype), torch.zeros(B, H, dtype=gates.dtype)
    bias = (None, None) if b_hh is None else (torch.zeros_like(b_hh), b_hh)
    h, c = (nothing if state is None else state for state in (h0, c0))
    lengths = torch.tensor(lengths or [T] * B)
    rows = [None] * T
    for t in reversed(range(T)) if reverse else range(T):
        runs = (lengths > t).unsqueeze(1)
        if cell == "lstm":
            next_h, next_c = torch.lstm_cell(gates[t], (h, c), identity, w_hh, *bias)
            c = torch.where(runs, next_c, c)
        else:
            next_h = getattr(torch, cell + "_cell")(gates[t], h, identity, w_hh, *bias)
        h = torch.where(runs, next_h, h)
        rows[t] = torch.where(runs, next_h, torch.zeros_like(next_h))
    return torch.stack(rows + [h] + ([c] if cell == "lstm" else []))


def attentive_decoder(cell, gates, w_context, w_hh, b_hh, w_query, score, keys, values, h0, c0, mask):
    h, c, rows = h0, c0, []
    for gate in gates:
        may = None if mask is None else mask.unsqueeze(1)
        context = additive((h @ w_query.T).unsqueeze(1), keys, score, values, may).squeeze(1)
        state = recurrent(cell, (gate + context @ w_context.T).unsqueeze(0), w_hh, b_hh, h, c, False, None)
        h, c = state[0], state[2] if cell == "lstm" else None
        rows.append(torch.cat([h, context], -1))
    return torch.stack(rows)


def gradients(outputs, seeds, leaves, create_graph):
    """Of sum <seed, output> by leaves; zeros where nothing depends on them."""
    pairs = [(y, v) for y, v in zip(outputs, seeds) if y.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in leaves]
    ys, vs = zip(*pairs)
    found = torch.autograd.grad(ys, leaves, vs, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found)]


def numbered(tensors, name, kind):
    found = []
    while f"{name}.{kind}{len(found)}" in tensors:
        found.append(tensors[f"{name}.{kind}{len(found)}"])
    return found


def evaluate(tensors, sample, answers):
    name = sample["name"]
    x = numbered(tensors, name, "x")
    leaves = [t.requires_grad_() for t in x if t.is_floating_point()]
    y = eval(sample["torch"], globals(), {"x": x})
    y = [y] if isinstance(y, torch.Tensor) else list(y)
    first, second = [], []
    numbers = [t for t in y if t.is_floating_point()]
    if leaves and any(t.requires_grad for t in numbers):
        first = gradients(numbers, numbered(tensors, name, "v"), leaves, True)
        second = gradients(first, numbered(tensors, name, "w"), leaves, False)
    for kind, list_of in ("y", y), ("g", first), ("h", second):
        for i, t in enumerate(list_of):
            answers[f"{name}.{kind}{i}"] = t


def main(cases, answers_path):
    tensors, metadata = read(pathlib.Path(cases))
    answers = {}
    for sample in json.loads(metadata["samples"]):
        try:
            evaluate(tensors, sample, answers)
        except Exception as e:
            sys.exit(f"{sample}: {type(e).__name__}: {e}")
    write(pathlib.Path(answers_path), answers)


main(*sys.argv[1:])
