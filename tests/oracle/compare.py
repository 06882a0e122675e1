#!/usr/bin/env python3
"""heed against samples that its own tests never saw, for scripts/oracles.sh.

    compare.py RUNNER opinfo|onnx|fuzz [SEED [COUNT]]

RUNNER is heed_oracle (tests/oracle/answer.cpp). Values, gradients and second gradients are compared in f64 and f32 (second
ones in f64 alone: in f32 too few digits are left to tell), on contiguous tensors and on ones with gaps in memory. What
heed refuses is counted by its sentence; a disagreement is a failure unless KNOWN gives its reason. The last line is
"N passed, N failed, N skipped": equal, different, and refused or known.
"""
import collections
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from tensor_file import NAMES, read, write

TOLERANCE = {torch.float64: 1e-8, torch.float32: 2e-4}  # of the tensor's largest or 1
# (case, what is compared, reason): disagreements that are meant.
KNOWN = []


class Case:
    """heed's op with its arguments, tensors to differentiate and constants (or None), and the same in PyTorch."""

    def __init__(self, name, op, args, x, c, run):
        self.name, self.op, self.args, self.x, self.c, self.run = name, op, args, x, c, run


class OutOfScope(Exception):
    pass


def leaf(tensor):
    return tensor.detach().clone().requires_grad_() if tensor.is_floating_point() else tensor.detach().clone()


def difference(a, b, tolerance):
    if a.shape != b.shape:
        return f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
    if a.dtype == torch.bool or b.dtype == torch.bool:
        a, b = a.long(), b.long()
    a, b = a.detach().double(), b.detach().double()
    finite = b[b.isfinite()].abs()
    size = max(1.0, finite.max().item() if finite.numel() else 1.0)
    wrong = ~((a == b) | (a.isnan() & b.isnan()) | ((a - b).abs() <= tolerance * size))
    if not wrong.any():
        return ""
    at = wrong.nonzero()[0].tolist()
    return f"at {at} of {tuple(b.shape)}: {a[tuple(at)].item():.9g}, expected {b[tuple(at)].item():.9g}"


def compare(case, answers, groups):
    """What differs, in words; nothing if all is equal."""
    x = [leaf(t) for t in case.x]
    leaves = [t for t in x if t.requires_grad]
    y = case.run(x, case.c)
    y = [y] if isinstance(y, torch.Tensor) else list(y)
    dtype = next((t.dtype for t in [*x, *y] if t.is_floating_point()), torch.float64)
    tolerance = TOLERANCE[dtype]
    own = groups.get((case.name, "y"), {})
    if len(own) != len(y):
        return f"{len(own)} outputs, expected {len(y)}"
    for i, t in enumerate(y):
        if text := difference(own[i], t, tolerance):
            return f"output {i} {text}"
    g = groups.get((case.name, "g"))
    if not g or not leaves:
        return ""
    outputs = [t for t in y if t.requires_grad]
    seeds = [groups[case.name, "v"][i].to(t.dtype) for i, t in enumerate(outputs)]
    if not outputs:
        return ""
    second = dtype == torch.float64
    first = torch.autograd.grad(outputs, leaves, seeds, create_graph=second, allow_unused=True)
    first = [torch.zeros_like(a) if b is None else b for a, b in zip(leaves, first)]
    for i, t in enumerate(first):
        if text := difference(g[i], t, 10 * tolerance):
            return f"gradient {i} {text}"
    w, h = groups.get((case.name, "w"), {}), groups.get((case.name, "h"))
    if not second or not h or not any(t.requires_grad for t in first):
        return ""
    pairs = [(t, w[i].to(t.dtype)) for i, t in enumerate(first) if t.requires_grad]
    try:
        twice = torch.autograd.grad([t for t, _ in pairs], leaves, [s for _, s in pairs], allow_unused=True)
    except RuntimeError:
        return ""  # PyTorch has no second derivative
    for i, t in enumerate(twice):
        if text := difference(h[i], torch.zeros_like(leaves[i]) if t is None else t, 100 * tolerance):
            return f"second gradient {i} {text}"
    return ""


