"""The rules that every lesson keeps; CONTRIBUTING.md says what they are for."""

from __future__ import annotations

import re

import lessons
import nbformat
import nbval_numbers

LONGEST, USUAL, SHARE_OF_USUAL = 25, 15, 0.9  # lines of a code cell
SMALLEST_SETS = {"00": 1}  # exercises in a lesson; two elsewhere
# An absolute path, which exists on one machine only. Documented places, such as ~/.cache, and addresses are fine.
MACHINE_PATH = re.compile(r"(?<![\w.:/<~$-])/[A-Za-z][\w.-]*/[\w.-]+|[A-Z]:\\Users")
MANY_DIGITS = re.compile(r"\d\.\d{5,}")
CHECK = re.compile(r"exercises\.check\(\s*[\"']([\w-]+)[\"']")


def _lines(cell):
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _tags(cell):
    return cell.metadata.get("tags", [])


def _bullets(text):
    return len(re.findall(r"^\s{0,1}[-*] ", text, flags=re.MULTILINE))


def _section(text, heading):
    """What stands between a bold or #-heading and the next one."""
    match = re.search(rf"(?:^#+ |\*\*){re.escape(heading)}\b.*?$(.*?)(?=^#+ |^\*\*|\Z)", text, flags=re.M | re.S)
    return match.group(1) if match else None


def opening(nb, number):
    first = nb.cells[0]
    if first.cell_type != "markdown" or not re.match(rf"# {number} · [A-Z]\w+ ", first.source):
        yield f"the first cell must be markdown and begin with '# {number} · ' and a title that starts with a verb"
    goals = _section(first.source, "You will be able to")
    if goals is None or not 3 <= _bullets(goals) <= 5:
        yield "the first cell needs '**You will be able to**' with three to five points"
    if "**You need**" not in first.source:
        yield "the first cell needs '**You need**' with the prerequisites"
    if not re.search(r"\*\*Takes\*\*.*min.*memory.*disk", first.source, flags=re.S):
        yield "the first cell needs '**Takes**' with minutes, peak memory and disk"
    if "glossary.md" not in first.source:
        yield "the first cell must link the glossary (glossary.md)"


def closing(nb, number):
    last = nb.cells[-1]
    if last.cell_type != "markdown":
        yield "the last cell must be markdown"
    for heading in ("Recap", "On real data", "Next", "References"):
        if _section(last.source, heading) is None:
            yield f"the last cell needs a heading '## {heading}'"
    goals = _section(nb.cells[0].source, "You will be able to") or ""
    if _bullets(_section(last.source, "Recap") or "") != _bullets(goals):
        yield "the recap must mirror the goals, point by point"


def cells(nb, number):
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for position, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        before = nb.cells[position - 1] if position else None
        follows_code = {"solution", "check"} & {*_tags(cell)} and before is not None and before.cell_type == "code"
        if not follows_code and (before is None or before.cell_type != "markdown"):
            yield f"cell {position} has no prose before it: {cell.source.splitlines()[0]!r}"
        if _lines(cell) > LONGEST:
            yield f"cell {position} has {_lines(cell)} lines of code, more than {LONGEST}"
        if "raises-exception" in _tags(cell):
            yield f"cell {position} is tagged raises-exception, which hides typos; use a context manager"
        if re.search(r"\.style\b(?!\.use)|NBVAL_", cell.source):
            yield f"cell {position}: no pandas Styler, and nbval's wishes as tags"
    usual = sum(_lines(cell) <= USUAL for cell in code)
    if usual < SHARE_OF_USUAL * len(code):
        yield f"only {usual} of {len(code)} code cells have at most {USUAL} lines"


def counts(nb, number):
    for position, cell in enumerate(nb.cells):
        try:
            nbval_numbers.tolerance_of(cell)
        except ValueError as problem:
            yield f"cell {position}: {problem}"
        if cell.cell_type != "code" and lessons.ABOUT in _tags(cell):
            yield f"cell {position} prints nothing that could move"


def figures(nb, number):
    for position, cell in enumerate(nb.cells[:-1]):
        if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            continue
        if cell.source.rstrip().splitlines()[-1].strip() not in ("plt.show()", "plt.show();"):
            yield f"cell {position} draws a figure and does not end with plt.show()"
        after = nb.cells[position + 1]
        if "solution" not in _tags(cell) and not (after.cell_type == "markdown" and "notice" in after.source.lower()):
            yield f"cell {position} draws a figure and no text after it says what to notice"


def outputs(nb, number):
    for position, cell in enumerate(nb.cells):
        shown = "".join(
            str(output.get("text", ""))
            + "".join(str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/"))
            for output in cell.get("outputs", [])
        )
        for text, where in ((cell.source, "source"), (shown, "output")):
            if match := MACHINE_PATH.search(text):
                yield f"cell {position} names a path of one machine in its {where}: {match.group()}"
        if match := MANY_DIGITS.search(shown):
            yield f"cell {position} prints more digits than anybody needs: {match.group()}"
        if any(output.get("name") == "stderr" for output in cell.get("outputs", [])):
            yield f"cell {position} writes to stderr: {shown[:200]!r}"


def exercises(nb, number):
    asked, solved = [], []
    for position, cell in enumerate(nb.cells):
        slugs = CHECK.findall(cell.source) if cell.cell_type == "code" else []
        if "solution" in _tags(cell):
            solved += slugs
            if slugs and "assert " not in cell.source:
                yield f"cell {position}: a solution asserts its check"
        elif slugs:
            asked += slugs
            if not re.search(r"^\w*answer\w* = None\b", cell.source, flags=re.MULTILINE):
                yield f"cell {position}: an exercise begins with 'answer = None  # your code here'"
    if len(set(asked)) < SMALLEST_SETS.get(number, 2):
        yield f"{len(set(asked))} exercises are too few"
    if sorted(set(asked)) != sorted(set(solved)):
        yield f"exercises {sorted(set(asked))} and solutions {sorted(set(solved))} do not match"
    text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    if len(re.findall(r"<details>\s*<summary>[^<]*[Hh]int", text)) < len(set(asked)):
        yield "every exercise needs a hint in <details><summary>Hint</summary>"


def teaching(nb, number):
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    if "stage1_map(" not in code:
        yield "the map of Stage 1 is missing: tso.plotting.stage1_map(here=...)"
    if number >= "02" and "**Predict" not in text:
        yield "a '**Predict**' before a key step is missing"
    if number >= "02" and not nb.metadata.get("lesson", {}).get("skip"):
        yield "the header must name the lesson's step under lesson: skip:"
    if "open_observation()" not in code:
        yield "the data are opened with tso.open_observation() and nothing in it, so that one switch is enough"


RULES = (opening, closing, cells, counts, figures, outputs, exercises, teaching)


def problems(path):
    """What is wrong with one lesson, given its .py; the outputs are those of the .ipynb beside it."""
    target = path.with_suffix(".ipynb")
    nb = nbformat.read(target, as_version=4) if target.exists() else lessons.read_source(path)
    return [problem for rule in RULES for problem in rule(nb, path.name[:2])]
