"""The column correction as properties, and the power spectrum on noise of known slope."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tso_helpers import one_over_f, trace

numbers = st.floats(-(2.0**20), 2.0**20, width=32)


@st.composite
def frames_and_masks(draw, elements=numbers):
    """Frames of any number of axes, in single or double precision, and a mask with some background."""
    frame = draw(st.tuples(st.integers(1, 9), st.integers(1, 12)))
    shape = draw(st.sampled_from([(), (2,), (2, 3)])) + frame
    data = draw(hnp.arrays(draw(st.sampled_from([np.float32, np.float64])), shape, elements=elements))
    mask = draw(hnp.arrays(bool, frame))
    mask[draw(st.integers(0, frame[0] - 1)), draw(st.integers(0, frame[1] - 1))] = True
    return data, mask


def column_loop(data, mask, odd_even=False):
    """The correction written down column by column, with NumPy's own median."""
    result = np.array(data, dtype=data.dtype)
    for place in np.ndindex(data.shape[:-2]):
        for column in range(data.shape[-1]):
            values = data[place][:, column]
            for parity in (slice(0, None, 2), slice(1, None, 2)) if odd_even else (slice(None),):
                chosen = values[parity][mask[parity, column]]
                chosen = chosen[~np.isnan(chosen)]
                if odd_even and not chosen.size:
                    chosen = values[mask[:, column]]
                    chosen = chosen[~np.isnan(chosen)]
                if chosen.size:
                    result[place][parity, column] -= np.median(chosen)
    return result


@given(frames_and_masks(st.one_of(numbers, st.just(np.nan))), st.booleans())
def test_equals_the_loop_over_columns(case, odd_even):
    data, mask = case
    before = data.copy()
    got = one_over_f.remove_columns(data, mask, odd_even=odd_even)
    assert got.dtype == data.dtype
    assert np.array_equal(data, before, equal_nan=True)
    assert np.allclose(got, column_loop(data, mask, odd_even), rtol=0, atol=0.2 * 2.0**20 * 2**-20, equal_nan=True)
    into = one_over_f.remove_columns(data, mask, out=data, odd_even=odd_even)
    assert into is data
    assert np.array_equal(data, got, equal_nan=True)


@given(frames_and_masks(), st.booleans())
def test_leaves_a_noiseless_image_unchanged(case, odd_even):
    data, mask = case
    data[..., mask] = 0.0  # a spectrum where the mask is, and nothing beside it
    assert np.array_equal(one_over_f.remove_columns(data, mask, odd_even=odd_even), data)


@given(frames_and_masks(), st.booleans())
def test_removes_any_pure_column_pattern_exactly(case, odd_even):
    data, mask = case
    data[:] = data[..., :1, :]
    corrected = one_over_f.remove_columns(data, mask, odd_even=odd_even)
    has_background = mask.any(axis=0)
    assert not corrected[..., has_background].any()
    assert np.array_equal(corrected[..., ~has_background], data[..., ~has_background])


@given(frames_and_masks(), st.data())
def test_ignores_nan(case, choose):
    data, mask = case
    holes = choose.draw(hnp.arrays(bool, mask.shape))
    kept = mask & ~holes
    if not kept.any():
        return
    expected = one_over_f.column_background(data, kept)
    data[..., holes] = np.nan
    assert np.array_equal(one_over_f.column_background(data, mask), expected, equal_nan=True)


@given(frames_and_masks(), st.booleans(), st.data())
def test_ignored_samples_have_no_say_but_are_corrected(case, odd_even, choose):
    data, mask = case
    ignore = choose.draw(hnp.arrays(bool, data.shape))
    holes = np.where(ignore, np.nan, data)
    expected = one_over_f.column_background(holes, mask, odd_even)
    assert np.array_equal(one_over_f.column_background(data, mask, odd_even, ignore), expected, equal_nan=True)
    corrected = one_over_f.remove_columns(data, mask, odd_even=odd_even, ignore=ignore)
    assert np.array_equal(corrected[~ignore], one_over_f.remove_columns(holes, mask, odd_even=odd_even)[~ignore])
    spoilt = np.where(ignore & mask, 6e4, data).astype(data.dtype)  # a snowball
    again = one_over_f.remove_columns(spoilt, mask, odd_even=odd_even, ignore=ignore)
    assert np.array_equal(again[~ignore], corrected[~ignore])


def test_ignored_samples_of_another_shape_or_kind():
    data, mask = np.zeros((2, 6, 10)), np.ones((6, 10), dtype=bool)
    with pytest.raises(ValueError, match="does not fit"):
        one_over_f.remove_columns(data, mask, ignore=mask[:3])
    with pytest.raises(TypeError, match="uint8"):
        one_over_f.column_background(data, mask, ignore=np.zeros(data.shape, dtype=np.uint8))


