"""Checkers of lesson 00."""

from __future__ import annotations

from tso_helpers.course.exercises.core import Wrong, checker, close_to

INTEGRATIONS, GROUPS, ROWS, COLUMNS = 465, 70, 32, 2048


@checker(
    "start-samples",
    expects="a number of samples",
    solution=INTEGRATIONS * GROUPS * ROWS * COLUMNS,
    wrong={
        "groups forgotten": INTEGRATIONS * ROWS * COLUMNS,
        "both detectors": 2 * INTEGRATIONS * GROUPS * ROWS * COLUMNS,
        "the simulated exposure": 54 * 14 * ROWS * COLUMNS,
    },
)
def samples(answer):
    right = INTEGRATIONS * GROUPS * ROWS * COLUMNS
    if close_to(answer, INTEGRATIONS * ROWS * COLUMNS):
        raise Wrong("every pixel is read 70 times in each integration: the groups are missing.")
    if close_to(answer, 2 * right):
        raise Wrong("that is both detectors; the question is about one.")
    if close_to(answer, 54 * 14 * ROWS * COLUMNS):
        raise Wrong("that is the simulated exposure of lesson size; the table gives the real numbers.")
    if not close_to(answer, right, rtol=1e-3):
        raise Wrong("multiply integrations, groups, rows and columns.")
    return (
        "Two thousand million samples: 4.3 GB of integers, 8.5 GB as floats, more with flags, for one detector. "
        "That is why these lessons never hold more than one segment in memory."
    )


ORDER = ["saturation", "superbias", "linearity", "jump", "ramp_fit"]


@checker(
    "start-order",
    expects="a list of the five names",
    solution=ORDER,
    wrong={
        "superbias first": ["superbias", "saturation", "linearity", "jump", "ramp_fit"],
        "linearity before superbias": ["saturation", "linearity", "superbias", "jump", "ramp_fit"],
        "jump before linearity": ["saturation", "superbias", "jump", "linearity", "ramp_fit"],
        "fit first": ["ramp_fit", "saturation", "superbias", "linearity", "jump"],
        "one forgotten": ["saturation", "superbias", "linearity", "ramp_fit"],
    },
)
def order(answer):
    answer = list(answer)
    if sorted(map(str, answer)) != sorted(ORDER):
        raise Wrong("use each of the five names once, spelled as in the list.")
    if answer[-1] != "ramp_fit":
        raise Wrong("the fit turns ramps into slopes: after it there is no ramp left to correct.")
    if answer[0] != "saturation":
        raise Wrong("saturation compares raw counts with a limit, so nothing may have been subtracted before it.")
    if answer.index("superbias") > answer.index("linearity"):
        raise Wrong("the bias is not charge made by light: the linearity polynomial needs ramps without it.")
    if answer.index("jump") < answer.index("linearity"):
        raise Wrong("a bent ramp looks as if its steps changed: straighten it before you look for jumps.")
    return "Each step undoes what the detector did last, so that the next one finds what it expects."
