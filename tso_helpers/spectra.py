"""Spectra of every integration: the light within a box along the trace, column by column, and bins of columns.

Rates are (integration, row, column), DN/s, as in ``rateints``; spectra are (integration, column) or (integration, bin).
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, fields

import numpy as np
from astropy.stats import mad_std

from . import dq, instrument, light_curve, rates

__all__ = ["Spectra", "aperture", "bin_columns", "box", "from_rates", "stitch"]

HALF_WIDTH = 4.0  # rows on either side of the trace that are added up, unless said otherwise
_CLIP = 5.0  # background further than this many standard deviations from the column's median is left out


@dataclass(frozen=True)
class Spectra:
    """A time series of spectra.

    Attributes
    ----------
    time : array of float, shape (integration,)
        BJD_TDB, d, rising.
    wavelength : array of float, shape (bin,)
        um, on the trace.
    flux, error : arrays of float, shape (integration, bin)
        DN/s, and its standard error; NaN where there was no background to subtract.
    flags : array of int, shape (integration, bin)
        Flags (DQ) that any pixel of the bin within the aperture has.
    filled : array of int, shape (integration, bin)
        How many pixels within the aperture were bad and filled (`rates.fill_bad`).

    Raises
    ------
    ValueError
        If the shapes do not fit, or the times do not rise.

    Examples
    --------
    >>> flat, none = np.ones((3, 4)), np.zeros((3, 4), dtype=int)
    >>> series = Spectra([1.0, 2.0, 3.0], [3.0, 3.1, 3.2, 3.3], 5 * flat, flat, none, none)
    >>> series.binned(2).flux[0].tolist()
    [10.0, 10.0]
    >>> series.light_curve(3.05, 3.25).flux.tolist()
    [10.0, 10.0, 10.0]
    """

    time: np.ndarray
    wavelength: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    flags: np.ndarray
    filled: np.ndarray

    def __post_init__(self):
        for field in fields(self):
            kind = None if field.name in ("flags", "filled") else float
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name), dtype=kind))
        shape = self.time.shape + self.wavelength.shape
        shapes = [getattr(self, name).shape for name in ("flux", "error", "flags", "filled")]
        if len(shape) != 2 or set(shapes) != {shape}:
            raise ValueError(
                f"{len(self.time)} times and {len(self.wavelength)} wavelengths do not fit arrays of {shapes}"
            )
        if not np.all(np.diff(self.time) > 0):
            raise ValueError("the times of spectra must rise")

    def __len__(self):
        return self.time.size

    def binned(self, width=5) -> Spectra:
        """Return the spectra in bins of several columns, or of several bins; see `bin_columns`.

        Parameters
        ----------
        width : int
            Columns in each bin.

        Returns
        -------
        Spectra
            Fluxes and filled pixels are added up, errors squared; flags are those of any column. The wavelength is
            the mean of the columns'.
        """
        return Spectra(
            self.time,
            bin_columns(self.wavelength, width) / width,
            bin_columns(self.flux, width),
            np.sqrt(bin_columns(self.error**2, width)),
            bin_columns(self.flags, width, np.bitwise_or),
            bin_columns(self.filled, width),
        )

    def light_curve(self, low=0.0, high=np.inf) -> light_curve.LightCurve:
        """Add up the light between two wavelengths.

        Parameters
        ----------
        low, high : float
            um; bins with ``low <= wavelength < high`` are added up. All of them by default.

        Returns
        -------
        LightCurve
            DN/s.

        Raises
        ------
        ValueError
            If there is no bin between them.
        """
        chosen = (self.wavelength >= low) & (self.wavelength < high)
        if not chosen.any():
            extent = f"{self.wavelength.min():.3f} to {self.wavelength.max():.3f} um" if chosen.size else "none at all"
            raise ValueError(f"no wavelength between {low} and {high} um: there are {extent}")
        error = np.sqrt(np.sum(self.error[:, chosen] ** 2, axis=1))
        return light_curve.LightCurve(self.time, self.flux[:, chosen].sum(axis=1), error)


def aperture(shape, rows, half_width=HALF_WIDTH):
    """Return which share of each pixel lies within some rows of the trace.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the frame.
    rows : array of float, shape (column,)
        Row of the trace in each column (`trace.trace_rows`); NaN where there is none.
    half_width : float
        Rows above and below the trace.

    Returns
    -------
    array of float, shape (row, column)
        1 inside, 0 outside, between them for pixels that the edge cuts: with whole pixels only, an aperture along an
        inclined trace would jump by a row now and then, and the spectrum with it. A pixel reaches half a row to
        either side of its centre.

    Raises
    ------
    ValueError
        If there is not one row per column, or the half-width is not positive.

    Examples
    --------
    >>> aperture((5, 2), np.array([2.0, np.nan]), half_width=1.0)[:, 0].tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    rows = np.asarray(rows, dtype=float)
    if len(shape) != 2 or rows.shape != (shape[1],):
        raise ValueError(f"a frame of shape {tuple(shape)} needs one trace row per column, not {rows.shape}")
    if not half_width > 0:
        raise ValueError(f"the half-width of an aperture is a number of rows above 0, not {half_width}")
    centre = np.arange(shape[0])[:, np.newaxis]
    upper, lower = np.minimum(centre + 0.5, rows + half_width), np.maximum(centre - 0.5, rows - half_width)
    return np.nan_to_num(np.clip(upper - lower, 0.0, 1.0))


