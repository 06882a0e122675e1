#!/usr/bin/env python3
"""One training step of each model in PyTorch, for tests/test_models_torch.cpp.

    models.py DIR

For every DIR/NAME.case (safetensors: parameters under their names, inputs as "input.*", the config in the metadata)
writes DIR/NAME.answer: "loss", "logits", and a gradient under each parameter's name; for the model "gpt-start", the
weights that nanoGPT starts from. The models are written here from their formulas, independently of the C++ ones.
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from tensor_file import read, write
from torch import nn


def heads(x, H):
    return x.unflatten(-1, (H, -1)).transpose(1, 2)


def attend(q, k, v, H, mask):
    q, k, v = heads(q, H), heads(k, H), heads(v, H)
    scores = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5
    return (scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v).transpose(1, 2).flatten(2)


def causal(T):
    return torch.ones(T, T, dtype=torch.bool).tril()


def below(lengths, S):
    return torch.arange(S) < lengths[:, None]


def gpt(p, config, tokens):
    def layer(name, x):
        return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p.get(name + ".bias"))

    T = tokens.shape[1]
    x = p["wte.weight"][tokens] + p["wpe.weight"][:T]
    for i in range(config["layers"]):
        h = f"h.{i}."
        q, k, v = layer(h + "attn.c_attn", norm(h + "ln_1", x)).chunk(3, -1)
        x = x + layer(h + "attn.c_proj", attend(q, k, v, config["heads"], causal(T)))
        wide = F.gelu(layer(h + "mlp.c_fc", norm(h + "ln_2", x)), approximate="tanh" if config["tanh"] else "none")
        x = x + layer(h + "mlp.c_proj", wide)
    return norm("ln_f", x) @ p.get("lm_head.weight", p["wte.weight"]).T


def gpt_start(config):
    """Draws as nanoGPT does: modules in the order of its constructor, then all again, then every c_proj."""
    C, V, bias = config["channels"], config["vocabulary"], config["bias"]

    def block():
        attn = nn.ModuleDict({"c_attn": nn.Linear(C, 3 * C, bias), "c_proj": nn.Linear(C, C, bias)})
        mlp = nn.ModuleDict({"c_fc": nn.Linear(C, 4 * C, bias), "c_proj": nn.Linear(4 * C, C, bias)})
        return nn.ModuleDict({"ln_1": nn.LayerNorm(C), "attn": attn, "ln_2": nn.LayerNorm(C), "mlp": mlp})

    def init(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)

    torch.manual_seed(config["seed"])
    model = nn.ModuleDict({"wte": nn.Embedding(V, C), "wpe": nn.Embedding(config["context"], C)})
    model["h"] = nn.ModuleList([block() for _ in range(config["layers"])])
    model["ln_f"] = nn.LayerNorm(C)
    model["lm_head"] = nn.Linear(C, V, bias=False)
    if config["tied"]:
        model["wte"].weight = model["lm_head"].weight
    model.apply(init)
    for name, parameter in model.named_parameters():
        if name.endswith("c_proj.weight"):
            nn.init.normal_(parameter, 0.0, 0.02 / (2 * config["layers"]) ** 0.5)
    return dict(model.named_parameters())


def unpadded_rnn(p, cell, x, lengths, bidirectional):
    """PyTorch's cell step by step over each sentence alone, which knows of no padding."""
    H = p["encoder.weight_hh_l0"].shape[1]

    def run(sequence, suffix):
        w = [p[f"encoder.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        state, outputs = zero_state(cell, 1, H, x.dtype), []
        for step in sequence:
            state = cell_step(cell, step[None], state, *w)
            outputs.append(state[0][0])
        return torch.stack(outputs), state

    rows, lasts = [], []
    for row, n in zip(x, lengths.tolist()):
        y, last = run(row[:n], "")
        if bidirectional:
            back, last = run(row[:n].flip(0), "_reverse")
            y = torch.cat([y, back.flip(0)], -1)
        rows.append(F.pad(y, (0, 0, 0, x.shape[1] - n)))
        lasts.append(last)
    return torch.stack(rows), tuple(torch.cat(parts) for parts in zip(*lasts))


def zero_state(cell, B, H, dtype):
    return tuple(torch.zeros(B, H, dtype=dtype) for _ in range(2 if cell == "lstm" else 1))


def cell_step(cell, x, state, *weights):
    if cell == "lstm":
        return torch._VF.lstm_cell(x, state, *weights)
    return (getattr(torch._VF, "gru_cell" if cell == "gru" else "rnn_tanh_cell")(x, state[0], *weights),)


def seq2seq(p, config, source, lengths, decoder_input):
    cell, attention = config["cell"], config["attention"]
    states, last = unpadded_rnn(p, cell, p["source_embedding.weight"][source], lengths, attention)
    state = (torch.tanh(F.linear(last[0], p["bridge.weight"], p["bridge.bias"])),)
    if cell == "lstm":
        state += (torch.tanh(F.linear(last[1], p["bridge_cell.weight"], p["bridge_cell.bias"])),)
    e, context, steps = p["target_embedding.weight"][decoder_input], last[0], []
    mask = below(lengths, source.shape[1])
    for t in range(decoder_input.shape[1]):
        if attention:
            energy = torch.tanh(F.linear(state[0], p["attention.W.weight"])[:, None] + F.linear(states, p["attention.U.weight"]))
            weights = (energy @ p["attention.v"]).masked_fill(~mask, float("-inf")).softmax(-1)
            context = (weights[..., None] * states).sum(1)
        w = [p["decoder." + name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        state = cell_step(cell, torch.cat([e[:, t], context], -1), state, *w)
        steps.append(torch.cat([state[0], context, e[:, t]], -1))
    return F.linear(torch.stack(steps, 1), p["output.weight"], p["output.bias"])


def sinusoids(T, C, dtype):
    t, i = torch.arange(T, dtype=torch.float64)[:, None], torch.arange(0, C, 2, dtype=torch.float64)
    angle = t / 10000 ** (i / C)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :C].to(dtype)


def transformer(p, config, source, lengths, decoder_input):
    H = config["heads"]

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"])

    def layer(name, x):
        return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))

    def residual(name, x, f):
        return x + f(norm(name, x)) if config["pre_norm"] else norm(name, x + f(x))

    def attention(name, x, context, mask):
        q, k, v = layer(name + ".W_query", x), layer(name + ".W_key", context), layer(name + ".W_value", context)
        return layer(name + ".out_proj", attend(q, k, v, H, mask))

    def feedforward(name, x):
        return layer(name + ".linear2", F.relu(layer(name + ".linear1", x)))

    def embed(side, tokens):
        table = p.get(f"{side}_embedding.weight", p["source_embedding.weight"])
        positions = p.get(f"{side}_positions.weight")
        if positions is None:
            positions = sinusoids(tokens.shape[1], table.shape[1], table.dtype)
        return table[tokens] * table.shape[1] ** 0.5 + positions[: tokens.shape[1]]

    padding = below(lengths, source.shape[1])[:, None, None]
    x = embed("source", source)
    for i in range(config["layers"]):
        name = f"encoder.layers.{i}."
        x = residual(name + "norm1", x, lambda y: attention(name + "self_attn", y, y, padding))
        x = residual(name + "norm2", x, lambda y: feedforward(name[:-1], y))
    memory = norm("encoder.norm", x) if config["pre_norm"] else x
    x = embed("target", decoder_input)
    for i in range(config["layers"]):
        name = f"decoder.layers.{i}."
        x = residual(name + "norm1", x, lambda y: attention(name + "self_attn", y, y, causal(y.shape[1])))
        x = residual(name + "norm2", x, lambda y: attention(name + "cross_attn", y, memory, padding))
        x = residual(name + "norm3", x, lambda y: feedforward(name[:-1], y))
    x = norm("decoder.norm", x) if config["pre_norm"] else x
    for name in ("output.weight", "target_embedding.weight", "source_embedding.weight"):
        if name in p:
            return x @ p[name].T


def answer(path):
    tensors, metadata = read(path)
    config = json.loads(metadata["config"])
    if config["model"] == "gpt-start":
        return write(path.with_suffix(".answer"), gpt_start(config))
    inputs = {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("input.")}
    p = {name: tensor.requires_grad_() for name, tensor in tensors.items() if not name.startswith("input.")}
    target = inputs.pop("target")
    logits = {"gpt": gpt, "seq2seq": seq2seq, "transformer": transformer}[config["model"]](p, config, **inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1, label_smoothing=config["label_smoothing"])
    loss.backward()
    gradients = {name: tensor.grad for name, tensor in p.items()}
    write(path.with_suffix(".answer"), {"loss": loss, "logits": logits, **gradients})


torch.set_num_threads(1)
for case in sorted(pathlib.Path(sys.argv[1]).glob("*.case")):
    answer(case)
