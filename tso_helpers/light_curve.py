"""Light curves: the flux of every integration, its normalisation, its scatter and what photons alone would give.

Rates are (integration, row, column), DN/s, as in ``rateints``; times are BJD_TDB in days.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.stats import mad_std

from . import dq, rates

__all__ = [
    "LightCurve",
    "expected_scatter_ppm",
    "from_rates",
    "integration_times",
    "normalise",
    "out_of_transit",
    "scatter_ppm",
    "stitch",
    "white_light",
]


@dataclass(frozen=True)
class LightCurve:
    """A light curve.

    Attributes
    ----------
    time : array of float, shape (integration,)
        BJD_TDB, d, rising.
    flux : array of float, shape (integration,)
        DN/s, or relative.
    error : array of float, shape (integration,)
        Standard error of `flux`, in its unit.

    Raises
    ------
    ValueError
        If the three differ in length, or the times do not rise.

    Examples
    --------
    >>> curve = LightCurve([1.0, 2.0, 3.0], [4.0, 3.0, 4.0], [0.04, 0.04, 0.04])
    >>> curve.relative(np.array([True, False, True])).flux.tolist()
    [1.0, 0.75, 1.0]
    """

    time: np.ndarray
    flux: np.ndarray
    error: np.ndarray

    def __post_init__(self):
        for name in ("time", "flux", "error"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        if self.time.ndim != 1 or not self.time.shape == self.flux.shape == self.error.shape:
            shapes = f"{self.time.shape}, {self.flux.shape} and {self.error.shape}"
            raise ValueError(f"a light curve has as many times, fluxes and errors, not {shapes}")
        if not np.all(np.diff(self.time) > 0):
            raise ValueError("the times of a light curve must rise")

    def __len__(self):
        return self.time.size

    def relative(self, chosen=None) -> LightCurve:
        """Return the curve divided by its median over some integrations, see `normalise`.

        Parameters
        ----------
        chosen : array of bool, shape (integration,), optional
            Integrations that are 1 afterwards; all without it.

        Returns
        -------
        LightCurve
            Flux and error without unit.
        """
        level = _level(self.flux, chosen)
        return LightCurve(self.time, self.flux / level, self.error / level)


def white_light(rates, aperture=None):
    """Add up all the light on the frame, integration by integration.

    Parameters
    ----------
    rates : array, shape (integration, row, column)
        DN/s, without gaps (`rates.fill_bad`): a pixel that comes and goes would look like a change of the star.
    aperture : array of bool, shape (row, column), optional
        Pixels to add up; the whole frame without it.

    Returns
    -------
    array of float, shape (integration,)
        DN/s, in double precision.

    Raises
    ------
    ValueError
        If the shapes do not fit, an aperture leaves no pixel, or a rate is not finite.

    Examples
    --------
    >>> white_light(np.array([[[1.0, 2.0]], [[3.0, 4.0]]])).tolist()
    [3.0, 7.0]
    """
    rates = np.asarray(rates)
    if rates.ndim != 3:
        raise ValueError(f"rates have three axes (integration, row, column), not shape {rates.shape}")
    inside = np.ones(rates.shape[1:], dtype=bool) if aperture is None else np.asarray(aperture, dtype=bool)
    if inside.shape != rates.shape[1:]:
        raise ValueError(f"an aperture of shape {inside.shape} does not fit frames of {rates.shape[1:]}")
    if not inside.any():
        raise ValueError("the aperture holds no pixel at all")
    flux = rates[:, inside].sum(axis=1, dtype=float)
    if not np.all(np.isfinite(flux)):
        raise ValueError("some of these rates are NaN: fill the gaps first (tso_helpers.rates.fill_bad)")
    return flux


def from_rates(model, aperture=None) -> LightCurve:
    """Make the white-light curve of one segment.

    Parameters
    ----------
    model : CubeModel
        Rates of every integration (rateints), with flags, errors and the table of integration times.
    aperture : array of bool, shape (row, column), optional
        Pixels to add up; the whole frame without it.

    Returns
    -------
    LightCurve
        DN/s. Bad pixels are filled (`rates.fill_bad`); the error is the root of the summed squares of the errors of the
        pixels: what they have in common, such as what is left of the 1/f noise of a column, is not in it.

    Raises
    ------
    ValueError
        As `white_light` and `integration_times`.
    """
    error = np.where(np.isfinite(model.err) & ~dq.mask(model.dq, "DO_NOT_USE"), model.err, 0.0)
    inside = np.ones(error.shape[1:], dtype=bool) if aperture is None else np.asarray(aperture, dtype=bool)
    flux = white_light(rates.fill_bad(model), inside)
    return LightCurve(integration_times(model), flux, np.sqrt((error[:, inside] ** 2.0).sum(axis=1, dtype=float)))


def integration_times(model):
    """Return the middle of each integration of a segment.

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
    """Return a mask that is True for integrations before and after the transit.

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

    Raises
    ------
    ValueError
        If the duration is not positive or the margin is negative.

    Examples
    --------
    >>> out_of_transit(np.array([0.0, 0.9, 1.0, 1.2]), mid_transit=1.0, duration=0.3).tolist()
    [True, False, False, True]
    """
    if not (duration > 0 and margin >= 0):
        raise ValueError(f"a transit lasts longer than 0 d and the margin is not negative: {duration}, {margin}")
    return np.abs(np.asarray(times, dtype=float) - mid_transit) > duration / 2 + margin