def judge(runner, what, cases, skipped):
    """Runs heed on all cases, contiguous and with gaps, and prints what came of it."""
    tensors, listed, by_name = {}, [], {}
    for case in cases:
        if any(t.dtype not in NAMES for t in [*case.x, *(t for t in case.c if t is not None)]):
            skipped["a dtype that heed does not have"] += 1
            continue
        for strided in (False, True):
            name = f"{case.name}{' with gaps' if strided else ''}"
            by_name[name] = Case(name, case.op, case.args, case.x, case.c, case.run)
            for kind, group in ("x", case.x), ("c", case.c):
                for i, t in enumerate(group):
                    if t is not None:
                        tensors[f"{name}.{kind}{i}"] = t
            listed.append({"name": name, "op": case.op, "args": case.args, "inputs": len(case.x), "constants": len(case.c), "strided": strided})
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = pathlib.Path(folder, "cases"), pathlib.Path(folder, "answers")
        write(asked, tensors, {"cases": json.dumps(listed)})
        subprocess.run([runner, asked, answered], check=True)
        answers, metadata = read(answered)
    groups = collections.defaultdict(dict)
    for key, tensor in answers.items():
        name, kind, index = re.fullmatch(r"(.*)\.([a-z])(\d+)", key).groups()
        groups[name, kind][int(index)] = tensor
    refused = json.loads(metadata["refused"])
    reasons, wrong, known, equal = collections.Counter(), [], collections.Counter(), 0
    for name, case in by_name.items():
        if name in refused:
            reasons[re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?", "N", refused[name].split(" [")[0].split("\n")[0])] += 1
            continue
        try:
            text = compare(case, answers, groups)
        except Exception as e:  # PyTorch refuses what heed takes
            skipped[f"PyTorch refuses: {type(e).__name__}"] += 1
            continue
        if not text:
            equal += 1
            continue
        reason = next((r for pattern, what, r in KNOWN if re.search(pattern, name) and re.search(what, text)), None)
        if reason:
            known[reason] += 1
        else:
            wrong.append(f"{name} {case.args}: {text}")
    for reason, count in skipped.most_common(40):
        print(f"out of scope {count:5}  {reason}")
    for title, counts in ("refused", reasons), ("known to differ", known):
        for reason, count in counts.most_common():
            print(f"skipped: {what}: {count} {title}: {reason}")
    for text in wrong[:60]:
        print("DIFFERS         ", text)
    print(f"compared {equal + len(wrong) + known.total()}: {equal} equal, {len(wrong)} differ, {known.total()} are known to; {reasons.total()} refused")
    print(f"{equal} passed, {len(wrong)} failed, {reasons.total() + known.total()} skipped")
    return len(wrong) == 0


# --- PyTorch's own samples -------------------------------------------------------------------------------------------

UNARY = "abs exp log sqrt rsqrt sin cos tanh sigmoid log1p expm1 erf floor ceil round sign neg isnan isinf isfinite trace logical_not nonzero".split()
UNARY_NN = "nn.functional.relu nn.functional.silu".split()
BINARY = "add sub mul remainder floor_divide pow minimum maximum eq ne lt le gt ge logical_and logical_or matmul bmm outer".split()
REDUCTIONS = "sum mean prod amax amin any all var std logsumexp".split()


def numbers(values):
    values = list(values) if isinstance(values, (list, tuple, torch.Size)) else [values]
    if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise OutOfScope("arguments of another kind")
    return values


def plain(sample, count, *known):
    """The sample's positional arguments and those by name, if it has no more than heed's."""
    if len(sample.args) > count or set(sample.kwargs) - set(known):
        raise OutOfScope("arguments that heed does not have")
    return sample.args, sample.kwargs


def adapt(name, s):
    """heed's op, its arguments, the tensors to differentiate and the constants of PyTorch's sample of an op."""
    short = name.split(".")[-1]
    if name in UNARY or name in UNARY_NN:
        plain(s, 0)
        return short, {}, [s.input], []
    if name in BINARY or name == "div":
        args, kwargs = plain(s, 1)
        if not args or not isinstance(args[0], torch.Tensor):
            if name == "pow" and args and isinstance(args[0], (int, float)):
                return "pow_scalar", {"exponent": args[0]}, [s.input], []
            raise OutOfScope("a number where the oracle gives a tensor")
        if args[0].dtype != s.input.dtype:
            raise OutOfScope("operands of two dtypes")
        return short, {}, [s.input, args[0]], []
    if name in REDUCTIONS:
        args, kwargs = plain(s, 1, "dim", "keepdim", "correction")
        named = dict(kwargs)
        if args:
            named["dim"] = args[0]
        if isinstance(named.get("dim"), bool):
            raise OutOfScope("arguments of another kind")
        if named.get("dim") is not None:
            named["dim"] = numbers(named["dim"])
            if not named["dim"] and name in ("amax", "amin", "logsumexp", "prod", "any", "all"):
                raise OutOfScope("an empty list of axes, which PyTorch reads in two ways")
        return short, named, [s.input], []
    if name in ("softmax", "log_softmax"):
        args, kwargs = plain(s, 1, "dim")
        return short, {"dim": args[0] if args else kwargs["dim"]}, [s.input], []
    if name in ("cumsum", "cumprod"):
        args, _ = plain(s, 1)
        return short, {"dim": args[0]}, [s.input], []
    if name in ("argmax",):
        args, kwargs = plain(s, 0, "dim", "keepdim")
        return short, dict(kwargs), [s.input], []
    if name in ("tril", "triu"):
        args, _ = plain(s, 1)
        return short, {"diagonal": args[0] if args else 0}, [s.input], []
    if name == "diagonal":
        args, kwargs = plain(s, 3, "offset", "dim1", "dim2")
        return short, {**dict(zip(("offset", "dim1", "dim2"), args)), **kwargs}, [s.input], []
    if name in ("reshape", "expand", "permute", "repeat", "tile"):
        args, _ = plain(s, 1)
        key = {"reshape": "shape", "expand": "shape", "permute": "dims"}.get(name, "repeats")
        return short, {key: numbers(args[0])}, [s.input], []
    if name == "transpose":
        args, _ = plain(s, 2)
        return short, {"dim0": args[0], "dim1": args[1]}, [s.input], []
    if name == "narrow":
        args, _ = plain(s, 3)
        if isinstance(args[1], torch.Tensor):
            raise OutOfScope("arguments of another kind")
        return short, {"dim": args[0], "start": args[1], "length": args[2]}, [s.input], []
    if name == "select":
        args, _ = plain(s, 2)
        return short, {"dim": args[0], "index": args[1]}, [s.input], []
    if name in ("squeeze", "unsqueeze", "flip", "roll"):
        args, kwargs = plain(s, 2, "dims")
        if name == "squeeze":
            return short, {"dim": args[0]} if args else {}, [s.input], []
        if name == "unsqueeze":
            return short, {"dim": args[0]}, [s.input], []
        axes = numbers(args[-1] if args else kwargs["dims"])
        if len(axes) != 1 or (name == "roll" and len(args) < 2):
            raise OutOfScope("several axes at once")
        return short, {"dim": axes[0], "shift": numbers(args[0])[0]}, [s.input], []
    if name in ("cat", "stack"):
        args, kwargs = plain(s, 1, "dim")
        if any(t.dim() == 1 and t.numel() == 0 for t in s.input):
            raise OutOfScope("an empty vector among larger tensors")
        return short, {"dim": args[0] if args else kwargs.get("dim", 0)}, list(s.input), []
    if name in ("chunk", "split"):
        args, kwargs = plain(s, 2, "dim")
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        if name == "split":
            return short, {"size": args[0] if isinstance(args[0], int) else list(args[0]), "dim": dim}, [s.input], []
        return short, {"chunks": args[0], "dim": dim}, [s.input], []
    if name in ("gather", "index_select"):
        args, _ = plain(s, 2)
        return short, {"dim": args[0]}, [s.input], [args[1]]
    if name in ("scatter", "scatter_add", "index_add"):
        args, _ = plain(s, 3)
        if not isinstance(args[2], torch.Tensor):
            raise OutOfScope("a number where the oracle gives a tensor")
        return short, {"dim": args[0]}, [s.input, args[2]], [args[1]]
    if name == "sort":
        args, kwargs = plain(s, 2)
        return short, {"dim": args[0] if args else -1, "descending": args[1] if len(args) > 1 else False}, [s.input], []
    if name == "topk":
        args, kwargs = plain(s, 3)
        return short, dict(zip(("k", "dim", "largest"), args)), [s.input], []
    if name == "where":
        if not isinstance(s.args[1], torch.Tensor) or s.args[1].dtype != s.input.dtype:
            raise OutOfScope("operands of two dtypes")
        return short, {}, [s.input, s.args[1]], [s.args[0]]
    if name == "masked_fill":
        if isinstance(s.args[1], torch.Tensor):
            raise OutOfScope("a tensor where heed takes a number")
        return short, {"value": s.args[1]}, [s.input], [s.args[0]]
    if name == "clamp":
        low, high = (list(s.args) + [None, None])[:2]
        low, high = s.kwargs.get("min", low), s.kwargs.get("max", high)
        if isinstance(low, torch.Tensor) or isinstance(high, torch.Tensor):
            raise OutOfScope("a tensor where heed takes a number")
        return short, {"min": low, "max": high}, [s.input], []
    if name == "einsum":
        return short, {"equation": s.args[0]}, list(s.input), []
    if name == "nn.functional.linear":
        return short, {}, [s.input, *(t for t in s.args if t is not None)], []
    if name == "nn.functional.gelu":
        return short, {"tanh": s.kwargs.get("approximate") == "tanh"}, [s.input], []
    if name == "nn.functional.softplus":
        plain(s, 0)
        return short, {}, [s.input], []
    if name in ("nn.functional.layer_norm", "nn.functional.rms_norm"):
        sizes = s.args[0]
        if len(sizes) != 1:
            raise OutOfScope("a norm over several axes")
        rest = list(s.args[1:]) + [None] * 3
        eps = s.kwargs.get("eps")
        if short == "rms_norm":
            weight = s.kwargs.get("weight", rest[0])
            eps = rest[1] if eps is None else eps
            eps = torch.finfo(s.input.dtype).eps if eps is None else eps
            return short, {"eps": eps}, [s.input, *([weight] if weight is not None else [])], []
        weight, bias = s.kwargs.get("weight", rest[0]), s.kwargs.get("bias", rest[1])
        return short, {"eps": 1e-5 if eps is None else eps, "bias": bias is not None}, [s.input, *(t for t in (weight, bias) if t is not None)], []
    if name.startswith("nn.functional.") and short in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "kl_div"):
        args, kwargs = plain(s, 1, "reduction", "delta", "beta", "log_target")
        if kwargs.get("reduction") == "batchmean" or args[0].shape != s.input.shape:
            raise OutOfScope("a loss of two shapes, or a mean of batches")
        return short, dict(kwargs), [s.input, args[0]], []
    if name in ("nn.functional.binary_cross_entropy", "nn.functional.binary_cross_entropy_with_logits"):
        args, kwargs = plain(s, 1, "weight", "pos_weight", "reduction")
        if args[0].shape != s.input.shape:
            raise OutOfScope("a loss of two shapes, or a mean of batches")
        return short, {"reduction": kwargs.get("reduction", "mean")}, [s.input], [args[0], kwargs.get("weight"), kwargs.get("pos_weight")]
    if name in ("nn.functional.cross_entropy", "nn.functional.nll_loss"):
        args, kwargs = plain(s, 1, "weight", "ignore_index", "reduction", "label_smoothing")
        if s.input.dim() > 2:
            raise OutOfScope("classes along an axis that is not the last")
        if args[0].is_floating_point():
            raise OutOfScope("probability targets, which the fuzz has")
        return short, {k: v for k, v in kwargs.items() if k != "weight"}, [s.input], [args[0], kwargs.get("weight")]
    if name == "nn.functional.embedding":
        plain(s, 1)
        return short, {}, [s.input], [s.args[0]]
    if name == "nn.functional.scaled_dot_product_attention":
        args, kwargs = plain(s, 2, "attn_mask", "is_causal", "dropout_p", "enable_gqa", "scale")
        if kwargs.get("dropout_p", 0) or kwargs.get("enable_gqa"):
            raise OutOfScope("dropout, whose draws differ, or grouped heads")
        mask = kwargs.get("attn_mask")
        x = [s.input, *args]
        constants = []
        if mask is not None and mask.dtype == torch.bool:
            constants = [mask]
        elif mask is not None:
            x.append(mask)
        return "attention", {"causal": kwargs.get("is_causal", False), "scale": kwargs.get("scale")}, x, constants
    return None


def opinfo(skipped):
    import torch.utils._pytree as pytree
    from torch.testing._internal.common_methods_invocations import op_db

    for info in op_db:
        if info.variant_test_name not in ("", "with_dtype", "no_rounding_mode", "unbiased"):
            continue
        for dtype in torch.float64, torch.float32:
            if dtype not in info.dtypes:
                continue
            torch.manual_seed(1)
            for number, sample in enumerate(info.sample_inputs("cpu", dtype, requires_grad=False)):
                try:
                    adapted = adapt(info.name, sample)
                except OutOfScope as e:
                    skipped[f"{info.name}: {e}"] += 1
                    continue
                except (IndexError, KeyError, TypeError, AttributeError):
                    skipped[f"{info.name}: a form of the call that the oracle does not read"] += 1
                    continue
                if adapted is None:
                    break  # an op that heed does not have
                op, args, x, c = adapted
                if any(t.is_complex() for t in x):
                    continue
                flat, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))

                def run(given_x, given_c, flat=flat, spec=spec, x=x, c=c, function=info.op):
                    mine = {id(t): g for t, g in zip([*x, *c], [*given_x, *given_c]) if t is not None}
                    value, a, k = pytree.tree_unflatten([mine.get(id(t), t) for t in flat], spec)
                    y = function(value, *a, **k)
                    return y[0] if isinstance(y, tuple) and hasattr(y, "values") else y

                yield Case(f"{info.name} {NAMES[dtype]} {number}", op, args, [t.detach() for t in x], [None if t is None else t.detach() for t in c], run)


