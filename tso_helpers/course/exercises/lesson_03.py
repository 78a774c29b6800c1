"""Checkers of lesson 03: saturation."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation

from tso_helpers import dq
from tso_helpers.course.exercises.core import Wrong, checker, close_to

_FACTORS = np.arange(1, 41) / 20


def _neighbour_case():
    """A pixel that is full in every sample, with its eight neighbours; another one in the last group only."""
    over = np.zeros((2, 3, 6, 12), dtype=bool)
    over[:, :, 2, 2] = True
    over[0, -1, 3, 8] = True
    flags = np.zeros(over.shape, dtype=np.uint8)
    flags[:, :, 1:4, 1:4] = dq.value("SATURATED")
    flags[0, -1, 2:5, 7:10] = dq.value("SATURATED")
    return {"groupdq": flags, "over": over}


@checker(
    "saturation-lost-neighbours",
    expects="a number of pixels",
    example=_neighbour_case,
    solution=8,
    wrong={
        "with the full pixels": 9,
        "only the full pixels": 1,
        "flagged at any time": 18,
        "neighbours at any time": 16,
        "counted in samples": 48,
        "something else": 5,
    },
)
def lost_neighbours(answer, *, groupdq, over):
    flags = dq.mask(groupdq, "SATURATED")
    always, ever, full = flags.all(axis=(0, 1)), flags.any(axis=(0, 1)), over.any(axis=(0, 1))
    wanted, answer = np.count_nonzero(always & ~full), int(answer)
    if answer == wanted:
        n_full = np.count_nonzero(always & full)
        return f"{n_full} bad pixels cost you {answer} good ones in every integration: the price of `n_pix_grow_sat`."
    if answer == np.count_nonzero(always):
        raise Wrong("the pixels that do reach their limit are among them; leave those out.")
    if answer == np.count_nonzero(always & full):
        raise Wrong("these are the pixels that are full themselves; you want those that are flagged because of them.")
    if answer == np.count_nonzero(ever):
        raise Wrong("these are flagged in at least one sample; ask for those flagged in *every* sample (`.all`).")
    if answer == np.count_nonzero(ever & ~full):
        raise Wrong("these neighbours are flagged at some time; ask for those flagged in *every* sample (`.all`).")
    if wanted and answer % wanted == 0 and answer > wanted:
        raise Wrong("you seem to count samples; reduce over integrations and groups, axes 0 and 1, and count pixels.")
    raise Wrong("combine `saturated.all(axis=(0, 1))` with the pixels that never reach their own limit.")


def _share(data, limits, factor, grow=True):
    """Share of a frame that is flagged at the end of an integration when its limits are multiplied by a factor."""
    over = (data >= factor * limits).any(axis=0)
    if grow:
        over = binary_dilation(over, structure=np.ones((3, 3), dtype=bool))
    return float(over.mean())


def _largest(data, limits, share, grow=True):
    """The largest multiple of 0.05 that flags more than that share; NaN if none does."""
    enough = [factor for factor in _FACTORS if _share(data, limits, factor, grow) > share]
    return max(enough, default=np.nan)


def _factor_case():
    """Brightness falls from the middle row outwards, so that the share rises smoothly as the limit falls."""
    profile = np.exp(-0.5 * ((np.arange(30) - 15) / 4) ** 2)[:, None] * np.ones((30, 40))
    return {"data": np.linspace(0, 900, 6)[:, None, None] * profile, "limits": np.full((30, 40), 1000.0), "share": 0.3}


@checker(
    "saturation-factor",
    expects="a factor, a multiple of 0.05",
    example=_factor_case,
    solution=lambda data, limits, share: _largest(data, limits, share),
    wrong={
        "without neighbours": lambda data, limits, share: _largest(data, limits, share, grow=False),
        "above the reference's limit": 1.1,
        "one step too high": lambda data, limits, share: _largest(data, limits, share) + 0.05,
        "far too low": 0.05,
        "in percent": 45.0,
    },
)
def saturation_factor(answer, *, data, limits, share):
    answer, right = float(answer), _largest(data, limits, share)
    if close_to(answer, right, rtol=1e-6):
        return "Well below that, you throw away light; how much lower is wise depends on how well you know the ramp."
    if answer > 3:
        raise Wrong("give the factor on the limits, a number below 1.")
    if answer > 1:
        raise Wrong("never raise a limit: above it nobody has measured what a pixel does.")
    if close_to(answer, _largest(data, limits, share, grow=False), rtol=1e-6):
        raise Wrong("that is right with n_pix_grow_sat=0; with the default, neighbours are flagged as well.")
    if answer > right:
        raise Wrong(f"{answer:.2f} flags {100 * _share(data, limits, answer):.2g} % of the frame: go lower.")
    if answer < right:
        raise Wrong(
            f"{answer:.2f} flags {100 * _share(data, limits, answer):.2g} %, but so does a larger factor: "
            f"you want the largest that flags more than {100 * share:.2g} %."
        )
    raise Wrong("give a multiple of 0.05.")
