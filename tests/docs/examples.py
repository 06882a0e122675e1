"""Makes one program of the C++ blocks of Markdown files, so that what they show compiles and runs.

    examples.py OUT.cpp FILE.md...

A block with a main() is compiled under another name. Others are the bodies of functions, which are run; what they take for
granted stands in a comment right before: <!-- example: nn::Parameters params(1); -->, or <!-- compiled: ... --> if the block is
not to be run (it trains for long, or reads a folder). Lines of the library say what their file includes: <!-- in heed: ... -->.
A block that shows a part of something says <!-- not compiled: why -->.
A link to a file that is not there is an error.
"""

import os
import re
import sys

BLOCK = re.compile(r"(?:<!-- (example|compiled|in heed|not compiled):(.*?)-->\n)?```cpp\n(.*?)^```", re.S | re.M)
HEAD = """#include <heed.h>

#include <cstdio>
#include <cstdlib>

#define REQUIRE(check) (static_cast<bool>(check) ? void() : (std::printf("failed: %s\\n", #check), std::exit(1)))

"""


def main(out, files):
    text, calls, left_out = [HEAD], [], 0
    for path in files:
        source = open(path, encoding="utf-8").read()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", re.sub(r"```.*?```|`[^`\n]*`", "", source, flags=re.S)):
            if not os.path.exists(os.path.join(os.path.dirname(path), link)):
                sys.exit(f"{path}: no file {link}")
        for number, match in enumerate(BLOCK.finditer(source)):
            kind, given, code = match.groups()
            line = source[: match.start(3)].count("\n") + 1
            name = re.sub(r"\W", "_", "/".join(path.split("/")[-2:])) + f"_{number}"
            if kind == "not compiled":
                left_out += 1
                continue
            includes = "".join(re.findall(r"^#include.*\n", code, re.M))
            code = re.sub(r"^#include.*\n", "\n", code, flags=re.M)
            place = f'#line {line} "{path}"\n'
            if kind == "in heed":
                text.append(f"{given}\nnamespace heed {{\nnamespace {name}_ {{\nusing namespace autograd;\nusing kernels::map;\n"
                            f"{place}{code}}}  // namespace {name}_\n}}  // namespace heed\n\n")
                continue
            if "int main()" in code:
                body = place + code.replace("int main()", f"[[maybe_unused]] void {name}()")
                text.append(f"{includes}namespace {name}_ {{\n{body}}}  // namespace\n\n")
                continue
            text.append(f"{includes}namespace {name}_ {{\nusing namespace heed;\n[[maybe_unused]] void run() {{\n{given or ''}\n{place}{code}}}\n}}\n\n")
            if kind != "compiled":
                calls.append(f'  {name}_::run();\n  std::puts("{path}:{line}");\n')
    total = len(text) - 1
    text.append("int main() {\n" + "".join(calls))
    text.append(f'  std::puts("{total} compiled, {len(calls)} of them run; {left_out} left out");\n  std::puts("{total} passed, 0 failed, 0 skipped");\n}}\n')
    open(out, "w", encoding="utf-8").write("".join(text))


main(sys.argv[1], sys.argv[2:])
