#!/usr/bin/env python3
"""The book that scripts/book.sh makes, in a real browser, from the disk.

    test_book.py

Prints what fails and "N passed, N failed, N skipped". Skips without the environment of tutorial/book/requirements.txt.
"""
import json
import pathlib
import re
import subprocess
import sys
import time

from browser import ROOT, book_environment, complaints, run_tests

COLUMNS = 110  # of code on a page: what a desktop's page has room for
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.S | re.M)
INLINE = re.compile(r"\$`[^`]+`\$")
ORDER = (ROOT / "tutorial/README.md").read_text()  # lesson 15 stands between 8 and 9
LESSONS = sorted((ROOT / "tutorial").glob("[0-9][0-9]_*.md"), key=lambda page: ORDER.index(f"]({page.name})"))
PHONES = [320, 390]
KINDS = ["index.html", "04_bahdanau.html", "13_microgpt.html", "docs/pytorch.html", "source/nn/mask.h.html"]  # one of each


class Pages:
    """The book, in a directory of its own."""

    def __init__(self, directory):
        book_environment()
        built = subprocess.run([ROOT / "scripts/book.sh", "--out", directory], capture_output=True, text=True)
        assert built.returncode == 0, f"scripts/book.sh ended with {built.returncode}:\n{built.stdout}{built.stderr}"
        self.book, self.one = directory / "book", directory / "alone" / "book.html"
        self.one.parent.mkdir()
        (directory / "book.html").rename(self.one)
        # All pages, but of each folder of those that are all alike, files of code and the API, three.
        self.all = [page for page in sorted(self.book.rglob("*.html"))
                    if page.relative_to(self.book).parts[0] not in ("source", "api") or
                    page in sorted(page.parent.glob("*.html"))[:3]]

    def name(self, page):
        return str(page.relative_to(self.book)) if page.is_relative_to(self.book) else page.name


def prose(text):
    """The page's source without its code."""
    return FENCE.sub("", text)


