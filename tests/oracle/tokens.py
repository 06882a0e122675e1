#!/usr/bin/env python3
"""Byte-level BPE beside Hugging Face's tokenizers: ids, and speed.

    tokens.py HEED [MEGABYTES]

HEED is the program. Two vocabularies, one that heed learns and one that tokenizers learn, each opened by both, encode
MEGABYTES (20 unless given) of random code points and as many of words in mixed scripts; every id must be equal. From 10
MB on, heed must encode 5 MB in a second of one core, and learn 16,000 merges of 1.8 MB in one: less says little of speed.
The ways of later models to cut texts are tried beside every code point below U+3000, and the others or some of them, and so
are vocabularies of characters as Llama 2 has them, with decoded texts.
"""
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import unicodedata

import numpy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

MERGES, LEARNT = 16_000, 1_800_000
os.environ.update(HEED_NUM_THREADS="1", RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

# First and last code points of letters, marks and numbers of many scripts, and of signs that no one expects.
SCRIPTS = [(0x61, 0x7A), (0x41, 0x5A), (0xC0, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x586), (0x5D0, 0x5EA),
           (0x620, 0x669), (0x900, 0x97F), (0x980, 0x9FB), (0xE01, 0xE5B), (0x10A0, 0x10FF), (0x1200, 0x1248),
           (0x1780, 0x17F9), (0x1E00, 0x1EFF), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
           (0x1D400, 0x1D7FF)]
NUMBERS = [(0x30, 0x39), (0xB2, 0xB3), (0xBC, 0xBE), (0x660, 0x669), (0x966, 0x96F), (0x2150, 0x218B), (0x2460, 0x249B),
           (0x3021, 0x3029), (0xFF10, 0xFF19), (0x1F100, 0x1F10C)]
MARKS = [(0x300, 0x36F), (0x5B0, 0x5C7), (0x64B, 0x65F), (0x93C, 0x94D), (0x1AB0, 0x1ACE), (0x20D0, 0x20F0)]
SIGNS = [(0x21, 0x2F), (0x3A, 0x40), (0xA1, 0xBF), (0x2010, 0x2027), (0x2030, 0x205E), (0x2190, 0x21FF), (0x1F300, 0x1F64F)]
SPACES = [" "] * 20 + ["  ", "\t", "\r\n", "\xA0", "\u2009", "\u202F", "\u3000", "\x85", "\u2028", "\u200B", " \u3000 "]
ENDINGS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "\u2019s"]


def split(letters, digits, rest):
    """A pre-tokenizer, as the files of models after GPT-2 have it."""
    regex = {"Regex": f"{letters}|{digits}|{rest}"}
    return [{"type": "Split", "pattern": regex, "behavior": "Isolated", "invert": False}, False]


