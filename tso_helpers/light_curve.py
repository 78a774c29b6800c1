"""Light curves: the flux of every integration, its normalisation, its scatter and what photons alone would give.

Rates are (integration, row, column), DN/s, as in ``rateints``; times are BJD_TDB in days.
"""

from __future__ import annotations

import itertools

import numpy as np

from . import dq as flags

__all__ = [
    "expected_scatter_ppm",
    "fill_bad",
    "integration_times",
    "noise_budget",
    "normalise",
    "out_of_transit",
    "scatter_ppm",
    "stitch",
    "white_light",
]


def white_light(rates, dq=None, aperture=None):
    """White-light curve: all the light on the frame, integration by integration.

    Parameters
    ----------
    rates : CubeModel (rateints) or array, shape (integration, row, column)
        DN/s.
    dq : array of int, same shape, optional
        Flags of an array; a model brings its own.
    aperture : array of bool, shape (row, column), optional
        Pixels to add up; the whole frame without it.

    Returns
    -------
    array of float, shape (integration,)
        DN/s, in double precision. Bad pixels are treated as `fill_bad` says: one that comes and goes would otherwise
        look like a change of the star.

    Raises
    ------
    ValueError
        If the shapes do not fit, or an aperture leaves no pixel.

    Examples
    --------
    >>> white_light(np.array([[[1.0, 2.0]], [[3.0, 4.0]]])).tolist()
    [3.0, 7.0]
    """
    filled = fill_bad(rates, dq)
    if aperture is None:
        return filled.sum(axis=(1, 2), dtype=float)
    aperture = np.asarray(aperture, dtype=bool)
    if aperture.shape != filled.shape[1:]:
        raise ValueError(f"an aperture of shape {aperture.shape} does not fit frames of {filled.shape[1:]}")
    if not aperture.any():
        raise ValueError("the aperture holds no pixel at all")
    return filled[:, aperture].sum(axis=1, dtype=float)


def fill_bad(rates, dq=None):
    """Rates without gaps, so that every integration adds up the same pixels.

    Parameters
    ----------
    rates, dq
        As for `white_light`.

    Returns
    -------
    array of float, shape (integration, row, column)
        DN/s; a copy. A pixel is bad where it is NaN or flagged DO_NOT_USE. Bad in every integration, it is 0. Bad
        in some, it gets there its median over the good ones, scaled by how bright the pixels that are never bad are
        in that integration: a gap during transit must not be filled with light from before.

    Raises
    ------
    ValueError
        If `rates` has not three axes or the flags have another shape.

    Examples
    --------
    >>> fill_bad(np.array([[[10.0, 1.0]], [[8.0, np.nan]], [[10.0, 1.0]]]))[:, 0, 1].tolist()
    [1.0, 0.8, 1.0]
    """
    if hasattr(rates, "data") and hasattr(rates, "meta"):
        rates, dq = rates.data, rates.dq if dq is None else dq
    rates = np.asarray(rates)
    if rates.ndim != 3:
        raise ValueError(f"rates have three axes (integration, row, column), not shape {rates.shape}")
    good = np.isfinite(rates)
    if dq is not None:
        if np.shape(dq) != rates.shape:
            raise ValueError(f"flags of shape {np.shape(dq)} do not belong to rates of shape {rates.shape}")
        good &= ~flags.mask(dq, "DO_NOT_USE")
    filled = np.where(good, rates, 0).astype(np.promote_types(rates.dtype, np.float32), copy=False)
    number = good.sum(axis=0)
    always = filled[:, number == len(rates)].sum(axis=1, dtype=float)
    brightness = always / np.median(always) if np.all(always > 0) else np.ones(len(rates))
    row, column = np.nonzero((number > 0) & (number < len(rates)))
    if row.size:
        here = good[:, row, column]
        relative = np.where(here, filled[:, row, column] / brightness[:, np.newaxis], np.nan)
        usual = np.nanmedian(relative, axis=0) * brightness[:, np.newaxis]
        filled[:, row, column] = np.where(here, filled[:, row, column], usual)
    return filled


def integration_times(model):
    """Middle of each integration of a segment.

    Parameters
    ----------
    model : RampModel or CubeModel
        With its table of integration times (INT_TIMES).

    Returns
    -------
    array of float, shape (integration,)
        BJD_TDB, d.

    Raises
    ------
    ValueError
        If the model has no such table, or none of its rows belong to the model's integrations.
    """
    table = getattr(model, "int_times", None)
    if table is None or len(table) == 0:
        raise ValueError("this model has no table of integration times (INT_TIMES): was it cut out of another by hand?")
    number = np.asarray(table["integration_number"])
    first, last = model.meta.exposure.integration_start, model.meta.exposure.integration_end
    chosen = np.ones(number.size, dtype=bool) if first is None else (number >= first) & (number <= last)
    if chosen.sum() != model.shape[0]:
        raise ValueError(f"INT_TIMES has {chosen.sum()} rows for the {model.shape[0]} integrations of this model")
    return np.asarray(table["int_mid_BJD_TDB"], dtype=float)[chosen]


