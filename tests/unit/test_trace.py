"""A trace put in comes out, whatever its place, and the mask always covers it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tso_helpers import trace

ROWS, COLUMNS = 32, 160


def spectrum(rows, sigma=0.75, level=5000.0):
    """A spectrum along ``rows``, with the wings of NIRSpec's point-spread function."""
    distance = np.arange(ROWS)[:, None] - np.asarray(rows)
    return level * (np.exp(-0.5 * (distance / sigma) ** 2) + 0.02 * np.exp(-0.5 * (distance / 3) ** 2))


def ramp(image, integrations=3, groups=4, seed=1):
    rng = np.random.default_rng(seed)
    growth = np.linspace(0, 1, groups)[:, None, None] * image
    return (growth + rng.normal(0, 10, (integrations, groups, *image.shape)) + 500).astype(np.float32)


@settings(deadline=None, max_examples=30)
@example(20.78125, 0.0, 1.287304788633506e-4)  # within one row for 60 columns: the filter makes steps of the trace
@given(st.floats(9, 22), st.floats(-0.03, 0.03), st.floats(-2e-4, 2e-4))
def test_trace_shifted_in_is_trace_shifted_out(start, slope, curve):
    columns = np.arange(COLUMNS)
    true = start + slope * (columns - 80) + curve * (columns - 80) ** 2
    image = trace.smooth(trace.last_minus_first(ramp(spectrum(true))))
    fit = trace.fit_trace(columns, trace.centroids(image))
    assert np.abs(fit(columns) - true).max() < 0.25


@settings(deadline=None, max_examples=20)
@given(st.integers(-6, 6))
def test_whole_rows_shift_the_trace_by_as_much(shift):
    columns = np.arange(COLUMNS)
    true = 16 + 1e-3 * (columns - 80)
    fits = [trace.fit_trace(columns, trace.centroids(spectrum(true + by))) for by in (0, shift)]
    assert np.allclose(fits[1](columns) - fits[0](columns), shift, atol=0.02)


@given(st.lists(st.one_of(st.floats(-0.5, 31.49), st.just(np.nan)), min_size=1, max_size=40), st.floats(0, 40))
@example([15.5], 0.0)
def test_mask_never_leaves_the_trace_uncovered(rows, half_width):
    rows = np.array(rows)
    mask = trace.background_mask((ROWS, rows.size), rows, half_width)
    here = np.isfinite(rows)
    assert not mask[np.rint(rows[here]).astype(int), np.flatnonzero(here)].any()
    assert mask[:, ~here].all()
    distance = np.abs(np.arange(ROWS)[:, None] - rows)
    assert mask[distance > max(half_width, 0.5)].all()
    assert not mask[distance <= half_width].any()


def test_mask_of_twelve_rows_leaves_eight_in_the_middle():
    mask = trace.background_mask((32, 3), np.array([16.3, 15.4, 2.0]), 12)
    assert mask.sum(axis=0).tolist() == [8, 8, 17]


@pytest.mark.parametrize(("rows", "half_width"), [([1.0, 2.0], 12), ([1.0, 2.0, 3.0], -1), ([1.0, 2.0, 3.0], np.nan)])
def test_mask_refuses_what_makes_no_sense(rows, half_width):
    with pytest.raises(ValueError):
        trace.background_mask((32, 3), np.array(rows), half_width)


def test_last_minus_first_is_a_median_over_integrations():
    image = spectrum(np.full(COLUMNS, 14.0))
    data = ramp(image, integrations=5)
    data[2, -1] += 1e4  # a whole integration gone wrong
    data[0, 0, 3, 3] = np.nan
    data[:, -1, 4, 4] = np.nan
    got = trace.last_minus_first(data)
    assert np.isnan(got[4, 4])
    assert np.isfinite(got[3, 3])
    assert np.nanstd(got - image) < 20


def test_last_minus_first_of_unsigned_and_of_one_integration():
    data = np.array([[[[70]], [[50]]]], dtype=np.uint16)
    assert trace.last_minus_first(data).item() == -20
    with pytest.raises(ValueError, match="two groups"):
        trace.last_minus_first(data[:, :1])
    with pytest.raises(ValueError, match="two groups"):
        trace.last_minus_first(data[0])


def test_smooth_removes_outliers_and_fills_gaps():
    image = np.tile(np.arange(20.0)[:, None], (1, 30))
    dirty = image.copy()
    dirty[5, 5], dirty[6, 20], dirty[:, 11] = 1e5, np.nan, np.nan
    assert np.abs(trace.smooth(dirty)[3:-3] - image[3:-3]).max() < 2
    assert np.array_equal(trace.smooth(image, (1, 11)), image)
    assert np.isfinite(trace.smooth(dirty)).all()


def test_smooth_keeps_a_trace_at_the_edge():
    image = np.zeros((10, 20))
    image[:3] = 7.0
    assert trace.smooth(image)[0].tolist() == [7.0] * 20


@pytest.mark.parametrize("size", [(4, 11), (5, 0), (5,), (5, 11, 3)])
def test_smooth_needs_odd_sizes(size):
    with pytest.raises(ValueError, match="odd"):
        trace.smooth(np.zeros((9, 9)), size)


