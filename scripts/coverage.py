#!/usr/bin/env python3
"""Which lines of the library and the program run in the tests, by folder, from what scripts/test.sh sanitize left behind.

Fails where a folder is below its floor in tests/coverage.txt, and names the files that lack most. Floors only rise: one that
its own history has higher fails too. Kernels are not judged on a processor without bf16 products, whose lines cannot run there. The
last line is "N passed, N failed, N skipped".

Usage: scripts/coverage.py [--write] [PLACE...]
  --write   raises the floors to a point and a half below what is seen: machines differ by so much
  PLACE     a folder or a file, whose lines that never ran are printed in place of all this
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-sanitize"
FLOORS = ROOT / "tests/coverage.txt"
PROGRAMS = ["heed", "tests/heed_tests", *(f"tests/links_{folder}" for folder in ("tensor", "autograd", "nn", "models", "train"))]
SLACK, RISE = 1.5, 3.0  # in points: below what was seen when written, and above a floor that could rise


def llvm(tool, *arguments):
    """What the tool of the compiler's own version prints."""
    path = subprocess.run(["clang++", f"-print-prog-name={tool}"], capture_output=True, text=True, check=True).stdout.strip()
    return subprocess.run([path, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout


def seen():
    """How often each line that has code ran: {file: {line: times}}. A lambda's line has the lambda's times, and one of code
    that is made for many types or processors those of all."""
    raw = sorted(BUILD.glob("coverage/*.profraw"))
    if not raw:
        sys.exit(f"{BUILD.name}/coverage has no profiles; bash scripts/test.sh sanitize makes them\n0 passed, 1 failed, 0 skipped")
    merged = BUILD / "coverage/all.profdata"
    llvm("llvm-profdata", "merge", "-sparse", "-failure-mode=all", "-o", merged, *raw)
    first, *others = (BUILD / program for program in PROGRAMS)
    text = llvm("llvm-cov", "export", "-format=lcov", f"-instr-profile={merged}", first, *(f"-object={o}" for o in others))
    files, lines = {}, {}
    for record in text.splitlines():
        if record.startswith("SF:"):
            path = pathlib.Path(record[3:]).resolve()
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ("tensor", "autograd", "nn", "models", "train")
            lines = files.setdefault(str(path.relative_to(ROOT)), {}) if inside else {}
        elif record.startswith("DA:"):
            line, times = record[3:].split(",")[:2]
            lines[int(line)] = int(times)
    return files


def ranges(numbers):
    """[3, 4, 5, 9] as "3-5, 9"."""
    runs = []
    for n in sorted(numbers):
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


def idle(lines):
    return [line for line, times in lines.items() if times == 0]


def read(text):
    return {folder: float(floor) for folder, floor in re.findall(r"^(\w\S*) +(\S+)$", text, re.M)}


def highest():
    """The highest floor of each folder in the history of their file, as far as there is one: {folder: (floor, commit)}."""
    if not shutil.which("git"):
        return {}
    log = subprocess.run(["git", "-C", ROOT, "log", "-p", "--format=commit %h", "--", FLOORS], capture_output=True, text=True)
    most, commit = {}, ""
    for line in log.stdout.splitlines():
        if line.startswith("commit "):
            commit = line.split()[1]
        elif match := re.match(r"\+(\w\S*) +([\d.]+)$", line):
            most[match[1]] = max(most.get(match[1], (0.0, "")), (float(match[2]), commit))
    return most


def main(arguments):
    files = seen()
    places = [a.rstrip("/") for a in arguments if a != "--write"]
    if places:
        for name, lines in sorted(files.items()):
            if idle(lines) and any(name == place or name.startswith(place + "/") for place in places):
                print(f"{name}: {len(idle(lines))} of {len(lines)} lines never ran: {ranges(idle(lines))}")
        return 0

    folders = collections.defaultdict(dict)
    for name, lines in files.items():
        folders[str(pathlib.Path(name).parent)][name] = lines
    comments = [line for line in FLOORS.read_text().splitlines() if line.startswith("#")]
    floors, before = read(FLOORS.read_text()), highest()
    share = {}
    for folder, its in sorted(folders.items()):
        count = sum(map(len, its.values()))
        share[folder] = 100 * (count - sum(len(idle(lines)) for lines in its.values())) / count
        if "--write" in arguments:
            floors[folder] = max(floors.get(folder, 0.0), round(share[folder] - SLACK, 1))
    if "--write" in arguments:
        FLOORS.write_text("\n".join([*comments, *(f"{folder:16} {floor:.1f}" for folder, floor in sorted(floors.items()))]) + "\n")

    failed, skipped = 0, []
    if "avx512_bf16" not in pathlib.Path("/proc/cpuinfo").read_text():
        skipped = ["tensor/kernels"]
        print("skipped: tensor/kernels: this processor has no bf16 products, whose lines are some of its floor's")
    print(f"{'folder':16} {'lines':>6} {'ran':>7} {'floor':>7}")
    for folder, its in sorted(folders.items()):
        floor = floors.get(folder)
        print(f"{folder:16} {sum(map(len, its.values())):6} {share[folder]:6.1f}% {'none' if floor is None else f'{floor:.1f}%':>7}")
    every = [times for lines in files.values() for times in lines.values()]
    print(f"{'all':16} {len(every):6} {100 * sum(t > 0 for t in every) / len(every):6.1f}%")
    for folder in sorted({*folders, *floors}):
        floor, (most, commit) = floors.get(folder), before.get(folder, (0.0, ""))
        if folder not in folders:
            problem = f"{FLOORS.relative_to(ROOT)} has a floor for {folder}, which has no code"
        elif floor is None:
            problem = f"{FLOORS.relative_to(ROOT)} has no floor for {folder}; scripts/coverage.py --write adds it"
        elif floor < most:
            problem = f"{folder}: the floor is {floor:.1f}%, and was {most:.1f}% in {commit}; floors only rise"
        elif folder in skipped:
            continue
        elif share[folder] < floor:
            worst = sorted(folders[folder].items(), key=lambda file: -len(idle(file[1])))[:3]
            problem = (f"{folder}: {share[folder]:.1f}% of the lines run, and the floor is {floor:.1f}%; most are missing in " +
                       "; ".join(f"{name} ({ranges(idle(lines))})" for name, lines in worst if idle(lines)))
        else:
            if share[folder] > floor + RISE:
                print(f"{folder}: the floor can rise from {floor:.1f}% to {share[folder] - SLACK:.1f}%: scripts/coverage.py --write")
            continue
        failed += 1
        print(f"FAILED: {problem}")
    print(f"{len({*folders, *floors}) - failed - len(skipped)} passed, {failed} failed, {len(skipped)} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
