"""Frames: what is shown is what was given, with one stretch, and nothing is drawn from nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawing import draw, words

from tso_helpers import plotting, trace

FRAME = np.random.default_rng(12).normal(100, 20, (32, 200))


def test_show_frame():
    image = FRAME.copy()
    image[3, 3] = np.nan
    ax = draw(plotting.show_frame(image, limits=(-50, 200), label="rate (DN/s)", title="NRS1", first_column=900))
    shown = ax.images[0]
    assert shown.get_clim() == (-50, 200)
    assert shown.get_extent() == [899.5, 1099.5, -0.5, 31.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    assert ax.get_title(loc="left") == "NRS1"
    assert "rate (DN/s)" in [other.get_ylabel() for other in ax.figure.axes]
    assert np.array_equal(shown.get_array().filled(np.nan), image, equal_nan=True)


def test_show_frame_stretches_over_most_of_the_pixels():
    low, high = plotting.show_frame(FRAME).images[0].get_clim()
    assert (low, high) == tuple(np.percentile(FRAME, (1, 99)))
    low, high = draw(plotting.show_frame(np.full((4, 4), 7.0))).images[0].get_clim()
    assert low < 7 < high


def test_compare_frames_has_one_stretch():
    axes = draw(plotting.compare_frames(FRAME, FRAME - 100, label="DN"))
    assert [ax.get_title(loc="left") for ax in axes] == ["before", "after"]
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    assert len(axes[0].figure.axes) == 3  # one colour bar for both
    three = draw(plotting.compare_frames(FRAME, FRAME, FRAME, titles="abc", limits=(-100, 100)))
    assert [ax.images[0].get_clim() for ax in three] == [(-100, 100)] * 3
    given = plt.subplots(2)[1]
    assert list(plotting.compare_frames(FRAME, FRAME, axes=given)) == list(given)


def test_show_mask():
    mask = trace.background_mask((32, 200), np.full(200, 16.0), 12)
    ax = draw(plotting.show_mask(mask, names=("sky", "star")))
    assert np.array_equal(ax.images[0].get_array(), mask)
    assert words(ax) == ["sky (22 %)", "star (78 %)"]
    with pytest.raises(TypeError, match="True or False"):
        plotting.show_mask(FRAME)


def test_row_profiles_tell_odd_from_even():
    frame = FRAME + 70 * (np.arange(32) % 2)[:, None]
    frame[:, 5] = np.nan
    ax = draw(plotting.row_profiles(frame, limits=(-50, 250), columns=slice(0, 100)))
    medians = {line.get_label(): np.nanmedian(line.get_ydata()) for line in ax.lines if "median" in line.get_label()}
    assert abs(medians["median of the odd rows"] - medians["median of the even rows"] - 70) < 10
    assert ax.get_ylim() == (-50, 250)
    assert ax.get_xlim() == (-0.5, 99.5)
    assert len(ax.lines) == 32 + 4
    low, high = draw(plotting.row_profiles(FRAME)).get_ylim()
    assert low < 60
    assert high > 140


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.show_frame(np.full((4, 4), np.nan)),
        lambda: plotting.show_frame(np.zeros(4)),
        lambda: plotting.compare_frames(FRAME),
        lambda: plotting.compare_frames(FRAME, FRAME[1:]),
        lambda: plotting.compare_frames(FRAME, FRAME, titles=["one"]),
        lambda: plotting.compare_frames(FRAME, FRAME, axes=plt.subplots()[1]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
