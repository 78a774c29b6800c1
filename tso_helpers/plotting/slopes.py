"""A fitted slope over its ramp, estimators of a slope, and light curves against the size of the aperture."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import COLOURS, WIDTH, need, new_column

__all__ = ["plot_aperture_trade", "plot_slope", "plot_slope_estimates"]


def plot_slope(times, samples, line, slope_error, true_slope=None, axes=None, title=None):
    """Draw a ramp with its fitted line, and below it what is left, with the slope's uncertainty as a wedge.

    Parameters
    ----------
    times, samples : arrays, shape (group,)
        s and DN.
    line : array, shape (group,)
        From `ramps.slope_line`, DN; NaN before the fit starts.
    slope_error : float
        DN/s.
    true_slope : float, optional
        DN/s; drawn from the same start.
    axes : two matplotlib.axes.Axes, optional
    title : str

    Returns
    -------
    array of two matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one time and one value of the line per sample, or no line.
    """
    times, samples, line = (np.asarray(values, dtype=float) for values in (times, samples, line))
    if not times.shape == samples.shape == line.shape or times.ndim != 1 or not np.isfinite(line).any():
        raise ValueError(f"one time and one value of the line per sample: {times.shape}, {samples.shape}, {line.shape}")
    upper, lower = new_column(axes, 2, 5.2, sharey=False)
    start = int(np.argmax(np.isfinite(line)))
    since = times - times[start]
    upper.plot(times, samples, "o", color=COLOURS["blue"], label="samples")
    upper.plot(times, line, "-", color=COLOURS["vermilion"], label="fitted slope")
    upper.plot(times[start], line[start], "D", color="black", markerfacecolor="none", markersize=10, label="start")
    lower.plot(times, samples - line, "o", color=COLOURS["blue"], label="samples minus line")
    lower.axhline(0, color=COLOURS["vermilion"])
    lower.fill_between(
        times[start:],
        -slope_error * since[start:],
        slope_error * since[start:],
        color=COLOURS["vermilion"],
        alpha=0.2,
        linewidth=0,
        label="± error of the slope",
    )
    if true_slope is not None:
        slope = (line[-1] - line[start]) / since[-1] if since[-1] else np.nan
        lower.plot(times[start:], (true_slope - slope) * since[start:], "k:", label="true slope")
    upper.set(ylabel="signal (DN)")
    upper.set_title(title or "")
    lower.set(xlabel="time since reset (s)", ylabel="difference (DN)")
    upper.legend(loc="upper left")
    lower.legend(loc="best", ncols=2)
    return np.array([upper, lower])


def plot_slope_estimates(slopes, true, axes=None):
    """Draw histograms of the slopes that several ways of fitting give, one panel for each kind of ramp.

    Parameters
    ----------
    slopes : dict of str to dict of str to array
        For each kind of ramp, the slopes (e-/s) of many ramps by each way of fitting.
    true : dict of str to float
        True slope of each kind, e-/s.
    axes : sequence of matplotlib.axes.Axes, optional

    Returns
    -------
    array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one panel for each kind.
    """
    if axes is None:
        axes = plt.subplots(1, len(slopes), figsize=(WIDTH, 3.4), layout="constrained", squeeze=False)[1][0]
    axes = np.atleast_1d(axes)
    if axes.size != len(slopes):
        raise ValueError(f"{len(slopes)} axes are needed, {axes.size} were given")
    for ax, (kind, ways) in zip(axes, slopes.items(), strict=True):
        widest = max(np.std(need(values, 1, "slopes")) for values in ways.values())
        edges = true[kind] + np.linspace(-4, 4, 41) * widest
        looks = zip(("-", "--", ":"), list(COLOURS.values()), strict=False)
        for (way, values), (style, colour) in zip(ways.items(), looks, strict=False):
            ax.hist(values, edges, histtype="step", linestyle=style, color=colour, linewidth=1.6, label=way)
        ax.axvline(true[kind], color="black", linewidth=0.8)
        ax.set(xlabel="fitted slope (e⁻/s)", ylabel="ramps", ylim=(0, 1.45 * ax.get_ylim()[1]))
        ax.set_title(kind)
        ax.legend(loc="upper left")
    return axes


def plot_aperture_trade(half_widths, scatter, photons, step, axes=None, frame=None):
    """Draw scatter, and step across a mirror tilt, of the light curve against the aperture's half-width.

    Parameters
    ----------
    half_widths : array, shape (n,)
        Rows on either side of the trace; the last may stand for the whole frame.
    scatter, photons, step : dict of str to array, shape (n,)
        For each detector, ppm: measured scatter, photon noise of the light inside, and level after the transit over
        that before, minus one.
    axes : two matplotlib.axes.Axes, optional
    frame : float, optional
        The half-width that stands for the whole frame: its tick says so.

    Returns
    -------
    array of two matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one value per half-width.
    """
    half_widths = np.asarray(half_widths, dtype=float)
    for name in scatter:
        if not half_widths.shape == np.shape(scatter[name]) == np.shape(photons[name]) == np.shape(step[name]):
            raise ValueError(f"one value per half-width is needed for {name}")
    upper, lower = new_column(axes, 2, 5.6, sharey=False)
    for name, colour, marker in zip(scatter, COLOURS.values(), ("o", "s"), strict=False):
        upper.plot(half_widths, scatter[name], marker + "-", color=colour, label=f"{name}: noise of the light curve")
        upper.plot(half_widths, photons[name], ":", color=colour, label=f"{name}: photons alone")
        lower.plot(half_widths, np.abs(step[name]), marker + "-", color=colour, label=name)
    upper.set(ylabel="noise (ppm)", ylim=(0, None), xscale="log")
    lower.set(xlabel="half-width of the aperture (rows)", ylabel="|step at the tilt| (ppm)", yscale="log")
    ticks = [int(width) if width == int(width) else width for width in half_widths]
    names = ["frame" if frame is not None and width == frame else str(width) for width in ticks]
    lower.set_xticks(ticks, names)
    lower.minorticks_off()
    upper.legend(loc="lower left", ncols=2)
    lower.legend(loc="upper right")
    return np.array([upper, lower])
