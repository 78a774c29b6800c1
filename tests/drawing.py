"""What the tests of figures share: rendering one, and reading its legend."""

import numpy as np


def draw(ax):
    """Render the figure (warnings are errors) and check what every axes must have."""
    axes = np.atleast_1d(ax).ravel()
    axes[0].figure.canvas.draw()
    assert axes[0].figure.get_size_inches()[0] <= 10
    for one in axes:
        assert one.has_data()
        assert one.get_xlabel() or one is not axes[-1]
        assert one.get_ylabel() or one is not axes[0]
        assert np.isfinite([*one.get_xlim(), *one.get_ylim()]).all()
        for line in one.lines:
            assert np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any()
    return ax


def words(ax):
    legend = ax.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []
