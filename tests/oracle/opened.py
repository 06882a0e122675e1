#!/usr/bin/env python3
"""Folders that cross to transformers and back, compared.

    opened.py heed HEED DIR       opens with transformers what tests/interop/trained.cpp left; HEED is the program
    opened.py theirs PROBE DIR    has tests/interop/probe.cpp open what folders.py left, and opens what that writes again

Prints a line for each folder and each GGUF file, and how many passed and failed.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, pipeline
from transformers.utils import logging

LOGITS = 1e-4  # f32 in both
RELATIVE = 1e-5  # f32 against f64
GGUF = {"f32": 1e-4, "f16": 5e-3, "q8_0": 0.1}  # of 10 and 7 bits, through two layers


def text_of(tensor):
    return bytes(tensor.tolist()).decode()


def difference(model, said):
    ids = said["ids"][: said["logits"].shape[0]]
    with torch.no_grad():
        logits = model(ids[None]).logits[0, :, : said["logits"].shape[1]]  # without an end of text that only GGUF has
    return (logits - said["logits"]).abs().max().item()


def mean_loss(model, ids):
    """Nats a token, in windows of the model's context side by side."""
    context, loss = model.config.max_position_embeddings, 0.0
    with torch.no_grad():
        for at in range(0, len(ids) - 1, context):
            window = ids[at: at + context + 1]
            loss += F.cross_entropy(model(window[None, :-1]).logits[0], window[1:], reduction="sum").item()
    return loss / (len(ids) - 1)


def evaluated(heed, folder, text):
    with tempfile.NamedTemporaryFile("w", newline="") as file:
        file.write(text)
        file.flush()
        command = [heed, "gpt", "evaluate", "--model", folder, "--text", file.name, "--keep-cr", "--json"]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["loss"]


def check_folder(heed, folder, said):
    text, prompt = text_of(said["text"]), said["prompt"].item()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    model = AutoModelForCausalLM.from_pretrained(folder)
    logits, loss = difference(model, said), mean_loss(model, said["ids"])
    write = pipeline("text-generation", str(folder))
    begin = tokenizer.decode(said["ids"][:prompt])
    new = len(said["greedy_ids"]) - prompt
    written = write(begin, do_sample=False, max_new_tokens=new, min_new_tokens=new)[0]["generated_text"]
    good = {"ids": ids == said["ids"].tolist(), "text": tokenizer.decode(ids) == text, "logits": logits <= LOGITS,
            "loss": abs(evaluated(heed, folder, text) - loss) <= RELATIVE * loss, "greedy text": written == text_of(said["greedy"])}
    print(f"{folder.name}: {len(ids)} ids, logits differ by {logits:.1e} at most, loss {loss:.4f};",
          "all equal" if all(good.values()) else f"WRONG: {[what for what, ok in good.items() if not ok]}")
    return all(good.values())


def check_gguf(file, folder, said):
    """Logits, and the bits beside what the gguf package makes of the numbers in the f32 file."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    numbers = {tensor.name: tensor.data for tensor in gguf.GGUFReader(f"{folder}.f32.gguf").tensors}
    bits = all(gguf.quants.quantize(numbers[name], tensor.tensor_type).tobytes() == tensor.data.tobytes()
               for name, tensor in tensors.items())
    # Their reader of GGUF takes every gpt2's context for 1024 and its gelu for GPT-2's, so it is told.
    config = AutoConfig.from_pretrained(folder)
    config.vocab_size = int(tensors["token_embd.weight"].shape[1])
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, config=config)
    logits = difference(model, said)
    good = {"bits": bits, "logits": logits <= GGUF[file.name.split(".")[1]]}
    print(f"{file.name}: {len(tensors)} tensors, logits differ by {logits:.1e} at most;",
          "all equal" if all(good.values()) else f"WRONG: {[what for what, ok in good.items() if not ok]}")
    return all(good.values())


def check_theirs(probe, folder):
    """Logits and gradients relative to the largest number of their tensor; the weights bit for bit."""
    expected = load_file(folder / "expected.safetensors")
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        save_file({name: expected.pop(name) for name in ("tokens", "prompt")}, place / "question")
        subprocess.run([probe, folder, place / "question", place / "answer", place / "again"], check=True)
        answer = load_file(place / "answer")
        before, after = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).state_dict()
                         for path in (folder, place / "again"))
    prefix = "" if all(name in answer for name in expected) else "transformer."
    found = {name: answer[name if name in answer else prefix + name] for name in expected}
    greedy = found.pop("greedy").equal(expected.pop("greedy"))
    worst = max(((found[name] - x).abs().max() / max(x.abs().max(), 1e-30)).item() for name, x in expected.items())
    bits = before.keys() == after.keys() and all(x.equal(after[name]) for name, x in before.items())
    good = {"logits and gradients": worst <= RELATIVE, "greedy text": greedy, "bits": bits}
    print(f"{folder.name}: logits and {len(expected) - 1} gradients differ by {worst:.1e} of the largest at most;",
          "all equal" if all(good.values()) else f"WRONG: {[what for what, ok in good.items() if not ok]}")
    return all(good.values())


def check_heeds(heed, place):
    for answer in sorted(place.glob("*.safetensors")):
        said, folder = load_file(answer), place / answer.stem
        yield check_folder(heed, folder, said)
        for file in sorted(place.glob(answer.stem + ".*.gguf")):
            yield check_gguf(file, folder, said)


if __name__ == "__main__":
    logging.disable_progress_bar()
    place = pathlib.Path(sys.argv[-1])
    theirs = (check_theirs(sys.argv[2], folder) for folder in sorted(place.iterdir()))
    passed = list(theirs if sys.argv[1] == "theirs" else check_heeds(sys.argv[2], place))
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    sys.exit(not all(passed))
