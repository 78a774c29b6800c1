"""Figures of lesson 01: finite data, artists, labels, limits, and errors that explain."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tso_helpers import plotting


@pytest.fixture(autouse=True)
def _close():
    plotting.use_style()
    yield
    plt.close("all")


def images():
    rng = np.random.default_rng(1)
    both = rng.normal(5000, 100, (2, 32, 32))
    both[0, 18, 13] = both[1, 16, 15] = 9000
    return list(both)


def test_target_acquisition_has_one_stretch_and_a_cross_hair():
    axes = plotting.show_target_acquisition(images(), ["before", "after"], stars=[(18, 13), (16, 15)], mark="star")
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == ["before", "after"]
    shown = [ax.images[0] for ax in axes]
    assert shown[0].get_clim() == shown[1].get_clim() == (np.min(images()), 9000)
    for ax, (row, column) in zip(axes, [(18, 13), (16, 15)], strict=True):
        horizontal, vertical, circle = ax.lines
        assert set(horizontal.get_ydata()) == set(vertical.get_xdata()) == {15.5}
        assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (column, row)
        assert ax.texts[0].get_text() == "star"
        assert ax.get_xlabel() == "column"
        assert ax.get_ylim() == (-0.5, 31.5)
    assert axes[0].get_ylabel() == "row"
    assert axes[0].figure.axes[-1].get_ylabel() == "counts (DN)"


def test_target_acquisition_takes_axes():
    _, given = plt.subplots(1, 2)
    axes = plotting.show_target_acquisition(images(), ["a", "b"], axes=given)
    assert list(axes) == list(given)
    assert not axes[0].texts


@pytest.mark.parametrize(
    ("frames", "titles", "message"),
    [
        (images(), ["one"], "as many titles"),
        ([np.zeros(3)], ["x"], "2 axes"),
        ([np.full((2, 2), np.nan)], ["x"], "finite"),
    ],
)
def test_target_acquisition_refuses(frames, titles, message):
    with pytest.raises(ValueError, match=message):
        plotting.show_target_acquisition(frames, titles)


def test_raw_spectra_are_told_apart_by_more_than_colour():
    place = np.linspace(2.8, 3.7, 100)
    ax = plotting.plot_raw_spectra({"NRS1": (place, place * 10), "NRS2": (place + 1, place)}, title="light")
    first, second = ax.lines
    assert np.array_equal(first.get_ydata(), place * 10)
    assert first.get_marker() != second.get_marker()
    assert first.get_color() != second.get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["NRS1", "NRS2"]
    assert "µm" in ax.get_xlabel()
    assert "DN" in ax.get_ylabel()


@pytest.mark.parametrize("spectra", [{}, {"NRS1": ([1, 2], [1])}, {"NRS1": ([1.0], [np.nan])}])
def test_raw_spectra_refuse(spectra):
    with pytest.raises(ValueError):
        plotting.plot_raw_spectra(spectra)
