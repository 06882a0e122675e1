"""The API as pages, and whether all of it is documented, from the public headers by way of Doxygen.

    api.py check          a line for each public declaration without a comment; the last is "N passed, N failed, N skipped"
    api.py write FOLDER   a page of Markdown for each header, and README.md, which lists them

Headers have their comments as people read them, and Doxygen gets them as it wants them:

- the comment at the head of a file is the file's;
- a comment, or the heading of a section, "// --- reductions ---", stands for all declarations that follow it without a blank
  line or another comment between them;
- a constructor without a comment has its class's, and the name of a module says where in its model it is;
- what is protected, deleted or defaulted is nobody's to call.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HEADING = re.compile(r"\s*// --- (.*?) -+$")
SCOPE = re.compile(r"(template\s*<.*>\s*)?(requires.*\s)?(class|struct|union|enum|namespace|extern)\b")


SPECIALISATION = re.compile(r"^template <.*>\nstruct (?:fmt|std)::(?:.|\n)*?\};\n", re.M)
CONTINUATION = re.compile(r"^(  [^ (\n][^(\n]* = [^(\n]*,)\n +(?=\w+ = )", re.M)  # of several declarators
DELEGATION = re.compile(r"\)\s*:\s*\w+\((?:[^;{}]|\{\})*\)\s*\{\}")


def split(code):
    """The declarations `int64_t a = 1;`, `int64_t b = 2;` of `int64_t a = 1, b = 2;`; none of other code."""
    code = code.split("//")[0].strip()
    first = re.match(r"((?:[\w:]+<.*>|[\w: ]+?)[ *&]+)(\*?\w+)( = |,|\{\},)", code)
    if not code.endswith(";") or not first or code.startswith(("using", "return", "enum")) or "(" in re.sub("<.*>", "", code):
        return []
    parts, depth, begin = [], 0, len(first[1])
    for i in range(begin, len(code)):
        depth += (code[i] in "({[<") - (code[i] in ")}]>")
        if depth == 0 and code[i] in ",;":
            parts.append(code[begin:i].strip())
            begin = i + 1
    kind = first[1] + ("*" if parts[0].startswith("*") else "")
    return [f"{kind} {part.lstrip('*')};" for part in parts] if len(parts) > 1 else []


def blank(match):
    return "\n" * match[0].count("\n")


def filtered(text):
    text = SPECIALISATION.sub(blank, text).replace("explicit(false) ", "")
    text = CONTINUATION.sub(r"\1 ", text)
    text = DELEGATION.sub(lambda match: ");" + blank(match), text)
    out, comment, group, start = [], [], [], True  # comment: being read; group: what stands for this declaration
    declaration, depth_in_body, head, scopes = "", 0, True, []
    for line in text.split("\n"):
        code = re.sub(r'"(\\.|[^"\\])*"|//.*', "", line).strip()
        bare = line.strip()
        if head:  # the file's
            if bare.startswith("// "):
                out.append(line.replace("// ", "/// ", 1) if out else "/// \\file\n" + line.replace("// ", "/// ", 1))
                continue
            if bare == "//":
                out.append("///")
                continue
            head = False
            out.append("")
        if depth_in_body:  # of a function or an initialiser
            depth_in_body += code.count("{") - code.count("}")
            start = depth_in_body == 0
            if start:
                declaration = ""
            out.append(line)
            continue
        if start and (not bare or not code):
            if heading := HEADING.match(line):
                group, comment = [f"/// {heading[1][0].upper()}{heading[1][1:]}."], []
            elif bare.startswith("///"):
                comment.append(line)
            else:
                comment, group = [], []
            out.append(line)
            continue
        if start:  # a declaration begins here
            if code.startswith(("public:", "private:", "protected:", "}", "#")):
                if code.startswith("}") and scopes:
                    scopes.pop()
                comment, group = [], []
                out.append(line.replace("protected:", "private:"))
                continue
            if "= delete;" in code or code.endswith("= default;") and "<=>" not in code and "==" not in code:
                out.append("")
                continue
            own = ""
            if match := re.match(r"(.*;)\s*///< (.*)", bare):
                if code.startswith("enum") or len(split(match[1])) > 1:
                    own, line = match[2], line[: line.index("///<")]
            if own:
                comment, group = [], ["/// " + own]
                out.extend(group)
            elif comment:
                group, comment = comment, []
            elif "///<" not in line:
                if code.startswith("~"):
                    pass
                elif group:
                    out.extend(group)
                elif code == "ModuleName name;":
                    out.append("/// Where in its model it is: see Op.")
                elif scopes and re.match(rf"(explicit )?{scopes[-1]}\(", code):
                    out.append("/// See the class.")
            if parts := split(line.strip()):  # each for itself: Doxygen would give the comment to one alone
                for part in parts[:-1]:
                    out.append(part)
                    out.extend(group)
                line = parts[-1]
            if own:
                group = []
            declaration = ""
        declaration += " " + code
        out.append(line)
        opened = declaration.count("{") - declaration.count("}")
        start = False
        if opened > 0 and SCOPE.match(declaration.strip()) and "(" not in declaration.split("{")[0].replace("requires(", ""):
            names = re.findall(r"(?:class|struct|union|namespace) (?:\[\[\w+\]\] )?([\w:]+)", declaration)
            scopes.append(names[-1] if names else "")
            start, group, declaration = True, [], ""
        elif opened > 0 and code.endswith(("{", "}", ";", ",")) :
            depth_in_body = opened
        elif opened <= 0 and code.endswith((";", "}")):
            start = True
    return "\n".join(out)


ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = {"tensor": "Arrays and numbers: no graph, no gradients.", "autograd": "Ops, recording, gradients and their checks.",
           "nn": "Parameters and modules.", "models": "Whole models, and writing with them.",
           "train": "Data, optimisers, the training loop, files of models, pictures."}
NAMESPACES = ["heed", "heed::autograd", "heed::graph", "heed::kernels", "heed::models", "heed::nn", "heed::nn::init", "heed::train"]


def public_headers():
    """heed.h and all that it leads to: what is installed."""
    found, to_read = [], ["heed.h"]
    while to_read:
        found.append(to_read.pop(0))
        for name in re.findall(r"^#include <heed/([^>]*)>", (ROOT / found[-1]).read_text(), re.M):
            if name not in found + to_read:
                to_read.append(name)
    return sorted(found[1:], key=lambda name: (list(FOLDERS).index(name.split("/")[0]), name.count("/"), name))


def doxygen(folder):
    """Doxygen's warnings about the headers, which it gets in `folder`, and leaves as XML there."""
    for name in public_headers():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(filtered((ROOT / name).read_text()))
    (folder / "namespaces.h").write_text("".join(f"/// \\namespace {name}\n/// {name}\n\n" for name in NAMESPACES))
    settings = f"""
        INPUT = {folder}
        RECURSIVE = YES
        FILE_PATTERNS = *.h
        STRIP_FROM_PATH = {folder}
        OUTPUT_DIRECTORY = {folder}
        GENERATE_HTML = NO
        GENERATE_LATEX = NO
        GENERATE_XML = YES
        XML_PROGRAMLISTING = NO
        HAVE_DOT = NO
        QUIET = YES
        WARN_IF_UNDOCUMENTED = YES
        EXCLUDE_SYMBOLS = *_detail"""
    done = subprocess.run(["doxygen", "-"], input=settings, text=True, capture_output=True, check=True)
    return sorted(set(re.sub(rf"{folder}/([^:]*):\d+: warning: ", r"\1: ", line) for line in done.stderr.splitlines()))


