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
import textwrap
import xml.etree.ElementTree as ElementTree

HEADING = re.compile(r"\s*// --- (.*?) -+$")
SCOPE = re.compile(r"(template\s*<.*>\s*)?(requires.*\s)?(class|struct|union|enum|namespace|extern)\b")

SPECIALISATION = re.compile(r"^template <.*>\nstruct (?:fmt|std)::(?:.|\n)*?\};\n", re.M)
CONTINUATION = re.compile(r"^(  [^ (\n][^(\n]* = [^(\n]*,)\n +(?=\w+ = )", re.M)  # of several declarators
DELEGATION = re.compile(r"\)\s*:\s*\w+\([^;{}()]*\{\}[^;{}()]*\)\s*\{\}")  # whose braces are taken for the body's


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


def implied(code, scope):
    """What stands for a comment where a declaration in the class or namespace `scope` needs none."""
    if code.startswith("ModuleName name;"):
        return ["/// Where in its model it is: see Op."]
    constructor = rf"(template <.*> )?(requires.*\) )?(explicit )?{scope}\("
    return ["/// See the class."] if scope and re.match(constructor, code) else []


def filtered(text):
    """A header as Doxygen wants it: see above."""
    text = SPECIALISATION.sub(blank, text).replace("explicit(false) ", "")
    text = DELEGATION.sub(lambda match: ");" + blank(match), CONTINUATION.sub(r"\1 ", text))
    head = re.match(r"(//.*\n)*", text)[0]
    out = ["/// \\file"] + [f"/{line}" for line in head.splitlines()] + [""]
    comment, group = [], []  # what was read last, and what stands for the next declaration
    declaration, body, scopes = "", 0, [""]  # as far as it was read; braces open in it
    lines = text[len(head):].split("\n")
    for number, line in enumerate(lines):
        bare, code = line.strip(), re.sub(r'"(\\.|[^"\\])*"|//.*', "", line).strip()
        if body:
            body += code.count("{") - code.count("}")
        elif declaration:
            declaration += " " + code
        elif not code:
            heading = HEADING.match(line)
            group = [f"/// {heading[1][0].upper()}{heading[1][1:]}."] if heading else []
            comment = comment + [line] if bare.startswith("///") else []
        elif code.startswith(("public:", "private:", "protected:", "}", "#")):
            comment, group = [], []
            del scopes[len(scopes) - code.startswith("}"):]
            line = line.replace("protected:", "private:")
        elif re.search(r"= (delete|default);", code) and "operator<=>" not in code and "operator==" not in code:
            line = ""
        else:
            declaration, parts = code, split(bare)
            behind = re.search(r"\s*///< (.*)", line)
            if behind and (parts or code.startswith("enum")):  # Doxygen would give it to the last alone
                line, group = line[: behind.start()], []
                out.append("/// " + behind[1])
            elif comment:
                group = comment
            elif not behind and not code.startswith("~"):
                whole = " ".join(" ".join(lines[number : number + 3]).split())
                out += group or implied(whole, scopes[-1])
            for part in parts[:-1]:
                out += [part, *(["/// " + behind[1]] if behind else group)]
            line, comment = parts[-1] if parts else line, []
        out.append(line)
        opened = declaration.count("{") - declaration.count("}")
        before = declaration.split("{")[0]
        if opened > 0 and not body and SCOPE.match(declaration) and "(" not in before.replace("requires(", ""):
            scopes += re.findall(r"(?:class|struct|union|namespace|enum) (?:class |\[\[\w+\]\] )?([\w:]+)", before)[-1:] or [""]
            declaration, group = "", []
        elif opened > 0 and not body and code.endswith(("{", "}", ";", ",")):
            declaration, body = "", opened
        elif opened <= 0 and code.endswith((";", "}")):
            declaration = ""
    return "\n".join(out)


ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = {"tensor": "Arrays and numbers: no graph, no gradients.", "autograd": "Ops, recording, gradients and their checks.",
           "nn": "Parameters and modules.", "models": "Whole models, and writing with them.",
           "train": "Data, optimisers, the training loop, files of models, pictures."}


