"""Jump detection: what is drawn is what was given, and it lies within the limits."""

import numpy as np
import pytest

from tso_helpers import plotting


def _labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_significance_keeps_to_the_scale():
    values = np.array([np.nan, 0.5, 240.0, -1.0])
    ax = plotting.plot_significance({"hit": values, "quiet": np.array([np.nan, 1.0, 0, -2])}, threshold=4)
    assert np.array_equal(ax.lines[0].get_ydata(), values, equal_nan=True)
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert ax.get_yscale() == "symlog"
    low, high = ax.get_ylim()
    assert low <= -8
    assert high >= 240
    assert "σ" in ax.get_ylabel()
    assert _labels(ax) == ["hit", "quiet", "within ±4: not flagged"]
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.plot_significance({}, threshold=4)
    with pytest.raises(ValueError, match="no finite value"):
        plotting.plot_significance({"a": np.full(3, np.nan)}, threshold=4)


def test_stamps_share_stretch_and_mark_the_pixel():
    images = {"before": np.zeros((5, 7)), "after": np.eye(5, 7)}
    axes = plotting.show_stamps(images, (12, 1000), corner=(10, 997), label="charge (DN)")
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == list(images)
    assert {ax.images[0].get_clim() for ax in axes} == {(0.0, 1.0)}
    assert tuple(axes[1].images[0].get_extent()) == (996.5, 1003.5, 9.5, 14.5)
    assert axes[1].lines[0].get_xydata().tolist() == [[1000, 12]]
    assert (axes[0].get_ylabel(), axes[1].get_xlabel()) == ("row", "column")
    with pytest.raises(ValueError, match="one shape"):
        plotting.show_stamps({"a": np.zeros((2, 2)), "b": np.zeros((2, 3))}, (0, 0))
    with pytest.raises(ValueError, match="one shape"):
        plotting.show_stamps({}, (0, 0))


def test_threshold_scan_leaves_out_what_a_logarithm_cannot_show():
    ax = plotting.plot_threshold_scan((4, 10, 30), {"true": [500, 480, 300], "false": [800, 100, 0]})
    assert ax.lines[0].get_ydata().tolist() == [500, 480, 300]
    assert ax.lines[1].get_xdata().tolist() == [4, 10]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["4", "10", "30"]
    assert _labels(ax) == ["true", "false"]
    with pytest.raises(ValueError, match="one value per threshold"):
        plotting.plot_threshold_scan((4, 10), {"true": [1]})
    with pytest.raises(ValueError, match="no count is positive"):
        plotting.plot_threshold_scan((4, 10), {"true": [0, 0]})


def test_outliers_beyond_the_scale_are_in_the_last_bin():
    values = np.concatenate([np.linspace(-3, 3, 99), [np.nan, 1e6, 300.0]])
    ax = plotting.plot_outliers({"all": values}, limit=20)
    counts = ax.patches[0].get_data().values
    assert counts.sum() == 101
    assert counts[-1] == 2
    assert ax.get_xlim() == (-20, 20)
    assert ax.get_yscale() == "log"
    assert _labels(ax)[0] == "all"
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.plot_outliers({})
    with pytest.raises(ValueError, match="no finite value"):
        plotting.plot_outliers({"a": np.full(3, np.nan)})