def one_line(element):
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


class Header:
    """A header's text, as Doxygen got it, to find the comments of declarations in."""

    def __init__(self, path):
        self.lines = path.read_text().split("\n")

    def head(self):
        text = [line[4:] for line in self.lines[1:] if line.startswith("///")]
        end = next(i for i, line in enumerate(self.lines) if not line.startswith("///"))
        return text[: end - 1] if self.lines[0] == "/// \\file" else text

    def comment(self, line):
        """The lines of the comment above, or behind, the declaration that stands in a line (from 1)."""
        own = re.search(r"///< (.*)", self.lines[line - 1])
        if own:
            text, after = [own[1]], line
            while re.match(r"\s*///< ", self.lines[after]):
                text.append(self.lines[after].split("///< ", 1)[1])
                after += 1
            return text
        above = line - 2
        while above >= 0 and self.lines[above].strip() and not self.lines[above].lstrip().startswith("///"):
            above -= 1
        text = []
        while above >= 0 and self.lines[above].lstrip().startswith("///") and "///<" not in self.lines[above]:
            text.insert(0, re.sub(r"^\s*/// ?", "", self.lines[above]))
            above -= 1
        return text


def markdown(lines):
    """The text of a comment, in which only `code`, lists and indented examples mean anything."""
    out, code = [], False
    for line in lines:
        if re.match(r"  +(?!- )", line) != None and (code or not out or not out[-1].strip() or out[-1].endswith(":") or line.startswith("  ")) and not (out and out[-1].startswith("- ")):
            if not code:
                out += ["", "```cpp"]
            code = True
            out.append(line[2:])
            continue
        if code:
            out += ["```", ""]
            code = False
        parts = re.split(r"(`[^`]*`)", line)
        out.append("".join(part if i % 2 else re.sub(r"([*_\[\]|])", r"\\\1", part).replace("<", "&lt;") for i, part in enumerate(parts)))
    return "\n".join(out + ["```"] * code).strip()


