"""The figures of lesson 07 that compare ways of removing 1/f noise."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from tso_helpers import one_over_f, plotting


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        mpl.use("agg")
        plotting.use_style()
        yield
        plt.close("all")


def test_the_drift_is_drawn_along_the_clock():
    times = one_over_f.pixel_times((8, 50), "NRS2")
    frame = np.random.default_rng(3).normal(0, 5, (8, 50))
    frame[0, 0] = np.nan
    mask = np.zeros((8, 50), dtype=bool)
    mask[:6] = True
    ax = plotting.plot_drift(times, frame, mask, title="one difference")
    ax.figure.canvas.draw()
    pixels, medians = ax.lines
    assert len(pixels.get_xdata()) == 6 * 50 - 1
    assert np.all(np.isfinite(pixels.get_ydata()))
    assert np.all(np.diff(medians.get_xdata()) > 0)
    assert ax.get_xlabel().endswith("(s)")
    assert ax.get_ylabel().endswith("(DN)")
    assert ax.get_ylim()[1] > np.nanpercentile(np.abs(frame[mask]), 99)


def test_scatter_is_compared_way_by_way():
    scatter = {"none": {"narrow": 500.0, "all": 1500.0}, "column median": {"narrow": 130.0, "all": 160.0}}
    ax = plotting.compare_scatter(scatter, expected=95.0)
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_yticklabels()] == list(scatter)
    narrow, everything, photons = ax.lines
    assert list(narrow.get_xdata()) == [500.0, 130.0]
    assert list(everything.get_xdata()) == [1500.0, 160.0]
    assert narrow.get_marker() != everything.get_marker()
    assert narrow.get_ydata()[0] > narrow.get_ydata()[1], "the first way stands at the top"
    assert photons.get_xdata()[0] == 95.0
    assert ax.get_xlim()[0] < 95.0
    assert ax.get_xlim()[1] > 1500.0
    assert ax.get_xlabel().endswith("(ppm)")


@pytest.mark.parametrize("scatter", [{}, {"none": {"all": 1.0}, "other": {"narrow": 1.0}}])
def test_what_cannot_be_compared_is_refused(scatter):
    with pytest.raises(ValueError, match="aperture"):
        plotting.compare_scatter(scatter)
