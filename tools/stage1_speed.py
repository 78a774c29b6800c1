#!/usr/bin/env python
"""Time and memory of Stage 1, side by side: the stock steps, ours, and another package's.

    python tools/stage1_speed.py measure [--sizes lesson,large] [--rounds 3] [--data DIR] [--save FILE]
    python tools/stage1_speed.py report [FILE]      ratios, beside what we want them to be
    python tools/stage1_speed.py table [FILE]       for README.md, where `tools/readme.py speed` puts it

Every way is a process of its own, from the start of Python to its end, and all take their turn in each round; a ratio
is the median of those within one round, so that a busy machine slows both sides. FILE is figures/stage1_speed.ecsv if
none is named. exoTEDRF is measured when TSO_EXOTEDRF_PYTHON names the Python of an environment that has it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path

import measured
import psutil
from astropy.table import Table

TOOLS = Path(__file__).resolve().parent
RESULT = TOOLS.parent / "figures" / "stage1_speed.ecsv"
#: Integrations and groups of one segment of NRS1, all columns.
SIZES = {"tiny": (4, 6), "lesson": (18, 14), "large": (110, 20)}
EXOTEDRF = "TSO_EXOTEDRF_PYTHON"
INSTALL = (
    "exoTEDRF is not measured. In an environment of its own, with the pipeline that is compared:\n"
    f"    python3 -m venv ~/exotedrf && ~/exotedrf/bin/pip install exotedrf==2.5.0 jwst=={version('jwst')}\n"
    f"    export {EXOTEDRF}=~/exotedrf/bin/python"
)
UNITS = {"wall": "s", "processor": "s", "tree_memory": "byte", "process_memory": "byte", "disk": "byte"}


@dataclass(frozen=True)
class Way:
    """A way through Stage 1: its command, and what it is compared with."""

    command: Callable[[Path, Path, Path], list]
    yardstick: str
    title: str


def _stock(*options):
    return lambda folder, uncal, out: [sys.executable, TOOLS / "stock_stage1.py", *options, out, uncal]


def ours(*options):
    start = [sys.executable, "-m", "tso_helpers.cli", "calibrate"]
    return lambda folder, uncal, out: [*start, "--data", folder, "--out", out, *options]


def _exotedrf(folder, uncal, out):
    return [os.environ[EXOTEDRF], TOOLS / "exotedrf_stage1.py", out, uncal]


STOCK, STOCK_1F = "stock", "stock, 1/f"
WAYS = {
    STOCK: Way(_stock(), STOCK, "stock steps, the segment in memory"),
    "stock, all cores": Way(_stock("--cores", "all"), STOCK, "the same, jump and fit with `maximum_cores='all'`"),
    "ours, 1": Way(ours("--no-one-over-f"), STOCK, "`tso calibrate`, one worker"),
    "ours, 2": Way(ours("--no-one-over-f", "--workers", "2"), STOCK, "`tso calibrate`, two workers"),
    STOCK_1F: Way(_stock("--one-over-f"), STOCK_1F, "stock steps and our 1/f correction"),
    "ours, 1, 1/f": Way(ours(), STOCK_1F, "`tso calibrate`, one worker, 1/f"),
    "ours, 2, 1/f": Way(ours("--workers", "2"), STOCK_1F, "`tso calibrate`, two workers, 1/f"),
    "exoTEDRF": Way(_exotedrf, STOCK_1F, "exoTEDRF, its Stage 1, 1/f"),
}
#: (way, compared with, what is compared, at most); "large" only.
WANTED = (
    ("ours, 1", STOCK, "wall", 1.0),
    ("ours, 2", STOCK, "wall", 0.55),
    ("ours, 2", "stock, all cores", "wall", 1.0),
    ("ours, 1", STOCK, "process_memory", 0.4),
    ("ours, 2", STOCK, "process_memory", 0.4),
)


# --- measuring -------------------------------------------------------------------------------------------------


def ways() -> tuple[str, ...]:
    """Return the ways that can be measured here."""
    return tuple(name for name in WAYS if name != "exoTEDRF" or os.environ.get(EXOTEDRF))


def build(root, integrations, groups) -> Path:
    """Return the folder of a simulated exposure of one segment of NRS1, built if need be."""
    folder = Path(root) / f"bench-{integrations}x{groups}"
    command = [sys.executable, "-m", "tso_helpers.cli", "data", "--out", folder, "--detectors", "NRS1"]
    measured.run([*command, "--integrations", integrations, "--groups", groups])
    return folder


def uncal_of(folder) -> Path:
    """Return the raw file of such an exposure; those of its target acquisition are left aside."""
    return max(Path(folder).rglob("*_uncal.fits"), key=lambda path: path.stat().st_size)


def measure(size, root, rounds=3, keep=None) -> Table:
    """Measure all ways through Stage 1 at one size.

    Parameters
    ----------
    size : str
        One of `SIZES`.
    root : path-like
        Where the exposure is, or will be.
    rounds : int
        How often each way takes its turn.
    keep : path-like, optional
        Folder in which the products of the last round stay, one folder for each way.

    Returns
    -------
    Table
        One row for each way and round; its ``meta`` holds the floor and the machine.
    """
    from tso_helpers.observation import opening

    folder = build(root, *SIZES[size])
    uncal, variables = uncal_of(folder), opening.crds_exports(folder)
    floor = measured.read_and_write(uncal, root)
    imports = measured.run([sys.executable, "-c", "from tso_helpers import detector1; detector1.load_steps()"])
    rows = []
    with tempfile.TemporaryDirectory(dir=root, prefix="speed-") as temporary:
        for number in range(rounds):
            for way in _in_turn(ways(), number):
                out = Path(keep or temporary) / way.replace("/", "")
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                command = WAYS[way].command(folder, uncal, out)
                cost = measured.run(command, TSO_DATA=str(root), **variables)
                rows.append((size, way, number, *astuple(cost)))
                print(f"  {size}, round {number + 1}: {way}: {cost.wall:.1f} s", file=sys.stderr, flush=True)
    table = _table(rows)
    table.meta["seconds"] = {size: {"read": floor[0], "write": floor[1], "imports": imports.wall}}
    return table


def _in_turn(names, number):
    """Forwards and backwards in turn, so that none always comes after the same other."""
    return names if number % 2 == 0 else names[::-1]


def _table(rows):
    names = ("size", "way", "round", *(field.name for field in fields(measured.Cost)))
    table = Table(rows=rows, names=names, meta={"machine": machine()})
    for name, unit in UNITS.items():
        table[name].unit, table[name].info.format = unit, ".4g" if unit == "s" else ".0f"
    return table


def machine():
    """Return what was measured on and with, in words."""
    processor = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("jwst", "stcal", "numpy"))
    return f"{os.cpu_count()} cores ({processor}), {memory:.0f} GiB; Python {platform.python_version()}, {versions}"


def _lines(path):
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines() if Path(path).exists() else []


def stack(tables) -> Table:
    """Put measurements of several sizes into one table.

    Parameters
    ----------
    tables : iterable of Table

    Returns
    -------
    Table
    """
    from astropy.table import vstack

    tables = list(tables)
    together = vstack(tables, metadata_conflicts="silent")
    together.meta["seconds"] = {size: took for table in tables for size, took in table.meta["seconds"].items()}
    return together


# --- what was measured -----------------------------------------------------------------------------------------


def values(table, size, way, what) -> list[float]:
    """Return what was measured of one way, by round."""
    chosen = (table["size"] == size) & (table["way"] == way)
    return [float(value) for value in table[chosen][what][table[chosen]["round"].argsort()]]


def ratio(table, size, way, yardstick, what) -> float:
    """Return the median over rounds of one way's cost in terms of another's.

    Parameters
    ----------
    table : Table
        From `measure`.
    size, way, yardstick : str
    what : str
        A column: ``"wall"``, ``"processor"``, ``"tree_memory"``, ``"process_memory"``.

    Returns
    -------
    float
    """
    pairs = zip(values(table, size, way, what), values(table, size, yardstick, what), strict=True)
    return statistics.median(one / other for one, other in pairs)


def report(table) -> list[str]:
    """Return lines with the ratios at every size, and those that we want."""
    lines = [f"measured on {table.meta['machine']}"]
    for size, took in table.meta["seconds"].items():
        integrations, groups = SIZES[size]
        lines.append(
            f"{size}, {integrations} x {groups} x 32 x 2048: the disk reads it in {took['read']:.1f} s and writes as "
            f"much in {took['write']:.1f} s; the imports take {took['imports']:.1f} s"
        )
        lines += [_line(table, size, way) for way in dict.fromkeys(table["way"])]
        if size == "large":
            lines += [_wanted(table, *wanted) for wanted in WANTED]
    return lines


def _line(table, size, way):
    wall, processor, tree, process = (
        statistics.median(values(table, size, way, what))
        for what in ("wall", "processor", "tree_memory", "process_memory")
    )
    yardstick = WAYS[way].yardstick
    ratios = ", ".join(
        f"{ratio(table, size, way, yardstick, what):.2f}" for what in ("wall", "processor", "process_memory")
    )
    return (
        f"  {way:17s} {wall:7.1f} s, processor {processor:7.1f} s, memory {tree / 1e9:5.2f} GB, largest process "
        f"{process / 1e9:5.2f} GB; in terms of {yardstick!r}: {ratios} (wall, processor, largest process)"
    )


def _wanted(table, way, yardstick, what, most):
    value = ratio(table, "large", way, yardstick, what)
    verdict = "as wanted" if value <= most else "MORE THAN WANTED"
    return f"  {way!r} over {yardstick!r}, {what}: {value:.2f} (at most {most:g}): {verdict}"


def markdown(table) -> str:
    """Return a table for README.md, medians over rounds.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str
    """
    sizes = [size for size in SIZES if size in set(table["size"])]
    shapes = [f"{SIZES[size][0]} x {SIZES[size][1]}" for size in sizes]
    head = [f"{shape}: {what}" for shape in shapes for what in ("time", "processor", "memory of all", "of a process")]
    lines = ["| one segment, integrations x groups | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for way in (name for name in WAYS if name in set(table["way"])):
        lines.append(f"| {WAYS[way].title} | " + " | ".join(_cells(table, sizes, way)) + " |")
    floor = [f"read {took['read']:.1f} s, write {took['write']:.1f} s" for took in _took(table, sizes)]
    lines.append("| the disk alone | " + " | ".join(f"{text} | | | " for text in floor) + "|")
    rounds = len(set(table["round"]))
    imports = statistics.median(took["imports"] for took in _took(table, sizes))
    note = f"Median of {rounds} rounds; {imports:.0f} s of each time are imports. Measured on {table.meta['machine']}."
    return "\n".join([*lines, "", note])


def _took(table, sizes):
    return [table.meta["seconds"][size] for size in sizes]


def _cells(table, sizes, way):
    for size in sizes:
        for what in ("wall", "processor", "tree_memory", "process_memory"):
            found = statistics.median(values(table, size, way, what))
            yield f"{found:.0f} s" if UNITS[what] == "s" else f"{found / 1e9:.1f} GB"


def save(table, path) -> None:
    """Write a measurement, whole or not at all.

    Parameters
    ----------
    table : Table
    path : path-like
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    table.write(unfinished, format="ascii.ecsv", overwrite=True)
    os.replace(unfinished, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "report", "table"])
    parser.add_argument("file", nargs="?", type=Path, default=RESULT)
    parser.add_argument("--sizes", default="lesson,large", metavar="NAMES")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="where exposures are kept; default: nowhere")
    parser.add_argument("--save", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.what == "measure":
        with tempfile.TemporaryDirectory(prefix="tso-speed-") as root:
            found = stack(measure(size, given.data or root, given.rounds) for size in given.sizes.split(","))
        if given.save:
            save(found, given.save)
    else:
        found = Table.read(given.file, format="ascii.ecsv")
    print(markdown(found) if given.what == "table" else "\n".join(report(found)))
    if given.what == "measure" and "exoTEDRF" not in ways():
        print(INSTALL)


if __name__ == "__main__":
    main()
