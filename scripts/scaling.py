#!/usr/bin/env python3
"""Simulates a step of data-parallel training, bucket by bucket: the plan in train/distributed.md.

Usage: scripts/scaling.py [--check]   (--check: whether the page has the table that this prints)
"""
import math
import pathlib
import sys

# GPT-2 124M in f32: its gradients in the order in which backward finishes them. The tied table of the vocabulary is also
# the input embedding, so that it is last.
LAYERS, C, V, T = 12, 768, 50304, 1024
BLOCK = [C, 4 * C * C, 4 * C, 4 * C * C, C, C, C, C * C, 3 * C, 3 * C * C, C, C]  # biases and weights, last layer first
GRADIENTS = [C, C] + LAYERS * BLOCK + [T * C, V * C]
BUCKET = 2 << 20  # bytes, as in distributed.cpp
CORES, CORE_FLOPS, SHARE = 32, 120e9, 0.85  # of a rank; f32 of a core when all are busy; what steps keep of it
LATENCY, MESSAGE, BANDWIDTH = 5e-6, 1e-6, 12.5e9  # until a message is there; what sending one costs; a link of 100 Gbit/s
PARAMETERS = sum(GRADIENTS)


def compute_seconds(tokens):
    """Forward, and backward, of one rank."""
    forward = (2 * PARAMETERS + 2 * LAYERS * T * C) * tokens / (CORES * CORE_FLOPS * SHARE)
    return forward, 2 * forward


def ready_times(tokens):
    """When each bucket's gradients are all there, from the start of backward; a gradient takes time as it has weights."""
    backward = compute_seconds(tokens)[1]
    head = V * C  # its product comes first, its gradient is complete last
    done, at, filled, times = head / PARAMETERS * backward, 0, 0, []
    for n in GRADIENTS:
        done = backward if n == head else done + n / PARAMETERS * backward
        filled += 4 * n
        while filled >= BUCKET:
            times.append((min(done, backward), BUCKET))
            filled -= BUCKET
    return times + ([(backward, filled)] if filled else [])


def rounds(ranks):
    return 2 * (ranks - 1)  # of a ring: reduce-scatter, then all-gather


def bucket_seconds(ranks, size):
    return rounds(ranks) * (size / ranks / BANDWIDTH + MESSAGE)


def step(ranks, tokens, asynchronous):
    """Seconds of a step, and those that it waits for the network at its end. Buckets in flight share the link and hide
    each other's latency. Without a progress thread a round of a ring gets on only when the program calls MPI: at each
    gradient, and in wait()."""
    forward, backward = compute_seconds(tokens)
    free = late = 0.0  # when the link is; what it has left to do when backward ends
    for ready, size in ready_times(tokens):
        calls = (1 - ready / backward) * len(GRADIENTS)
        before = 1.0 if asynchronous else min(1.0, calls / rounds(ranks))
        free = max(free, ready) + before * bucket_seconds(ranks, size)
        late += (1 - before) * bucket_seconds(ranks, size)
    waits = max(0.0, free - backward) + late + rounds(ranks) * LATENCY
    return forward + backward + waits, waits


def table():
    lines = ["| ranks | tokens a rank | bytes out a rank and step | compute, ms | waits, ms | efficiency | with asynchronous progress |",
             "|---|---|---|---|---|---|---|"]
    for ranks, tokens in [(2, 8192), (8, 8192), (64, 8192), (512, 8192), (64, 1024), (512, 1024), (64, 128)]:
        compute = sum(compute_seconds(tokens))
        polled, ideal = step(ranks, tokens, False), step(ranks, tokens, True)
        sent = 4 * PARAMETERS * rounds(ranks) / ranks
        lines.append(f"| {ranks} | {tokens} | {sent / 1e6:.0f} MB | {compute * 1e3:.0f} | {polled[1] * 1e3:.0f} | "
                     f"{compute / polled[0]:.2f} | {compute / ideal[0]:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    text = table()
    print(f"{PARAMETERS / 1e6:.1f} M parameters, {math.ceil(4 * PARAMETERS / BUCKET)} buckets\n{text}")
    if "--check" in sys.argv:
        page = (pathlib.Path(__file__).parent.parent / "train/distributed.md").read_text()
        sys.exit(text not in page)