def test_saturated_ramps_are_left_out_of_all_groups_and_snowballs_with_a_halo():
    flags = np.zeros((3, 4, 20, 40), dtype=np.uint8)
    flags[0, 2:, 3, 7] = 2 | 4  # a hit that fills one pixel
    flags[1, 1:, 8:11, 18:21] = 2  # a snowball
    flags[2, :, 5, 5] = 4  # a jump: not saturated
    left_out = one_over_f.saturated_ramps(flags, halo=3)
    assert left_out.shape == (3, 1, 20, 40)
    assert np.argwhere(left_out[0, 0]).tolist() == [[3, 7]]
    row, column = np.indices((20, 40))
    distance = np.hypot(np.maximum(abs(row - 9) - 1, 0), np.maximum(abs(column - 19) - 1, 0))
    assert np.array_equal(left_out[1, 0], distance <= 3)
    assert not left_out[2].any()
    with pytest.raises(ValueError, match="four axes"):
        one_over_f.saturated_ramps(flags[0])


def test_odd_even_removes_rows_that_differ():
    rng = np.random.default_rng(1)
    stripes, mask = rng.normal(0, 50, (2, 3, 1, 20)), np.ones((8, 20), dtype=bool)
    data = stripes + 70.0 * (np.arange(8) % 2)[:, None]
    assert np.abs(one_over_f.remove_columns(data, mask, odd_even=True)).max() < 1e-9
    assert np.abs(one_over_f.remove_columns(data, mask)).max() == pytest.approx(35)
    assert one_over_f.column_background(data, mask, odd_even=True).shape == (2, 3, 2, 20)
    assert np.allclose(one_over_f.column_background(data, mask, odd_even=True)[..., 1, :] - stripes[:, :, 0], 70)


def test_column_that_is_all_nan_or_all_masked():
    data = np.ones((2, 6, 4), dtype=np.float32)
    data[0, :, 1] = np.nan
    mask = np.ones((6, 4), dtype=bool)
    mask[:, 2] = False
    background = one_over_f.column_background(data, mask)
    assert np.isnan(background).tolist() == [[False, True, True, False], [False, False, True, False]]
    corrected = one_over_f.remove_columns(data, mask)
    assert np.isnan(corrected[0, :, 1]).all()
    assert (corrected[:, :, 2] == 1).all()
    assert not corrected[:, :, [0, 3]].any()


def test_integers_and_parts_of_an_array():
    data = np.arange(2 * 4 * 6 * 10, dtype=np.uint16).reshape(2, 4, 6, 10)
    mask = np.ones((6, 10), dtype=bool)
    whole = one_over_f.remove_columns(data, mask)
    assert whole.dtype == np.float32
    assert np.array_equal(one_over_f.remove_columns(data[:, 1::2], mask), whole[:, 1::2])
    part = data.astype(float)[..., ::2]
    assert np.array_equal(one_over_f.remove_columns(part, mask[:, ::2], out=part), whole[..., ::2])
    with pytest.raises(TypeError, match="floats"):
        one_over_f.remove_columns(data, mask, out=data)


@pytest.mark.parametrize(
    ("mask", "error", "words"),
    [
        (np.ones((6, 9), dtype=bool), ValueError, "does not fit"),
        (np.zeros((6, 10), dtype=bool), ValueError, "no background"),
        (np.ones((6, 10), dtype=np.uint32), TypeError, "uint32"),
        (np.ones((6, 10)), TypeError, "float64"),
    ],
)
def test_masks_that_cannot_be_meant(mask, error, words):
    with pytest.raises(error, match=words):
        one_over_f.remove_columns(np.zeros((2, 6, 10)), mask)


def test_out_of_another_shape():
    with pytest.raises(ValueError, match="shape"):
        one_over_f.remove_columns(np.zeros((6, 10)), np.ones((6, 10), dtype=bool), out=np.zeros((6, 9)))


@pytest.mark.parametrize("odd_even", [False, True])
@pytest.mark.parametrize("shape", [(3, 14, 32, 512), (2, 1, 32, 2048)])
def test_needs_less_memory_than_one_integration(shape, odd_even):
    data, mask = np.ones(shape, dtype=np.float32), np.ones(shape[-2:], dtype=bool)
    ignore = np.zeros(shape, dtype=bool)
    ignore[..., 10:20, 100:110] = True
    tracemalloc.start()
    try:
        one_over_f.remove_columns(data, mask, out=data, odd_even=odd_even, ignore=ignore)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < data[0].nbytes


