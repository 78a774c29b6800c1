"""Ramps of known slope, the unsigned trap, and where lines start."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stdatamodels.jwst import datamodels

from tso_helpers import ramps
from tso_helpers.files import models

finite = st.floats(-1e5, 1e5)


def test_pixel_ramp_is_a_copy_in_double_precision():
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    samples = ramps.pixel_ramp(data, 1, 0, 1)
    samples += 1
    assert samples.dtype == float
    assert samples.tolist() == [14, 18, 22]
    assert data[1, 0, 0, 1] == 13
    with pytest.raises(IndexError, match="column 2"):
        ramps.pixel_ramp(data, 0, 0, 2)
    with pytest.raises(ValueError, match="four axes"):
        ramps.pixel_ramp(data[0], 0, 0, 0)


def test_group_times_of_a_model_start_at_the_first_read():
    exposure = SimpleNamespace(group_time=4.51, frame_time=0.902, nframes=1)
    model = SimpleNamespace(meta=SimpleNamespace(exposure=exposure), shape=(18, 14, 32, 2048))
    times = ramps.group_times(model)
    assert times.shape == (14,)
    assert np.allclose(times[[0, 1, -1]], [0.902, 5.412, 59.532])  # reads 1, 6, ..., 66
    exposure.nframes = 4
    assert ramps.group_times(model)[0] == pytest.approx(2.255)


@pytest.mark.parametrize(("groups", "step"), [(3, None), (3, 0), (3, -1.0), (0, 0.9)])
def test_group_times_need_groups_and_a_time(groups, step):
    with pytest.raises(ValueError):
        ramps.group_times(groups, step)


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=4, max_dims=4, min_side=2, max_side=4)))
def test_differences_of_unsigned_numbers_do_not_wrap(data):
    differences = ramps.group_differences(data)
    assert np.array_equal(differences, np.diff(data.astype(np.int64), axis=1))
    assert np.array_equal(ramps.group_differences(data[0]), differences[0])
    assert np.array_equal(ramps.group_differences(data[0, :, 0, 0]), differences[0, :, 0, 0])


def test_differences_need_a_known_axis_and_two_groups():
    with pytest.raises(ValueError, match="axis"):
        ramps.group_differences(np.zeros((3, 4)))
    assert ramps.group_differences(np.zeros((3, 4)), axis=0).shape == (2, 4)
    with pytest.raises(ValueError, match="two groups"):
        ramps.group_differences(np.zeros((2, 1, 3, 3)))


def test_linearity_ratio_of_a_known_polynomial():
    true = np.linspace(0, 30000, 14)
    data = np.broadcast_to((true - 1.3e-6 * true**2)[None, :, None, None], (2, 14, 3, 4)).astype(np.float32)
    ratio, fluence = ramps.linearity_ratio(data)
    expected = (data[0, -1, 0, 0] - data[0, -2, 0, 0]) / (data[0, 1, 0, 0] - data[0, 0, 0, 0])
    assert ratio.shape == fluence.shape == (2, 3, 4)
    assert np.allclose(ratio, expected)
    assert 0.91 < expected < 0.94
    assert np.allclose(fluence, data[0, -1, 0, 0])


def test_linearity_ratio_leaves_out_what_says_nothing():
    data = np.cumsum(np.ones((1, 4, 1, 4)), axis=1)
    data[0, 2:, 0, 1] = np.nan
    data[0, :, 0, 2] = 5.0  # no signal: the first difference is 0
    flags = np.zeros(data.shape, dtype=np.uint8)
    flags[0, -1, 0, 3] = 2
    ratio, _ = ramps.linearity_ratio(data, flags)
    assert np.isnan(ratio[0, 0, 1:]).all()
    assert ratio[0, 0, 0] == 1
    with pytest.raises(ValueError, match="three groups"):
        ramps.linearity_ratio(data[:, :2])
    with pytest.raises(ValueError, match="groupdq"):
        ramps.linearity_ratio(data, flags[:, 1:])
    with pytest.raises(ValueError, match="four axes"):
        ramps.linearity_ratio(data[0])


def test_binned_median_and_its_error():
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 10, 40000)
    y = 3 + 0.1 * x + rng.normal(0, 0.5, x.size)
    y[::50] = 1e6
    centre, median, sigma, count = ramps.binned_median(x, y, np.linspace(0, 10, 11))
    assert count.sum() == x.size
    assert np.allclose(sigma, 1.2533 * 0.5 / np.sqrt(count), rtol=0.1)
    assert np.all(np.abs(median - 3 - 0.1 * centre) < 5 * sigma)


def test_binned_median_ignores_nan_and_empty_bins():
    centre, median, sigma, count = ramps.binned_median([1, 2, np.nan, 11], [5, 7, 1, np.nan], [0, 10, 20])
    assert (centre[0], median[0], count.tolist()) == (1.5, 6, [2, 0])
    assert np.isnan([centre[1], median[1], sigma[1]]).all()
    with pytest.raises(ValueError, match="rising"):
        ramps.binned_median([1], [1], [3, 2])
    with pytest.raises(ValueError, match="one shape"):
        ramps.binned_median([1], [1, 2], [0, 2])


@given(finite, finite, st.integers(2, 10))
def test_fit_through_a_straight_ramp(slope, intercept, n):
    times = 0.902 * np.arange(1, 11)
    got = ramps.fit_first_groups(times, intercept + slope * times, n)
    assert np.allclose(got, (slope, intercept), atol=1e-6 * max(1, abs(slope), abs(intercept)))


def test_fit_uses_the_first_groups_and_only_finite_ones():
    times = np.arange(1.0, 6.0)
    samples = np.array([2.0, np.nan, 6.0, 100.0, 200.0])
    assert np.allclose(ramps.fit_first_groups(times, samples, 3), (2, 0))
    for n in (1, 6):
        with pytest.raises(ValueError, match="between 2 and 5"):
            ramps.fit_first_groups(times, samples, n)
    with pytest.raises(ValueError, match="finite"):
        ramps.fit_first_groups(times, samples, 2)
    with pytest.raises(ValueError, match="one time per sample"):
        ramps.fit_first_groups(times[1:], samples, 2)


def test_slope_line_starts_at_the_first_usable_sample():
    times, samples = np.arange(1.0, 6.0), np.array([np.nan, 10.0, 50.0, 14.0, 16.0])
    line = ramps.slope_line(times, samples, 2.0)
    assert np.isnan(line[0])
    assert line[1:].tolist() == [10, 12, 14, 16]
    usable = np.array([True, False, True, True, True])
    assert ramps.slope_line(times, samples, 2.0, usable)[2:].tolist() == [50, 52, 54]
    with pytest.raises(ValueError, match="no group"):
        ramps.slope_line(times, samples, 2.0, np.zeros(5, dtype=bool))
    with pytest.raises(ValueError, match="usable"):
        ramps.slope_line(times, samples, 2.0, usable[1:])


def _model(shape=(4, 8, 3, 20)):
    model = datamodels.RampModel(shape)
    model.data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    model.groupdq = np.zeros(shape, dtype=np.uint8)
    model.pixeldq = np.arange(60, dtype=np.uint32).reshape(shape[2:])
    exposure, window = model.meta.exposure, model.meta.subarray
    exposure.nframes, exposure.groupgap, exposure.group_time, exposure.ngroups = 1, 4, 4.51, shape[1]
    exposure.integration_start, exposure.integration_end, exposure.drop_frames1 = 5, 8, 0
    window.xstart, window.xsize = 1, shape[3]
    return model


def test_cut_keeps_the_chosen_part_and_says_so():
    model = _model()
    part = models.cut(model, integrations=slice(1, 3), columns=slice(6, 10))
    assert np.array_equal(part.data, model.data[1:3, :, :, 6:10])
    assert np.array_equal(part.pixeldq, model.pixeldq[:, 6:10])
    assert part.groupdq.shape == part.data.shape
    assert (part.meta.subarray.xstart, part.meta.subarray.xsize) == (7, 4)
    assert (part.meta.exposure.integration_start, part.meta.exposure.integration_end) == (6, 7)
    part.data[:] = -1
    assert model.data.min() == 0
    assert model.meta.subarray.xsize == 20


def test_cut_groups_are_farther_apart():
    part = models.cut(_model(), groups=slice(None, None, 3))
    exposure = part.meta.exposure
    assert (exposure.ngroups, exposure.groupgap, exposure.nframes) == (3, 14, 1)
    assert exposure.group_time == pytest.approx(13.53)
    assert models.cut(_model(), groups=slice(2, None)).meta.exposure.drop_frames1 == 10


def test_cut_leaves_something_without_gaps():
    with pytest.raises(ValueError, match="nothing is left"):
        models.cut(_model(), integrations=slice(9, 10))
    with pytest.raises(ValueError, match="columns are cut without gaps"):
        models.cut(_model(), columns=slice(0, 10, 2))
