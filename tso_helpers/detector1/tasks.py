"""The tasks by which a segment goes through Stage 1 in bounded memory, with the stock pipeline's results bit for bit.

Each is a function of a segment and a number that leaves its result in the segment's folder, whole or not at all; one
whose result is there is not done again, so that what was interrupted goes on where it stopped. In order:

1. `run_block`, for each block of integrations: the steps up to dark current; frames go to a store.
2. `find_background`: the mask of the trace, from the first and last groups of all integrations.
3. `run_tile`, for each tile of columns: 1/f correction and jumps, then slopes; rates of its own columns.

With ``clean_flicker_noise``, which looks at whole frames once more, the slopes wait:

4. `find_mask`: the pixels without signal, from draft rates of all tiles.
5. `clean_block`, for each block of integrations.
6. `fit_tile`, for each tile of columns.
"""

from __future__ import annotations

import numpy as np

from .. import one_over_f, trace
from ..files import atomic, models
from . import steps
from .segment import COUNTED, Segment, frame_of, read_product, restore_window

__all__ = ["TASKS", "do", "run_segment"]

_DRAFT = ("data", "err", "dq")


def run_segment(segment: Segment) -> None:
    """Run all tasks of a segment, one after the other.

    Parameters
    ----------
    segment : Segment
        Its products are then `segment.rates_of` or `segment.ramp_of`.
    """
    for stage, count in segment.stages:
        for number in range(count):
            do(segment, stage, number)


def do(segment: Segment, stage, number) -> None:
    """Run one task, unless it is done.

    Parameters
    ----------
    segment : Segment
    stage : str
        One of `TASKS`.
    number : int
    """
    if not segment.note_path(stage, number).exists():
        segment.write_note(stage, number, **TASKS[stage](segment, number))


def run_block(segment: Segment, number):
    """Apply the steps up to dark current to a block of integrations, and put the ramps into the store."""
    start, stop = segment.plan.blocks[number]
    model = models.read(segment.uncal, slice(start, stop))
    model = _apply(segment, segment.steps_of("block"), model)
    segment.store("block").write(start, model.data, model.groupdq)
    if number == 0:  # header, times and flags of pixels are those of every block
        _save(frame_of(segment, model), segment.path("frame-block.fits"))
    average = model.average_dark_current if model.hasattr("average_dark_current") else np.zeros(0)
    found = {
        "ends": model.data[:, [0, -1]],
        "ignore": one_over_f.saturated_ramps(model.groupdq),
        "unusable": _unusable(model.groupdq),
        "average_dark_current": average,
    }
    model.close()
    return found


def find_background(segment: Segment, number):
    """Find the background of the segment from the first and last groups of all its integrations."""
    with models.read(segment.path("frame-block.fits")) as frame:
        frame.data = segment.noted_by_all("block", "ends")
        half_width = segment.parameters.get("one_over_f", {}).get("half_width", trace.HALF_WIDTH)
        return {"mask": trace.background(frame, half_width)}


def run_tile(segment: Segment, number):
    """Apply the 1/f correction and the search for jumps to a tile of columns; then keep its rates, or its ramps."""
    tile = segment.plan.tiles[number]
    columns = slice(tile.first, tile.last)
    model = _tile(segment, "block", number, columns)
    wanted = segment.steps_of("tile")
    if "one_over_f" in wanted:
        _remove_one_over_f(segment, model, columns)
    if "jump" in wanted:
        _require_usable(segment, model, columns)
        method = _method(segment, model)
        model = _apply(segment, ("jump",), model)
    own = slice(tile.start - tile.first, tile.stop - tile.first)
    found = _counts(model.groupdq[..., own]) | {"pixeldq": model.pixeldq[:, own]}
    if "jump" in wanted:
        found["method"] = method
    if segment.gives_rates and not segment.cleans:
        return found | _fit(segment, model, own, first=number == 0)
    segment.store("tile").write_tile(number, model.data[..., own], model.groupdq[..., own])
    if number == 0:
        _save(models.cut(model, integrations=slice(0, 1)), segment.path("frame-tile.fits"))
    if segment.cleans:
        found |= _draft(segment, model, own, first=number == 0)
    return found


def find_mask(segment: Segment, number):
    """Find the pixels without signal, as ``clean_flicker_noise`` does, from draft rates of the whole segment."""
    from jwst.clean_flicker_noise import clean_flicker_noise
    from stdatamodels.jwst import datamodels

    configured = _cleaner(segment)
    if configured.user_mask:
        with datamodels.open(configured.user_mask) as given:
            return {"mask": given.data.astype(bool)}
    draft = read_product(segment, "draft", "ImageModel" if configured.single_mask else "CubeModel", _DRAFT, "tile")
    if configured.mask_science_regions:
        draft = clean_flicker_noise.post_process_rate(draft, assign_wcs=True)
    names = ("mask_science_regions", "n_sigma", "fit_histogram", "single_mask")
    mask = clean_flicker_noise.create_mask(draft, **{name: getattr(configured, name) for name in names})
    draft.close()
    return {"mask": mask}


