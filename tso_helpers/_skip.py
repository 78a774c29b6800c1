"""Let a step do nothing, to see whether a lesson's asserts notice; only `headless` uses it, in a kernel of its own."""

from __future__ import annotations

import functools
import os
from importlib import import_module

import numpy as np


def _untouched(data, *args, **kwargs):
    """Stand-in for a function of an array: its input, as it was."""
    out = kwargs.get("out")
    if out is not None:
        out[...] = data
        return out
    return np.array(data)


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


def skip_step(name):
    """Replace the step class or the function of that dotted name by one that does nothing."""
    module, _, attribute = name.rpartition(".")
    module = import_module(module)
    target = getattr(module, attribute)
    if not isinstance(target, type):
        setattr(module, attribute, functools.wraps(target)(_untouched))
    elif attribute == "RampFitStep":
        target.call = classmethod(functools.partial(_no_fit, target.call))
    else:
        target.call = classmethod(_untouched_model)
