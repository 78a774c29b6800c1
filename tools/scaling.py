#!/usr/bin/env python
"""How the cost of `tso calibrate` grows with integrations, groups and workers; and what a large programme would take.

    python tools/scaling.py measure [--repeat 3] [--shapes 10x10,20x10] [--data DIR] [--save FILE]
    python tools/scaling.py figure [FILE]       figures/scaling.png
    python tools/scaling.py estimate [FILE]     a programme of 100 exposures like the worked example, on paper

FILE is figures/scaling.ecsv if none is named. Exposures are single segments of NRS1 with all columns; each run is a
process of its own, from the start of Python to its end. Shapes are integrations x groups.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import measured
import numpy as np
import stage1_speed as speed
from astropy.table import Table
from scipy.optimize import nnls

FIGURES = speed.TOOLS.parent / "figures"
RESULT, FIGURE = FIGURES / "scaling.ecsv", FIGURES / "scaling.png"
ROWS, COLUMNS = 32, 2048
#: Integrations, groups. Jumps are found in another way from 100 integrations on, so that both sides are wanted twice.
SHAPES = (
    *((integrations, 10) for integrations in (10, 20, 40, 80, 110, 155)),
    *((10, groups) for groups in (5, 20, 40, 70)),
    (40, 20),
    (110, 20),
)
WORKERS = (1, 2)
CLIPPED = 100
#: Shapes of the segments of one exposure like the worked example: both detectors, three segments each.
EXPOSURE = ((155, 70),) * 6
PROGRAMME = 100  # exposures


# --- measuring -------------------------------------------------------------------------------------------------


def measure(shapes, repeat, root) -> Table:
    """Measure `tso calibrate`, 1/f included, on segments of several shapes and with several numbers of workers.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Integrations, groups.
    repeat : int
        Times that each is done; all take their turn in each round.
    root : path-like
        Where the exposures are, or will be.

    Returns
    -------
    Table
        One row for each shape, number of workers and round.
    """
    folders = {shape: speed.build(root, *shape) for shape in shapes}
    rows = []
    for number, (shape, folder), workers in itertools.product(range(repeat), folders.items(), WORKERS):
        cost, written = _one(folder, workers, root)
        raw = speed.uncal_of(folder).stat().st_size
        rows.append((*shape, workers, number, cost.wall, cost.processor, cost.process_memory, cost.disk, raw, written))
        print(f"  {shape[0]} x {shape[1]}, {workers} worker(s): {cost.wall:.1f} s", flush=True)
    names = ("integrations", "groups", "workers", "round")
    units = {"wall": "s", "processor": "s", "worker_memory": "byte", "disk": "byte", "raw": "byte", "products": "byte"}
    table = Table(rows=rows, names=[*names, *units], meta={"machine": speed.machine()})
    for name, unit in units.items():
        table[name].unit, table[name].info.format = unit, ".4g" if unit == "s" else ".0f"
    return table


def _one(folder, workers, root):
    """What one run costs, and the size of its products, bytes."""
    with tempfile.TemporaryDirectory(dir=root, prefix="scaling-") as apart:
        out = Path(apart, "products")
        command = speed.ours("--workers", workers)(folder, None, out)
        cost = measured.run(command, watch=[folder, apart], TSO_DATA=apart)
        return cost, sum(path.stat().st_size for path in out.glob("*.fits"))


# --- what follows ----------------------------------------------------------------------------------------------


def medians(table, workers) -> Table:
    """Return one row for each shape, with the medians over rounds.

    Parameters
    ----------
    table : Table
        From `measure`.
    workers : int

    Returns
    -------
    Table
    """
    chosen = table[table["workers"] == workers].group_by(["integrations", "groups"])
    return chosen.groups.aggregate(np.median)


@dataclass(frozen=True)
class Model:
    """Cost of a segment: a start, and so much per integration, per sample, and per sample of a long segment.

    A segment is long from `CLIPPED` integrations on. No part is negative.

    Attributes
    ----------
    parts : tuple of float
        Seconds; seconds per integration, per million samples, and per million samples besides in a long segment.
    scatter : float
        Largest difference from what was measured, as a fraction of that.
    """

    parts: tuple[float, float, float, float]
    scatter: float

    def __call__(self, integrations, groups) -> float:
        """Return the seconds that a segment costs."""
        return float(_terms(integrations, groups) @ np.array(self.parts))


def _terms(integrations, groups):
    integrations, groups = np.asarray(integrations, float), np.asarray(groups, float)
    samples = integrations * groups * ROWS * COLUMNS / 1e6
    return np.stack([np.ones_like(samples), integrations, samples, samples * (integrations >= CLIPPED)], axis=-1)


def fit(table, workers, what) -> Model:
    """Fit the cost of segments.

    Every measurement counts with its fraction, so that small segments have as much to say as large ones.

    Parameters
    ----------
    table : Table
        From `measure`.
    workers : int
    what : str
        ``"processor"`` or ``"wall"``.

    Returns
    -------
    Model
    """
    known = medians(table, workers)
    terms, cost = _terms(known["integrations"], known["groups"]), np.array(known[what])
    parts, _ = nnls(terms / cost[:, None], np.ones_like(cost))
    return Model(tuple(map(float, parts)), float(np.abs(terms @ parts / cost - 1).max()))


def estimate(table) -> list[str]:
    """Return what `PROGRAMME` exposures would take, in words: what was measured, scaled to their shape.

    Parameters
    ----------
    table : Table
        From `measure`.

    Returns
    -------
    list of str
    """
    processor, two = fit(table, 1, "processor"), fit(table, 2, "wall")
    samples = np.array([integrations * groups * ROWS * COLUMNS for integrations, groups in EXPOSURE])
    frames = np.array([integrations * ROWS * COLUMNS for integrations, _ in EXPOSURE])
    per_sample = np.array(table["integrations"] * table["groups"]) * ROWS * COLUMNS
    raw = samples.sum() * statistics.median(table["raw"] / per_sample)
    products = frames.sum() * statistics.median(table["products"] / per_sample * table["groups"])
    # what lies on disk at most, beside the raw file: the ramps of one segment, and its products
    scratch = samples.max() * float(max((table["disk"] - table["products"]) / per_sample))
    seconds = sum(processor(*shape) for shape in EXPOSURE)
    wall = sum(two(*shape) for shape in EXPOSURE)
    farthest = max(i * g for i, g in EXPOSURE) / max(table["integrations"] * table["groups"])
    return [
        f"One exposure ({len(EXPOSURE)} segments of {EXPOSURE[0][0]} x {EXPOSURE[0][1]} x {ROWS} x {COLUMNS}): "
        f"{seconds / 60:.0f} minutes of processor time; {wall / 60:.0f} minutes on the clock with two workers.",
        f"{PROGRAMME} exposures: {PROGRAMME * seconds / 3600:.0f} core-hours, {PROGRAMME * wall / 3600:.0f} hours on a "
        "machine with two cores.",
        f"Disk: {PROGRAMME * raw / 1e12:.2f} TB of raw files, {PROGRAMME * products / 1e9:.0f} GB of products, and "
        f"{scratch / 1e9:.1f} GB of scratch for each exposure that is being done.",
        f"Network: the raw files once, {PROGRAMME * raw / 1e12:.2f} TB; at 100 MB/s {PROGRAMME * raw / 1e8 / 3600:.1f} "
        f"hours. A cluster reads and writes the scratch over its own network besides, "
        f"{2 * PROGRAMME * samples.sum() / samples.max() * scratch / 1e12:.1f} TB in all.",
        f"The cost of a segment is {_words(processor)}; no measurement is farther from that than "
        f"{100 * processor.scatter:.0f} %. A segment of the exposure is {farthest:.1f} times the largest measured.",
        f"Measured on {table.meta['machine']}.",
    ]


def _words(model):
    start, integration, sample, long = model.parts
    return (
        f"{start:.1f} s of processor time to start, {1e3 * integration:.0f} ms per integration and "
        f"{1e3 * sample:.0f} ms per million samples, {1e3 * (sample + long):.0f} ms from {CLIPPED} integrations on"
    )


# --- drawing ---------------------------------------------------------------------------------------------------


def draw(table):
    """Draw how cost grows.

    Parameters
    ----------
    table : Table
        From `measure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    import tso_helpers as tso

    tso.plotting.use_style()
    fig, axes = plt.subplots(1, 4, figsize=(13, 3.5), layout="constrained")
    fixed = {"integrations": ("groups", 10), "groups": ("integrations", 10)}
    for ax, (axis, (other, value)) in zip(axes, fixed.items(), strict=False):
        _draw_seconds(ax, table, axis, other, value)
        ax.set(xlabel=f"{axis} (of {value} {other} each)" if axis == "integrations" else f"{axis} (of {value} {other})")
        ax.set(ylabel="seconds", xlim=(0, None), ylim=(0, None), title=f"with {axis}")
    axes[0].axvline(CLIPPED, color="0.6", lw=1, ls=":")
    axes[0].legend(fontsize="small")
    for ax, column, title, label in (
        (axes[2], "worker_memory", "memory", "peak of a worker [GB]"),
        (axes[3], "disk", "disk", "peak beside the raw file [GB]"),
    ):
        for workers, style in zip(WORKERS, ("o", "s"), strict=True):
            known = medians(table, workers)
            samples = known["integrations"] * known["groups"] * ROWS * COLUMNS / 1e6
            ax.plot(samples, known[column] / 1e9, style, mfc="none", label=_workers(workers))
        ax.set(xlabel="samples [million]", ylabel=label, title=title, xlim=(0, None), ylim=(0, None))
    return fig


def _draw_seconds(ax, table, axis, other, value):
    for workers, style, colour in zip(WORKERS, ("o", "s"), ("C0", "C1"), strict=True):
        known = medians(table, workers)
        known = known[known[other] == value]
        known.sort(axis)
        ax.plot(known[axis], known["wall"], f"{style}-", color=colour, label=f"{_workers(workers)}, clock")
        ax.plot(known[axis], known["processor"], f"{style}--", color=colour, mfc="none", label="its processor time")


def _workers(number):
    return f"{number} worker{'s' * (number > 1)}"


def save_figure(table, path=FIGURE) -> None:
    """Draw, and write a small PNG, whole or not at all.

    Parameters
    ----------
    table : Table
        From `measure`.
    path : path-like
    """
    import matplotlib as mpl

    mpl.use("agg")
    unfinished = Path(path).with_name(f".{Path(path).name}.part")
    draw(table).savefig(unfinished, format="png", dpi=90, metadata={"Software": None})
    os.replace(unfinished, path)


def _shapes(text):
    return tuple(tuple(map(int, shape.split("x"))) for shape in text.split(","))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "figure", "estimate"])
    parser.add_argument("file", nargs="?", type=Path, default=RESULT)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--shapes", type=_shapes, default=SHAPES, metavar="NxG,NxG")
    parser.add_argument("--data", type=Path, help="where exposures are kept; default: nowhere")
    parser.add_argument("--save", type=Path, default=RESULT, metavar="FILE")
    given = parser.parse_args()
    if given.what == "measure":
        with tempfile.TemporaryDirectory(prefix="tso-scaling-") as root:
            speed.save(measure(given.shapes, given.repeat, given.data or root), given.save)
        return
    table = Table.read(given.file, format="ascii.ecsv")
    if given.what == "figure":
        save_figure(table, given.file.with_suffix(".png"))
    else:
        print("\n".join(estimate(table)))


if __name__ == "__main__":
    main()
