"""What gpt_torch.py and seq2seq_torch.py share: a training step, timed."""
import json
import resource
import statistics
import time

import torch

WARM_UP = 3  # steps before the clock counts: allocations, oneDNN's choices


def time_steps(model, optimizer, loss_of, steps, **about):
    """Prints one line of JSON: milliseconds a step (forward, backward, clip, update), peak memory, and `about`."""
    milliseconds = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss_of().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    counted = milliseconds[WARM_UP:]
    print(json.dumps({"peer": f"pytorch {torch.__version__}", "threads": torch.get_num_threads(), **about,
                      "median_ms": round(statistics.median(counted), 3), "min_ms": round(min(counted), 3),
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
