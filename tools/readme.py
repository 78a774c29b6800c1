#!/usr/bin/env python
"""Make what README.md shows of what was measured, and the figure at its top.

    python tools/readme.py table [03 07 ...]    execute lessons with nothing prepared but the exposure; renew their rows
    python tools/readme.py figure               figures/transit.png: the light curve before and after Stage 1
    python tools/readme.py speed                the table of Stage 1, from what stage1_speed.py and scaling.py saved

The table gives processor time rather than time on the clock, because that does not depend on what else a machine does.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile

import lessons
import scaling
import stage1_speed
from astropy.table import Table

import tso_helpers as tso
from tso_helpers.course import headless

README = lessons.NOTEBOOKS.parent / "README.md"
FIGURE = lessons.NOTEBOOKS.parent / "figures" / "transit.png"
MARKS = "<!-- lessons -->", "<!-- end of lessons -->"
SPEED_MARKS = "<!-- speed -->", "<!-- end of speed -->"


def opening(path):
    """Title and minutes to teach that a lesson's first cell gives."""
    first = lessons.read_source(path).cells[0].source
    title = re.search(r"^# \d\d · (.*)$", first, flags=re.MULTILINE).group(1)
    minutes = re.search(r"\*\*Takes\*\*\s+(\d+)\s+min", first)
    return title, int(minutes.group(1)) if minutes else 0


def row(path, report):
    """One row of the table."""
    title, minutes = opening(path)
    lesson = f"[{path.name[:2]} · {title}](notebooks/{path.stem}.ipynb)"
    return f"| {lesson} | {minutes} min | {report.processor:.0f} s | {report.peak_memory / 1e9:.1f} GB |"


def measure(path, observation):
    """Execute a lesson as it is met by somebody who opens it first: no checkpoint is there."""
    shutil.rmtree(observation.folder / "checkpoints", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="tso-lesson-") as folder:
        report = headless.execute(lessons.read_source(path), folder, TSO_OBSERVATION="simulated")
    if report.error:
        raise SystemExit(f"{path.stem} failed: {report.error}")
    return report


def table(names):
    """Measure lessons one after the other, and renew their rows."""
    observation = tso.open_observation("simulated")
    for path in lessons.sources(names):
        renewed = row(path, measure(path, observation))
        renew(path.stem, renewed)
        print(renewed)


def renew(name, renewed):
    """Put one row into the table between the two marks of README.md; those of other lessons stay."""
    known = {match[1]: match[0] for match in re.finditer(r"(?m)^\|.*\(notebooks/(\w+)\.ipynb\).*\|$", between(MARKS))}
    rows = ["| lesson | teach | run | memory |", "|---|---|---|---|"]
    rows += [text for _, text in sorted((known | {name: renewed}).items())]
    put_between(MARKS, "\n".join(rows))


def between(marks):
    """What stands in README.md between two marks."""
    begin, end = map(re.escape, marks)
    return re.search(f"(?s){begin}(.*){end}", README.read_text(encoding="utf-8")).group(1)


def put_between(marks, text):
    """Put other text there."""
    begin, end = marks
    body = "\n\n".join([begin, text, end])
    _replace(README, README.read_text(encoding="utf-8").replace(f"{begin}{between(marks)}{end}", body).encode())


def speed():
    """Renew the table of Stage 1, and what a large programme would take if that was measured."""
    text = stage1_speed.markdown(Table.read(stage1_speed.RESULT, format="ascii.ecsv"))
    if scaling.RESULT.exists():
        lines = scaling.estimate(Table.read(scaling.RESULT, format="ascii.ecsv"))
        text += "\n\nOn paper (`tools/scaling.py estimate`):\n\n" + "\n".join(f"- {line}" for line in lines)
    put_between(SPEED_MARKS, text)
    print(text)


def _replace(path, content):
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def light_curves(detector="NRS1"):
    """Relative flux from the raw ramps and from the calibrated ones, and the true transit, each (integration,)."""
    import numpy as np

    observation = tso.open_observation("simulated")
    raw, calibrated = [], []
    for segment in observation.segments:
        with observation.after("dq_init", detector, segment) as ramp:
            raw.append(np.nansum(ramp.data[:, -1] - ramp.data[:, 0], axis=(1, 2)))
        with observation.after("gain_scale", detector, segment) as rates:
            calibrated.append(tso.light_curve.from_rates(rates).flux)
    time, truth = observation.truth.transit(detector)
    out = truth > 1 - 1e-6
    curves = [np.concatenate(parts) for parts in (raw, calibrated)]
    return 24 * (time - time[0]), *(curve / np.median(curve[out]) for curve in curves), truth


def figure():
    """Draw the transit before and after Stage 1."""
    import matplotlib as mpl

    mpl.use("agg")
    import io

    import matplotlib.pyplot as plt

    tso.plotting.use_style()
    hours, raw, calibrated, truth = light_curves()
    fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True)
    for ax, flux, title in zip(axes, (raw, calibrated), ("raw ramps", "after Stage 1"), strict=True):
        ax.plot(hours, truth, "k-", lw=1.2, label="true transit")
        ax.plot(hours, flux, "o", ms=4.5, label="NRS1, white light")
        ax.set(xlabel="time since the start [h]", title=title)
    axes[0].set_ylabel("relative flux")
    axes[1].legend()
    out = io.BytesIO()
    fig.savefig(out, format="png", dpi=100, metadata={"Software": None})
    FIGURE.parent.mkdir(exist_ok=True)
    _replace(FIGURE, out.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["table", "figure", "speed"])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="for the table: only these lessons")
    arguments = parser.parse_args()
    {"table": lambda: table(arguments.lessons), "figure": figure, "speed": speed}[arguments.what]()


if __name__ == "__main__":
    main()
