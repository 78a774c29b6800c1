"""Checkers of lesson 10: cutting a ramp, memory, and the cost of a programme."""

from __future__ import annotations

from tso_helpers.course.exercises.core import Wrong, checker, close_to
from tso_helpers.detector1.plan import HALO

_AFTER_DARK = {
    "jump": "a jump looks at its neighbours, one row away, and the halo of two rows holds them.",
    "ramp_fit": "the fit looks at one pixel and at nothing beside it.",
    "gain_scale": "every rate is multiplied by the same factor, whatever lies beside it.",
}


@checker(
    "whole-bands",
    expects="the name of a step",
    solution="one_over_f",
    wrong={"jump": "jump", "ramp_fit": "ramp_fit", "gain_scale": "gain_scale", "a step of the blocks": "refpix"},
)
def bands_of_rows(answer):
    name = answer.strip()
    if name == "one_over_f":
        return "It takes the median of all background rows of a column; a band holds a few, with another median."
    if name in _AFTER_DARK:
        raise Wrong(_AFTER_DARK[name])
    raise Wrong(f"choose one of one_over_f, {', '.join(_AFTER_DARK)}.")


def _columns(memory, base, times, shape):
    integrations, groups, rows, _ = shape
    return int((memory - base) / (integrations * groups * rows * 4 * times)) - 2 * HALO


def _forgotten(what):
    return {
        "halo": lambda **context: _columns(**context) + 2 * HALO,
        "base": lambda **context: _columns(**(context | {"base": 0.0})),
        "times": lambda **context: _columns(**(context | {"times": 1.0})),
        "bytes": lambda **context: _columns(**(context | {"times": context["times"] / 4})),
    }[what]


@checker(
    "whole-columns",
    expects="a whole number of columns",
    example={"memory": 1e9, "base": 0.35e9, "times": 8.0, "shape": (155, 70, 32, 2048)},
    solution=_columns,
    wrong={
        "halo forgotten": _forgotten("halo"),
        "Python forgotten": _forgotten("base"),
        "samples only": _forgotten("times"),
        "bytes forgotten": _forgotten("bytes"),
        "a guess": 1000,
    },
)
def columns_that_fit(answer, *, memory, base, times, shape):
    context = {"memory": memory, "base": base, "times": times, "shape": shape}
    right = _columns(**context)
    if close_to(answer, right, rtol=0, atol=0.01):
        return f"A tile may give {right} of its columns; the {2 * HALO} columns of halo take memory as well."
    if close_to(answer, right + HALO, rtol=0, atol=HALO + 0.99):
        raise Wrong(f"nearly: take whole columns, and leave room for {HALO} columns of halo on either side.")
    hints = {
        "base": "Python and the pipeline's modules are in memory too: take them off first.",
        "times": "the samples alone fit so often; the step needs several times their memory.",
        "bytes": "a 4-byte number takes 4 bytes: there is a factor missing.",
    }
    for what, hint in hints.items():
        if close_to(answer, _forgotten(what)(**context), rtol=0, atol=2 * HALO + 1):
            raise Wrong(hint)
    raise Wrong("(memory - base) / bytes that one column needs, less the halo. A column holds all but the last axis.")


def _core_hours(seconds, exposures, cores):
    return seconds * exposures / 3600


@checker(
    "whole-programme",
    expects="a number of core-hours",
    example={"seconds": 900.0, "exposures": 100, "cores": 20},
    solution=_core_hours,
    wrong={
        "on the clock": lambda seconds, exposures, cores: seconds * exposures / 3600 / cores,
        "one exposure": lambda seconds, exposures, cores: seconds / 3600,
        "minutes": lambda seconds, exposures, cores: seconds * exposures / 60,
        "cores multiplied": lambda seconds, exposures, cores: seconds * exposures / 3600 * cores,
        "a guess": 1.0,
    },
)
def core_hours(answer, *, seconds, exposures, cores):
    right = _core_hours(seconds, exposures, cores)
    if close_to(answer, right, rtol=0.02):
        return (
            f"On {cores} cores that is {right / cores:.2g} hours on the clock at best; more cores make it no cheaper."
        )
    if close_to(answer, right / cores, rtol=0.02):
        raise Wrong("that is the time on the clock with all cores at work; core-hours count the work itself.")
    if close_to(answer, right / exposures, rtol=0.02):
        raise Wrong("that is one exposure.")
    if close_to(answer, right * 60, rtol=0.02):
        raise Wrong("those are core-minutes.")
    if close_to(answer, right * cores, rtol=0.02):
        raise Wrong("the processor time of an exposure is that of all its workers together already.")
    raise Wrong("processor time of one exposure times the number of exposures, in hours.")
