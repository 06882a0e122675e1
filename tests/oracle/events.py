#!/usr/bin/env python3
"""TensorBoard's own reader beside the metrics of runs that `heed train --tensorboard` wrote.

    events.py HEED DIR    trains a GPT, killed once and resumed, and a translator in DIR; every number of metrics.jsonl and
                          times.jsonl has to be a scalar at its step, and no other; samples are text, attention is a PNG

Prints a line for each tag, and how many passed and failed.
"""
import collections
import json
import pathlib
import struct
import subprocess
import sys
import time
import zlib

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

heed, place = sys.argv[1], pathlib.Path(sys.argv[2])
FLOAT = 1e-6  # events hold f32
passed = failed = 0


def check(claim, truth, seen=""):
    global passed, failed
    passed, failed = passed + bool(truth), failed + (not truth)
    print(f"{'ok' if truth else 'FAILED':6} {claim} {seen}")


def grey(png):
    """Rows of a PNG without filters."""
    at, stream = 8, b""
    while at < len(png):
        (size,), name = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        assert zlib.crc32(png[at + 4 : at + 8 + size]) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        if name == b"IHDR":
            width, height = struct.unpack(">II", png[at + 8 : at + 16])
        stream += png[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    rows = zlib.decompress(stream)
    assert len(rows) == height * (width + 1)
    return width, height, [rows[i * (width + 1) + 1 : (i + 1) * (width + 1)] for i in range(height)]


def compare(run, said):
    events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()
    written = collections.defaultdict(list)
    for file in ("metrics.jsonl", "times.jsonl"):
        for line in (run / file).read_text().splitlines():
            numbers = json.loads(line)
            for name in numbers.keys() - {"step"}:
                written[name].append((numbers["step"], numbers[name]))
    check(f"{run.name}: the tags", set(events.Tags()["scalars"]) == set(written), sorted(written))
    for name, points in sorted(written.items()):
        read = [(event.step, event.value) for event in events.Scalars(name)]
        same = [step for step, _ in read] == [step for step, _ in points] and all(
            abs(a - b) <= FLOAT * abs(b) for (_, a), (_, b) in zip(read, points)
        )
        check(f"{run.name}: {len(points)} of {name}", same, f"the last {read[-1]}")
    sample = events.Tensors("sample")[-1].tensor_proto.string_val[0].decode()
    check(f"{run.name}: the last sample is what was said", sample and sample in said, repr(sample[:40]))
    plugin = events.SummaryMetadata("sample").plugin_data.plugin_name
    check(f"{run.name}: and is shown as text", plugin == "text", plugin)
    image = events.Images("attention")[-1]
    width, height, rows = grey(image.encoded_image_string)
    check(f"{run.name}: a picture of attention", (width, height) == (image.width, image.height) and
          len(set(b"".join(rows))) > 4, f"{width} x {height}, {len(image.encoded_image_string)} bytes")


def train(*arguments):
    return subprocess.Popen([heed, *arguments, "--threads", "1", "--tensorboard"], cwd=place, stderr=subprocess.PIPE,
                            text=True)


place.mkdir(exist_ok=True)
(place / "text").write_text("".join(f"in the year {i} the cat sat on the mat .\n" for i in range(300)))
(place / "pairs").write_text("".join(f"cat number {i}\tchat numéro {i}\n" for i in range(100)))
killed = train("gpt", "train", "--text", "text", "--preset", "micro", "--steps", "600", "--evaluate-every", "50",
               "--sample-every", "100", "--save-every", "40", "--out", "gpt")
log = place / "gpt" / "metrics.jsonl"
while not (log.exists() and log.read_text().count("\n") > 20):
    time.sleep(0.005)
killed.kill()
killed.communicate()
_, said = train("gpt", "train", "--resume", "--sample-every", "100", "--out", "gpt").communicate()
check("gpt: two event files, of before and after the kill", len(list((place / "gpt").glob("*tfevents*"))) == 2)
compare(place / "gpt", said)
_, said = train("seq2seq", "train", "--pairs", "pairs", "--steps", "40", "--out", "translator").communicate()
compare(place / "translator", said)
print(f"{passed} passed, {failed} failed")