def test_images_of_the_wrong_kind():
    with pytest.raises(ValueError, match="two axes"):
        trace.smooth(np.zeros((2, 9, 9)))
    with pytest.raises(ValueError, match="finite"):
        trace.smooth(np.full((9, 9), np.nan))
    with pytest.raises(ValueError, match="two axes"):
        trace.centroids(np.zeros(9))
    with pytest.raises(IndexError):
        trace.centroids(np.zeros((9, 9)), [9])


def test_centroid_ignores_background_nan_and_empty_columns():
    image = spectrum(np.full(6, 13.4)) + 1000.0
    image[:, 2] = np.nan
    image[:, 3] = 42.0
    image[20, 4] = np.nan
    rows = trace.centroids(image, [0, 2, 3, 4])
    assert np.isnan(rows[[1, 2]]).all()
    assert np.allclose(rows[[0, 3]], 13.4, atol=0.02)


def test_fit_is_not_bent_by_outliers():
    rng = np.random.default_rng(4)
    columns = np.arange(1500)
    true = 28.8 - 0.0169 * columns + 4.04e-6 * columns**2
    rows = true + rng.normal(0, 0.1, columns.size)
    rows[:200] = rng.uniform(0, 31, 200)
    rows[700:720] = np.nan
    assert np.abs(trace.fit_trace(columns, rows)(columns) - true).max() < 0.1


def test_fit_needs_enough_centroids():
    with pytest.raises(ValueError, match="degree 2"):
        trace.fit_trace([1, 2, 3], [1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match="per column"):
        trace.fit_trace([1, 2, 3], [1.0, 2.0])


def test_trace_rows_reach_only_where_they_are_asked_to():
    rows = trace.trace_rows(lambda x: 10.0 + 0 * x, 8, first=2, last=6)
    assert np.isnan(rows[[0, 1, 7]]).all()
    assert rows[2:7].tolist() == [10.0] * 5
    for first, last in ((-1, 3), (5, 3), (0, 8)):
        with pytest.raises(ValueError, match="does not fit"):
            trace.trace_rows(np.abs, 8, first, last)


# --- where nobody has said where the trace is ------------------------------------------------------------------


def ramp_model(rows, first, last, target="HAT-P-26", grating="G395H"):
    """A ramp of another target or grating, with a trace in some of its columns only."""
    from stdatamodels.jwst.datamodels import RampModel

    image = spectrum(rows)
    image[:, :first], image[:, last + 1 :] = 0, 0
    model = RampModel(ramp(image))
    model.meta.instrument.name, model.meta.exposure.type = "NIRSPEC", "NRS_BRIGHTOBJ"
    model.meta.instrument.detector, model.meta.instrument.filter = "NRS1", "F290LP"
    model.meta.instrument.grating, model.meta.subarray.name = grating, "SUB2048"
    model.meta.target.proposer_name = target
    return model


@pytest.mark.parametrize(("first", "last"), [(0, 159), (40, 159), (0, 100), (30, 120)])
def test_bright_columns_are_where_the_light_is(first, last):
    image = spectrum(np.full(COLUMNS, 15.0))
    image[:, :first], image[:, last + 1 :] = 0, 0
    image += np.random.default_rng(3).normal(0, 5, image.shape)
    assert trace.bright_columns(image) == (first, last)


def test_bright_columns_bridge_gaps_and_leave_out_what_stands_alone():
    image = np.random.default_rng(3).normal(0, 5, (ROWS, COLUMNS))
    image[14:17, 50:140] += 800
    image[14:17, 80:90] = 0  # a gap in the spectrum
    image[20, 5] += 9000  # a hot pixel far away
    image[:, 100] = np.nan
    assert trace.bright_columns(image) == (50, 139)


def test_an_image_without_a_spectrum_says_so():
    with pytest.raises(ValueError, match="is there a spectrum in it"):
        trace.bright_columns(np.random.default_rng(3).normal(0, 5, (ROWS, COLUMNS)))
    with pytest.raises(ValueError, match="two axes"):
        trace.bright_columns(np.zeros(5))


@pytest.mark.parametrize("setting", [{}, {"target": None}, {"target": "WASP-39", "grating": "G395M"}])
def test_the_background_of_another_target_or_grating_is_measured(setting):
    rows = 14 + 0.03 * (np.arange(COLUMNS) - 80)
    mask = trace.background(ramp_model(rows, 40, 150, **setting), half_width=5)
    distance = np.abs(np.arange(ROWS)[:, None] - rows)
    inside = np.zeros_like(mask)
    inside[:, 40:151] = True
    assert not mask[inside & (distance < 4.5)].any(), "the trace is masked where it is bright"
    assert mask[distance > 6].all(), "what is far from it is background"
    assert mask[:, 155:].all(), "there is no trace behind the last bright column"


def test_the_background_of_an_unknown_mode_is_an_error():
    model = ramp_model(np.full(COLUMNS, 15.0), 0, 159)
    model.meta.exposure.type = "NRS_MSASPEC"
    with pytest.raises(ValueError, match="is not described"):
        trace.background(model)
