"""Checkers of lesson 06: dark current."""

from __future__ import annotations

import numpy as np

from tso_helpers.course.exercises.core import Wrong, checker, close_to

ALLOWED = 1e-4  # 100 ppm


def _faintest(star, dark, depth):
    share = ALLOWED / depth
    return share / (1 - share) * star / dark


@checker(
    "dark-faintest-star",
    expects="a number: how many times fainter",
    example={"star": 1.0e6, "dark": 2.0e3, "depth": 0.02},
    solution=_faintest,
    wrong={
        "depth forgotten": lambda star, dark, depth: ALLOWED * star / dark,
        "upside down": lambda star, dark, depth: 1 / _faintest(star, dark, depth),
        "in magnitudes": lambda star, dark, depth: 2.5 * np.log10(_faintest(star, dark, depth)),
        "a guess": 1000.0,
    },
)
def faintest_star(answer, *, star, dark, depth):
    right = _faintest(star, dark, depth)
    if close_to(answer, right, rtol=0.02):
        return f"That is {2.5 * np.log10(right):.2g} magnitudes: this observation would not be far from it."
    if close_to(answer, ALLOWED * star / dark, rtol=0.02):
        raise Wrong("that allows D/S itself to be 100 ppm; the depth changes by D/S times the depth.")
    if close_to(answer, 1 / right, rtol=0.02):
        raise Wrong("upside down: that is how many times brighter. A fainter star has the rate S/f.")
    if close_to(answer, 2.5 * np.log10(right), rtol=0.02):
        raise Wrong("that is in magnitudes; give the ratio of the brightnesses.")
    raise Wrong("solve depth * x / (1 + x) = 1e-4 for x = D / (S / f).")


def _ramp():
    """A dark of 20 reads that settles, without noise."""
    time = np.arange(1, 21)[:, None, None]
    return {"dark": 3 * (1 - np.exp(-time / 6)) * np.ones((20, 4, 5)), "mask": np.ones((4, 5), dtype=bool), "reads": 19}


def _excess(dark, mask, reads):
    """What a linear extrapolation of the first half takes too much (DN) in the last read of the exposure."""
    half = len(dark) // 2
    last, slope = dark[half - 1].astype(float), dark[half - 1].astype(float) - dark[half - 2]
    extrapolated = last + slope * max(reads - half, 0)
    return float(np.median((extrapolated - dark[reads - 1])[mask]))


def _remaining(dark, mask, reads):
    """What would be missing (DN) if the dark just stopped at its end."""
    return float(np.median((dark[reads - 1] - dark[len(dark) // 2 - 1].astype(float))[mask]))


@checker(
    "dark-too-short",
    expects="a number of DN",
    example=_ramp,
    solution=_excess,
    wrong={
        "wrong sign": lambda dark, mask, reads: -_excess(dark, mask, reads),
        "nothing": 0.0,
        "held at its end": lambda dark, mask, reads: -_remaining(dark, mask, reads),
        "a guess": 17.0,
    },
)
def too_short(answer, *, dark, mask, reads):
    right, held = _excess(dark, mask, reads), -_remaining(dark, mask, reads)
    if close_to(answer, right, rtol=0.05, atol=1e-3):
        return (
            "The step goes on with the slope of the last two reads. The settling slows down, a straight line does not: "
            "too much is taken, and it looks like signal."
        )
    if close_to(answer, -right, rtol=0.05, atol=1e-3):
        raise Wrong("the sign: the extrapolated dark lies above the true one, so too much is taken.")
    if close_to(answer, 0.0, rtol=0, atol=1e-3):
        raise Wrong("something does change: did you set meta.exposure.ngroups, and does the log say 'extrapolated'?")
    if close_to(answer, held, rtol=0.05, atol=1e-3):
        raise Wrong("that would be so if the dark stayed at its last value; the step extrapolates it (read the log).")
    raise Wrong("median over the background of few_dark.data[:, -1] - wrong.data[:, -1].")
