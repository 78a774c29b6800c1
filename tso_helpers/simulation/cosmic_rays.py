"""Cosmic rays: tracks through the detector layer, weak secondaries, rare heavy deposits, snowballs.

Rate and mean charge follow Rauscher & Fixsen (arXiv:2602.02134) for July 2022: 4.3 hits per cm2 and second, about 7.1
pixels and 5,200 e- per hit. A pixel counts here when it holds more than `COUNTED` electrons of the hit.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr
from scipy.stats import moyal

from .detector import COLUMNS, REFERENCE_COLUMNS, ROWS

RATE = 4.3  # hits / cm2 / s
PIXEL = 18e-4  # cm
THICKNESS = 5.5 / 18  # detector layer, in pixels
DIFFUSION = 0.3  # pixel, sigma of the charge cloud
COUNTED = 2.0  # e-: a pixel with less is not counted as hit; with it a hit covers 7.1 pixels on average [A]
HEAVY_FRACTION, SECONDARY_FRACTION = 0.01, 0.15  # [A]
HEAVY = (95_000.0, 250_000.0)  # e-, log-uniform: about full well and above
SECONDARY = (50.0, 1_500.0)  # e-, log-uniform, deposited at one point
#: Energy loss per pixel length of track: Landau-like, location and scale in e- / pixel [A, for the mean of 5,200 e-]
LOSS = (5_450.0, 1_100.0)
SNOWBALLS = 0.05  # per integration of 63 s and detector
KINDS = ("track", "secondary", "heavy", "snowball", "planted")
REACH = 7  # pixels around a hit's start in which its charge is followed


#: One hit pixel: hit number, zero-based read in which it arrives, row, column, electrons, index into `KINDS`.
HIT = np.dtype([("hit", "i4"), ("read", "i2"), ("row", "i2"), ("column", "i2"), ("electrons", "f4"), ("kind", "u1")])


def expected_hits(seconds: float, rows: int = ROWS, columns: int = COLUMNS) -> float:
    """Return the mean number of hits on ``rows`` x ``columns`` pixels in ``seconds``."""
    return RATE * rows * columns * PIXEL**2 * seconds


def draw(
    rng: np.random.Generator, reads: int, frame_time: float, columns: tuple[int, int] = (0, COLUMNS)
) -> np.ndarray:
    """Draw the cosmic rays of one integration.

    Parameters
    ----------
    rng : numpy.random.Generator
    reads : int
        Number of reads that the integration lasts.
    frame_time : float
        Seconds per read.
    columns : (int, int)
        Columns that the detector is read from, ``[start, stop)``; reference pixels see nothing.

    Returns
    -------
    numpy.ndarray, shape (n,), dtype `HIT`
        One entry for each hit and pixel with more than `COUNTED` electrons.
    """
    width = columns[1] - columns[0]
    number = rng.poisson(expected_hits(reads * frame_time, columns=width))
    kinds = rng.choice(3, number, p=(1 - HEAVY_FRACTION - SECONDARY_FRACTION, SECONDARY_FRACTION, HEAVY_FRACTION))
    found = []
    for number_of_hit, kind in enumerate(kinds):
        where = rng.uniform((-0.5, columns[0] - 0.5), (ROWS - 0.5, columns[1] - 0.5))
        patch = _track(rng) if kind == 0 else _spot(_log_uniform(rng, SECONDARY if kind == 1 else HEAVY))
        found.append(_record(number_of_hit, rng.integers(reads), where, patch, kind, columns))
    for extra in range(rng.poisson(SNOWBALLS * reads * frame_time / 63.14 * width / COLUMNS)):
        where = rng.uniform((0, columns[0]), (ROWS, columns[1]))
        found.append(_record(number + extra, rng.integers(reads), where, _snowball(rng), 3, columns))
    return np.concatenate(found) if found else np.empty(0, HIT)


def planted(number: int, read: int, row: int, column: int, electrons: float) -> np.ndarray:
    """Return a hit at the centre of pixel (row, column), its charge in that one pixel; dtype `HIT`."""
    return np.array([(number, read, row, column, electrons, KINDS.index("planted"))], HIT)


def away_from(hits: np.ndarray, row: int, column: int, distance: int = 5) -> np.ndarray:
    """Return ``hits`` without those that touch a pixel nearer than ``distance`` to (row, column)."""
    near = (abs(hits["row"] - row) < distance) & (abs(hits["column"] - column) < distance)
    return hits[~np.isin(hits["hit"], hits["hit"][near])]


def accumulated(hits: np.ndarray, reads: tuple[int, ...], columns: tuple[int, int] = (0, COLUMNS)) -> np.ndarray:
    """Return the charge of the hits in each kept read, shape (group, row, column), electrons."""
    charge = np.zeros((len(reads), ROWS, columns[1] - columns[0]), np.float32)
    group = np.searchsorted(reads, hits["read"])
    kept = group < len(reads)
    np.add.at(charge, (group[kept], hits["row"][kept], hits["column"][kept] - columns[0]), hits["electrons"][kept])
    return np.cumsum(charge, axis=0, out=charge)


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def _track(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) along a straight track from an isotropic sky and the electrons that each leaves, shape (n,)."""
    cosine = np.sqrt(rng.uniform(0.002, 1))  # a surface sees an isotropic flux weighted by cos(angle)
    length = THICKNESS / cosine
    lateral = min(np.sqrt(length**2 - THICKNESS**2), REACH - 2)
    azimuth = rng.uniform(0, 2 * np.pi)
    # a Landau-like loss has a long upper tail; below zero it means nothing
    loss = max(moyal.rvs(*LOSS, random_state=rng), 500.0)
    along = (np.arange(12) + 0.5) / 12 * lateral
    points = along[:, None] * np.array([np.sin(azimuth), np.cos(azimuth)])
    return points, np.full(12, loss * length / 12)


def _spot(electrons: float) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((1, 2)), np.array([electrons])


def _snowball(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A round, saturated core of a few pixels' radius with a faint halo [A]."""
    radius = rng.uniform(2.0, 4.5)
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].reshape(2, -1)
    distance = np.hypot(y, x)
    electrons = 3e5 * (distance <= radius) + 1_500 * np.exp(-np.maximum(distance - radius, 0) / 1.5)
    return np.column_stack([y, x]), electrons


def _record(hit, read, where, points, kind, columns) -> np.ndarray:
    """Spread the points' electrons over pixels by diffusion; keep the pixels that count."""
    offsets, electrons = points
    corner = np.round(where).astype(int) - REACH
    edges = np.arange(2 * REACH + 2) - 0.5 - REACH
    centres = offsets + (where - np.round(where))
    share = np.diff(ndtr((edges - centres[:, :, None]) / DIFFUSION), axis=2)  # (point, axis, pixel)
    patch = np.einsum("p,py,px->yx", electrons, share[:, 0], share[:, 1])
    y, x = np.nonzero(patch > COUNTED)
    row, column = y + corner[0], x + corner[1]
    first, last = max(columns[0], REFERENCE_COLUMNS), min(columns[1], COLUMNS - REFERENCE_COLUMNS)
    inside = (row >= 0) & (row < ROWS) & (column >= first) & (column < last)
    record = np.empty(inside.sum(), HIT)
    record["hit"], record["read"], record["kind"] = hit, read, kind
    record["row"], record["column"], record["electrons"] = row[inside], column[inside], patch[y, x][inside]
    return record
