"""Checkers of lesson 02: flags."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from tso_helpers import dq
from tso_helpers.course.exercises.core import Wrong, checker

__all__ = ["bright_outliers"]


def _frame():
    """A made-up pixeldq: four reference pixels, a dead one, two of low efficiency, one with two flags and a bad one."""
    flags = np.zeros((4, 30), dtype=np.uint32)
    flags[:, 0] = dq.value("REFERENCE_PIXEL")
    flags[0, 5] = dq.value("DEAD", "DO_NOT_USE")
    flags[1, 5] = flags[2, 9] = dq.value("LOW_QE")
    flags[3, 9] = dq.value("LOW_QE", "RC")
    flags[3, 20] = dq.value("DO_NOT_USE")
    return flags


@checker(
    "flags-used-all-the-same",
    expects="a number of pixels",
    example=lambda: {"pixeldq": _frame()},
    solution=3,
    wrong={
        "with the reference pixels": 7,
        "every flagged pixel": 9,
        "those that are left out": 2,
        "one count per flag": 4,
        "something else": 5,
    },
)
def flags_used_all_the_same(answer, *, pixeldq):
    flagged, left_out = dq.mask(pixeldq), dq.mask(pixeldq, "DO_NOT_USE")
    reference = dq.mask(pixeldq, "REFERENCE_PIXEL")
    wanted = flagged & ~left_out & ~reference
    answer = int(answer)
    if answer == wanted.sum():
        return "The fit takes them; whether you want their light is your decision."
    if answer == (flagged & ~left_out).sum():
        raise Wrong("the reference pixels are among them: they carry a flag and no DO_NOT_USE, but see no light.")
    if answer == flagged.sum():
        raise Wrong("these are all the flagged pixels; leave out those with DO_NOT_USE and the reference pixels.")
    if answer == left_out.sum():
        raise Wrong("these are the pixels that the fit does leave out; you want the other flagged ones.")
    table = dq.tally(pixeldq[wanted])
    if answer == table["count"].sum():
        raise Wrong("a pixel with two flags is counted twice; count pixels, not flags.")
    raise Wrong("combine three masks: any flag, and not DO_NOT_USE, and not REFERENCE_PIXEL.")


def bright_outliers(image):
    """Pixels far brighter than the median of fifteen pixels of their row, by 20 % and 100 DN."""
    level = median_filter(image, size=(1, 15))
    return image - level > 100 + 0.2 * level


def _outlier_case():
    image = np.full((4, 30), 50.0)
    image[2] += 20_000 + 600 * np.cos(np.arange(30))  # a trace, with what the response of pixels differs by
    image[0, 12] = image[1, 5] = 900.0
    return {"pixeldq": _frame(), "image": image}


def _with_own_flags(pixeldq, image, name="DO_NOT_USE", where=bright_outliers):
    return np.where(where(image), pixeldq | np.uint32(dq.value(name)), pixeldq)


@checker(
    "flags-of-your-own",
    expects="the pixeldq that the step returned, an array of integers (row, column)",
    example=_outlier_case,
    solution=lambda pixeldq, image: _with_own_flags(pixeldq, image),
    wrong={
        "nothing was handed over": lambda pixeldq, image: pixeldq.copy(),
        "the mask was replaced": lambda pixeldq, image: _with_own_flags(np.zeros_like(pixeldq), image),
        "another flag": lambda pixeldq, image: _with_own_flags(pixeldq, image, "HOT"),
        "the trace as well": lambda pixeldq, image: _with_own_flags(pixeldq, image, where=lambda i: i > 1000),
        "only the brightest": lambda pixeldq, image: _with_own_flags(
            pixeldq, image, where=lambda i: (i == 900) & (np.arange(30) > 9)
        ),
    },
)
def flags_of_your_own(answer, *, pixeldq, image):
    answer = np.asarray(answer)
    if answer.shape != pixeldq.shape:
        raise ValueError(f"the frame has shape {pixeldq.shape}")
    if np.any(pixeldq & ~answer):
        raise Wrong("flags of MASK are gone: take what the step returns, it adds your flags to those of the mask.")
    added = answer & ~pixeldq
    if not added.any():
        raise Wrong("the step knows no more flags than before: name your file in user_supplied_dq.")
    if np.any(added & ~np.uint32(dq.value("DO_NOT_USE"))):
        raise Wrong("other flags than DO_NOT_USE were added; only that one makes the fit leave a pixel out.")
    wanted = bright_outliers(image)
    if np.any(added[~wanted]):
        raise Wrong(
            f"{np.count_nonzero(added[~wanted])} pixels are flagged that do not stand out by 100 DN plus 20 %: "
            "on the trace, pixels differ by that much because the light does."
        )
    if np.any(wanted & ~dq.mask(answer, "DO_NOT_USE")):
        raise Wrong("some of the outliers are still without DO_NOT_USE.")
    return f"{np.count_nonzero(added)} pixels that MASK does not know are now left out."
