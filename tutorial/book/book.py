"""What mkdocs shows: the Markdown of the tree, each file under its own path, so that links between files work as they do on GitHub.

The book has four parts: the lessons (tutorial/*.md), the exercises (tutorial/exercises/*.md), the documentation (README.md,
docs/*.md in the order in which docs/README.md links to them, then what they link to), and the API (out/api/*.md, if a run has
written any). A file of code that a page links to becomes a page of its own, whose line 20 is #L20, as on GitHub. A link from a name,
[`nn::Linear`](../nn/linear.h), leads to the line in which the file declares it, and a warning says where it does not. Pages in which
a lesson's model runs, out/tutorial/NN_name/page.html, come with it.
"""
import logging
import pathlib
import posixpath
import re

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = {".cpp": "cpp", ".h": "cpp", ".py": "python", ".sh": "bash", ".txt": "text", "": "text"}
PICTURES = {".svg", ".png", ".gif", ".jpg", ".webp"}
MARK = re.compile(r"(`[^`\n]*`)|<!--=[^>]*?-->|<!--/-->")
NAME = re.compile(r"\[`(?:\w+::)*(\w+)`\]\(([^()\s#]+\.h)\)")
DECLARED = r"^ *(?:(?:struct|class|enum class|using) {0}\b|(?:[^/\s].*)?\b{0}\()"
LINE = re.compile(r"__codelineno-0-(\d+)")
LINE_ANCHOR = re.compile(r'<a id="__codelineno[^>]*></a>')
LINK = re.compile(r"\]\(([^()\s#]+)[^()\s]*\)|(?:src|href)=\"([^\"#]+)")
NO_LINKS = re.compile(r"^```.*?^```|`[^`\n]*`", re.S | re.M)


def links(path):
    """The files of the tree that a page links to."""
    for match in LINK.finditer(NO_LINKS.sub("", path.read_text())):
        target = match[1] or match[2]
        if not re.match(r"[a-z]+:", target):
            found = (path.parent / target).resolve()
            if found.is_file() and found.is_relative_to(ROOT):
                yield found.relative_to(ROOT).as_posix()


def place(path):
    """Where a file of the tree stands in the book."""
    path = re.sub(r"^(tutorial|out)/", "", path)
    folder, name = posixpath.split(path)
    stem, extension = posixpath.splitext(name)
    if extension in PICTURES:
        return path
    if extension == ".html":
        return f"live/{posixpath.basename(folder)}.html"
    if extension != ".md":
        return f"source/{path}.html"
    return posixpath.join(folder, ("index" if stem == "README" else stem) + ".html")


class SourcePage(File):
    """A file of code as a page."""

    def is_documentation_page(self):
        return True


def file_of(path, config):
    extension = posixpath.splitext(path)[1]
    if extension in CODE:
        text = (ROOT / path).read_text()
        file = SourcePage.generated(config, path, content=f"---\nsearch: {{boost: 0.5}}\n---\n# {path}\n\n````{CODE[extension]} linenums=\"1\"\n{text}\n````\n")
    else:
        file = File.generated(config, path, abs_src_path=str(ROOT / path))
    file.dest_uri = "heed.html" if path == "README.md" else place(path)
    return file


def listed(folder):
    """The pages of a folder: those that its README links to, in that order, then the others."""
    pages = [page.relative_to(ROOT).as_posix() for page in sorted((ROOT / folder).glob("*.md"))]
    index = f"{folder}/README.md"
    linked = [page for page in (links(ROOT / index) if index in pages else []) if page in pages]
    return list(dict.fromkeys([index] * (index in pages) + linked + pages))


def live(lesson):
    """The page in which the model of a lesson runs, if the lesson has been run."""
    page = ROOT / "out/tutorial" / posixpath.splitext(posixpath.basename(lesson))[0] / "page.html"
    return page.relative_to(ROOT).as_posix() if page.exists() else None


def on_config(config):
    if "print-site" not in config.plugins:
        config.theme.static_templates.clear()  # 404.html and a sitemap are for servers
    return config


def on_files(files, config):
    parts = {"Lessons": listed("tutorial"), "Exercises": listed("tutorial/exercises"),
             "Documentation": ["README.md"] + listed("docs"), "API": listed("out/api")}
    paths = [page for pages in parts.values() for page in pages]
    for path in paths:  # grows
        if path.endswith(".md"):
            linked = [found for found in dict.fromkeys(links(ROOT / path)) if found not in paths]
            paths += linked
            parts["Documentation"] += [page for page in linked if page.endswith(".md")]
    paths += filter(None, map(live, parts["Lessons"]))
    for path in paths:
        files.append(file_of(path, config))
    if "print-site" in config.plugins:  # all that is in the one file
        parts = {"Lessons": parts["Lessons"], "Exercises": parts["Exercises"]}
    config.nav = [{part: pages} for part, pages in parts.items() if pages]
    return files


def on_page_markdown(markdown, page, config, files):
    """Marks of tutorial/pages.py are for the page's source."""
    def declaration(match):
        name, path = match.groups()
        lines = (ROOT / page.file.src_uri).parent.joinpath(path).read_text().splitlines()
        found = next((i for i, line in enumerate(lines, 1) if re.search(DECLARED.format(name), line)), None)
        if found:
            return f"{match[0][:-1]}#L{found})"
        logging.getLogger("mkdocs").warning(f"{page.file.src_uri} links {name} to {path}, which does not declare it")
        return match[0]
    if live(page.file.src_uri) and "print-site" not in config.plugins:
        markdown += f"\n\n[The model of this lesson runs in a page](../{live(page.file.src_uri)}), as its last run left it.\n"
    return NAME.sub(declaration, MARK.sub(lambda match: match[1] or "", markdown))


@event_priority(100)  # before the page is copied into the one file
def on_page_content(html, page, config, files):
    """What may be wider than a phone can be scrolled from the keyboard; only files of code have lines to link to."""
    if isinstance(page.file, SourcePage):
        html = LINE.sub(r"L\1", html)
        html = re.sub(r'<a href="#(L(\d+))">', r'<a href="#\1" aria-label="line \2" tabindex="-1">', html)
        page.present_anchor_ids |= set(re.findall(r'id="(L\d+)"', html))
    else:
        html = LINE_ANCHOR.sub("", html)
    html = html.replace("<pre><span></span>", '<pre tabindex="0"><span></span>')
    return html.replace("<table>", '<div class="table" tabindex="0"><table>').replace("</table>", "</table></div>")


def on_post_page(output, page, config):
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">')
