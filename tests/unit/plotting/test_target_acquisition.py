"""Target-acquisition images: one stretch, a cross-hair, and errors that explain."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tso_helpers import plotting


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
