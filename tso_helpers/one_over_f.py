"""1/f noise: its power spectrum along the read-out clock, and its removal column by column.

A detector is read pixel by pixel through one amplifier whose output wanders, more the longer one waits: 1/f noise.
NIRSpec's window SUB2048 takes 10 us per pixel; the 32 pixels of a column are read one after another, then come 120 us
of overhead, then the next column. What wanders slowly is therefore nearly the same for all pixels of a column and
differs from column to column: vertical stripes, others in every group. The median of a column's background pixels
measures the stripe.

Frames are (..., row, column) in the science orientation of the pipeline; rows and columns count from zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from astropy.stats import mad_std
from scipy import fft, ndimage
from scipy.optimize import curve_fit
from scipy.signal import windows

from . import dq, instrument

__all__ = [
    "SpectralSlope",
    "column_background",
    "log_bins",
    "pixel_times",
    "power_spectrum",
    "quiet_differences",
    "remove_columns",
    "saturated_ramps",
    "spectral_slope",
]

MODE = instrument.NIRSPEC_G395H  # whose window and clock the defaults are

# ---------------------------------------------------------------------------------------------------- the correction


def column_background(data, mask, odd_even=False, ignore=None):
    """Return the median of the background pixels of every column, in every frame.

    Parameters
    ----------
    data : array, shape (..., row, column)
        DN: a ramp (integration, group, row, column), one integration, or a single frame. NaN is ignored.
    mask : array of bool, shape (row, column)
        True for background (`trace.background_mask`).
    odd_even : bool
        Even and odd rows apart: they pass through the amplifier differently, and reference pixels do not remove all
        of it. Where a column has background in rows of one kind only, that median serves both.
    ignore : array of bool, of a shape that broadcasts to that of `data`, optional
        True for samples that are no background after all (`saturated_ramps`).

    Returns
    -------
    array of float, shape (..., column), or (..., 2, column) with `odd_even`
        DN; with `odd_even` first the even rows (0, 2, ...), then the odd ones. NaN where a column has no background.

    Raises
    ------
    TypeError
        If the mask or `ignore` is not made of bool (a DQ array, say).
    ValueError
        If its shape is not that of a frame, `ignore` does not fit the data, or the mask leaves no background at all.

    Examples
    --------
    >>> frame = np.array([[1.0, 5.0], [2.0, 5.0], [9.0, 6.0]])
    >>> column_background(frame, mask=np.ones((3, 2), dtype=bool)).tolist()
    [2.0, 5.0]
    """
    data, mask = _check(data, mask)
    ignore = _check_ignored(ignore, data)
    stack = data.reshape(-1, *data.shape[-2:])
    left_out = None if ignore is None else ignore.reshape(stack.shape)
    if not odd_even:
        return _medians(stack, mask, left_out).reshape(*data.shape[:-2], -1)
    even = (np.arange(mask.shape[0]) % 2 == 0)[:, np.newaxis]
    both = [_medians(stack, mask & rows, left_out) for rows in (even, ~even)]
    both = [np.where(np.isnan(one), other, one) for one, other in (both, both[::-1])]
    return np.stack(both, axis=1).reshape(*data.shape[:-2], 2, -1)


def remove_columns(data, mask, out=None, odd_even=False, ignore=None):
    """Subtract from every column of every frame the median of its background pixels.

    Parameters
    ----------
    data : array, shape (..., row, column)
        DN: a ramp (integration, group, row, column), one integration, or a single frame. NaN is ignored, and stays.
    mask : array of bool, shape (row, column)
        True for background (`trace.background_mask`). A column without any background is left as it is; to count them:
        ``np.sum(~mask.any(axis=0))``.
    out : array of float, shape of `data`, optional
        Where to put the result; ``out=data`` corrects in place. Without it `data` does not change.
    odd_even : bool
        Even and odd rows apart; see `column_background`.
    ignore : array of bool, of a shape that broadcasts to that of `data`, optional
        True for samples that have no say in the medians (`saturated_ramps`): a column that a snowball touches is then
        measured by the rows that are left. Where none is left, the column of that frame stays as it is.

    Returns
    -------
    array of float, shape of `data`
        DN; `out`, if that was given.

    Raises
    ------
    TypeError
        If the mask or `ignore` is not made of bool, or `out` not of floats.
    ValueError
        If the shapes do not fit, or the mask leaves no background at all.

    Notes
    -----
    At the group level, as recommended for bright-object time series by the JWST transiting-exoplanet teams; see
    Schlawin et al. 2020 (arXiv:2010.03564) for the noise, Alderson et al. 2023 (doi:10.1038/s41586-022-05591-3) for
    its removal from this observation.
    One integration is corrected after the other; beyond the result it needs less memory than one integration. Our own,
    because the pipeline's `median_clean` takes one image at a time and knows no even and odd rows; where both can do
    the same, a test shows that they do.

    Examples
    --------
    >>> frame = np.array([[1.0, 5.0], [1.0, 5.0], [1.0, 25.0]])
    >>> remove_columns(frame, mask=np.ones((3, 2), dtype=bool)).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 20.0]]
    """
    data, mask = _check(data, mask)
    ignore = _check_ignored(ignore, data)
    if out is None:
        out = np.empty(data.shape, dtype=np.promote_types(data.dtype, np.float32))
    elif out.shape != data.shape:
        raise ValueError(f"out has shape {out.shape}, data has {data.shape}")
    elif not np.issubdtype(out.dtype, np.floating):
        raise TypeError(f"the result has fractions and negative numbers: out must hold floats, not {out.dtype.name}")
    parts = [slice(None)] if data.ndim <= 3 else range(len(data))
    for i in parts:
        part, target, left_out = data[i], out[i], None if ignore is None else ignore[i]
        background = np.nan_to_num(column_background(part, mask, odd_even, left_out), copy=False, nan=0.0)
        if odd_even:
            for parity in (0, 1):
                rows = (..., slice(parity, None, 2), slice(None))
                np.subtract(part[rows], background[..., parity, np.newaxis, :], out=target[rows])
        else:
            np.subtract(part, background[..., np.newaxis, :], out=target)
    return out


def saturated_ramps(groupdq, halo=6):
    """Find the pixels that cannot measure the background: they saturate, or lie beside a snowball.

    A pixel that saturates in any group is left out of *all* groups of the integration: each pixel has a level of its
    own, so medians of changing sets of pixels would step from one group to the next. A saturated patch of 3 x 3 pixels
    or more is a snowball; the light around it is not saturated, and would pass for drift.

    Parameters
    ----------
    groupdq : array of uint8, shape (integration, group, row, column)
        Flags after the saturation step.
    halo : int
        Pixels around a patch that are left out with it [A].

    Returns
    -------
    array of bool, shape (integration, 1, row, column)
        True for pixels to leave out; fits `ignore` of `remove_columns`.

    Raises
    ------
    ValueError
        If the flags are not four-dimensional.

    Examples
    --------
    >>> flags = np.zeros((1, 3, 5, 9), dtype=np.uint8)
    >>> flags[0, 2, 1, 4] = 2
    >>> saturated_ramps(flags)[0, 0, 1].nonzero()[0].tolist()
    [4]
    """
    groupdq = np.asarray(groupdq)
    if groupdq.ndim != 4:
        raise ValueError(f"flags of shape {groupdq.shape}: four axes are needed, (integration, group, row, column)")
    saturated = np.stack([dq.mask(one, "SATURATED").any(axis=0) for one in groupdq])
    for one in saturated:
        patches = ndimage.binary_opening(one, np.ones((3, 3)))
        if patches.any():
            one |= ndimage.distance_transform_edt(~patches) <= halo
    return saturated[:, np.newaxis]


def _check(data, mask):
    data, mask = np.asarray(data), np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(
            f"the mask says True for background and False for the trace; this one is of type {mask.dtype.name}. "
            "Flags become a mask by ~tso.dq.mask(flags, ...)"
        )
    if data.ndim < 2 or mask.shape != data.shape[-2:]:
        raise ValueError(f"a mask of shape {mask.shape} does not fit frames of data of shape {data.shape}")
    if not mask.any():
        raise ValueError("the mask leaves no background pixel at all: nothing can be measured. Is it too wide?")
    return data, mask


def _check_ignored(ignore, data):
    if ignore is None:
        return None
    ignore = np.asarray(ignore)
    try:
        fits = np.broadcast_to(ignore, data.shape)
    except ValueError:
        raise ValueError(f"ignore, of shape {ignore.shape}, does not fit data of shape {data.shape}") from None
    if ignore.dtype != bool:
        raise TypeError(f"ignore says True for samples to leave out; this one is of type {ignore.dtype.name}")
    return fits


def _medians(stack, mask, ignore=None):
    """Median (frame, column) of the pixels (frame, row, column) that `mask` (row, column) names; NaN without any.

    Columns with as many pixels as each other are sorted together, in pieces of an eighth of the columns or less, so
    that the copies stay small; NaN sorts to the end, where it is counted.
    """
    frames, rows, columns = stack.shape
    pieces = max(8, 32 // max(frames, 1))
    kind = np.promote_types(stack.dtype, np.float32)
    result = np.full((frames, columns), np.nan, dtype=kind)
    counts = mask.sum(axis=0)
    flat = stack.reshape(frames, rows * columns) if stack.flags.c_contiguous else None
    for n in np.unique(counts[counts > 0]):
        alike = np.flatnonzero(counts == n)
        for chosen in np.array_split(alike, -(-pieces * alike.size // columns)):
            which = np.nonzero(mask[:, chosen].T)[1].reshape(-1, n)  # rows (column, pixel)
            if flat is None:
                samples = stack[:, which, chosen[:, np.newaxis]].astype(kind, copy=False)
            else:
                samples = np.take(flat, which * columns + chosen[:, np.newaxis], axis=1).astype(kind, copy=False)
            samples.sort(axis=-1)
            result[:, chosen] = _middle(samples)
    if ignore is not None:
        _measure_again(result, stack, mask, ignore)
    return result


def _measure_again(result, stack, mask, ignore):
    """The few medians (frame, column) that had ignored samples in them, without these."""
    frames, columns = np.nonzero((ignore & mask).any(axis=1))
    if frames.size:
        usable = mask[:, columns].T & ~ignore[frames, :, columns]
        samples = np.sort(np.where(usable, stack[frames, :, columns], np.nan), axis=-1)
        result[frames, columns] = _middle(samples)


def _middle(samples):
    """Median along the last axis of sorted samples, whose NaN stand at the end."""
    n = samples.shape[-1]
    middle = (samples[..., (n - 1) // 2] + samples[..., n // 2]) * 0.5
    gaps = np.isnan(samples[..., -1])
    if gaps.any():
        some = samples[gaps]
        finite = n - np.isnan(some).sum(axis=-1, keepdims=True)
        pair = np.concatenate(((finite - 1) // 2, finite // 2), axis=-1)  # (-1, 0) without any: NaN, both of them
        middle[gaps] = np.take_along_axis(some, pair, axis=-1).sum(axis=-1) * 0.5
    return middle


# -------------------------------------------------------------------------------------------------- the power spectrum


def pixel_times(shape=(MODE.rows, MODE.columns), detector="NRS1"):
    """Return when each pixel of a frame is read.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    detector : str or (int, int)
        ``"NRS1"``, ``"NRS2"``, or the keywords (FASTAXIS, SLOWAXIS) of another one.

    Returns
    -------
    array of float, shape (row, column)
        Seconds after the first pixel of the frame.

    Raises
    ------
    ValueError
        If the detector is unknown or the two axes are not one of each kind.

    Notes
    -----
    10 us per pixel along the fast axis, and 12 samples of overhead before the next line; a whole frame takes
    (fast + 12) (slow + 2) 10 us, 0.902 s for SUB2048 (JWST documentation, NIRSpec subarrays).

    Examples
    --------
    >>> times = pixel_times((32, 2048), "NRS1")
    >>> [round(1e6 * float(times[row, column])) for row, column in ((0, 0), (1, 0), (31, 0), (0, 1))]
    [0, 10, 310, 440]
    """
    fast, slow = _readout(detector)
    lines = np.arange(shape[0 if abs(slow) == 2 else 1])[:, np.newaxis]
    pixels = np.arange(shape[0 if abs(fast) == 2 else 1])
    times = MODE.sample_time * (
        lines * (pixels.size + MODE.line_overhead) + pixels
    )  # (slow, fast), in the order of the clock
    times = times[:: np.sign(slow), :: np.sign(fast)]
    return times.T if abs(fast) == 2 else times


def quiet_differences(data, mask, clip=5.0):
    """Return differences of neighbouring groups without what all integrations share, and without outliers.

    Parameters
    ----------
    data : array, shape (integration, group, row, column)
        DN.
    mask : array of bool, shape (row, column)
        True for the pixels whose noise is of interest, good background pixels; all others become NaN.
    clip : float
        Values further than this many (robust) standard deviations from zero become NaN: a single cosmic ray of some
        thousand DN has power at all frequencies and would hide the rest.

    Returns
    -------
    array of float, shape (integration, group - 1, row, column)
        DN. The median over the integrations, which holds starlight, dark and bias settling, is subtracted.

    Raises
    ------
    TypeError, ValueError
        As for `remove_columns`; also if there are fewer than two groups or three integrations.

    Examples
    --------
    >>> ramps = np.array([0.0, 1.0, -1.0, 900.0]).reshape(4, 1, 1, 1) * np.array([0.0, 1.0]).reshape(1, 2, 1, 1)
    >>> quiet_differences(ramps, mask=np.ones((1, 1), dtype=bool)).ravel().tolist()
    [-0.5, 0.5, -1.5, nan]
    """
    data, mask = _check(data, mask)
    if data.ndim != 4 or data.shape[0] < 3 or data.shape[1] < 2:
        raise ValueError(f"ramps of three integrations and two groups or more are needed, not shape {data.shape}")
    quiet = np.full((data.shape[0], data.shape[1] - 1, *mask.shape), np.nan, np.promote_types(data.dtype, np.float32))
    differences = np.diff(data[:, :, mask], axis=1)
    differences -= np.median(differences, axis=0)  # NaN in one integration: that sample is left out in all of them
    differences[np.abs(differences) > clip * mad_std(differences, ignore_nan=True)] = np.nan
    quiet[:, :, mask] = differences
    return quiet


def power_spectrum(frames, detector="NRS1", mask=None, clip=6.0):
    """Return the power spectral density of frames along the clock that read them.

    Parameters
    ----------
    frames : array, shape (..., row, column)
        DN; usually differences of groups, in which everything constant is gone. Each frame's mean is subtracted. The
        difference of two reads has twice the power of one read. NaN is left out.
    detector : str or (int, int)
        As for `pixel_times`.
    mask : array of bool, shape (row, column), optional
        True for the pixels to use (`trace.background_mask`); all of them without it.
    clip : float
        Pixels further than this many (robust) standard deviations from the median of their frame are left out too:
        one cosmic ray has more power than all the noise. ``np.inf`` keeps everything.

    Returns
    -------
    frequency : array, shape (n,)
        Hz, in equal steps from about one per half frame to 50 kHz.
    power : array, shape (n,)
        One-sided, DN^2/Hz, averaged over the frames: summed over all frequencies (times their step) it is the variance
        of the pixels. Single values scatter, below zero too where there is little power: see `log_bins`.

    Raises
    ------
    TypeError, ValueError
        As for `remove_columns`; also if all pixels are NaN.

    Notes
    -----
    The clock runs on while nothing is read (12 of every 44 samples, and whatever is masked). Zeros in such gaps would
    move power from low frequencies to multiples of the line frequency: with a wide mask, four fifths of it. So the
    autocovariance is taken instead, each lag divided by the number of pairs of pixels that have it (a lag that hardly
    any pair has is interpolated from its neighbours), and transformed with a Hann window over lags up to half a frame:
    the estimator of Blackman & Tukey (1958). With generated 1/f^beta noise it is right to a few per cent from 5 Hz up;
    behind a wide mask it is uncertain within a few hundred Hz of the line frequency, 2.3 kHz. After `remove_columns`
    the pixels whose medians were subtracted look better than they should: what is left shows in the masked ones.
    Our own, because `scipy.signal.welch` knows no gaps, and a Lomb-Scargle periodogram leaks through regular ones.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(0, 10, (20, 32, 64))
    >>> frequency, power = power_spectrum(noise, "NRS1")
    >>> bool(abs(power.sum() * frequency[0] / 100 - 1) < 0.02)
    True
    """
    frames = np.asarray(frames)
    frames, mask = _check(frames, np.ones(frames.shape[-2:], dtype=bool) if mask is None else mask)
    spot = np.rint(pixel_times(mask.shape, detector) / MODE.sample_time).astype(int)
    used = np.flatnonzero(mask)
    spot, length = spot.ravel()[used], int(spot.max()) + 1
    padded = fft.next_fast_len(2 * length, real=True)  # so that the end does not meet the beginning
    power, pairs, complete = 0.0, 0.0, _intensity(np.ones(used.size), spot, padded)
    for frame in frames.reshape(-1, mask.size):
        values = frame[used].astype(float)
        good = _ordinary(values, clip)
        if good.any():
            power += _intensity(np.where(good, values - values[good].mean(), 0.0), spot, padded)
            pairs += complete if good.all() else _intensity(good.astype(float), spot, padded)
    if np.ndim(power) == 0:
        raise ValueError("no finite pixel in any frame: there is nothing to take a spectrum of")
    lags = np.arange(length // 2)
    number = np.rint(fft.irfft(pairs, padded)[: lags.size])
    known = number > 0.02 * number[0]
    covariance = np.interp(lags, lags[known], fft.irfft(power, padded)[: lags.size][known] / number[known])
    covariance *= windows.hann(2 * lags.size, sym=False)[lags.size :]
    both_sides = np.concatenate((covariance, [0.0], covariance[:0:-1]))
    return fft.rfftfreq(2 * lags.size, MODE.sample_time)[1:], 2 * MODE.sample_time * fft.rfft(both_sides).real[1:]


def log_bins(frequency, power, per_decade=10):
    """Average a spectrum in bins of equal width in the logarithm of the frequency.

    Parameters
    ----------
    frequency, power : arrays, shape (n,)
        From `power_spectrum`; Hz, DN^2/Hz.
    per_decade : int
        Bins for each factor of ten.

    Returns
    -------
    frequency : array, shape (bin,)
        Hz, geometric mean of each bin that holds anything.
    power : array, shape (bin,)
        Mean power.
    sigma : array, shape (bin,)
        Standard error of the mean power, from the scatter in the bin; NaN for a bin of one.
    count : array of int, shape (bin,)
        How many values the bin holds.

    Raises
    ------
    ValueError
        If the shapes differ or a frequency is not positive.

    Examples
    --------
    >>> frequency, power, sigma, count = log_bins(np.array([1.0, 10.0, 11.0]), np.array([5.0, 2.0, 4.0]), per_decade=1)
    >>> frequency.round(2).tolist(), power.tolist(), sigma.round(2).tolist()
    ([1.0, 10.49], [5.0, 3.0], [nan, 1.0])
    """
    frequency, power = np.asarray(frequency, dtype=float), np.asarray(power, dtype=float)
    if frequency.shape != power.shape or frequency.ndim != 1 or not np.all(frequency > 0):
        raise ValueError("one power for each frequency is needed, and frequencies above zero")
    number = np.floor(per_decade * np.log10(frequency / frequency.min()) + 1e-9).astype(int)
    _, group, count = np.unique(number, return_inverse=True, return_counts=True)
    mean = np.bincount(group, power) / count
    square = np.bincount(group, (power - mean[group]) ** 2)
    sigma = np.sqrt(np.divide(square, (count - 1) * count, out=np.full(count.size, np.nan), where=count > 1))
    return np.exp(np.bincount(group, np.log(frequency)) / count), mean, sigma, count


class SpectralSlope(NamedTuple):
    """Power law fitted to a spectrum: ``amplitude / frequency**beta + white``; call it with frequencies (Hz).

    Attributes
    ----------
    beta : float
        Slope, without unit.
    sigma : float
        Standard error of `beta`.
    amplitude : float
        Power at 1 Hz, DN^2/Hz.
    white : float
        Level of the white noise, DN^2/Hz.
    limits : (float, float)
        Range that was fitted, Hz.
    """

    beta: float
    sigma: float
    amplitude: float
    white: float
    limits: tuple[float, float]

    def __call__(self, frequency):
        """Fitted power (DN^2/Hz) at `frequency` (Hz)."""
        return self.amplitude * np.asarray(frequency, dtype=float) ** -self.beta + self.white


def spectral_slope(frequency, power, limits=(5.0, 1000.0), white=True):
    """Fit the slope of a power spectrum: the beta of 1/f^beta.

    Parameters
    ----------
    frequency, power : arrays, shape (n,)
        From `power_spectrum`; Hz, DN^2/Hz.
    limits : (float, float)
        Range to fit, Hz. Keep clear of the first few frequencies, which the length of a frame blurs, and of the
        line frequency (2273 Hz).
    white : bool
        Fit a constant as well, white noise, which otherwise makes the slope look flatter.

    Returns
    -------
    SpectralSlope
        Unpacks as ``beta, sigma, amplitude, white, limits``; call it with frequencies to draw it.

    Raises
    ------
    ValueError
        If fewer than five bins of positive power lie within the limits.

    Notes
    -----
    Estimator: least squares on the logarithm of the power, averaged in ten bins a decade, each weighted by the number
    of frequencies in it; the standard error is scaled by the scatter about the fit.

    Examples
    --------
    >>> frequency = np.arange(1.0, 2000.0)
    >>> slope = spectral_slope(frequency, 7.0 / frequency + 0.01)
    >>> round(slope.beta, 2), round(slope.white, 3)
    (1.0, 0.01)
    """
    frequency, power = np.asarray(frequency, dtype=float), np.asarray(power, dtype=float)
    inside = (frequency >= limits[0]) & (frequency <= limits[1])
    f, p, _, count = log_bins(frequency[inside], power[inside]) if inside.any() else (np.zeros(0),) * 4
    good = p > 0
    if good.sum() < 5:
        raise ValueError(f"fewer than five bins of positive power within {limits} Hz: no slope can be fitted")
    f, p, count = f[good], p[good], count[good]
    unit = p.min()

    def model(x, log_amplitude, beta, level=0.0):
        return np.logaddexp(log_amplitude - beta * np.log(x), np.log(max(level, 1e-30) * unit))

    start, low, high = [np.log(p[0] * f[0]), 1.0, 0.3], [-np.inf, -np.inf, 0.0], [np.inf, np.inf, 10.0]
    n = 3 if white else 2
    best, covariance = curve_fit(
        model, f, np.log(p), p0=start[:n], sigma=1 / np.sqrt(count), bounds=(low[:n], high[:n]), method="trf"
    )
    level = float(best[2] * unit) if white else 0.0
    limits = float(limits[0]), float(limits[1])
    return SpectralSlope(float(best[1]), float(np.sqrt(covariance[1, 1])), float(np.exp(best[0])), level, limits)


def _readout(detector):
    if isinstance(detector, str):
        described = MODE.detector(detector)
        return described.fast_axis, described.slow_axis
    axes = tuple(detector)
    if sorted(np.abs(axes)) != [1, 2]:
        raise ValueError(f"{axes} are no FASTAXIS and SLOWAXIS: one is 1 or -1, the other 2 or -2")
    return axes


def _ordinary(values, clip):
    """True for finite values that lie within `clip` robust standard deviations of their median."""
    good = np.isfinite(values)
    if not good.any():
        return good
    distance = np.abs(values - np.median(values[good]))
    spread = mad_std(values[good])
    return good & (distance <= clip * spread) if spread > 0 else good


def _intensity(values, spot, length):
    """|FFT|^2 of values that stand at given places of an otherwise empty series."""
    series = np.zeros(length)
    series[spot] = values
    return np.abs(fft.rfft(series)) ** 2
