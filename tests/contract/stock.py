"""Calibrate a segment in pieces and with the stock steps, and compare; prints JSON; needs a process of its own.

python tests/contract/stock.py short | clipped [all]
"""

import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import fits

import tso_helpers as tso
from tso_helpers.detector1 import plan, segment
from tso_helpers.simulation.recipe import Recipe

RECIPES = {
    "short": Recipe(integrations=(5,), groups=6, columns=(900, 1100), seed=3),
    "clipped": Recipe(integrations=(104,), groups=6, columns=(960, 1024), seed=4, detectors=("NRS1",)),
}
#: Detectors and whether 1/f is removed: a short choice, and all of them with a second argument "all".
CASES = {"short": (("NRS1", True), ("NRS2", False)), "clipped": (("NRS1", True),)}
#: First integration of each block and first column of each tile; uneven on purpose.
CUTS = {"short": ((0, 2), (0, 37, 111)), "clipped": ((0, 31, 62), (0, 23))}
#: Left out of our products, see `segment.assemble`; the others change with the time and the name of the file.
NOT_COMPARED = ("meta.exposure.primary_cosmic_rays", "meta.date", "meta.filename")
ARRAYS = ("data", "err", "dq", "var_poisson", "var_rnoise")


def stock(obs, detector, one_over_f):
    """The products of the pipeline's own steps, one after the other on the whole segment."""
    model = tso.files.models.read(obs.uncal(detector, 1))
    for step in tso.detector1.STEPS[:-2]:
        if step != "one_over_f" or one_over_f:
            model = tso.detector1.apply(model, step, copy=False)
    products = tso.detector1.step_class("ramp_fit").call(model)
    return [tso.detector1.step_class("gain_scale").call(product) for product in products]


def cut(shape, blocks, tiles):
    """A plan with blocks and tiles that begin where they are told to."""
    width = shape[3]
    return plan.Plan(
        shape,
        tuple(pairwise((*blocks, shape[0]))),
        tuple(plan.Tile(a, b, max(a - plan.HALO, 0), min(b + plan.HALO, width)) for a, b in pairwise((*tiles, width))),
    )


def plant_hits(obs, detector, tiles):
    """Add steps to ramps of the raw file on both sides of every border of tiles and at the edges of the frame."""
    width, rows = obs.shape(detector, 1)[3], obs.shape(detector, 1)[2]
    columns = sorted({c for border in tiles[1:] for c in (border - 2, border - 1, border, border + 1)} | {4, width - 5})
    with fits.open(obs.uncal(detector, 1), mode="update") as hdus:
        ramps = hdus["SCI"].data
        for number, column in enumerate(columns):
            for row in (0, rows // 2, rows - 1):
                integration, group = number % len(ramps), 2 + number % 3
                hit = ramps[integration, group:, row, column]
                hit[:] = np.minimum(hit.astype(int) + 900 * (1 + number % 2), 65535)


def pieces(obs, detector, one_over_f, cuts):
    """The products of the segment in blocks and tiles."""
    shape = obs.shape(detector, 1)
    with tempfile.TemporaryDirectory() as folder:
        skip = () if one_over_f else ("one_over_f",)
        one = segment.Segment(obs.uncal(detector, 1), Path(folder), cut(shape, *cuts), skip=skip)
        return segment.run_segment(one)


def differences(ours, theirs):
    """What of a product is not equal, in words."""
    found = [
        name
        for name in ARRAYS
        if not np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=name != "dq")
    ]
    one, other = (model.to_flat_dict(include_arrays=False) for model in (ours, theirs))
    keys = {key for key in one.keys() | other.keys() if key.startswith("meta.") and one.get(key) != other.get(key)}
    found += sorted(key for key in keys if key not in NOT_COMPARED)
    if theirs.hasattr("int_times") and not np.array_equal(np.array(ours.int_times), np.array(theirs.int_times)):
        found.append("int_times")
    return found


def jumps_at_borders(product, tiles):
    """Jumps in the two columns on either side of every border of tiles."""
    flagged = (product.dq & 4) > 0
    return [int(flagged[..., border - 2 : border + 2].any(axis=0).sum()) for border in tiles[1:]]


def main(which, cases):
    with tempfile.TemporaryDirectory() as root:  # the raw files are changed: nobody else shall find them
        obs = tso.open_observation(RECIPES[which], root=root, progress=False)
        if cases == "all":
            chosen = [(detector, one_over_f) for detector in obs.detectors for one_over_f in (True, False)]
        else:
            chosen = CASES[which]
        for detector in obs.detectors:
            plant_hits(obs, detector, CUTS[which][1])
        result = {}
        for detector, one_over_f in chosen:
            theirs = stock(obs, detector, one_over_f)
            ours = pieces(obs, detector, one_over_f, CUTS[which])
            result[f"{detector} {'with' if one_over_f else 'without'} 1/f"] = {
                "differences": [differences(a, b) for a, b in zip(ours, theirs, strict=True)],
                "jumps at borders": jumps_at_borders(theirs[1], CUTS[which][1]),
                "jumps at edges": int(((theirs[1].dq[:, [0, -1]] & 4) > 0).sum()),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "few")
