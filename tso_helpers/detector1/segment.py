"""One segment that goes through Stage 1 in pieces: what is to be done, where the pieces lie, what they give together.

The tasks that make the pieces are in `tasks`. Each leaves its result in the segment's folder, whole or not at all: a
**note** (arrays), a **frame** (one integration as a ramp: the header at that point), and ramps in a **store**.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from ..files import atomic, models
from ..files.ramp_store import RampStore
from . import steps
from .plan import Plan

__all__ = [
    "Segment",
    "counts",
    "frame_of",
    "ramp_of",
    "rates_of",
    "read_product",
    "refuse_whole_frames",
    "restore_window",
]

_RATES = ("ramp_fit", "gain_scale")
_BEFORE = steps.STEPS[: steps.STEPS.index("one_over_f")]
#: What is counted in every tile, and its flag.
COUNTED = {"saturated": "SATURATED", "jumps": "JUMP_DET"}
#: Parameters that are not for pieces of a segment, and why.
_WHOLE_FRAMES = {
    "jump": {
        "expand_large_events": "looks for snowballs in whole frames",
        "find_showers": "looks for showers in whole frames",
        "after_jump_flag_dn1": "is scaled with the median gain of the whole frame",
        "after_jump_flag_dn2": "is scaled with the median gain of the whole frame",
    },
    "clean_flicker_noise": {
        "apply_flat_field": "divides whole frames of the draft rates by a flat",
        "save_background": "saves what it makes of the whole segment",
        "save_noise": "saves what it makes of the whole segment",
        "save_mask": "saves what it makes of the whole segment",
    },
}


@dataclass(frozen=True)
class Segment:
    """One segment to calibrate.

    Attributes
    ----------
    uncal : path-like
        Its raw file.
    folder : path-like
        Scratch folder for what lies between the steps.
    plan : Plan
    parameters : dict of dict
        Parameters of steps that differ from the pipeline's.
    skip : tuple of str
        Steps that are left out.
    extra : tuple of str
        Those of `steps.OPTIONAL` that are done.
    until : str
        The last step, one of `steps.ORDER`.

    Raises
    ------
    ValueError
        If a step or a parameter does not exist, or rates are wanted without a fit.
    """

    uncal: Path
    folder: Path
    plan: Plan
    parameters: dict = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    until: str = "gain_scale"

    def __post_init__(self):
        steps.check_parameters(self.parameters)
        for step in (*self.skip, *self.extra, self.until):
            if step not in steps.ORDER:
                raise ValueError(f"no step {step!r}: choose from {', '.join(steps.ORDER)}")
        if "ramp_fit" in self.skip and self.gives_rates:
            raise ValueError("ramp_fit cannot be skipped: the products are rates. Ramps: until='jump'")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The steps that are done, in order."""
        until = steps.ORDER[: steps.ORDER.index(self.until) + 1]
        left_out = {*self.skip, *(set(steps.OPTIONAL) - set(self.extra))}
        return tuple(step for step in until if step not in left_out)

    @property
    def gives_rates(self) -> bool:
        """Whether the products are rates, not ramps."""
        return self.until in _RATES

    @property
    def cleans(self) -> bool:
        """Whether whole frames are looked at once more after the jumps."""
        return "clean_flicker_noise" in self.wanted

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """Names of tasks and their number; those of one stage do not depend on one another, but on the stage before."""
        blocks, tiles = len(self.plan.blocks), len(self.plan.tiles)
        found = [("block", blocks)]
        if "one_over_f" in self.wanted:
            found.append(("background", 1))
        if set(self.wanted) - set(_BEFORE):
            found.append(("tile", tiles))
        if self.cleans:
            found += [("mask", 1), ("clean", blocks)]
            found += [("fit", tiles)] if self.gives_rates else []
        return tuple(found)

    def steps_of(self, stage) -> tuple[str, ...]:
        """Return the steps that the tasks of a stage do.

        Parameters
        ----------
        stage : str
            ``"block"`` or ``"tile"``.

        Returns
        -------
        tuple of str
        """
        return tuple(step for step in self.wanted if (step in _BEFORE) == (stage == "block") and step not in _RATES)

    def store(self, stage) -> RampStore:
        """Return the ramps that the tasks of a stage leave.

        Parameters
        ----------
        stage : str
            ``"block"``: tiles with their halos; ``"tile"`` or ``"clean"``: without.

        Returns
        -------
        RampStore
        """
        halo = stage == "block"
        tiles = [(tile.first, tile.last) if halo else (tile.start, tile.stop) for tile in self.plan.tiles]
        return RampStore(Path(self.folder) / f"ramps-{stage}", self.plan.shape, tiles)

    def path(self, name) -> Path:
        """Return the path of a result of a task.

        Parameters
        ----------
        name : str

        Returns
        -------
        pathlib.Path
        """
        return Path(self.folder) / name

    def note_path(self, stage, number) -> Path:
        """Return the path of the note of a task; it is there when the task is done.

        Parameters
        ----------
        stage : str
        number : int

        Returns
        -------
        pathlib.Path
        """
        return self.path(f"{stage}-{number:03d}.npz")

    def write_note(self, stage, number, **arrays) -> None:
        """Say that a task is done, and keep arrays that it has found.

        Parameters
        ----------
        stage : str
        number : int
        **arrays
            By name.
        """
        with atomic.file(self.note_path(stage, number)) as unfinished, open(unfinished, "wb") as file:
            np.savez(file, **arrays)

    def noted(self, stage, number, name) -> np.ndarray:
        """Return an array that a task has noted.

        Parameters
        ----------
        stage : str
        number : int
        name : str

        Returns
        -------
        array
        """
        with np.load(self.note_path(stage, number)) as note:
            return note[name]

    def noted_by_all(self, stage, name, axis=0) -> np.ndarray:
        """Return the arrays that the tasks of a stage have noted, one behind the other.

        Parameters
        ----------
        stage : str
        name : str
        axis : int
            Along which they are put together.

        Returns
        -------
        array
        """
        count = dict(self.stages)[stage]
        return np.concatenate([self.noted(stage, number, name) for number in range(count)], axis=axis)


