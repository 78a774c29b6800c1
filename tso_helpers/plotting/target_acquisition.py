"""Target acquisition: where the star was, and where it should be."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import COLOURS, need

__all__ = ["show_target_acquisition"]


def show_target_acquisition(images, titles, stars=None, axes=None, mark="measured", label="counts (DN)"):
    """Show target-acquisition images side by side, each with a cross-hair on the centre of its frame.

    Parameters
    ----------
    images : sequence of array (row, column)
        Frames to show, in `label`'s unit.
    titles : sequence of str
        One per frame.
    stars : sequence of (row, column), optional
        Measured places of the star, zero-based pixels; drawn as open circles.
    axes : sequence of matplotlib.axes.Axes, optional
        One per frame; a new figure otherwise.
    mark : str
        What `stars` are; written beside each circle.
    label : str
        What the colours are, with the unit.

    Returns
    -------
    array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The frames are not two-dimensional, or there is not a title for each.
    """
    images = [need(image, 2, "a frame") for image in images]
    if len(images) != len(titles):
        raise ValueError(f"{len(images)} frames need as many titles, not {len(titles)}")
    if axes is None:
        size = (4.4 * len(images), 4.0)
        axes = plt.subplots(1, len(images), figsize=size, layout="constrained", sharey=True, squeeze=False)[1][0]
    axes = np.atleast_1d(axes)
    low, high = np.nanmin(images), np.nanmax(images)
    for number, (panel, image, title) in enumerate(zip(axes, images, titles, strict=True)):
        shown = panel.imshow(image, origin="lower", cmap="viridis", vmin=low, vmax=high, aspect="equal")
        rows, columns = image.shape
        panel.axhline((rows - 1) / 2, color="white", lw=1, ls="--")
        panel.axvline((columns - 1) / 2, color="white", lw=1, ls="--")
        if stars is not None:
            row, column = stars[number]
            panel.plot(column, row, "o", markersize=16, mfc="none", mec=COLOURS["vermilion"], mew=2)
            panel.annotate(mark, (column, row), (10, 12), textcoords="offset points", color="white")
        panel.set(title=title, xlabel="column")
    axes[0].set_ylabel("row")
    axes[0].figure.colorbar(shown, ax=list(axes), label=label, shrink=0.85)
    return axes
