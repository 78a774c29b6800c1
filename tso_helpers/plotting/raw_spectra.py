"""The signal of every column, as the raw frames hold it."""

from __future__ import annotations

import numpy as np

from .style import need, new_axes, next_look

__all__ = ["plot_raw_spectra"]


def plot_raw_spectra(spectra, ax=None, xlabel="wavelength (µm)", ylabel="signal of the column (DN)", title=None):
    """Draw the signal of every column against wavelength (or column number), one curve per detector.

    Parameters
    ----------
    spectra : dict of str to (array, array)
        For each detector, where its columns lie along the axis, and their signal; shape (column,) each.
    ax : matplotlib.axes.Axes, optional
    xlabel, ylabel : str
        With units.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no spectrum, or one has not one place per column.
    """
    if not spectra:
        raise ValueError("there is no spectrum to draw")
    ax = new_axes(ax, height=3.4)
    for name, (place, signal) in spectra.items():
        place, signal = np.asarray(place), need(signal, 1, "a spectrum")
        if place.shape != signal.shape:
            raise ValueError(f"{name}: {place.size} places for {signal.size} columns")
        look = next_look(ax) | {"linestyle": "-", "linewidth": 0.8, "markersize": 6}
        ax.plot(place, signal, markevery=max(place.size // 15, 1), label=name, **look)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title or "")
    ax.legend()
    return ax
