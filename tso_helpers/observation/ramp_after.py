"""The ramp of a segment after a step: from the latest checkpoint or the raw file, through the steps in between."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .. import detector1, instrument, one_over_f, trace
from ..files import level1b, models
from . import checkpoints

__all__ = ["RAW", "Request", "our_code", "ramp_after"]

#: This "step" is the ramp as it was downloaded.
RAW = "uncal"
#: Steps whose result for one integration does not depend on which others are there.
_INTEGRATION_BY_INTEGRATION = detector1.STEPS[: detector1.STEPS.index("one_over_f")]
_OURS = detector1.STEPS[detector1.STEPS.index("one_over_f") :]
_RATES = ("ramp_fit", "gain_scale")


@dataclass(frozen=True)
class Request:
    """What a ramp is made of.

    Attributes
    ----------
    file : level1b.Uncal
        The raw segment.
    integrations : slice or None
        The integrations wanted, with a start and a stop; None for all of them.
    parameters : dict of dict
        Parameters of steps that differ from the pipeline's.
    identity : dict
        What else decides on the result: versions of software, reference files.
    """

    file: level1b.Uncal
    integrations: slice | None
    parameters: dict
    identity: dict


def ramp_after(request: Request, step: str, store: checkpoints.Checkpoints):
    """Return the ramp after a step, and keep it as a checkpoint if it was not one.

    Parameters
    ----------
    request : Request
    step : str
        One of `detector1.STEPS`, or `RAW`.
    store : Checkpoints

    Returns
    -------
    stdatamodels.jwst.datamodels.RampModel
        A CubeModel after ``"ramp_fit"`` and ``"gain_scale"``. In memory as a whole, and the caller's own.
    """
    if step == RAW:
        return models.read(request.file.path, request.integrations)
    wanted = detector1.steps_until(step)
    names = {done: _checkpoint_name(request, done, store) for done in wanted}
    for done in reversed(wanted):
        if (model := _read_checkpoint(request, done, names[done], store)) is not None:
            break
    else:
        model, done = models.read(request.file.path, request.integrations), None
    if done != step:
        model = detector1.run(model, step, done, copy=False, parameters=_until(request.parameters, step))
        store.keep(names[step], lambda path: model.save(str(path)), _bytes(model))
    model.meta.filename = request.file.path.name  # saving as a checkpoint has changed it
    return model


def _read_checkpoint(request, step, name, store):
    """The ramp from a checkpoint of just these integrations, or from one of the whole segment; None without either."""
    kind = "CubeModel" if step in _RATES else "RampModel"
    choices = [(name, None)]
    if request.integrations is not None and step in _INTEGRATION_BY_INTEGRATION:
        whole = Request(request.file, None, request.parameters, request.identity)
        choices.append((_checkpoint_name(whole, step, store), request.integrations))
    for choice, integrations in choices:
        if path := store.find(choice):
            with contextlib.suppress(FileNotFoundError):  # another process may have made room just now
                return models.read(path, integrations, kind)
    return None


def _checkpoint_name(request, step, store) -> str:
    prefix = f"{request.file.detector.lower()}-seg{request.file.segment:03d}-{step}"
    if request.integrations is not None:
        prefix += f"-{request.integrations.start}-{request.integrations.stop}"
    return store.name(
        prefix,
        file=request.file.identity,
        parameters=_until(request.parameters, step),
        code=our_code() if step in _OURS else None,
        **request.identity,
    )


def _until(parameters, step) -> dict:
    return {name: values for name, values in parameters.items() if name in detector1.steps_until(step)}


@cache
def our_code() -> str:
    """Digest of the source of the step that is ours: a change of it makes other results."""
    digest = hashlib.sha256()
    for module in (detector1.steps, one_over_f, trace, instrument):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:12]


def _bytes(model) -> int:
    """About how many bytes a model takes on disk."""
    arrays = ("data", "err", "dq", "groupdq", "pixeldq", "var_poisson", "var_rnoise")
    return sum(getattr(model, name).nbytes for name in arrays if model.hasattr(name)) + 1_000_000
