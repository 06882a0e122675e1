"""Recurrent layers and attention of PyTorch, for test_nn_torch.cpp: one JSON object, case -> name -> values.

Weights and inputs are drawn in double from one seed in the test's order, so none need to be handed over."""
import itertools
import json

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
T, B, IN, H = 6, 4, 3, 5
LENGTHS = torch.tensor([6, 2, 5, 1])


def weighted(x):
    return (x * torch.sin(torch.arange(x.numel()).to(x.dtype)).reshape(x.shape)).sum()


def recurrent(cell, layers, both, bias, padded):
    torch.manual_seed(7)
    options = dict(num_layers=layers, bidirectional=both, bias=bias)
    if cell == "RELU":
        module = torch.nn.RNN(IN, H, nonlinearity="relu", **options)
    else:
        module = getattr(torch.nn, cell)(IN, H, **options)
    x = torch.rand(T, B, IN, requires_grad=True)
    first = [torch.rand(layers * (1 + both), B, H, requires_grad=True) for _ in range(2 if cell == "LSTM" else 1)]
    state = tuple(first) if cell == "LSTM" else first[0]
    if padded:
        y, last = module(pack_padded_sequence(x, LENGTHS, enforce_sorted=False), state)
        y, _ = pad_packed_sequence(y, total_length=T)
    else:
        y, last = module(x, state)
    last = last if isinstance(last, tuple) else (last,)
    (weighted(y) + sum(weighted(s) for s in last)).backward()
    result = {"y": y, "h": last[0], "x.grad": x.grad, "h.grad": first[0].grad}
    if cell == "LSTM":
        result |= {"c": last[1], "c.grad": first[1].grad}
    for name, p in module.named_parameters():
        result |= {name: p, name + ".grad": p.grad}
    return result


def dropped(batch_first):
    torch.manual_seed(7)
    module = torch.nn.GRU(IN, H, num_layers=3, bidirectional=True, dropout=0.4, batch_first=batch_first)
    y, last = module(torch.rand(B, T, IN))
    return {"y": y, "h": last}


def one_step(cell):
    torch.manual_seed(7)
    module = getattr(torch.nn, cell + "Cell")(IN, H)
    x, h = torch.rand(B, IN), torch.rand(B, H)
    after = module(x, (h, torch.rand(B, H)) if cell == "LSTM" else h)
    return dict(zip("hc", after)) if cell == "LSTM" else {"h": after}


def first_values():
    result = {}
    for name, fill in [
        ("kaiming_uniform", torch.nn.init.kaiming_uniform_),
        ("kaiming_normal", torch.nn.init.kaiming_normal_),
        ("xavier_uniform", torch.nn.init.xavier_uniform_),
        ("xavier_normal", torch.nn.init.xavier_normal_),
        ("trunc_normal", torch.nn.init.trunc_normal_),
    ]:
        torch.manual_seed(7)
        result[name] = fill(torch.empty(6, 4))
    return result


cases = {"init": first_values(), "dropout": dropped(False), "dropout, batch first": dropped(True)}
for cell in ["RNN", "RELU", "LSTM", "GRU"]:
    for layers, both, bias, padded in itertools.product([1, 2], [False, True], [False, True], [False, True]):
        cases[f"{cell} {layers} {both:d} {bias:d} {padded:d}"] = recurrent(cell, layers, both, bias, padded)
    if cell != "RELU":
        cases[f"{cell}Cell"] = one_step(cell)
print(json.dumps({case: {name: v.tolist() for name, v in values.items()} for case, values in cases.items()}))
