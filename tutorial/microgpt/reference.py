#!/usr/bin/env python3
"""A GPT without any library: scalars, their gradients and Adam, the reference that lesson 13 follows digit by digit.

    reference.py NAMES [STEPS] > losses.txt

Its numbers come from the Mersenne Twister that heed's Rng is, so both programs start from the same weights and read the
names in the same order.
"""
import math
import random
import sys
import time

STEPS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
WIDTH, HEADS, CONTEXT = 16, 4, 16


def generator(seed):
    """Python's Mersenne Twister, seeded with the one number that std::mt19937 takes."""
    words = [seed]
    for j in range(1, 624):
        words.append(1812433253 * (words[-1] ^ words[-1] >> 30) + j & 0xFFFFFFFF)
    made = random.Random()
    made.setstate((3, tuple(words) + (624,), None))
    return lambda: made.getrandbits(32)


word = generator(42)


def uniform():
    return ((word() << 32 | word()) & (1 << 53) - 1) * 2.0 ** -53


def normal(n, std):
    """Box and Muller in blocks of 16 (n is a multiple): the first 8 with the last 8."""
    u = [uniform() for _ in range(n)]
    for start in range(0, n, 16):
        for i in range(start, start + 8):
            radius, angle = math.sqrt(-2 * math.log(1 - u[i])), 2 * math.pi * u[i + 8]
            u[i], u[i + 8] = radius * math.cos(angle) * std, radius * math.sin(angle) * std
    return u


def shuffled(n):
    order = list(range(n))
    for i in range(n - 1):
        j = i + word() % (n - i)
        order[i], order[j] = order[j], order[i]
    return order


class Scalar:
    """A number that remembers what it was made of, and how it changes with each of them."""
    __slots__ = ("value", "slope", "parents", "slopes")

    def __init__(self, value, parents=(), slopes=()):
        self.value, self.slope, self.parents, self.slopes = value, 0.0, parents, slopes

    def __add__(self, o):
        return Scalar(self.value + o.value, (self, o), (1.0, 1.0))

    def __mul__(self, o):
        return Scalar(self.value * o.value, (self, o), (o.value, self.value))

    def times(self, c):
        return Scalar(self.value * c, (self,), (c,))

    def plus(self, c):
        return Scalar(self.value + c, (self,), (1.0,))

    def power(self, p):
        return Scalar(self.value ** p, (self,), (p * self.value ** (p - 1),))

    def exp(self):
        e = math.exp(self.value)
        return Scalar(e, (self,), (e,))

    def log(self):
        return Scalar(math.log(self.value), (self,), (1 / self.value,))

    def relu(self):
        return Scalar(max(self.value, 0.0), (self,), (float(self.value > 0),))

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((p, False) for p in node.parents)
        self.slope = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes):
                parent.slope += slope * node.slope


def total(xs):
    sum_ = xs[0]
    for x in xs[1:]:
        sum_ = sum_ + x
    return sum_


def dot(a, b):
    return total([x * y for x, y in zip(a, b)])


def linear(x, rows):
    return [dot(row, x) for row in rows]


def rms_norm(x):
    scale = total([v * v for v in x]).times(1 / len(x)).plus(1e-5).power(-0.5)
    return [v * scale for v in x]


def softmax(xs):
    top = max(x.value for x in xs)
    es = [x.plus(-top).exp() for x in xs]
    inverse = total(es).power(-1)
    return [e * inverse for e in es]


names = open(sys.argv[1]).read().split()
letters = sorted(set("".join(names)))
END = len(letters)
parameters = {}
for name, rows, columns in [("wte", END + 1, WIDTH), ("wpe", CONTEXT, WIDTH), ("lm_head", END + 1, WIDTH),
                            ("q", WIDTH, WIDTH), ("k", WIDTH, WIDTH), ("v", WIDTH, WIDTH), ("o", WIDTH, WIDTH),
                            ("fc1", 4 * WIDTH, WIDTH), ("fc2", WIDTH, 4 * WIDTH)]:
    values = normal(rows * columns, 0.08)
    parameters[name] = [[Scalar(v) for v in values[r * columns:(r + 1) * columns]] for r in range(rows)]
everything = [p for rows in parameters.values() for row in rows for p in row]
order = shuffled(len(names))


def logits_of(token, position, keys, values):
    """The scores of the next letter; keys and values hold those of the letters before."""
    p = parameters
    x = rms_norm([a + b for a, b in zip(p["wte"][token], p["wpe"][position])])
    h = rms_norm(x)
    q = linear(h, p["q"])
    keys.append(linear(h, p["k"]))
    values.append(linear(h, p["v"]))
    seen = []
    size = WIDTH // HEADS
    for head in range(0, WIDTH, size):
        part = slice(head, head + size)
        weights = softmax([dot(q[part], k[part]).times(size ** -0.5) for k in keys])
        for j in range(head, head + size):
            seen.append(total([w * v[j] for w, v in zip(weights, values)]))
    x = [a + b for a, b in zip(x, linear(seen, p["o"]))]
    h = [v.relu() for v in linear(rms_norm(x), p["fc1"])]
    x = [a + b for a, b in zip(x, linear(h, p["fc2"]))]
    return linear(x, p["lm_head"])


print(f"{len(names)} names, {len(everything)} parameters", file=sys.stderr)
first = [0.0] * len(everything)
second = [0.0] * len(everything)
started = time.time()
for step in range(STEPS):
    name = names[order[step % len(names)]]
    tokens = [END] + [letters.index(c) for c in name] + [END]
    n = min(CONTEXT, len(tokens) - 1)
    keys, values, losses = [], [], []
    for i in range(n):
        losses.append(softmax(logits_of(tokens[i], i, keys, values))[tokens[i + 1]].log().times(-1))
    loss = total(losses).times(1 / n)
    loss.backward()
    rate = 0.01 * (1 - step / STEPS)
    for i, p in enumerate(everything):
        first[i] = 0.85 * first[i] + 0.15 * p.slope
        second[i] = 0.99 * second[i] + 0.01 * p.slope ** 2
        mean, square = first[i] / (1 - 0.85 ** (step + 1)), second[i] / (1 - 0.99 ** (step + 1))
        p.value -= rate * mean / (math.sqrt(square) + 1e-8)
        p.slope = 0.0
    print(loss.value, flush=True)
print(f"{time.time() - started:.1f} seconds", file=sys.stderr)