def public_headers():
    """heed.h, the matchers of Catch2, and all that they lead to: what is installed."""
    found, to_read = [], ["heed.h", "autograd/check/gradcheck_catch.h"]
    while to_read:
        found.append(to_read.pop(0))
        for name in re.findall(r"^#include <heed/([^>]*)>", (ROOT / found[-1]).read_text(), re.M):
            if name not in found + to_read:
                to_read.append(name)
    return sorted(found[1:], key=lambda name: (list(FOLDERS).index(name.split("/")[0]), name.count("/"), name))


def doxygen(folder):
    """Doxygen's warnings about the headers, which it gets in `folder`, and leaves as XML there."""
    spaces = {"heed", "heed::autograd"}  # what stands in a namespace is asked for only if that has a comment
    for name in public_headers():
        text = (ROOT / name).read_text()
        spaces.update(re.findall(r"^namespace (heed::[\w:]+) \{", text, re.M))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(filtered(text))
    (folder / "namespaces.h").write_text("".join(f"/// \\namespace {space}\n/// A part of heed.\n\n" for space in spaces))
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
        return [line[4:] for line in self.lines[1 : self.lines.index("")]]

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
    """The text of a comment, in which only `code` and lines that are set in mean anything."""
    out, code = [], False
    for line in lines:
        if line.startswith("  ") != code:
            code = not code
            out += ["", "```cpp"] if code else ["```", ""]
        parts = [line[2:]] if code else re.split("(`[^`]*`)", line)
        for i in range(0, len(parts), 2) if not code else []:
            parts[i] = re.sub(r"([*_\[\]|])", r"\\\1", parts[i]).replace("<", "&lt;")
        out.append("".join(parts))
    return "\n".join(out + ["```"] * code).strip()


def tight(code):
    """Doxygen's `std::vector< heed::Tensor > & x` as heed writes it."""
    code = re.sub(r"(?<=[<(]) | (?=>)", "", code.replace("heed::", ""))
    return re.sub(r" ([&*]+) ?(?=\w)", r"\1 ", code).replace(" &...", "&...")


