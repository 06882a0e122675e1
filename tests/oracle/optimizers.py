#!/usr/bin/env python3
"""PyTorch's parameters along 50 steps of every optimiser, for tests/test_optimizer.cpp.

    optimizers.py > tests/reference/optimizer_steps.json

The net, its first values and its loss are those of the test. Written with PyTorch 2.15, whose Muon takes its products
in bfloat16: here in the parameters' own dtype.
"""
import inspect
import json

import torch
import torch.optim._muon

exec(inspect.getsource(torch.optim._muon._zeropower_via_newtonschulz).replace("torch.bfloat16", "grad.dtype"),
     torch.optim._muon.__dict__)

FIRST = {
    "0.weight": [[-0.2109, -0.4976], [-0.1413, -0.3420], [-0.2524, 0.6976]],
    "0.bias": [-0.1085, -0.2979, 0.6892],
    "2.weight": [[-0.0508, -0.3941, -0.2843]],
    "2.bias": [-0.0711],
}
KEPT = (1, 2, 10, 50)


def run(make):
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sigmoid(), torch.nn.Linear(3, 1), torch.nn.Sigmoid()).double()
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(torch.tensor(FIRST[name], dtype=torch.float64))
    optimizer = make(dict(net.named_parameters()))
    x = torch.tensor([[.1, .2], [.3, .4], [.5, .6]], dtype=torch.float64)
    kept = {}
    for step in range(1, max(KEPT) + 1):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        if step in KEPT:
            kept[step] = [v for p in net.parameters() for v in p.detach().flatten().tolist()]
    return kept


def grouped(kind, **options):
    """Biases without decay, the first weight at a tenth of the rate."""
    def make(p):
        groups = [{"params": [p["0.bias"], p["2.bias"]], "weight_decay": 0},
                  {"params": [p["0.weight"]], "lr": 0.01}, {"params": [p["2.weight"]]}]
        return kind(groups, **options)
    return make


def plain(kind, **options):
    return lambda p: kind(p.values(), **options)


class Both:
    """Matrices by Muon, the others by AdamW."""
    def __init__(self, p, adam=(), adam_lr=3e-4, **options):
        matrices = [x for n, x in p.items() if x.dim() == 2 and n not in adam]
        rest = [x for n, x in p.items() if x.dim() != 2 or n in adam]
        self.parts = [torch.optim.Muon(matrices, **options), torch.optim.AdamW(rest, lr=adam_lr, weight_decay=0)]

    def zero_grad(self):
        for part in self.parts:
            part.zero_grad()

    def step(self):
        for part in self.parts:
            part.step()


o = torch.optim
CASES = {
    "SGD, momentum 0.9, Nesterov": plain(o.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "SGD, groups": grouped(o.SGD, lr=0.1, weight_decay=0.1),
    "Adam": plain(o.Adam, lr=0.1),
    "Adam, amsgrad": plain(o.Adam, lr=0.1, weight_decay=0.05, betas=(0.5, 0.6), amsgrad=True),
    "AdamW": plain(o.AdamW, lr=0.1, weight_decay=0.1),
    "AdamW, amsgrad": plain(o.AdamW, lr=0.1, weight_decay=0.3, betas=(0.5, 0.6), amsgrad=True),
    "AdamW, groups": grouped(o.AdamW, lr=0.1, weight_decay=0.3),
    "RMSprop": plain(o.RMSprop),
    "RMSprop, centered": plain(o.RMSprop, lr=0.05, alpha=0.9, centered=True, eps=1e-3),
    "RMSprop, momentum 0.8": plain(o.RMSprop, lr=0.02, alpha=0.9, weight_decay=0.1, momentum=0.8),
    "RMSprop, centered, momentum 0.8": plain(o.RMSprop, lr=0.02, alpha=0.9, momentum=0.8, centered=True, eps=1e-3),
    "Muon": lambda p: Both(p, adam_lr=0.02),
    "Muon, no Nesterov": lambda p: Both(p, ["0.weight"], adam_lr=0.01, lr=0.02, nesterov=False, momentum=0.8, weight_decay=0.5,
                                        adjust_lr_fn="match_rms_adamw"),
    "Adagrad": plain(o.Adagrad),
    "Adagrad, lr_decay": plain(o.Adagrad, lr=0.1, lr_decay=0.05, weight_decay=0.1),
}
print("{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(run(make))}" for name, make in CASES.items()) + "}")
