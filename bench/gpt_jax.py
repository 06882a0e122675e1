#!/usr/bin/env python3
"""gpt_torch.py's training step in JAX on the CPU: the same sizes and work, compiled as one function. Random tokens.

--bf16 casts activations and weights to bfloat16 for the forward and backward pass, as JAX's libraries do; masters,
losses and AdamW stay float32. XLA takes the threads that the process may use: taskset says which. Prints one line of JSON.
"""
import argparse
import json
import resource
import statistics
import time

import jax
import jax.numpy as jnp

SIZES = {  # B, T, layers, heads, C, V: those of gpt_torch.py
    "micro": (4, 32, 2, 2, 32, 65),
    "cpu": (12, 64, 4, 4, 128, 65),
    "baby": (64, 256, 6, 6, 384, 65),
    "long": (1, 4096, 4, 4, 128, 65),
    "gpt2": (1, 512, 12, 12, 768, 50304),
}
WARM_UP = 3  # steps before the clock counts, the first of which compiles


def initial(key, T, layers, C, V):
    keys = iter(jax.random.split(key, 2 + 4 * layers))
    normal = lambda *shape: 0.02 * jax.random.normal(next(keys), shape)
    layer = lambda: {"norm1": (jnp.ones(C), jnp.zeros(C)), "norm2": (jnp.ones(C), jnp.zeros(C)), "qkv": normal(C, 3 * C),
                     "out": normal(C, C), "up": normal(C, 4 * C), "down": normal(4 * C, C)}
    return {"tokens": normal(V, C), "positions": normal(T, C), "layers": [layer() for _ in range(layers)],
            "norm": (jnp.ones(C), jnp.zeros(C))}


def layer_norm(x, scale_and_shift):
    wide = x.astype(jnp.float32)
    centred = wide - wide.mean(-1, keepdims=True)
    y = centred * jax.lax.rsqrt((centred ** 2).mean(-1, keepdims=True) + 1e-5)
    return (y * scale_and_shift[0] + scale_and_shift[1]).astype(x.dtype)


def loss_of(params, ids, targets, heads, dtype):
    cast = jax.tree.map(lambda p: p.astype(dtype), params)
    B, T = ids.shape
    x = cast["tokens"][ids] + cast["positions"][:T]
    for layer in cast["layers"]:
        q, k, v = (part.reshape(B, T, heads, -1) for part in jnp.split(layer_norm(x, layer["norm1"]) @ layer["qkv"], 3, -1))
        x = x + jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape) @ layer["out"]
        x = x + jax.nn.gelu(layer_norm(x, layer["norm2"]) @ layer["up"], approximate=False) @ layer["down"]
    logits = (layer_norm(x, cast["norm"]) @ cast["tokens"].T).astype(jnp.float32)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1).mean()


def update(params, moments, step, ids, targets, heads, dtype):
    """Backward, clip at norm 1, AdamW of matrices with decay."""
    loss, grads = jax.value_and_grad(loss_of)(params, ids, targets, heads, dtype)
    norm = jnp.sqrt(sum((g ** 2).sum() for g in jax.tree.leaves(grads)))
    scale, b1, b2, lr = jnp.minimum(1, 1 / (norm + 1e-6)), 0.9, 0.99, 1e-3
    first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * scale * g, moments[0], grads)
    second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * (scale * g) ** 2, moments[1], grads)
    moved = lambda p, m, v: p * (1 - lr * 0.1 * (p.ndim > 1)) - lr * (m / (1 - b1 ** step)) / (
        jnp.sqrt(v / (1 - b2 ** step)) + 1e-8)
    return jax.tree.map(moved, params, first, second), (first, second), loss


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--config", choices=SIZES, default="cpu")
    options.add_argument("--steps", type=int, default=30)
    options.add_argument("--bf16", action="store_true")
    given = options.parse_args()
    B, T, layers, heads, C, V = SIZES[given.config]
    dtype = jnp.bfloat16 if given.bf16 else jnp.float32
    keys = jax.random.split(jax.random.key(1), 3)
    params = initial(keys[0], T, layers, C, V)
    moments = (jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params))
    ids, targets = jax.random.randint(keys[1], (B, T), 0, V), jax.random.randint(keys[2], (B, T), 0, V)
    step_of = jax.jit(update, static_argnames=("heads", "dtype"), donate_argnums=(0, 1))
    milliseconds = []
    for i in range(WARM_UP + given.steps):
        if i == WARM_UP:
            cpu = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        params, moments, loss = step_of(params, moments, jnp.float32(i + 1), ids, targets, heads=heads, dtype=dtype)
        loss.block_until_ready()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    counted = milliseconds[WARM_UP:]
    print(json.dumps({"peer": f"jax {jax.__version__}", "bf16": given.bf16, "config": given.config,
                      "median_ms": round(statistics.median(counted), 3), "min_ms": round(min(counted), 3),
                      "cpu_ms": round(1e3 * seconds / given.steps, 3), "peak_mib": after.ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
