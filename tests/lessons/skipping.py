"""Let a step of a lesson do nothing, to see whether the lesson's asserts notice.

It happens in the kernel of that one run, by the start-up code that `startup` writes. Only what the lesson's own cells
call does nothing: what the package calls, for `obs.after` say, is what it always is. Steps of the pipeline are replaced
in their ``call``, which the package does not use; a function looks who calls it.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np


def startup(names):
    """Code for a kernel's start that lets the steps or functions of these dotted names do nothing."""
    folder = str(Path(__file__).parent)
    return (
        f"__import__('sys').path.append({folder!r})\n"
        f"for _name in {list(names)!r}:\n"
        f"    __import__('skipping').skip_step(_name)\n"
    )


def skip_step(name):
    """Replace the step class or the function of that dotted name by one that does nothing."""
    module, _, attribute = name.rpartition(".")
    module = import_module(module)
    target = getattr(module, attribute)
    if not isinstance(target, type):
        setattr(module, attribute, _untouched_for_cells(target))
    elif attribute == "RampFitStep":
        target.call = classmethod(functools.partial(_no_fit, target.call))
    else:
        target.call = classmethod(_untouched_model)


def _untouched_for_cells(function):
    """Stand-in for a function of an array: called by a cell it gives its input back, called by others it works."""

    def stand_in(*args, **kwargs):
        by_a_cell = sys._getframe(1).f_globals.get("__name__") == "__main__"
        return _untouched(*args, **kwargs) if by_a_cell else function(*args, **kwargs)

    return stand_in


def _untouched(data, *args, out=None, **kwargs):
    if out is None:
        return np.array(data)
    out[...] = data
    return out


def _untouched_model(cls, ramp, *args, **kwargs):
    """Stand-in for `Step.call`: a copy of the ramp that it was given, with nothing done.

    The header names the reference files, as after a real call, for a lesson opens them by that name.
    """
    from stdatamodels.jwst import datamodels

    copy = (datamodels.open(ramp) if isinstance(ramp, str) or hasattr(ramp, "__fspath__") else ramp).copy()
    for kind in cls.reference_file_types:
        name = cls().get_reference_file(copy, kind)
        copy[f"meta.ref_file.{kind}.name"] = name if name == "N/A" else f"crds://{os.path.basename(name)}"
    return copy


def _no_fit(fit, cls, ramp, *args, **kwargs):
    """Stand-in for ramp fitting, whose output is another model: the counts of the last group for rates."""
    rate, rateints = fit(ramp, *args, **kwargs)
    rateints.data[:] = ramp.data[:, -1]
    rate.data[:] = np.nanmean(rateints.data, axis=0)
    return rate, rateints
