"""The steps one after another give what the pipeline gives, and leave alone what they were given."""

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from tso_helpers import detector1, instrument, trace


def ramp(detector="NRS1", columns=2048, xstart=1, integrations=2, groups=3):
    """A ramp with a spectrum where the detector has one: brighter by 1000 DN per group on a trace of sigma 1 pixel."""
    rng = np.random.default_rng(2)
    x = np.arange(columns) + xstart - 1
    middle = {"NRS1": 28.8 - 0.0169 * x + 4.04e-6 * x**2, "NRS2": 7.35 + 3.4e-4 * x + 4.16e-6 * x**2}[detector]
    light = 1000 * np.exp(-0.5 * (np.arange(32)[:, None] - middle) ** 2)
    if detector == "NRS1":
        light[:, x < 580] = 0
    data = light * np.arange(groups)[:, None, None] + rng.normal(0, 3, (integrations, groups, 32, columns))
    model = datamodels.RampModel(data=data.astype(np.float32))
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", detector
    mode = instrument.NIRSPEC_G395H
    model.meta.instrument.filter, model.meta.instrument.grating = mode.filter, mode.grating
    model.meta.exposure.type, model.meta.target.proposer_name = mode.exposure_type, mode.trace_target
    model.meta.subarray.name, model.meta.subarray.xstart = mode.subarray, xstart
    return model, middle


def test_the_steps_are_all_there_in_the_pipelines_order():
    from jwst.pipeline import Detector1Pipeline

    order = list(Detector1Pipeline.step_defs)
    ours = [step for step in detector1.STEPS if step != "one_over_f"]
    assert sorted(ours, key=order.index) == ours
    for step in ours:
        assert detector1.step_class(step) is Detector1Pipeline.step_defs[step]


@pytest.mark.parametrize("call", [detector1.apply, detector1.run])
def test_an_unknown_step_names_the_valid_ones(call):
    with pytest.raises(ValueError, match=r"no step 'super_bias': choose from dq_init, saturation, superbias"):
        call(None, "super_bias")
    with pytest.raises(ValueError, match="choose from"):
        detector1.step_class("one_over_f")


def test_nonsense_orders_and_parameters():
    model, _ = ramp(columns=32)
    with pytest.raises(ValueError, match="jump comes after saturation"):
        detector1.run(model, "saturation", since="jump")
    with pytest.raises(ValueError, match="parameters for 'jumps'"):
        detector1.run(model, "one_over_f", since="dark_current", parameters={"jumps": {}})
    with pytest.raises(ValueError, match="jump has no parameter rejection_treshold"):
        detector1.apply(model, "jump", rejection_treshold=5)


@pytest.mark.parametrize(("detector", "half_width"), [("NRS1", 12), ("NRS1", 5), ("NRS2", 8)])
def test_the_background_lies_beside_the_trace(detector, half_width):
    model, middle = ramp(detector)
    mask = trace.background(model, half_width)
    first = {"NRS1": 300, "NRS2": 4}[detector]
    rows = np.arange(32)[:, None]
    far = np.abs(rows - middle) > half_width + 1
    near = np.abs(rows - middle) < half_width - 1
    inside = slice(first, 2044)
    assert mask[:, :first].all()
    assert mask[:, 2044:].all()
    assert mask[:, inside][far[:, inside]].all()
    assert not mask[:, inside][near[:, inside]].any()


def test_a_window_of_columns_is_masked_as_in_the_whole_frame():
    whole, _ = ramp("NRS2")
    window, _ = ramp("NRS2", columns=256, xstart=1001)
    ours, theirs = trace.background(window), trace.background(whole)[:, 1000:1256]
    assert (ours != theirs).mean() < 0.01  # not the same noise


def test_without_a_trace_everything_is_background():
    model, _ = ramp("NRS1", columns=128)  # the light begins at column 580
    assert trace.background(model).all()


def test_one_over_f_removes_stripes_and_leaves_the_input_alone():
    model, _ = ramp("NRS2")
    stripes = 25 * np.random.default_rng(3).standard_normal((*model.data.shape[:2], 1, 2048))
    model.data += stripes.astype(np.float32)
    before = model.data.copy()
    result = detector1.apply(model, "one_over_f")
    np.testing.assert_array_equal(model.data, before)
    left = np.median(result.data[0, 2] - result.data[0, 1], axis=0)
    assert left.std() < 0.2 * np.median(before[0, 2] - before[0, 1], axis=0).std()
    in_place = detector1.apply(model, "one_over_f", copy=False)
    assert in_place is model
    np.testing.assert_array_equal(in_place.data, result.data)
