"""Spectra: boxes add up what they should and know their errors; gaps, backgrounds and flags are dealt with."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tso_helpers import light_curve, spectra, trace
from tso_helpers.instrument import NIRSPEC_G395H

TRANSIT = np.array([1.0, 1.0, 0.977, 0.978, 1.0, 1.0])
ROWS, COLUMNS = 32, 12
TRACE = np.linspace(15.2, 16.9, COLUMNS)
APERTURE = spectra.aperture((ROWS, COLUMNS), TRACE)
BACKGROUND = trace.background_mask((ROWS, COLUMNS), TRACE, 9)


def star(trace_rows=TRACE):
    """A spectrum of 1000 DN/s a column, all of it within the aperture."""
    profile = np.exp(-0.5 * ((np.arange(ROWS)[:, None] - trace_rows) / 0.6) ** 2)
    profile[np.abs(np.arange(ROWS)[:, None] - trace_rows) > 3.4] = 0
    return 1000 * profile / profile.sum(axis=0)


# --- the aperture


@given(st.floats(5.0, 26.0), st.floats(0.1, 5.0))
def test_an_aperture_is_as_wide_as_it_is_told_wherever_the_trace_lies(row, half_width):
    weights = spectra.aperture((ROWS, 1), np.array([row]), half_width)
    assert weights.sum() == pytest.approx(2 * half_width)
    distance = np.abs(np.arange(ROWS) - row)
    assert np.allclose(weights[distance <= half_width - 0.5], 1)
    assert np.allclose(weights[distance >= half_width + 0.5], 0)
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_an_aperture_ends_with_the_frame_and_where_there_is_no_trace():
    weights = spectra.aperture((8, 3), np.array([0.0, np.nan, 40.0]), 2.0)
    assert weights[:, 0].tolist() == [1, 1, 0.5, 0, 0, 0, 0, 0]
    assert not weights[:, 1:].any()


@pytest.mark.parametrize(
    ("rows", "half_width", "words"),
    [(np.zeros(3), 2.0, "one trace row per column"), (np.zeros(2), 0.0, "above 0"), (np.zeros(2), np.nan, "above 0")],
)
def test_impossible_apertures(rows, half_width, words):
    with pytest.raises(ValueError, match=words):
        spectra.aperture((8, 2), rows, half_width)


# --- the box


def test_the_error_is_the_scatter():
    """Monte Carlo: noise that differs from pixel to pixel, with and without a background."""
    random = np.random.default_rng(5)
    sigma = 0.5 + random.random((ROWS, COLUMNS))
    noisy = star() + 7.0 + sigma * random.normal(size=(4000, ROWS, COLUMNS))
    errors = np.broadcast_to(sigma, noisy.shape)
    for background, level in ((None, 1000 + 7 * APERTURE.sum(axis=0)), (BACKGROUND, 1000)):
        flux, error = spectra.box(noisy, errors, APERTURE, background)
        assert np.allclose(flux.std(axis=0) / error.mean(axis=0), 1, atol=0.05)  # 1.1 % is the scatter of each
        assert np.mean(flux.std(axis=0) / error.mean(axis=0)) == pytest.approx(1, abs=0.015)
        assert np.allclose(flux.mean(axis=0), level, atol=5 * error.mean() / np.sqrt(4000))


@given(st.floats(-50, 50), st.floats(-2, 2))
def test_a_background_is_taken_off_and_a_gradient_where_it_lies_symmetrically(level, slope):
    middle = np.full(COLUMNS, 15.5)  # of 32 rows
    frame = star(middle) + level + slope * (np.arange(ROWS)[:, None] - 15.5)
    weights = spectra.aperture((ROWS, COLUMNS), middle)
    both = trace.background_mask((ROWS, COLUMNS), middle, 9)
    errors = np.full((1, ROWS, COLUMNS), 20.0)  # so large that no gradient looks like outliers
    flux, _ = spectra.box(frame[None], errors, weights, both)
    assert np.allclose(flux, 1000, atol=1e-8)
    below = both & (np.arange(ROWS)[:, None] < 15)  # rows 0 to 6, on average 12.5 rows under the trace
    flux, _ = spectra.box(frame[None], errors, weights, below)
    assert np.allclose(flux, 1000 + 8 * 12.5 * slope, atol=1e-8)


def test_what_stands_out_of_the_background_does_not_count_and_nor_does_what_is_bad():
    frame = np.tile(star() + 3.0, (2, 1, 1))
    errors = np.ones(frame.shape)
    row = np.flatnonzero(BACKGROUND[:, 4])
    frame[1, row[0], 4], frame[1, row[1], 4] = 500.0, np.nan
    flux, error = spectra.box(frame, errors, APERTURE, BACKGROUND)
    assert np.allclose(flux, 1000)
    count, width = BACKGROUND[:, 4].sum(), APERTURE[:, 4].sum()
    own = np.sum(APERTURE[:, 4] ** 2)
    assert error[0, 4] == pytest.approx(np.sqrt(own + width**2 / count))
    assert error[1, 4] == pytest.approx(np.sqrt(own + width**2 / (count - 2)))


def test_a_track_across_half_of_the_background_leaves_a_flux():
    """The pixels lie in two clusters, and the median between them is within the errors of none."""
    frame = np.tile(star(), (3, 1, 1))
    row = np.flatnonzero(BACKGROUND[:, 4])
    half = row[: len(row) // 2]
    frame[1, half, 4] += 1.0
    flux, error = spectra.box(frame, np.full(frame.shape, 0.05), APERTURE, BACKGROUND)
    assert flux[1, 4] == pytest.approx(1000 - 8 * len(half) / len(row))
    assert np.isfinite(error).all()


def test_a_column_without_any_good_background_has_that_of_its_neighbours():
    frame = np.tile(star() + 2.0 * np.arange(COLUMNS), (3, 1, 1))
    frame[1][BACKGROUND[:, 3], 3] = np.nan
    frame[2][BACKGROUND] = np.nan
    flux, error = spectra.box(frame, np.ones(frame.shape), APERTURE, BACKGROUND)
    assert np.allclose(flux[:2], 1000)  # on a background that rises evenly from column to column
    assert error[1, 3] == pytest.approx((error[0, 2] + error[0, 4]) / 2, rel=0.05)
    assert np.isnan(flux[2]).all()  # nothing to go by
    assert np.isnan(error[2]).all()


def test_a_box_refuses_what_it_cannot_add_up():
    frame = star()[None]
    errors = np.ones(frame.shape)
    gap = frame.copy()
    gap[0, 16, 5] = np.nan
    for rates, background, words in (
        (gap, None, "fill the gaps first"),
        (frame[0], None, "do not fit together"),
        (frame[..., 1:], None, "do not fit together"),
        (frame, BACKGROUND[1:], "does not fit frames"),
        (frame, ~BACKGROUND, "overlaps"),
    ):
        with pytest.raises(ValueError, match=words):
            spectra.box(rates, errors, APERTURE, background)


# --- a segment


@pytest.fixture
def model():
    """A segment of a window that begins with column 1000 (zero-based), without noise, on a background of 2 DN/s."""
    data = (TRANSIT[:, None, None] * star() + 2.0).astype(np.float32)
    times = np.zeros(6, [("integration_number", "i4"), ("int_mid_BJD_TDB", "f8")])
    times["integration_number"], times["int_mid_BJD_TDB"] = np.arange(6) + 1, 59791 + 0.01 * np.arange(6)
    return SimpleNamespace(
        data=data,
        err=np.ones_like(data),
        dq=np.zeros(data.shape, np.uint32),
        int_times=times,
        shape=data.shape,
        meta=SimpleNamespace(
            exposure=SimpleNamespace(integration_start=1, integration_end=6, type="NRS_BRIGHTOBJ"),
            instrument=SimpleNamespace(name="NIRSPEC", detector="NRS1", filter="F290LP", grating="G395H"),
            subarray=SimpleNamespace(name="SUB2048", xstart=1001),
            target=SimpleNamespace(proposer_name="WASP-39", catalog_name=None),
        ),
    )


def test_spectra_of_a_segment(model):
    made = spectra.from_rates(model, APERTURE, BACKGROUND, columns=slice(2, 12))
    assert np.array_equal(made.time, light_curve.integration_times(model))
    assert np.array_equal(made.wavelength, NIRSPEC_G395H.detector("NRS1").wavelength(np.arange(1002, 1012)))
    assert np.allclose(made.flux, 1000 * TRANSIT[:, None], rtol=1e-6)
    assert not made.flags.any()
    assert not made.filled.any()
    without = spectra.from_rates(model, APERTURE, columns=slice(2, 12))
    assert np.allclose(without.flux - made.flux, 2 * 8.0, rtol=1e-3)


def test_gaps_are_filled_and_said(model):
    row = int(TRACE[6])
    model.data[2, row, 6], model.dq[2, row, 6], model.err[2, row, 6] = np.nan, 1 | 2, np.nan
    model.dq[3, row, 7] = 4  # a jump: the rate is good
    model.dq[3, 0, 8] = 1 | 1024  # in the background
    model.data[3, 0, 8] = 1e6
    made = spectra.from_rates(model, APERTURE, BACKGROUND)
    # what is filled follows the brightness of the whole frame, background included
    assert np.allclose(made.flux, 1000 * TRANSIT[:, None], rtol=3e-3)
    assert np.argwhere(made.filled).tolist() == [[2, 6]]
    assert {tuple(place): int(made.flags[tuple(place)]) for place in np.argwhere(made.flags).tolist()} == {
        (2, 6): 3,
        (3, 7): 4,
    }
    assert made.error[2, 6] < made.error[1, 6], "a filled pixel has no noise of its own"
    assert np.isfinite(made.error).all()
    binned = made.binned(5)
    assert binned.flux.shape == (6, 2)
    assert np.allclose(binned.flux, 5000 * TRANSIT[:, None], rtol=1e-3)
    assert np.allclose(binned.error[0], np.sqrt(np.sum(made.error[0, :10].reshape(2, 5) ** 2, axis=1)))
    assert binned.wavelength[1] == pytest.approx(made.wavelength[7], abs=1e-6)
    assert binned.flags[3, 1] == 4
    assert binned.filled[2].tolist() == [0, 1]


# --- the series


def series(first=0.0, seed=1):
    random = np.random.default_rng(seed)
    flux, counts = random.random((4, 6)), random.integers(0, 9, (2, 4, 6))
    return spectra.Spectra(first + np.arange(4.0), 3 + 0.1 * np.arange(6), flux, 0.1 * flux, *counts)


def test_a_band_adds_up_its_bins():
    made = series()
    band = made.light_curve(3.05, 3.4)  # 3.1, 3.2, 3.3
    assert np.allclose(band.flux, made.flux[:, 1:4].sum(axis=1))
    assert np.allclose(band.error**2, np.sum(made.error[:, 1:4] ** 2, axis=1))
    assert np.allclose(made.light_curve().flux, made.flux.sum(axis=1))
    with pytest.raises(ValueError, match=r"3\.000 to 3\.500 um"):
        made.light_curve(3.6, 4.0)


@given(st.permutations(range(3)))
def test_segments_are_put_in_order_of_time(order):
    parts = [series(10.0 * k, seed=k) for k in range(3)]
    whole = spectra.stitch(parts[k] for k in order)
    for name in ("time", "flux", "error", "flags", "filled"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    assert len(whole) == 12


def test_segments_that_do_not_belong_together():
    other = spectra.Spectra(10 + np.arange(4.0), np.arange(6.0), *np.ones((4, 4, 6), int))
    for parts, words in (
        ([], "no segment"),
        ([series(), series(3.0)], "overlap"),
        ([series(), other], "other wavelengths"),
    ):
        with pytest.raises(ValueError, match=words):
            spectra.stitch(parts)
    with pytest.raises(ValueError, match="do not fit"):
        spectra.Spectra(np.arange(4.0), np.arange(5.0), *np.ones((4, 4, 6), int))
    with pytest.raises(ValueError, match="must rise"):
        spectra.Spectra([2.0, 1.0], [3.0], *np.ones((4, 2, 1), int))


@given(st.integers(1, 12), st.integers(1, 12))
def test_bins_hold_every_column_but_the_last_few(columns, width):
    values = np.arange(3 * columns).reshape(3, columns)
    if width > columns:
        with pytest.raises(ValueError, match="cannot be made"):
            spectra.bin_columns(values, width)
        return
    binned = spectra.bin_columns(values, width)
    whole = columns // width * width
    assert binned.shape == (3, columns // width)
    assert np.array_equal(binned.sum(axis=1), values[:, :whole].sum(axis=1))
    assert np.array_equal(binned[:, 0], values[:, :width].sum(axis=1))
    with pytest.raises(ValueError, match="cannot be made"):
        spectra.bin_columns(values, 0.5)
