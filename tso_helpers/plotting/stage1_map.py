"""The one-page map of Stage 1 that returns in every lesson."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt


@dataclass(frozen=True)
class Station:
    """One step of Stage 1.

    Attributes
    ----------
    name : str
        In the pipeline.
    does : str
        What it does.
    lesson : str
        Number of the lesson that teaches it.
    kind : str
        "taught", "ours" (a step of this series) or "passed" (not needed here).
    """

    name: str
    does: str
    lesson: str = ""
    kind: str = "taught"  # "taught", "ours" (a step of this series) or "passed" (not needed here)


# Order of the near-infrared steps in jwst 3.x (Detector1Pipeline.process), with our one departure.
STATIONS = (
    Station("group_scale", "rescales groups averaged on board", kind="passed"),
    Station("dq_init", "starts the flags from the bad-pixel mask", "02"),
    Station("saturation", "flags samples above the limit", "03"),
    Station("superbias", "subtracts the bias of each pixel", "04"),
    Station("refpix", "removes drifts that reference pixels see", "04"),
    Station("linearity", "straightens the ramp", "05"),
    Station("dark_current", "subtracts the dark", "06"),
    Station("one_over_f", "removes column stripes group by group", "07", "ours"),
    Station("charge_migration", "flags groups that lost charge", kind="passed"),
    Station("jump", "flags cosmic rays", "08"),
    Station("clean_flicker_noise", "1/f in the pipeline, after jump; off", kind="passed"),
    Station("ramp_fit", "fits the slope: DN to DN/s", "09"),
    Station("gain_scale", "rescales rates by the gain factor", "09"),
)

_FACE = {"taught": "#D6EAF5", "ours": "#FBE3C0", "passed": "#F3F3F3"}
_EDGE = {"taught": "#0072B2", "ours": "#D55E00", "passed": "#8C8C8C"}
_LINE = {"taught": "-", "ours": "-", "passed": (0, (3, 2))}
_WIDTH, _HEIGHT = 2.32, 0.86  # of a box, where boxes are 2.6 apart and rows 1.45
_PER_ROW = 5


def _place(number):
    """Where a station stands: rows of five that are read like text, from the left."""
    return 2.6 * (number % _PER_ROW), -1.45 * (number // _PER_ROW)


def _box(ax, number, station, here):
    x, y = _place(number)
    ax.add_patch(
        plt.Rectangle(
            (x, y),
            _WIDTH,
            _HEIGHT,
            facecolor=_FACE[station.kind],
            edgecolor="black" if here else _EDGE[station.kind],
            linewidth=3 if here else 1.2,
            linestyle="-" if here else _LINE[station.kind],
            zorder=2,
        )
    )
    muted = "#555555" if station.kind == "passed" else "black"
    ax.text(x + 0.1, y + 0.6, station.name, fontsize=9.5, fontweight="bold", va="center", color=muted, zorder=3)
    ax.text(
        x + _WIDTH - 0.08,
        y + 0.6,
        station.lesson,
        fontsize=9.5,
        fontweight="bold",
        va="center",
        ha="right",
        color=_EDGE[station.kind],
        zorder=3,
    )
    ax.text(x + 0.1, y + 0.24, _wrap(station.does), fontsize=7.2, va="center", color=muted, linespacing=1.05, zorder=3)
    if here:
        middle, top = x + _WIDTH / 2, y + _HEIGHT
        ax.annotate(
            "you are here",
            (middle, top),
            (middle, top + 0.33),
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
            arrowprops={"arrowstyle": "-|>", "lw": 2},
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )


def _wrap(text, width=25):
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _arrows(ax):
    style = {"arrowstyle": "-|>", "color": "#555555", "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    for number in range(len(STATIONS) - 1):
        (x, y), (x2, y2) = _place(number), _place(number + 1)
        if y == y2:
            ax.annotate("", (x2, y2 + _HEIGHT / 2), (x + _WIDTH, y + _HEIGHT / 2), arrowprops=style)
            continue
        middle, middle2, between = x + _WIDTH / 2, x2 + _WIDTH / 2, y - 0.12  # down, left along the gap, down
        ax.plot([middle, middle, middle2], [y, between, between], color="#555555", lw=1.1, zorder=1)
        ax.annotate("", (middle2, y2 + _HEIGHT), (middle2, between), arrowprops=style)


def _legend(ax):
    x, y = _place(_PER_ROW * 3 - 2)
    labels = {
        "taught": "done in this series (with its lesson)",
        "ours": "our departure: 1/f at group level, before jump",
        "passed": "in the pipeline, not used here",
    }
    for row, (kind, label) in enumerate(labels.items()):
        top = y + 0.68 - 0.31 * row
        ax.add_patch(
            plt.Rectangle(
                (x, top - 0.09),
                0.32,
                0.2,
                facecolor=_FACE[kind],
                edgecolor=_EDGE[kind],
                linestyle=_LINE[kind],
                linewidth=1.2,
            )
        )
        ax.text(x + 0.42, top, label, fontsize=8, va="center")


def stage1_map(here=None, ax=None):
    """Draw the steps of Stage 1 for near-infrared time series, in order, with "you are here".

    Parameters
    ----------
    here : str or sequence of str, optional
        The step or steps that the lesson is about, by the pipeline's names; ``"one_over_f"`` is the series' own step.
        ``"uncal"`` and ``"rateints"`` mark what goes in and what comes out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure as wide as a notebook otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        No such step; the message lists the steps.
    """
    marked = {here} if isinstance(here, str) else set(here or ())
    ends = {"uncal", "rateints"}
    names = [station.name for station in STATIONS]
    if unknown := sorted(marked - set(names) - ends):
        raise ValueError(
            f"no step of Stage 1 is called {' or '.join(unknown)}; the map has {', '.join(names)}, uncal and rateints"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(10, 4.1), layout="constrained")
    for number, station in enumerate(STATIONS):
        _box(ax, number, station, station.name in marked)
    _arrows(ax)
    _legend(ax)
    _end(ax, "uncal", "raw ramps in: uncal files, DN per group", (0.0, 1.62), "uncal" in marked)
    x, y = _place(len(STATIONS) - 1)
    _end(ax, "rateints", "out: rateints, DN/s per integration", (x, y - 0.42), "rateints" in marked)
    ax.set(xlim=(-0.1, 4 * 2.6 + _WIDTH + 0.1), ylim=(-3.6, 1.8))
    ax.set_axis_off()
    return ax


def _end(ax, name, label, place, here):
    """What goes in (top left) or comes out (below the last step)."""
    text = f"{label}   ◀ you are here" if here else label
    ax.text(*place, text, fontsize=9, va="center", fontweight="bold" if here else "normal", style="italic")
