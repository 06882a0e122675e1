"""Further cases of the book's chapters on data and attention, with PyTorch's numbers: other seeds, widths, heads, batches,
dropout while training, and sizes of GPT-2. Prints {name: {"shape": [...], "values": [...]}}; of large results, what
sample() picks."""
import json

import torch
from torch import nn

cases = {}


def put(name, x):
    x = x.detach()
    cases[name] = {"shape": list(x.shape), "values": x.flatten().tolist()}


def sample(x):
    """Elements of a large result, 997 apart."""
    return x.flatten()[::997]


class SelfAttention(nn.Module):
    def __init__(self, d_in, d_out, bias=False):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d_in, d_out, bias=bias) for _ in range(3))

    def weights(self, x):
        return torch.softmax(self.q(x) @ self.k(x).mT / self.k.out_features**0.5, -1)

    def forward(self, x):
        return self.weights(x) @ self.v(x)


class Causal(SelfAttention):
    def __init__(self, d_in, d_out, dropout, bias=False):
        super().__init__(d_in, d_out, bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        T = x.shape[1]
        scores = self.q(x) @ self.k(x).mT
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
        return self.dropout(torch.softmax(scores / self.k.out_features**0.5, -1)) @ self.v(x)


class MultiHead(nn.Module):
    def __init__(self, d_in, d_out, dropout, heads, bias=False):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d_in, d_out, bias=bias) for _ in range(3))
        self.out, self.dropout, self.heads = nn.Linear(d_out, d_out), nn.Dropout(dropout), heads

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = (f(x).view(B, T, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        scores = (q @ k.mT).masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
        weights = self.dropout(torch.softmax(scores / k.shape[-1] ** 0.5, -1))
        return self.out((weights @ v).transpose(1, 2).reshape(B, T, -1))


for seed in (123, 789, 42, 2**31 + 5):
    for d_in, d_out in ((3, 2), (3, 5), (16, 8)):
        name = f"{seed} {d_in} {d_out}"
        torch.manual_seed(seed)
        x, w = torch.rand(6, d_in), [torch.rand(d_in, d_out) for _ in range(3)]
        put(f"raw {name}", torch.softmax(x @ w[0] @ (x @ w[1]).T / d_out**0.5, -1) @ (x @ w[2]))
        for bias in (False, True):
            attention = SelfAttention(d_in, d_out, bias)
            put(f"self {name} {int(bias)}", attention(x))
            put(f"weights {name} {int(bias)}", attention.weights(x))
        for dropout in (0.0, 0.1, 0.5):
            batch = torch.randn(3, 6, d_in)
            put(f"causal {name} {dropout:g}", Causal(d_in, d_out, dropout)(batch))

for seed in (123, 789):
    for d_in, d_out, heads in ((3, 2, 2), (3, 4, 2), (3, 6, 3), (24, 24, 8)):
        for dropout in (0.0, 0.5):
            torch.manual_seed(seed)
            multi, x = MultiHead(d_in, d_out, dropout, heads), torch.randn(2, 7, d_in)
            put(f"multi {seed} {d_in} {d_out} {heads} {dropout:g}", multi(x))
            stack = [Causal(d_in, d_out, dropout) for _ in range(heads)]
            put(f"stack {seed} {d_in} {d_out} {heads} {dropout:g}", torch.cat([head(x) for head in stack], -1))

torch.manual_seed(123)
large = MultiHead(768, 768, 0.0, 12)
put("GPT-2 size", sample(large(torch.rand(1, 1024, 768))))

torch.manual_seed(123)
token, position = nn.Embedding(50257, 256), nn.Embedding(4, 256)
ids = torch.randint(0, 50257, (8, 4))
put("ids", ids)
put("embedded", sample(token(ids) + position(torch.arange(4))))

for seed in (123, 1):
    for shape in ((6, 6), (1,), (2, 3, 5), (4, 12, 10, 10)):
        torch.manual_seed(seed)
        put(f"dropout {seed} {'x'.join(map(str, shape))}", nn.Dropout(0.3)(torch.ones(shape)))
    for n in (1, 5, 10, 1000):
        torch.manual_seed(seed)
        loader = torch.utils.data.DataLoader(range(n), batch_size=4, shuffle=True)
        order = [torch.cat([batch for batch in loader]) for _ in range(2)]
        put(f"loader {seed} {n}", torch.cat(order + [torch.randperm(n)]))

print(json.dumps(cases))