def signature(member):
    """A declaration as one would write it, without the caller's line, which nobody passes."""
    kind, name = member.get("kind"), member.findtext("name")
    template = member.find("templateparamlist")
    head = f"template <{', '.join(' '.join(filter(None, (p.findtext('type'), p.findtext('declname')))) for p in template)}>\n" if template is not None else ""
    type_ = one_line(member.find("type"))
    if kind == "enum":
        values = ", ".join(value.findtext("name") + (" " + one_line(value.find("initializer")) if value.find("initializer") is not None else "") for value in member.findall("enumvalue"))
        return f"enum {'class ' * (member.get('strong') == 'yes')}{name} {{ {values} }};"
    if kind == "typedef":
        return f"{head}using {name} = {type_}{member.findtext('argsstring') or ''};"
    initial = one_line(member.find("initializer"))
    initial = initial if not initial or initial.startswith("{") else " " + initial
    text = f"{type_} {name}{member.findtext('argsstring') or ''}{initial if kind == 'variable' else ''}".strip()
    text = re.sub(r",? ?Loc \w+=Loc::current\(\)", "", text).replace("heed::", "")
    text = re.sub(r"(?<=[\w)\]}])=(?=[\w{\-\"(])", " = ", text) if kind == "function" and "operator" not in name else text
    text = text.replace("( ", "(").replace("< ", "<").replace(" >", ">").replace(" &", "&").replace(" *", "*")
    text = re.sub(r"([&*]+)(?=\w)", r"\1 ", text)
    text = text.replace(" override", "")
    static = "static " if member.get("static") == "yes" and kind == "function" else ""
    if len(text) > 110 and "(" in text:
        at = text.index("(", text.find("operator()") + 10 if "operator()" in text else 0) + 1
        lines, line = [], " " * min(at, 40)
        text, rest = text[:at], re.split(r"(?<=,) (?=[A-Za-z])", text[at:])
        line = text
        for part in rest:
            if len(line) + len(part) > 108 and line.strip():
                lines.append(line.rstrip())
                line = "    "
            line += part + " "
        text = "\n".join(lines + [line.rstrip()])
    return f"{head}{static}{text};"


