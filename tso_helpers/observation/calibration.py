"""Calibrate an observation as a whole: `detector1.calibrate` with its files, reference files and scratch folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .. import detector1
from ..detector1 import exposure
from . import crds, logs

__all__ = ["calibrate", "plan"]


def calibrate(obs, out, parameters=None, skip=(), **how):
    """Apply Stage 1 to all segments of an observation, from raw ramps to rates, in bounded memory.

    Parameters
    ----------
    obs : Observation
    out : path-like
        Folder of the products.
    parameters : dict of dict, optional
        Parameters of steps that differ from the pipeline's.
    skip : sequence of str
        Steps that are left out.
    **how
        ``workers``, ``memory``, ``scheduler``, ``progress``, see `tso_helpers.detector1.calibrate`.

    Returns
    -------
    dict
        The summary, see `tso_helpers.detector1.calibrate`, which also tells what is raised.
    """
    return exposure.calibrate(obs.files, out, settings(obs, parameters, skip), **how)


def plan(obs, out, parameters=None, skip=(), **how):
    """Return what `calibrate` would do, with the same arguments, and do nothing of it.

    Parameters
    ----------
    obs : Observation
    out : path-like
    parameters : dict of dict, optional
    skip : sequence of str
    **how
        ``workers`` and ``memory``; all as for `calibrate`.

    Returns
    -------
    list of tso_helpers.detector1.exposure.Job
    """
    return exposure.make_jobs(obs.files, out, settings(obs, parameters, skip), **how)


def settings(obs, parameters=None, skip=()) -> exposure.Settings:
    """Return the settings with which an observation is calibrated.

    Parameters
    ----------
    obs : Observation
    parameters : dict of dict, optional
    skip : sequence of str
        As for `calibrate`.

    Returns
    -------
    tso_helpers.detector1.exposure.Settings
    """
    parameters = detector1.check_parameters(parameters)
    skip = tuple(name for name in detector1.STEPS if name in {detector1.steps_until(step)[-1] for step in skip})

    def identity(file):
        made_of = obs.identity(file.detector, file.segment, parameters=parameters)
        return made_of | ({"skip": list(skip)} if skip else {})

    prepare = partial(_prepare, obs.crds, obs.scratch / "logs", obs.name)
    return exposure.Settings(parameters, skip, identity, prepare, obs.scratch, partial=True)


def _prepare(configuration: dict, log_folder: Path, owner: str) -> None:
    """Point CRDS and the pipeline's log of this process at the observation's places."""
    crds.activate(configuration, f"the observation {owner!r}")
    logs.start(log_folder)
