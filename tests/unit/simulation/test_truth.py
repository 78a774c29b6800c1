"""The true dark ramp: straight without bias settling, nothing where no effect takes part or in reference pixels."""

from pathlib import Path

import numpy as np

from tso_helpers.simulation import detector
from tso_helpers.simulation.recipe import Recipe
from tso_helpers.simulation.truth import Truth

SHAPE = {"integrations": (2,), "groups": 5, "columns": (0, 64), "detectors": ("NRS1",), "plant": ()}


def _truth(*without):
    return Truth(Recipe(**SHAPE, without=frozenset(without)), Path())


def test_dark_current_alone_is_a_rate():
    truth = _truth("settling")
    ramp, pixels = truth.dark_ramp("NRS1"), truth.maps("NRS1")
    times = np.array(truth.recipe.times)
    assert ramp.shape == (5, 32, 64)
    assert np.allclose(ramp / times[:, None, None], pixels.dark / truth.gain("NRS1"), rtol=1e-5)


def test_settling_slows_down_and_spares_reference_pixels():
    truth = _truth("dark")
    ramp, pixels = truth.dark_ramp("NRS1"), truth.maps("NRS1")
    assert np.allclose(ramp, detector.settling(truth.recipe.times, pixels.settle))
    steps = np.diff(np.median(ramp[:, :, 4:], axis=(1, 2)))
    assert np.all(np.diff(steps) < 0)
    assert np.all(steps > 0)
    assert not ramp[:, pixels.reference_pixel].any()


def test_no_effect_no_dark():
    assert not _truth("dark", "settling").dark_ramp("NRS1").any()
