"""Jumps up the ramp: how many samples were flagged, and, where the true hits are known, how well.

A cosmic ray leaves its charge in a few pixels within one group; the jump step marks the first group that holds it with
JUMP_DET. Flags are (integration, group, row, column), zero-based. The list of true hits is a table with the columns
``integration``, ``group``, ``row``, ``column`` (as in the flags) and ``electrons``, one row for each hit pixel.
"""

from __future__ import annotations

import warnings

import numpy as np
from astropy.stats import binom_conf_interval
from astropy.table import Table

from . import dq

__all__ = [
    "breakdown",
    "completeness",
    "false_positives",
    "jumps_per_integration",
    "new_flags",
    "opportunities",
    "significance",
]

_JUMP = np.uint8(dq.FLAGS["JUMP_DET"])
_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # those that the step flags too (flag_4_neighbors)


def new_flags(before, after):
    """Return a mask that is True where the jump step set JUMP_DET.

    Parameters
    ----------
    before, after : arrays of uint8, shape (integration, group, row, column)
        ``groupdq`` before and after the step.

    Returns
    -------
    array of bool, shape of `after`

    Raises
    ------
    TypeError
        If the flags are not 8-bit, as groupdq is.
    ValueError
        If the two shapes differ or are not four-dimensional.

    Examples
    --------
    >>> before, after = np.zeros((2, 1, 3, 1, 1), dtype=np.uint8)
    >>> after[0, 1] = 4
    >>> new_flags(before, after)[0, :, 0, 0].tolist()
    [False, True, False]
    """
    before, after = _check_pair(before, after)
    found = np.empty(after.shape, dtype=bool)
    for old, new, target in zip(before, after, found, strict=True):
        np.not_equal(_new(old, new), 0, out=target)
    return found


