"""Flags: where they are on the detector, and how many there are."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from .. import dq
from .style import COLOURS, new_axes, next_look

__all__ = ["plot_bits", "plot_dq_map"]

_BITS = 32


def plot_dq_map(flags, names=None, ax=None, title=None, most=6, first_column=0):
    """Mark every flagged pixel of a frame, a marker and a colour for each flag.

    Parameters
    ----------
    flags : array of int, shape (row, column)
        pixeldq, or one group of groupdq.
    names : sequence of str, optional
        Mnemonics; without it those that occur, the rarest on top.
    ax : matplotlib.axes.Axes, optional
    title : str
    most : int
        Without `names`, draw at most this many flags, the commonest; the legend says how many more there are.
    first_column : int
        Number of the first column, if the frame was cut.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the flags are not two-dimensional or a mnemonic is unknown.
    """
    flags = np.asarray(flags)
    if flags.ndim != 2:
        raise ValueError(f"a map has two axes (row, column); these flags have shape {flags.shape}")
    table, missing = dq.tally(flags), 0
    if names is None:
        order = np.argsort(-table["count"], kind="stable")
        names, missing = [str(name) for name in table["flag"][order][:most]], max(len(table) - most, 0)
    ax = new_axes(ax, height=2.8)
    for number, name in enumerate(names):
        row, column = np.nonzero(dq.mask(flags, name))
        look = next_look(ax)
        # the first, often DO_NOT_USE, goes with other flags: a ring, in which those can be seen
        size = {"markersize": 6, "markerfacecolor": "none"} if number == 0 and len(names) > 1 else {"markersize": 3}
        ax.plot(
            column + first_column,
            row,
            look["marker"],
            color=look["color"],
            markeredgewidth=0.7,
            label=f"{name} ({row.size:,})",
            rasterized=True,
            **size,
        )
    rows, columns = flags.shape
    ax.set(xlabel="column", ylabel="row", xlim=(first_column - 8, first_column + columns + 7), ylim=(-1.5, rows + 0.5))
    ax.set_title(title or "")
    more = f"and {missing} more kinds of flags" if missing else None
    if names:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=1.5, title=more and f"({more})")
    else:
        ax.text(0.5, 0.5, "no pixel is flagged", transform=ax.transAxes, ha="center", va="center")
    return ax


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