def out_of_transit(times, mid_transit, duration, margin=0.0):
    """True for integrations before and after the transit.

    Parameters
    ----------
    times : array, shape (integration,)
        BJD_TDB, d.
    mid_transit : float
        BJD_TDB, d.
    duration : float
        From first to last contact (T14), d.
    margin : float
        Kept away from either contact, d.

    Returns
    -------
    array of bool, shape (integration,)

    Examples
    --------
    >>> out_of_transit(np.array([0.0, 0.9, 1.0, 1.2]), mid_transit=1.0, duration=0.3).tolist()
    [True, False, False, True]
    """
    if not (duration > 0 and margin >= 0):
        raise ValueError(f"a transit lasts longer than 0 d and the margin is not negative: {duration}, {margin}")
    return np.abs(np.asarray(times, dtype=float) - mid_transit) > duration / 2 + margin


def normalise(flux, chosen=None):
    """Flux relative to its median out of transit.

    Parameters
    ----------
    flux : array, shape (integration,)
        Any unit.
    chosen : array of bool, shape (integration,), optional
        True for the integrations whose median is 1 afterwards (`out_of_transit`); all without it.

    Returns
    -------
    array of float, shape (integration,)
        Without unit. NaN is ignored in the median, and stays.

    Raises
    ------
    ValueError
        If the shapes differ, or there is nothing finite and positive to divide by.

    Examples
    --------
    >>> normalise(np.array([4.0, 3.0, 4.0]), chosen=np.array([True, False, True])).tolist()
    [1.0, 0.75, 1.0]
    """
    flux, chosen = _check_curve(flux, chosen)
    level = np.median(flux[chosen]) if chosen.any() else np.nan
    if not level > 0:
        raise ValueError(f"the median of the {chosen.sum()} chosen finite fluxes is {level}: nothing to divide by")
    return flux / level


def scatter_ppm(flux, chosen=None, method="differences"):
    """Scatter of a light curve about itself, insensitive to a few outliers.

    Parameters
    ----------
    flux : array, shape (integration,)
        Relative flux.
    chosen : array of bool, shape (integration,), optional
        Integrations to look at (`out_of_transit`); all without it. NaN is left out.
    method : {"differences", "mad"}
        "differences" between neighbouring integrations: their root mean square over sqrt(2), without those beyond 5
        sigma, sees noise from one integration to the next and no slow trend; "mad", the median absolute deviation from
        the median, sees both.

    Returns
    -------
    float
        Parts per million of the median; the standard deviation, if the noise is Gaussian.

    Raises
    ------
    ValueError
        If the method is unknown or fewer than three fluxes are left.

    Examples
    --------
    >>> noise = np.random.default_rng(3).normal(1, 200e-6, 20000)
    >>> abs(scatter_ppm(noise) - 200) < 5
    True
    """
    flux, chosen = _check_curve(flux, chosen)
    if chosen.sum() < 3:
        raise ValueError(f"a scatter needs three fluxes or more, {chosen.sum()} are left")
    if method == "mad":
        deviation = np.abs(flux[chosen] - np.median(flux[chosen]))
        return 1e6 * 1.4826 * float(np.median(deviation) / np.median(flux[chosen]))
    if method != "differences":
        raise ValueError(f"method is 'differences' or 'mad', not {method!r}")
    steps = np.diff(flux)[chosen[1:] & chosen[:-1]]  # none across the transit
    if steps.size < 2:
        raise ValueError("fewer than two pairs of neighbouring integrations are left")
    usual = steps[np.abs(steps) <= 5 * 1.4826 * np.median(np.abs(steps))]
    return 1e6 * float(np.sqrt(np.mean(usual**2) / 2) / np.median(flux[chosen]))


def expected_scatter_ppm(flux, gain, time, pixels=0, read_noise=0.0, groups=None):
    """Scatter of a light curve that photon noise, and on demand read noise, must at least give.

    Parameters
    ----------
    flux : float or array
        Summed rate of one integration, DN/s *before* gain_scale; of an array the median is taken.
    gain : float
        e-/DN.
    time : float
        Seconds from the first group to the last, (groups - 1) x group time: a slope knows nothing of the photons
        that came before the first sample.
    pixels : int
        Pixels that were summed, for the read noise.
    read_noise : float
        e- per read and pixel.
    groups : int, optional
        Groups up the ramp; needed with `read_noise`.

    Returns
    -------
    float
        Parts per million.

    Raises
    ------
    ValueError
        If flux, gain or time is not positive, or `groups` is missing.

    Notes
    -----
    Photons: 1 / sqrt(electrons). Read noise: an unweighted straight line through n samples over the time T has a
    variance of 12 sigma^2 (n - 1) / (n (n + 1)) in units of (electrons / T)^2 (Fixsen et al. 2000, PASP 112, 1350).
    Pixels in which photon noise dominates are weighted towards the ends of their ramps, and come close to the former.

    Examples
    --------
    >>> expected_scatter_ppm(1e4, gain=1.0, time=100.0)
    1000.0
    """
    flux = float(np.nanmedian(flux))
    if not (flux > 0 and gain > 0 and time > 0):
        raise ValueError(f"flux, gain and time must be positive, not {flux}, {gain} and {time}")
    electrons = flux * gain * time
    variance = electrons
    if read_noise:
        if groups is None or groups < 2:
            raise ValueError("read noise on a slope depends on the number of groups, two or more: give groups=")
        variance += pixels * 12 * read_noise**2 * (groups - 1) / (groups * (groups + 1))
    return 1e6 * variance**0.5 / electrons


