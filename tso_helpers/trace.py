"""Where the spectrum lies on the detector: its trace, and the background that is left beside it.

Four stages, each of which can be looked at: the median last-minus-first image of a segment, the same through a median
filter, the flux-weighted centroid of every column with a polynomial through them, and the mask of what lies far
enough from that trace to be background. Images are (row, column); rows and columns count from zero.
"""

from __future__ import annotations

import warnings

import numpy as np
from astropy.stats import mad_std
from numpy.polynomial import Polynomial
from scipy.signal import medfilt2d

from . import instrument

__all__ = [
    "background",
    "background_mask",
    "bright_columns",
    "centroids",
    "fit_trace",
    "last_minus_first",
    "smooth",
    "trace_rows",
]

FILTER_STEP = 0.2  # rows: so far off may be the centroids of a trace that a median filter has turned into steps [A]
HALF_WIDTH = 12  # rows masked on either side of the trace, unless said otherwise
_FEWEST_COLUMNS = 30  # with a trace, for a polynomial through them that can be trusted [A]


def last_minus_first(data):
    """Return the median of last minus first group over the integrations: light of the star, hardly any bias.

    Parameters
    ----------
    data : array, shape (integration, group, row, column)
        DN. For the image of several segments, put their ``data[:, [0, -1]]`` one after another.

    Returns
    -------
    array of float, shape (row, column)
        DN. NaN where a pixel has no finite difference at all.

    Raises
    ------
    ValueError
        If `data` has not four axes or fewer than two groups.

    Examples
    --------
    >>> data = np.array([[1.0, 5.0], [2.0, 7.0], [0.0, 90.0]]).reshape(3, 2, 1, 1)
    >>> last_minus_first(data).item()
    5.0
    """
    data = np.asarray(data)
    if data.ndim != 4 or data.shape[1] < 2:
        raise ValueError(
            f"a ramp of two groups or more is needed, (integration, group, row, column), not shape {data.shape}"
        )
    difference = data[:, -1].astype(np.promote_types(data.dtype, np.float32)) - data[:, 0]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)  # such a pixel stays NaN, as documented
        return np.nanmedian(difference, axis=0)


