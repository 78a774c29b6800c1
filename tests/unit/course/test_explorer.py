"""The ramp explorer: what it draws and says is the pixel that was chosen, by code or by its controls."""

import io
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from stdatamodels.jwst.datamodels import RampModel

from tso_helpers.course.explorer import ramp_explorer

pytestmark = pytest.mark.slow

INTEGRATIONS, GROUPS, ROWS, COLUMNS = 3, 5, 4, 6
SATURATED = 2


def _ramp(offset=0.0, columns=COLUMNS):
    """Every pixel has a slope of its own; (2, 3) saturates in integration 1 from group 2 on."""
    slope = 10.0 * (1 + np.arange(ROWS * columns).reshape(ROWS, columns))
    model = RampModel((INTEGRATIONS, GROUPS, ROWS, columns))
    model.data = (offset + np.arange(GROUPS)[:, None, None] * slope + np.zeros((INTEGRATIONS, 1, 1, 1))).astype("f4")
    model.groupdq[1, 2:, 2, 3] = SATURATED
    model.meta.exposure.group_time = model.meta.exposure.frame_time = 2.0
    model.meta.exposure.nframes = 1
    return model


def _place(detector, integration, row, column, segment=1):
    return SimpleNamespace(detector=detector, segment=segment, integration=integration, row=row, column=column)


def _truth(detector, segment, integration):
    """7 DN per group in every pixel."""
    return 7.0 * np.arange(GROUPS)[:, None, None] * np.ones((ROWS, COLUMNS))


@pytest.fixture
def explorer():
    made = ramp_explorer(
        {"NRS1": _ramp(100), "NRS2": _ramp(500, columns=4)},
        limits={"NRS1": np.full((ROWS, COLUMNS), 300.0)},
        truth=_truth,
        examples={"here": _place("NRS1", 1, 2, 3), "other segment": _place("NRS1", 0, 0, 0, segment=2)},
        start=_place("NRS1", 1, 2, 3),
    )
    yield made
    plt.close("all")


def _line(ax, label):
    return next(line for line in ax.lines if line.get_label().startswith(label))


def test_draws_ramp_flags_limit_and_truth_of_the_chosen_pixel(explorer):
    ax = explorer.plot()
    samples = 100 + np.arange(GROUPS) * 160.0
    assert np.allclose(_line(ax, "samples").get_ydata(), samples)
    assert np.allclose(_line(ax, "samples").get_xdata(), 2.0 * np.arange(1, GROUPS + 1))
    assert np.allclose(_line(ax, "limit").get_ydata(), 300)
    assert np.allclose(_line(ax, "truth").get_ydata(), 100 + 7.0 * np.arange(GROUPS)), "set on the first sample"
    assert [label.get_text() for label in ax.flags.get_yticklabels()] == ["SATURATED"]
    assert ax.get_xlabel()
    assert "DN" in ax.get_ylabel()
    low, high = ax.get_ylim()
    assert low < 100
    assert high > 740


def test_says_what_it_draws(explorer):
    assert explorer.describe() == (
        "NRS1, integration 1, row 2, column 3: from 100 to 740 DN; limit 300 DN, reached; SATURATED in groups 2 to 4."
    )
    explorer.choose(integration=0, row=0, column=0)
    assert explorer.describe().endswith("limit 300 DN, not reached; no flags.")


def test_what_is_not_chosen_stays(explorer):
    explorer.choose(column=5)
    assert (explorer.detector, explorer.integration, explorer.row, explorer.column) == ("NRS1", 1, 2, 5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"detector": "NRS3"}, "NRS1, NRS2"),
        ({"integration": 3}, "0 to 2"),
        ({"row": -1}, "0 to 3"),
        ({"detector": "NRS2", "column": 5}, "NRS2 has columns 0 to 3"),
    ],
)
def test_what_is_not_there_cannot_be_chosen(explorer, wrong, message):
    with pytest.raises(ValueError, match=message):
        explorer.choose(**wrong)
    assert explorer.detector == "NRS1", "a refused choice changes nothing"
    assert explorer.column == 3


def test_opens_at_the_brightest_pixel_without_a_start():
    made = ramp_explorer({"NRS1": _ramp()})
    assert (made.integration, made.row, made.column) == (0, ROWS - 1, COLUMNS - 1)
    assert "limit" not in made.describe()


def test_limits_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        ramp_explorer({"NRS1": _ramp()}, limits={"NRS1": np.zeros((64, 6))})
    with pytest.raises(ValueError, match="no ramp"):
        ramp_explorer({})


def test_controls_bear_their_names(explorer):
    assert list(explorer.controls) == ["Detector", "Integration", "Row", "Column", "Example"]
    assert all(control.description == name for name, control in explorer.controls.items())
    assert explorer.controls["Example"].options == ("choose ...", "here"), "only examples of this segment"
    assert explorer.controls["Column"].max == COLUMNS - 1


def test_a_moved_control_changes_picture_and_words(explorer):
    controls = explorer.controls
    picture, text = explorer._widgets["picture"], explorer._widgets["text"]
    before = picture.value
    controls["Column"].value = 0
    assert explorer.column == 0
    assert picture.value != before
    assert text.value == explorer.describe()
    assert "column 0" in text.value


def test_an_example_moves_all_controls(explorer):
    controls = explorer.controls
    controls["Row"].value = 0
    controls["Integration"].value = 0
    controls["Example"].value = "here"
    assert (controls["Integration"].value, controls["Row"].value, controls["Column"].value) == (1, 2, 3)
    controls["Row"].value = 1
    assert controls["Example"].value == "choose ...", "it no longer shows the example"


def test_a_smaller_detector_keeps_the_place_inside(explorer):
    explorer.choose(column=5)
    explorer.controls["Detector"].value = "NRS2"
    assert (explorer.detector, explorer.column) == ("NRS2", 3)
    assert explorer.controls["Column"].max == 3
    assert explorer.controls["Column"].value == 3


def test_one_output_holds_controls_picture_and_words(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == explorer.describe()
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    picture = np.asarray(Image.open(io.BytesIO(bundle["image/png"])).convert("L"))
    assert picture.std() > 5, "the picture is not empty"


def test_a_pixel_without_limit_has_none_drawn():
    limits = np.full((ROWS, COLUMNS), np.nan)
    made = ramp_explorer({"NRS1": _ramp()}, limits={"NRS1": limits})
    assert not [line for line in made.plot().lines if line.get_label().startswith("limit")]