LETTERS = [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+", r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+"]
REST = [r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"]
GPT2 = r" ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# name: what cuts before ByteLevel and whether that cuts too, the normalizer, whether a piece that is a token is taken as that
FORMS = {
    "llama 3": (*split(LETTERS[0], r"\p{N}{1,3}", REST[0]), None, True),
    "gpt-4": (*split(LETTERS[1], r"\p{N}{1,3}", REST[1]), None, False),
    "nanochat": (*split(LETTERS[1], r"\p{N}{1,2}", REST[1]), None, False),
    "qwen": (*split(LETTERS[0], r"\p{N}", REST[0]), {"type": "NFC"}, False),
    "gpt-2, split": (*split(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+", r" ?\p{N}+", GPT2), None, False),
    "smollm": ({"type": "Digits", "individual_digits": True}, True, None, False),
}


def lines_of_points(points):
    """Each code point behind and before what could make a piece with it."""
    for group in (points[i : i + 300] for i in range(0, len(points), 300)):
        yield "x'" + " 'x".join(group) + "s"
        yield "7 " + "\n".join(group) + " 12345" + "3 ".join(group)
        yield "a" + "e\u0301 \t".join(group)


def random_line(draw):
    """Any code points; surrogates are none of UTF-8's."""
    points = numpy.array([draw.randrange(0x110000) for _ in range(400)])
    narrow = [draw.randrange(0x3000) for _ in range(400)]
    return "".join(map(chr, [p for p in [*points, *narrow] if not 0xD800 <= p < 0xE000 and p != 10]))


def mixed_line(draw):
    parts = []
    for _ in range(200):
        first, last = draw.choice(draw.choices([SCRIPTS, NUMBERS, MARKS, SIGNS], [10, 2, 1, 2])[0])
        parts += map(chr, (draw.randint(first, last) for _ in range(draw.randint(1, 8))))
        if draw.random() < 0.2:
            parts.append(chr(draw.randint(*draw.choice(MARKS))))
        parts.append(draw.choice(ENDINGS if draw.random() < 0.1 else SPACES))
    return "".join(parts)


def lines_of(line, size, seed):
    """So many bytes of lines; the ids of a line are those that it has in the whole text, as each begins and ends with no
    white space, and a piece begins before the line's end."""
    draw, lines = random.Random(seed), []
    while size > 0:
        lines.append("\nx" + line(draw) + "x")
        size -= len(lines[-1].encode())
    return lines


def source_text(size):
    """English and Python: the beginning of the modules of this Python."""
    folder, text = pathlib.Path(sysconfig.get_path("stdlib")), b""
    for file in sorted(folder.glob("*.py")):
        text += file.read_bytes()
    return text.decode(errors="ignore").encode()[:size].decode(errors="ignore")


def run(*command):
    """What it prints, and the seconds of a core that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return output, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_here():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime


def learn_theirs(lines, file):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=256 + MERGES, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"],
        show_progress=False))
    tokenizer.save(str(file))


def check_forms(heed, place, lines, check):
    said = json.loads((place / "heed.json").read_text())
    end = said["added_tokens"][0]
    (place / "text").write_bytes(end["content"].join(lines).encode())
    for name, (first, cuts, normalizer, whole) in FORMS.items():
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": cuts}
        said["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [first, byte_level]}
        said["normalizer"], said["model"]["ignore_merges"] = normalizer, whole
        (place / "form.json").write_text(json.dumps(said))
        output, _ = run(heed, "tokenizer", "encode", "--tokenizer", place / "form.json", place / "text")
        ids = numpy.fromstring(output, dtype=numpy.int32, sep=" ")
        found = numpy.split(ids, numpy.flatnonzero(ids == end["id"]))
        tokenizer = Tokenizer.from_file(str(place / "form.json"))
        # Their tables of marks are older: they leave 125 of them in disorder.
        given = [unicodedata.normalize("NFC", line) for line in lines] if normalizer else lines
        wanted = [encoding.ids for encoding in tokenizer.encode_batch_fast(given, add_special_tokens=False)]
        wrong = sum(list(a[i > 0 :]) != b for i, (a, b) in enumerate(zip(found, wanted)))
        check(f"cut as {name}: {len(ids)} ids of {len(lines)} lines, {wrong} lines differ", wrong == 0 and len(found) == len(wanted))


# name: the normalizer, the pre-tokenizer, and whether decoding leaves a space out
SPACE, SHOWN = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, "\u2581"
BEFORE = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SHOWN}, SPACE]}
LLAMAS = {"llama 2": (BEFORE, None, True), "spaces shown alone": (SPACE, None, False)} | {
    f"a space before {scheme}": (None, {"type": "Metaspace", "replacement": SHOWN, "prepend_scheme": scheme, "split": False},
                                 scheme != "never") for scheme in ("first", "always", "never")}


def learn_llamas(lines, count):
    """A tokenizer.json as transformers make it from sentencepiece's vocabulary: all ways to make a token are merges."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=count, limit_alphabet=300, show_progress=False))
    learnt = sorted(learner.get_vocab(), key=learner.token_to_id)
    special = ["<unk>", "<s>", "</s>", "<|x|>"]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *(t for t in learnt if len(t) > 1), *(t for t in learnt if len(t) == 1)]
    ids = {token: id for id, token in enumerate(tokens)}
    merges = [f"{token[:i]} {token[i:]}" for token in tokens[260:] for i in range(len(token) - 1, 0, -1) if token[:i] in ids and token[i:] in ids]
    added = [{"id": ids[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": t == "<|x|>", "special": True}
             for t in special]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "post_processor": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": True, "byte_fallback": True, "vocab": ids, "merges": merges}}


def check_llamas(heed, place, lines, check):
    said = learn_llamas(lines, 4000)
    text = "".join(line + end for line, end in zip(lines, ["", " ", "<s>", "</s> ", " <s>", "<|x|>", " <|x|>", SHOWN, "  "] * len(lines)))
    for start, (name, (normalizer, cut, strip)) in zip([" ", "", "<s>", " a", SHOWN], LLAMAS.items()):
        decoders = [{**SPACE, "pattern": {"String": SHOWN}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
        decoders += [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] * strip
        said.update(normalizer=normalizer, pre_tokenizer=cut, decoder={"type": "Sequence", "decoders": decoders})
        (place / "llama.json").write_text(json.dumps(said))
        (place / "text").write_bytes((start + text).encode())
        output, _ = run(heed, "tokenizer", "encode", "--tokenizer", place / "llama.json", place / "text")
        found = output.decode().split()
        tokenizer = Tokenizer.from_file(str(place / "llama.json"))
        wanted = tokenizer.encode(start + text, add_special_tokens=False).ids
        (place / "ids").write_bytes(output)
        again, _ = run(heed, "tokenizer", "decode", "--tokenizer", place / "llama.json", place / "ids")
        back = tokenizer.decode(wanted, skip_special_tokens=False)
        wrong = sum(int(a) != b for a, b in zip(found, wanted)) + abs(len(found) - len(wanted))
        check(f"characters, {name}: {len(wanted)} ids, {wrong} differ; the text of them {'' if again.decode() == back else 'not '}equal",
              wrong == 0 and again.decode() == back)


def main(heed, megabytes, place):
    good = []
    fast = megabytes >= 10

    def check(claim, holds):
        good.append(bool(holds))
        print(f"{claim}{'' if holds else ': WRONG'}", flush=True)

    text = source_text(LEARNT * 3 // 4) + "".join(lines_of(mixed_line, LEARNT // 4, 7))
    (place / "source").write_text(text)
    _, ours = run(heed, "tokenizer", "train", "--tokenizer", place / "heed.json", "--vocabulary", 257 + MERGES, place / "source")
    start = seconds_here()
    learn_theirs([text], place / "again.json")
    theirs = seconds_here() - start
    size = Tokenizer.from_file(str(place / "heed.json")).get_vocab_size()
    check(f"{MERGES} merges of {len(text.encode()) / 1e6:.1f} MB learnt in {ours:.2f} s; tokenizers take {theirs:.2f} s",
          size == 257 + MERGES and (not fast or ours <= 1))

    texts = {name: lines_of(line, megabytes * 1_000_000, seed)
             for seed, (name, line) in enumerate({"random code points": random_line, "mixed scripts": mixed_line}.items())}
    sample = [line for lines in texts.values() for line in lines[: max(1, len(lines) // 20)]]
    learn_theirs(sample + [text], place / "tokenizers.json")
    for name, lines in texts.items():
        (place / "text").write_bytes("".join(lines).encode())
        size = (place / "text").stat().st_size / 1e6
        for vocabulary in ("heed", "tokenizers"):
            file = place / f"{vocabulary}.json"
            output, seconds = run(heed, "tokenizer", "encode", "--tokenizer", file, place / "text")
            found = numpy.fromstring(output, dtype=numpy.int32, sep=" ")
            tokenizer = Tokenizer.from_file(str(file))
            start, wanted = seconds_here(), []
            for first in range(0, len(lines), 1000):
                for encoding in tokenizer.encode_batch_fast(lines[first : first + 1000], add_special_tokens=False):
                    wanted.append(numpy.array(encoding.ids, numpy.int32))
            theirs = seconds_here() - start
            wanted = numpy.concatenate(wanted)
            wrong = int((found != wanted).sum()) if found.shape == wanted.shape else abs(len(found) - len(wanted))
            check(f"{size:.1f} MB of {name}, vocabulary of {vocabulary}: {len(wanted)} ids, {wrong} differ; "
                  f"{size / seconds:.1f} MB/s (tokenizers {size / theirs:.1f})",
                  wrong == 0 and (not fast or size / seconds >= 5))
    points = [chr(p) for p in range(0x110000) if not 0xD800 <= p < 0xE000 and chr(p).isprintable() | (p < 0x3000)]
    if not fast:
        points = [c for c in points if ord(c) < 0x3000 or ord(c) % 23 == 0]
    known = [c for c in points if unicodedata.category(c) != "Cn"]  # to this Python, whose Unicode composes
    check_forms(heed, place, [*lines_of_points(known), *sample[:2000]], check)
    check_llamas(heed, place, [*lines_of_points(points), *sample[:2000]], check)
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    return all(good)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 20
        sys.exit(not main(pathlib.Path(sys.argv[1]).resolve(), megabytes, pathlib.Path(place)))
