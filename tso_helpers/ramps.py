"""Up-the-ramp samples: the ramp of one pixel, its times, its differences, and how straight it is.

Between two resets a pixel is read again and again without being emptied: its samples, in DN, climb a ramp whose slope
is the count rate. Arrays are (integration, group, row, column); rows and columns count from zero.
"""

from __future__ import annotations

import itertools

import numpy as np
from astropy.stats import mad_std

__all__ = [
    "binned_median",
    "fit_first_groups",
    "group_differences",
    "group_times",
    "linearity_ratio",
    "pixel_ramp",
    "slope_line",
]


def pixel_ramp(data, integration, row, column):
    """Return the samples of one pixel in one integration.

    Parameters
    ----------
    data : array, shape (integration, group, row, column)
        DN.
    integration, row, column : int
        Zero-based.

    Returns
    -------
    array of float, shape (group,)
        A copy in double precision, in the unit of `data`.

    Raises
    ------
    ValueError
        If `data` is not four-dimensional.
    IndexError
        If the pixel or the integration lies outside the array.

    Examples
    --------
    >>> data = np.arange(12).reshape(1, 3, 2, 2)
    >>> pixel_ramp(data, integration=0, row=1, column=0).tolist()
    [2.0, 6.0, 10.0]
    """
    _need_ramp(data)
    for name, index, axis in (("integration", integration, 0), ("row", row, 2), ("column", column, 3)):
        if not -data.shape[axis] <= index < data.shape[axis]:
            raise IndexError(f"{name} {index} is not in this ramp: it has {data.shape[axis]} of them, counted from 0")
    return np.array(data[integration, :, row, column], dtype=float)


def group_times(ramp, group_time=None):
    """Return the time of each group since the end of the reset.

    Parameters
    ----------
    ramp : RampModel or int
        A ramp, whose header knows the times, or just the number of groups.
    group_time : float, optional
        Time from one group to the next, s; needed with a number of groups only.

    Returns
    -------
    array of float, shape (group,)
        Seconds. With a ramp, the first group is the first read (one frame time after the reset, with one frame
        averaged per group) also when reads were dropped between groups. With a number, it is one `group_time`.

    Raises
    ------
    ValueError
        If the group time is missing or not positive, or there is no group.

    Notes
    -----
    A group that averages several frames is given their mean time. See "MULTIACCUM" in the JWST documentation.

    Examples
    --------
    >>> group_times(3, group_time=0.902).round(3).tolist()
    [0.902, 1.804, 2.706]
    """
    if hasattr(ramp, "meta"):
        exposure = ramp.meta.exposure
        groups, step = ramp.shape[1], exposure.group_time if group_time is None else group_time
        first = step if exposure.frame_time is None else exposure.frame_time * ((exposure.nframes or 1) + 1) / 2
    else:
        groups, step, first = ramp, group_time, group_time
    if step is None or not step > 0:
        raise ValueError(f"the time between groups must be a positive number of seconds, not {step}")
    if groups < 1:
        raise ValueError(f"a ramp has at least one group, not {groups}")
    return first + step * np.arange(groups)


def group_differences(data, axis=None):
    """Return the differences between successive groups.

    Parameters
    ----------
    data : array
        DN; a whole ramp (integration, group, row, column), one integration (group, row, column) or one pixel (group,).
    axis : int, optional
        Axis of the groups; without it the one that these shapes have.

    Returns
    -------
    array of float
        DN per group; one group fewer than `data`. Unsigned integers, as in an uncal file, are turned into floats
        first: a difference below zero would otherwise become a huge number.

    Raises
    ------
    ValueError
        If there are fewer than two groups, or the shape leaves the axis open.

    Examples
    --------
    >>> group_differences(np.array([10, 30, 20], dtype=np.uint16)).tolist()
    [20.0, -10.0]
    """
    data = np.asarray(data)
    if axis is None:
        if data.ndim not in (1, 3, 4):
            raise ValueError(f"which axis of shape {data.shape} are the groups? Say so with axis=")
        axis = 0 if data.ndim == 1 else -3
    if data.shape[axis] < 2:
        raise ValueError(f"a difference needs two groups, this array has {data.shape[axis]}")
    if not np.issubdtype(data.dtype, np.floating):
        data = data.astype(np.float32 if data.dtype.itemsize <= 2 else float)  # float32 holds 16 bits exactly
    return np.diff(data, axis=axis)


def linearity_ratio(data, groupdq=None, minimum=0.0):
    """Divide every pixel's last group difference by its first: 1 for a straight ramp, below 1 where it flattens.

    Parameters
    ----------
    data : array, shape (integration, group, row, column)
        DN.
    groupdq : array of int, same shape, optional
        A pixel with any flag in one of the four groups used gets NaN.
    minimum : float
        A pixel whose first difference is not above this, DN, gets NaN: next to nothing divided by noise says nothing.

    Returns
    -------
    ratio : array of float, shape (integration, row, column)
        Last difference divided by first difference, without unit.
    fluence : array of float, shape (integration, row, column)
        Last group minus first group, DN: how far up the pixel went.

    Raises
    ------
    ValueError
        If there are fewer than three groups (the two differences would be the same), or the shapes differ.

    Examples
    --------
    >>> data = np.array([0.0, 10.0, 20.0, 28.0]).reshape(1, 4, 1, 1)
    >>> ratio, fluence = linearity_ratio(data)
    >>> ratio.item(), fluence.item()
    (0.8, 28.0)
    """
    _need_ramp(data)
    if data.shape[1] < 3:
        raise ValueError(f"first and last difference need three groups or more, this ramp has {data.shape[1]}")
    kind = np.promote_types(data.dtype, np.float32)
    first, last = (data[:, k + 1].astype(kind) - data[:, k] for k in (0, data.shape[1] - 2))
    good = np.isfinite(first) & np.isfinite(last) & (first > minimum)
    if groupdq is not None:
        if groupdq.shape != data.shape:
            raise ValueError(f"groupdq of shape {groupdq.shape} does not belong to data of shape {data.shape}")
        for group in (0, 1, -2, -1):
            good &= groupdq[:, group] == 0
    ratio = np.divide(last, first, out=np.full(first.shape, np.nan, dtype=kind), where=good)
    return ratio, data[:, -1].astype(kind) - data[:, 0]