@given(frames_and_masks())
@settings(deadline=None)
def test_agrees_with_the_pipelines_own_where_both_can_do_the_same(case):
    """One image after the other, one mask, nothing missing, even and odd rows together: `clean_flicker_noise` too."""
    from jwst.clean_flicker_noise.clean_flicker_noise import median_clean

    data, mask = case
    data = data.astype(np.float64)
    slow = abs(one_over_f.MODE.detector("NRS1").slow_axis)
    images = data.reshape(-1, *mask.shape)
    expected = np.stack([median_clean(image, mask, slow) for image in images]).reshape(data.shape)
    np.testing.assert_allclose(one_over_f.remove_columns(data, mask), expected, rtol=1e-12, atol=1e-9)


# ---------------------------------------------------------------------------------------------- clock and spectrum


def test_clock_of_the_two_detectors():
    times = one_over_f.pixel_times((32, 2048), "NRS1")
    assert times.shape == (32, 2048)
    assert np.allclose(1e6 * np.diff(times[:, 7]), 10)
    assert np.allclose(1e6 * (times[0, 1:] - times[31, :-1]), 130)  # 10 us and 120 us of overhead
    assert times.max() < 0.902 == pytest.approx((2048 + 2) * (32 + 12) * 1e-5)
    assert np.array_equal(one_over_f.pixel_times((32, 2048), "NRS2"), times[::-1, ::-1])
    assert np.array_equal(one_over_f.pixel_times((32, 2048), (2, 1)), times)


def test_clock_with_the_fast_axis_along_the_rows():
    times = one_over_f.pixel_times((4, 6), (1, -2))
    assert np.allclose(1e6 * np.diff(times, axis=1), 10)
    assert times[3, 0] == 0
    assert times[0, 0] == pytest.approx(3 * (6 + 12) * 1e-5)


@pytest.mark.parametrize("detector", ["NRS3", (1, 1), (0, 2), (3, 1)])
def test_unknown_read_out(detector):
    with pytest.raises(ValueError, match=r"FASTAXIS|choose from NRS1, NRS2"):
        one_over_f.pixel_times((32, 2048), detector)


