#!/usr/bin/env python
"""How close the lessons' asserts and checkers come to their limits, and how far other machines move them.

    python tools/margins.py [03 07 ...] [--variants processor,kernels,thread,all] [--save DIR]

Every lesson is executed as it is, and again under each variant of tools/variants.py (`all` without the option), with
nothing prepared but the exposure. Each comparison of numbers in an assert, and each in a checker that a solution meets,
is noted with its distance from the limit, relative to the larger side; for `close_to` and `np.isclose`, relative to the
tolerance. Printed are those closest to their limit, and those closest in units of how far the variants move them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import inspect
import json
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

LOG = "TSO_MARGINS_LOG"
SHOWN = 25
ORDERINGS = {ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal}
NAMES = {kind.__name__: kind for kind in ORDERINGS}

# --- in the kernel ----------------------------------------------------------------------------------------------


def watch(shell):
    """Note the comparisons of this kernel's asserts and of the checkers; run by the kernel's start-up file."""
    from tso_helpers.course.exercises import core

    shell.ast_transformers.append(_InAsserts())
    core.close_to = _close_to(core.close_to)
    for name in sorted({exercise.judge.__module__ for exercise in core.registry().values()}):
        module = sys.modules[name]
        tree = _InFunctions().visit(ast.parse(inspect.getsource(module)))
        exec(compile(ast.fix_missing_locations(tree), module.__file__, "exec"), module.__dict__)


class _Comparisons(ast.NodeTransformer):
    """Replaces each comparison by order, and each np.isclose or np.allclose, by a call that notes it as well."""

    def _call(self, function, node, *arguments):
        source = ast.parse(f"__import__('margins').{function}({ast.unparse(node)!r})", mode="eval").body
        source.args.extend(arguments)
        return source

    def visit_Compare(self, node):
        original = copy.deepcopy(node)
        self.generic_visit(node)
        if not all(type(op) in ORDERINGS for op in node.ops):
            return node
        names = [ast.Constant(type(op).__name__) for op in node.ops]
        sides = ast.List([node.left, *node.comparators], ast.Load())
        return self._call("ordered", original, ast.List(names, ast.Load()), sides)

    def visit_Call(self, node):
        original = copy.deepcopy(node)
        self.generic_visit(node)
        if getattr(node.func, "attr", None) not in ("isclose", "allclose"):
            return node
        call = self._call("close", original, node.func, *node.args)
        call.keywords = node.keywords
        return call


class _InAsserts(ast.NodeTransformer):
    def visit_Module(self, node):
        return ast.fix_missing_locations(self.generic_visit(node))

    def visit_Assert(self, node):
        node.test = _Comparisons().visit(node.test)
        return node


class _InFunctions(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        node.body = [_Comparisons().visit(statement) for statement in node.body]
        return node


def _note(what, margin, left=None, right=None):
    with open(os.environ[LOG], "a", encoding="utf-8") as log:
        log.write(json.dumps([what, float(margin), None if left is None else f"{left:.6g} | {right:.6g}"]) + "\n")


def ordered(source, ops, sides):
    """Result of a chain of comparisons such as ``a < b < c``; each of its links is noted."""
    result = True
    for op, left, right in zip(ops, sides, sides[1:], strict=False):
        link = _plain(op, left, right)
        _note_order(f"{source}", left, right, link)
        result = link if result is True else (result and link)
    return result


def _plain(op, left, right):
    return {
        "Lt": lambda: left < right,
        "LtE": lambda: left <= right,
        "Gt": lambda: left > right,
        "GtE": lambda: left >= right,
    }[op]()


def _note_order(source, left, right, result):
    try:
        left, right = np.broadcast_arrays(np.asarray(left, float), np.asarray(right, float))
    except (TypeError, ValueError):
        return
    size = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-300)
    with np.errstate(invalid="ignore"):
        margin = np.abs(left - right) / size
    if not np.isfinite(margin).any() or (margin.size > 1 and not np.all(result)):
        return  # of an array that is partly above and partly below, the closest element means nothing
    at = np.unravel_index(np.nanargmin(margin), margin.shape)
    _note(source, margin[at], left[at], right[at])


def close(source, function, *arguments, **options):
    """Result of np.isclose or np.allclose; how much of the tolerance is left is noted."""
    defaults = inspect.signature(np.isclose).parameters
    rtol, atol = (options.get(name, defaults[name].default) for name in ("rtol", "atol"))
    _note_tolerance(source, *arguments[:2], rtol, atol)
    return function(*arguments, **options)


def _close_to(original):
    def close_to(answer, value, rtol=0.01, atol=0.0):
        where = sys._getframe(1)
        _note_tolerance(f"close_to in {where.f_code.co_name}, line {where.f_lineno}", answer, value, rtol, atol)
        return original(answer, value, rtol, atol)

    return close_to


def _note_tolerance(source, answer, value, rtol, atol):
    if np.shape(answer) != np.shape(value) and np.ndim(value):
        return
    worst = 0.0
    for one, other in zip(np.atleast_1d(answer), np.atleast_1d(value), strict=np.ndim(value) > 0):
        try:
            one, other = np.asarray(one, float), np.asarray(other, float)
        except (TypeError, ValueError):
            return
        with np.errstate(invalid="ignore", divide="ignore"):
            used = np.abs(one - other) / (atol + rtol * np.abs(other))
        worst = max(worst, np.nanmax(used, initial=0.0))
    _note(source, abs(1 - worst))


# --- outside ----------------------------------------------------------------------------------------------------


def run(path, observation, settings, save=None):
    """Execute one lesson under some settings; {(what, how often before): (margin, sides)}, and its report."""
    import lessons
    import nbformat
    from copies import linked_copy

    from tso_helpers.course import headless

    notebook = lessons.read_source(path)
    with tempfile.TemporaryDirectory(prefix="tso-margins-") as folder:
        folder = Path(folder)
        linked_copy(observation, folder / "data" / observation.name)
        startup = (
            f"__import__('sys').path.append({str(Path(__file__).parent)!r})\n"
            "__import__('margins').watch(get_ipython())\n"
        )
        where = {"TSO_DATA": folder / "data", "TSO_OBSERVATION": "simulated", LOG: folder / "margins"}
        report = headless.execute(notebook, folder, startup=startup, **where, **settings)
        lines = (folder / "margins").read_text(encoding="utf-8").splitlines() if (folder / "margins").exists() else []
    if save:
        save.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, save / f"{path.stem}.ipynb")
    if report.error:
        raise SystemExit(f"{path.stem} failed under {settings or 'no settings'}:\n{report.error}")
    noted, before = {}, defaultdict(int)
    for what, margin, sides in map(json.loads, lines):
        noted[what, before[what]] = margin, sides
        before[what] += 1
    return noted, report


def rows(stem, noted):
    """One row for each comparison: (margin, movement, lesson, comparison, sides), from {variant: noted}."""
    plain = noted[""]
    for key, (margin, sides) in plain.items():
        found = [other[key][0] for other in noted.values() if key in other]
        yield min(found), max(abs(value - margin) for value in found), stem, key[0], sides


def table(found):
    """The two lists that are printed."""
    yield f"{len(found)} comparisons. Closest to their limits, relative:"
    for margin, movement, stem, what, sides in sorted(found, key=lambda row: row[0])[:SHOWN]:
        yield f"  {margin:9.2e}  moves {movement:8.1e}  {stem[:2]}  {_line(what)}  [{sides}]"
    moved = [row for row in found if row[1] > 0]
    yield f"\n{len(moved)} move. Closest in units of how far they move:"
    for margin, movement, stem, what, sides in sorted(moved, key=lambda row: row[0] / row[1])[:SHOWN]:
        yield f"  {margin / movement:9.2e}  margin {margin:8.1e}  {stem[:2]}  {_line(what)}  [{sides}]"


def _line(source):
    return " ".join(source.split())[:110]


def main():
    import lessons
    import variants

    import tso_helpers as tso

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="the beginning of a lesson's file name; all without")
    parser.add_argument("--variants", default="all", metavar="NAMES", help="some of processor,kernels,thread,all")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the executed notebooks, a folder per variant")
    arguments = parser.parse_args()
    known = variants.variants()
    chosen = {"": {}} | {name: known[name] for name in arguments.variants.split(",") if name in known}
    observation = Path(tso.open_observation("simulated").folder)
    found = []
    for path in lessons.sources(arguments.lessons):
        noted = {}
        for name, settings in chosen.items():
            save = arguments.save and arguments.save / (name or "plain")
            noted[name], report = run(path, observation, settings, save)
            print(f"{path.stem} {name or 'plain':10} {report.seconds:5.0f} s", file=sys.stderr, flush=True)
        found += rows(path.stem, noted)
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