def loaded(browser):
    """The addresses that the browser asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def serious(b, scheme, options={}):
    """What axe-core finds serious, in words."""
    deadline = time.monotonic() + 10
    while b.js("return document.body.getAttribute('data-md-color-scheme')") != {"light": "default", "dark": "slate"}[scheme]:
        assert time.monotonic() < deadline, f"the page does not become {scheme}"
    return [f"{scheme}: {violation}" for violation in complaints(b, options) if violation[0] in ("serious", "critical")]


def test_pages_load_nothing_from_a_network_lack_no_picture_and_never_scroll_sideways(b, pages):
    loaded(b)
    for page in [*pages.all, pages.one]:
        b.look((PHONES[0], 844))
        b.open(page)
        asked = [url for url in loaded(b) if not url.startswith(("file:", "data:", "about:", "blob:"))]
        assert not asked, f"{pages.name(page)} asks for {asked}"
        absent = b.js("return [...document.images].filter(i => { i.loading = 'eager'; return i.complete && !i.naturalWidth })"
                      ".map(i => i.src.slice(0, 100))")
        assert not absent, f"{pages.name(page)} lacks {absent}"
        errors = [entry["message"] for entry in b.driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not errors, f"{pages.name(page)}: {errors}"
        for width in PHONES:
            b.look((width, 844))
            wide = b.js("return document.documentElement.scrollWidth")
            assert wide <= width, f"{pages.name(page)} is {wide} wide at {width}"
    b.look()


def test_every_formula_is_mathml(b, pages):
    total = 0
    for lesson in LESSONS:
        text = lesson.read_text()
        written = sum(match[1] == "math" for match in FENCE.finditer(text)) + len(INLINE.findall(prose(text)))
        b.open(pages.book / f"{lesson.stem}.html")
        formulas = b.js("return [...document.querySelectorAll('.formula:not(.narrow) math, :not(.formula) > math')].map(m => [m.textContent, m.getBoundingClientRect().width])")
        assert len(formulas) == written, f"{lesson.name} has {written} formulas, its page {len(formulas)}"
        wrong = [text for text, width in formulas if "\\" in text or "&" in text or width < 3]
        assert not wrong, f"{lesson.name}: not understood: {wrong}"
        total += written
    assert total > 0


def test_no_serious_finding_of_axe_core(b, pages):
    found = []
    for name in KINDS:
        b.look()
        b.open(pages.book / name)
        found += [f"{name}: {text}" for text in serious(b, "light")]
        b.look(scheme="dark")
        found += [f"{name}: {text}" for text in serious(b, "dark", {"runOnly": ["color-contrast"]})]
    b.look("phone")
    b.open(pages.one)  # in which all lessons are; their colours are those of the pages above, and comparing them takes a minute
    found += [f"all lessons: {text}" for text in serious(b, "light", {"rules": {"color-contrast": {"enabled": False}}})]
    b.look()
    assert not found, "\n".join(found)


def test_the_reader_s_colours_hold_in_pictures_too(b, pages):
    def shade(element):
        """How bright the corner of an element is on the screen, 0 to 1."""
        x, y = b.js("const r = arguments[0].getBoundingClientRect(); return [r.left + scrollX + 6, r.top + scrollY + 6]", element)
        shot = b.cdp("Page.captureScreenshot", captureBeyondViewport=True,
                     clip={"x": x, "y": y, "width": 2, "height": 2, "scale": 1})["data"]
        return b.driver.execute_async_script("""
            const picture = new Image(), done = arguments[1];
            picture.onload = () => {
              const canvas = document.createElement('canvas').getContext('2d');
              canvas.drawImage(picture, 0, 0);
              done(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((a, b) => a + b) / 765);
            };
            picture.src = 'data:image/png;base64,' + arguments[0];""", shot)
    for name in ("04_bahdanau", "11_gradients"):
        for system, clicks, dark in (("light", 0, False), ("dark", 0, True), ("light", 2, True), ("dark", 1, False)):
            b.look(scheme=system)
            b.open(pages.book / f"{name}.html")
            b.js("localStorage.clear()")
            b.open(pages.book / f"{name}.html")
            for _ in range(clicks):  # from the system's to light, from light to dark
                next(label for label in b.all("[data-md-component=palette] label") if label.is_displayed()).click()
            picture = b.one("article img[src$='.svg']")
            seen = shade(picture)
            assert (seen < 0.3) == dark, f"{name}: system {system}, {clicks} clicks: a picture's corner is {seen:.2f}"
    b.js("localStorage.clear()")
    b.look()


def test_the_keyboard_turns_pages_and_finds_words(b, pages):
    b.open(pages.book / "index.html")
    for lesson in LESSONS:  # n: the next page
        b.press("n")
        deadline = time.monotonic() + 10
        while f"{lesson.stem}.html" not in b.driver.current_url:
            assert time.monotonic() < deadline, f"the page after {b.driver.current_url} is not {lesson.stem}"
        assert b.one(".md-footer__link--prev") and b.text("h1")
    b.press("/")
    b.press(*"bahdanau")
    deadline = time.monotonic() + 10
    while "4. Soft attention" not in b.js("return document.querySelector('.md-search-result__list').textContent"):
        assert time.monotonic() < deadline, "the search does not find lesson 4"


def test_each_lesson_asks_before_it_tells(b, pages):
    for lesson in LESSONS:
        b.open(pages.book / f"{lesson.stem}.html")
        questions = b.all("details")
        assert questions, f"{lesson.name} asks nothing"
        for question in questions:
            assert question.get_attribute("open") is None, f"{lesson.name} tells before it asks"
            b.js("arguments[0].querySelector('summary').focus()", question)
            b.press("\ue007")  # Enter
            answer = b.js("return [...arguments[0].children].slice(1).map(e => e.innerText).join('').trim()", question)
            assert question.get_attribute("open") is not None and answer, f"{lesson.name} does not tell"


def test_on_paper_answers_are_open_and_all_is_black_on_white(b, pages):
    b.open(pages.book / "04_bahdanau.html")
    b.cdp("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert b.js("return getComputedStyle(document.body).backgroundColor") in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert not [e for e in b.all(".md-header, .md-tabs, .md-sidebar, .md-footer") if e.is_displayed()]
    hidden = b.js("return [...document.querySelectorAll('details')].filter(d => d.getBoundingClientRect().height <"
                  " 1.5 * d.querySelector('summary').getBoundingClientRect().height).length")
    assert hidden == 0, f"{hidden} answers are hidden on paper"
    b.cdp("Emulation.setEmulatedMedia", media="")
    b.look()


def test_one_file_holds_all_lessons(b, pages):
    b.open(pages.one)
    titles = b.js("return [...document.querySelectorAll('h1, h2')].map(h => h.firstChild.textContent)")
    for lesson in LESSONS:
        title = lesson.read_text().splitlines()[0].removeprefix("# ")
        assert title in titles, f"no {title}"
    assert b.js("return document.querySelectorAll('article img').length") >= len(LESSONS)
    outside = b.js("return [...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href') || e.getAttribute('src'))"
                   ".filter(a => !/^(#|https?:|data:|mailto:)/.test(a))")
    assert not outside, outside
    dead = b.js("return [...document.querySelectorAll('article a[href^=\"#\"]')].map(a => decodeURIComponent(a.getAttribute('href')))"
                ".filter(h => h.length > 1 && !document.getElementById(h.slice(1)))")
    assert not dead, f"links to nothing: {dead}"


def test_code_is_at_most_110_columns_wide(b, pages):
    wide = [f"{page.name}: {len(line)}: {line}" for page in LESSONS for match in FENCE.finditer(page.read_text())
            if match[1] != "math" for line in match[2].splitlines() if len(line) > COLUMNS]
    assert not wide, "\n".join(wide)


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Pages, arguments=0))