def read_product(segment: Segment, name, kind, arrays, stage):
    """Put a product together from a header and from arrays that were noted tile by tile.

    Parameters
    ----------
    segment : Segment
    name : str
        Of the product, such as ``"rateints"``: the header is in ``<name>.fits``, arrays are noted as ``<name>_data``.
    kind : str
        Its data model.
    arrays : sequence of str
        Those that it may have.
    stage : str
        Whose tasks have noted them.

    Returns
    -------
    stdatamodels.jwst.datamodels.JwstDataModel
    """
    product = models.read(segment.path(f"{name}.fits"), kind=kind)
    with np.load(segment.note_path(stage, 0)) as note:
        there = [array for array in arrays if f"{name}_{array}" in note]
    for array in there:
        setattr(product, array, segment.noted_by_all(stage, f"{name}_{array}", axis=-1))
    restore_window(segment, product)
    product.meta.filename = Path(segment.uncal).name
    return product


def rates_of(segment: Segment):
    """Put the tiles together to the rates, once all tasks are done.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    rate : ImageModel
        Rates of the whole segment, DN/s, (row, column), after gain_scale if it is wanted.
    rateints : CubeModel
        Rates of each integration, DN/s, (integration, row, column). Both are without PRIMECRS, the rate of
        primary cosmic rays: the step counts a tile's halo too, and does not tell where; and a product must not depend
        on the tiles.
    """
    products = []
    for name, kind in (("rate", "ImageModel"), ("rateints", "CubeModel")):
        product = read_product(segment, name, kind, models.RATES, segment.stages[-1][0])
        product.meta.exposure.primary_cosmic_rays = None
        if "gain_scale" in segment.wanted:
            product = steps.apply(product, "gain_scale", copy=False, **segment.parameters.get("gain_scale", {}))
        products.append(product)
    return tuple(products)


@contextlib.contextmanager
def ramp_of(segment: Segment, integrations=None, mapped=False):
    """Yield the ramp after the last step, once all tasks are done.

    Parameters
    ----------
    segment : Segment
        One that gives ramps.
    integrations : slice, optional
        With a start and a stop; all by default.
    mapped : bool
        Leave data and flags on disk, in the segment's folder, until they are looked at: for saving what does not fit
        into memory.

    Yields
    ------
    RampModel
        Data (DN), (integration, group, row, column), and flags.
    """
    from stdatamodels.jwst.datamodels import RampModel

    stage = "clean" if segment.cleans else segment.stages[-1][0]
    integrations = integrations or slice(0, segment.plan.shape[0])
    with models.read(segment.path(f"frame-{stage}.fits")) as frame, contextlib.ExitStack() as files:
        ramp = RampModel()
        ramp.update(frame)
        if mapped:
            ramp.data, ramp.groupdq = _mapped(segment, stage, integrations, files)
        else:
            ramp.data, ramp.groupdq = segment.store(stage).read_frames(integrations)
        tiled = "tile" in dict(segment.stages)
        ramp.pixeldq = segment.noted_by_all("tile", "pixeldq", axis=-1) if tiled else frame.pixeldq.copy()
        if frame.hasattr("average_dark_current"):
            ramp.average_dark_current = segment.noted("block", 0, "average_dark_current")
        with models.read(segment.path("frame-block.fits")) as first:
            ramp.int_times = np.array(first.int_times)[integrations]
        models.number(ramp, frame.meta.exposure.integration_start + integrations.start, len(ramp.data))
        restore_window(segment, ramp)
        ramp.meta.exposure.primary_cosmic_rays = None
        ramp.meta.filename = Path(segment.uncal).name
        yield ramp


