#!/usr/bin/env python3
"""The numbers, tables and pictures of the lessons' pages, from what the lessons themselves said.

    tutorial/pages.py write OUT LESSON    take OUT/LESSON/page.json and its pictures into the lesson's page
    tutorial/pages.py seeds LESSON        the seeds, besides its own, of which the lesson's page tells
    tutorial/pages.py fill [LESSON...]    fill pages again from what was taken before
    tutorial/pages.py check [PROGRAMS]    fail where a page differs from what its lesson said; with the directory of the
                                          programs, run those lessons that take a second and compare what they say now
    tutorial/pages.py quick DIRECTORY     fail where DIRECTORY/LESSON/page.json, of runs with --quick, says otherwise what
                                          no training decides

A lesson says `l.page(name, text)`. Its page has a mark <!--=name-->...<!--/-->, whose inside is that text; a name with
"@2" is what a run with --seed 2 said. In C++ on the page, `const Tensor name = ...;  // [...]` ends with the numbers
that the lesson printed for that name. What was taken is kept in tutorial/results/.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

TUTORIAL = pathlib.Path(__file__).resolve().parent
QUICK = ["01_word_by_word", "05_simplified_self_attention", "06_self_attention", "07_causal_attention", "11_gradients",
         "13_microgpt"]
UNTRAINED = {  # of the others, what a short run says as the whole one does: it comes before training, or is none's
    "08_multi_head_attention": ["floor", "side by side"],
    "09_transformer": ["costs"],
    "10_gpt": ["parameters", "untrained", "even"],
    "12_history": ["spoiled", "first of many", "xor", "looks"],
    "15_what_goes_in": ["tokens", "pieces", "gradient of each row", "shuffled", "frequencies"],
}
MARK = re.compile(r"<!--=([^>]*?)-->(.*?)<!--/-->", re.S)
NUMBERS_BEHIND = re.compile(r"^(const Tensor (\w+) = .*;  *// )\[.*\]$", re.M)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
MEASURED = re.compile(r"\d+\.\d+|\d%|\d+e[-+]\d+")  # what a page may not say by itself
NEAR, TINY = 5e-3, 1e-6  # machines round differently: how far numbers of two runs may be apart, and what counts as 0
PICTURE_NEAR = 2  # units of an SVG's coordinates


class Wrong(Exception):
    pass


def page_of(lesson):
    return TUTORIAL / f"{lesson}.md"


def said_by(lesson, seed=None):
    path = TUTORIAL / "results" / f"{lesson}{'@' + seed if seed else ''}.json"
    if not path.exists():
        raise Wrong(f"{path.relative_to(TUTORIAL)} is missing; scripts/tutorial.sh {lesson} --write writes it")
    return json.loads(path.read_text())


def text_of(lesson, name):
    """What the lesson said under that name."""
    name, _, seed = name.partition("@")
    said = said_by(lesson, seed)
    if name not in said:
        raise Wrong(f"{lesson} says nothing named '{name}'; it says {', '.join(said)}")
    return said[name]


def filled(lesson, text):
    """The page's text with the inside of each mark as the lesson said it."""
    def mark(match):
        value = text_of(lesson, match[1])
        block = "\n" in value or match[2].startswith("\n")
        if value.startswith("> "):  # a quotation: lines as long as the page's
            value = textwrap.fill(" ".join(value[2:].split()), 118, initial_indent="> ", subsequent_indent="> ")
        return f"<!--={match[1]}-->" + (f"\n\n{value.strip(chr(10))}\n\n" if block else value) + "<!--/-->"
    text = MARK.sub(mark, text)
    return NUMBERS_BEHIND.sub(lambda m: m[1] + text_of(lesson, m[2]), text)


def unmarked(text):
    """Numbers of the page that no run stands behind: decimals and shares in prose. Code and links are none."""
    for pattern in (MARK, re.compile(r"^```.*?^```", re.S | re.M), re.compile(r"^    .*$", re.M), re.compile(r"`[^`]*`"),
                    re.compile(r"\]\([^)]*\)|<[^>]*>|https?://\S+")):
        text = pattern.sub(" ", text)
    return [(m[0], text[max(0, m.start() - 30):m.end() + 20].replace("\n", " ")) for m in MEASURED.finditer(text)]


def same(a, b, near=NEAR, apart=0):
    """Whether two texts say the same, with numbers as near as two machines bring them."""
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(map(float, NUMBER.findall(a)), map(float, NUMBER.findall(b)))
    return all(x == y or abs(x - y) <= max(apart, near * max(abs(x), abs(y))) or max(abs(x), abs(y)) < TINY for x, y in pairs)


def pictures_of(lesson, text):
    """The pictures on the page that the lesson draws: (file on the page, its name in the lesson's directory)."""
    number = lesson.split("_")[0]
    return [(TUTORIAL / "pictures" / name, name.removeprefix(number + "_"))
            for name in re.findall(rf"\(pictures/({number}_\w+\.svg)\)", text)]


def lessons():
    """In the order in which they are read: that of the table of README.md."""
    return re.findall(r"^\| \[\d+ [^]]*\]\((\d\d_\w+)\.md\)", (TUTORIAL / "README.md").read_text(), re.M)