def normalise(flux, chosen=None):
    """Divide a flux by its median out of transit.

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
    return np.asarray(flux, dtype=float) / _level(flux, chosen)


def scatter_ppm(flux, chosen=None, method="differences"):
    """Measure the scatter of a light curve about itself, insensitive to a few outliers.

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
        return 1e6 * float(mad_std(flux[chosen]) / np.median(flux[chosen]))
    if method != "differences":
        raise ValueError(f"method is 'differences' or 'mad', not {method!r}")
    steps = np.diff(flux)[chosen[1:] & chosen[:-1]]  # none across the transit
    if steps.size < 2:
        raise ValueError("fewer than two pairs of neighbouring integrations are left")
    usual = steps[np.abs(steps) <= 5 * mad_std(steps)]
    return 1e6 * float(np.sqrt(np.mean(usual**2) / 2) / np.median(flux[chosen]))


def expected_scatter_ppm(flux, gain, time, pixels=0, read_noise=0.0, groups=None):
    """Return the scatter that photon noise, and on demand read noise, must at least give a light curve.

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


def stitch(segments) -> LightCurve:
    """Put the light curves of the segments one after another.

    Parameters
    ----------
    segments : sequence of LightCurve
        In any order.

    Returns
    -------
    LightCurve
        In the order of time.

    Raises
    ------
    ValueError
        If there is no segment, one is empty, or two overlap.

    Examples
    --------
    >>> late, early = LightCurve([3.0, 4.0], [0.9, 1.0], [0.1, 0.1]), LightCurve([1.0, 2.0], [1.0, 0.9], [0.1, 0.1])
    >>> stitch([late, early]).flux.tolist()
    [1.0, 0.9, 0.9, 1.0]
    """
    segments = list(segments)
    if not segments or not all(len(segment) for segment in segments):
        raise ValueError("there is no segment to put together, or one is empty")
    segments.sort(key=lambda segment: segment.time[0])
    for earlier, later in itertools.pairwise(segments):
        if earlier.time[-1] >= later.time[0]:
            raise ValueError(f"two segments overlap at time {later.time[0]:.5f}: is one of them there twice?")
    return LightCurve(*(np.concatenate([getattr(s, name) for s in segments]) for name in ("time", "flux", "error")))


def _level(flux, chosen):
    flux, chosen = _check_curve(flux, chosen)
    level = np.median(flux[chosen]) if chosen.any() else np.nan
    if not level > 0:
        raise ValueError(f"the median of the {chosen.sum()} chosen finite fluxes is {level}: nothing to divide by")
    return level


def _check_curve(flux, chosen):
    flux = np.asarray(flux, dtype=float)
    chosen = np.ones(flux.shape, dtype=bool) if chosen is None else np.asarray(chosen, dtype=bool)
    if flux.ndim != 1 or chosen.shape != flux.shape:
        raise ValueError(f"a flux and a choice per integration are wanted, not {flux.shape} and {chosen.shape}")
    return flux, chosen & np.isfinite(flux)