def box(rates, errors, aperture, background=None):
    """Add up the light of each column within an aperture, less the background beside it.

    Parameters
    ----------
    rates : array, shape (integration, row, column)
        DN/s; within the aperture without gaps (`rates.fill_bad`), NaN elsewhere where a pixel is bad.
    errors : array, shape (integration, row, column)
        DN/s; 0 for pixels that were filled, which have no noise of their own.
    aperture : array of float, shape (row, column)
        Weights of the pixels, from `aperture`.
    background : array of bool, shape (row, column), optional
        Pixels beside the trace (`trace.background_mask`). Nothing is subtracted without it.

    Returns
    -------
    flux : array of float, shape (integration, column)
        DN/s.
    error : array of float, shape (integration, column)
        DN/s. Both are NaN where all the background of an integration is bad.

    Raises
    ------
    ValueError
        If the shapes do not fit, a rate within the aperture is not finite, or the background overlaps with it.

    Notes
    -----
    The background is one number per column and integration: the mean of its pixels without those, such as missed
    cosmic rays, that lie more than 5 of their errors, and more than 5 robust standard deviations of the column, from
    its median; where nothing is left of a column, what lies between those of the columns beside it. A gradient along
    the column cancels only where the background lies symmetrically about the trace. The variance of the mean counts
    with the square of the aperture's width, because all pixels share it.

    Examples
    --------
    >>> frame = np.array([[1.0], [6.0], [1.0]])
    >>> flux, error = box(frame[np.newaxis], np.full((1, 3, 1), 0.3), frame > 5, frame < 5)
    >>> flux.tolist(), error.round(3).tolist()
    ([[5.0]], [[0.367]])
    """
    rates, errors, weights = np.asarray(rates), np.asarray(errors), np.asarray(aperture, dtype=float)
    _check_box(rates, errors, weights, background)
    inside = weights > 0
    if not np.isfinite(rates[:, inside]).all():
        raise ValueError("a rate within the aperture is NaN: fill the gaps first (tso_helpers.rates.fill_bad)")
    flux = np.einsum("irc,rc->ic", np.where(inside, rates, 0), weights, dtype=float)
    variance = np.einsum("irc,rc->ic", np.where(inside, errors, 0).astype(float) ** 2, weights**2)
    if background is not None:
        level, level_variance = _background(rates, errors, np.asarray(background, dtype=bool))
        width = weights.sum(axis=0)
        flux, variance = flux - width * level, variance + width**2 * level_variance
    return flux, np.sqrt(variance)


def from_rates(model, aperture, background=None, columns=None) -> Spectra:
    """Extract the spectra of one segment.

    Parameters
    ----------
    model : CubeModel
        Rates of every integration (rateints), with flags, errors and the table of integration times.
    aperture : array of float, shape (row, column)
        Weights of the pixels, from `aperture`.
    background : array of bool, shape (row, column), optional
        Pixels beside the trace (`trace.background_mask`).
    columns : slice, optional
        Columns of the frame to extract; all by default.

    Returns
    -------
    Spectra
        One bin per column. Bad pixels are filled within the aperture and left out in the background.

    Raises
    ------
    ValueError
        As `box`, and if the wavelengths of the mode are not known.
    """
    columns = slice(None) if columns is None else columns
    weights = aperture[:, columns]
    bad = ~np.isfinite(model.data[..., columns]) | dq.mask(model.dq[..., columns], "DO_NOT_USE")
    inside = np.asarray(weights > 0)
    whole = rates.fill_bad(model)[..., columns]  # how bright an integration is, the whole frame tells
    flux, error = box(
        np.where(bad & ~inside, np.nan, whole),
        np.where(bad, 0, np.nan_to_num(model.err[..., columns], nan=0.0)),
        weights,
        None if background is None else background[:, columns],
    )
    flags = np.bitwise_or.reduce(np.where(inside, model.dq[..., columns], 0), axis=1)
    first = (model.meta.subarray.xstart or 1) - 1
    detector = instrument.mode_of(model).detector(model.meta.instrument.detector)
    wavelength = detector.wavelength(first + np.arange(model.shape[-1])[columns])
    return Spectra(light_curve.integration_times(model), wavelength, flux, error, flags, (bad & inside).sum(axis=1))