# --- random shapes ---------------------------------------------------------------------------------------------------


def fuzz(skipped, seed, count):
    rng = random.Random(seed)
    torch.manual_seed(seed)

    def size():
        return rng.choice([1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 129, rng.randint(1, 200)])

    def small():
        return rng.choice([0, 1, 1, 2, 2, 3, 4, 5, 9]) if rng.random() < 0.3 else rng.randint(1, 5)

    def real(*shape):
        return torch.randn(shape, dtype=dtype) * rng.choice([1, 1, 1, 0.01, 5])

    def attention():
        B, H, T, S, D, V = small(), rng.randint(1, 3), size(), size(), rng.choice([1, 3, 8, 16, 33]), rng.choice([1, 4, 16, 20])
        T, S = min(T, 70), min(S, 70)
        lead = [(), (B,), (B, H), (rng.randint(1, 2), B, H)][rng.randint(0, 3)]
        x = [real(*lead, T, D), real(*lead, S, D), real(*lead, S, V)]
        c, causal = [], rng.random() < 0.3
        if rng.random() < 0.6:
            shape = [n if rng.random() < 0.6 else 1 for n in (*lead, T, S)]
            shape = shape[rng.randint(0, len(lead)) :]
            if rng.random() < 0.5:
                c = [torch.rand(shape) < 0.7]
            else:
                x.append(real(*shape))

        def run(x, c):
            q, k, v = x[:3]
            mask = x[3] if len(x) > 3 else c[0] if c else None
            scores = q @ k.mT / q.shape[-1] ** 0.5
            hidden = torch.zeros_like(scores, dtype=torch.bool)
            if causal:
                hidden = hidden | ~torch.ones(T, S, dtype=torch.bool).tril()
            if mask is not None and mask.dtype == torch.bool:
                hidden = hidden | ~mask
            elif mask is not None:
                scores = scores + mask
            dead = hidden.all(-1, keepdim=True)
            return torch.softmax(scores.masked_fill(hidden & ~dead, -torch.inf), -1).masked_fill(dead, 0) @ v

        return "attention", {"causal": causal}, x, c, run

    def norm():
        shape, C = [small() for _ in range(rng.randint(0, 3))], rng.choice([size(), size(), 300, 1100])
        x, weight, bias = [real(*shape, C)], rng.random() < 0.6, rng.random() < 0.5
        x += [real(C) for _ in range(weight + (weight and bias))]
        if rng.random() < 0.4:
            return "rms_norm", {"eps": 1e-6}, x[:2], [], lambda x, c: F.rms_norm(x[0], (C,), x[1] if weight else None, 1e-6)
        whole = torch.ones(C, dtype=dtype)  # PyTorch 1.13 cannot differentiate its own twice without a weight
        run = lambda x, c: F.layer_norm(x[0], (C,), x[1] if weight else whole, x[2] if weight and bias else None)
        return "layer_norm", {"eps": 1e-5, "bias": weight and bias}, x, [], run

    def softmax():
        shape = [size() if rng.random() < 0.4 else small() for _ in range(rng.randint(1, 4))]
        while torch.Size(shape).numel() > 100000:
            shape[shape.index(max(shape))] = 3
        dim = rng.randint(-len(shape), len(shape) - 1)
        op = rng.choice(["softmax", "log_softmax"])
        return op, {"dim": dim}, [real(*shape)], [], lambda x, c: getattr(torch, op)(x[0], dim)

    def loss():
        kind = rng.randint(0, 3)
        reduction = rng.choice(["mean", "sum", "none"])
        N, V = rng.randint(1, 20), size()
        if kind == 0:
            op = rng.choice(["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"])
            return op, {"reduction": reduction}, [real(N, V), real(N, V)], [], lambda x, c: getattr(F, op)(x[0], x[1], reduction=reduction)
        if kind == 1:
            weight, positive = (torch.rand(V, dtype=dtype) if rng.random() < 0.5 else None for _ in range(2))
            c = [torch.rand(N, V, dtype=dtype), weight, positive]
            return "binary_cross_entropy_with_logits", {"reduction": reduction}, [real(N, V)], c, lambda x, c: F.binary_cross_entropy_with_logits(x[0], c[0], c[1], reduction=reduction, pos_weight=c[2])
        smoothing, ignore = rng.choice([0, 0, 0.1, 0.7]), rng.choice([-100, -1, 0])
        target = torch.randint(0, V, (N,))
        if rng.random() < 0.5:
            target[torch.rand(N) < 0.3] = ignore
        if (target == ignore).all():
            target[0] = V - 1
            ignore = -100 if ignore == V - 1 else ignore
        weight = torch.rand(V, dtype=dtype) + 0.1 if rng.random() < 0.4 else None
        if kind == 2:
            args = {"reduction": reduction, "ignore_index": ignore}
            return "nll_loss", args, [torch.log_softmax(real(N, V), -1)], [target, weight], lambda x, c: F.nll_loss(x[0], c[0], c[1], **args)
        args = {"reduction": reduction, "ignore_index": ignore, "label_smoothing": smoothing}
        return "cross_entropy", args, [real(N, V)], [target, weight], lambda x, c: F.cross_entropy(x[0], c[0], c[1], **args)

    def recurrent():
        cell = rng.choice(["lstm", "gru", "tanh", "relu"])
        G = {"lstm": 4, "gru": 3}.get(cell, 1)
        T, B, H = rng.randint(1, 6), rng.choice([1, 2, 5, 17, 33]), rng.choice([1, 3, 8, 17, 40])
        x = [real(T, B, G * H), real(G * H, H) / H**0.5, real(G * H), real(B, H)] + ([real(B, H)] if cell == "lstm" else [])
        lengths = torch.randint(0, T + 1, (B,)) if rng.random() < 0.5 else None
        reverse = rng.random() < 0.4

        def run(x, c):
            gates, w, b, h, *cells = x
            memory = cells[0] if cells else None
            n = c[0] if c[0] is not None else torch.full((B,), T)
            eye, nothing = torch.eye(G * H, dtype=gates.dtype), torch.zeros(G * H, dtype=gates.dtype)
            rows = [None] * T
            for t in reversed(range(T)) if reverse else range(T):
                runs = (n > t).unsqueeze(1)
                if cell == "lstm":
                    new, after = torch.lstm_cell(gates[t], (h, memory), eye, w, nothing, b)
                    memory = torch.where(runs, after, memory)
                else:
                    name = cell if cell == "gru" else "rnn_" + cell
                    new = getattr(torch, name + "_cell")(gates[t], h, eye, w, nothing, b)
                h = torch.where(runs, new, h)
                rows[t] = torch.where(runs, new, torch.zeros_like(new))
            return torch.stack(rows + [h] + ([memory] if cell == "lstm" else []))

        return "recurrent", {"cell": cell, "reverse": reverse}, x, [lengths], run

    def matmul():
        m, k, n = size(), size(), size()
        if rng.random() < 0.1:
            k = 0
        lead = [small() for _ in range(rng.randint(0, 2))]
        a, b = list(lead), list(lead)
        for shape in a, b:
            for i in range(len(shape)):
                if rng.random() < 0.25:
                    shape[i] = 1
        a, b = a[rng.randint(0, len(a)) :], b[rng.randint(0, len(b)) :]
        if rng.random() < 0.2:
            return "linear", {}, [real(*a, m, k), real(n, k), real(n)], [], lambda x, c: F.linear(*x)
        left = real(k) if rng.random() < 0.1 else real(*a, m, k)
        right = real(k) if rng.random() < 0.1 else real(*b, k, n)
        return "matmul", {}, [left, right], [], lambda x, c: x[0] @ x[1]

    def indexing():
        shape = [rng.randint(1, 7) for _ in range(rng.randint(1, 3))] + ([size()] if rng.random() < 0.5 else [])
        dim = rng.randint(-len(shape), len(shape) - 1)
        n, few = shape[dim], list(shape)
        op = rng.choice(["gather", "scatter_add", "index_select", "index_add", "sort", "topk", "cumsum"])
        x = real(*shape)
        if op == "cumsum":
            return op, {"dim": dim}, [x], [], lambda x, c: x[0].cumsum(dim)
        if op == "sort":
            descending = rng.random() < 0.5
            return op, {"dim": dim, "descending": descending}, [x], [], lambda x, c: x[0].sort(dim, descending)[0]
        if op == "topk":
            k, largest = rng.randint(1, n), rng.random() < 0.5
            return op, {"k": k, "dim": dim, "largest": largest}, [x], [], lambda x, c: x[0].topk(k, dim, largest)[0]
        few[dim] = rng.randint(1, 12)
        if op in ("index_select", "index_add"):
            index = torch.randint(0, n, (few[dim],))
            if op == "index_select":
                return op, {"dim": dim}, [x], [index], lambda x, c: x[0].index_select(dim, c[0])
            return op, {"dim": dim}, [x, real(*few)], [index], lambda x, c: x[0].index_add(dim, c[0], x[1])
        index = torch.randint(0, n, few)
        if op == "gather":
            return op, {"dim": dim}, [x], [index], lambda x, c: x[0].gather(dim, c[0])
        return op, {"dim": dim}, [x, real(*few)], [index], lambda x, c: x[0].scatter_add(dim, c[0], x[1])

    families = [attention, norm, softmax, loss, recurrent, matmul, indexing]
    for number in range(count):
        dtype = rng.choice([torch.float64, torch.float64, torch.float32])
        family = families[number % len(families)]
        op, args, x, c, run = family()
        yield Case(f"{family.__name__} {number} of seed {seed} ({op} {NAMES[dtype]} {[tuple(t.shape) for t in x]})", op, args, x, c, run)


