#!/usr/bin/env python3
"""GGUF files that heed exports, run by llama.cpp.

    run_gguf.py HEED DIR

HEED is the program, DIR what tests/interop/trained.cpp left. For each folder and each type: the ids of a text, and what
llama.cpp writes after its first words by taking the likeliest token each time, beside `heed gpt sample --temperature 0`. The
texts may part only where the two likeliest tokens are closer to each other than rounding (and llama.cpp's own gelu) moves
logits.
"""
import pathlib
import subprocess
import sys

import numpy
from llama_cpp import GGML_TYPE_F32, Llama
from safetensors.numpy import load_file

TOKENS = 50
heed, place = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*command):
    return subprocess.run([heed, *map(str, command)], check=True, capture_output=True).stdout


def check(file, folder, said):
    text, count, context = bytes(said["text"].tolist()), int(said["prompt"][0]), said["logits"].shape[0]
    llama = Llama(str(file), n_ctx=context, n_threads=1, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, logits_all=True,
                  verbose=False)
    ids = llama.tokenize(text, add_bos=False, special=True)
    llama.eval(ids[:context])
    difference = numpy.abs(llama.scores[:context, : said["logits"].shape[1]] - said["logits"]).max()
    llama.reset()

    first = llama.detokenize(ids[:count], special=True)
    ours = run("gpt", "sample", "--model", folder, "--prompt", first.decode(), "--tokens", TOKENS, "--temperature", 0)[:-1]
    theirs, written, parted = first, 0, ""
    for token in llama.generate(llama.tokenize(first, add_bos=False), temp=0):
        lead = numpy.diff(numpy.sort(llama.scores[llama.n_tokens - 1])[-2:])[0]
        theirs += llama.detokenize([token], special=True)
        written += 1
        if not ours.startswith(theirs):
            written, parted = written - 1, f", and the next leads by {lead:.1e} alone"
        if parted or written == TOKENS:
            break
    good = {"ids": ids == said["ids"].tolist(), "tokens": lead <= 2 * difference if parted else theirs == ours}
    print(f"{file.name}: {len(ids)} ids equal; logits differ by {difference:.1e}; {written} greedy tokens equal{parted}"
          if all(good.values()) else f"{file.name}: WRONG {[what for what, ok in good.items() if not ok]}: "
          f"{ours!r}, but llama.cpp writes {theirs!r}{parted}")
    return all(good.values())


passed = []
for answer in sorted(place.glob("*.safetensors")):
    said, folder = load_file(answer), place / answer.stem
    for kind in ("f32", "f16", "q8_0"):
        file = place / f"{answer.stem}.{kind}.gguf"
        run("gpt", "export", "--model", folder, "--gguf", file, "--type", kind)
        passed.append(check(file, folder, said))
print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
sys.exit(not all(passed))
