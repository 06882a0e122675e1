"""Writes tests/reference/optimizers.json and recurrent.json with the PyTorch at hand. Debian 12's 1.13.1, which calls
itself 1.13.0a0, made those in the tree.

Optimisers: every parameter after steps 0, 100, ..., 1000 of a small float64 network. Recurrent layers: values and
gradients in float32, where parameter element i is cos(i), and the loss is the sum of sin(i) y_i over the outputs.
"""
import json
import pathlib

import torch
from torch import nn, optim

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "reference"
START = [[-0.2109, -0.4976, -0.1413, -0.3420, -0.2524, 0.6976], [-0.1085, -0.2979, 0.6892], [-0.0508, -0.3941, -0.2843],
         [-0.0711]]
X = [[[0.7462, 0.6653, 0.5679, 0.4891], [0.5387, 0.1655, 0.3565, 0.0471]],
     [[0.8335, 0.2799, 0.5031, 0.2947], [0.1402, 0.0318, 0.7636, 0.1346]],
     [[0.6333, 0.9344, 0.1376, 0.9938], [0.8924, 0.2872, 0.6692, 0.2944]],
     [[0.9897, 0.6915, 0.3154, 0.1733], [0.8645, 0.3513, 0.3064, 0.0767]],
     [[0.8117, 0.2366, 0.4838, 0.7881], [0.3718, 0.4945, 0.9511, 0.0864]]]


def trajectory(make):
    net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid()).double()
    for parameter, values in zip(net.parameters(), START):
        parameter.data = torch.tensor(values, dtype=torch.float64).reshape(parameter.shape)
    optimizer = make(net.parameters())
    x = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=torch.float64)
    kept = []
    for step in range(1001):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        if step % 100 == 0:
            kept.append([parameter.flatten().tolist() for parameter in net.parameters()])
    return kept


def recurrent(cell, hidden):
    layer = getattr(nn, cell)(4, hidden)
    for parameter in layer.parameters():
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float32).cos().reshape(parameter.shape)
    x = torch.tensor(X, requires_grad=True)
    y, state = layer(x)
    (y * torch.arange(float(y.numel())).sin().reshape(y.shape)).sum().backward()
    states = state if cell == "LSTM" else (state,)
    return {"cell": cell, "hidden": hidden, "y": y.tolist(), "h": [s.tolist() for s in states],
            "grad_x": x.grad.tolist(),
            "grad_params": {name: p.grad.flatten().tolist() for name, p in layer.named_parameters()}}


def write(name, content):
    source = f"PyTorch {torch.__version__}, by tests/oracle/reference.py"
    (FOLDER / name).write_text(json.dumps({"source": source, **content}, indent=0) + "\n")


write("optimizers.json", {"trajectories": {
    "SGD lr0.1": trajectory(lambda p: optim.SGD(p, lr=0.1)),
    "SGD lr0.1 wd1e-2 mom0.9": trajectory(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2)),
    "Adam lr1": trajectory(lambda p: optim.Adam(p, lr=1)),
    "AdamW lr1 wd1e-2": trajectory(lambda p: optim.AdamW(p, lr=1, weight_decay=1e-2))}})
write("recurrent.json", {"X3": X, "cases": [recurrent(cell, 3) for cell in ("RNN", "GRU", "LSTM")]})
