"""Flags on the detector and the bits of DQ values: what is drawn is what is set."""

import numpy as np
import pytest
from drawing import draw, words

from tso_helpers import dq, plotting


def _filled(ax):
    """Numbers of the filled boxes, row by row."""
    rows = {}
    for box in ax.patches:
        if not np.allclose(box.get_facecolor(), 1):
            rows.setdefault(int(box.get_y()), set()).add(31 - int(box.get_x()))
    return rows


def test_each_set_bit_is_filled_and_named():
    ax = plotting.plot_bits([np.uint32(2**31), np.uint32(2049)], labels=["corner", "hot"])
    assert _filled(ax) == {0: {31}, 1: {0, 11}}
    assert len(ax.patches) == 64
    texts = {text.get_text() for text in ax.texts}
    assert texts == {"0", "1", "REFERENCE_PIXEL", "HOT", "DO_NOT_USE"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["corner", "hot"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first value stands on top"
    assert ax.get_xlabel()


def test_one_value_is_enough_and_labels_itself():
    ax = plotting.plot_bits(dq.value("SATURATED", "DO_NOT_USE"))
    assert _filled(ax) == {0: {0, 1}}
    assert ax.get_yticklabels()[0].get_text() == "3"


def test_names_stand_over_their_bits():
    ax = plotting.plot_bits([2**11])
    name = next(text for text in ax.texts if text.get_text() == "HOT")
    box = next(box for box in ax.patches if not np.allclose(box.get_facecolor(), 1))
    assert box.get_x() < name.get_position()[0] < box.get_x() + 1


def test_a_good_pixel_has_no_name():
    assert _filled(plotting.plot_bits([0])) == {}


@pytest.mark.parametrize(("values", "labels"), [([], None), ([1, 2], ["one"]), ([-1], None), ([2**32], None)])
def test_what_cannot_be_drawn(values, labels):
    with pytest.raises(ValueError):
        plotting.plot_bits(values, labels)


def test_plot_dq_map_marks_each_flag_where_it_is():
    flags = np.zeros((32, 200), dtype=np.uint32)
    flags[:, :4] = dq.value("REFERENCE_PIXEL")
    flags[10, 50] = dq.value("HOT", "DO_NOT_USE")
    ax = draw(plotting.plot_dq_map(flags, first_column=100))
    assert words(ax) == ["REFERENCE_PIXEL (128)", "DO_NOT_USE (1)", "HOT (1)"]
    assert len({line.get_marker() for line in ax.lines}) == 3
    assert (ax.lines[2].get_xdata().item(), ax.lines[2].get_ydata().item()) == (150, 10)
    chosen = draw(plotting.plot_dq_map(flags, names=["HOT"]))
    assert words(chosen) == ["HOT (1)"]


def test_plot_dq_map_says_what_it_leaves_out_or_that_there_is_nothing():
    many = np.array([[1 << bit for bit in range(9)]])
    assert "3 more" in draw(plotting.plot_dq_map(many)).get_legend().get_title().get_text()
    empty = plotting.plot_dq_map(np.zeros((4, 4), dtype=np.uint8))
    assert empty.texts[0].get_text() == "no pixel is flagged"


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.plot_dq_map(np.zeros((2, 4, 4), dtype=int)),
        lambda: plotting.plot_dq_map(np.zeros((4, 4), dtype=int), names=["WET"]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
