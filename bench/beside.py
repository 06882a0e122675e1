"""Every kind of op beside PyTorch's: the same expressions of the same shapes, in turn, forward and with the gradients.

    "$(scripts/python.sh)" bench/beside.py [--threads N] [--turns N] [NAME]     NAME: part of the names of cases

One thread is measured in processor time, more in the clock's. A line is the larger ratio (heed's least time over PyTorch's
least), the case, and of forward and of both: heed's milliseconds, PyTorch's, and their ratio.
"""
import argparse
import os
import subprocess
import sys
import time

# name | inputs, names of OPERANDS | heed's expression of v | PyTorch's | forward: has no gradient
CASES = """
add | x y | v[0] + v[1] | v[0] + v[1]
add_row | x row | v[0] + v[1] | v[0] + v[1]
add_col | x col | v[0] + v[1] | v[0] + v[1]
add_t | x y | v[0] + v[1].mT() | v[0] + v[1].mT
sub | x y | v[0] - v[1] | v[0] - v[1]
mul | x y | v[0] * v[1] | v[0] * v[1]
mul_row | x row | v[0] * v[1] | v[0] * v[1]
div | x posy | v[0] / v[1] | v[0] / v[1]
mul_scalar | x | v[0] * 3.0 | v[0] * 3.0
rdiv | pos | 1.0 / v[0] | 1.0 / v[0]
neg | x | -v[0] | -v[0]
neg_t | x | -v[0].mT() | -v[0].mT
exp_t | x | exp(v[0].mT()) | torch.exp(v[0].mT)
relu_t | x | relu(v[0].mT()) | torch.relu(v[0].mT)
remainder | x posy | remainder(v[0], v[1]) | torch.remainder(v[0], v[1])
floor_divide | x posy | floor_divide(v[0], v[1]) | torch.floor_divide(v[0], v[1]) | forward
pow2 | x | pow(v[0], 2.0) | v[0] ** 2
pow_2.5 | pos | pow(v[0], 2.5) | v[0] ** 2.5
pow_tt | pos y | pow(v[0], v[1]) | v[0] ** v[1]
spow | x | pow(2.0, v[0]) | 2.0 ** v[0]
exp | x | exp(v[0]) | torch.exp(v[0])
log | pos | log(v[0]) | torch.log(v[0])
sqrt | pos | sqrt(v[0]) | torch.sqrt(v[0])
sin | x | sin(v[0]) | torch.sin(v[0])
cos | x | cos(v[0]) | torch.cos(v[0])
tanh | x | tanh(v[0]) | torch.tanh(v[0])
rsqrt | pos | rsqrt(v[0]) | torch.rsqrt(v[0])
abs | x | abs(v[0]) | torch.abs(v[0])
sigmoid | x | sigmoid(v[0]) | torch.sigmoid(v[0])
log1p | pos | log1p(v[0]) | torch.log1p(v[0])
expm1 | x | expm1(v[0]) | torch.expm1(v[0])
erf | x | erf(v[0]) | torch.erf(v[0])
relu | x | relu(v[0]) | torch.relu(v[0])
relu2 | x | relu2(v[0]) | torch.relu(v[0])**2
gelu | x | gelu(v[0]) | F.gelu(v[0])
gelu_tanh | x | gelu(v[0], Gelu::tanh) | F.gelu(v[0], approximate='tanh')
silu | x | silu(v[0]) | F.silu(v[0])
softplus | x | softplus(v[0]) | F.softplus(v[0])
floor | x | floor(v[0]) | torch.floor(v[0])
round | x | round(v[0]) | torch.round(v[0])
sign | x | sign(v[0]) | torch.sign(v[0])
minimum | x y | minimum(v[0], v[1]) | torch.minimum(v[0], v[1])
maximum_s | x | maximum(v[0], 0.3) | torch.clamp_min(v[0], 0.3)
clamp | x | clamp(v[0], -1.0, 1.0) | torch.clamp(v[0], -1.0, 1.0)
where | x y | where(mask, v[0], v[1]) | torch.where(mask, v[0], v[1])
where_s | x | where(mask, v[0], 0.0) | torch.where(mask, v[0], 0.0)
masked_fill | x | masked_fill(v[0], mask, 0.0) | v[0].masked_fill(mask, 0.0)
sum | x | v[0].sum() | v[0].sum()
sum0 | x | v[0].sum(0) | v[0].sum(0)
sum1 | x | v[0].sum(1) | v[0].sum(1)
sum_t0 | x | v[0].mT().sum(0) | v[0].mT.sum(0)
mean | x | v[0].mean() | v[0].mean()
mean0 | x | v[0].mean(0) | v[0].mean(0)
mean1 | x | v[0].mean(1) | v[0].mean(1)
var | x | v[0].var() | v[0].var()
var0 | x | v[0].var(0) | v[0].var(0)
var1 | x | v[0].var(1) | v[0].var(1)
std0 | x | v[0].std(0) | v[0].std(0)
std1 | x | v[0].std(1) | v[0].std(1)
norm | x | v[0].norm() | v[0].norm()
norm0 | x | v[0].norm(2, 0) | v[0].norm(2, 0)
norm1 | x | v[0].norm(2, 1) | v[0].norm(2, 1)
norm_l1 | x | v[0].norm(1, 1) | v[0].norm(1, 1)
norm_l3 | x | v[0].norm(3, 1) | v[0].norm(3, 1)
norm_2.5 | x | v[0].norm(2.5, 1) | v[0].norm(2.5, 1)
norm_inf | x | v[0].norm(INFINITY, 1) | v[0].norm(float('inf'), 1)
prod1 | pos | v[0].prod(1) | v[0].prod(1)
prod0 | pos | v[0].prod(0) | v[0].prod(0)
max_all | x | v[0].max() | v[0].max()
max0 | x | v[0].max(0) | v[0].max(0).values
max1 | x | v[0].max(1) | v[0].max(1).values
amax0 | x | amax(v[0], {0}) | torch.amax(v[0], 0)
amax1 | x | amax(v[0], {1}) | torch.amax(v[0], 1)
argmax0 | x | v[0].argmax(0) | v[0].argmax(0) | forward
argmax1 | x | v[0].argmax(1) | v[0].argmax(1) | forward
any1 | x | (v[0] > 3.0).any(1) | (v[0] > 3.0).any(1) | forward
all | x | (v[0] > 3.0).all() | (v[0] > 3.0).all() | forward
logsumexp1 | x | logsumexp(v[0], {1}) | torch.logsumexp(v[0], 1)
logsumexp0 | x | logsumexp(v[0], {0}) | torch.logsumexp(v[0], 0)
cumsum1 | x | cumsum(v[0], 1) | torch.cumsum(v[0], 1)
cumsum0 | x | cumsum(v[0], 0) | torch.cumsum(v[0], 0)
cumprod1 | pos | cumprod(v[0], 1) | torch.cumprod(v[0], 1)
matmul | x y | matmul(v[0], v[1]) | v[0] @ v[1]
matmul_t | x y | matmul(v[0], v[1].mT()) | v[0] @ v[1].mT
matvec | x row | matmul(v[0], v[1]) | v[0] @ v[1]
vecmat | row y | matmul(v[0], v[1]) | v[0] @ v[1]
bmm | b1 b2 | bmm(v[0], v[1]) | torch.bmm(v[0], v[1])
outer | row row2 | outer(v[0], v[1]) | torch.outer(v[0], v[1])
dot | row row2 | matmul(v[0], v[1]) | v[0] @ v[1]
einsum | b1 b2 | einsum("bij,bjk->bik", {v[0], v[1]}) | torch.einsum("bij,bjk->bik", v[0], v[1])
einsum4 | q k | einsum("bhtd,bhsd->bhts", {v[0], v[1]}) | torch.einsum("bhtd,bhsd->bhts", v[0], v[1])
linear | x y row | linear(v[0], v[1], v[2]) | F.linear(v[0], v[1], v[2])
cat0 | x y | cat({v[0], v[1]}, 0) | torch.cat([v[0], v[1]], 0)
cat1 | x y | cat({v[0], v[1]}, 1) | torch.cat([v[0], v[1]], 1)
stack | x y | stack({v[0], v[1]}, 0) | torch.stack([v[0], v[1]], 0)
stack_last | x y | stack({v[0], v[1]}, -1) | torch.stack([v[0], v[1]], -1)
split | x | split(v[0], 512, 1)[0] * 2.0 | torch.split(v[0], 512, 1)[0] * 2.0
repeat | row | repeat(v[0], {N, 1}) | v[0].repeat(N, 1)
roll | x | roll(v[0], {3}, {1}) | torch.roll(v[0], 3, 1)
pad | x | pad(v[0], {1, 2, 3, 4}) | F.pad(v[0], (1, 2, 3, 4))
diagonal | x | diagonal(v[0]) * 1.0 | torch.diagonal(v[0]) * 1.0
gather1 | x | gather(v[0], 1, idx2) | torch.gather(v[0], 1, idx2)
gather0 | x | gather(v[0], 0, idx2) | torch.gather(v[0], 0, idx2)
index_select0 | x | index_select(v[0], 0, idx) | torch.index_select(v[0], 0, idx)
index_select1 | x | index_select(v[0], 1, idx) | torch.index_select(v[0], 1, idx)
index_add0 | x y | index_add(v[0], 0, idx, v[1]) | torch.index_add(v[0], 0, idx, v[1])
index_add1 | x y | index_add(v[0], 1, idx, v[1]) | torch.index_add(v[0], 1, idx, v[1])
scatter_add1 | x y | scatter_add(v[0], 1, idx2, v[1]) | torch.scatter_add(v[0], 1, idx2, v[1])
scatter_add0 | x y | scatter_add(v[0], 0, idx2, v[1]) | torch.scatter_add(v[0], 0, idx2, v[1])
scatter1 | x y | scatter(v[0], 1, perm, v[1]) | torch.scatter(v[0], 1, perm, v[1])
one_hot | x | one_hot(idx, N) | F.one_hot(idx, N) | forward
nonzero | x | nonzero(mask) | torch.nonzero(mask) | forward
sort1 | x | sort(v[0], 1).first | torch.sort(v[0], 1).values
sort0 | x | sort(v[0], 0).first | torch.sort(v[0], 0).values
topk | x | topk(v[0], 10, 1).first | torch.topk(v[0], 10, 1).values
argsort | x | argsort(v[0], 1) | torch.argsort(v[0], 1) | forward
tril | x | tril(v[0]) | torch.tril(v[0])
flip1 | x | flip(v[0], 1) | torch.flip(v[0], [1])
flip0 | x | flip(v[0], 0) | torch.flip(v[0], [0])
softmax1 | x | softmax(v[0], 1) | torch.softmax(v[0], 1)
softmax0 | x | softmax(v[0], 0) | torch.softmax(v[0], 0)
log_softmax1 | x | log_softmax(v[0], 1) | torch.log_softmax(v[0], 1)
cross_entropy | x | cross_entropy(v[0], idx) | F.cross_entropy(v[0], idx)
cross_entropy_ls | x | cross_entropy(v[0], idx, {.label_smoothing = 0.1}) | F.cross_entropy(v[0], idx, label_smoothing=0.1)
nll | x | nll_loss(v[0], idx) | F.nll_loss(v[0], idx)
mse | x y | mse_loss(v[0], v[1]) | F.mse_loss(v[0], v[1])
mse_const | x | mse_loss(v[0], y) | F.mse_loss(v[0], y)
l1 | x y | l1_loss(v[0], v[1]) | F.l1_loss(v[0], v[1])
l1_const | x | l1_loss(v[0], y) | F.l1_loss(v[0], y)
huber | x y | huber_loss(v[0], v[1]) | F.huber_loss(v[0], v[1])
huber_const | x | huber_loss(v[0], y) | F.huber_loss(v[0], y)
smooth_l1 | x | smooth_l1_loss(v[0], y) | F.smooth_l1_loss(v[0], y)
kl | x | kl_div(v[0], proby) | F.kl_div(v[0], proby)
bce | prob | binary_cross_entropy(v[0], proby) | F.binary_cross_entropy(v[0], proby)
bce_logits | x | binary_cross_entropy_with_logits(v[0], proby) | F.binary_cross_entropy_with_logits(v[0], proby)
bce_logits_pw | x | binary_cross_entropy_with_logits(v[0], proby, {.pos_weight = pos}) | F.binary_cross_entropy_with_logits(v[0], proby, pos_weight=pos)
embedding | x | embedding(idxl, v[0]) | F.embedding(idxl, v[0])
dropout | x | dropout(v[0], 0.2, drawn) | F.dropout(v[0], 0.2)
layer_norm | x w b | layer_norm(v[0], v[1], v[2]) | F.layer_norm(v[0], (N,), v[1], v[2])
rms_norm | x w | rms_norm(v[0], v[1]) | F.rms_norm(v[0], (N,), v[1], 1e-6)
sdpa | q k vv | scaled_dot_product_attention(v[0], v[1], v[2], {.causal = true}) | F.scaled_dot_product_attention(v[0], v[1], v[2], is_causal=True)
sdpa_mask | q k vv | scaled_dot_product_attention(v[0], v[1], v[2], {.mask = amask}) | F.scaled_dot_product_attention(v[0], v[1], v[2], attn_mask=amask)
sdpa_pad | q k vv | scaled_dot_product_attention(v[0], v[1], v[2], {.mask = pmask}) | F.scaled_dot_product_attention(v[0], v[1], v[2], attn_mask=pmask)
sdpa_bias | q k vv | scaled_dot_product_attention(v[0], v[1], v[2], {.mask = fmask}) | F.scaled_dot_product_attention(v[0], v[1], v[2], attn_mask=fmask)
sdpa_full | q k vv | scaled_dot_product_attention(v[0], v[1], v[2]) | F.scaled_dot_product_attention(v[0], v[1], v[2])
eq | x | v[0] == y | v[0] == y | forward
gt_s | x | v[0] > 0.5 | v[0] > 0.5 | forward
isnan | x | isnan(v[0]) | torch.isnan(v[0]) | forward
isfinite | x | isfinite(v[0]) | torch.isfinite(v[0]) | forward
logical_and | x | logical_and(mask, mask) | torch.logical_and(mask, mask) | forward
contiguous_t | x | v[0].mT().contiguous() | v[0].mT.contiguous()
permute | q | v[0].permute({0, 2, 1, 3}).contiguous() | v[0].permute(0, 2, 1, 3).contiguous()
reshape_t | q | v[0].permute({0, 2, 1, 3}).reshape({-1, 512}) | v[0].permute(0, 2, 1, 3).reshape(-1, 512)
expand_sum | row | (v[0].expand({N, N}) * 2.0) | v[0].expand(N, N) * 2.0
slice | x | v[0](all, slice(0, -1)) * 2.0 | v[0][:, :-1] * 2.0
slice_step | x | v[0](all, slice(0, -1, 2)) * 2.0 | v[0][:, 0:-1:2] * 2.0
mask_index | x | v[0](mask) | v[0][mask]
int_index | x | v[0](idx) | v[0][idx]
to_f64 | x | v[0].to(f64) | v[0].to(torch.float64) | forward
sum_to_b | x col | (v[0] * v[1]) | (v[0] * v[1])
conv_bcast | b1 c3 | v[0] + v[1] | v[0] + v[1]
randn | x | randn({N, N}, drawn) | torch.randn(N, N) | forward
rand | x | rand({N, N}, drawn) | torch.rand(N, N) | forward
zeros | x | zeros({N, N}) | torch.zeros(N, N) | forward
full | x | full({N, N}, 2.0) | torch.full((N, N), 2.0) | forward
arange | x | arange(N * N) | torch.arange(N * N) | forward
"""

