"""Rates of every integration: their gaps filled, their noise as pixels, columns and the whole sum have it.

Rates are (integration, row, column), DN/s, as in ``rateints``.
"""

from __future__ import annotations

import numpy as np

from . import dq as flags

__all__ = ["fill_bad", "noise_budget"]


def fill_bad(rates, dq=None):
    """Fill the gaps in rates, so that every integration adds up the same pixels.

    Parameters
    ----------
    rates : array, shape (integration, row, column), or CubeModel
        DN/s.
    dq : array of int, shape (integration, row, column), optional
        Flags; those of the model without it.

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


def noise_budget(rates, chosen=None, aperture=None):
    """Measure the noise of a light curve as its pixels, its columns and the whole sum have it.

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