def signature(member):
    """A declaration as one would write it, without the caller's line, which nobody passes."""
    kind, name, arguments = member.get("kind"), member.findtext("name"), member.findtext("argsstring") or ""
    head = ""
    if member.find("templateparamlist") is not None:
        given = (filter(None, (one.findtext("type"), one.findtext("declname"))) for one in member.find("templateparamlist"))
        head = f"template <{', '.join(map(' '.join, given))}>\n"
    if kind == "enum":
        values = ", ".join(value.findtext("name") for value in member.findall("enumvalue"))
        return f"enum {'class ' * (member.get('strong') == 'yes')}{name} {{ {values} }};"
    arguments = re.sub(r",? ?Loc \w+=Loc::current\(\)", "", arguments)
    arguments = re.sub(r"(\w)=(?=[\w{\-\"])", r"\1 = ", arguments).replace(" override", "")
    text = f"{one_line(member.find('type'))} {name}{arguments}".strip()
    if kind == "typedef":
        text = f"using {name} = {one_line(member.find('type'))}{arguments}"
    if kind == "variable":
        text += re.sub("^=", " =", one_line(member.find("initializer")))
    if kind == "function":
        text = "static " * (member.get("static") == "yes") + text
    text = re.sub("(?<!,) ", "\0", tight(text))  # lines end behind commas
    lines = textwrap.wrap(text + ";", 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return head + "\n".join(lines).replace("\0", " ")


def members(compound, header, file):
    """The public declarations of a class, or of a namespace in one file: (line, kind, name, signature, comment)."""
    space = "" if compound.get("kind") != "namespace" else compound.findtext("compoundname").removeprefix("heed") + "::"
    for member in compound.iterfind("sectiondef/memberdef"):
        where, name = member.find("location"), member.findtext("name")
        if member.get("prot") == "public" and where.get("file") == file and not name.startswith("~"):
            line = int(where.get("line"))
            base = [f"As its base's `{name}`."] if member.find("reimplements") is not None else []
            comment = markdown(header.comment(line) or base)
            yield line, member.get("kind"), space.lstrip(":") + name, signature(member), comment


def entries(found, level, of=""):
    """Declarations under headings. Neighbours with one comment share it; a class's variables are a table, and constructors
    that have no comment but its own stand first."""
    found = sorted(found)
    rows = [(code, text) for _, kind, _, code, text in found if kind == "variable" and of]
    plain = [code for _, _, name, code, text in found if name == of and text == "See the class."]
    out = ["", "```cpp", *plain, "```"] * bool(plain)
    if rows:
        out += ["", "| field | |", "|---|---|"]
        out += [f"| `{code.replace('|', '&#124;')}` | {' '.join(text.split())} |" for code, text in rows]
    groups = []
    for _, kind, name, code, text in found:
        if code in plain or of and kind == "variable":
            continue
        if groups and groups[-1][2] == text:
            groups[-1][0].append(name)
            groups[-1][1].append(code)
        else:
            groups.append(([name], [code], text))
    for names, codes, text in groups:
        title = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        out += ["", f"{'#' * level} {title}", "", "```cpp", *codes, "```", "", text]
    return out


def page_of(name, header, compounds):
    page = [f"# {name}", "", markdown(header.head()), "", "```cpp", f"#include <heed/{name}>", "```"]
    free = [found for compound in compounds if compound.get("kind") == "namespace" for found in members(compound, header, name)]
    classes = [(int(compound.find("location").get("line")), compound) for compound in compounds
               if compound.get("kind") in ("class", "struct") and compound.get("prot") == "public"
               and compound.find("location").get("file") == name]
    last = 0
    for line, compound in sorted(classes, key=lambda pair: pair[0]):
        page += entries([found for found in free if last <= found[0] < line], 2)
        title = compound.findtext("compoundname").removeprefix("heed::")
        page += ["", f"## `{title}`", "", markdown(header.comment(line))]
        page += [f"\nIs a `{tight(one_line(base))}`." for base in compound.findall("basecompoundref")]
        page += entries(members(compound, header, name), 3, title.split("::")[-1])
        last = line
    return page + entries([found for found in free if found[0] >= last], 2)


def first_sentence(text):
    return re.split(r"(?<!et al)\. ", text)[0].rstrip(".") + "."


def write(out):
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.md"):
        old.unlink()
    index = ["# The API", "", "A page for each public header; `#include <heed.h>` brings all of them. Names are those behind",
             "`using namespace heed;`. Functions that may fail also take the caller's line, `Loc loc = Loc::current()`, as their",
             "last argument: it is left out here, as nobody passes it."]
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        doxygen(folder)
        roots = [ElementTree.parse(path).getroot() for path in sorted((folder / "xml").glob("*.xml"))]
        compounds = [compound for root in roots for compound in root.iterfind("compounddef")]
        for name in public_headers():
            header, top, flat = Header(folder / name), name.split("/")[0], name.replace("/", "_").removesuffix(".h") + ".md"
            (out / flat).write_text("\n".join(page_of(name, header, compounds)) + "\n")
            if f"## {top}" not in index:
                index += ["", f"## {top}", "", FOLDERS[top], ""]
            index.append(f"- [{name}]({flat}): {markdown([first_sentence(' '.join(header.head()))])}")
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
        missing = doxygen(pathlib.Path(place))
        xml = "".join(path.read_text() for path in pathlib.Path(place).glob("xml/*.xml"))
    all_of_them = set(re.findall('<memberdef [^>]*id="([^"]*)" prot="public"', xml))
    print("\n".join(missing + [f"{len(all_of_them) - len(missing)} passed, {len(missing)} failed, 0 skipped"]))
    return len(missing) > 0


sys.exit(main(sys.argv[1:]))