def members(compound, header, file):
    """The public declarations of a class, or a namespace's in one file: (line, kind, name, signature, comment)."""
    for section in compound.findall("sectiondef"):
        for member in section.findall("memberdef"):
            where = member.find("location")
            if member.get("prot") != "public" or member.get("kind") == "friend" and "operator" not in member.findtext("name"):
                continue
            if where is None or where.get("file") != file or member.findtext("name").startswith("~"):
                continue
            line = int(where.get("line"))
            yield line, member.get("kind"), member.findtext("name"), signature(member), markdown(header.comment(line))


def entries(found, level):
    """Declarations under headings; neighbours with one comment share one, and variables are rows of a table."""
    out, groups, table = [], [], []
    for line, kind, name, code, text in sorted(found):
        if kind == "variable" and level == 3:
            table.append((code, text))
        elif groups and groups[-1][2] == text and text:
            groups[-1][0].append(name)
            groups[-1][1].append(code)
        else:
            groups.append(([name], [code], text))
    if table:
        out += ["", "| | |", "|---|---|"]
        out += [f"| `{code.replace('|', chr(92) + '|')}` | {' '.join(text.split())} |" for code, text in table]
    for names, codes, text in groups:
        title = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        out += ["", f"{'#' * level} {title}", "", "```cpp", *codes, "```", "", "" if text == "See the class." else text]
    return out


def write(out):
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.md"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        doxygen(folder)
        compounds = [ElementTree.parse(path).getroot().find("compounddef") for path in (folder / "xml").glob("*.xml") if path.name != "index.xml"]
        compounds = [compound for compound in compounds if compound is not None]
        index = ["# The API", "", "A page for each public header. `#include <heed.h>` brings all of them. Functions that may fail also take the caller's line,",
                 "`Loc loc = Loc::current()`, as their last argument; it is left out here, as nobody passes it."]
        for name in public_headers():
            header, top = Header(folder / name), name.split("/")[0]
            text = header.head()
            page, blocks = [f"# {name}", "", markdown(text), "", "```cpp", f"#include <heed/{name}>", "```"], []
            for compound in compounds:
                if compound.get("kind") == "namespace":
                    for found in members(compound, header, name):
                        blocks.append((found[0], found))
                elif compound.get("kind") in ("class", "struct") and compound.find("location").get("file") == name and compound.get("prot") == "public":
                    line = int(compound.find("location").get("line"))
                    blocks.append((line, compound))
            run = []  # free declarations between two classes

            def flush():
                page.extend(entries(run, 2))
                run.clear()

            for line, block in sorted(blocks, key=lambda pair: pair[0]):
                if isinstance(block, tuple):
                    run.append(block)
                    continue
                flush()
                title = re.sub(r"^heed::(autograd::|graph::|kernels::|models::|nn::|train::)?", "", block.findtext("compoundname"))
                bases = ", ".join(one_line(base) for base in block.findall("basecompoundref"))
                page += ["", f"## `{title}`", "", markdown(header.comment(line)), "" if not bases else f"\nA `{bases}`."]
                page += entries(list(members(block, header, name)), 3)
            flush()
            flat = name.replace("/", "_").removesuffix(".h") + ".md"
            (out / flat).write_text("\n".join(page) + "\n")
            if f"## {top}" not in index:
                index += ["", f"## {top}", "", FOLDERS[top], ""]
            index.append(f"- [{name}]({flat}): {markdown([' '.join(text).split('. ')[0].rstrip('.') + '.'])}")
    (out / "README.md").write_text("\n".join(index) + "\n")


def main(arguments):
    if arguments[:1] == ["write"] and len(arguments) == 2:
        write(pathlib.Path(arguments[1]))
        return 0
    if arguments != ["check"]:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    if not shutil.which("doxygen"):
        print("skipped: no doxygen\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as place:
        warnings = doxygen(pathlib.Path(place))
        xml = "".join(path.read_text() for path in (pathlib.Path(place) / "xml").glob("*.xml"))
    print("\n".join(warnings + [f"{len(set(re.findall('memberdef kind=.*? id=.(.*?). prot=.public', xml))) - len(warnings)} passed, {len(warnings)} failed, 0 skipped"]))
    return len(warnings) > 0


sys.exit(main(sys.argv[1:]))
