"""The bits of DQ values, drawn as boxes: which are set, and what each of those is called."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from .. import dq
from .style import COLOURS, new_axes

__all__ = ["plot_bits"]

_BITS = 32


def plot_bits(values, labels=None, ax=None, title=None):
    """Draw DQ values as rows of 32 bits, the highest on the left, and name the bits that are set.

    Parameters
    ----------
    values : int or sequence of int
        DQ values, of Python's or NumPy's integer types.
    labels : sequence of str, optional
        What stands to the left of each row; the value itself without it.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes
        One row of boxes per value, the first on top.

    Raises
    ------
    ValueError
        If there is no value, one is no DQ value, or the labels differ in number.
    """
    values = [int(value) for value in np.atleast_1d(np.asarray(values, dtype=object))]
    labels = [f"{value:,}" for value in values] if labels is None else list(labels)
    if not values or len(values) != len(labels):
        raise ValueError(f"values and labels must be as many, and one at least, not {len(values)} and {len(labels)}")
    names = {dq.FLAGS[name].bit_length() - 1: name for value in values for name in dq.mnemonics(value)}
    ax = new_axes(ax, height=1.9 + 0.32 * len(values))
    for row, value in enumerate(values):
        for bit in range(_BITS):
            _box(ax, _BITS - 1 - bit, row, value >> bit & 1)
    for bit, name in names.items():
        ax.text(_BITS - 0.5 - bit, -0.15, name, rotation=40, ha="left", va="bottom", fontsize=8.5)
    ax.set(xlim=(0, _BITS + 1.5), ylim=(len(values), -0.1 - 2.6 * bool(names)), xlabel="number of the bit")
    ax.set_xticks(_BITS - 0.5 - np.arange(0, _BITS, 4), np.arange(0, _BITS, 4))
    ax.set_yticks(np.arange(len(values)) + 0.5, labels)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title(title or "")
    return ax


def _box(ax, x, y, one):
    """One bit: filled and marked 1 where it is set."""
    face = COLOURS["blue"] if one else "white"
    ax.add_patch(Rectangle((x + 0.06, y + 0.1), 0.88, 0.8, facecolor=face, edgecolor="0.6", linewidth=0.8))
    text, colour = ("1", "white") if one else ("0", "0.6")
    ax.text(x + 0.5, y + 0.52, text, ha="center", va="center", fontsize=8, color=colour)
