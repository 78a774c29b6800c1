"""Light curves beside the true ones, and pulls."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from astropy.stats import mad_std

from .style import COLOURS, WIDTH, new_axes, next_look

__all__ = ["compare_light_curves", "plot_light_curve", "plot_pulls"]


def plot_light_curve(curve, truth=None, ax=None, mid_transit=None, label=None, title=None):
    """Draw a light curve, with the true one if there is one.

    Parameters
    ----------
    curve : tso_helpers.light_curve.LightCurve
        Relative to out of transit; its errors are drawn as bars, which are smaller than the points if all is well.
    truth : (times, flux), optional
        The true light curve, drawn as a line.
    ax : matplotlib.axes.Axes, optional
        Several light curves may be drawn on one.
    mid_transit : float, optional
        BJD_TDB, d: the axis then counts hours from it; from the first integration without it.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If nothing in it is finite.
    """
    if not np.isfinite(curve.flux).any():
        raise ValueError("no flux of this light curve is finite")
    zero = curve.time[0] if mid_transit is None else mid_transit
    ax = new_axes(ax, height=3.6)
    look = next_look(ax)
    hours = 24 * (curve.time - zero)
    ax.errorbar(hours, curve.flux, curve.error, fmt=look["marker"], color=look["color"], markersize=4, label=label)
    if truth is not None:
        hours = 24 * (np.asarray(truth[0]) - zero)
        ax.plot(hours, truth[1], "-", color="black", linewidth=1.2, label="truth", zorder=1)
    since = "the first integration" if mid_transit is None else "mid-transit"
    ax.set(xlabel=f"time from {since} (h)", ylabel="relative flux")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set_title(title or "")
    if label or truth is not None:
        ax.legend(loc="lower left")
    return ax


def compare_light_curves(curves, truths=None, axes=None, mid_transit=None, scatter=None, expected=None):
    """Draw the light curves of the detectors side by side, each with the true one, on one scale.

    Parameters
    ----------
    curves : dict of str to tso_helpers.light_curve.LightCurve
        By name (of the detector), relative flux.
    truths : dict of str to (times, flux), optional
    axes : sequence of matplotlib.axes.Axes, optional
        One per curve.
    mid_transit : float, optional
        BJD_TDB, d.
    scatter, expected : dict of str to float, optional
        ppm, measured and expected from photon noise: written into the titles.

    Returns
    -------
    array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no curve or not one axes for each.
    """
    if not curves:
        raise ValueError("no light curve is given")
    if axes is None:
        _, axes = plt.subplots(1, len(curves), figsize=(WIDTH, 3.4), sharey=True, layout="constrained")
    axes = np.atleast_1d(axes)
    if axes.size != len(curves):
        raise ValueError(f"{len(curves)} axes are needed, {axes.size} were given")
    for ax, (name, curve) in zip(axes, curves.items(), strict=True):
        title = name
        if scatter and name in scatter:
            title += f": scatter {scatter[name]:.0f} ppm"
            if expected and name in expected:
                title += f" (photons {expected[name]:.0f})"
        plot_light_curve(curve, (truths or {}).get(name), ax, mid_transit, label="measured", title=title)
        if ax is not axes[0]:
            ax.set_ylabel("")
    return axes


def plot_pulls(pulls, ax=None, label=None, limit=5.0, title=None):
    """Draw a histogram of (fitted - true) / error with the Gaussian that it should be.

    Parameters
    ----------
    pulls : array, any shape
        Without unit; NaN is left out.
    ax : matplotlib.axes.Axes, optional
        Several histograms may be drawn on one.
    label : str
    limit : float
        The axis runs from minus to plus this; what lies beyond is counted in the legend.
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If nothing is finite.
    """
    pulls = np.asarray(pulls, dtype=float)
    pulls = pulls[np.isfinite(pulls)]
    if pulls.size == 0:
        raise ValueError("no pull is finite: there is nothing to draw")
    fresh = ax is None or not ax.lines
    ax = new_axes(ax, height=3.4)
    look = next_look(ax)
    edges = np.linspace(-limit, limit, 81)
    density = np.histogram(pulls, edges)[0] / (pulls.size * np.diff(edges))
    beyond = 100 * np.mean(np.abs(pulls) > limit)
    spread = mad_std(pulls)
    name = f"{label + ': ' if label else ''}robust $\\sigma$ = {spread:.2f}, {beyond:.2g} % beyond ±{limit:g}"
    ax.stairs(density, edges, color=look["color"], linestyle=look["linestyle"], linewidth=1.5, label=name)
    if fresh:
        x = np.linspace(-limit, limit, 201)
        gauss = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        ax.plot(x, gauss, ":", color=COLOURS["black"], linewidth=1.5, label="Gaussian, $\\sigma$ = 1")
    ax.set(xlabel="(fitted − true) / error", ylabel="density", xlim=(-limit, limit), yscale="log")
    ax.set(ylim=(1e-5, 100), yticks=10.0 ** np.arange(-5, 1))  # room for the legend above the curves
    ax.minorticks_off()
    ax.set_title(title or "")
    ax.legend(loc="upper left")
    return ax
