"""Light curves of known flux: gaps, normalisation, scatter, segments."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tso_helpers import light_curve

TRANSIT = np.array([1.0, 1.0, 0.977, 0.978, 1.0, 1.0])


def rates(noise=0.0, seed=1):
    image = 100.0 * np.exp(-0.5 * ((np.arange(8)[:, None] - 4) / 0.8) ** 2) * np.linspace(0.5, 1.5, 12)
    scatter = np.random.default_rng(seed).normal(0, noise, (6, 8, 12))
    return (TRANSIT[:, None, None] * image + scatter).astype(np.float32)


def test_white_light_is_the_sum_over_the_frame():
    data = rates(0.1)
    assert np.allclose(light_curve.white_light(data), data.sum(axis=(1, 2), dtype=float), rtol=1e-6)
    aperture = np.zeros((8, 12), dtype=bool)
    aperture[3:6] = True
    assert np.allclose(light_curve.white_light(data, aperture=aperture), data[:, 3:6].sum(axis=(1, 2)), rtol=1e-6)


@given(st.integers(0, 2**31), st.floats(0, 0.9))
def test_bad_pixels_that_come_and_go_do_not_change_the_light_curve(seed, share):
    """However the gaps fall, the transit keeps its shape: its truth here has no noise."""
    data, bad = rates(), np.random.default_rng(seed).random((6, 8, 12)) < share
    data[:, 0, 0] = 1.0 * TRANSIT  # a pixel that is never bad
    bad[:, 0, 0] = False
    flags = np.where(bad, 1, 0).astype(np.uint32)
    data[bad] = np.nan
    flux = light_curve.white_light(data, flags)
    assert np.allclose(flux / flux[0], TRANSIT, atol=1e-5)


def test_do_not_use_counts_and_other_flags_do_not():
    data, flags = rates(), np.zeros((6, 8, 12), dtype=np.uint32)
    flags[2, 4, 6], data[2, 4, 6] = 1, 1e6
    flags[3, 4, 6] = 4  # a jump was found, and left out by the fit: the rate is good
    model = SimpleNamespace(data=data, dq=flags, meta=None)
    for filled in (light_curve.fill_bad(data, flags), light_curve.fill_bad(model)):
        assert filled[2, 4, 6] == pytest.approx(data[0, 4, 6] * 0.977, rel=1e-5)
        assert filled[3, 4, 6] == data[3, 4, 6]
    assert data[2, 4, 6] == 1e6


def test_pixels_that_are_always_bad_are_left_out():
    data = rates()
    data[:, 4, 6] = np.nan
    assert np.allclose(light_curve.white_light(data), np.nansum(data, axis=(1, 2)))
    one = light_curve.white_light(data[:1])
    assert one.shape == (1,)
    assert np.isfinite(one[0])
    assert light_curve.white_light(np.full((3, 2, 2), np.nan)).tolist() == [0, 0, 0]


def test_white_light_of_the_wrong_shape():
    with pytest.raises(ValueError, match="three axes"):
        light_curve.white_light(np.zeros((8, 12)))
    with pytest.raises(ValueError, match="flags"):
        light_curve.white_light(rates(), np.zeros((8, 12), dtype=int))
    with pytest.raises(ValueError, match="aperture"):
        light_curve.white_light(rates(), aperture=np.ones((8, 11), dtype=bool))
    with pytest.raises(ValueError, match="no pixel"):
        light_curve.white_light(rates(), aperture=np.zeros((8, 12), dtype=bool))


def times_table(first, number):
    table = np.zeros(number, dtype=[("integration_number", "i4"), ("int_mid_BJD_TDB", "f8")])
    table["integration_number"] = first + np.arange(number)
    table["int_mid_BJD_TDB"] = 59791.0 + 0.01 * table["integration_number"]
    return table


def segment(first, last, table):
    exposure = SimpleNamespace(integration_start=first, integration_end=last)
    return SimpleNamespace(meta=SimpleNamespace(exposure=exposure), int_times=table, shape=(last - first + 1, 2, 2))


def test_times_of_a_segment():
    expected = 59791.0 + 0.01 * np.array([4, 5, 6])
    assert np.allclose(light_curve.integration_times(segment(4, 6, times_table(4, 3))), expected)
    assert np.allclose(light_curve.integration_times(segment(4, 6, times_table(1, 9))), expected)
    for table in (None, times_table(1, 0), times_table(1, 3)):
        with pytest.raises(ValueError, match="INT_TIMES"):
            light_curve.integration_times(segment(4, 6, table))


def test_out_of_transit_keeps_the_margin():
    times = np.linspace(-0.2, 0.2, 42)
    chosen = light_curve.out_of_transit(times, 0.0, 0.12, margin=0.01)
    assert np.array_equal(chosen, np.abs(times) > 0.07)
    for duration, margin in ((0, 0), (-1, 0), (0.1, -0.1)):
        with pytest.raises(ValueError):
            light_curve.out_of_transit(times, 0.0, duration, margin)


@given(st.floats(1e-3, 1e9))
def test_normalisation_does_not_depend_on_the_unit(scale):
    chosen = TRANSIT == 1
    assert np.allclose(light_curve.normalise(scale * TRANSIT, chosen), TRANSIT)


def test_normalise_what_cannot_be():
    assert light_curve.normalise([4.0, np.nan, 4.0]).tolist()[::2] == [1, 1]
    for flux, chosen in (([0.0, 0.0], None), ([1.0, 2.0], [False, False]), ([np.nan] * 2, None)):
        with pytest.raises(ValueError, match="nothing to divide by"):
            light_curve.normalise(flux, chosen)
    with pytest.raises(ValueError, match="per integration"):
        light_curve.normalise([1.0, 2.0], [True])


@pytest.mark.parametrize("method", ["differences", "mad"])
def test_scatter_of_known_noise_with_outliers(method):
    flux = np.random.default_rng(9).normal(1, 150e-6, 20001)
    flux[::500] *= 1.01
    assert light_curve.scatter_ppm(flux, method=method) == pytest.approx(150, rel=0.03)


def test_scatter_sees_trends_only_by_mad_and_never_the_transit():
    rng = np.random.default_rng(9)
    drift = 1 + np.linspace(0, 5e-3, 2000) + rng.normal(0, 1e-4, 2000)
    assert light_curve.scatter_ppm(drift) == pytest.approx(100, rel=0.1)
    assert light_curve.scatter_ppm(drift, method="mad") > 1000
    flux = 1 + rng.normal(0, 1e-4, 2000)
    flux[500:1500] *= 0.978
    outside = np.ones(2000, dtype=bool)
    outside[500:1500] = False
    assert light_curve.scatter_ppm(flux, outside) == pytest.approx(100, rel=0.15)


def test_scatter_of_too_little():
    with pytest.raises(ValueError, match="three"):
        light_curve.scatter_ppm([1.0, 1.0])
    with pytest.raises(ValueError, match="pairs"):
        light_curve.scatter_ppm([1.0, 1.1, 1.0, 1.1, 1.0], [True, False, True, False, True])
    with pytest.raises(ValueError, match="method"):
        light_curve.scatter_ppm([1.0, 1.1, 1.0], method="rms")


def test_expected_scatter_of_photons_and_read_noise():
    assert light_curve.expected_scatter_ppm([1e4, 1e4, np.nan], 1.0, 100.0) == pytest.approx(1000)
    rng, n, sigma, step = np.random.default_rng(3), 14, 10.0, 4.51
    times = step * np.arange(n)
    slopes = np.polyfit(times, rng.normal(0, sigma, (n, 20000)), 1)[0]
    expected = light_curve.expected_scatter_ppm(1e-9, 1.0, times[-1], pixels=1, read_noise=sigma, groups=n)
    assert 1e6 * slopes.std() / 1e-9 == pytest.approx(expected, rel=0.03)
    with pytest.raises(ValueError, match="groups"):
        light_curve.expected_scatter_ppm(1.0, 1.0, 1.0, pixels=1, read_noise=1.0)
    with pytest.raises(ValueError, match="positive"):
        light_curve.expected_scatter_ppm(-1.0, 1.0, 1.0)


@given(st.permutations(range(3)))
def test_segments_are_put_in_order_of_time(order):
    parts = [(np.arange(4.0) + 10 * k, np.arange(4.0) + k) for k in range(3)]
    times, flux = light_curve.stitch([parts[k] for k in order])
    assert np.all(np.diff(times) > 0)
    assert np.array_equal(flux, np.concatenate([part[1] for part in parts]))


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([], "no segment"),
        ([([1.0, 2.0], [1.0])], "as many times"),
        ([([], [])], "as many times"),
        ([([2.0, 1.0], [1.0, 1.0])], "rise"),
        ([([1.0, np.nan], [1.0, 1.0])], "rise"),
        ([([1.0, 2.0], [1.0, 1.0])] * 2, "twice"),
    ],
)
def test_segments_that_do_not_go_together(segments, words):
    with pytest.raises(ValueError, match=words):
        light_curve.stitch(segments)


def test_noise_budget_tells_shared_noise_from_own():
    random = np.random.default_rng(5)
    own = random.normal(0, 1, (300, 6, 40))
    column = random.normal(0, 1, (300, 1, 40))
    budget = light_curve.noise_budget(100 + own + column)
    total = 100 * 6 * 40
    assert budget["pixels"] == pytest.approx(1e6 * np.sqrt(240 * 2) / total, rel=0.02)
    assert budget["columns"] == pytest.approx(1e6 * np.sqrt(240 + 40 * 36) / total, rel=0.03)
    assert budget["sum"] == pytest.approx(budget["columns"], rel=0.15)


def test_noise_budget_looks_at_what_was_chosen():
    data = 100 + np.random.default_rng(5).normal(0, 1, (60, 4, 30))
    chosen = np.ones(60, dtype=bool)
    chosen[20:30] = False
    data[20:30] *= 0.9
    aperture = np.zeros((4, 30), dtype=bool)
    aperture[1] = True
    data[:, 3] += np.arange(60)[:, np.newaxis] * 50  # outside the aperture
    budget = light_curve.noise_budget(data, chosen, aperture)
    assert budget["columns"] == pytest.approx(budget["pixels"])
    assert budget["pixels"] == pytest.approx(1e6 * np.sqrt(30) / 3000, rel=0.1)
    with pytest.raises(ValueError, match="two pairs"):
        light_curve.noise_budget(data, np.arange(60) == 3)
    with pytest.raises(ValueError, match="do not fit"):
        light_curve.noise_budget(data, chosen[:5])
    with pytest.raises(ValueError, match="three axes"):
        light_curve.noise_budget(data[0])
