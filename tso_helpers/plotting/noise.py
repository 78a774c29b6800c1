"""1/f noise: its power spectrum, the mask's four stages, and what the correction leaves."""

from __future__ import annotations

import numpy as np

from .. import one_over_f
from ..instrument import NIRSPEC_G395H
from .frames import show_frame, show_mask
from .style import COLOURS, new_axes, new_column, next_look

__all__ = ["compare_scatter", "plot_against_half_width", "plot_drift", "plot_mask_stages", "plot_power_spectrum"]

LINE_FREQUENCY = 1 / NIRSPEC_G395H.line_time  # Hz


def plot_power_spectrum(frequency, power, slope=None, ax=None, label=None, title=None, per_decade=12):
    """Draw the power along the read-out clock, averaged in logarithmic bins, and the fitted slope.

    Bins in which the power is not above twice its standard error are drawn as upper limits, open triangles.

    Parameters
    ----------
    frequency, power : arrays, shape (n,)
        Hz, DN^2/Hz; from `one_over_f.power_spectrum`.
    slope : one_over_f.SpectralSlope, optional
        A fit, drawn over the range that was fitted.
    ax : matplotlib.axes.Axes, optional
        Several spectra may be drawn on one, before and after; each has a colour and a marker of its own.
    label, title : str
    per_decade : int
        Bins for each factor of ten.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no bin has significant power.
    """
    f, p, sigma, _ = one_over_f.log_bins(frequency, power, per_decade)
    sigma = np.nan_to_num(sigma)
    good = p > 2 * sigma
    if not good.any():
        raise ValueError("this spectrum has no bin of significant power: there is nothing to draw")
    fresh = ax is None or not ax.lines
    ax = new_axes(ax, height=3.8)
    look = next_look(ax)
    style = {"color": look["color"], "markersize": 4, "linewidth": 1}
    ax.errorbar(f[good], p[good], sigma[good], fmt=look["marker"], label=label, **style)
    limit = np.where(good, 0, np.maximum(p, 0) + 2 * sigma)
    if (limit > 0).any():
        name = f"{label or 'power'}: at most (2$\\sigma$)"
        ax.plot(f[limit > 0], limit[limit > 0], "v", fillstyle="none", label=name, **style)
    if slope is not None:
        x = np.geomspace(*slope.limits, 200)
        text = rf"$\beta$ = {slope.beta:.2f} ± {slope.sigma:.2f} ({slope.limits[0]:.0f}–{slope.limits[1]:,.0f} Hz)"
        ax.plot(x, slope(x), look["linestyle"], color="black", linewidth=1.5, label=text, zorder=4)
    if fresh:
        ax.axvline(LINE_FREQUENCY, color="0.6", linestyle=":", linewidth=1, zorder=0)
        ax.annotate(
            "one column",
            (LINE_FREQUENCY, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color="0.35",
        )
    ax.set(xscale="log", yscale="log", xlabel="frequency along the read-out (Hz)", ylabel="power (DN$^2$/Hz)")
    ax.set_title(title or "")
    if label or slope is not None:
        ax.legend()
    return ax


def plot_mask_stages(image, smoothed, centroids, rows, mask, axes=None, title=None):
    """Show how the mask comes about: median image, filtered image, centroids with the trace, mask.

    Parameters
    ----------
    image, smoothed : arrays, shape (row, column)
        DN; from `trace.last_minus_first` and `trace.smooth`.
    centroids : (array, array), shape (n,) each
        Measured columns, and the row of the light in each (`trace.centroids`).
    rows : array, shape (column,)
        Trace in every column of the frame, NaN where there is none (`trace.trace_rows`).
    mask : array of bool, shape (row, column)
        True for background (`trace.background_mask`).
    axes : sequence of four matplotlib.axes.Axes, optional
    title : str
        Put before the title of the first panel.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (4,)
    """
    axes = new_column(axes, 4, height=7.0)
    both = np.concatenate((image[np.isfinite(image)], smoothed[np.isfinite(smoothed)]))
    limits = np.percentile(both, (2, 98))
    before = f"{title}: " if title else ""
    show_frame(image, axes[0], limits, title=f"{before}1. median of last minus first group")
    show_frame(smoothed, axes[1], limits, title="2. median filter")
    axes[2].plot(*centroids, ".", color=COLOURS["sky"], markersize=3, label="centroids", rasterized=True)
    axes[2].plot(np.arange(len(rows)), rows, "--", color=COLOURS["vermilion"], linewidth=1.8, label="trace")
    axes[2].set(xlabel="column", ylabel="row", ylim=(-0.5, image.shape[0] - 0.5))
    axes[2].set_title("3. centroids and the polynomial through them")
    axes[2].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, ncols=2, markerscale=3)
    show_mask(mask, axes[3], title="4. mask")
    for ax in axes[:3]:
        ax.set_xlabel("")
    return axes