def binned_median(x, y, edges):
    """Return the median of `y` in bins of `x`, with its uncertainty.

    Parameters
    ----------
    x, y : arrays of the same shape
        Pairs with a NaN in either are left out.
    edges : array, shape (bin + 1,)
        Limits of the bins, rising; the upper limit belongs to the next bin.

    Returns
    -------
    centre : array, shape (bin,)
        Median of `x` in the bin; like the others NaN for a bin with fewer than two pairs.
    median : array, shape (bin,)
        Median of `y`.
    sigma : array, shape (bin,)
        Its standard error.
    count : array of int, shape (bin,)
        Number of pairs.

    Raises
    ------
    ValueError
        If the shapes differ or the edges do not rise.

    Notes
    -----
    The standard error of a median of n normal deviates is 1.2533 sigma / sqrt(n); sigma is taken from the median
    absolute deviation, so that a few outliers do not matter.

    Examples
    --------
    >>> x, y = np.array([1, 2, 11, 12, 13]), np.array([1, 3, 5, 6, 70])
    >>> centre, median, sigma, count = binned_median(x, y, edges=[0, 10, 20])
    >>> median.tolist(), count.tolist()
    ([2.0, 6.0], [2, 3])
    """
    x, y, edges = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(edges, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f"x and y must have one shape, not {x.shape} and {y.shape}")
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError("the edges of the bins must be two or more rising numbers")
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    order = np.argsort(x)
    parts = np.searchsorted(x[order], edges)
    result = np.full((3, edges.size - 1), np.nan)
    for k, (start, stop) in enumerate(itertools.pairwise(parts)):
        chosen = order[start:stop]
        if chosen.size > 1:
            middle = np.median(y[chosen])
            result[:, k] = np.median(x[chosen]), middle, 1.2533 * mad_std(y[chosen]) / np.sqrt(chosen.size)
    return *result, np.diff(parts)


def fit_first_groups(times, samples, n):
    """Fit a straight line through the first groups of a ramp.

    Parameters
    ----------
    times : array, shape (group,)
        Seconds.
    samples : array, shape (group,)
        DN.
    n : int
        Number of groups to fit, from the first on; those that are not finite are left out.

    Returns
    -------
    slope : float
        DN/s.
    intercept : float
        DN at time zero: the line is ``intercept + slope * times``.

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than `n` groups, or fewer than two finite ones among them.

    Examples
    --------
    >>> slope, intercept = fit_first_groups(np.array([1.0, 2.0, 3.0, 4.0]), np.array([12.0, 14.0, 16.0, 17.0]), n=3)
    >>> round(slope, 6), round(intercept, 6)
    (2.0, 10.0)
    """
    times, samples = _need_pair(times, samples)
    if not 2 <= n <= times.size:
        raise ValueError(f"between 2 and {times.size} groups can be fitted, not {n}")
    good = np.isfinite(samples[:n])
    if good.sum() < 2:
        raise ValueError(f"of the first {n} groups fewer than two are finite: no line goes through them")
    line = np.polynomial.Polynomial.fit(times[:n][good], samples[:n][good], 1).convert()
    intercept, slope = (*line.coef, 0.0)[:2]
    return float(slope), float(intercept)


def slope_line(times, samples, slope, usable=None):
    """Return a line of given slope to draw over a ramp; it starts where the fit did, at the first usable sample.

    Parameters
    ----------
    times : array, shape (group,)
        Seconds.
    samples : array, shape (group,)
        DN.
    slope : float
        DN/s, as in ``rateints`` before `gain_scale` (which multiplies by GAINFACT what is no longer a slope in DN).
    usable : array of bool, shape (group,), optional
        False for groups that the fit left out (saturated, ...); those that are not finite are left out anyway.

    Returns
    -------
    array of float, shape (group,)
        DN; NaN before the first usable group.

    Raises
    ------
    ValueError
        If the shapes differ or no group is usable.

    Examples
    --------
    >>> slope_line(np.array([1.0, 2.0, 3.0]), np.array([5.0, 8.0, 9.0]), slope=2.0).tolist()
    [5.0, 7.0, 9.0]
    """
    times, samples = _need_pair(times, samples)
    good = np.isfinite(samples)
    if usable is not None:
        usable = np.asarray(usable, dtype=bool)
        if usable.shape != good.shape:
            raise ValueError(f"usable of shape {usable.shape} does not belong to samples of shape {good.shape}")
        good &= usable
    if not good.any():
        raise ValueError("no group of this ramp is usable: there is no place to start a line from")
    first = int(np.argmax(good))
    line = samples[first] + slope * (times - times[first])
    line[:first] = np.nan
    return line


def _need_ramp(data):
    if np.ndim(data) != 4:
        raise ValueError(f"a ramp has four axes (integration, group, row, column), not shape {np.shape(data)}")


def _need_pair(times, samples):
    times, samples = np.asarray(times, dtype=float), np.asarray(samples, dtype=float)
    if times.ndim != 1 or times.shape != samples.shape:
        raise ValueError(f"one time per sample is needed; these are of shapes {times.shape} and {samples.shape}")
    return times, samples
