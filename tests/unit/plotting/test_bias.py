"""Bias: what is drawn is what was given, and it lies within the limits."""

import numpy as np
import pytest

from tso_helpers import plotting


def _reference(rows=32, columns=2048):
    mask = np.zeros((rows, columns), dtype=bool)
    mask[:, :4] = mask[:, -4:] = True
    return mask


def test_reference_pixels_are_drawn_at_both_ends():
    left, right = plotting.plot_reference_pixels(_reference())
    assert left.get_title(loc="left") or left.get_title()
    for ax, first in ((left, 0), (right, 2036)):
        image = ax.images[0]
        assert np.array_equal(image.get_array(), _reference()[:, first : first + 12])
        assert tuple(image.get_extent()) == (first - 0.5, first + 11.5, -0.5, 31.5)
        assert ax.get_xlabel() == "column"
        assert "128 pixels" in ax.get_title(loc="left") + ax.get_title()
    assert left.get_ylabel() == "row"
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == [
        "reference pixel: sees no light",
        "active pixel",
    ]


@pytest.mark.parametrize("wrong", [np.zeros((4, 10), bool), np.zeros((2, 4, 40), bool)])
def test_reference_pixels_need_a_frame(wrong):
    with pytest.raises(ValueError, match="at least 24 columns"):
        plotting.plot_reference_pixels(wrong)
    with pytest.raises(TypeError, match="True or False"):
        plotting.plot_reference_pixels(_reference().astype(np.uint32))


def test_levels_show_the_first_integrations_in_order():
    even = np.arange(12.0).reshape(3, 4)
    ax = plotting.plot_levels({"even rows": even, "odd rows": -even}, integrations=2, ylim=(-20, 20))
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 4
    assert np.array_equal(lines[1].get_xdata(), [4, 5, 6, 7])
    assert np.array_equal(lines[1].get_ydata(), even[1])
    assert lines[0].get_linestyle() != lines[2].get_linestyle()
    assert ax.get_ylim() == (-20, 20)
    assert "DN" in ax.get_ylabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["even rows", "odd rows"]
    with pytest.raises(ValueError, match="integration, group"):
        plotting.plot_levels({"a": even, "b": even[:2]})
    with pytest.raises(ValueError, match="integration, group"):
        plotting.plot_levels({})


def test_profiles_share_an_axis():
    ax = plotting.compare_profiles({"last": np.arange(5.0), "before": np.ones(5)}, limits=(-1, 6))
    assert np.array_equal(ax.lines[0].get_ydata(), np.arange(5.0))
    assert ax.get_ylim() == (-1, 6)
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("row", "signal (DN)")
    with pytest.raises(ValueError, match="same length"):
        plotting.compare_profiles({"a": np.ones(3), "b": np.ones(4)})


def test_agreement_draws_the_line_of_equality():
    expected, found = np.array([0.0, 1.0, 2.0, np.nan]), np.array([0.1, 0.9, 2.5, 1.0])
    ax = plotting.plot_agreement(expected, found)
    assert ax.lines[0].get_xdata().size == 3
    assert np.isfinite(ax.lines[0].get_ydata()).all()
    assert np.array_equal(ax.lines[1].get_xdata(), ax.lines[1].get_ydata())
    with pytest.raises(ValueError, match="one shape"):
        plotting.plot_agreement(expected, found[:2])
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.plot_agreement(np.array([np.nan]), np.array([1.0]))


def test_binned_rows_are_drawn_where_their_columns_lie():
    frame = np.arange(24.0).reshape(4, 6)
    ax = plotting.row_profiles(frame, positions=1.5 + 4 * np.arange(6), limits=(0, 30))
    assert np.array_equal(ax.lines[0].get_xdata(), [1.5, 5.5, 9.5, 13.5, 17.5, 21.5])
    assert ax.get_xlim() == (1.0, 22.0)
    assert ax.get_ylim() == (0, 30)