# --- ONNX's node tests -----------------------------------------------------------------------------------------------

ONNX_UNARY = {n.capitalize(): n for n in "abs exp log sqrt sin cos tanh sigmoid erf relu softplus floor ceil round sign neg".split()}
ONNX_UNARY |= {"IsNaN": "isnan", "IsInf": "isinf", "Not": "logical_not"}
ONNX_BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Min": "minimum", "Max": "maximum", "Equal": "eq", "Less": "lt", "LessOrEqual": "le", "Greater": "gt", "GreaterOrEqual": "ge", "And": "logical_and", "Or": "logical_or", "MatMul": "matmul"}
ONNX_REDUCE = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "amax", "ReduceMin": "amin", "ReduceProd": "prod", "ReduceLogSumExp": "logsumexp", "ReduceL1": "norm", "ReduceL2": "norm"}


def onnx_attention(a, x):
    """Heads of their own axis, keys after those of the past, masks of all axes; the scores besides are not asked for."""
    past = [t for t in x[4:6] if t.numel()]
    if len(x) > 6:
        raise OutOfScope("attention over the first keys of each sentence")
    if a.get("right_window_size", -1) >= 0 or (a.get("left_window_size", -1) >= 0 and not a.get("is_causal")):
        raise OutOfScope("a window that is not causal")
    heads = [a.get("q_num_heads"), a.get("kv_num_heads"), a.get("kv_num_heads")]
    flat = x[0].dim() == 3
    q, k, v = (t.unflatten(-1, (n, -1)).transpose(1, 2) if flat else t for t, n in zip(x[:3], heads))
    if past:
        k, v = (torch.cat(pair, 2) for pair in zip(past, (k, v)))
    mask = [t for t in x[3:4] if t.numel()]
    if mask and not mask[0].dtype == torch.bool and mask[0].dtype != q.dtype:
        raise OutOfScope("operands of two dtypes")
    args = {"causal": bool(a.get("is_causal")), "causal_offset": past[0].shape[2] if past else 0, "softcap": a.get("softcap", 0.0)}
    if "scale" in a:
        args["scale"] = a["scale"]
    if a.get("left_window_size", -1) >= 0:
        args["window"] = a["left_window_size"] + 1
    boolean = bool(mask) and mask[0].dtype == torch.bool
    back = (lambda y: y.unflatten(-1, (heads[0], -1)).transpose(1, 2)) if flat else (lambda y: y)
    return "attention", args, [q, k, v] + ([] if boolean else mask), mask if boolean else [], back


