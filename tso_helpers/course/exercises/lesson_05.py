"""Checkers of lesson 05: linearity."""

from __future__ import annotations

import numpy as np

from tso_helpers.course.exercises.core import Wrong, checker, close_to


def _lost(depth, signal, c2, c3):
    """By how many ppm a transit of ``depth`` looks too shallow in uncorrected counts that reach ``signal`` DN."""

    def linear(measured):
        return measured * (1 + measured * (c2 + measured * c3))

    grid = np.linspace(0, signal, 4001)
    in_transit = np.interp((1 - depth) * linear(signal), linear(grid), grid)
    return 1e6 * (depth - (1 - in_transit / signal))


@checker(
    "linearity-transit",
    expects="a number of ppm",
    example={"depth": 0.02, "signal": 25_000.0, "c2": 1.3e-6, "c3": 1e-11},
    solution=_lost,
    wrong={
        "the depth that is seen": lambda depth, signal, c2, c3: 1e6 * depth - _lost(depth, signal, c2, c3),
        "wrong sign": lambda depth, signal, c2, c3: -_lost(depth, signal, c2, c3),
        "as a fraction": lambda depth, signal, c2, c3: 1e-6 * _lost(depth, signal, c2, c3),
        "the whole bend": lambda depth, signal, c2, c3: 1e6 * signal * (c2 + signal * c3),
        "a guess": 17.0,
    },
)
def transit(answer, *, depth, signal, c2, c3):
    right = _lost(depth, signal, c2, c3)
    if close_to(answer, right, rtol=0.05):
        return (
            "The star is squeezed more than the star in transit, so the dip shrinks, and it shrinks most at the "
            "brightest wavelengths: that is a slope in the planet's spectrum."
        )
    if close_to(answer, -right, rtol=0.05):
        raise Wrong("the sign: give by how much the transit is too shallow, as a positive number.")
    if close_to(answer, 1e6 * depth - right, rtol=1e-3):
        raise Wrong("that is the depth that is seen; give the difference to the true one.")
    if close_to(answer, 1e-6 * right, rtol=0.05):
        raise Wrong("that is a fraction; multiply by a million.")
    if close_to(answer, 1e6 * signal * (c2 + signal * c3), rtol=0.05):
        raise Wrong("that is how far the whole signal is bent; most of it cancels, because the dip is bent too.")
    raise Wrong("find the measured counts for (1 - depth) times the true ones; `np.interp` can invert a rising curve.")


def _straightest(ratios):
    return min(ratios, key=lambda scale: abs(ratios[scale] - 1))


@checker(
    "linearity-scale",
    expects="one of the scales that you tried",
    example={"ratios": {0.0: 0.92, 0.9: 0.985, 1.0: 0.994, 1.1: 1.003, 1.3: 1.02}},
    solution=_straightest,
    wrong={
        "the reference itself": 1.0,
        "the largest": lambda ratios: max(ratios),
        "never tried": 7.5,
        "no correction": 0.0,
    },
)
def scale(answer, *, ratios):
    tried = {round(float(key), 6): value for key, value in ratios.items()}
    answer, best = round(float(answer), 6), round(float(_straightest(ratios)), 6)
    if answer == best:
        return (
            "With it the bright ramps look straight, and it is still the wrong polynomial: the rest of their bend is "
            "charge that went to their neighbours, and the neighbours now bend upwards even more."
        )
    if answer not in tried:
        raise Wrong(f"that scale was not tried; choose from {', '.join(f'{key:.3g}' for key in sorted(tried))}.")
    if answer == 0:
        raise Wrong("0 leaves the polynomial out altogether: that is the ramp before the step.")
    if answer == 1:
        raise Wrong(f"1 is the reference itself; with it the bright pixels' ratio is {tried[1.0]:.4g}, a little off.")
    raise Wrong(f"with {answer:.3g} the ratio is {tried[answer]:.4g}; another scale comes closer to 1.")
