"""The one style: what it sets, and that no two series look alike."""

import matplotlib as mpl

from tso_helpers import plotting
from tso_helpers.plotting import style


def test_style_is_seaborns_ticks_with_colours_that_differ_for_everybody():
    assert mpl.rcParams["xtick.bottom"]
    assert mpl.rcParams["axes.facecolor"] == "white"
    assert mpl.rcParams["image.origin"] == "lower"
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plotting.COLOURS.values())
    assert len(set(plotting.COLOURS.values())) == len(style.MARKERS) == len(style.LINES) == 7


def test_series_differ_by_marker_and_line_not_by_colour_alone():
    ax = style.new_axes()
    looks = [style.next_look(ax) for _ in range(7)]
    for key in ("color", "marker", "linestyle"):
        assert len({str(look[key]) for look in looks}) == 7
