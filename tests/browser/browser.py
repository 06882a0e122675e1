"""Chromium, headless, through Selenium; and the little that tests ask of a page."""
import functools
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def missing():
    """What a browser test needs and does not find, or None."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return f"{sys.executable} cannot import selenium (package python3-selenium)"
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"{program} is not installed (packages chromium, chromium-driver)"
    return None


class Skipped(Exception):
    """Why no page can be made, or a test not run."""


@functools.cache
def book_environment():
    """The folder of the Python that makes the book, and has axe-core. Raises Skipped where PyPI cannot be reached."""
    found = subprocess.run([ROOT / "scripts/python.sh", "tutorial/book/requirements.txt"], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL)
    if found.returncode != 0:
        raise Skipped(found.stderr.strip().splitlines()[-1])
    return pathlib.Path(found.stdout.strip()).parents[1]


def complaints(b, options={}):
    """What axe-core finds wrong with the page: lists of impact, rule, and where."""
    b.driver.set_script_timeout(300)  # all lessons on one page take a while on a busy machine
    if not b.js("return 'axe' in window"):
        axe = next(book_environment().glob("lib/python3*/site-packages/axe_playwright_python/axe.min.js")).read_text()
        b.js(axe + "; window.axe = axe; document.head.append(Object.assign(document.createElement('style'),"
             " {textContent: '* { transition: none !important }'}))")
    return b.driver.execute_async_script("""
        const done = arguments[1];
        axe.run(document, arguments[0]).then(r => done(r.violations.map(v => [v.impact, v.id, v.nodes.length,
          v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])), e => done([["critical", String(e)]]))""",
                                         {"resultTypes": ["violations"], **options})


class Browser:
    def __init__(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
        options = Options()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         "--force-color-profile=srgb", "--disable-lcd-text"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.look()

    def look(self, size="desktop", scheme="light", calm=False):
        """The window and the reader's wishes."""
        width, height = SIZES.get(size, size)
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}])

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def open(self, path, address=""):
        self.driver.get("about:blank")  # so that an address alone is a new page too
        self.driver.get(f"file://{path}{address}")

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        from selenium.webdriver.common.by import By
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        found = self.all(selector)
        assert found, f"no {selector}"
        return found[0]

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def choose(self, group, name):
        """Clicks the radio button of that name."""
        for label in self.all(f"#{group}-choice label"):
            if label.text == str(name):
                return label.click()
        raise AssertionError(f"no {group} {name}")

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def point(self, element, dx=0, dy=0):
        """Moves the mouse to the middle of an element, or so far from it."""
        from selenium.webdriver.common.action_chains import ActionChains
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver, duration=0).move_to_element_with_offset(element, dx, dy).perform()

    def close(self):
        self.driver.quit()


def run_tests(names, make_pages, arguments=2):
    """Runs every test_...(browser, pages) of a script: SCRIPT ARGUMENT... [WORD...], where words choose among their names. The
    arguments, MAKE_PAGES and HEED unless they are fewer, are for make_pages, which may raise Skipped."""
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")]

    def skip(name, why):
        print(f"skipped: {pathlib.Path(sys.argv[0]).stem}: {name[5:].replace('_', ' ')}: {why}")

    def skip_all(why):
        for name, _ in tests:
            skip(name, why)
        print(f"0 passed, 0 failed, {len(tests)} skipped")
        return 0

    if lacking := missing():
        return skip_all(lacking)
    wanted = sys.argv[1 + arguments:]
    failed = skipped = ran = 0
    with tempfile.TemporaryDirectory() as directory:
        try:
            pages = make_pages(pathlib.Path(directory), *sys.argv[1:1 + arguments])
        except Skipped as why:
            return skip_all(why)
        browser = Browser()
        try:
            for name, test in tests:
                if wanted and not any(word in name for word in wanted):
                    continue
                ran += 1
                try:
                    test(browser, pages)
                except Skipped as why:
                    skipped += 1
                    skip(name, why)
                except Exception:
                    failed += 1
                    print(f"FAILED: {name[5:].replace('_', ' ')}\n{traceback.format_exc()}")
                    browser.look()
        finally:
            browser.close()
    print(f"{ran - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
