"""Stage 1 as these lessons run it: the steps in order, applied to one ramp.

Each step is the pipeline's own, but for ``one_over_f``, the removal of column noise group by group, which stands
between dark current and jump detection; the pipeline's ``clean_flicker_noise`` comes after the jumps.
"""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module

import numpy as np

from . import one_over_f, trace

__all__ = ["STEPS", "apply", "background", "load_steps", "run", "step_class"]

STEPS = (
    "dq_init",
    "saturation",
    "superbias",
    "refpix",
    "linearity",
    "dark_current",
    "one_over_f",
    "jump",
    "ramp_fit",
    "gain_scale",
)
"""The steps in order. After ``ramp_fit`` and ``gain_scale`` there are rates per integration (rateints), not ramps."""

_CLASSES = {
    "dq_init": "jwst.dq_init.DQInitStep",
    "saturation": "jwst.saturation.SaturationStep",
    "superbias": "jwst.superbias.SuperBiasStep",
    "refpix": "jwst.refpix.RefPixStep",
    "linearity": "jwst.linearity.LinearityStep",
    "dark_current": "jwst.dark_current.DarkCurrentStep",
    "jump": "jwst.jump.JumpStep",
    "ramp_fit": "jwst.ramp_fitting.RampFitStep",
    "gain_scale": "jwst.gain_scale.GainScaleStep",
}
#: Detector columns in which the trace can be measured, and the column from which it is masked (ERS 1366, G395H).
_TRACE_COLUMNS = {"NRS1": (550, 2043, 300), "NRS2": (4, 2043, 4)}
_FEWEST_COLUMNS = 30  # with a trace, for a polynomial through them that can be trusted [A]
_HALF_WIDTH = 12


def step_class(step):
    """Return the pipeline's class for a step.

    Parameters
    ----------
    step : str
        One of `STEPS`, but for ``"one_over_f"``, which is ours.

    Returns
    -------
    type
        For instance ``jwst.superbias.SuperBiasStep`` for ``"superbias"``.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    if step not in _CLASSES:
        raise ValueError(f"no pipeline step {step!r}: choose from {', '.join(_CLASSES)}")
    module, _, name = _CLASSES[step].rpartition(".")
    return getattr(import_module(module), name)


def apply(model, step, *, copy=True, **parameters):
    """Apply one step to a ramp.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Ramp after the steps before; for ``"gain_scale"``, the rates (ImageModel or CubeModel).
    step : str
        One of `STEPS`.
    copy : bool
        Work on a copy, as ``Step.call`` does. False is for a model that nobody needs any longer: it halves the memory,
        and the model given is then in an undefined state.
    **parameters
        Parameters of the step, as ``Step.call`` takes them; ``half_width`` and ``odd_even`` for ``"one_over_f"``.

    Returns
    -------
    RampModel
        The ramp after the step; a CubeModel, the rates per integration (DN/s), after ``"ramp_fit"``.

    Raises
    ------
    ValueError
        If there is no such step, or it has no such parameter.
    """
    _position(step)
    if copy:
        model = model.copy()
    if step == "one_over_f":
        return _remove_one_over_f(model, **parameters)
    result = _instance(model, step, parameters).run(model)
    if step != "ramp_fit":
        return result
    rate, rateints = result
    rate.close()
    return rateints


def run(model, until, since=None, *, copy=True, parameters=None):
    """Apply all steps up to one.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Raw ramp, or the ramp after ``since``.
    until : str
        The last step to apply, one of `STEPS`.
    since : str, optional
        The step that was applied last; nothing was, without it.
    copy : bool
        Leave ``model`` as it is; see `apply`.
    parameters : dict of dict, optional
        Parameters of steps: ``{"jump": {"rejection_threshold": 10}}``.

    Returns
    -------
    RampModel or CubeModel
        As `apply`. At its largest, memory holds one ramp and what a single step needs.

    Raises
    ------
    ValueError
        If there is no such step, or nothing is left to do because ``since`` comes after ``until``.
    """
    first = 0 if since is None else _position(since) + 1
    last = _position(until)
    if first > last + 1:
        raise ValueError(f"{since} comes after {until}: the steps are {', '.join(STEPS)}")
    parameters = parameters or {}
    if unknown := sorted(set(parameters) - set(STEPS)):
        raise ValueError(f"parameters for {', '.join(unknown)}: the steps are {', '.join(STEPS)}")
    if copy:
        model = model.copy()
    for step in STEPS[first : last + 1]:
        model = apply(model, step, copy=False, **parameters.get(step, {}))
    return model


def background(model, half_width=_HALF_WIDTH):
    """Return which pixels of a ramp are background, from its own median last-minus-first image.

    The trace is measured where the detector shows one (columns 550 to 2043 of NRS1, 4 to 2043 of NRS2), fitted by a
    polynomial of second degree, and masked from column 300 of NRS1 on. In an exposure that is cut to columns with too
    little of the trace to measure, everything is background.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Ramp; its data are (integration, group, row, column).
    half_width : float
        Rows masked on either side of the trace.

    Returns
    -------
    numpy.ndarray of bool, shape (row, column)
        True for background.
    """
    shape = model.data.shape[-2:]
    offset = (model.meta.subarray.xstart or 1) - 1
    low, high, masked = _TRACE_COLUMNS.get(model.meta.instrument.detector, (4, 2043, 4))
    columns = np.arange(max(low - offset, 0), min(high - offset + 1, shape[1]))
    if columns.size < _FEWEST_COLUMNS:
        return np.ones(shape, dtype=bool)
    image = trace.smooth(trace.last_minus_first(model.data[:, [0, -1]]))
    fit = trace.fit_trace(columns, trace.centroids(image, columns))
    rows = trace.trace_rows(fit, shape[1], first=max(masked - offset, 0), last=columns[-1])
    return trace.background_mask(shape, rows, half_width)


def _remove_one_over_f(model, half_width=_HALF_WIDTH, odd_even=False):
    ignore = one_over_f.saturated_ramps(model.groupdq)  # a snowball in the background would pass for drift
    mask = background(model, half_width)
    one_over_f.remove_columns(model.data, mask, out=model.data, odd_even=odd_even, ignore=ignore)
    return model


@cache
def load_steps():
    """Import the pipeline's steps, before any data are in memory.

    Each step ends with a garbage collection, several times in a run of steps, and most of its time would go into the
    hundred thousands of objects that belong to imported modules and never die. They are taken out of its sight, once.
    """
    for step in _CLASSES:
        step_class(step)
    gc.collect()
    gc.freeze()


def _instance(model, step, parameters):
    """Make the step as ``Step.call`` makes it, parameter references included, but with a parent.

    A step that has a parent takes itself for a part of a pipeline and works on its input instead of on a copy.
    """
    cls = step_class(step)
    if unknown := sorted(set(parameters) - set(cls.load_spec_file())):
        raise ValueError(f"{step} has no parameter {', '.join(unknown)}; `{cls.__name__}.spec` lists those that it has")
    config, config_file = cls.build_config(model, **parameters)
    name = config.get("name")
    config.pop("class", None)
    instance = cls.from_config_section(config, parent=_parent(), name=name, config_file=config_file)
    instance.skip = False  # as in Step.call: whoever asks for a step gets it
    return instance


@cache
def _parent():
    from jwst.stpipe import Step

    class Stage1(Step):
        """Parent of the steps that `run` applies."""

        spec = ""
        class_alias = None

    return Stage1()


def _position(step):
    try:
        return STEPS.index(step)
    except ValueError:
        raise ValueError(f"no step {step!r}: choose from {', '.join(STEPS)}") from None
