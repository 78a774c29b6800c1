"""Checkers of lesson 07, 1/f noise at the group level."""

from __future__ import annotations

import numpy as np

from ... import light_curve, one_over_f, trace
from ... import rates as rates_
from .core import Wrong, checker, close_to

_ROWS = np.arange(16.0)[:, np.newaxis]


def _star(shift):
    return 1000 * np.exp(-0.5 * (_ROWS - 8 - shift) ** 2) * np.ones((1, 60))


def _segments():
    """First and last groups of three small segments; the spectrum moves by a row on the way."""
    return [np.stack([np.stack([np.zeros((16, 60)), _star(shift)])] * n) for shift, n in ((0, 4), (1, 5), (1, 4))]


def _mask(ends, columns, masked_from, half_width):
    image = trace.smooth(trace.last_minus_first(ends))
    fit = trace.fit_trace(columns, trace.centroids(image, columns))
    rows = trace.trace_rows(fit, image.shape[1], first=masked_from, last=int(columns[-1]))
    return trace.background_mask(image.shape, rows, half_width)


@checker(
    "one-over-f-mask",
    expects="a mask: an array of bool (row, column), True for background",
    example=lambda: {"ends": _segments(), "columns": np.arange(2, 58), "masked_from": 2, "half_width": 3},
    solution=lambda ends, **how: _mask(np.concatenate(ends), **how),
    wrong={
        "first segment only": lambda ends, **how: _mask(ends[0], **how),
        "True on the trace": lambda ends, **how: ~_mask(np.concatenate(ends), **how),
        "wider": lambda ends, **how: _mask(np.concatenate(ends), **(how | {"half_width": 5})),
        "image of light": lambda ends, **how: trace.last_minus_first(np.concatenate(ends)),
    },
)
def mask_from_all_segments(answer, *, ends, columns, masked_from, half_width):
    """Judge the mask made from the median image of all segments."""
    answer = np.asarray(answer)
    if answer.dtype != bool:
        raise Wrong("a mask says True or False for each pixel; yours holds numbers. Is it the image, not yet the mask?")
    how = {"columns": columns, "masked_from": masked_from, "half_width": half_width}
    right = _mask(np.concatenate(ends), **how)
    if answer.shape != right.shape:
        raise Wrong(f"a frame here has the shape {right.shape}, your mask {answer.shape}.")
    if np.array_equal(answer, ~right):
        raise Wrong("it is upside down: True means background, False means trace.")
    if np.array_equal(answer, right):
        changed = int(sum(np.sum(right != _mask(one, **how)) for one in ends) / len(ends))
        return (
            f"It differs from the mask of a single segment in about {changed} of {right.size:,} pixels, at its edge. "
            "The spectrum stays where it is to a few hundredths of a row, so one segment would do. A telescope that "
            "moves would not be so kind."
        )
    if any(np.array_equal(answer, _mask(one, **how)) for one in ends):
        raise Wrong("that is the mask of one segment; put the integrations of all of them one after another first.")
    share = 100 * np.mean(answer != right)
    raise Wrong(
        f"{share:.1f} % of the pixels differ: are columns, first masked column and half-width those of the lesson?"
    )


def _some_rates():
    rng = np.random.default_rng(7)
    stripes = rng.normal(0, 4, (12, 1, 60))
    light = _star(0) * np.ones((12, 1, 1))
    corrected = light + rng.normal(0, 1, light.shape) + rng.normal(0, 1.5, (12, 1, 60))
    return {
        "uncorrected": light + stripes + rng.normal(0, 1, light.shape),
        "corrected": corrected,
        "mask": np.broadcast_to(np.abs(_ROWS - 8) > 4, (16, 60)),
        "truth": np.ones(12),
    }


def _ppm(rates, truth):
    relative = light_curve.white_light(rates_.fill_bad(rates)) / truth
    return 1e6 * float(np.std(relative / np.median(relative)))


def _three(uncorrected, corrected, mask, truth):
    cured = one_over_f.remove_columns
    return {
        "none": _ppm(uncorrected, truth),
        "rate level": _ppm(cured(uncorrected, mask), truth),
        "both": _ppm(cured(corrected, mask), truth),
    }


