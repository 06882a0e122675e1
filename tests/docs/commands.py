"""Checks the commands that Markdown files show: what they name is there, and heed takes them.

    commands.py HEED FILE.md...

In ```bash blocks every command must be one of those below. One of heed is run in an empty directory, where it must not
be a mistake of usage: it may miss its files, and is stopped if it begins to train. Scripts and their options, presets,
targets and CMake options must be there. Of a `heed ...` within a line, the commands and options must be.
"""
import functools
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEED = pathlib.Path(sys.argv[1]).resolve()
SECONDS = 2  # in which heed refuses what it does not take
OTHERS = {"echo", "export", "g++"}
PRESETS = {p["name"] for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}


class Wrong(Exception):
    pass


def need(there, sentence):
    if not there:
        raise Wrong(sentence)


@functools.cache
def help_of(*command):
    return subprocess.run([HEED, *command, "--help"], capture_output=True, text=True).stdout


@functools.cache
def cmake():
    files = [ROOT / "CMakeLists.txt", *ROOT.glob("*/CMakeLists.txt"), *ROOT.glob("cmake/*.cmake")]
    return "".join(file.read_text() for file in files)


def options(words):
    return [word.split("=")[0] for word in words if word.startswith("--")]


def check_named(words):
    """That heed has these commands, and they these options."""
    command = []
    for word in words:
        if word.startswith("-") or not re.search(rf"^  {re.escape(word)}\s", help_of(*command), re.M):
            need(command or word.startswith("-"), f"heed has no command '{word}'")
            break
        command.append(word)
    for option in options(words[len(command):]):
        need(re.search(rf"{option}(?![\w-])", help_of(*command)), f"'heed {' '.join(command)}' has no option {option}")


def check_heed(words):
    check_named(words)
    with tempfile.TemporaryDirectory() as empty:
        try:
            ran = subprocess.run([HEED, *words], cwd=empty, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return
    need(ran.returncode != 2, ran.stderr.strip())


def check_cmake(words):
    for name, value in zip(words, words[1:]):
        need(name != "--preset" or value in PRESETS, f"there is no preset '{value}'")
        need(name != "--target" or re.search(rf"add_(executable|library|custom_target)\({value}\b", cmake()),
             f"there is no target '{value}'")
    for word in words:
        named = re.match(r"-D(HEED_\w+)=", word)
        need(not named or re.search(rf"option\({named[1]}\b", cmake()), f"CMake has no option {word}")


def check_script(words):
    script = ROOT / words[0]
    need(script.exists(), f"there is no {words[0]}")
    for option in options(words[1:]):
        need(option in script.read_text(), f"{words[0]} has no option {option}")
    if words[0] == "scripts/test.sh":
        need(set(words[1:]) <= PRESETS, f"there is no preset '{' '.join(words[1:])}'")


def check_command(words):
    if words[0] == "bash":
        words = words[1:]
    if words[0] == "mpirun":
        words = words[next(i for i, word in enumerate(words) if word.endswith("heed")):]
    if words[0] == "heed" or words[0].endswith("/heed"):
        check_heed(words[1:])
    elif words[0] == "cmake":
        check_cmake(words[1:])
    elif words[0].startswith("scripts/"):
        check_script(words)
    elif words[0] == "build/tests/heed_tests":
        need(any(words[1] in f.read_text() for f in ROOT.glob("tests/*.cpp")), f"no test has '{words[1]}'")
    else:
        need(words[0] in OTHERS, f"nothing checks '{words[0]}'; need a check, or its name among the others")


def commands_of(line):
    """The commands of a line: lists of words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    command = []
    for word in [*lexer, ";"]:
        if word in ("|", "&&", ";", "&"):
            yield command
            command = []
        elif command and command[-1:] == ["<"]:  # of the shell
            command.pop()
        else:
            command.append(word)


def main(files):
    passed = failed = 0
    for file in map(pathlib.Path, files):
        text = file.read_text()
        shown = [(m.start(1), m[1], True) for m in re.finditer(r"^```bash\n(.*?)^```", text, re.M | re.S)]
        outside = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.M | re.S)
        shown += [(m.start(1), re.sub(r"\s+", " ", m[1]), False) for m in re.finditer(r"`(heed [a-z][^`]*)`", outside)]
        for start, block, whole in shown:
            for i, line in enumerate(block.rstrip("\n").split("\n")):
                try:
                    for words in filter(None, commands_of(line)):
                        check_command(words) if whole else check_named(words[1:])
                    passed += 1
                except Wrong as wrong:
                    failed += 1
                    print(f"FAILED: {file.relative_to(ROOT)}:{text[:start].count(chr(10)) + 1 + i}: {line}: {wrong}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


sys.exit(main(sys.argv[2:]))
