"""Calibrate an observation as a whole: `detector1.calibrate` with its files, reference files and scratch folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .. import detector1
from ..detector1 import exposure
from ..detector1.steps import OPTIONAL, ORDER
from . import crds, logs

__all__ = ["calibrate", "plan", "settings"]


def calibrate(obs, out, how=None, **resources):
    """Apply Stage 1 to all segments of an observation, from raw ramps to rates, in bounded memory.

    Parameters
    ----------
    obs : Observation
    out : path-like
        Folder of the products.
    how : tso_helpers.detector1.exposure.Settings, optional
        From `settings`; the pipeline's parameters by default.
    **resources
        ``workers``, ``memory``, ``scheduler``, ``progress``, see `tso_helpers.detector1.calibrate`.

    Returns
    -------
    dict
        The summary, see `tso_helpers.detector1.calibrate`, which also tells what is raised.
    """
    return exposure.calibrate(obs.files, out, how or settings(obs), **resources)


def plan(obs, out, how=None, **resources):
    """Return what `calibrate` would do, with the same arguments, and do nothing of it.

    Parameters
    ----------
    obs : Observation
    out : path-like
    how : tso_helpers.detector1.exposure.Settings, optional
    **resources
        ``workers`` and ``memory``; all as for `calibrate`.

    Returns
    -------
    list of tso_helpers.detector1.exposure.Job
    """
    return exposure.make_jobs(obs.files, out, how or settings(obs), **resources)


def settings(obs, parameters=None, skip=(), extra=(), until="gain_scale") -> exposure.Settings:
    """Return the settings with which an observation is calibrated.

    Parameters
    ----------
    obs : Observation
    parameters : dict of dict, optional
        Parameters of steps that differ from the pipeline's: ``{"jump": {"rejection_threshold": 10}}``.
    skip : sequence of str
        Steps that are left out.
    extra : sequence of str
        Steps that are left out otherwise: ``["clean_flicker_noise"]``.
    until : str
        The last step; before ``"ramp_fit"`` the products are ramps.

    Returns
    -------
    tso_helpers.detector1.exposure.Settings

    Raises
    ------
    ValueError
        If there is no such step or parameter; the message lists those that there are.
    """
    parameters = detector1.check_parameters(parameters)
    for step in (*skip, *extra, until):
        if step not in ORDER:
            raise ValueError(f"no step {step!r}: choose from {', '.join(ORDER)}")
    if unknown := sorted(set(extra) - set(OPTIONAL)):
        raise ValueError(
            f"{', '.join(unknown)}: done anyway, unless skipped; to be added there is {', '.join(OPTIONAL)}"
        )
    skip, extra = (tuple(step for step in ORDER if step in chosen) for chosen in (skip, extra))
    if until in OPTIONAL and until not in extra:
        extra = (*extra, until)

    def identity(file):
        return obs.identity(file.detector, file.segment, parameters=parameters)

    prepare = partial(_prepare, obs.crds, obs.scratch / "logs", obs.name)
    return exposure.Settings(parameters, skip, extra, until, identity, prepare, obs.scratch, partial=True)


def _prepare(configuration: dict, log_folder: Path, owner: str) -> None:
    """Point CRDS and the pipeline's log of this process at the observation's places."""
    crds.activate(configuration, f"the observation {owner!r}")
    logs.start(log_folder)
