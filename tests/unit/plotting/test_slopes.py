"""Slopes: finite data, artists, labels and limits."""

import numpy as np
import pytest

from tso_helpers import plotting

TIMES = np.arange(1.0, 7.0)


def test_slope_starts_where_the_fit_starts():
    line = np.array([np.nan, 4.0, 6.0, 8.0, 10.0, 12.0])
    upper, lower = plotting.plot_slope(TIMES, 2 * TIMES + 0.5, line, slope_error=0.1, true_slope=2.2)
    start = next(artist for artist in upper.lines if artist.get_label() == "start")
    assert (start.get_xdata()[0], start.get_ydata()[0]) == (2.0, 4.0)
    left = next(artist for artist in lower.lines if artist.get_label() == "samples minus line")
    assert np.allclose(left.get_ydata()[1:], 0.5)
    true = next(artist for artist in lower.lines if artist.get_label() == "true slope")
    assert np.allclose(true.get_ydata(), 0.2 * np.arange(5))
    assert lower.collections, "the wedge of the error"
    assert (lower.get_xlabel(), lower.get_ylabel()) == ("time since reset (s)", "difference (DN)")
    with pytest.raises(ValueError, match="one time"):
        plotting.plot_slope(TIMES, TIMES, line[:3], 0.1)
    with pytest.raises(ValueError, match="one time"):
        plotting.plot_slope(TIMES, TIMES, np.full(6, np.nan), 0.1)


def test_slope_estimates_have_a_panel_for_each_kind():
    values = np.random.default_rng(3).normal(5, 1, 400)
    axes = plotting.plot_slope_estimates(
        {"bright": {"line": values, "ends": values / 2 + 2.5}, "faint": {"line": values}}, {"bright": 5, "faint": 5}
    )
    assert [ax.get_title() or ax.get_title(loc="left") for ax in axes] == ["bright", "faint"]
    assert all("e⁻/s" in ax.get_xlabel() for ax in axes)
    assert axes[0].get_xlim()[0] < 5 < axes[0].get_xlim()[1]
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["line", "ends"]
    with pytest.raises(ValueError, match="axes are needed"):
        plotting.plot_slope_estimates({"bright": {"line": values}}, {"bright": 5}, axes=axes)


def test_aperture_trade():
    widths = np.array([1, 2, 32])
    upper, lower = plotting.plot_aperture_trade(
        widths, {"NRS1": [100, 97, 120]}, {"NRS1": [100, 96, 94]}, {"NRS1": [-2e4, -1e4, 300]}, frame=32
    )
    assert np.allclose(lower.lines[0].get_ydata(), [2e4, 1e4, 300])
    assert len(upper.lines) == 2
    assert upper.get_ylim()[0] == 0
    assert lower.get_yscale() == "log"
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["1", "2", "frame"]
    assert "ppm" in upper.get_ylabel()
    with pytest.raises(ValueError, match="NRS1"):
        plotting.plot_aperture_trade(widths, {"NRS1": [1, 2]}, {"NRS1": [1, 2]}, {"NRS1": [1, 2]})
