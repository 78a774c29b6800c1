"""Stage 1 of a whole segment in bounded memory, with the results of the stock pipeline bit for bit.

The tasks of one segment, each a function of plain arguments that leaves its result in a folder, whole or not at all:

1. `run_block`, for each block of integrations: the steps up to dark current; frames go to a `RampStore`.
2. `find_background`: the mask of the trace, from the first and last groups of all integrations.
3. `run_tile`, for each tile of columns: 1/f correction, jumps, slopes, gain scale; rates of its own columns.
4. `assemble`: the tiles put together to the products.

A task whose result is there is not done again, so that what was interrupted goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from .. import one_over_f, trace
from ..files import atomic, models
from ..files.ramp_store import RampStore
from . import steps
from .plan import Plan

__all__ = [
    "Segment",
    "assemble",
    "counts",
    "find_background",
    "refuse_whole_frames",
    "run_block",
    "run_segment",
    "run_tile",
]

_BEFORE = steps.STEPS[: steps.STEPS.index("one_over_f")]
_AFTER = steps.STEPS[steps.STEPS.index("one_over_f") :]
_CUBE = ("data", "err", "dq", "var_poisson", "var_rnoise")
#: What is counted in every tile, and its flag.
COUNTED = {"saturated": "SATURATED", "jumps": "JUMP_DET"}
#: Parameters of jump detection that are not for tiles, and why.
_WHOLE_FRAMES = {
    "expand_large_events": "looks for snowballs in whole frames",
    "find_showers": "looks for showers in whole frames",
    "after_jump_flag_dn1": "is scaled with the median gain of the whole frame",
    "after_jump_flag_dn2": "is scaled with the median gain of the whole frame",
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

    Raises
    ------
    ValueError
        If a step or a parameter does not exist, or ramps would not be fitted.
    """

    uncal: Path
    folder: Path
    plan: Plan
    parameters: dict = field(default_factory=dict)
    skip: tuple[str, ...] = ()

    def __post_init__(self):
        steps.check_parameters(self.parameters)
        for step in self.skip:
            steps.steps_until(step)
        if "ramp_fit" in self.skip:
            raise ValueError("ramp_fit cannot be skipped: the products are rates")

    @property
    def store(self) -> RampStore:
        """The ramps between the two cuts."""
        tiles = [(tile.first, tile.last) for tile in self.plan.tiles]
        return RampStore(Path(self.folder) / "ramps", self.plan.shape, tiles)

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


def run_segment(segment: Segment, report=lambda task: None):
    """Apply Stage 1 to a segment, one task after the other.

    Parameters
    ----------
    segment : Segment
    report : callable
        Called with the name of each task when it is done.

    Returns
    -------
    rate : ImageModel
        Rates of the whole segment, after gain_scale.
    rateints : CubeModel
        Rates of each integration.
    """
    for number in range(len(segment.plan.blocks)):
        run_block(segment, number)
        report(f"block {number}")
    find_background(segment)
    report("background")
    for number in range(len(segment.plan.tiles)):
        run_tile(segment, number)
        report(f"tile {number}")
    return assemble(segment)


def run_block(segment: Segment, number: int) -> None:
    """Apply the steps up to dark current to a block of integrations, and put the ramps into the store."""
    note = segment.path(f"block-{number:03d}.npz")
    if note.exists():
        return
    start, stop = segment.plan.blocks[number]
    model = models.read(segment.uncal, slice(start, stop))
    model = _apply(segment, _BEFORE, model)
    segment.store.write(start, model.data, model.groupdq)
    if number == 0:  # header, times and flags of pixels are those of every block
        with atomic.file(segment.path("frame.fits")) as unfinished:
            _frame_of(segment, model).save(str(unfinished))
    ends = model.data[:, [0, -1]]
    ignore = one_over_f.saturated_ramps(model.groupdq)
    average = model.average_dark_current if model.hasattr("average_dark_current") else np.zeros(0)
    with atomic.file(note) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, ends=ends, ignore=ignore, pixeldq=model.pixeldq, average_dark_current=average)
    model.close()


def find_background(segment: Segment) -> None:
    """Find the background of the segment from the first and last groups of all its integrations."""
    path = segment.path("background.npy")
    if path.exists() or "one_over_f" in segment.skip:
        return
    with models.read(segment.path("frame.fits")) as frame:
        frame.data = np.concatenate([noted(segment, k, "ends") for k in range(len(segment.plan.blocks))])
        half_width = segment.parameters.get("one_over_f", {}).get("half_width", trace.HALF_WIDTH)
        mask = trace.background(frame, half_width)
    with atomic.file(path) as unfinished:
        np.save(unfinished, mask)


def noted(segment: Segment, number: int, name: str) -> np.ndarray:
    """Return an array that the task of a block has noted."""
    with np.load(segment.path(f"block-{number:03d}.npz")) as note:
        return note[name]