def of_onnx(node, attributes, x, outputs=1):
    """heed's op with its arguments, tensors and constants, and what makes ONNX's answer the op's, if there is more to it."""
    kind, a = node.op_type, attributes
    if kind in ONNX_UNARY and len(x) == 1 and not a:
        return ONNX_UNARY[kind], {}, x, []
    if kind in ONNX_BINARY and len(x) == 2:
        if x[0].dtype != x[1].dtype:
            raise OutOfScope("operands of two dtypes")
        return ONNX_BINARY[kind], {}, x, []
    if kind in ONNX_REDUCE:
        axes = x[1].tolist() if len(x) > 1 else a.get("axes", [])
        if not axes and a.get("noop_with_empty_axes"):
            raise OutOfScope("a reduction that does nothing")
        order = {"p": 1} if kind == "ReduceL1" else {}
        return ONNX_REDUCE[kind], {"dim": axes or list(range(x[0].dim())), "keepdim": bool(a.get("keepdims", 1)), **order}, x[:1], []
    if kind == "Xor":
        return "ne", {}, x, []
    if kind == "Swish" and not a:
        return "silu", {}, x, []
    if kind in ("Sum", "Max", "Min") and len(x) == 2:
        return {"Sum": "add", "Max": "maximum", "Min": "minimum"}[kind], {}, x, []
    if kind == "Clip" and x[0].is_floating_point():
        return "clamp", {name: bound.item() for name, bound in zip(("min", "max"), x[1:]) if bound.numel()}, x[:1], []
    if kind == "Flatten":
        axis = a.get("axis", 1) % (x[0].dim() + 1) if a.get("axis", 1) >= 0 else a["axis"] + x[0].dim()
        return "reshape", {"shape": [math.prod(x[0].shape[:axis]), math.prod(x[0].shape[axis:])]}, x, []
    if kind == "Expand":
        return "expand", {"shape": list(torch.broadcast_shapes(x[0].shape, x[1].tolist()))}, x[:1], []
    if kind == "Split" and len(x) == 1 and "num_outputs" not in a and x[0].shape[a.get("axis", 0)] % outputs == 0:
        return "split", {"size": x[0].shape[a.get("axis", 0)] // outputs, "dim": a.get("axis", 0)}, x, []
    if kind == "Split" and len(x) == 2:
        return "split", {"size": x[1].tolist(), "dim": a.get("axis", 0)}, x[:1], []
    if kind == "Gemm" and len(x) == 3 and a.get("alpha", 1) == a.get("beta", 1) == 1 and x[2].dim() == 1 and x[2].shape[0] > 1:
        return "linear", {}, [x[0].T if a.get("transA") else x[0], x[1] if a.get("transB") else x[1].T, x[2]], []
    if kind == "TopK" and a.get("sorted", 1):
        return "topk", {"k": int(x[1].item()), "dim": a.get("axis", -1), "largest": bool(a.get("largest", 1))}, x[:1], []
    if kind == "CumProd" and not a.get("exclusive") and not a.get("reverse"):
        return "cumprod", {"dim": int(x[1].item())}, x[:1], []
    if kind in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"):  # classes are axis 1 there, and the last here
        op = "nll_loss" if kind.startswith("N") else "cross_entropy"
        args = {"reduction": a.get("reduction", b"mean").decode(), "ignore_index": a.get("ignore_index", -100)}
        return op, args, [x[0].movedim(1, -1)], [x[1], x[2] if len(x) > 2 else None]
    if kind == "Attention":
        return onnx_attention(a, x)
    if kind == "RotaryEmbedding":
        rows = x[0] if x[0].dim() == 4 else x[0].unflatten(-1, (a["num_heads"], -1)).transpose(1, 2)
        angles = [(table[x[3]] if len(x) > 3 else table).unsqueeze(1) for table in x[1:3]]
        back = (lambda y: y) if x[0].dim() == 4 else (lambda y: y.unflatten(-1, (a["num_heads"], -1)).transpose(1, 2))
        return "rope", {"interleaved": bool(a.get("interleaved"))}, [rows], angles, back
    if kind in ("Softmax", "LogSoftmax"):
        return {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[kind], {"dim": a.get("axis", -1)}, x, []
    if kind == "Gelu":
        return "gelu", {"tanh": a.get("approximate") == b"tanh"}, x, []
    if kind == "CumSum" and not a.get("exclusive") and not a.get("reverse"):
        return "cumsum", {"dim": int(x[1].item())}, x[:1], []
    if kind == "ArgMax" and not a.get("select_last_index"):
        return "argmax", {"dim": a.get("axis", 0), "keepdim": bool(a.get("keepdims", 1))}, x, []
    if kind == "Transpose":
        return "permute", {"dims": a.get("perm", list(reversed(range(x[0].dim()))))}, x, []
    if kind == "Unsqueeze" and x[1].numel() == 1:
        return "unsqueeze", {"dim": int(x[1].item())}, x[:1], []
    if kind == "Squeeze" and len(x) > 1 and x[1].numel() == 1:
        return "squeeze", {"dim": int(x[1].item())}, x[:1], []
    if kind == "Concat":
        return "cat", {"dim": a["axis"]}, x, []
    if kind == "Tile":
        return "tile", {"repeats": x[1].tolist()}, x[:1], []
    if kind == "Reshape" and not a.get("allowzero") and 0 not in x[1].tolist():
        return "reshape", {"shape": x[1].tolist()}, x[:1], []
    if kind == "Trilu":
        return "triu" if a.get("upper", 1) else "tril", {"diagonal": int(x[1].item()) if len(x) > 1 else 0}, x[:1], []
    if kind == "Where":
        return "where", {}, x[1:], x[:1]
    if kind == "GatherElements":
        return "gather", {"dim": a.get("axis", 0)}, x[:1], x[1:]
    if kind == "ScatterElements" and a.get("reduction", b"none") in (b"none", b"add"):
        return "scatter_add" if a.get("reduction") == b"add" else "scatter", {"dim": a.get("axis", 0)}, [x[0], x[2]], [x[1]]
    if kind == "Gather" and x[1].dim() == 1:
        return "index_select", {"dim": a.get("axis", 0)}, x[:1], x[1:]
    if kind == "Einsum":
        return "einsum", {"equation": a["equation"].decode()}, x, []
    if kind in ("LayerNormalization", "RMSNormalization"):  # over all axes from one on, which are one row here
        axis, eps = a.get("axis", -1) % x[0].dim(), {"eps": a.get("epsilon", 1e-5)}
        rows = [x[0].flatten(axis), *(t.flatten() for t in x[1:])]
        back = lambda y: y.flatten(axis)
        if kind.startswith("R"):
            return "rms_norm", eps, rows, [], back
        return "layer_norm", {**eps, "bias": len(x) > 2}, rows, [], back
    raise OutOfScope("not in scope")


def onnx_nodes(skipped):
    import numpy
    import onnx
    from onnx.backend.test.case.node import collect_testcases

    for case in sorted(collect_testcases(None), key=lambda case: case.name):
        graph = case.model.graph
        if len(graph.node) != 1 or case.name.endswith("_expanded"):
            continue
        node = graph.node[0]
        inputs, outputs = case.data_sets[0]
        given = iter(inputs)
        inputs = [next(given) if name else numpy.zeros(0, numpy.float32) for name in node.input]
        try:
            x, y = ([torch.from_numpy(array.copy()) for array in arrays] for arrays in (inputs, outputs))
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            attributes = {k: list(v) if hasattr(v, "__len__") and not isinstance(v, bytes) else v for k, v in attributes.items()}
            op, args, x, c, *back = of_onnx(node, attributes, x, len(node.output))
        except OutOfScope as e:
            skipped[f"{e}"] += 1
            continue
        except (TypeError, AttributeError, ValueError):
            skipped["no plain tensors"] += 1
            continue
        answer = y if op == "split" else [back[0](y[0])] if back else y[:1]
        yield Case(case.name, op, args, x, c, lambda given_x, given_c, answer=answer: answer)


def main(runner, what, seed="1", count="5000"):
    torch.set_num_threads(1)  # shapes are small
    skipped = collections.Counter()
    print(f"oracle {what}, PyTorch {torch.__version__}" + (f", seed {seed}" if what == "fuzz" else ""))
    cases = {"opinfo": lambda: opinfo(skipped), "onnx": lambda: onnx_nodes(skipped), "fuzz": lambda: fuzz(skipped, int(seed), int(count))}[what]
    sys.exit(0 if judge(runner, what, list(cases()), skipped) else 1)


main(*sys.argv[1:])