def read_out(noise, rows, columns, detector):
    """Put a time series of 10 us samples into frames, by the times of the pixels."""
    spot = np.rint(one_over_f.pixel_times((rows, columns), detector) / 1e-5).astype(int)
    length = (rows + 12) * (columns + 2)
    return noise[: len(noise) // length * length].reshape(-1, length)[:, spot]


def power_law(beta, samples, rng):
    """Noise of power ``frequency**-beta`` (per Hz) in samples 10 us apart; drawn twice as long and cut."""
    frequency = np.fft.rfftfreq(2 * samples, 1e-5)
    amplitude = np.zeros(frequency.size)
    amplitude[1:] = np.sqrt(frequency[1:] ** -beta * samples / 1e-5 / 2)
    spectrum = amplitude * (rng.standard_normal(frequency.size) + 1j * rng.standard_normal(frequency.size))
    return np.fft.irfft(spectrum)[:samples]


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beta", [0.8, 1.0, 1.2])
def test_slope_of_generated_noise(beta, masked, detector):
    rng = np.random.default_rng(6)
    rows, columns = 32, 1024
    series = power_law(beta, 40 * 44 * (columns + 2), rng)
    white = 2e-4
    frames = read_out(series + rng.normal(0, np.sqrt(white * 5e4), series.size), rows, columns, detector)
    mask = trace.background_mask((rows, columns), 16.3 + 0.005 * np.arange(columns), 12) if masked else None
    slope = one_over_f.spectral_slope(*one_over_f.power_spectrum(frames, detector, mask), limits=(10, 1000))
    assert abs(slope.beta - beta) < 0.12
    assert abs(slope.beta - beta) < 4 * slope.sigma
    assert 0.6 < slope.amplitude < 1.6


def test_spectrum_read_by_the_wrong_clock_is_flatter():
    """A detector read along the other axis does not show the slope: the clock matters."""
    rng = np.random.default_rng(6)
    frames = read_out(power_law(1.0, 20 * 44 * 514, rng), 32, 512, "NRS1")
    right, wrong = (
        one_over_f.spectral_slope(*one_over_f.power_spectrum(frames, axes), limits=(20, 1000)).beta
        for axes in ((2, 1), (1, 2))
    )
    assert abs(right - 1) < 0.15
    assert abs(wrong - 1) > 0.3


@pytest.mark.parametrize("masked", [False, True])
def test_white_noise_has_its_variance_at_every_frequency(masked):
    rng = np.random.default_rng(8)
    frames = rng.normal(3.0, 10, (60, 32, 256))
    mask = np.ones((32, 256), dtype=bool)
    mask[8:24] = not masked
    frequency, power = one_over_f.power_spectrum(frames, "NRS1", mask)
    assert np.isclose(power.sum() * frequency[0], 100, rtol=0.03)
    binned = one_over_f.log_bins(frequency, power, per_decade=4)
    wide = binned[3] > 50
    assert np.allclose(binned[1][wide], 100 / 5e4, rtol=0.15)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_nan_is_left_out_of_the_spectrum(seed):
    rng = np.random.default_rng(seed)
    frames = rng.normal(0, 10, (30, 32, 64))
    frames[rng.random(frames.shape) < 0.1] = np.nan
    frequency, power = one_over_f.power_spectrum(frames, "NRS2")
    assert np.isclose(power.sum() * frequency[0], 100, rtol=0.06)


def test_cosmic_rays_are_left_out_of_the_spectrum():
    rng = np.random.default_rng(2)
    frames = rng.normal(0, 10, (20, 32, 64))
    hit = frames.copy()
    hit.reshape(-1)[rng.integers(0, hit.size, 100)] += 5000
    clean, kept, spoilt = (
        one_over_f.power_spectrum(data, clip=clip)[1].mean() for data, clip in ((frames, 6), (hit, 6), (hit, np.inf))
    )
    assert kept == pytest.approx(clean, rel=0.02)
    assert spoilt > 10 * clean


def test_nothing_to_take_a_spectrum_of():
    with pytest.raises(ValueError, match="no finite pixel"):
        one_over_f.power_spectrum(np.full((2, 8, 8), np.nan))
    with pytest.raises(ValueError, match="does not fit"):
        one_over_f.power_spectrum(np.zeros((2, 8, 8)), mask=np.ones((8, 7), dtype=bool))


@given(hnp.arrays(float, st.integers(1, 200), elements=st.floats(0, 1e3)), st.integers(1, 20))
def test_log_bins_keep_the_sum(power, per_decade):
    frequency = np.arange(1.0, power.size + 1)
    f, mean, sigma, count = one_over_f.log_bins(frequency, power, per_decade)
    assert count.sum() == power.size
    assert np.isclose((mean * count).sum(), power.sum())
    assert np.all(np.diff(f) > 0)
    assert np.array_equal(np.isnan(sigma), count == 1)


def test_log_bins_and_slope_refuse_nonsense():
    with pytest.raises(ValueError, match="above zero"):
        one_over_f.log_bins([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="each frequency"):
        one_over_f.log_bins([1.0], [1.0, 1.0])
    f = np.arange(1.0, 100.0)
    for limits in ((200, 300), (10, 12)):
        with pytest.raises(ValueError, match="fewer than five bins"):
            one_over_f.spectral_slope(f, 1 / f, limits)
    with pytest.raises(ValueError, match="fewer than five bins"):
        one_over_f.spectral_slope(f, -1 / f, (1, 100))


@given(st.floats(0.3, 1.8), st.floats(1e-3, 1e3), st.floats(0, 1e-3))
@settings(deadline=None, max_examples=30)
def test_slope_of_an_exact_law(beta, amplitude, white):
    f = np.arange(2.0, 2000.0, 0.5)
    slope = one_over_f.spectral_slope(f, amplitude * (f**-beta + white))
    assert abs(slope.beta - beta) < 0.03
    assert np.allclose(slope([10, 100, 500]), amplitude * (np.array([10.0, 100, 500]) ** -beta + white), rtol=0.03)
    straight = one_over_f.spectral_slope(f, amplitude * f**-beta, white=False)
    assert abs(straight.beta - beta) < 0.02
    assert straight.white == 0


def test_quiet_differences_keep_the_noise_and_nothing_else():
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 10, (40, 5, 8, 30))
    light = 1000.0 * np.arange(5).reshape(1, 5, 1, 1) * rng.random((8, 30))
    data = (noise + light).astype(np.float32)
    data[3, 2:, 1, 7] += 5000  # a cosmic ray
    data[:, :, 2, 8] = np.nan
    mask = np.ones((8, 30), dtype=bool)
    mask[4] = False
    before = data.copy()
    quiet = one_over_f.quiet_differences(data, mask)
    assert np.array_equal(data, before, equal_nan=True)
    assert quiet.shape == (40, 4, 8, 30)
    assert np.isnan(quiet[:, :, 4]).all()
    assert np.isnan(quiet[:, :, 2, 8]).all()
    assert np.isnan(quiet[3, 1, 1, 7])
    assert abs(np.nanstd(quiet) / (10 * np.sqrt(2)) - 1) < 0.03
    with pytest.raises(ValueError, match="three integrations"):
        one_over_f.quiet_differences(data[:2], mask)