def bin_columns(values, width=5, combine=np.add):
    """Combine the columns of bins.

    Parameters
    ----------
    values : array, shape (..., column)
        Of any unit. Columns at the end that fill no bin are left out.
    width : int
        Columns in each bin.
    combine : numpy.ufunc
        How: ``np.add`` for fluxes and for squared errors, ``np.bitwise_or`` for flags.

    Returns
    -------
    array, shape (..., bin)

    Raises
    ------
    ValueError
        If the width is no whole number of columns, or there is not one bin's worth of them.

    Examples
    --------
    >>> bin_columns(np.arange(7), width=3).tolist()
    [3, 12]
    >>> bin_columns(np.array([1, 4, 4, 0]), width=2, combine=np.bitwise_or).tolist()
    [5, 4]
    """
    values = np.asarray(values)
    if width != int(width) or not 1 <= width <= values.shape[-1]:
        raise ValueError(f"bins of {width} columns cannot be made of {values.shape[-1]} columns")
    whole = values.shape[-1] // width * width
    return combine.reduce(values[..., :whole].reshape(*values.shape[:-1], -1, width), axis=-1)


def stitch(segments) -> Spectra:
    """Put the spectra of the segments one after another.

    Parameters
    ----------
    segments : sequence of Spectra
        In any order, of the same wavelengths.

    Returns
    -------
    Spectra
        In the order of time.

    Raises
    ------
    ValueError
        If there is no segment, two overlap, or their wavelengths differ.

    Examples
    --------
    >>> def made(time):
    ...     return Spectra([time], [3.0], *np.ones((4, 1, 1), dtype=int))
    >>> stitch([made(2.0), made(1.0)]).time.tolist()
    [1.0, 2.0]
    """
    segments = sorted(segments, key=lambda segment: segment.time[0])
    if not segments:
        raise ValueError("there is no segment to put together")
    for earlier, later in itertools.pairwise(segments):
        if not np.array_equal(earlier.wavelength, later.wavelength):
            raise ValueError("the segments have other wavelengths: were they extracted from the same columns?")
        if earlier.time[-1] >= later.time[0]:
            raise ValueError(f"two segments overlap at time {later.time[0]:.5f}: is one of them there twice?")
    joined = (np.concatenate([getattr(s, f) for s in segments]) for f in ("flux", "error", "flags", "filled"))
    return Spectra(np.concatenate([s.time for s in segments]), segments[0].wavelength, *joined)


def _background(rates, errors, background):
    """Mean of the background of each column and its variance; (integration, column)."""
    pixels = np.where(background & np.isfinite(rates), rates, np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)  # such a column is filled below
        off = np.abs(pixels - np.nanmedian(pixels, axis=1, keepdims=True))
        scatter = mad_std(pixels, axis=1, ignore_nan=True)[:, np.newaxis]
    usual = off <= _CLIP * np.maximum(errors, scatter)  # False where NaN; never none of several
    count = usual.sum(axis=1).astype(float)
    count[count == 0] = np.nan
    mean = np.where(usual, pixels, 0).sum(axis=1, dtype=float) / count
    variance = (np.where(usual, errors, 0).astype(float) ** 2).sum(axis=1) / count**2
    return _between(mean), _between(variance)


def _between(levels):
    """Fill columns that are NaN, (integration, column), with what lies between those beside them."""
    filled, columns = levels.copy(), np.arange(levels.shape[-1])
    for row in np.flatnonzero(np.isnan(levels).any(axis=-1) & ~np.isnan(levels).all(axis=-1)):
        there = np.isfinite(levels[row])
        filled[row] = np.interp(columns, columns[there], levels[row, there])
    return filled


def _check_box(rates, errors, weights, background):
    if rates.ndim != 3 or errors.shape != rates.shape or weights.shape != rates.shape[1:]:
        raise ValueError(f"rates {rates.shape}, errors {errors.shape} and aperture {weights.shape} do not fit together")
    if background is None:
        return
    if np.shape(background) != weights.shape:
        raise ValueError(f"a background of shape {np.shape(background)} does not fit frames of {weights.shape}")
    if np.any((weights > 0) & background):
        raise ValueError("the background overlaps with the aperture: it would subtract light of the star")
