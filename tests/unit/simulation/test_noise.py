"""The noise of the simulated read-out, each effect against its formula."""

import numpy as np
import pytest
from scipy.signal import welch

from tso_helpers.simulation import detector, noise


def test_streams_are_independent_of_each_other_and_repeat():
    draw = noise.stream(1, "white_noise", "NRS1", 3).standard_normal(5)
    assert np.array_equal(draw, noise.stream(1, "white_noise", "NRS1", 3).standard_normal(5))
    others = [(2, "white_noise", "NRS1", 3), (1, "ktc", "NRS1", 3), (1, "white_noise", "NRS2", 3)]
    others.append((1, "white_noise", "NRS1", 4))
    assert not any(np.array_equal(draw, noise.stream(*other).standard_normal(5)) for other in others)


def test_frame_times_are_the_published_ones():
    assert detector.MODE.frame_time(32, 2048) == pytest.approx(0.902, abs=1e-6)
    assert detector.MODE.frame_time(32, 32) == pytest.approx(0.01496)


@pytest.mark.parametrize("beta", [0.8, 1.0, 1.3])
def test_power_spectrum_has_the_slope_asked_for(beta):
    # Welch's periodograms of 2^17 samples, a straight line in log-log between 10 Hz and 10 kHz, in 30 log-spaced bins
    series = noise.power_law_series(2**21, 1.0, (1.0, 5e4), np.random.default_rng(3), beta)
    frequency, power = welch(series, fs=1 / noise.SAMPLE_TIME, nperseg=2**17)
    edges = np.geomspace(10, 1e4, 31)
    which = np.digitize(frequency, edges)
    bins = [(frequency[which == i].mean(), power[which == i].mean()) for i in range(1, 31)]
    slope = np.polyfit(*np.log(np.transpose(bins)), 1)[0]
    assert slope == pytest.approx(-beta, abs=0.03)


def test_rms_counts_between_the_stated_frequencies():
    rng = np.random.default_rng(4)
    n, band = 2**18, (1.1, 5e4)
    variances = []
    for _ in range(12):
        series = noise.power_law_series(n, 7.5, band, rng).astype(float)
        spectrum = np.fft.rfft(series * np.hanning(n))
        frequency = np.fft.rfftfreq(n, noise.SAMPLE_TIME)
        inside = (frequency >= band[0]) & (frequency <= band[1])
        variances.append(2 * np.sum(abs(spectrum[inside]) ** 2) / n / np.sum(np.hanning(n) ** 2))
    assert np.sqrt(np.mean(variances)) == pytest.approx(7.5, rel=0.05)


def test_series_does_not_wrap():
    ends = []
    for seed in range(200):
        series = noise.power_law_series(4096, 1.0, (24.0, 5e4), np.random.default_rng(seed))
        ends.append((series[0], series[1], series[-1]))
    first, second, last = np.transpose(ends)
    # neighbours in time are strongly correlated; the two ends are as far apart as can be, and must not be neighbours
    assert np.corrcoef(first, second)[0, 1] > 0.6
    assert np.corrcoef(first, last)[0, 1] < np.corrcoef(first, second)[0, 1] - 0.2


def test_clock_runs_down_columns_with_overhead_and_backwards_in_nrs2():
    samples = np.arange(2 * 7 * 15, dtype=float)  # 2 reads, 3 rows x 5 columns: 7 lines of 15 samples each
    frames = noise.clocked_frames(samples, 2, 3, 5, reverse=False)
    assert frames.shape == (2, 3, 5)
    assert frames[0, 0, 0] == 0
    assert frames[0, 1, 0] == 1  # down the column first: one sample later
    assert frames[0, 0, 1] == 15  # 3 pixels and 12 samples of overhead later
    assert frames[1, 0, 0] == 105  # two columns' worth of overhead after each frame
    backwards = noise.clocked_frames(samples, 2, 3, 5, reverse=True)
    assert np.array_equal(backwards, frames[:, ::-1, ::-1])