# name | heed's | PyTorch's: what the cases take and name. N is 1024.
OPERANDS = """
x | randn({N, N}, rng) | randn(N, N)
y | randn({N, N}, rng) | randn(N, N)
pos | abs(randn({N, N}, rng)) + 0.1 | randn(N, N).abs() + 0.1
posy | abs(randn({N, N}, rng)) + 0.1 | randn(N, N).abs() + 0.1
prob | rand({N, N}, rng) | torch.rand(N, N)
proby | rand({N, N}, rng) | torch.rand(N, N)
row | randn({N}, rng) | randn(N)
row2 | randn({N}, rng) | randn(N)
col | randn({N, 1}, rng) | randn(N, 1)
w | ones({N}) | torch.ones(N)
b | zeros({N}) | torch.zeros(N)
b1 | randn({64, 64, 128}, rng) | randn(64, 64, 128)
b2 | randn({64, 128, 64}, rng) | randn(64, 128, 64)
c3 | randn({64, 1, 128}, rng) | randn(64, 1, 128)
q | randn({4, 8, 256, 64}, rng) | randn(4, 8, 256, 64)
k | randn({4, 8, 256, 64}, rng) | randn(4, 8, 256, 64)
vv | randn({4, 8, 256, 64}, rng) | randn(4, 8, 256, 64)
mask | gt(randn({N, N}, rng), 0.0) | randn(N, N) > 0
amask | gt(randn({256, 256}, rng), 0.0) | randn(256, 256) > 0
pmask | gt(randn({4, 1, 1, 256}, rng), -0.5) | randn(4, 1, 1, 256) > -0.5
fmask | randn({256, 256}, rng) | randn(256, 256)
idx | randint(0, N, {N}, rng) | torch.randint(0, N, (N,))
idx2 | randint(0, N, {N, N}, rng) | torch.randint(0, N, (N, N))
idxl | randint(0, N, {4 * N}, rng) | torch.randint(0, N, (4 * N,))
perm | argsort(randn({N, N}, rng), 1) | randn(N, N).argsort(1)
"""


