#!/usr/bin/env python
"""Make the executed .ipynb of each lesson from its .py, and check that the two belong together.

    python tools/notebooks.py build [03 07 ...]    execute notebooks/NN_*.py and write NN_*.ipynb beside it
    python tools/notebooks.py check [03 07 ...]    compare each pair, and apply the rules of lint.py

Building twice changes nothing: a cell's id comes from its source, nothing is stored about when and how long a cell
ran, figures are reduced to a palette, and cells whose output cannot repeat (tag nbval-ignore-output) keep what is
stored as long as their source does.
"""

from __future__ import annotations

import argparse
import base64
import copy
import io
import os
import re
import sys
import tempfile
from itertools import zip_longest

import lint
import nbformat
from lessons import ABOUT, IGNORE, METADATA, read_source, sources
from PIL import Image

from tso_helpers.course import headless

SHOWN = 4  # differences between a pair that are named; after an edit there may be hundreds
WIDGET = "application/vnd.jupyter.widget-view+json"
# The only things in an output that differ between two runs without meaning anything. tools/nbval.cfg has the same.
ADDRESSES = [(re.compile(r"0x[0-9a-f]{6,}"), "0x0"), (re.compile(r'id="table\d+(-\d+)?"'), 'id="table0"')]


def compact_png(data):
    """A PNG of at most 256 colours, or the original where that is smaller; base64 in, base64 out."""
    original = base64.b64decode(data)
    with Image.open(io.BytesIO(original)) as picture:
        reduced = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    out = io.BytesIO()
    reduced.save(out, format="PNG", optimize=True)
    return base64.b64encode(min(original, out.getvalue(), key=len)).decode()


def _clean(value):
    if isinstance(value, str):
        for pattern, replacement in ADDRESSES:
            value = pattern.sub(replacement, value)
    return value


def normalise(notebook, stored=None):
    """Take out of an executed notebook what would differ the next time; `stored` is the present .ipynb, if any."""
    kept = {cell.id: cell for cell in stored.cells} if stored else {}
    notebook.metadata = nbformat.from_dict(METADATA | {"lesson": notebook.metadata.get("lesson", {})})
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        before = kept.get(cell.id)
        if IGNORE in cell.metadata.get("tags", []) and before is not None and before.outputs:
            cell.outputs = copy.deepcopy(before.outputs)
        for output in cell.outputs:  # a widget lives in its kernel; what else the output holds, a picture, is kept
            if output.get("data", {}).pop(WIDGET, None) and "image/png" not in output["data"]:
                output["data"] = {}
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = cell.execution_count
            if "text" in output:
                output["text"] = _clean(output["text"])
            for kind, value in output.get("data", {}).items():
                output["data"][kind] = compact_png(value) if kind == "image/png" else _clean(value)
    return notebook


def write(notebook, path):
    """Write atomically, and only when something changed; returns whether it did."""
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
    return True


def build(path, **variables):
    """Execute one lesson on the default data and write its pair; returns the run's report."""
    notebook = read_source(path)
    target = path.with_suffix(".ipynb")
    stored = nbformat.read(target, as_version=4) if target.exists() else None
    with tempfile.TemporaryDirectory(prefix="tso-lesson-") as folder:
        report = headless.execute(notebook, folder, TSO_OBSERVATION="simulated", **variables)
    if report.error is None:
        report.changed = write(normalise(notebook, stored), target)
    return report


def _cells(notebook):
    return [
        (cell.cell_type, cell.source, sorted(cell.metadata.get("tags", [])), cell.metadata.get(ABOUT))
        for cell in notebook.cells
    ]


def _first_difference(here, there):
    """Of two texts, the first lines that differ; anything else as it is."""
    if not (isinstance(here, str) and isinstance(there, str)):
        return here, there
    pairs = zip_longest(here.splitlines(), there.splitlines(), fillvalue="")
    return next(((a, b) for a, b in pairs if a != b), (here, there))


def pair_problems(path):
    """How a lesson's .ipynb differs from what its .py says; an empty list when it does not."""
    target = path.with_suffix(".ipynb")
    if not target.exists():
        return [f"{target.name} is missing; make it with: python tools/notebooks.py build {path.name[:2]}"]
    source, stored = read_source(path), nbformat.read(target, as_version=4)
    problems = []
    if len(source.cells) != len(stored.cells):
        problems.append(f"{path.name} has {len(source.cells)} cells, {target.name} has {len(stored.cells)}")
    for number, (ours, theirs) in enumerate(zip(_cells(source), _cells(stored), strict=False)):
        for what, here, there in zip(("type", "source", "tags", ABOUT), ours, theirs, strict=True):
            if here != there:
                here, there = _first_difference(here, there)
                problems.append(f"cell {number}: {what} is {here!r} in {path.name}, {there!r} in {target.name}")
    problems = problems[:SHOWN] + [f"and {len(problems) - SHOWN} more differences"] * (len(problems) > SHOWN)
    if [cell.id for cell in source.cells] != [cell.get("id") for cell in stored.cells]:
        problems.append("cell ids are not those that the build gives")
    if source.metadata != stored.metadata:
        problems.append(f"notebook metadata is {stored.metadata}, not {source.metadata}")
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        problems.append("its code cells were not executed once, in order")
    if any(set(cell.metadata) - {"tags", "jupyter", ABOUT} for cell in stored.cells):
        problems.append("a cell carries metadata other than tags, their reason and a hidden source")
    if any(output.output_type == "error" for cell in stored.cells for output in cell.get("outputs", [])):
        problems.append("an error is among its outputs")
    return problems


def _build_all(paths):
    failed = False
    for path in paths:
        print(f"{path.stem} ...", end=" ", flush=True)
        report = build(path)
        if report.error:
            failed = True
            print(f"failed; its .ipynb is left as it was\n{report.error}")
            continue
        size = path.with_suffix(".ipynb").stat().st_size / 1e6
        print(
            f"{'written' if report.changed else 'unchanged'}: {report.seconds:.0f} s, "
            f"{report.peak_memory / 1e9:.2f} GB, {report.asserts_ran} of {len(report.asserts)} asserts, "
            f"{size:.1f} MB"
        )
    return failed


def _check_all(paths):
    failed = False
    for path in paths:
        for problem in pair_problems(path) + lint.problems(path):
            failed = True
            print(f"{path.name}: {problem}")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["build", "check"])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="the beginning of a lesson's file name; all without")
    arguments = parser.parse_args()
    paths = sources(arguments.lessons)
    sys.exit(_build_all(paths) if arguments.command == "build" else _check_all(paths))


if __name__ == "__main__":
    main()
