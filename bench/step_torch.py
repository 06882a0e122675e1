"""What gpt_torch.py and seq2seq_torch.py share: their options, and a training step, timed."""
import json
import resource
import statistics
import time

import torch

WARM_UP = 3  # steps before the clock counts: allocations, oneDNN's choices, torch.compile


def parsed(options, steps):
    """The command line, with what both programs take; threads and the seed are set."""
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--steps", type=int, default=steps)
    options.add_argument("--compile", action="store_true", help="the model through torch.compile (PyTorch 2)")
    options.add_argument("--bf16", action="store_true", help="forward under torch.autocast to bfloat16")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)
    return given


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def time_steps(given, model, optimizer, loss_of, **about):
    """Prints one line of JSON: milliseconds a step (forward, backward, clip, update) of the clock and of processors,
    peak memory, and `about`. loss_of takes the model."""
    called = torch.compile(model) if given.compile else model
    milliseconds = []
    for i in range(WARM_UP + given.steps):
        if i == WARM_UP:
            cpu = cpu_seconds()
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=given.bf16):
            loss = loss_of(called)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    cpu = cpu_seconds() - cpu
    counted = milliseconds[WARM_UP:]
    print(json.dumps({"peer": f"pytorch {torch.__version__}", "compile": given.compile, "bf16": given.bf16,
                      "threads": torch.get_num_threads(), **about,
                      "median_ms": round(statistics.median(counted), 3), "min_ms": round(min(counted), 3),
                      "cpu_ms": round(1e3 * cpu / given.steps, 3),
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