def jumps_per_integration(before, after):
    """Count the samples that the jump step flagged, in each integration.

    Parameters
    ----------
    before, after : arrays of uint8, shape (integration, group, row, column)
        ``groupdq`` before and after the step.

    Returns
    -------
    array of int, shape (integration,)
        Samples with JUMP_DET after, but not before. What they are a fraction of: `opportunities`.

    Raises
    ------
    TypeError, ValueError
        As for `new_flags`.

    Notes
    -----
    Both arrays are read once, a few groups at a time, without a temporary of their size.

    Examples
    --------
    >>> before, after = np.zeros((2, 2, 3, 1, 1), dtype=np.uint8)
    >>> after[1, 1:] = 4
    >>> jumps_per_integration(before, after).tolist()
    [0, 2]
    """
    before, after = _check_pair(before, after)
    counts = np.zeros(len(after), dtype=np.int64)
    step = max(1, (1 << 18) // max(after[0, :1].nbytes, 1)) if after.size else 1  # groups that fit the cache
    scratch = np.empty((step, *after.shape[2:]), dtype=np.uint8)
    for i in range(len(after)):
        for group in range(0, after.shape[1], step):
            old, new = before[i, group : group + step], after[i, group : group + step]
            counts[i] += np.count_nonzero(_new(old, new, out=scratch[: len(old)]))
    return counts


def opportunities(shape, differences=False):
    """Count how often a jump could have been flagged in one integration: the denominator of a jump rate.

    Parameters
    ----------
    shape : tuple of int
        Shape of the flags, (integration, group, row, column).
    differences : bool
        Count differences between groups instead of groups. A jump shows in a difference, so that the first group can
        never have one; the published rates nevertheless count it.

    Returns
    -------
    int
        groups x rows x columns, or (groups - 1) x rows x columns.

    Raises
    ------
    ValueError
        If the shape has not four axes.

    Examples
    --------
    >>> opportunities((155, 70, 32, 2048))
    4587520
    """
    if len(shape) != 4:
        raise ValueError(f"flags have four axes (integration, group, row, column), not shape {tuple(shape)}")
    return int((shape[1] - bool(differences)) * shape[2] * shape[3])


def significance(data, gain, read_noise, unusable=None):
    """Return by how many standard deviations each sample jumps from the one before, as the two-point method does.

    Parameters
    ----------
    data : array, shape (integration, group, row, column)
        DN.
    gain : array, shape (row, column)
        e-/DN.
    read_noise : array, shape (row, column)
        Noise of the difference of two reads, DN, as the READNOISE reference file gives it.
    unusable : array of bool, shape of `data`, optional
        Samples to leave out, such as saturated ones.

    Returns
    -------
    array of float32, shape of `data`
        (difference - median difference of the pixel) / expected noise of a difference; NaN in the first group, which
        has no difference, and where one of the two samples is unusable. The median is over all differences of a pixel,
        in all integrations together.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Anderson & Gordon 2011 (doi:10.1086/662593), as in stcal's ``twopoint_difference`` where a ramp has at least 10
    differences; with fewer, stcal removes one jump at a time and takes the median again.

    Examples
    --------
    >>> data = np.array([0.0, 10, 20, 130, 140])[np.newaxis, :, np.newaxis, np.newaxis]
    >>> significance(data, gain=np.ones((1, 1)), read_noise=np.full((1, 1), np.sqrt(90.0)))[0, :, 0, 0].tolist()
    [nan, 0.0, 0.0, 10.0, 0.0]
    """
    data, gain, read_noise = np.asarray(data), np.asarray(gain), np.asarray(read_noise)
    if data.ndim != 4 or gain.shape != data.shape[2:] or read_noise.shape != data.shape[2:]:
        raise ValueError(
            f"a ramp (integration, group, row, column) and maps of its frames are needed, not shapes {data.shape}, "
            f"{gain.shape} and {read_noise.shape}"
        )
    result = np.full(data.shape, np.nan, dtype=np.float32)
    for row in range(data.shape[2]):  # a row at a time, so that temporaries stay small
        samples = data[:, :, row] * gain[row]
        if unusable is not None:
            samples = np.where(unusable[:, :, row], np.nan, samples)
        steps = np.diff(samples, axis=1)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice encountered")
            middle = np.nanmedian(steps, axis=(0, 1))
        sigma = np.sqrt(np.abs(middle) + (gain[row] * read_noise[row]) ** 2)
        result[:, 1:, row] = (steps - middle) / np.where(sigma > 0, sigma, np.nan)
    return result


def completeness(flags, hits, edges, usable=None):
    """Return the share of the true hits that were flagged, against their charge.

    Parameters
    ----------
    flags : array of bool, shape (integration, group, row, column)
        True where the step found a jump (`new_flags`).
    hits : astropy.table.Table
        True hits; charge that arrives in one pixel in one group is added up. Hits in the first group cannot be seen
        in any difference, and are left out.
    edges : array, shape (bin + 1,)
        Limits of the bins in charge, electrons, rising.
    usable : array of bool, shape of `flags`, optional
        False for samples in which nothing can be found, such as saturated ones; hits there are left out.

    Returns
    -------
    astropy.table.Table
        One row per bin: ``low``, ``high``, ``electrons`` (the geometric middle), ``hits``, ``found``, ``fraction``, and
        ``lower``, ``upper``, the 68 % (Wilson) interval of the fraction; NaN where there was no hit.

    Raises
    ------
    TypeError
        If `flags` is not of bool.
    ValueError
        If the shapes do not fit, the edges do not rise or `hits` lacks a column.

    Examples
    --------
    >>> flags = np.zeros((1, 3, 1, 2), dtype=bool)
    >>> flags[0, 1, 0, 0] = True
    >>> hits = Table({"integration": [0, 0], "group": [1, 2], "row": [0, 0], "column": [0, 1]})
    >>> hits["electrons"] = [900.0, 60.0]
    >>> completeness(flags, hits, edges=[50, 100, 1000])["fraction"].tolist()
    [0.0, 1.0]
    """
    flags = _check_flags(flags)
    where, electrons = _samples(hits, flags.shape)
    seen = where[1] > 0
    if usable is not None:
        seen &= _check_flags(usable, flags.shape)[where]
    edges = np.asarray(edges, dtype=float)
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError("the edges of the bins must be two or more rising numbers of electrons")
    number = np.histogram(electrons[seen], edges)[0]
    found = np.histogram(electrons[seen & flags[where]], edges)[0]
    lower, upper = np.full((2, number.size), np.nan)
    some = number > 0
    lower[some], upper[some] = binom_conf_interval(found[some], number[some], interval="wilson")
    fraction = np.divide(found, number, out=np.full(number.size, np.nan), where=some)
    columns = (edges[:-1], edges[1:], np.sqrt(edges[:-1] * edges[1:]), number, found, fraction, lower, upper)
    names = ("low", "high", "electrons", "hits", "found", "fraction", "lower", "upper")
    return Table(dict(zip(names, columns, strict=True)))


def false_positives(flags, hits, telegraph=None):
    """Find the flagged samples that no hit explains, neither in the pixel nor in one of its four neighbours.

    Parameters
    ----------
    flags : array of bool, shape (integration, group, row, column)
        True where the step found a jump.
    hits : astropy.table.Table
        True hits.
    telegraph : array of bool, shape (row, column), optional
        Pixels with telegraph noise, whose flags are then not counted: their jumps are real, though no hits.

    Returns
    -------
    count : int
        Samples flagged without a reason.
    fraction : float
        The same as a fraction of all opportunities, in differences between groups (see `opportunities`).

    Raises
    ------
    TypeError, ValueError
        As for `breakdown`.

    Examples
    --------
    >>> flags = np.ones((1, 3, 1, 2), dtype=bool)
    >>> hits = Table({"integration": [0], "group": [1], "row": [0], "column": [0], "electrons": [900.0]})
    >>> false_positives(flags, hits)[0]
    4
    """
    table = breakdown(flags, hits, telegraph=telegraph)
    count = int(table["count"][-1])
    chances = opportunities(np.shape(flags), differences=True) * len(flags)
    return count, count / chances if chances else np.nan


def breakdown(flags, hits, telegraph=None, least=50.0):
    """Count where the flags come from; each counts once, for the first cause that applies.

    Parameters
    ----------
    flags : array of bool, shape (integration, group, row, column)
        True where the step found a jump.
    hits : astropy.table.Table
        True hits; charge that arrives in one pixel in one group is added up.
    telegraph : array of bool, shape (row, column), optional
        Pixels with random telegraph noise.
    least : float
        Electrons from which a pixel counts as hit. Less than this beside a hit makes a neighbour.

    Returns
    -------
    astropy.table.Table
        Four rows, ``cause``, ``count``, ``percent``: "true hits"; "neighbours of hits" (up, down, left or right of one
        in the same group, or with a little of its charge); "telegraph pixels"; "excess noise", which is all the rest.

    Raises
    ------
    TypeError
        If `flags` is not of bool.
    ValueError
        If the shapes do not fit or `hits` lacks a column.

    Examples
    --------
    >>> flags = np.zeros((1, 2, 3, 3), dtype=bool)
    >>> flags[0, 1, 1] = True
    >>> hits = Table({"integration": [0], "group": [1], "row": [1], "column": [0], "electrons": [900.0]})
    >>> breakdown(flags, hits)["count"].tolist()
    [1, 1, 0, 1]
    """
    flags = _check_flags(flags)
    where, electrons = _samples(hits, flags.shape)
    flagged = np.flatnonzero(flags)  # few: work on their places rather than on maps of full size
    strong = electrons >= least
    hit = np.isin(flagged, np.ravel_multi_index(tuple(index[strong] for index in where), flags.shape))
    beside = [np.ravel_multi_index(tuple(index[~strong] for index in where), flags.shape)]
    integration, group, row, column = (index[strong] for index in where)
    for down, right in _NEIGHBOURS:
        y, x = row + down, column + right
        inside = (y >= 0) & (y < flags.shape[2]) & (x >= 0) & (x < flags.shape[3])
        places = integration[inside], group[inside], y[inside], x[inside]
        beside.append(np.ravel_multi_index(places, flags.shape))
    near = ~hit & np.isin(flagged, np.concatenate(beside))
    flicker = np.zeros(flagged.size, dtype=bool)
    if telegraph is not None:
        telegraph = np.asarray(telegraph, dtype=bool)
        if telegraph.shape != flags.shape[2:]:
            raise ValueError(f"the map of telegraph pixels has shape {telegraph.shape}, the frames {flags.shape[2:]}")
        flicker = ~hit & ~near & telegraph.ravel()[flagged % telegraph.size]
    counts = np.array([hit.sum(), near.sum(), flicker.sum(), (~hit & ~near & ~flicker).sum()])
    causes = ["true hits", "neighbours of hits", "telegraph pixels", "excess noise"]
    table = Table({"cause": causes, "count": counts, "percent": 100.0 * counts / max(flagged.size, 1)})
    table["percent"].format = ".3g"
    return table


def _new(before, after, out=None):
    """Non-zero where JUMP_DET is set after and not before."""
    out = np.bitwise_not(before, out=out)
    out &= after
    out &= _JUMP
    return out


def _check_pair(before, after):
    before, after = np.asarray(before), np.asarray(after)
    for name, flags in (("before", before), ("after", after)):
        if flags.dtype != np.uint8:
            raise TypeError(f"groupdq is made of uint8; the flags {name} the step are {flags.dtype.name}")
    if before.shape != after.shape or after.ndim != 4:
        raise ValueError(
            "groupdq before and after have one shape, (integration, group, row, column); "
            f"these have {before.shape} and {after.shape}"
        )
    return before, after


def _check_flags(flags, shape=None):
    flags = np.asarray(flags)
    if flags.dtype != bool:
        raise TypeError(f"True or False for each sample is wanted (see new_flags), not {flags.dtype.name}")
    if flags.ndim != 4 or (shape is not None and flags.shape != shape):
        wanted = shape or "(integration, group, row, column)"
        raise ValueError(f"an array of shape {flags.shape} is not one of flags, {wanted}")
    return flags


def _samples(hits, shape):
    """Samples that were hit, as four index arrays, and the charge in each; hits outside the array are left out."""
    names = ("integration", "group", "row", "column")
    missing = [name for name in (*names, "electrons") if name not in hits.colnames]
    if missing:
        raise ValueError(f"the table of hits lacks the column(s) {', '.join(missing)}")
    if "segment" in hits.colnames and len(set(hits["segment"])) > 1:
        raise ValueError("these are hits of several segments, the flags are of one: choose them, hits(..., segment=1)")
    indices = np.array([hits[name] for name in names], dtype=np.int64).reshape(4, -1)
    inside = np.all((indices >= 0) & (indices < np.array(shape)[:, np.newaxis]), axis=0)
    places, member = np.unique(np.ravel_multi_index(tuple(indices[:, inside]), shape), return_inverse=True)
    electrons = np.bincount(member, np.asarray(hits["electrons"], dtype=float)[inside], minlength=places.size)
    return np.unravel_index(places, shape), electrons
