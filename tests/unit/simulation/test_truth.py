"""What the truth says of light, noise and dark.

The true dark ramp: straight without bias settling, nothing where no effect takes part or in reference pixels."""

from pathlib import Path

import numpy as np
import pytest

from tso_helpers.simulation import detector, integration
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


def test_rates_with_and_without_transit():
    truth = Truth(Recipe(integrations=(9,), detectors=("NRS2",), plant=()), Path())
    lit = slice(100, 2000)
    _, flux = truth.light_curve("NRS2", lit)
    _, star = truth.light_curve("NRS2", lit, without=("transit",))
    assert flux / star == pytest.approx(truth.transit("NRS2", lit)[1], abs=2e-5)
    images = [truth.electron_rate("NRS2", 1, 5, without) for without in ((), ("transit", "sky", "dark"))]
    assert images[1][:, lit].sum() == pytest.approx(star[5])
    assert truth.rate("NRS2", 1, 5, ("transit",)).sum() > truth.rate("NRS2", 1, 5).sum()


def test_slit_pointing_and_wavelengths():
    truth = Truth(Recipe(integrations=(3, 2), columns=(900, 1000), plant=()), Path())
    assert truth.pointing("NRS1").shape == (5, 2)
    slit = truth.slit("NRS1")
    assert slit.sum(axis=0) == pytest.approx(16)
    assert np.array_equal(slit > 0, truth.recipe.scene("NRS1").sky() > 0)
    along = truth.wavelength("NRS1")
    moved = truth.wavelength_map("NRS1", 2, 1)
    rows, columns = np.mgrid[:32, 900:1000]
    assert np.array_equal(truth.wavelength_map("NRS1"), detector.MODE.wavelength("NRS1", rows, columns))
    shift = truth.pointing("NRS1")[4, 1] * np.gradient(along)
    assert (truth.wavelength_map("NRS1") - moved)[16] == pytest.approx(shift, rel=0.01)


def test_noise_of_an_integration_is_as_strong_as_the_truth_says():
    recipe = Recipe(integrations=(40,), groups=2, detectors=("NRS1",), plant=())
    level = Truth(recipe, Path()).one_over_f_level("NRS1")
    assert level.shape == (40,)
    assert np.ptp(level) > 0.2
    steady = Recipe(integrations=(40,), groups=2, detectors=("NRS1",), plant=(), without={"one_over_f_level"})
    for index in (3, 20):
        ratio = integration.one_over_f(recipe, "NRS1", index) / integration.one_over_f(steady, "NRS1", index)
        assert np.median(ratio) == pytest.approx(level[index], rel=1e-5)


def test_truth_of_coupling_is_what_linearity_leaves():
    off = frozenset({"charge_migration", "settling"})
    truth = Truth(Recipe(integrations=(1,), groups=3, columns=(900, 1000), without=off, plant=()), Path())
    pixels, recipe = truth.maps("NRS1"), truth.recipe
    electrons = truth.electron_rate("NRS1", 1, 0) * np.array(recipe.times)[:, None, None]
    shown = integration.shown(recipe, "NRS1", integration.collect(recipe, "NRS1", electrons.astype(np.float32)))
    straight = detector.linearise(shown.astype(float), pixels.c2, pixels.c3)
    true = truth.noiseless_ramp("NRS1", 1, 0)
    lit = (true[-1] > 2000) & (pixels.mask == 0) & (true[-1] < 45_000)
    assert lit.sum() > 100
    assert straight[-1][lit] == pytest.approx(true[-1][lit], rel=3e-3)