def smooth(image, size=(5, 11)):
    """Filter an image with a median: hot pixels and cosmic rays vanish, the trace stays.

    Parameters
    ----------
    image : array, shape (row, column)
        Any unit. NaN is replaced by the median of its column (of the image, where a whole column is NaN).
    size : (int, int)
        Odd numbers of rows and columns that the filter looks at.

    Returns
    -------
    array of float, shape of `image`
        The outermost pixels are repeated beyond the edge, so that a trace near the edge is not pulled to zero.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or wholly NaN, or the size is not two odd positive numbers.

    Examples
    --------
    >>> image = np.ones((7, 15))
    >>> image[3, 7] = 1e6
    >>> float(smooth(image).max())
    1.0
    """
    image = _need_image(image)
    if len(size) != 2 or any(n < 1 or n % 2 == 0 for n in size):
        raise ValueError(f"a median filter needs a middle: two odd numbers (rows, columns), not {size}")
    if not np.isfinite(image).any():
        raise ValueError("no pixel of the image is finite: there is nothing to filter")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        filled = np.where(np.isfinite(image), image, np.nanmedian(image, axis=0))
    filled[~np.isfinite(filled)] = np.median(image[np.isfinite(image)])
    rows, columns = (n // 2 for n in size)
    padded = np.pad(filled, ((rows, rows), (columns, columns)), mode="edge")
    return medfilt2d(padded, size)[rows : rows + image.shape[0], columns : columns + image.shape[1]]


def centroids(image, columns=None, half_width=8):
    """Return the flux-weighted mean row of the light in each column.

    Parameters
    ----------
    image : array, shape (row, column)
        Filtered last-minus-first image; any unit.
    columns : array of int, optional
        Columns to measure; all without it.
    half_width : int
        Rows on either side of the brightest one that take part: the rest of the column adds only noise.

    Returns
    -------
    array of float, shape (column measured,)
        Row of the light, zero-based. NaN where nothing stands out of the column.

    Raises
    ------
    ValueError
        If the image is not two-dimensional.
    IndexError
        If a column lies outside the image.

    Notes
    -----
    The median of the column is subtracted first and what is below it does not count: a constant background would
    pull every centroid to the middle of the frame.

    Examples
    --------
    >>> image = np.zeros((9, 3))
    >>> image[4], image[5] = 3.0, 1.0
    >>> centroids(image).tolist()
    [4.25, 4.25, 4.25]
    """
    image = _need_image(image)
    columns = np.arange(image.shape[1]) if columns is None else np.asarray(columns)
    if columns.size and not (-image.shape[1] <= columns.min() and columns.max() < image.shape[1]):
        raise IndexError(f"columns {columns.min()} to {columns.max()} do not all lie within 0 to {image.shape[1] - 1}")
    light = image[:, columns]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        light = np.clip(np.nan_to_num(light - np.nanmedian(light, axis=0), nan=0.0), 0.0, None)
    rows = np.arange(image.shape[0])[:, np.newaxis]
    light = np.where(np.abs(rows - np.argmax(light, axis=0)) <= half_width, light, 0.0)
    total = light.sum(axis=0)
    return np.divide((rows * light).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)


def fit_trace(columns, rows, degree=2, clip=4.0):
    """Fit a polynomial through the centroids that a few wrong ones do not bend.

    Parameters
    ----------
    columns, rows : arrays, shape (n,)
        Columns, and the centroid of each; those that are not finite are left out.
    degree : int
        Degree of the polynomial.
    clip : float
        Centroids further than this many (robust) standard deviations from the fit are left out, and it is repeated.
        None within `FILTER_STEP` is: where the trace stays within one row for long, `smooth` makes steps of that size,
        and to leave out whole steps would bend the fit.

    Returns
    -------
    numpy.polynomial.Polynomial
        Row as a function of column; call it with any column.

    Raises
    ------
    ValueError
        If the shapes differ, or fewer finite centroids are left than the polynomial has coefficients.

    Examples
    --------
    >>> fit = fit_trace(np.arange(100), 10 + 0.05 * np.arange(100))
    >>> round(float(fit(40)), 6)
    12.0
    """
    columns, rows = np.asarray(columns, dtype=float), np.asarray(rows, dtype=float)
    if columns.ndim != 1 or columns.shape != rows.shape:
        raise ValueError(f"one centroid per column is needed; these are of shapes {rows.shape} and {columns.shape}")
    finite = np.isfinite(rows) & np.isfinite(columns)
    if finite.sum() <= degree:
        raise ValueError(f"{finite.sum()} finite centroids cannot fix a polynomial of degree {degree}")
    columns, rows = columns[finite], rows[finite]
    kept = np.ones(rows.size, dtype=bool)
    for _ in range(20):  # settles after a few rounds
        fit = Polynomial.fit(columns[kept], rows[kept], degree)
        residual = rows - fit(columns)
        again = np.abs(residual) <= max(clip * mad_std(residual), FILTER_STEP)
        if again.sum() <= degree or np.array_equal(again, kept):
            break
        kept = again
    return fit


def trace_rows(fit, n_columns, first=0, last=None):
    """Return the row of the trace in every column of the frame; NaN where the spectrum does not reach.

    Parameters
    ----------
    fit : callable
        Row as a function of column, from `fit_trace`.
    n_columns : int
        Columns of the frame.
    first, last : int
        First and last column with a trace; without `last`, to the end of the frame. A trace may be drawn further
        than its centroids were measured, to mask light too faint to measure (NRS1: from column 300 on).

    Returns
    -------
    array of float, shape (n_columns,)
        Zero-based rows.

    Raises
    ------
    ValueError
        If the first column comes after the last, or one of them lies outside the frame.

    Examples
    --------
    >>> trace_rows(lambda column: 0.5 * column, 4, first=1, last=2).tolist()
    [nan, 0.5, 1.0, nan]
    """
    last = n_columns - 1 if last is None else last
    if not 0 <= first <= last < n_columns:
        raise ValueError(f"a trace from column {first} to column {last} does not fit {n_columns} columns")
    columns = np.arange(n_columns)
    return np.where((columns >= first) & (columns <= last), fit(columns), np.nan)


def background_mask(shape, rows, half_width=HALF_WIDTH):
    """Return a mask that is True for background: further from the trace than the half-width.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the frame.
    rows : array of float, shape (column,)
        Row of the trace in each column (`trace_rows`); NaN where there is none, so that the whole column is background.
    half_width : float
        Rows masked above and below the trace. Whatever it is, the pixel that the trace runs through is masked. A mask
        as wide as the frame leaves columns without any background.

    Returns
    -------
    array of bool, shape (row, column)
        True for background, False for what the trace covers.

    Raises
    ------
    ValueError
        If there is not one row per column, or the half-width is negative.

    Examples
    --------
    >>> background_mask((5, 2), np.array([2.0, np.nan]), half_width=1).astype(int).tolist()
    [[1, 1], [0, 1], [0, 1], [0, 1], [1, 1]]
    """
    rows = np.asarray(rows, dtype=float)
    if len(shape) != 2 or rows.shape != (shape[1],):
        raise ValueError(f"a frame of shape {tuple(shape)} needs one trace row per column, not {rows.shape}")
    if not half_width >= 0:
        raise ValueError(f"the half-width of a mask is a number of rows, 0 or more, not {half_width}")
    distance = np.abs(np.arange(shape[0])[:, np.newaxis] - rows)
    return ~(distance <= max(half_width, 0.5))  # written so that NaN, no trace, counts as background


def bright_columns(image, contrast=10.0):
    """Find the columns in which a trace stands out, for a mode or a target that nobody has described.

    Parameters
    ----------
    image : array, shape (row, column)
        Smoothed last-minus-first image (`smooth`).
    contrast : float
        How many times the noise a column's brightest pixel must stand above its median [A].

    Returns
    -------
    (int, int)
        First and last column of the longest stretch of such columns; gaps of up to 20 columns do not end it.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, or no column stands out.

    Examples
    --------
    >>> image = np.random.default_rng(1).normal(0, 1, (32, 200))
    >>> image[15:18, 50:] += 500
    >>> bright_columns(image)
    (50, 199)
    """
    image = _need_image(image)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        excess = np.nanmax(image, axis=0) - np.nanmedian(image, axis=0)
        noise = mad_std(image - np.nanmedian(image, axis=0), ignore_nan=True)
    bright = np.flatnonzero(np.nan_to_num(excess) > contrast * noise)
    if bright.size == 0:
        raise ValueError("no column of this image stands out: is there a spectrum in it?")
    stretches = np.split(bright, np.flatnonzero(np.diff(bright) > 20) + 1)
    longest = max(stretches, key=lambda stretch: stretch[-1] - stretch[0])
    return int(longest[0]), int(longest[-1])


def background(model, half_width=HALF_WIDTH):
    """Return which pixels of a ramp are background, from its own median last-minus-first image.

    The trace is measured where the mode's description says that it is bright (columns 550 to 2043 of NRS1, 4 to 2043
    of NRS2 for WASP-39 in G395H), or where the image itself shows it (`bright_columns`) for another target or grating;
    it is fitted by a polynomial of second degree and masked. In an exposure that is cut to columns with too little of
    the trace to measure, everything is background.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Ramp; its data are (integration, group, row, column).
    half_width : float
        Rows masked on either side of the trace.

    Returns
    -------
    numpy.ndarray of bool, shape (row, column)
        True for background.

    Raises
    ------
    ValueError
        If the mode is not described in `tso_helpers.instrument`, or the image shows no trace.
    """
    shape, detector = model.data.shape[-2:], instrument.mode_of(model).detector(model.meta.instrument.detector)
    offset = (model.meta.subarray.xstart or 1) - 1
    image = smooth(last_minus_first(model.data[:, [0, -1]]))
    low, high = (c - offset for c in detector.trace_columns) if detector.trace_columns else bright_columns(image)
    columns = np.arange(max(low, 0), min(high + 1, shape[1]))
    if columns.size < _FEWEST_COLUMNS:
        return np.ones(shape, dtype=bool)
    fit = fit_trace(columns, centroids(image, columns))
    rows = trace_rows(fit, shape[1], first=max(detector.masked_from - offset, 0), last=columns[-1])
    return background_mask(shape, rows, half_width)


def _need_image(image):
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"an image has two axes (row, column), not shape {image.shape}")
    return image.astype(np.promote_types(image.dtype, np.float32))
