"""Ramps: samples, limit, truth and flags are drawn where they are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawing import draw, words

from tso_helpers import plotting

RNG = np.random.default_rng(12)
TIMES = 4.51 * np.arange(1, 15)
SAMPLES = 200.0 * TIMES


def test_plot_ramp_with_everything():
    flags = [[]] * 10 + [["SATURATED"]] * 2 + [["JUMP_DET", "SATURATED"]] * 2
    ax = plotting.plot_ramp(TIMES, SAMPLES, limit=11000, truth=SAMPLES - 50, title="pixel")
    twin = plotting.mark_flags(TIMES, flags, ax)
    draw(ax)
    assert twin is ax.flags
    assert words(ax) == ["samples", "truth", "limit (11,000 DN)"]
    assert np.array_equal(ax.lines[0].get_ydata(), SAMPLES)
    assert np.array_equal(ax.lines[1].get_ydata(), SAMPLES - 50)
    assert set(ax.lines[2].get_ydata()) == {11000}
    assert ax.get_xlabel() == "time since reset (s)"
    assert ax.get_ylabel() == "signal (DN)"
    assert [text.get_text() for text in ax.flags.get_yticklabels()] == ["JUMP_DET", "SATURATED"]
    assert [line.get_xdata().tolist() for line in ax.flags.lines] == [TIMES[12:].tolist(), TIMES[10:].tolist()]
    low, high = ax.get_ylim()
    assert low < SAMPLES.min()
    assert high > 11000
    assert min(ax.get_yticks()) > -1500  # no negative ticks beside the flags


def test_ramps_on_one_axes_all_stay_in_view():
    ax = plotting.plot_ramp(TIMES, SAMPLES, label="integration 66")
    plotting.plot_ramp(TIMES, 3 * SAMPLES, ax=ax, label="integration 67")
    for flags in ([["JUMP_DET"]] + [[]] * 13, [[]] * 13 + [["SATURATED"]]):
        plotting.mark_flags(TIMES, flags, ax)
    draw(ax)
    assert ax.get_ylim()[1] > 3 * SAMPLES.max()
    assert [text.get_text() for text in ax.flags.get_yticklabels()] == ["JUMP_DET", "SATURATED"]
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert len(ax.figure.axes) == 2


def test_ramp_without_flags_says_so():
    ax = draw(plotting.plot_ramp(TIMES, SAMPLES))
    assert not hasattr(ax, "flags")
    twin = plotting.mark_flags(TIMES, [[]] * 14, ax)
    assert [text.get_text() for text in twin.texts] == ["no flags"]


def test_plot_linearity_ratio():
    fluence = RNG.uniform(100, 30000, 20000)
    ratio = 1 - 2.6e-6 * fluence + RNG.normal(0, 0.02, fluence.size)
    ratio[:10] = np.nan
    ax = draw(plotting.plot_linearity_ratio(fluence.reshape(2, 100, 100), ratio.reshape(2, 100, 100)))
    assert ax.get_ylim() == (0.85, 1.15)
    assert set(words(ax)) == {"straight ramp", "median"}
    medians = ax.containers[0].lines[0]
    assert np.allclose(medians.get_ydata(), 1 - 2.6e-6 * medians.get_xdata(), atol=0.004)
    assert ax.collections[0].get_array().sum() > 19000


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.plot_ramp(TIMES, SAMPLES[1:]),
        lambda: plotting.plot_ramp(TIMES, np.full(14, np.nan)),
        lambda: plotting.mark_flags(TIMES, [[]] * 14, plt.subplots()[1]),
        lambda: plotting.mark_flags(TIMES, [[]], plotting.plot_ramp(TIMES, SAMPLES)),
        lambda: plotting.plot_linearity_ratio([1.0, 2.0], [1.0]),
        lambda: plotting.plot_linearity_ratio([1.0, np.nan], [np.nan, 1.0]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
