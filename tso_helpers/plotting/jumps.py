"""Jumps: how many per integration, which hits were found, where the flags come from."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from .style import COLOURS, new_axes, next_look

__all__ = ["plot_breakdown", "plot_completeness", "plot_jumps_per_integration"]


def plot_jumps_per_integration(counts, opportunities=None, ax=None, label=None, first=0, title=None):
    """Draw the number of flagged samples of each integration.

    Parameters
    ----------
    counts : array of int, shape (integration,)
        From `jumps.jumps_per_integration`.
    opportunities : int, optional
        Samples that could have been flagged in one integration (`jumps.opportunities`): draws a second axis in %.
    ax : matplotlib.axes.Axes, optional
        Several series may be drawn on one.
    label : str
    first : int
        Number of the first integration.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
        Of the counts; the axis in %, if any, is ``ax.percent``.

    Raises
    ------
    ValueError
        If there is not one count per integration.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(f"one count per integration is needed, not shape {counts.shape}")
    ax = new_axes(ax, height=3.4)
    look = next_look(ax)
    ax.plot(first + np.arange(counts.size), counts, look["marker"], color=look["color"], label=label)
    ax.axhline(np.median(counts), color=look["color"], linestyle=look["linestyle"], linewidth=1)
    ax.set(xlabel="integration", ylabel="flagged samples")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.15 * counts.max(), 1))
    if opportunities and not hasattr(ax, "percent"):
        ax.percent = ax.secondary_yaxis(
            "right", functions=(lambda n: 100 * n / opportunities, lambda p: p * opportunities / 100)
        )
        ax.percent.set_ylabel("% of groups × rows × columns")
    ax.set_title(title or "")
    if label:
        ax.legend()
    return ax


def plot_completeness(table, ax=None, label=None, title=None):
    """Draw the share of the true hits that were found, against their charge, with 68 % intervals.

    Parameters
    ----------
    table : astropy.table.Table
        From `jumps.completeness`; bins without a hit are left out.
    ax : matplotlib.axes.Axes, optional
        Several curves may be drawn on one.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no bin holds a hit.
    """
    some = table["hits"] > 0
    if not some.any():
        raise ValueError("no bin holds a hit: there is no share of them to draw")
    x, y = np.asarray(table["electrons"][some]), 100 * np.asarray(table["fraction"][some])
    error = [np.maximum(y - 100 * table["lower"][some], 0), np.maximum(100 * table["upper"][some] - y, 0)]
    ax = new_axes(ax, height=3.6)
    look = next_look(ax)
    ax.errorbar(x, y, error, label=label, linewidth=1.2, **look)
    ax.set(xscale="log", ylim=(-4, 104), xlabel="charge in the pixel (e$^-$)", ylabel="hits found (%)")
    ax.set_title(title or "")
    if label:
        ax.legend()
    return ax


def plot_breakdown(tables, ax=None, per=1, title=None):
    """Draw where the flags come from, as bars side by side.

    Parameters
    ----------
    tables : dict of str to astropy.table.Table
        Name of each case, and its `jumps.breakdown`.
    ax : matplotlib.axes.Axes, optional
    per : int
        Number of integrations, to show flags per integration.
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no case.
    """
    if not tables:
        raise ValueError("no case is given: there are no bars to draw")
    ax = new_axes(ax, height=3.6)
    hatches, width = ("", "//", "..", "xx", "\\\\", "++"), 0.8 / len(tables)
    highest = 0.0
    for number, (name, table) in enumerate(tables.items()):
        heights = np.asarray(table["count"]) / per
        highest = max(highest, heights.max())
        at = np.arange(len(table)) + (number - (len(tables) - 1) / 2) * width
        bars = ax.bar(
            at,
            heights,
            width,
            color=list(COLOURS.values())[number],
            alpha=0.85,
            hatch=hatches[number % len(hatches)],
            edgecolor="white",
            label=name,
        )
        ax.bar_label(bars, [f"{height:,.0f}" for height in heights], fontsize=8)
    causes = [str(cause) for cause in table["cause"]]
    ax.set_xticks(range(len(causes)), causes)
    unit = "flagged samples per integration" if per > 1 else "flagged samples"
    ax.set(xlabel="where the flags come from", ylabel=unit, ylim=(0, 1.15 * max(highest, 1)))
    ax.set_title(title or "")
    ax.legend()
    return ax