def noise_budget(rates, chosen=None, aperture=None):
    """Noise of a light curve as its pixels, its columns and the whole sum have it.

    Parameters
    ----------
    rates : array, shape (integration, row, column)
        DN/s, without gaps (`fill_bad`).
    chosen : array of bool, shape (integration,), optional
        Integrations to look at (`out_of_transit`); all without it.
    aperture : array of bool, shape (row, column), optional
        Pixels to add up; the whole frame without it.

    Returns
    -------
    dict of str to float
        ppm of the median sum. "pixels": what the sum would have if each pixel had noise of its own. "columns": the same
        for the sums of the columns; more, if the pixels of a column share noise. "sum": the noise of the sum itself,
        which includes what columns share.

    Raises
    ------
    ValueError
        If the shapes do not fit or fewer than two pairs of neighbouring integrations are chosen.

    Notes
    -----
    From differences of neighbouring integrations over sqrt(2), so that slow trends do not count. A light curve of n
    such differences tells its noise to 1 / sqrt(2 n); the first two, which average over thousands of pixels or columns,
    are known far better.

    Examples
    --------
    >>> noise = np.random.default_rng(3).normal(size=(400, 1, 50))
    >>> budget = noise_budget(100 + noise + np.zeros((400, 4, 50)))  # four rows share their noise
    >>> round(float(budget["columns"] / budget["pixels"]), 6)
    2.0
    """
    rates = np.asarray(rates)
    if rates.ndim != 3:
        raise ValueError(f"rates have three axes (integration, row, column), not shape {rates.shape}")
    inside = np.ones(rates.shape[1:], dtype=bool) if aperture is None else np.asarray(aperture, dtype=bool)
    chosen = np.ones(len(rates), dtype=bool) if chosen is None else np.asarray(chosen, dtype=bool)
    if inside.shape != rates.shape[1:] or chosen.shape != rates.shape[:1]:
        raise ValueError(f"aperture {inside.shape} and choice {chosen.shape} do not fit rates of {rates.shape}")
    pairs = chosen[1:] & chosen[:-1]
    if pairs.sum() < 2:
        raise ValueError("fewer than two pairs of neighbouring integrations are left")
    level = np.median(np.where(inside, rates[chosen], 0).sum(axis=(1, 2), dtype=float))
    steps = np.where(inside, np.diff(rates, axis=0)[pairs], 0).astype(float) / np.sqrt(2)
    sums = {"pixels": steps, "columns": steps.sum(axis=1), "sum": steps.sum(axis=(1, 2))}
    return {name: 1e6 * float(np.sqrt((values**2).mean(axis=0).sum())) / level for name, values in sums.items()}


def stitch(segments):
    """Light curves of the segments put one after another.

    Parameters
    ----------
    segments : sequence of (times, flux)
        Two arrays, (integration,), for each segment, in any order.

    Returns
    -------
    times, flux : arrays, shape (integration of all segments,)
        In the order of time.

    Raises
    ------
    ValueError
        If there is no segment, times and flux differ in length, times do not rise within a segment or the segments
        overlap.

    Examples
    --------
    >>> times, flux = stitch([([3.0, 4.0], [0.9, 1.0]), ([1.0, 2.0], [1.0, 0.9])])
    >>> times.tolist(), flux.tolist()
    ([1.0, 2.0, 3.0, 4.0], [1.0, 0.9, 0.9, 1.0])
    """
    segments = [(np.asarray(times, dtype=float), np.asarray(flux, dtype=float)) for times, flux in segments]
    if not segments:
        raise ValueError("there is no segment to put together")
    for times, flux in segments:
        if times.ndim != 1 or times.shape != flux.shape or times.size == 0:
            raise ValueError(f"a segment has as many times as fluxes, not {times.shape} and {flux.shape}")
        if not np.all(np.diff(times) > 0):
            raise ValueError("the times within a segment must rise")
    segments.sort(key=lambda segment: segment[0][0])
    for (earlier, _), (later, _) in itertools.pairwise(segments):
        if earlier[-1] >= later[0]:
            raise ValueError(f"two segments overlap at time {later[0]:.5f}: is one of them there twice?")
    times, flux = (np.concatenate(parts) for parts in zip(*segments, strict=True))
    return times, flux


def _check_curve(flux, chosen):
    flux = np.asarray(flux, dtype=float)
    chosen = np.ones(flux.shape, dtype=bool) if chosen is None else np.asarray(chosen, dtype=bool)
    if flux.ndim != 1 or chosen.shape != flux.shape:
        raise ValueError(f"a flux and a choice per integration are wanted, not {flux.shape} and {chosen.shape}")
    return flux, chosen & np.isfinite(flux)
