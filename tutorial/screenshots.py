#!/usr/bin/env python3
"""Draws tutorial/pictures/page_*.png: the HTML pages of trained models, photographed in headless Chromium.

    tutorial/screenshots.py [HEED [DIRECTORY]]

And page_moved.gif: a reader types a sentence, and draws the attention of a word elsewhere.
HEED is the program (build/heed). Models go to DIRECTORY (out/pictures) and are used again if they are there; all four take
about three minutes to train on two cores.
"""
import base64
import importlib.util
import io
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "tutorial" / "pictures"
MOST_BYTES = 160_000
WINDOW = (1040, 860)
SENTENCE = "the black cat that was sitting on the mat did not see the white dog"

sys.path.insert(0, str(ROOT / "tests" / "browser"))
from browser import SIZES, Browser, missing  # noqa: E402
from test_live import drag, type_in  # noqa: E402


def models(heed, directory):
    """Trains what is not there."""
    translator = ["seq2seq", "train", "--steps", "1500", "--seed", "1", "--arch"]
    runs = {"attention": translator + ["attention", "--keep", "0,50,100,200,400"], "rnn": translator + ["rnn"], "transformer": translator + ["transformer"],
            "gpt": ["gpt", "train", "--preset", "cpu", "--steps", "2000", "--seed", "1"]}
    for name, run in runs.items():
        if not (directory / name / "model.safetensors").exists():
            subprocess.run([heed, *run, "--out", directory / name], check=True)


def pages(heed, directory):
    for name in ("attention", "transformer"):
        subprocess.run([heed, "seq2seq", "translate", "--model", directory / name, "--beside", directory / "rnn", "--page",
                        directory / f"{name}.html", SENTENCE], check=True)
    subprocess.run([heed, "gpt", "sample", "--model", directory / "gpt", "--prompt", "And the ", "--tokens", "52", "--temperature", "0.5", "--seed", "3",
                    "--page", directory / "gpt.html"], check=True)
    subprocess.run([heed, "page", "--model", directory / "attention", "--out", directory / "live.html"], check=True)


def to_step(step):
    return f"const r = document.getElementById('step'); r.value = {step}; r.dispatchEvent(new Event('input'));"


def at(selector, i):
    return (f"document.querySelectorAll('{selector}')[{i}]"
            ".dispatchEvent(new PointerEvent('pointermove', {bubbles: true}));")


# name: page, address, window, scheme, what is done first, the element that is shown (else the window)
SHOTS = {
    "page_translation": ("attention", "", WINDOW, "light", "", "#story"),
    "page_playing": ("attention", "", WINDOW, "light", to_step(21), "#story"),
    "page_playing_dark": ("attention", "", WINDOW, "dark", to_step(21), "#story"),
    "page_phone": ("attention", "", "phone", "light", to_step(19), None),
    "page_matrix_dark": ("attention", "", WINDOW, "dark", at(".tokens.written .token", 2), "#maps"),
    "page_lines": ("transformer", "#part=cross&layer=1&head=2&view=lines", WINDOW, "light", at("#ends .end.query", 2), "#maps"),
    "page_live": ("live", "", (1040, 620), "light", "", None),
    "page_gpt": ("gpt", "#layer=2&head=2", WINDOW, "light", at(".token", 30), "#maps"),
}


def photograph(browser, directory, name, shot):
    page, address, window, scheme, first, selector = shot
    browser.look(window, scheme)
    browser.open(directory / f"{page}.html", address)
    browser.js(first)
    time.sleep(1)  # until what moves has come to rest
    width, height = SIZES.get(window, window)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    if selector:
        box = browser.js("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                         "return [b.left + scrollX, b.top + scrollY, b.width, b.height]", selector)
        clip.update(x=max(0, box[0] - 16), y=max(0, box[1] - 16), width=box[2] + 32, height=box[3] + 32)
    png = browser.cdp("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
    picture = base64.b64decode(png)
    (PICTURES / f"{name}.png").write_bytes(picture)
    print(f"{name}.png: {clip['width']:.0f} x {clip['height']:.0f}, {len(picture)} bytes")
    assert len(picture) <= MOST_BYTES, f"{name}.png is larger than {MOST_BYTES} bytes"


def moving(browser, directory):
    """A picture that moves, of 64 colours; Pillow keeps what changes from one frame to the next."""
    from PIL import Image
    frames, times = [], []
    width, height = 760, 590
    browser.look((width, height), "light", calm=True)
    browser.open(directory / "live.html")

    def frame(milliseconds):
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}  # of the page, wherever it is scrolled to
        png = browser.cdp("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        frames.append(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))
        times.append(milliseconds)

    words = "the small black cat did not see the dogs".split()
    for n in range(1, len(words) + 1):
        type_in(browser, "sentence", " ".join(words[:n]))
        time.sleep(0.3)
        frame(1500 if n == len(words) else 350)
    for word in (3, 5, 8):  # from "chat" towards "dogs"
        drag(browser, 2, word, release=word == 8)
        time.sleep(0.3)
        frame(2500 if word == 8 else 400)
    palette = frames[-1].quantize(64)
    small = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    file = PICTURES / "page_moved.gif"
    small[0].save(file, save_all=True, append_images=small[1:], duration=times, loop=0, optimize=True)
    print(f"{file.name}: {len(frames)} frames, {file.stat().st_size} bytes")
    assert file.stat().st_size <= 3 * MOST_BYTES, f"{file.name} is larger than {3 * MOST_BYTES} bytes"


def main():
    lacking = missing() or (None if importlib.util.find_spec("PIL") else f"{sys.executable} cannot import PIL (package python3-pil)")
    if lacking:
        sys.exit(f"screenshots.py: {lacking}")
    heed = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "heed").resolve()
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "out" / "pictures").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    models(heed, directory)
    pages(heed, directory)
    browser = Browser()
    try:
        for name, shot in SHOTS.items():
            photograph(browser, directory, name, shot)
        moving(browser, directory)
    finally:
        browser.close()


if __name__ == "__main__":
    main()
