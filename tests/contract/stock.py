"""Calibrate a segment in pieces and with the stock steps, and compare; prints JSON; needs a process of its own.

python tests/contract/stock.py short | clipped | 110x20 | 40x24 | 155x12 [all]
"""

import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import fits

import tso_helpers as tso
from tso_helpers.detector1 import plan, segment, steps, tasks
from tso_helpers.simulation.recipe import Recipe

RECIPES = {
    "short": Recipe(integrations=(5,), groups=6, columns=(900, 1100), seed=3),
    "clipped": Recipe(integrations=(104,), groups=6, columns=(960, 1024), seed=4, detectors=("NRS1",)),
    "110x20": Recipe(integrations=(110,), groups=20, seed=5),
    "40x24": Recipe(integrations=(40,), groups=24, seed=6),
    "155x12": Recipe(integrations=(155,), groups=12, seed=7),
}
#: What is left out and added in each variant, and its parameters.
VARIANTS = {
    "with 1/f": ((), (), {}),
    "without 1/f": (("one_over_f",), (), {}),
    "cleaned": (("one_over_f",), ("clean_flicker_noise",), {}),
    "cleaned each": (
        ("one_over_f", "dark_current"),
        ("clean_flicker_noise",),
        {"clean_flicker_noise": {"background_method": "None", "single_mask": False}},
    ),
}
#: Detectors and variants: a short choice, and all of them with a second argument "all".
CASES = {
    "short": (("NRS1", "with 1/f"), ("NRS2", "without 1/f"), ("NRS1", "cleaned"), ("NRS2", "cleaned each")),
    "clipped": (("NRS1", "with 1/f"),),
}
#: First integration of each block and first column of each tile; uneven on purpose. Else the planner's.
CUTS = {"short": ((0, 2), (0, 37, 111)), "clipped": ((0, 31, 62), (0, 23))}
MEMORY = 0.75e9
#: Left out of our products, see `segment.rates_of`; the others change with the time and the name of the file.
NOT_COMPARED = ("meta.exposure.primary_cosmic_rays", "meta.date", "meta.filename")
ARRAYS = ("data", "err", "dq", "var_poisson", "var_rnoise", "groupdq", "pixeldq")


def stock(obs, detector, variant):
    """The ramp after jump and the products of the pipeline's own steps, one after the other on the whole segment."""
    skip, extra, parameters = VARIANTS[variant]
    model, after_jump = tso.files.models.read(obs.uncal(detector, 1)), None
    for step in steps.ORDER[: steps.ORDER.index("ramp_fit")]:
        if step not in skip and (step in extra or step not in steps.OPTIONAL):
            model = tso.detector1.apply(model, step, copy=False, **parameters.get(step, {}))
        if step == "jump":
            after_jump = model.copy()
    products = tso.detector1.step_class("ramp_fit").call(model)
    return [after_jump, *(tso.detector1.step_class("gain_scale").call(product) for product in products)]


def cut(which, shape):
    """A plan with blocks and tiles that begin where they are told to."""
    if which not in CUTS:
        return plan.make_plan(shape, MEMORY)
    (blocks, tiles), width = CUTS[which], shape[3]
    return plan.Plan(
        shape,
        tuple(pairwise((*blocks, shape[0]))),
        tuple(plan.Tile(a, b, max(a - plan.HALO, 0), min(b + plan.HALO, width)) for a, b in pairwise((*tiles, width))),
    )


def plant_hits(obs, detector, borders):
    """Add steps to ramps of the raw file on both sides of every border of tiles and at the edges of the frame."""
    width, rows = obs.shape(detector, 1)[3], obs.shape(detector, 1)[2]
    columns = sorted({c for border in borders for c in (border - 2, border - 1, border, border + 1)} | {4, width - 5})
    with fits.open(obs.uncal(detector, 1), mode="update") as hdus:
        ramps = hdus["SCI"].data
        for number, column in enumerate(columns):
            for row in (0, rows // 2, rows - 1):
                integration, group = number % len(ramps), 2 + number % 3
                hit = ramps[integration, group:, row, column]
                hit[:] = np.minimum(hit.astype(int) + 900 * (1 + number % 2), 65535)


def pieces(obs, detector, variant, cuts):
    """The ramp after jump and the products of the segment in blocks and tiles."""
    skip, extra, parameters = VARIANTS[variant]
    common = {"parameters": parameters, "skip": skip}
    with tempfile.TemporaryDirectory() as folder:
        one = segment.Segment(obs.uncal(detector, 1), Path(folder) / "jump", cuts, until="jump", **common)
        tasks.run_segment(one)
        with segment.ramp_of(one) as ramp:
            after_jump = ramp.copy()
        one = segment.Segment(obs.uncal(detector, 1), Path(folder) / "rates", cuts, extra=extra, **common)
        tasks.run_segment(one)
        return [after_jump, *segment.rates_of(one)]


def differences(ours, theirs):
    """What of a product is not equal, in words."""
    found = [
        name
        for name in ARRAYS
        if ours.hasattr(name) != theirs.hasattr(name)
        or (
            theirs.hasattr(name)
            and not np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan="dq" not in name)
        )
    ]
    one, other = (model.to_flat_dict(include_arrays=False) for model in (ours, theirs))
    keys = {key for key in one.keys() | other.keys() if key.startswith("meta.") and one.get(key) != other.get(key)}
    found += sorted(key for key in keys if key not in NOT_COMPARED)
    if theirs.hasattr("int_times") and not np.array_equal(np.array(ours.int_times), np.array(theirs.int_times)):
        found.append("int_times")
    return found


def jumps_at_borders(product, borders):
    """Jumps in the two columns on either side of every border of tiles."""
    flagged = (product.dq & 4) > 0
    return [int(flagged[..., border - 2 : border + 2].any(axis=0).sum()) for border in borders]


def main(which, cases):
    with tempfile.TemporaryDirectory() as root:  # the raw files are changed: nobody else shall find them
        obs = tso.open_observation(RECIPES[which], root=root, progress=False)
        if cases == "all":
            variants = list(VARIANTS)[: None if which in CASES else 2]  # the pipeline's own correction: small ones only
            chosen = [(detector, variant) for detector in obs.detectors for variant in variants]
        else:
            chosen = CASES[which]
        cuts = cut(which, obs.shape(obs.detectors[0], 1))
        borders = [tile.start for tile in cuts.tiles[1:]]
        for detector in obs.detectors:
            plant_hits(obs, detector, borders)
        result = {}
        for detector, variant in chosen:
            theirs = stock(obs, detector, variant)
            ours = pieces(obs, detector, variant, cuts)
            result[f"{detector} {variant}"] = {
                "differences": [differences(a, b) for a, b in zip(ours, theirs, strict=True)],
                "jumps at borders": jumps_at_borders(theirs[2], borders),
                "jumps at edges": int(((theirs[2].dq[:, [0, -1]] & 4) > 0).sum()),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "few")
