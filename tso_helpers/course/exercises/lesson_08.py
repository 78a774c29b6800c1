"""Checkers of lesson 08: jumps."""

from __future__ import annotations

import numpy as np

from tso_helpers.course.exercises.core import Wrong, checker, close_to


def _signs():
    """Ten integrations: 40 hits, 50 chance events up and 50 down were flagged, with 30 of their neighbours."""
    significance = np.zeros((10, 5, 8, 50), dtype=np.float32)
    flat = significance.reshape(-1)
    flat[:90], flat[90:140] = 6.0, -6.0
    flagged = np.zeros(flat.size, dtype=bool)
    flagged[:170] = True
    return {"significance": significance, "flagged": flagged.reshape(significance.shape), "threshold": 4.0}


def _up_and_down(significance, flagged, threshold):
    number = len(flagged)
    up = np.count_nonzero(flagged & (significance > threshold)) / number
    return up, np.count_nonzero(flagged & (significance < -threshold)) / number


@checker(
    "jump-signs",
    expects="a number of samples per integration",
    example=_signs,
    solution=lambda **context: np.subtract(*_up_and_down(**context)),
    wrong={
        "sum": lambda **context: sum(_up_and_down(**context)),
        "only up": lambda **context: _up_and_down(**context)[0],
        "all integrations": lambda **context: 10 * np.subtract(*_up_and_down(**context)),
        "a guess": 1e6,
    },
)
def signs(answer, *, significance, flagged, threshold):
    up, down = _up_and_down(significance, flagged, threshold)
    tolerance = 0.02 * (up + down)
    if close_to(answer, up - down, rtol=0, atol=tolerance):
        return (
            "Noise has no preferred direction, cosmic rays have. This needs no truth, so it works on real data: it "
            "counts pixels hit above the threshold, without those that were flagged for their neighbour's sake."
        )
    if close_to(answer, len(flagged) * (up - down), rtol=0, atol=len(flagged) * tolerance):
        raise Wrong("that is the number in all integrations together; divide by how many there are.")
    if close_to(answer, up, rtol=0, atol=tolerance):
        raise Wrong("those are all that go up, noise included. How often does noise go up? As often as down.")
    if close_to(answer, up + down, rtol=0, atol=tolerance):
        raise Wrong("you added up both directions: that is what noise, telegraph pixels and hits do together.")
    raise Wrong("count the flags above +threshold and below -threshold, subtract, divide by the integrations.")


def _cross():
    """One strong hit with its four neighbours, and a weak one elsewhere."""
    default = np.zeros((1, 3, 9, 9), dtype=bool)
    significance = np.zeros(default.shape, dtype=np.float32)
    for row, column in ((4, 4), (3, 4), (5, 4), (4, 3), (4, 5), (0, 8)):
        default[0, 1, row, column] = True
    significance[0, 1, 4, 4], significance[0, 1, 0, 8] = 50.0, 6.0
    return {"default": default, "significance": significance, "threshold": 4.0}


@checker(
    "jump-neighbours",
    expects="an array of True and False, of the shape of the flags",
    example=_cross,
    solution=lambda default, significance, threshold: default & ~(np.abs(significance) > threshold),
    wrong={
        "all flags": lambda default, significance, threshold: default.copy(),
        "those flagged in their own right": lambda default, significance, threshold: (
            default & (np.abs(significance) > threshold)
        ),
        "none": lambda default, significance, threshold: np.zeros_like(default),
        "everything else": lambda default, significance, threshold: ~default,
        "another shape": lambda default, significance, threshold: default[0],
    },
)
def neighbours(answer, *, default, significance, threshold):
    answer = np.asarray(answer)
    if answer.dtype != bool or answer.shape != default.shape:
        raise Wrong(f"give an array of bool of shape {default.shape}; yours is {answer.dtype} of shape {answer.shape}.")
    if not answer.any():
        raise Wrong("that is no sample at all. Did both runs have the same setting?")
    if np.any(answer & ~default):
        raise Wrong("some of your samples were never flagged. Take those of the first run that the second run lacks.")
    if np.array_equal(answer, default):
        raise Wrong("those are all flags of the first run; take away the ones that the second run sets as well.")
    expected = default & ~(np.abs(significance) > threshold)
    # with few groups the step compares in a slightly different way: near the threshold the two need not agree
    if np.count_nonzero(answer != expected) > 0.15 * np.count_nonzero(default):
        raise Wrong("many of these exceed the threshold themselves: both runs flag them. Keep what only one does.")
    share = 100 * np.count_nonzero(answer) / np.count_nonzero(default)
    return (
        f"{share:.0f} % of the flags are there for a neighbour's sake. Beside a hit that is wise, because charge "
        "spreads; beside a telegraph pixel it is a waste. The step cannot tell the two apart."
    )