def plot_against_half_width(half_widths, noise, ax=None, label=None, before=None, title=None, unit="DN"):
    """Draw the noise that the correction leaves, against the half-width of the mask.

    Parameters
    ----------
    half_widths : array, shape (n,)
        Rows.
    noise : array, shape (n,)
        Standard deviation of what remains, in `unit`.
    ax : matplotlib.axes.Axes, optional
        Several curves may be drawn on one.
    label : str
    before : float, optional
        Noise without any correction, drawn as a line.
    title, unit : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one noise per half-width.
    """
    half_widths, noise = np.asarray(half_widths), np.asarray(noise)
    if half_widths.shape != noise.shape or noise.ndim != 1:
        raise ValueError(f"one noise per half-width is needed, not {noise.shape} for {half_widths.shape}")
    ax = new_axes(ax, height=3.6)
    look = next_look(ax)
    ax.plot(half_widths, noise, marker=look["marker"], linestyle=look["linestyle"], color=look["color"], label=label)
    if before is not None:
        name = f"{label}: no correction" if label else "no correction"
        ax.axhline(before, color=look["color"], linestyle=":", linewidth=1, label=name)
    ax.set(xlabel="half-width of the mask (rows)", ylabel=f"noise that is left ({unit})")
    ax.set_title(title or "")
    if label or before is not None:
        ax.legend()
    return ax


def plot_drift(times, frame, mask, ax=None, title=None):
    """Draw what the amplifier did while it read one frame: background pixels in the order of the clock.

    Parameters
    ----------
    times : array, shape (row, column)
        Seconds after the first pixel (`one_over_f.pixel_times`).
    frame : array, shape (row, column)
        DN; a difference of groups. NaN is left out.
    mask : array of bool, shape (row, column)
        True for background.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax, height=3.2)
    chosen = mask & np.isfinite(frame)
    middle = one_over_f.column_background(frame, chosen)
    order = np.argsort(times[0])
    ax.plot(
        times[chosen],
        frame[chosen],
        ".",
        color=COLOURS["sky"],
        markersize=1.5,
        alpha=0.4,
        rasterized=True,
        label="background pixels",
    )
    ax.plot(
        times.mean(axis=0)[order],
        middle[order],
        "-",
        color=COLOURS["vermilion"],
        linewidth=0.8,
        label="median of each column",
    )
    limit = 1.2 * np.percentile(np.abs(frame[chosen]), 99.5)
    ax.set(xlabel="time since the first pixel of the frame (s)", ylabel="difference (DN)", ylim=(-limit, limit))
    ax.set_title(title or "")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, ncols=2, markerscale=6)
    return ax


def compare_scatter(scatter, expected=None, ax=None, title=None):
    """Draw the scatter of light curves, one line for each way in which they were calibrated.

    Parameters
    ----------
    scatter : dict of str to (dict of str to float)
        For each way its scatter (ppm) in each aperture.
    expected : float, optional
        ppm, what photon noise alone would give: drawn as a line.
    ax : matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If nothing is given, or the apertures differ from way to way.
    """
    if not scatter or len({tuple(values) for values in scatter.values()}) != 1:
        raise ValueError("one scatter for every aperture is needed, the same apertures for every way")
    ax = new_axes(ax, height=0.9 + 0.34 * len(scatter))
    heights = np.arange(len(scatter))[::-1]
    for aperture in next(iter(scatter.values())):
        look = next_look(ax)
        values = [one[aperture] for one in scatter.values()]
        ax.plot(values, heights, look["marker"], color=look["color"], markersize=7, label=aperture)
    if expected is not None:
        ax.axvline(expected, color="black", linestyle="--", linewidth=1, label="photon noise")
    ax.set_yticks(heights, list(scatter))
    ax.set(xscale="log", xlabel="scatter of the white-light curve (ppm)", ylim=(-0.6, len(scatter) - 0.4))
    ticks = [t for t in (50, 100, 200, 500, 1000, 2000, 5000, 10000) if ax.get_xlim()[0] < t < ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y", color="0.9")
    ax.set_title(title or "")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, ncols=3)
    return ax
