"""Cosmic-ray hits: how far they stand out, where they lie, and what those that are missed do to a light curve."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import COLOURS, WIDTH, need, new_axes, next_look

__all__ = ["plot_outliers", "plot_significance", "plot_threshold_scan", "show_stamps"]


def plot_significance(series, threshold, ax=None, title=None):
    """Draw how far each difference of a pixel stands out, on a scale that is linear up to the threshold.

    Parameters
    ----------
    series : dict of str to array, shape (group,)
        Name of each ramp, and its `jumps.significance`; NaN is left out.
    threshold : float
        Rejection threshold, standard deviations.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no series, or one has nothing finite.
    """
    if not series:
        raise ValueError("no ramp is given: there is nothing to draw")
    ax = new_axes(ax, height=3.2)
    for name, values in series.items():
        values = need(values, 1, "the significance of a ramp")
        look = next_look(ax)
        ax.plot(np.arange(values.size), values, look["marker"], color=look["color"], label=name)
    ax.axhspan(-threshold, threshold, color="0.9", zorder=0, label=f"within ±{threshold:g}: not flagged")
    ax.set_yscale("symlog", linthresh=threshold)
    low, high = ax.get_ylim()
    ax.set(
        xlabel="group (the later one of the difference)",
        ylabel="difference − median (σ)",
        ylim=(min(low, -2 * threshold), max(high, 2 * threshold)),
    )
    ax.set_title(title or "")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def show_stamps(images, centre, corner=(0, 0), label="signal (DN)", limits=None, axes=None):
    """Show small images side by side with one stretch, and a ring around one pixel.

    Parameters
    ----------
    images : dict of str to array, shape (row, column)
        Title of each, and the image.
    centre : (int, int)
        Row and column to mark, in the numbering of the axes.
    corner : (int, int)
        Row and column of the images' first pixel.
    label : str
        Quantity and unit.
    limits : (float, float), optional
        Stretch; the range of all values without it.
    axes : sequence of matplotlib.axes.Axes, optional
        As many as there are images, in one figure; a row of new ones without it.

    Returns
    -------
    array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no image, their shapes differ, or there are fewer or more axes than images.
    """
    arrays = [need(image, 2, "an image") for image in images.values()]
    if not arrays or len({array.shape for array in arrays}) > 1:
        raise ValueError(f"one or more images of one shape are needed, not {[array.shape for array in arrays]}")
    rows, columns = arrays[0].shape
    low, high = (np.nanmin(arrays), np.nanmax(arrays)) if limits is None else limits
    if axes is None:
        _, axes = plt.subplots(1, len(arrays), figsize=(WIDTH, 2.7), sharey=True, layout="constrained")
    axes = np.atleast_1d(axes)
    if axes.size != len(arrays):
        raise ValueError(f"{len(arrays)} axes are needed, {axes.size} were given")
    extent = (corner[1] - 0.5, corner[1] + columns - 0.5, corner[0] - 0.5, corner[0] + rows - 0.5)
    for ax, (title, array) in zip(axes, images.items(), strict=True):
        shown = ax.imshow(array, vmin=low, vmax=high, extent=extent, aspect="equal", origin="lower")
        ax.plot(centre[1], centre[0], "o", markersize=14, markerfacecolor="none", markeredgecolor="white")
        ax.set_title(title)
        ax.set_xlabel("column")
    axes[0].set_ylabel("row")
    axes[0].figure.colorbar(shown, ax=list(axes), label=label, pad=0.01, shrink=0.8)
    return axes


def plot_threshold_scan(thresholds, series, ax=None, ylabel="per integration", title=None):
    """Draw counts against the rejection threshold, both on logarithmic scales.

    Parameters
    ----------
    thresholds : array, shape (threshold,)
        Standard deviations.
    series : dict of str to array, shape (threshold,)
        Name and values of each quantity; what is not positive is left out.
    ax : matplotlib.axes.Axes, optional
    ylabel, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a series has not one value per threshold, or nothing positive is given.
    """
    thresholds = np.asarray(thresholds, dtype=float)
    values = {name: np.asarray(counts, dtype=float) for name, counts in series.items()}
    if not values or any(counts.shape != thresholds.shape for counts in values.values()):
        raise ValueError("one value per threshold is needed for each quantity")
    if not any((counts > 0).any() for counts in values.values()):
        raise ValueError("no count is positive: there is nothing to draw on a logarithmic scale")
    ax = new_axes(ax, height=3.4)
    for name, counts in values.items():
        shown = counts > 0
        ax.plot(thresholds[shown], counts[shown], label=name, **next_look(ax))
    ax.set(xscale="log", yscale="log", xlabel="rejection_threshold (σ)", ylabel=ylabel)
    ax.set_xticks(thresholds, [f"{threshold:g}" for threshold in thresholds])
    ax.minorticks_off()
    ax.set_title(title or "")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_outliers(series, limit=20.0, ax=None, title=None):
    """Draw how often a value deviates by how much, on a logarithmic scale; the outermost bins hold the rest.

    Parameters
    ----------
    series : dict of str to array
        Name of each case, and its deviations in standard deviations; NaN is left out.
    limit : float
        End of the scale.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no case, or one has nothing finite.
    """
    if not series:
        raise ValueError("no case is given: there is nothing to draw")
    ax = new_axes(ax, height=3.2)
    edges = np.linspace(-limit, limit, 81)
    for name, values in series.items():
        values = need(np.ravel(values), 1, "a case")
        look = next_look(ax)
        counts = np.histogram(np.clip(values[np.isfinite(values)], -limit, limit), edges)[0]
        ax.stairs(counts, edges, color=look["color"], linestyle=look["linestyle"], linewidth=1.6, label=name)
    ax.axvspan(-5, 5, color=COLOURS["black"], alpha=0.06, label="within ±5 σ")
    ax.set(yscale="log", xlabel="deviation (σ)", ylabel="points of all light curves", xlim=(-limit, limit))
    ax.set_title(title or "")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
