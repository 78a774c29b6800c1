"""Flags: where they are on the detector, and how many there are."""

from __future__ import annotations

import numpy as np

from .. import dq
from .style import new_axes, next_look

__all__ = ["plot_dq_map", "plot_tally"]


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


def plot_tally(table, ax=None, title=None):
    """Bars of how many samples carry each flag, on a logarithmic scale, with counts and percentages.

    Parameters
    ----------
    table : astropy.table.Table
        From `dq.tally`.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the table has no row: nothing is flagged.
    """
    if len(table) == 0:
        raise ValueError("no sample carries any flag: there is no bar to draw")
    ax = new_axes(ax, height=0.8 + 0.3 * len(table))
    names = [str(name) for name in table["flag"]]
    bars = ax.barh(names, table["count"], color=next_look(ax)["color"], height=0.7)
    texts = [f" {count:,} ({percent:.3g} %)" for count, percent in zip(table["count"], table["percent"], strict=True)]
    ax.bar_label(bars, texts, fontsize=9)
    ax.set(xscale="log", xlim=(0.5, 30 * max(table["count"])), xlabel="samples", ylabel="flag")
    ax.invert_yaxis()
    ax.set_title(title or "")
    return ax
