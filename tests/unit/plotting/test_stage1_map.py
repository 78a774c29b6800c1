"""The map of Stage 1: the pipeline's own order, and the marks where they are asked for."""

import inspect
import re

import matplotlib.pyplot as plt
import pytest

from tso_helpers.plotting.stage1_map import STATIONS, stage1_map


def _texts(ax):
    return [text.get_text() for text in ax.texts]


def test_order_is_that_of_the_pipeline():
    from jwst.pipeline import Detector1Pipeline

    source = inspect.getsource(Detector1Pipeline.process)
    near_infrared = source[source.index("Near-IR") :]
    order = list(dict.fromkeys(re.findall(r"self\.(\w+)\.run\(", near_infrared)))
    theirs = [name for name in order if name in {station.name for station in STATIONS}]
    ours = [station.name for station in STATIONS if station.kind != "ours"]
    assert theirs == ours


@pytest.mark.parametrize("name", [station.name for station in STATIONS])
def test_marks_one_step(name):
    ax = stage1_map(here=name)
    (mark,) = [text for text in ax.texts if text.get_text() == "you are here"]
    (label,) = [text for text in ax.texts if text.get_text() == name]
    assert 0 < mark.get_position()[0] - label.get_position()[0] < 2, "the mark stands over the step's own box"
    assert mark.get_position()[1] > label.get_position()[1]


def test_every_step_is_on_the_map_once_and_nothing_lies_outside():
    ax = stage1_map()
    assert all(_texts(ax).count(station.name) == 1 for station in STATIONS)
    assert "you are here" not in _texts(ax)
    ax.figure.canvas.draw()
    page = ax.figure.bbox
    for text in ax.texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0, text.get_text()
        assert box.x1 <= page.x1, text.get_text()


def test_no_text_leaves_its_box():
    ax = stage1_map()
    ax.figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in ax.patches]
    for station in STATIONS:
        (label,) = [text for text in ax.texts if text.get_text() == station.name]
        extent = label.get_window_extent()
        assert any(box.x0 <= extent.x0 and extent.x1 <= box.x1 for box in boxes), station.name


def test_both_ends_and_several_steps_can_be_marked():
    assert any("you are here" in text for text in _texts(stage1_map(here="uncal")))
    assert _texts(stage1_map(here=["superbias", "refpix"])).count("you are here") == 2


def test_draws_into_given_axes():
    _, ax = plt.subplots()
    assert stage1_map(ax=ax) is ax


def test_unknown_step_lists_the_steps():
    with pytest.raises(ValueError, match=r"satuation.*saturation"):
        stage1_map(here="satuation")