def table(text):
    return [[part.strip() for part in line.split(" | ")] for line in text.strip().splitlines()]


def write(path):
    """The cases as C++, for bench_beside.cpp."""
    with open(path, "w") as out:
        for name, heed, _ in table(OPERANDS):
            out.write(f"const Tensor {name} = {heed};\n")
        for name, inputs, heed, _, *forward in table(CASES):
            out.write(f'measure("{name}", {{{", ".join(inputs.split())}}}, {"false" if forward else "true"},\n'
                      f"        [=](const List& v) -> Tensor {{ return (void)v, {heed}; }});\n")


def least(clock, f):
    best, total, n = float("inf"), 0, 0
    while n < 3 or (total < 0.12 and n < 2000):
        start = clock()
        f()
        taken = clock() - start
        best, total, n = min(best, taken), total + taken, n + 1
    return best * 1e3


def torch_times(threads, part):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    names = {"torch": torch, "F": F, "randn": torch.randn, "N": 1024}
    for name, _, theirs in table(OPERANDS):
        names[name] = eval(theirs, names)
    clock = time.process_time if threads == 1 else time.perf_counter
    times = {}
    for name, inputs, _, theirs, *forward in table(CASES):
        if part not in name:
            continue
        f = eval("lambda v: " + theirs, names)
        v = [names[i] for i in inputs.split()]
        with torch.no_grad():
            times[name] = [least(clock, lambda: f(v)), 0]
        if not forward:
            v = [x.detach().clone().requires_grad_() for x in v]
            g = torch.randn_like(f(v))
            times[name][1] = least(clock, lambda: torch.autograd.grad(f(v), v, g))
    return times