def write(out, lesson):
    text = page_of(lesson).read_text()
    runs = {None: pathlib.Path(out) / lesson}
    for seed in sorted({name.partition("@")[2] for name, _ in MARK.findall(text)} - {""}):
        runs[seed] = pathlib.Path(out) / f"{lesson}@{seed}"
    (TUTORIAL / "results").mkdir(exist_ok=True)
    for seed, directory in runs.items():
        said = json.loads((directory / "page.json").read_text())
        kept = TUTORIAL / "results" / f"{lesson}{'@' + seed if seed else ''}.json"
        kept.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    came = runs[None]
    text = page_of(lesson).read_text()
    for picture, name in pictures_of(lesson, text):
        if (came / name).exists():
            picture.write_bytes((came / name).read_bytes())
    page_of(lesson).write_text(filled(lesson, text))
    print(f"tutorial/{lesson}.md: {len(MARK.findall(text)) + len(NUMBERS_BEHIND.findall(text))} places, "
          f"{len(pictures_of(lesson, text))} pictures")


def check_page(lesson):
    text = page_of(lesson).read_text()
    full = filled(lesson, text)
    for old, new in zip(text.split("\n"), full.split("\n")):
        if old != new:
            raise Wrong(f"tutorial/{lesson}.md says\n  {old}\nwhere the lesson said\n  {new}")
    if text != full:
        raise Wrong(f"tutorial/{lesson}.md has fewer or more lines at a mark than the lesson said")
    bare = unmarked(text)
    if bare:
        raise Wrong(f"tutorial/{lesson}.md has numbers that no run stands behind: {bare}")
    for exercise in sorted(TUTORIAL.glob(f"exercises/{lesson[:2]}?.cpp")):
        if f"(exercises/hole/{exercise.stem}.h)" not in text:
            raise Wrong(f"tutorial/{lesson}.md has no link to exercise {exercise.stem}")
    return sum(len(NUMBER.findall(inside)) for _, inside in MARK.findall(text)) + \
        sum(len(NUMBER.findall(m[0])) for m in NUMBERS_BEHIND.finditer(text))


def check_order():
    if sorted(lessons()) != sorted(path.stem for path in TUTORIAL.glob("[0-9][0-9]_*.cpp")):
        raise Wrong(f"the table of tutorial/README.md has {', '.join(lessons())}; need each lesson once")
    return len(lessons())


def check_said(lesson, now, names):
    """That a run says of these names what the page has."""
    kept = said_by(lesson)
    for name in names:
        if not same(now[name], kept[name]):
            raise Wrong(f"{lesson} now says of '{name}'\n{now[name]}\nand its page\n{kept[name]}")
    return len(names)


def check_quick(lesson, directory):
    return check_said(lesson, json.loads((pathlib.Path(directory) / lesson / "page.json").read_text()), UNTRAINED[lesson])


def check_run(lesson, programs):
    with tempfile.TemporaryDirectory() as out:
        ran = subprocess.run([pathlib.Path(programs) / lesson, "--out", out], capture_output=True, text=True)
        if ran.returncode != 0:
            raise Wrong(f"{lesson} ended with {ran.returncode}:\n{ran.stdout[-2000:]}{ran.stderr}")
        after = lessons()[lessons().index(lesson) + 1:][:1]
        if re.findall("^next: scripts/tutorial.sh (.*)$", ran.stdout, re.M) != after:
            raise Wrong(f"{lesson} does not lead to {after}, which follows in the table of tutorial/README.md")
        now, kept = json.loads((pathlib.Path(out) / "page.json").read_text()), said_by(lesson)
        if list(now) != list(kept):
            raise Wrong(f"{lesson} says {', '.join(now)}; tutorial/results has {', '.join(kept)}")
        check_said(lesson, now, now)
        for picture, name in pictures_of(lesson, page_of(lesson).read_text()):
            drawn = pathlib.Path(out) / name
            if drawn.exists() and not same(drawn.read_text(), picture.read_text(), apart=PICTURE_NEAR):
                raise Wrong(f"{lesson} now draws {name} otherwise than tutorial/pictures has it")
    return len(now)


def check(programs):
    tasks = [(f"{lesson}: page", check_page, (lesson,)) for lesson in lessons()] + [("README.md: order", check_order, ())]
    if programs:
        tasks += [(f"{lesson}: run", check_run, (lesson, programs)) for lesson in QUICK]
    return report(tasks)


def report(tasks):
    failed, numbers = 0, 0
    for name, task, arguments in tasks:
        try:
            numbers += task(*arguments)
        except Wrong as wrong:
            failed += 1
            print(f"FAILED: {name}: {wrong}")
    print(f"{numbers} numbers and texts of runs are as the pages say them")
    print(f"{len(tasks) - failed} passed, {failed} failed, 0 skipped")
    return failed > 0


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "write":
        write(*arguments[1:])
    elif len(arguments) == 2 and arguments[0] == "seeds":
        print(*sorted({name.partition("@")[2] for name, _ in MARK.findall(page_of(arguments[1]).read_text())} - {""}))
    elif arguments[:1] == ["fill"]:
        for lesson in arguments[1:] or lessons():
            page_of(lesson).write_text(filled(lesson, page_of(lesson).read_text()))
    elif len(arguments) in (1, 2) and arguments[0] == "check":
        return check(arguments[1] if len(arguments) == 2 else None)
    elif len(arguments) == 2 and arguments[0] == "quick":
        return report([(f"{lesson}: quick run", check_quick, (lesson, arguments[1])) for lesson in UNTRAINED])
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as wrong:
        sys.exit(f"pages.py: {wrong}")
