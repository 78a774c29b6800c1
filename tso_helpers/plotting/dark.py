"""Dark signal: how it grows up the ramp, and what it does to a light curve."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import COLOURS, LINES, MARKERS, WIDTH, new_axes

__all__ = ["plot_dark_ramps", "plot_depth_change", "plot_dilution"]


def plot_dark_ramps(times, ramps, lines=None, ax=None, title=None, label="dark signal (DN)"):
    """Draw the dark signal up the ramp, by region of the frame.

    Parameters
    ----------
    times : array, shape (n,)
        s.
    ramps : dict of str to array, shape (n,)
        DN.
    lines : dict of str to array, shape (n,), optional
        What to compare with (a constant rate, say), drawn as black lines without markers.
    ax : matplotlib.axes.Axes, optional
    title, label : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a ramp has not one value per time.
    """
    times = np.asarray(times, dtype=float)
    wrong = [name for name, values in {**ramps, **(lines or {})}.items() if np.shape(values) != times.shape]
    if wrong:
        raise ValueError(f"one value per time is needed; {', '.join(wrong)} has another number")
    ax = new_axes(ax, height=3.6)
    for (name, values), colour, marker in zip(ramps.items(), COLOURS.values(), MARKERS, strict=False):
        ax.plot(times, values, marker, color=colour, markersize=4, linestyle="-", linewidth=1, label=name)
    for (name, values), style in zip((lines or {}).items(), LINES[1:], strict=False):
        ax.plot(times, values, linestyle=style, color="black", linewidth=1.2, label=name)
    ax.set(xlabel="time since reset (s)", ylabel=label)
    ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    ax.set_title(title or "")
    ax.legend()
    return ax


def plot_dilution(times, curves, differences, axes=None, predicted=None, mid_transit=None, title=None):
    """Draw the light curves of two reductions, and below what one has over the other.

    Parameters
    ----------
    times : array, shape (integration,)
        BJD_TDB, d.
    curves : dict of str to array, shape (integration,)
        Relative flux.
    differences : dict of str to array, shape (integration,)
        Difference of two relative fluxes, without unit; drawn in parts per million.
    axes : sequence of two matplotlib.axes.Axes, optional
    predicted : dict of str to array, shape (integration,), optional
        Prediction for each of `differences`, by the same name; drawn as a line.
    mid_transit : float, optional
        BJD_TDB, d: the axis counts hours from it; from the first integration without it.
    title : str

    Returns
    -------
    array of matplotlib.axes.Axes, shape (2,)

    Raises
    ------
    ValueError
        If there are not two axes, or a curve has not one value per time.
    """
    times = np.asarray(times, dtype=float)
    wrong = [name for name, flux in {**curves, **differences}.items() if np.shape(flux) != times.shape]
    if wrong:
        raise ValueError(f"one flux per time is needed; {', '.join(wrong)} has another number")
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(WIDTH, 5.2), sharex=True, layout="constrained")[1]
    if len(axes) != 2:
        raise ValueError(f"two axes are needed, {len(axes)} were given")
    hours = 24 * (times - (times[0] if mid_transit is None else mid_transit))
    looks = list(zip(COLOURS.values(), MARKERS, LINES, strict=False))
    for (name, flux), (colour, marker, _) in zip(curves.items(), looks, strict=False):
        size, face = (8, "none") if marker == MARKERS[0] else (3, colour)  # rings, so that both can be seen
        axes[0].plot(hours, flux, marker, color=colour, markersize=size, markerfacecolor=face, label=name)
    axes[0].set(ylabel="relative flux")
    axes[0].ticklabel_format(axis="y", useOffset=False)
    axes[0].set_title(title or "")
    for (name, flux), (colour, marker, line) in zip(differences.items(), looks[2:], strict=False):
        axes[1].plot(hours, 1e6 * np.asarray(flux), marker, color=colour, markersize=4, label=f"{name}: measured")
        if predicted and name in predicted:
            axes[1].plot(
                hours,
                1e6 * np.asarray(predicted[name]),
                linestyle=line,
                color="black",
                linewidth=1,
                label=f"{name}: predicted",
            )
    since = "the first integration" if mid_transit is None else "mid-transit"
    axes[1].set(xlabel=f"time from {since} (h)", ylabel="difference (ppm)")
    axes[1].axhline(0, color="0.7", linewidth=0.8, zorder=0)
    for ax in axes:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3)
    return np.asarray(axes)


def plot_depth_change(columns, changes, ax=None, title=None, floor=None):
    """Draw the change of the transit depth along the spectrum, in ppm, on a logarithmic axis.

    Parameters
    ----------
    columns : array, shape (n,)
        Column, or the middle of a bin of columns.
    changes : dict of str to array, shape (n,)
        Absolute change of the depth, without unit; drawn in parts per million. What is not positive is left out.
    ax : matplotlib.axes.Axes, optional
    title : str
    floor : float, optional
        Lower end of the axis, ppm.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a change has not one value per column, or none is positive.
    """
    columns = np.asarray(columns, dtype=float)
    ax = new_axes(ax, height=3.4)
    looks = zip(COLOURS.values(), MARKERS, strict=False)
    for (name, change), (colour, marker) in zip(changes.items(), looks, strict=False):
        change = 1e6 * np.asarray(change, dtype=float)
        if change.shape != columns.shape:
            raise ValueError(f"one change per column is needed; {name} has shape {change.shape}")
        good = np.isfinite(change) & (change > 0)
        if not good.any():
            raise ValueError(f"{name} has no positive value: there is nothing to draw")
        ax.plot(columns[good], change[good], marker, color=colour, markersize=4, linestyle="none", label=name)
    ax.set(xlabel="column", ylabel="depth is lowered by (ppm)", yscale="log")
    if floor is not None:
        ax.set_ylim(bottom=floor)
    ax.set_title(title or "")
    ax.legend()
    return ax
