"""Frames (row, column): one, several with the same stretch, a mask, profiles along columns and rows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from .style import COLOURS, need, new_axes, new_column

__all__ = ["compare_frames", "row_profiles", "show_frame", "show_mask"]


def show_frame(image, ax=None, limits=None, label="signal (DN)", title=None, cmap="viridis", first_column=0):
    """Show one frame with its colour bar.

    Parameters
    ----------
    image : array, shape (row, column)
        NaN is grey.
    ax : matplotlib.axes.Axes, optional
        A new figure without it.
    limits : (float, float), optional
        Stretch, from the darkest colour to the brightest; the 1st and 99th percentile without it.
    label : str
        Quantity and unit, for the colour bar.
    title, cmap : str
    first_column : int
        Number of the first column, if the frame was cut.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the image is not two-dimensional or has nothing finite.
    """
    image = need(image, 2, "a frame")
    ax = new_axes(ax, height=2.2)
    shown = _image(ax, image, *_stretch([image], limits), cmap, first_column)
    ax.figure.colorbar(shown, ax=ax, label=label, pad=0.01)
    ax.set(xlabel="column", ylabel="row")
    ax.set_title(title or "")
    return ax


def compare_frames(*images, titles=None, axes=None, limits=None, label="signal (DN)", cmap="viridis", first_column=0):
    """Show frames one above another with the same stretch: before and after, or several integrations.

    Parameters
    ----------
    *images : arrays, shape (row, column)
        Two or more.
    titles : sequence of str, optional
        One per frame; "before" and "after" for two without it.
    axes : sequence of matplotlib.axes.Axes, optional
        One per frame.
    limits : (float, float), optional
        Stretch of all; the 1st and 99th percentile of all pixels without it.
    label, cmap : str
    first_column : int
        As for `show_frame`.

    Returns
    -------
    array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are fewer than two frames, they differ in shape, or titles or axes in number.
    """
    if len(images) < 2 or len({np.shape(image) for image in images}) > 1:
        raise ValueError(f"two or more frames of one shape are compared, not {[np.shape(image) for image in images]}")
    images = [need(image, 2, "a frame") for image in images]
    titles = titles or (("before", "after") if len(images) == 2 else [f"frame {i}" for i in range(len(images))])
    if len(titles) != len(images):
        raise ValueError(f"{len(images)} frames need as many titles, not {len(titles)}")
    axes = new_column(axes, len(images), height=0.5 + 1.55 * len(images))
    limits = _stretch(images, limits)
    for ax, image, title in zip(axes, images, titles, strict=True):
        shown = _image(ax, image, *limits, cmap, first_column)
        ax.set_title(title)
        ax.set_ylabel("row")
    axes[-1].set_xlabel("column")
    axes[0].figure.colorbar(shown, ax=list(axes), label=label, pad=0.01)
    return axes


def show_mask(mask, ax=None, names=("background", "masked"), title=None, first_column=0):
    """Show where a mask is True and where it is False.

    Parameters
    ----------
    mask : array of bool, shape (row, column)
    ax : matplotlib.axes.Axes, optional
    names : (str, str)
        What True and False mean, for the legend.
    title : str
    first_column : int
        Number of the first column, if the frame was cut.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If the mask is not of bool.
    """
    mask = need(mask, 2, "a mask")
    if mask.dtype != bool:
        raise TypeError(f"a mask is True or False, not {mask.dtype.name}")
    ax = new_axes(ax, height=2.2)
    cmap = plt.matplotlib.colors.ListedColormap(["#4D4D4D", "#CFE6F5"])
    _image(ax, mask.astype(float), 0.0, 1.0, cmap, first_column)
    share = 100 * mask.mean()
    patches = [
        Patch(facecolor=cmap(1), edgecolor="black", label=f"{names[0]} ({share:.0f} %)"),
        Patch(facecolor=cmap(0), edgecolor="black", label=f"{names[1]} ({100 - share:.0f} %)"),
    ]
    ax.legend(handles=patches, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, ncols=2)
    ax.set(xlabel="column", ylabel="row")
    ax.set_title(title or "")
    return ax


def row_profiles(frame, ax=None, label="signal (DN)", title=None, columns=slice(None), limits=None, positions=None):
    """Draw all rows over one another, even and odd ones told apart, with the median of each kind.

    Parameters
    ----------
    frame : array, shape (row, column)
    ax : matplotlib.axes.Axes, optional
    label : str
        Quantity and unit.
    title : str
    columns : slice
        Columns to draw.
    limits : (float, float), optional
        Lower and upper end of the vertical axis; those of 98 % of the values without it.
    positions : array, shape (column,), optional
        Where the columns of a binned frame lie on the detector; 0, 1, 2, ... without it.

    Returns
    -------
    matplotlib.axes.Axes
    """
    frame = need(frame, 2, "a frame")
    x = (np.arange(frame.shape[1]) if positions is None else np.asarray(positions))[columns]
    chosen = need(frame[:, columns], 2, "the chosen part of the frame")
    ax = new_axes(ax, height=3.4)
    for parity, name, style, colour in ((0, "even", "-", COLOURS["blue"]), (1, "odd", "--", COLOURS["vermilion"])):
        rows = chosen[parity::2]
        ax.plot(x, rows.T, color=colour, alpha=0.15, linewidth=0.5, rasterized=True)
        middle = np.ma.median(np.ma.masked_invalid(rows), axis=0).filled(np.nan)
        ax.plot(x, middle, style, color="white", linewidth=3.0)
        ax.plot(x, middle, style, color=colour, linewidth=1.3, label=f"median of the {name} rows")
    low, high = np.nanpercentile(chosen, (1, 99)) if limits is None else limits
    margin = 0.1 * (high - low) or 1.0
    ax.set(xlabel="column", ylabel=label, ylim=limits or (low - margin, high + margin), xlim=(x[0] - 0.5, x[-1] + 0.5))
    ax.set_title(title or "")
    ax.legend(loc="upper right")
    return ax


def _stretch(images, limits):
    if limits is None:
        limits = np.percentile(np.concatenate([image[np.isfinite(image)].ravel() for image in images]), (1, 99))
    low, high = limits
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _image(ax, image, vmin, vmax, cmap, first_column):
    cmap = plt.get_cmap(cmap).with_extremes(bad="0.75")
    rows, columns = image.shape
    extent = (first_column - 0.5, first_column + columns - 0.5, -0.5, rows - 0.5)
    return ax.imshow(
        image, vmin=vmin, vmax=vmax, cmap=cmap, extent=extent, origin="lower", aspect="auto", interpolation="nearest"
    )