def heed_times(program, threads, part):
    lines = subprocess.run([program, str(threads), part], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: [float(t) for t in times] for name, *times in map(str.split, lines)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("part", nargs="?", default="", metavar="NAME")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--turns", type=int, default=2)
    options.add_argument("--write", metavar="FILE", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.write:
        return write(given.write)
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    subprocess.run(["cmake", "-S.", "-Bbuild-bench", "-GNinja", "-DCMAKE_BUILD_TYPE=Release", "-DHEED_BENCH=ON",
                    "-DHEED_TESTS=OFF"], check=True, stdout=sys.stderr)
    subprocess.run(["ninja", "-Cbuild-bench", "bench_beside"], check=True, stdout=sys.stderr)
    turns = []
    for _ in range(given.turns):
        turns.append((heed_times("build-bench/bench/bench_beside", given.threads, given.part),
                      torch_times(given.threads, given.part)))
    rows = []
    for name in turns[0][0]:
        ours, theirs = ([min(turn[i][name][way] for turn in turns) for way in (0, 1)] for i in (0, 1))
        ratios = [a / b if b else 0 for a, b in zip(ours, theirs)]
        rows.append((max(ratios), name, ours, theirs, ratios))
    for worst, name, ours, theirs, ratios in sorted(rows, reverse=True):
        ways = (f"{way} {a:8.3f} {b:8.3f} {r:5.2f}" for way, a, b, r in zip(("forward", "both"), ours, theirs, ratios) if b)
        print(f"{worst:5.2f}  {name:17s} {'   '.join(ways)}")


if __name__ == "__main__":
    main()
