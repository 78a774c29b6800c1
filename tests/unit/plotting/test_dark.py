"""Dark signal: finite data, artists, labels and limits."""

import numpy as np
import pytest

from tso_helpers import plotting

TIMES = 2459791.6 + np.linspace(-0.2, 0.2, 9)


def test_dark_ramps_with_a_line_to_compare():
    times = np.arange(1.0, 6.0)
    ax = plotting.plot_dark_ramps(times, {"left": times, "right": times / 2}, lines={"constant rate": 0.1 * times})
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 5]
    assert [line.get_label() for line in drawn] == ["left", "right", "constant rate"]
    assert drawn[0].get_marker() != drawn[1].get_marker()
    assert all(np.isfinite(line.get_ydata()).all() for line in drawn)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time since reset (s)", "dark signal (DN)")
    with pytest.raises(ValueError, match="left"):
        plotting.plot_dark_ramps(times, {"left": times[:2]})


def test_dilution_is_drawn_in_ppm():
    flux = np.where(np.abs(TIMES - TIMES[4]) < 0.1, 0.98, 1.0)
    difference = 1e-3 * (1 - flux)
    upper, lower = plotting.plot_dilution(
        TIMES,
        {"with": flux, "without": flux + difference},
        {"frame": difference},
        predicted={"frame": difference},
        mid_transit=TIMES[4],
    )
    assert [line.get_label() for line in upper.lines] == ["with", "without"]
    measured, predicted = (line for line in lower.lines if len(line.get_xdata()) == 9)
    assert np.allclose(measured.get_ydata(), 1e6 * difference)
    assert np.allclose(predicted.get_ydata(), 1e6 * difference)
    assert measured.get_xdata()[4] == 0
    assert "ppm" in lower.get_ylabel()
    assert "mid-transit" in lower.get_xlabel()
    with pytest.raises(ValueError, match="with"):
        plotting.plot_dilution(TIMES, {"with": flux[:3]}, {"frame": difference})
    with pytest.raises(ValueError, match="two axes"):
        plotting.plot_dilution(TIMES, {"with": flux}, {}, axes=[upper])


def test_depth_change_leaves_out_what_has_no_logarithm():
    columns = np.arange(4)
    ax = plotting.plot_depth_change(columns, {"frame": np.array([1e-6, -1e-6, np.nan, 1e-4])}, floor=0.1)
    assert np.allclose(ax.lines[0].get_ydata(), [1, 100])
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[0] == 0.1
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.plot_depth_change(columns, {"frame": np.zeros(4)})
    with pytest.raises(ValueError, match="one change per column"):
        plotting.plot_depth_change(columns, {"frame": np.zeros(3)})
