#!/usr/bin/env python3
"""Tokens a second that llama.cpp writes greedily and alone from GGUF files, with its own defaults but for the threads.

The peer of bench_generate, whose sizes `heed gpt train --preset baby --steps 1` has: `heed gpt export --type f32|f16|q8_0` makes
the files of it. A line of JSON for each. Run with a Python that has xllamacpp: $(scripts/python.sh).
"""
import argparse
import json
import urllib.request

import xllamacpp

CONTEXT = 256

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("files", nargs="+", metavar="FILE.gguf")
options.add_argument("--threads", type=int, default=2)
options.add_argument("--times", type=int, default=5, help="the best of so many counts")
options = options.parse_args()

for file in options.files:
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.port, params.verbosity = file, CONTEXT, 1, 0, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    server = xllamacpp.Server(params)
    body = json.dumps({"prompt": [0], "n_predict": CONTEXT - 2, "ignore_eos": True, "temperature": 0, "cache_prompt": False,
                       "samplers": ["temperature"]})
    rates = []
    for _ in range(options.times):
        request = urllib.request.Request(server.listening_address + "/completion", body.encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            timings = json.load(answer)["timings"]
        rates.append(timings["predicted_per_second"])
    print(json.dumps({"file": file, "threads": options.threads, "tokens": timings["predicted_n"],
                      "cached_tokens_per_s": max(rates)}), flush=True)
    del server
