"""The simulated detectors against the numbers that describe the real ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tso_helpers.simulation import detector


@pytest.fixture(params=["NRS1", "NRS2"])
def both(request):
    return detector.get(request.param), detector.maps(request.param, 39)


def test_unknown_detector_lists_the_valid_ones():
    with pytest.raises(ValueError, match="NRS1, NRS2"):
        detector.get("NRCA1")


@pytest.mark.parametrize(
    ("name", "column", "micron"), [("NRS1", 1024, 3.0300795), ("NRS1", 2000, 3.6895), ("NRS2", 1024, 4.5040055)]
)
def test_wavelengths(name, column, micron):
    assert detector.MODE.detector(name).wavelength(column) == pytest.approx(micron, abs=2e-4)


def test_wavelength_ranges_are_the_published_ones():
    red = detector.MODE.detector("NRS2").wavelength(np.arange(2048))
    assert red[[0, -1]] == pytest.approx([3.82, 5.17], abs=0.01)
    assert detector.MODE.detector("NRS1").wavelength(2047) == pytest.approx(3.72, abs=0.01)
    assert (np.diff(red) > 0).all()


def test_traces_are_the_published_ones():
    first, second = (detector.MODE.detector(name).trace(np.arange(2048)) for name in ("NRS1", "NRS2"))
    assert first[[1000, 2000]] == pytest.approx([16.0, 11.2], abs=0.05)
    assert second[[0, 2047]] == pytest.approx([7.35, 25.5], abs=0.06)


def test_clock_directions():
    first, second = detector.MODE.detector("NRS1"), detector.MODE.detector("NRS2")
    assert (first.fast_axis, first.slow_axis, first.reverse) == (2, 1, False)
    assert (second.fast_axis, second.slow_axis, second.reverse) == (-2, -1, True)


def test_reference_pixels_are_256_and_blind(both):
    _, maps = both
    assert maps.reference_pixel.sum() == 256
    assert not maps.flat[maps.reference_pixel].any()
    assert not maps.dark[maps.reference_pixel].any()
    # refpix uses those that are not marked as unusable
    assert np.unique(maps.mask[maps.reference_pixel]).tolist() == [detector.DQ["REFERENCE_PIXEL"]]


def test_dq_bits_are_the_pipelines_own():
    from jwst.datamodels import dqflags

    assert all(dqflags.pixel[name] == bit for name, bit in detector.DQ.items())


def test_maps_repeat_differ_by_seed_and_cannot_be_changed():
    again = detector.maps("NRS1", 39)
    assert np.array_equal(again.superbias, detector.maps("NRS1", 39).superbias)
    assert not np.array_equal(again.superbias, detector.maps("NRS1", 40).superbias)
    with pytest.raises(ValueError, match="read-only"):
        again.superbias[0, 0] = 1


def test_superbias_pattern(both):
    det, maps = both
    middle = maps.superbias[:, 200:-200]
    assert middle.mean() == pytest.approx(det.bias, abs=60)
    rows = middle.mean(axis=1)
    assert 150 < rows[0::2].mean() - rows[1::2].mean() < 300
    ends = np.r_[maps.superbias[:, :30].mean(), maps.superbias[:, -30:].mean()] - det.bias
    assert (np.sign(ends) == np.sign(det.bias_edge)).all()
    assert (abs(ends) > 200).all()


def test_plateau_and_limit(both):
    det, maps = both
    assert (maps.full_well.mean() / detector.FULL_WELL) == pytest.approx(1, abs=0.01)
    assert (maps.full_well.std() / detector.FULL_WELL) == pytest.approx(0.1, abs=0.01)
    assert maps.saturation_limit.mean() == pytest.approx({"NRS1": 58_700, "NRS2": 55_300}[det.name], rel=0.02)
    # as counts times gain it is the documented limit of subarrays, 77,000 e-
    assert det.gain * (maps.saturation_limit - maps.superbias).mean() == pytest.approx(77_000, rel=0.04)
    # every pixel can reach its limit, by the well or by the converter
    assert (np.minimum(maps.superbias + maps.plateau, detector.ADC_MAX) > maps.saturation_limit).all()


def test_the_mask_knows_most_bad_pixels_but_not_all(both):
    _, maps = both
    dead = (maps.flat < 0.01) & ~maps.reference_pixel
    known = (maps.mask & detector.DQ["DEAD"]) > 0
    assert dead.sum() == 50
    assert 0 < (dead & ~known).sum() < 5
    assert not (known & ~dead).any()
    hot = maps.dark > 0.5
    assert hot.sum() > 50
    assert (maps.mask[hot] & detector.DQ["HOT"] > 0).mean() > 0.9


def test_worked_examples_stand_on_ordinary_pixels(both):
    _, maps = both
    for row, column in detector.ORDINARY_PIXELS:
        assert maps.mask[row, column] == 0
        assert maps.telegraph[row, column] == 0


def test_telegraph_pixels_are_one_to_one_and_a_half_per_cent(both):
    _, maps = both
    assert 0.01 < (maps.telegraph > 0).mean() < 0.015


def test_linearity_is_inverted_to_float_precision(both):
    _, maps = both
    true = np.linspace(0, 80_000, 32 * 2048).reshape(32, 2048)
    measured = detector.unlinearise(true, maps.c2, maps.c3)
    assert np.allclose(detector.linearise(measured, maps.c2, maps.c3), true, rtol=1e-14, atol=1e-9)
    single = detector.unlinearise(true.astype(np.float32), maps.c2.astype(np.float32), maps.c3.astype(np.float32))
    assert np.allclose(single, measured, rtol=5e-7, atol=1e-2)


def test_linearity_has_the_published_size():
    # ratio of the last to the first difference of a ramp that ends at 27,000 DN: about 0.92
    maps = detector.maps("NRS1", 39)
    ramp = detector.unlinearise(27_000 * np.arange(1, 71) / 70, np.median(maps.c2), 1e-11)
    steps = np.diff(ramp)
    assert steps[-1] / steps[0] == pytest.approx(0.92, abs=0.015)


images = arrays(np.float64, (4, 6), elements=st.floats(0, 1e5))


@given(images)
def test_coupling_and_migration_conserve_charge(image):
    assert np.isclose(detector.couple(image).sum(), image.sum())
    assert np.isclose(detector.migrate(image, 1.5e-7).sum(), image.sum())


@given(st.floats(1, 1e5))
def test_a_flat_field_has_nothing_to_couple_or_migrate(level):
    image = np.full((4, 6), level)
    assert np.allclose(detector.couple(image), image)
    assert np.allclose(detector.migrate(image, 1.5e-7), image)


def test_coupling_shows_a_fraction_to_each_of_four_neighbours():
    image = np.zeros((5, 5))
    image[2, 2] = 1000
    seen = detector.couple(image)
    assert seen[2, 2] == pytest.approx(1000 * (1 - 4 * detector.IPC))
    assert [seen[1, 2], seen[3, 2], seen[2, 1], seen[2, 3]] == pytest.approx([1000 * detector.IPC] * 4)
    assert seen[1, 1] == 0


def test_coupled_voltages_hold_the_charge_that_was_collected():
    rng, c2, c3 = np.random.default_rng(2), np.full((6, 8), 1.3e-6), np.full((6, 8), 1e-11)
    true = rng.uniform(0, 50_000, (6, 8))

    def rest(fraction):
        shown = detector.couple_voltages(true, c2, c3, fraction)
        # couple() adds, to each pixel, fraction x (neighbour - pixel)
        return np.abs(detector.linearise(shown, c2, c3) - (detector.couple(shown, fraction) - shown) - true).max()

    assert rest(detector.IPC) < 30 * detector.IPC**2 * np.ptp(true)
    assert rest(detector.IPC) / rest(detector.IPC / 10) == pytest.approx(100, rel=0.1)  # of second order
    before, after = (
        np.abs(detector.linearise(shown, c2, c3) - (detector.couple(shown) - shown) - true).max()
        for shown in (
            detector.unlinearise(detector.couple(true), c2, c3),
            detector.couple(detector.unlinearise(true, c2, c3)),
        )
    )
    assert rest(detector.IPC) < min(before, after)  # neither order does as well
    linear = detector.couple_voltages(true, 0 * c2, 0 * c3)
    assert np.allclose(linear, detector.couple(true), rtol=1e-12)


def test_migration_follows_its_formula():
    image = np.array([[0.0], [50_000.0], [10_000.0]])
    moved = detector.migrate(image, 1.5e-7)
    up, down = 1.5e-7 * 5e4 * 5e4 / 2, 1.5e-7 * 5e4 * 4e4 / 2
    assert moved.ravel() == pytest.approx([up, 5e4 - up - down, 1e4 + down])


def test_settling_reaches_its_published_height():
    maps = detector.maps("NRS1", 39)
    last = detector.settling([63.14], maps.settle)[0]
    assert last[:, 10:450].mean() == pytest.approx(5.0, rel=0.03)
    assert last[:, 600:-10].mean() == pytest.approx(2.8, rel=0.03)
    assert detector.settling([0.0], maps.settle).max() == 0
