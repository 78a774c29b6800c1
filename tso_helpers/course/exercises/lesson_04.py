"""Checkers of lesson 04: superbias and reference pixels."""

from __future__ import annotations

import numpy as np
from astropy.stats import mad_std

from tso_helpers.course.exercises.core import Wrong, checker, close_to


def _frame():
    """A small frame whose reference pixels stand at 100 DN in even rows and at 30 DN in odd ones."""
    reference = np.zeros((8, 20), dtype=bool)
    reference[:, :2] = reference[:, -2:] = True
    before = np.where(np.arange(8)[:, None] % 2 == 0, 100.0, 30.0) + np.where(reference, 0.0, 50.0)
    after = np.where(reference, 0.0, 50.0)
    return {"before": before, "after": after, "reference": reference}


def _mean(before, reference, rows=slice(None)):
    return float(before[rows][reference[rows]].mean())


@checker(
    "refpix-by-hand",
    expects="a number of DN",
    example=_frame,
    solution=lambda before, after, reference: _mean(before, reference, slice(0, None, 2)),
    wrong={
        "odd rows": lambda before, after, reference: _mean(before, reference, slice(1, None, 2)),
        "all rows": lambda before, after, reference: _mean(before, reference),
        "active pixels": lambda before, after, reference: _mean(before, ~reference, slice(0, None, 2)),
        "wrong sign": lambda before, after, reference: -_mean(before, reference, slice(0, None, 2)),
        "a guess": 5.0,
    },
)
def by_hand(answer, *, before, after, reference):
    right, odd = (float(np.nanmedian((before - after)[parity::2])) for parity in (0, 1))
    tolerance = 0.05 * abs(right - odd) + 0.3
    if close_to(answer, right, rtol=0, atol=tolerance):
        return "One number, from 128 pixels, for 32,768 pixels of the frame: its noise goes into all of them."
    if close_to(answer, odd, rtol=0, atol=tolerance):
        raise Wrong("that is the number of the odd rows. Rows count from zero: 0, 2, 4, ... are even.")
    if close_to(answer, (right + odd) / 2, rtol=0, atol=tolerance):
        raise Wrong("that is the mean over all reference pixels; the step takes even and odd rows apart.")
    if close_to(answer, -right, rtol=0, atol=tolerance):
        raise Wrong("the size is right, the sign is not: what is subtracted is the mean itself.")
    active = float(np.nanmean(before[0::2][~reference[0::2]]))
    if close_to(answer, active, rtol=0.02, atol=tolerance):
        raise Wrong("that is the mean of the active pixels, which see light. Take the reference pixels.")
    raise Wrong("take the mean of before[reference & even], in this one group.")


@checker(
    "superbias-off",
    expects="a number of DN",
    solution=0.0,
    wrong={"refpix forgotten": 100.0, "refpix forgotten and the sign lost": -100.0, "something else": 37.0},
)
def superbias_off(answer):
    if close_to(answer, 100.0, rtol=0, atol=2):
        raise Wrong("that is the change after superbias alone. Run refpix too, and ask what its reference pixels saw.")
    if close_to(answer, -100.0, rtol=0, atol=2):
        raise Wrong("less subtracted means more left, so the sign is wrong; and refpix is still to come.")
    if not close_to(answer, 0.0, rtol=0, atol=0.1):
        raise Wrong("compare the same pixels of the same group in both results, after both steps.")
    return (
        "The reference pixels lie in the superbias too and shift with all others: refpix takes any common error out. "
        "An error that differs between active and reference pixels would stay, and so would one from pixel to pixel."
    )


def _resets():
    """Two integrations of three groups with kTC noise of 20 DN and read noise of 7 DN."""
    rng = np.random.default_rng(4)
    data = 20 * rng.standard_normal((2, 1, 60, 400)) + 7 * rng.standard_normal((2, 3, 60, 400))
    return {"data": data, "mask": np.ones((60, 400), dtype=bool)}


def _sigma(values):
    return float(mad_std(values, ignore_nan=True))


def _noises(data, mask):
    """Standard deviations (DN): kTC with read noise, read noise, of a single sample."""
    first, second = data[:, 0, mask], data[:, 1, mask]
    return _sigma(first[1] - first[0]) / np.sqrt(2), _sigma(second - first) / np.sqrt(2)


def _ktc(data, mask):
    both, read = _noises(data, mask)
    return float(np.sqrt(both**2 - read**2))


@checker(
    "ktc-noise",
    expects="a number of DN",
    example=_resets,
    solution=_ktc,
    wrong={
        "read noise": lambda data, mask: _noises(data, mask)[1],
        "root two": lambda data, mask: np.sqrt(2) * _ktc(data, mask),
        "variance": lambda data, mask: _ktc(data, mask) ** 2,
        "read noise left in": lambda data, mask: _noises(data, mask)[0],
        "nonsense": 1.0,
    },
)
def ktc_noise(answer, *, data, mask):
    both, read = _noises(data, mask)
    right = _ktc(data, mask)
    if close_to(answer, right, rtol=0.03):
        return "Random, but frozen from reset to reset: it moves every group of an integration alike, and no slope."
    if close_to(answer, both, rtol=0.02):
        raise Wrong("read noise is still in it: subtract its variance before you take the root.")
    if close_to(answer, read, rtol=0.05):
        raise Wrong("that is the read noise of one sample; kTC noise is what differs between integrations.")
    if close_to(answer, np.sqrt(2) * right, rtol=0.05):
        raise Wrong("a difference of two draws has twice the variance of one: divide by the square root of 2.")
    if close_to(answer, right**2, rtol=0.1):
        raise Wrong("that is the variance; take its root.")
    raise Wrong("variance between integrations minus variance between neighbouring groups, halved; then the root.")
