"""Light curves of known flux: their errors, normalisation, scatter, segments."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tso_helpers import light_curve
from tso_helpers.light_curve import LightCurve
from tso_helpers.rates import fill_bad

TRANSIT = np.array([1.0, 1.0, 0.977, 0.978, 1.0, 1.0])


def rates(noise=0.0, seed=1):
    image = 100.0 * np.exp(-0.5 * ((np.arange(8)[:, None] - 4) / 0.8) ** 2) * np.linspace(0.5, 1.5, 12)
    scatter = np.random.default_rng(seed).normal(0, noise, (6, 8, 12))
    return (TRANSIT[:, None, None] * image + scatter).astype(np.float32)


def curve(times, flux, error=0.01):
    return LightCurve(times, flux, np.full(np.shape(flux), error))


def test_a_light_curve_is_of_numbers_that_cannot_be_replaced():
    made = LightCurve([1, 2], [3, 4], [0.1, 0.2])
    assert len(made) == 2
    assert made.time.dtype == made.flux.dtype == made.error.dtype == float
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.flux = made.error


@pytest.mark.parametrize(
    ("time", "flux", "error", "words"),
    [
        ([1.0, 2.0], [1.0], [0.1], "as many times"),
        ([1.0, 2.0], [1.0, 1.0], [0.1], "as many times"),
        ([[1.0, 2.0]], [[1.0, 1.0]], [[0.1, 0.1]], "as many times"),
        ([2.0, 1.0], [1.0, 1.0], [0.1, 0.1], "rise"),
        ([1.0, 1.0], [1.0, 1.0], [0.1, 0.1], "rise"),
        ([1.0, np.nan], [1.0, 1.0], [0.1, 0.1], "rise"),
    ],
)
def test_what_is_no_light_curve(time, flux, error, words):
    with pytest.raises(ValueError, match=words):
        LightCurve(time, flux, error)


@given(st.floats(1e-3, 1e9))
def test_errors_are_divided_as_the_flux_is(scale):
    relative = curve(np.arange(6.0), scale * TRANSIT, error=0.01 * scale).relative(TRANSIT == 1)
    assert np.allclose(relative.flux, TRANSIT)
    assert np.allclose(relative.error, 0.01)


def test_relative_with_a_gap_and_a_flux_of_zero():
    relative = curve(np.arange(4.0), [4.0, np.nan, 0.0, 4.0], error=0.4).relative(np.array([True, True, False, True]))
    assert np.allclose(relative.flux, [1, np.nan, 0, 1], equal_nan=True)
    assert np.allclose(relative.error, 0.1)


def test_white_light_is_the_sum_over_the_frame():
    data = rates(0.1)
    assert np.allclose(light_curve.white_light(data), data.sum(axis=(1, 2), dtype=float), rtol=1e-6)
    aperture = np.zeros((8, 12), dtype=bool)
    aperture[3:6] = True
    assert np.allclose(light_curve.white_light(data, aperture=aperture), data[:, 3:6].sum(axis=(1, 2)), rtol=1e-6)


def test_white_light_of_the_wrong_shape():
    with pytest.raises(ValueError, match="three axes"):
        light_curve.white_light(np.zeros((8, 12)))
    with pytest.raises(ValueError, match="aperture"):
        light_curve.white_light(rates(), aperture=np.ones((8, 11), dtype=bool))
    with pytest.raises(ValueError, match="no pixel"):
        light_curve.white_light(rates(), aperture=np.zeros((8, 12), dtype=bool))


def test_white_light_wants_the_gaps_filled():
    data = rates()
    data[2, 4, 6] = np.nan
    with pytest.raises(ValueError, match="fill_bad"):
        light_curve.white_light(data)
    aperture = np.ones((8, 12), dtype=bool)
    aperture[4, 6] = False
    assert np.isfinite(light_curve.white_light(data, aperture)).all()


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


def test_the_curve_of_a_segment():
    data, flags = rates(0.1), np.zeros((6, 8, 12), dtype=np.uint32)
    error = np.full(data.shape, 0.5, dtype=np.float32)
    flags[2, 4, 6], data[2, 4, 6], error[2, 4, 6] = 1, 1e6, 1e6  # bad: filled, and its error is not to be believed
    error[3, 4, 6] = np.nan
    table, exposure = times_table(1, 9), SimpleNamespace(integration_start=2, integration_end=7)
    model = SimpleNamespace(data=data, dq=flags, err=error, int_times=table, shape=data.shape)
    model.meta = SimpleNamespace(exposure=exposure)
    made = light_curve.from_rates(model)
    assert np.array_equal(made.time, light_curve.integration_times(model))
    assert np.array_equal(made.flux, light_curve.white_light(fill_bad(data, flags)))
    pixels = np.array([96, 96, 95, 95, 96, 96])
    assert np.allclose(made.error, 0.5 * np.sqrt(pixels))
    aperture = np.zeros((8, 12), dtype=bool)
    aperture[3:6] = True
    narrow = light_curve.from_rates(model, aperture)
    assert np.array_equal(narrow.flux, light_curve.white_light(fill_bad(data, flags), aperture))
    assert np.allclose(narrow.error, 0.5 * np.sqrt(pixels - 60))
    with pytest.raises(ValueError, match="aperture"):
        light_curve.from_rates(model, aperture[:2])


@given(st.permutations(range(3)))
def test_segments_are_put_in_order_of_time(order):
    parts = [LightCurve(np.arange(4.0) + 10 * k, np.arange(4.0) + k, np.full(4, 1.0 + k)) for k in range(3)]
    whole = light_curve.stitch([parts[k] for k in order])
    assert np.all(np.diff(whole.time) > 0)
    assert np.array_equal(whole.flux, np.concatenate([part.flux for part in parts]))
    assert np.array_equal(whole.error, np.concatenate([part.error for part in parts]))


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([], "no segment"),
        ([curve([1.0, 2.0], [1.0, 1.0]), curve([], [])], "empty"),
        ([curve([1.0, 2.0], [1.0, 1.0])] * 2, "twice"),
        ([curve([1.0, 3.0], [1.0, 1.0]), curve([2.0, 4.0], [1.0, 1.0])], "overlap"),
    ],
)
def test_segments_that_do_not_go_together(segments, words):
    with pytest.raises(ValueError, match=words):
        light_curve.stitch(segments)