def clean_block(segment: Segment, number):
    """Apply ``clean_flicker_noise`` to whole frames of a block of integrations."""
    from stdatamodels.jwst.datamodels import CubeModel, ImageModel

    start, stop = segment.plan.blocks[number]
    model = models.read(segment.path("frame-tile.fits"))
    model.data, model.groupdq = segment.store("tile").read_frames(slice(start, stop))
    model.pixeldq = segment.noted_by_all("tile", "pixeldq", axis=-1)
    models.number(model, model.meta.exposure.integration_start + start, stop - start)
    restore_window(segment, model)
    mask = segment.noted("mask", 0, "mask")
    mask = mask[start:stop] if mask.ndim == 3 else mask
    path = segment.path(f"mask-{number:03d}.fits")
    _save((ImageModel if mask.ndim == 2 else CubeModel)(data=mask.astype("f4")), path)
    parameters = segment.parameters.get("clean_flicker_noise", {}) | {"user_mask": str(path)}
    model = steps.apply(model, "clean_flicker_noise", copy=False, **parameters)
    if model.meta.cal_step.clean_flicker_noise != "COMPLETE":
        raise ValueError(
            f"clean_flicker_noise did not succeed with integrations {start} to {stop - 1} of {segment.uncal} (the log "
            "says why): choose other parameters, or leave the step out"
        )
    segment.store("clean").write(start, model.data, model.groupdq)
    if number == 0:
        _save(frame_of(segment, model), segment.path("frame-clean.fits"))
    return {}


def fit_tile(segment: Segment, number):
    """Fit the cleaned ramps of a tile of columns, and keep its rates."""
    tile = segment.plan.tiles[number]
    columns = slice(tile.start, tile.stop)
    model = _tile(segment, "clean", number, columns)
    model.pixeldq = segment.noted("tile", number, "pixeldq")
    return _fit(segment, model, slice(None), first=number == 0)


#: The tasks by name. Each takes a segment and a number, and returns the arrays to be noted.
TASKS = {
    "block": run_block,
    "background": find_background,
    "tile": run_tile,
    "mask": find_mask,
    "clean": clean_block,
    "fit": fit_tile,
}


def _tile(segment, stage, number, columns):
    """Ramps of a tile as a data model that tells its window, so that steps cut their references to it."""
    model = models.read(segment.path(f"frame-{stage}.fits"))
    model.data, model.groupdq = segment.store(stage).read(number)
    model.pixeldq = model.pixeldq[:, columns]
    if model.hasattr("average_dark_current"):
        model.average_dark_current = segment.noted("block", 0, "average_dark_current")[:, columns]
    window = model.meta.subarray
    window.xstart, window.xsize = (window.xstart or 1) + columns.start, columns.stop - columns.start
    return model


def _apply(segment, wanted, model):
    for step in wanted:
        model = steps.apply(model, step, copy=False, **segment.parameters.get(step, {}))
    return model


def _remove_one_over_f(segment, model, columns):
    mask = segment.noted("background", 0, "mask")[:, columns]
    if not mask.any():
        return
    ignore = segment.noted_by_all("block", "ignore")[..., columns]
    odd_even = segment.parameters.get("one_over_f", {}).get("odd_even", False)
    one_over_f.remove_columns(model.data, mask, out=model.data, odd_even=odd_even, ignore=ignore)


def _unusable(groupdq):
    """Groups of which no pixel may be used, (integration, group): the search for jumps counts them."""
    from stdatamodels.jwst.datamodels import dqflags

    return np.all(groupdq & dqflags.group["DO_NOT_USE"], axis=(2, 3))


def _require_usable(segment, model, columns):
    """Refuse a tile that is all DO_NOT_USE in a group in which the frame is not: the stock step would not skip it."""
    if np.any(_unusable(model.groupdq) != segment.noted_by_all("block", "unusable")):
        raise ValueError(
            f"{segment.uncal}: in columns {columns.start} to {columns.stop - 1} all pixels of a group are DO_NOT_USE, "
            "in others not: jumps in tiles of columns would differ from the stock step's. Give more memory, so that "
            "the tiles are wider, or use the stock pipeline"
        )


def _method(segment, model):
    """Name the way in which the step will look for jumps in these ramps."""
    configured = steps.configured(model, "jump", segment.parameters.get("jump", {}))
    integrations, groups = model.data.shape[:2]
    samples = integrations if configured.only_use_ints else integrations * groups
    clips = samples >= configured.minimum_sigclip_groups
    return "clipped across integrations" if clips else "two-point differences"


def _counts(groupdq):
    """Samples that are saturated, and those in which a jump was found."""
    from stdatamodels.jwst.datamodels import dqflags

    return {name: [np.count_nonzero(groupdq & dqflags.group[flag])] for name, flag in COUNTED.items()}


def _fit(segment, model, own, first):
    products = steps.fit_ramps(model, **segment.parameters.get("ramp_fit", {}))
    return _keep(segment, dict(zip(("rate", "rateints"), products, strict=True)), models.RATES, own, first)


def _draft(segment, model, own, first):
    """Draft rates of a tile, as ``clean_flicker_noise`` makes them for its mask."""
    from jwst.clean_flicker_noise.clean_flicker_noise import make_rate

    configured = _cleaner(segment)
    if configured.user_mask:
        return {}
    draft = make_rate(model, return_cube=not configured.single_mask)
    return _keep(segment, {"draft": draft}, _DRAFT, own, first)


def _keep(segment, products, arrays, own, first):
    """Arrays of products in a tile's own columns, to be noted; the first tile leaves their headers."""
    found = {}
    for name, product in products.items():
        found |= {f"{name}_{array}": getattr(product, array)[..., own] for array in arrays if product.hasattr(array)}
        if first:
            _save(product, segment.path(f"{name}.fits"))
        product.close()
    return found


def _cleaner(segment):
    """The step ``clean_flicker_noise`` as it is set up for this segment."""
    with models.read(segment.path("frame-block.fits")) as frame:
        return steps.configured(frame, "clean_flicker_noise", segment.parameters.get("clean_flicker_noise", {}))


def _save(model, path):
    with atomic.file(path) as unfinished:
        model.save(str(unfinished))
