"""1/f noise: its spectrum, the mask's stages, the drift, and what a correction leaves."""

import numpy as np
import pytest
from drawing import draw, words

from tso_helpers import one_over_f, plotting, trace

RNG = np.random.default_rng(12)
FRAME = RNG.normal(100, 20, (32, 200))


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


def test_plot_power_spectrum_before_and_after():
    f = np.arange(2.0, 50000, 2.0)
    slope = one_over_f.spectral_slope(f, 5 / f + 1e-3)
    ax = plotting.plot_power_spectrum(f, 5 / f + 1e-3, slope=slope, label="before")
    after = np.where(f < 500, RNG.normal(0, 1e-4, f.size), 1e-3)
    draw(plotting.plot_power_spectrum(f, after, ax=ax, label="after", title="NRS1"))
    names = words(ax)
    assert {"before", "after"} < set(names)
    assert any(name.startswith(r"$\beta$ = 1.0") for name in names)
    assert "after: at most (2$\\sigma$)" in names
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "Hz" in ax.get_xlabel()
    assert "DN$^2$/Hz" in ax.get_ylabel()
    assert len(ax.texts) == 1  # the line frequency is named once


def test_plot_mask_stages():
    image = FRAME + 3000 * np.exp(-0.5 * (np.arange(32)[:, None] - 16) ** 2)
    columns = np.arange(20, 190)
    rows = trace.trace_rows(lambda x: 16 + 0 * x, 200, 10, 190)
    mask = trace.background_mask(image.shape, rows)
    smooth = trace.smooth(image)
    found = trace.centroids(smooth, columns)
    axes = draw(plotting.plot_mask_stages(image, smooth, (columns, found), rows, mask, title="NRS2"))
    assert axes.shape == (4,)
    assert [ax.get_title(loc="left")[0] for ax in axes[1:]] == ["2", "3", "4"]
    assert axes[0].get_title(loc="left").startswith("NRS2: 1")
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    assert words(axes[2]) == ["centroids", "trace"]
    assert np.array_equal(axes[3].images[0].get_array(), mask)


def test_plot_against_half_width():
    ax = plotting.plot_against_half_width([4, 8, 12], [2.0, 2.5, 4.0], label="NRS1", before=5.0)
    draw(plotting.plot_against_half_width([4, 8, 12], [2.2, 2.6, 4.1], ax=ax, label="NRS2"))
    assert words(ax) == ["NRS1", "NRS1: no correction", "NRS2"]
    assert "rows" in ax.get_xlabel()
    assert "DN" in ax.get_ylabel()


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.plot_power_spectrum(np.arange(1.0, 50), -np.ones(49)),
        lambda: plotting.plot_against_half_width([1, 2], [1.0]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
