"""Checkers of lesson 09: ramp fitting and the light curve."""

from __future__ import annotations

import numpy as np

from tso_helpers.course.exercises.core import Wrong, checker, close_to


def _growth(groups):
    """Growth of a photon-limited slope's error when half the groups are fitted: it counts differences."""
    return float(np.sqrt((groups - 1) / (groups // 2 - 1)))


@checker(
    "ramp-half",
    expects="a number: how many times larger",
    example={"groups": 14},
    solution=lambda groups: _growth(groups),
    wrong={
        "upside down": lambda groups: 1 / _growth(groups),
        "variance": lambda groups: _growth(groups) ** 2,
        "nothing changed": 1.0,
        "faint pixels": 2.9,
    },
)
def ramp_half(answer, *, groups):
    right = _growth(groups)
    if close_to(answer, right, rtol=0.04):
        return (
            f"{groups} groups have {groups - 1} differences, {groups // 2} have {groups // 2 - 1}: the square root of "
            f"their ratio is {right:.3g}. In bright pixels the photons between first and last group are what counts."
        )
    if close_to(answer, 1 / right, rtol=0.04):
        raise Wrong("upside down: with fewer groups the error grows.")
    if close_to(answer, right**2, rtol=0.04):
        raise Wrong("that is the growth of the variance; take the error, its square root.")
    if close_to(answer, 1.0, rtol=0.02):
        raise Wrong("nothing changed: did lastgroup arrive at the step? It counts from zero.")
    if answer > 1.1 * right:
        raise Wrong("too much for bright pixels: are faint ones among them? Read noise suffers more from short ramps.")
    raise Wrong("median of (error with half the groups) / (error with all) over the bright pixels.")


def _electrons(flux, factor, gain, seconds):
    return float(np.median(flux)) / factor * gain * seconds


@checker(
    "electrons-after-scaling",
    expects="a number of electrons",
    example={"flux": np.full(5, 1.9e6), "factor": 1.4, "gain": 1.5, "seconds": 60.0},
    solution=_electrons,
    wrong={
        "factor forgotten": lambda flux, factor, gain, seconds: float(np.median(flux)) * gain * seconds,
        "divided by the gain": lambda flux, factor, gain, seconds: float(np.median(flux)) / factor / gain * seconds,
        "per second": lambda flux, factor, gain, seconds: float(np.median(flux)) / factor * gain,
        "a guess": 1e6,
    },
)
def electrons_after_scaling(answer, *, flux, factor, gain, seconds):
    right, rate = _electrons(flux, factor, gain, seconds), float(np.median(flux))
    if close_to(answer, right, rtol=0.02):
        return f"Their noise is {1e6 / np.sqrt(right):.3g} ppm. The gain belongs to the rate before gain_scale."
    if close_to(answer, rate * gain * seconds, rtol=0.02):
        raise Wrong("too many: these rates were multiplied by GAINFACT, the gain belongs to the rates before that.")
    if close_to(answer, rate / factor / gain * seconds, rtol=0.02):
        raise Wrong("the gain is in electrons per DN: multiply by it.")
    if close_to(answer, right / seconds, rtol=0.02):
        raise Wrong("that is per second; how many arrive between the first and the last group?")
    raise Wrong("rate / factor gives DN/s; times gain gives electrons per second; times seconds gives electrons.")


LIMIT = 1000.0  # ppm


def _choice(half_widths, scatter, step):
    allowed = np.abs(step) < LIMIT
    return float(np.asarray(half_widths)[allowed][np.argmin(np.asarray(scatter)[allowed])])


@checker(
    "aperture-choice",
    expects="one of the half-widths, in rows",
    example={
        "half_widths": np.array([2.0, 4.0, 8.0, 16.0]),
        "scatter": np.array([96.0, 97.0, 104.0, 118.0]),
        "step": np.array([-13000.0, -4700.0, -400.0, -200.0]),
    },
    solution=_choice,
    wrong={
        "least scatter": lambda half_widths, scatter, step: half_widths[np.argmin(scatter)],
        "least step": lambda half_widths, scatter, step: half_widths[np.argmin(np.abs(step))],
        "not one of them": 5.0,
    },
)
def aperture_choice(answer, *, half_widths, scatter, step):
    half_widths = np.asarray(half_widths, dtype=float)
    if close_to(answer, _choice(half_widths, scatter, step), rtol=1e-6):
        return "As narrow as the tilt allows: wide enough to hold the wings, and no row more."
    if not np.isclose(half_widths, answer).any():
        raise Wrong(f"choose one of {', '.join(f'{width:g}' for width in half_widths)}.")
    if close_to(answer, half_widths[np.argmin(scatter)], rtol=1e-6):
        raise Wrong("that one has the least noise of all, but the tilt shows in it: look at the step first.")
    if close_to(answer, half_widths[np.argmin(np.abs(step))], rtol=1e-6):
        raise Wrong("that one has the smallest step; among those below the limit another one is less noisy.")
    raise Wrong("keep those whose |step| is below the limit, then take the one with the least noise.")
