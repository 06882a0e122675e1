#!/usr/bin/env python3
"""GGUF files that heed exports, run by llama.cpp.

    run_gguf.py HEED DIR

HEED is the program, DIR what tests/interop/trained.cpp left. For each folder and each type: the ids of a text, and what
llama.cpp writes after its first words by taking the likeliest token each time, with the logits of every token, beside heed's. The
two texts may part only where the likeliest tokens are closer to each other than rounding (and llama.cpp's own gelu) moves logits.
"""
import json
import pathlib
import subprocess
import sys
import urllib.request

import numpy
import xllamacpp
from safetensors.numpy import load_file

TOKENS = 50
LEAST = {"f32": 2e-3, "f16": 1e-2, "q8_0": 0.2}  # logits may differ by that; llama.cpp keeps a table of gelus of 16 bits
heed, place = sys.argv[1], pathlib.Path(sys.argv[2])


class Llama:
    """llama.cpp's server of one file, in this process."""

    def __init__(self, file, context):
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel, params.port = context, 1, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.warmup, params.verbosity = False, -1
        self.server = xllamacpp.Server(params)

    def ask(self, path, **body):
        request = urllib.request.Request(self.server.listening_address + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def ids(self, text):
        return self.ask("/tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    def write(self, ids, count, vocabulary):
        """The likeliest tokens, and for each the log probabilities of the vocabulary, (count, vocabulary)."""
        said = self.ask("/completion", prompt=ids, n_predict=count, temperature=0, n_probs=vocabulary + 1, return_tokens=True)
        logs = numpy.full((len(said["tokens"]), vocabulary), -numpy.inf)
        for row, step in zip(logs, said["completion_probabilities"]):
            for one in step["top_logprobs"]:
                if one["id"] < vocabulary:  # the file has an end of text, which the model may lack
                    row[one["id"]] = one["logprob"]
        return said["tokens"], log_softmax(logs)


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(-1, keepdims=True))


def check(file, kind, said):
    context, vocabulary = said["greedy_logits"].shape
    llama = Llama(file, context)
    text, count, ids = bytes(said["text"].tolist()).decode(), int(said["prompt"][0]), said["greedy_ids"].tolist()
    tokens, theirs = llama.write(ids[:count], TOKENS, vocabulary)
    equal = next((i for i, (a, b) in enumerate(zip(tokens, ids[count:])) if a != b), TOKENS)
    compared = min(equal + 1, TOKENS)  # what was read before them is the same
    ours = log_softmax(said["greedy_logits"].astype("float64"))[count - 1 :][:compared]
    difference = numpy.abs(theirs[:compared] - ours).max()
    lead = 0 if equal == TOKENS else numpy.diff(numpy.sort(theirs[equal])[-2:])[0]
    parted = f", and the next leads by {lead:.1e} alone" if lead else ""
    good = {"ids": llama.ids(text) == said["ids"].tolist(), "logits": difference < LEAST[kind],
            "tokens": len(tokens) == TOKENS and lead <= 2 * difference}
    print(f"{file.name}: {said['ids'].size} ids equal; logits differ by {difference:.1e}; {equal} greedy tokens equal{parted}"
          if all(good.values()) else f"{file.name}: WRONG {[what for what, ok in good.items() if not ok]}: logits differ by "
          f"{difference:.1e}; {ids[count:]}, but llama.cpp writes {tokens}{parted}", flush=True)
    return all(good.values())


passed = []
for answer in sorted(place.glob("*.safetensors")):
    said, folder = load_file(answer), place / answer.stem
    for kind in LEAST:
        file = place / f"{answer.stem}.{kind}.gguf"
        subprocess.run([heed, "gpt", "export", "--model", folder, "--gguf", file, "--type", kind], check=True,
                       capture_output=True)
        passed.append(check(file, kind, said))
print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
sys.exit(not all(passed))