@checker(
    "one-over-f-judge",
    expects="a dict with the scatter in ppm of 'none', 'rate level' and 'both'",
    example=_some_rates,
    solution=_three,
    wrong={
        "not in ppm": lambda **context: {name: 1e-6 * value for name, value in _three(**context).items()},
        "rate level of the corrected": lambda **context: _three(**(context | {"uncorrected": context["corrected"]})),
        "transit not divided out": lambda **context: dict.fromkeys(_three(**context), 9000.0),
        "a name is missing": {"none": 1000.0},
        "mixed up": lambda **context: dict(zip(_three(**context), sorted(_three(**context).values()), strict=True)),
    },
)
def judged_by_the_light_curve(answer, *, uncorrected, corrected, mask, truth):
    """Judge the scatter of three light curves: no correction, at rate level only, at both levels."""
    right = _three(uncorrected, corrected, mask, truth)
    if missing := sorted(set(right) - set(answer)):
        raise Wrong(f"the scatter of {', '.join(missing)} is missing.")
    answer = {name: float(answer[name]) for name in right}
    good = {name: close_to(answer[name], right[name], rtol=0.03) for name in right}
    if all(good.values()):
        order = " < ".join(sorted(right, key=right.get))
        return f"From quiet to noisy: {order}. At rate level only is better than nothing, and no substitute."
    if all(close_to(1e6 * answer[name], right[name], rtol=0.03) for name in right):
        raise Wrong("those are fractions; multiply by a million for ppm.")
    if all(answer[name] > 5000 for name in right):
        raise Wrong(
            "the transit itself is in these numbers: divide by the true light curve before you take the scatter."
        )
    if good["both"] and not good["none"]:
        raise Wrong("'none' and 'rate level' start from the uncorrected rates, only 'both' from the corrected ones.")
    off = ", ".join(name for name, fine in good.items() if not fine)
    raise Wrong(f"{off}: not what the light curve says. Is each number under its own name?")


def _some_ramps():
    rng = np.random.default_rng(11)
    ramps = rng.normal(0, 20, (3, 1, 16, 60)) + rng.normal(0, 5, (3, 4, 16, 60)) + rng.normal(0, 7, (3, 4, 1, 60))
    return {"data": ramps.astype(np.float32), "mask": np.broadcast_to(np.abs(_ROWS - 8) > 4, (16, 60))}


def _without_pattern(data, mask):
    first = data[:, :1]
    ramps = data - first
    one_over_f.remove_columns(ramps, mask, out=ramps)
    ramps += first
    return ramps


@checker(
    "one-over-f-first-group",
    expects="the corrected ramps: an array like the data, (integration, group, row, column)",
    example=_some_ramps,
    solution=_without_pattern,
    wrong={
        "first group not put back": lambda data, mask: one_over_f.remove_columns(data - data[:, :1], mask),
        "as in the lesson": lambda data, mask: one_over_f.remove_columns(data, mask),
        "nothing done": lambda data, mask: data,
        "differences": lambda data, mask: one_over_f.remove_columns(np.diff(data, axis=1), mask),
        "twice": lambda data, mask: _without_pattern(_without_pattern(data, mask), mask) + 1,
    },
)
def first_group_taken_away(answer, *, data, mask):
    """Judge ramps corrected with medians that do not see the fixed pattern of the reset."""
    answer = np.asarray(answer)
    if answer.shape != data.shape:
        raise Wrong(f"the corrected ramps have as many groups as the data, {data.shape}; yours have {answer.shape}.")
    tolerance = {"rtol": 0, "atol": 0.05}
    if close_to(answer, data, **tolerance):
        raise Wrong("those are the ramps as they were: nothing has been subtracted.")
    right = _without_pattern(data, mask)
    if close_to(answer, right, **tolerance):
        return "The medians now compare like with like, pixel by pixel, and each of them is less noisy."
    if close_to(answer, right - data[:, :1], **tolerance):
        raise Wrong("the first group is missing from all of them: the slope won't mind, but put it back (+ first).")
    if close_to(answer, one_over_f.remove_columns(data, mask), **tolerance):
        raise Wrong("that is the lesson's correction: take the first group away *before* the medians are taken.")
    raise Wrong("subtract the first group of each integration, correct what is left, and add the first group again.")
