"""The one style of all figures: seaborn's ticks, colours that everybody can tell apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib import cycler

__all__ = ["COLOURS", "LINES", "MARKERS", "use_style"]

#: Okabe & Ito's palette (https://jfly.uni-koeln.de/color/), in the order in which figures use it.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}
#: Markers and line styles that go with the colours, so that no figure tells things apart by colour alone.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))

WIDTH = 8.5  # inches: what a notebook shows without shrinking


def use_style():
    """Set the style of the lessons' figures for everything that is drawn from now on.

    Notes
    -----
    Base: seaborn's "ticks". Images are drawn with row 0 at the bottom, unsmoothed, and stretched to fill their axes: a
    frame of 32 x 2048 pixels would otherwise be a thread.

    Examples
    --------
    >>> use_style()
    """
    colours = list(COLOURS.values())
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette=colours,
        rc={
            "figure.figsize": (WIDTH, 4.0),
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=colours),
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "legend.frameon": False,
            "lines.linewidth": 1.4,
            "lines.markersize": 5,
            "image.cmap": "viridis",
            "image.origin": "lower",
            "image.interpolation": "nearest",
            "image.aspect": "auto",
        },
    )


def new_axes(ax=None, height=4.0):
    """The axes given, or those of a new figure of the usual width."""
    return plt.subplots(figsize=(WIDTH, height), layout="constrained")[1] if ax is None else ax


def new_column(axes, number, height, sharey=True):
    """The axes given (as many as wanted), or a column of new ones with a common x axis."""
    if axes is None:
        return plt.subplots(
            number, figsize=(WIDTH, height), sharex=True, sharey=sharey, layout="constrained", squeeze=False
        )[1][:, 0]
    axes = np.atleast_1d(axes)
    if axes.size != number:
        raise ValueError(f"{number} axes are needed, {axes.size} were given")
    return axes.ravel()


def next_look(ax):
    """Colour, marker and line style of the next series on these axes, each different from those already there."""
    number = getattr(ax, "_series", 0)
    ax._series = number + 1
    colours = list(COLOURS.values())
    return {
        "color": colours[number % len(colours)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


def need(array, dimensions, what):
    """The array; an error if it has another number of axes or nothing finite in it."""
    array = np.asarray(array)
    if array.ndim != dimensions:
        raise ValueError(f"{what} has {dimensions} axes; this array has shape {array.shape}")
    if array.dtype != bool and not np.isfinite(array).any():
        raise ValueError(f"{what} has no finite value: there is nothing to draw")
    return array
