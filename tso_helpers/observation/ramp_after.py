"""The ramp of a segment after a step: from the latest checkpoint or the raw file, through the steps in between.

From the 1/f correction on, a step looks at all integrations of the segment. So these steps are always applied to the
whole segment, also when only some integrations are asked for: otherwise the mask would be another, and with fewer than
100 integrations jumps would be found by another method. A segment that is small enough goes through in one piece, a
larger one in many (`tso_helpers.detector1.tasks`), with the same result.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from .. import detector1, instrument, one_over_f, trace
from ..detector1 import plan, segment, tasks
from ..files import atomic, level1b, lock, models
from . import checkpoints

__all__ = ["PIECES", "RAW", "Request", "our_code", "prune_pieces", "ramp_after"]

#: This "step" is the ramp as it was downloaded.
RAW = "uncal"
#: Steps whose result for one integration does not depend on which others are there.
_INTEGRATION_BY_INTEGRATION = detector1.STEPS[: detector1.STEPS.index("one_over_f")]
_OURS = detector1.STEPS[detector1.STEPS.index("one_over_f") :]
_RATES = ("ramp_fit", "gain_scale")
#: Bytes that calibrating a segment may take, beside the ramp that is asked for.
MEMORY = 1.2e9
#: Folder, beside the checkpoints, of segments that are being calibrated in pieces.
PIECES = "pieces"


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
    """Return the ramp after a step, and keep it as a checkpoint if it was not one and is not too large.

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
    if step in _INTEGRATION_BY_INTEGRATION:
        model = _in_one_piece(request, step, store)
    elif (model := _read_checkpoint(request, step, store)) is None:
        whole = replace(request, integrations=None)
        if _is_small(request.file.shape):
            model = _part(_in_one_piece(whole, step, store), request.integrations)
        else:
            model = _in_pieces(request, step, store)
    model.meta.filename = request.file.path.name  # saving as a checkpoint has changed it
    return model


def _in_one_piece(request, step, store):
    """The ramp from the latest checkpoint on, all of it in memory."""
    wanted = detector1.steps_until(step)
    for done in reversed(wanted):
        if (model := _read_checkpoint(request, done, store)) is not None:
            break
    else:
        model, done = models.read(request.file.path, request.integrations), None
    if done != step:
        model = detector1.run(model, step, done, copy=False, parameters=_until(request.parameters, step))
        _keep(request, step, store, model)
    return model


def _in_pieces(request, step, store):
    """The integrations asked for, from the whole segment that goes through its steps in pieces."""
    name = _checkpoint_name(replace(request, integrations=None), step, store)
    folder = store.folder.with_name(PIECES) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    cut = plan.make_plan(request.file.shape, MEMORY)
    pieces = segment.Segment(request.file.path, folder, cut, _until(request.parameters, step), until=step)
    with lock.hold(folder.with_name(f"{name}.lock"), remove=True):
        if (model := _read_checkpoint(request, step, store)) is not None:  # another kernel was at it
            return model
        segment.refuse_whole_frames(pieces)
        _run(pieces, f"{request.file.detector} segment {request.file.segment}, all of it, up to {step}")
        if pieces.gives_rates:
            rate, rates = segment.rates_of(pieces)
            rate.close()
            _keep(replace(request, integrations=None), step, store, rates)
            model = _part(rates, request.integrations)
        else:
            with segment.ramp_of(pieces, request.integrations) as model:
                _keep(request, step, store, model)
        atomic.remove_tree(folder)
    return model


def _run(pieces, description):
    from tqdm.auto import tqdm

    work = [(stage, number) for stage, count in pieces.stages for number in range(count)]
    for stage, number in tqdm(work, desc=description, unit="piece"):
        tasks.do(pieces, stage, number)


def _is_small(shape) -> bool:
    """Whether a segment is calibrated in one piece within `MEMORY`."""
    try:
        cut = plan.make_plan(shape, MEMORY)
    except ValueError:
        return False
    return len(cut.blocks) == len(cut.tiles) == 1


def _part(model, integrations):
    """Some integrations of a whole segment: it is closed if they are not all."""
    if integrations is None:
        return model
    part = models.cut(model, integrations) if hasattr(model, "groupdq") else models.cut_rates(model, integrations)
    model.close()
    return part


def _keep(request, step, store, model) -> None:
    name = _checkpoint_name(request, step, store)
    store.keep(name, lambda path: model.save(str(path)), _bytes(model))


def _read_checkpoint(request, step, store):
    """The ramp from a checkpoint of just these integrations, or from one of the whole segment; None without either."""
    kind = "CubeModel" if step in _RATES else "RampModel"
    choices = [(_checkpoint_name(request, step, store), None)]
    if request.integrations is not None:
        whole = replace(request, integrations=None)
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


def prune_pieces(folder) -> int:
    """Delete what was left of segments that were calibrated in pieces; what another process works on stays.

    Parameters
    ----------
    folder : path-like
        `PIECES` of an observation.

    Returns
    -------
    int
        Bytes freed.
    """
    freed = 0
    for left in [entry for entry in Path(folder).glob("*") if entry.is_dir()]:
        with contextlib.suppress(lock.Busy), lock.hold(left.with_name(f"{left.name}.lock"), wait=False, remove=True):
            freed += sum(file.stat().st_size for file in left.rglob("*") if file.is_file())
            atomic.remove_tree(left)
    return freed


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