def run_tile(segment: Segment, number: int) -> None:
    """Apply the steps from the 1/f correction on to a tile of columns, and keep the rates of its own columns."""
    path = segment.path(f"tile-{number:03d}.npz")
    if path.exists():
        return
    tile = segment.plan.tiles[number]
    model = models.read(segment.path("frame.fits"))
    columns = slice(tile.first, tile.last)
    model.data, model.groupdq = segment.store.read(number)
    model.pixeldq = model.pixeldq[:, columns]
    if model.hasattr("average_dark_current"):
        model.average_dark_current = model.average_dark_current[:, columns]
    window = model.meta.subarray
    window.xstart, window.xsize = (window.xstart or 1) + tile.first, tile.last - tile.first
    if "one_over_f" not in segment.skip:
        _remove_one_over_f(segment, model, columns)
    rest = tuple(step for step in _AFTER if step not in ("one_over_f", "ramp_fit", "gain_scale"))
    model = _apply(segment, rest, model)
    own = slice(tile.start - tile.first, tile.stop - tile.first)
    found = _counts(model.groupdq[..., own])
    for kind, product in zip(("rate", "rateints"), _fit(segment, model), strict=True):
        found |= {f"{kind}_{name}": getattr(product, name)[..., own] for name in _CUBE if product.hasattr(name)}
        if number == 0:
            with atomic.file(segment.path(f"{kind}.fits")) as unfinished:
                product.save(str(unfinished))
        product.close()
    with atomic.file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **found)


def _counts(groupdq):
    """Samples that are saturated, and those in which a jump was found."""
    from stdatamodels.jwst.datamodels import dqflags

    return {name: np.count_nonzero(groupdq & dqflags.group[flag]) for name, flag in COUNTED.items()}


def counts(segment: Segment) -> dict[str, int]:
    """Return how many samples of the segment are saturated, and in how many a jump was found, once all tiles are done.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    dict of str to int
        ``saturated`` and ``jumps``: samples, (integration, group, row, column).
    """
    totals = dict.fromkeys(COUNTED, 0)
    for number in range(len(segment.plan.tiles)):
        with np.load(segment.path(f"tile-{number:03d}.npz")) as tile:
            totals = {name: total + int(tile[name]) for name, total in totals.items()}
    return totals


def refuse_whole_frames(segment: Segment) -> None:
    """Check that nothing is asked for, not even by the step's parameter reference, that tiles of columns cannot give.

    Parameters
    ----------
    segment : Segment

    Raises
    ------
    ValueError
        If the jump step would look at more than a pixel's history and its neighbours; the message says what to set.
    """
    if "jump" in segment.skip:
        return
    with models.read(segment.uncal, slice(0, 1)) as model:
        config, _ = steps.step_class("jump").build_config(model, **segment.parameters.get("jump", {}))
    for name, why in _WHOLE_FRAMES.items():
        if config.get(name):
            raise ValueError(
                f"jump.{name} is {config[name]}: it {why}, and columns cut into tiles cannot give the result of the "
                f"stock step. Calibrate with jump.{name}={type(config[name])(0)}, or with the stock pipeline"
            )


def assemble(segment: Segment):
    """Put the tiles together.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    rate : ImageModel
        Rates of the whole segment, after gain_scale.
    rateints : CubeModel
        Rates of each integration. Both are without PRIMECRS, the rate of primary cosmic rays: the step counts a
        tile's halo too, and does not tell where.
    """
    tiles = [np.load(segment.path(f"tile-{k:03d}.npz")) for k in range(len(segment.plan.tiles))]
    products = []
    with models.read(segment.path("frame.fits")) as frame:
        window = frame.meta.subarray.xstart, frame.meta.subarray.xsize
    for kind in ("rate", "rateints"):
        product = models.read(segment.path(f"{kind}.fits"), kind={"rate": "ImageModel", "rateints": "CubeModel"}[kind])
        for name in _CUBE:
            if f"{kind}_{name}" in tiles[0]:
                setattr(product, name, np.concatenate([tile[f"{kind}_{name}"] for tile in tiles], axis=-1))
        product.meta.subarray.xstart, product.meta.subarray.xsize = window
        product.meta.exposure.primary_cosmic_rays = None
        product.meta.filename = Path(segment.uncal).name
        products.append(product)
    for tile in tiles:
        tile.close()
    return tuple(products)


def _apply(segment, wanted, model):
    for step in wanted:
        if step not in segment.skip:
            model = steps.apply(model, step, copy=False, **segment.parameters.get(step, {}))
    return model


def _frame_of(segment, model):
    """One integration as a ramp whose header, integration times and flags of pixels are those of the whole segment."""
    frame = models.cut(model, integrations=slice(0, 1))
    models.number(frame, frame.meta.exposure.integration_start, segment.plan.shape[0])
    with fits.open(segment.uncal) as hdus:
        frame.int_times = np.array(hdus["INT_TIMES"].data)
    return frame


def _remove_one_over_f(segment, model, columns):
    mask = np.load(segment.path("background.npy"))[:, columns]
    if not mask.any():
        return
    blocks = range(len(segment.plan.blocks))
    ignore = np.concatenate([noted(segment, number, "ignore") for number in blocks])[..., columns]
    odd_even = segment.parameters.get("one_over_f", {}).get("odd_even", False)
    one_over_f.remove_columns(model.data, mask, out=model.data, odd_even=odd_even, ignore=ignore)


def _fit(segment, model):
    """Rates and rates per integration, after gain_scale."""
    products = steps.fit_ramps(model, **segment.parameters.get("ramp_fit", {}))
    if "gain_scale" in segment.skip:
        return products
    parameters = segment.parameters.get("gain_scale", {})
    return tuple(steps.apply(product, "gain_scale", copy=False, **parameters) for product in products)
