"""Bias: where the reference pixels are, how the level of the frame wanders, and what a correction adds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from .style import COLOURS, LINES, MARKERS, WIDTH, new_axes

__all__ = ["compare_profiles", "plot_agreement", "plot_levels", "plot_reference_pixels"]


def plot_reference_pixels(reference, axes=None, columns=12):
    """Show both ends of the frame, magnified, with the reference pixels marked.

    Parameters
    ----------
    reference : array of bool, shape (row, column)
        True for reference pixels.
    axes : sequence of two matplotlib.axes.Axes, optional
    columns : int
        Columns to show at either end.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (2,)

    Raises
    ------
    TypeError
        If the mask is not of bool.
    ValueError
        If it is not two-dimensional or narrower than the two ends together, or there are not two axes.
    """
    reference = np.asarray(reference)
    if reference.dtype != bool:
        raise TypeError(f"a mask is True or False, not {reference.dtype.name}")
    if reference.ndim != 2 or reference.shape[1] < 2 * columns:
        raise ValueError(f"a frame of at least {2 * columns} columns is wanted, not shape {reference.shape}")
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharey=True, layout="constrained")[1]
    if len(axes) != 2:
        raise ValueError(f"two axes are needed, {len(axes)} were given")
    rows, width = reference.shape
    cmap = plt.matplotlib.colors.ListedColormap(["#DDEEDD", COLOURS["purple"]])
    for ax, first, side in zip(axes, (0, width - columns), ("left", "right"), strict=True):
        part = reference[:, first : first + columns]
        extent = (first - 0.5, first + columns - 0.5, -0.5, rows - 0.5)
        ax.imshow(part, vmin=0, vmax=1, cmap=cmap, extent=extent, aspect="auto", interpolation="nearest")
        ax.set_xticks(range(first, first + columns))
        ax.set_xticks(np.arange(first, first + columns + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=0.5)
        ax.tick_params(which="minor", length=0)
        ax.tick_params(axis="x", rotation=60)
        flagged = first + np.flatnonzero(part.any(axis=0))
        where = f"columns {flagged[0]} to {flagged[-1]}" if flagged.size else "none"
        ax.set(xlabel="column", title=f"{side} end: {where}, {part.sum()} pixels")
    axes[0].set_ylabel("row")
    names = (("reference pixel: sees no light", 1), ("active pixel", 0))
    handles = [Patch(facecolor=cmap(value), edgecolor="black", label=name) for name, value in names]
    axes[0].figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return np.asarray(axes)


def plot_levels(levels, ax=None, groups=None, integrations=4, ylim=None, title=None, label="level (DN)"):
    """Draw the level of the frame in group after group, integration after integration.

    Parameters
    ----------
    levels : dict of str to array, shape (integration, group)
        DN; drawn one over another, each with a colour, marker and line style of its own.
    ax : matplotlib.axes.Axes, optional
    groups : int, optional
        Groups of each integration to draw; all by default.
    integrations : int
        Integrations to draw, from the first on. Thin vertical lines stand between them.
    ylim : (float, float), optional
    title, label : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is nothing to draw, or the arrays differ in shape.
    """
    shapes = {np.shape(values) for values in levels.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"arrays of one shape, (integration, group), are wanted, not {sorted(shapes)}")
    ax = new_axes(ax, height=3.6)
    colours = list(COLOURS.values())
    for number, (name, values) in enumerate(levels.items()):
        chosen = np.asarray(values, dtype=float)[:integrations, :groups]
        count = chosen.shape[1]
        for integration, line in enumerate(chosen):
            look = {"color": colours[number], "linestyle": LINES[number], "marker": MARKERS[number]}
            ax.plot(
                integration * count + np.arange(count),
                line,
                markersize=3,
                linewidth=1,
                label=name if integration == 0 else None,
                **look,
            )
    shown = len(chosen)
    for integration in range(1, shown):
        ax.axvline(integration * count - 0.5, color="0.7", linewidth=0.8, zorder=0)
    middles = [integration * count + (count - 1) / 2 for integration in range(shown)]
    ax.set_xticks(middles, [f"integration {integration}" for integration in range(shown)])
    ax.tick_params(axis="x", length=0)
    ax.set(xlabel=f"{count} groups in each integration", ylabel=label, xlim=(-0.5, shown * count - 0.5))
    if ylim is not None:
        ax.set_ylim(ylim)
    ax.set_title(title or "")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3)
    return ax


def compare_profiles(profiles, ax=None, limits=None, title=None, label="signal (DN)"):
    """Draw values along a column, several on one: two groups, or before and after.

    Parameters
    ----------
    profiles : dict of str to array, shape (row,)
        DN.
    ax : matplotlib.axes.Axes, optional
    limits : (float, float), optional
        Ends of the vertical axis; what lies beyond (the spectrum, say) leaves the panel.
    title, label : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no profile, or they differ in length.
    """
    if len({np.shape(values) for values in profiles.values()}) != 1:
        raise ValueError("one or more profiles of the same length are wanted")
    ax = new_axes(ax, height=3.2)
    for (name, values), colour, marker, line in zip(profiles.items(), COLOURS.values(), MARKERS, LINES, strict=False):
        ax.plot(values, color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1, label=name)
    ax.set(xlabel="row", ylabel=label, xlim=(-0.5, len(values) - 0.5))
    if limits is not None:
        ax.set_ylim(limits)
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.set_title(title or "")
    ax.legend()
    return ax


def plot_agreement(expected, found, ax=None, xlabel="expected (DN)", ylabel="found (DN)", title=None):
    """Draw one quantity against another that should equal it, with the line on which they are equal.

    Parameters
    ----------
    expected, found : arrays of one shape
        DN; NaN is left out.
    ax : matplotlib.axes.Axes, optional
    xlabel, ylabel, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes differ or nothing is finite.
    """
    expected, found = np.asarray(expected, dtype=float), np.asarray(found, dtype=float)
    if expected.shape != found.shape:
        raise ValueError(f"two arrays of one shape are compared, not {expected.shape} and {found.shape}")
    good = np.isfinite(expected) & np.isfinite(found)
    if not good.any():
        raise ValueError("no pair is finite: there is nothing to draw")
    if ax is None:
        ax = plt.subplots(figsize=(4.4, 4.2), layout="constrained")[1]
    ax.plot(expected[good], found[good], ".", color=COLOURS["blue"], markersize=4, label="one group")
    ends = np.array([min(expected[good].min(), found[good].min()), max(expected[good].max(), found[good].max())])
    ax.plot(ends, ends, "--", color="black", linewidth=1, label="equal")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title or "")
    ax.legend()
    return ax