def _mapped(segment, stage, integrations, files):
    """Data and flags as files in the byte order of FITS, so that they are saved without being changed in memory."""
    arrays = []
    for name, dtype in (("data", ">f4"), ("groupdq", "u1")):
        path = segment.path(f"whole.{name}")
        files.callback(path.unlink, missing_ok=True)
        shape = (integrations.stop - integrations.start, *segment.plan.shape[1:])
        arrays.append(np.memmap(path, dtype, "w+", shape=shape))
    with atomic.explain_full_disk(segment.folder):
        for index in range(integrations.start, integrations.stop):
            for whole, frame in zip(arrays, segment.store(stage).read_frames(slice(index, index + 1)), strict=True):
                whole[index - integrations.start] = frame[0]
    return [np.memmap(array.filename, array.dtype, "r", shape=array.shape) for array in arrays]


def counts(segment: Segment) -> dict:
    """Count the samples of the segment that are saturated, and those in which a jump was found, once all is done.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    dict
        ``saturated`` and ``jumps``: samples, (integration, group, row, column); ``method``: how jumps were found; all
        None if jumps were not looked for.
    """
    if "tile" not in dict(segment.stages):
        return dict.fromkeys((*COUNTED, "method"))
    found = {name: int(sum(segment.noted_by_all("tile", name))) for name in COUNTED}
    return found | {"method": str(segment.noted("tile", 0, "method")) if "jump" in segment.wanted else None}


def refuse_whole_frames(segment: Segment) -> None:
    """Check that nothing is asked for, not even by a parameter reference, that pieces of a segment cannot give.

    Parameters
    ----------
    segment : Segment

    Raises
    ------
    ValueError
        If a step would look at more than is written down in `plan.LOOKS_AT`; the message says what to set.
    """
    with models.read(segment.uncal, slice(0, 1)) as model:
        for step in set(_WHOLE_FRAMES) & set(segment.wanted):
            configured = steps.configured(model, step, segment.parameters.get(step, {}))
            for name, why in _WHOLE_FRAMES[step].items():
                value = getattr(configured, name)
                if value:
                    raise _refused(step, name, value, why, type(value)(0))
            if getattr(configured, "background_method", None) == "median_image":
                why = "subtracts a median over all integrations from whole frames, within the step"
                raise _refused(step, "background_method", "median_image", why, "median")


def _refused(step, name, value, why, instead):
    return ValueError(
        f"{step}.{name} is {value}: it {why}, and a segment in pieces cannot give the result of the stock step. "
        f"Calibrate with {step}.{name}={instead}, or with the stock pipeline, in the memory of the whole segment"
    )


def restore_window(segment: Segment, model) -> None:
    """Make the header of a model tell the columns of the segment, not those of a tile.

    Parameters
    ----------
    segment : Segment
    model : stdatamodels.jwst.datamodels.JwstDataModel
        Changed in place.
    """
    with models.read(segment.path("frame-block.fits")) as frame:
        window = frame.meta.subarray
        model.meta.subarray.xstart, model.meta.subarray.xsize = window.xstart, window.xsize


def frame_of(segment: Segment, model):
    """Cut one integration out of the first block, as a ramp whose header and times are those of the whole segment.

    Parameters
    ----------
    segment : Segment
    model : RampModel
        The first block.

    Returns
    -------
    RampModel
    """
    frame = models.cut(model, integrations=slice(0, 1))
    models.number(frame, frame.meta.exposure.integration_start, segment.plan.shape[0])
    with fits.open(segment.uncal) as hdus:
        frame.int_times = np.array(hdus["INT_TIMES"].data)
    return frame
