"""Stage 1 as these lessons run it: the steps in order, applied to one ramp.

Each step is the pipeline's own, but for ``one_over_f``, the removal of column noise group by group, which stands
between dark current and jump detection; the pipeline's ``clean_flicker_noise`` comes after the jumps.
"""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module

from .. import one_over_f, trace

__all__ = [
    "OPTIONAL",
    "ORDER",
    "STEPS",
    "apply",
    "check_parameters",
    "configured",
    "fit_ramps",
    "load_steps",
    "run",
    "step_class",
    "steps_until",
]

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

OPTIONAL = ("clean_flicker_noise",)
"""Steps of the pipeline that are left out unless they are asked for."""

ORDER = (*STEPS[: STEPS.index("ramp_fit")], *OPTIONAL, *STEPS[STEPS.index("ramp_fit") :])
"""All of them, each at its place."""

_CLASSES = {
    "dq_init": "jwst.dq_init.DQInitStep",
    "saturation": "jwst.saturation.SaturationStep",
    "superbias": "jwst.superbias.SuperBiasStep",
    "refpix": "jwst.refpix.RefPixStep",
    "linearity": "jwst.linearity.LinearityStep",
    "dark_current": "jwst.dark_current.DarkCurrentStep",
    "jump": "jwst.jump.JumpStep",
    "clean_flicker_noise": "jwst.clean_flicker_noise.CleanFlickerNoiseStep",
    "ramp_fit": "jwst.ramp_fitting.RampFitStep",
    "gain_scale": "jwst.gain_scale.GainScaleStep",
}
#: Parameters of ``one_over_f``, and what they must be.
_ONE_OVER_F = {"half_width": (int, float), "odd_even": bool}


def steps_until(step):
    """Return the steps up to and including one, in order.

    Parameters
    ----------
    step : str
        One of `STEPS`.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If there is no such step; the message lists those that there are.
    """
    if step not in STEPS:
        raise ValueError(f"no step {step!r}: choose from {', '.join(STEPS)}")
    return STEPS[: STEPS.index(step) + 1]


def check_parameters(parameters):
    """Return the parameters of steps as a dict of dicts, or say what is wrong with them.

    Parameters
    ----------
    parameters : dict of dict or None
        ``{"jump": {"rejection_threshold": 10}}``.

    Returns
    -------
    dict of str to dict
        A copy; empty for None.

    Raises
    ------
    TypeError
        If it is not a dict of dicts.
    ValueError
        If it names a step that there is not, or a parameter that a step has not.
    """
    parameters = {} if parameters is None else parameters
    example = 'give a dict of dicts, such as {"jump": {"rejection_threshold": 10}}'
    if not isinstance(parameters, dict):
        raise TypeError(f"parameters={parameters!r}: {example}")
    for step, values in parameters.items():
        if step not in ORDER:
            raise ValueError(f"parameters for {step!r}: the steps are {', '.join(ORDER)}")
        if not isinstance(values, dict):
            raise TypeError(f"parameters of {step} are {values!r}: {example}")
        known = _ONE_OVER_F if step == "one_over_f" else step_class(step).load_spec_file()
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"{step} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return parameters


def step_class(step):
    """Return the pipeline's class for a step.

    Parameters
    ----------
    step : str
        One of `ORDER`, but for ``"one_over_f"``, which is ours.

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
        One of `ORDER`.
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
    if step not in ORDER:
        raise ValueError(f"no step {step!r}: choose from {', '.join(ORDER)}")
    check_parameters({step: parameters})
    if copy:
        model = model.copy()
    if step == "one_over_f":
        return _remove_one_over_f(model, **parameters)
    if step != "ramp_fit":
        return configured(model, step, parameters).run(model)
    rate, rateints = configured(model, step, parameters).run(model)
    rate.close()
    return rateints


def fit_ramps(model, **parameters):
    """Fit the ramps of a model that nobody needs any longer; see `apply`, which gives the second of the results only.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Ramp after ``"jump"``; in an undefined state afterwards.
    **parameters
        Parameters of the step ``"ramp_fit"``.

    Returns
    -------
    rate : ImageModel
        Rates of the whole segment, DN/s, (row, column).
    rateints : CubeModel
        Rates of each integration, DN/s, (integration, row, column).

    Raises
    ------
    ValueError
        If the step has no such parameter.
    """
    check_parameters({"ramp_fit": parameters})
    return configured(model, "ramp_fit", parameters).run(model)


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
    wanted, done = steps_until(until), () if since is None else steps_until(since)
    if len(done) > len(wanted):
        raise ValueError(f"{since} comes after {until}: the steps are {', '.join(STEPS)}")
    parameters = check_parameters(parameters)
    if copy:
        model = model.copy()
    for step in wanted[len(done) :]:
        model = apply(model, step, copy=False, **parameters.get(step, {}))
    return model


def _remove_one_over_f(model, half_width=trace.HALF_WIDTH, odd_even=False):
    background = trace.background(model, half_width)
    ignore = one_over_f.saturated_ramps(model.groupdq)  # a snowball in the background would pass for drift
    one_over_f.remove_columns(model.data, background, out=model.data, odd_even=odd_even, ignore=ignore)
    return model


@cache
def load_steps():
    """Import the pipeline's steps, before any data are in memory.

    Each step ends with a garbage collection, several times in a run of steps, and most of its time would go into the
    hundred thousands of objects that belong to imported modules and never die. They are taken out of its sight, once.
    """
    for step in _CLASSES.keys() - OPTIONAL:
        step_class(step)
    gc.collect()
    gc.freeze()


def configured(model, step, parameters):
    """Make the step as ``Step.call`` makes it, parameter references included, but with a parent.

    A step that has a parent takes itself for a part of a pipeline and works on its input instead of on a copy.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Its header chooses the parameter reference.
    step : str
        One of `ORDER`, but for ``"one_over_f"``.
    parameters : dict
        Parameters that differ from those.

    Returns
    -------
    jwst.stpipe.Step
        Every parameter is an attribute of it.
    """
    cls = step_class(step)
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