def test_one_over_f_stripes_are_as_strong_as_published():
    frames = noise.one_over_f(30, detector.ONE_OVER_F, noise.stream(39, "one_over_f", "NRS1", 0), reverse=False)
    medians = np.median(np.diff(frames, axis=0), axis=1) / detector.get("NRS1").gain
    assert medians.std() == pytest.approx(7, abs=0.7)  # DN


def test_white_and_correlated_noise_give_the_published_cds():
    # published after refpix: 13.2 DN in NRS1, 12.9 in NRS2; refpix itself adds the noise of its few pixels
    for name, published in (("NRS1", 13.2), ("NRS2", 12.9)):
        det, maps = detector.get(name), detector.maps(name, 39)
        correlated = noise.one_over_f(
            10, detector.ONE_OVER_F / det.gain, noise.stream(1, "f", name), detector.MODE.detector(name).reverse
        )
        total = correlated + noise.white_noise(10, maps.white_noise, noise.stream(1, "w", name))
        assert np.diff(total, axis=0)[:, :, 4:-4].std() == pytest.approx(published, rel=0.06)


def test_white_noise_has_its_variance_and_reference_pixels_have_less():
    maps = detector.maps("NRS1", 39)
    drawn = noise.white_noise(50, maps.white_noise, np.random.default_rng(1))
    assert drawn[:, :, 4:-4].std() == pytest.approx(9.9 / 1.4156, rel=0.005)
    assert drawn[:, maps.reference_pixel].std() == pytest.approx(0.8 * 9.9 / 1.4156, rel=0.02)


def test_pedestals_and_odd_even_offsets_drift_as_stated():
    rng = np.random.default_rng(5)
    levels = np.array([noise.pedestals(20, 90, rng) for _ in range(2000)])
    assert levels.mean() == pytest.approx(90, abs=1.5)
    assert levels.mean(axis=1).std() == pytest.approx(np.hypot(15, 5 / np.sqrt(20)), rel=0.05)
    assert levels.std(axis=1, ddof=1).mean() == pytest.approx(5, rel=0.05)
    offsets = np.array([noise.odd_even_offsets(20, 70, rng) for _ in range(500)])
    assert offsets.mean() == pytest.approx(70, abs=0.5)


def test_telegraph_pixels_have_two_levels_and_two_transitions_per_ramp():
    amplitude = np.full(4000, 30.0)
    levels = noise.telegraph(70, amplitude, np.random.default_rng(6))
    assert set(np.unique(levels)) == {0.0, 30.0}
    assert (np.diff(levels, axis=0) != 0).sum(axis=0).mean() == pytest.approx(2, abs=0.1)
    assert levels[0].mean() == pytest.approx(15, abs=1)


def test_the_level_of_the_noise_changes_slowly_by_ten_to_twenty_per_cent():
    places = np.arange(465) / 465
    for seed in range(5):
        level = noise.levels(places, np.random.default_rng(seed))
        assert level.mean() == pytest.approx(1, abs=1e-9)
        assert level.std() == pytest.approx(0.13, abs=1e-9)
        assert np.abs(np.diff(level)).max() < 0.01
        assert noise.levels(places[7], np.random.default_rng(seed)) == pytest.approx(level[7], abs=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_spikes_are_waves_on_the_detectors_clock(reverse):
    lines = ((388.0, 1.6), (9310.0, 1.2))
    frames = noise.spikes((0, 5, 10), lines, np.random.default_rng(8), reverse)
    # the time of each pixel, from the clock that cuts the 1/f noise
    ticks = noise.clocked_frames(np.arange(11 * 90_200, dtype=float), 11, 32, 2048, reverse)[::5] * noise.SAMPLE_TIME
    waves = [f(2 * np.pi * frequency * ticks.ravel()) for frequency, _ in lines for f in (np.sin, np.cos)]
    found, rest = np.linalg.lstsq(np.transpose(waves), frames.ravel(), rcond=None)[:2]
    assert np.hypot(*found.reshape(2, 2).T) == pytest.approx([1.6, 1.2], abs=1e-4)
    assert rest[0] / frames.size < 1e-10
