"""Random numbers of PyTorch, for test_random.cpp. One line a case: row, seed, n, and the values as hexadecimal floats.

For each seed, the generator is seeded anew for each case unless a case says that it goes on."""
import torch

SEEDS = [0, 1, 42, 123, 1337, (5 << 32) + 7]
SIZES = list(range(1, 36)) + [47, 48, 49, 100, 1000]


def show(row, seed, n, values):
    numbers = values.flatten().tolist() if torch.is_tensor(values) else values
    print(row, seed, n, *[float(v).hex() for v in numbers])


for seed in SEEDS:
    for n in SIZES:
        for row, draw in [
            ("rand_f", lambda: torch.rand(n)),
            ("randn_f", lambda: torch.randn(n)),
            ("rand_d", lambda: torch.rand(n, dtype=torch.float64)),
            ("randn_d", lambda: torch.randn(n, dtype=torch.float64)),
            ("normal_f", lambda: torch.empty(n).normal_(0.3, 0.02)),
            ("normal_d", lambda: torch.empty(n, dtype=torch.float64).normal_(0.3, 0.02)),
            ("uniform_f", lambda: torch.empty(n).uniform_(-0.7, 0.3)),
            ("uniform_d", lambda: torch.empty(n, dtype=torch.float64).uniform_(-0.7, 0.3)),
            ("dropout.1", lambda: torch.nn.Dropout(0.1)(torch.ones(n)) != 0),
            ("randperm", lambda: torch.randperm(n)),
            ("exponential", lambda: torch.empty(n).exponential_(1.5)),
            ("exponential_d", lambda: torch.empty(n, dtype=torch.float64).exponential_(1.5)),
        ]:
            torch.manual_seed(seed)
            show(row, seed, n, draw())

    # One stream: what one call leaves in the generator, the next one finds.
    torch.manual_seed(seed)
    mixed = [torch.randn(3), torch.rand(5), torch.randn(20), torch.randn(2, dtype=torch.float64), torch.rand(1),
             torch.randn(1), torch.randint(0, 7, (4,)), torch.randn(1), torch.randn(17)]
    show("mixed", seed, 0, [v for t in mixed for v in t.tolist()])

    torch.manual_seed(seed)
    linear = torch.nn.Linear(3, 5)
    show("linear_w", seed, 0, linear.weight)
    show("linear_b", seed, 0, linear.bias)
    torch.manual_seed(seed)
    show("emb", seed, 0, torch.nn.Embedding(6, 3).weight)
    torch.manual_seed(seed)
    gru = torch.nn.GRU(5, 4, num_layers=2)
    show("gru", seed, 0, [v for p in gru.parameters() for v in p.flatten().tolist()])
    torch.manual_seed(seed)
    mha = torch.nn.MultiheadAttention(6, 2)
    show("mha", seed, 0, mha.in_proj_weight)

    torch.manual_seed(seed)
    show("randint10", seed, 0, torch.randint(0, 10, (20,)))
    torch.manual_seed(seed)
    show("randint_wide", seed, 0, torch.randint(-(1 << 40), 1 << 40, (20,)))
    torch.manual_seed(seed)
    # As pairs of halves: a double cannot hold 63 bits.
    wide = [torch.empty((), dtype=torch.int64).random_().item() for _ in range(3)]
    show("random64", seed, 0, [half for w in wide for half in (w >> 32, w & 0xFFFFFFFF)])
    torch.manual_seed(seed)
    show("bern_t", seed, 0, torch.bernoulli(torch.arange(20) / 19))
    torch.manual_seed(seed)
    show("bern_t_d", seed, 0, torch.bernoulli(torch.arange(20, dtype=torch.float64) / 19))

    weights = torch.tensor([0.1, 0.0, 0.5, 3.0, 0.25, 1.0])
    torch.manual_seed(seed)
    show("multinomial1", seed, 0, [torch.multinomial(weights, 1).item() for _ in range(20)])
    torch.manual_seed(seed)
    show("multinomialR", seed, 0, torch.multinomial(weights, 20, replacement=True))
    torch.manual_seed(seed)
    show("multinomialNR", seed, 0, torch.multinomial(weights, 3))

    torch.manual_seed(seed)
    loader = torch.utils.data.DataLoader(range(10), batch_size=3, shuffle=True)
    show("loader", seed, 0, [v for _ in range(2) for batch in loader for v in batch.tolist()])
    torch.manual_seed(seed)
    show("trunc", seed, 0, torch.nn.init.trunc_normal_(torch.empty(200), std=0.02, a=-0.03, b=0.05))
    torch.manual_seed(seed)
    show("trunc_d", seed, 0, torch.nn.init.trunc_normal_(torch.empty(200, dtype=torch.float64), 1.0, 2.0, -1.0, 8.0))
