"""Ramps: one pixel's samples with its flags and limit, and how straight all ramps are."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm

from .. import ramps
from .style import COLOURS, MARKERS, need, new_axes, next_look

__all__ = ["mark_flags", "plot_linearity_ratio", "plot_ramp"]


def plot_ramp(times, samples, limit=None, truth=None, ax=None, label="samples", title=None):
    """Draw the samples of a pixel up the ramp; `mark_flags` adds its flags.

    Parameters
    ----------
    times : array, shape (group,)
        s, from `ramps.group_times`.
    samples : array, shape (group,)
        DN, from `ramps.pixel_ramp`.
    limit : float, optional
        Saturation limit of the pixel, DN.
    truth : array, shape (group,), optional
        What a noiseless ramp would be, DN.
    ax : matplotlib.axes.Axes, optional
        Several ramps may be drawn on one; each gets a colour and a marker of its own.
    label : str
        Name of the ramp in the legend.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one time per sample, or nothing finite to draw.
    """
    times, samples = np.asarray(times, dtype=float), need(samples, 1, "a ramp")
    if times.shape != samples.shape:
        raise ValueError(f"a ramp needs one time for each sample, not {times.size} for {samples.size}")
    ax = new_axes(ax, height=3.6)
    look = next_look(ax)
    ax.plot(times, samples, look["marker"], color=look["color"], label=label, zorder=3)
    if truth is not None:
        ax.plot(times, truth, ":", color="black", label="truth", zorder=2)
    if limit is not None:
        ax.axhline(limit, color=COLOURS["vermilion"], linestyle="--", label=f"limit ({limit:,.0f} DN)")
    ax.set(xlabel="time since reset (s)", ylabel="signal (DN)")
    ax.set_title(title or "")
    ax.legend(loc="upper left" if limit is None else "center left")
    return ax


def mark_flags(times, flags, ax):
    """Mark the flags of a ramp along the bottom of its figure, and name them on a second axis on the right.

    Parameters
    ----------
    times : array, shape (group,)
        s, from `ramps.group_times`.
    flags : list of list of str
        Names of the flags of each group, from `dq.at`.
    ax : matplotlib.axes.Axes
        On which `plot_ramp` has drawn all ramps; the flags of several may be marked, one after another.

    Returns
    -------
    matplotlib.axes.Axes
        Those of the flags, one level for each flag that occurs; they are also ``ax.flags``.

    Raises
    ------
    ValueError
        If there is not one list of flags per time, or no ramp on the axes yet.
    """
    times = np.asarray(times, dtype=float)
    if times.shape != (len(flags),):
        raise ValueError(f"a ramp needs one list of flags for each time, not {len(flags)} for {times.size}")
    if not ax.lines:
        raise ValueError("no ramp has been drawn on these axes: call plot_ramp first")
    ax.flagged = [*getattr(ax, "flagged", []), (times, flags)]
    if not hasattr(ax, "flags"):
        ax.flags = ax.twinx()
    twin, names = ax.flags, sorted({name for _, flags in ax.flagged for group in flags for name in group})
    twin.clear()
    for level, name in enumerate(names):
        here = np.concatenate([times[[name in group for group in flags]] for times, flags in ax.flagged])
        twin.plot(here, np.full(here.size, level), MARKERS[-1 - level % len(MARKERS)], color="0.35", markersize=4)
    top = max(len(names), 1) * 4.5
    twin.set(yticks=range(len(names)), yticklabels=names, ylim=(-0.8, top))
    twin.text(1.01, (len(names) + 0.5) / (top + 0.8), "flags" if names else "no flags", transform=twin.transAxes)
    twin.spines["right"].set_visible(True)
    values = np.concatenate([np.ravel(line.get_ydata()) for line in ax.lines])
    low, high = np.nanmin(values), np.nanmax(values)
    span = (high - low) or 1.0
    ax.set_ylim(low - 0.4 * span, high + 0.08 * span)
    ax.set_yticks([tick for tick in ax.get_yticks() if low - 0.1 * span <= tick <= high + 0.08 * span])
    return twin


def plot_linearity_ratio(fluence, ratio, ax=None, edges=None, limits=(0.85, 1.15), title=None):
    """Draw the density of the last over first difference against fluence, with its median.

    Parameters
    ----------
    fluence, ratio : arrays of one shape
        DN, and no unit; from `ramps.linearity_ratio`. NaN is left out.
    ax : matplotlib.axes.Axes, optional
    edges : array, optional
        Bins in fluence, DN; 20 from zero to the largest fluence without it.
    limits : (float, float)
        Range of ratios shown.
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes differ or no pair is finite.
    """
    fluence, ratio = np.ravel(fluence), np.ravel(ratio)
    if fluence.shape != ratio.shape:
        raise ValueError(f"one ratio per fluence is needed; these are {ratio.size} and {fluence.size}")
    good = np.isfinite(fluence) & np.isfinite(ratio)
    need(np.where(good, ratio, np.nan), 1, "the ratio")
    fluence, ratio = fluence[good], ratio[good]
    edges = np.linspace(0, fluence.max(), 21) if edges is None else np.asarray(edges, dtype=float)
    ax = new_axes(ax, height=3.8)
    fine = np.linspace(edges[0], edges[-1], 100), np.linspace(*limits, 81)
    counts, _, _ = np.histogram2d(fluence, ratio, bins=fine)
    shown = ax.pcolormesh(*fine, np.ma.masked_equal(counts.T, 0), norm=LogNorm(1, max(counts.max(), 2)), cmap="cividis")
    ax.figure.colorbar(shown, ax=ax, label="pixels", pad=0.01)
    centre, median, sigma, _ = ramps.binned_median(fluence, ratio, edges)
    some = np.isfinite(median)
    style = {"fmt": "o", "markersize": 5, "markeredgecolor": "white", "linewidth": 1.2, "zorder": 4}
    ax.errorbar(centre[some], median[some], sigma[some], color=COLOURS["vermilion"], label="median", **style)
    ax.axhline(1, color="black", linestyle="--", linewidth=1, label="straight ramp")
    ax.set(xlabel="last minus first group (DN)", ylabel="last / first difference", ylim=limits, xlim=edges[[0, -1]])
    ax.set_title(title or "")
    ax.legend(loc="lower left", ncols=2, frameon=True, framealpha=0.9)
    return ax
