"""Calibrate a segment in pieces and with the stock steps, and compare; prints JSON; needs a process of its own."""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import tso_helpers as tso
from tso_helpers.detector1 import calibrate, plan
from tso_helpers.simulation.recipe import Recipe

RECIPES = {
    "short": Recipe(integrations=(5,), groups=6, columns=(900, 1100), seed=3),
    "clipped": Recipe(integrations=(104,), groups=6, columns=(960, 1024), seed=4, detectors=("NRS1",)),
}
ARRAYS = ("data", "err", "dq", "var_poisson", "var_rnoise")


def stock(obs, detector, one_over_f):
    """The products of the pipeline's own steps, one after the other on the whole segment."""
    model = tso.files.models.read(obs.uncal(detector, 1))
    for step in tso.detector1.STEPS[:-2]:
        if step != "one_over_f" or one_over_f:
            model = tso.detector1.apply(model, step, copy=False)
    products = tso.detector1.step_class("ramp_fit").call(model)
    return [tso.detector1.step_class("gain_scale").call(product) for product in products]


def pieces(obs, detector, one_over_f, cut):
    """The same in blocks of two integrations and tiles of some columns."""
    shape = obs.shape(detector, 1)
    edges = [*range(0, shape[3], cut), shape[3]]
    tiles = tuple(
        plan.Tile(a, b, max(a - plan.HALO, 0), min(b + plan.HALO, shape[3]))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )
    blocks = tuple((a, min(a + 2, shape[0])) for a in range(0, shape[0], 2))
    with tempfile.TemporaryDirectory() as folder:
        skip = () if one_over_f else ("one_over_f",)
        segment = calibrate.Segment(obs.uncal(detector, 1), Path(folder), plan.Plan(shape, blocks, tiles), skip=skip)
        return calibrate.run_segment(segment)


def differences(ours, theirs):
    """What of a product is not equal, in words."""
    found = [
        name
        for name in ARRAYS
        if not np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=name != "dq")
    ]
    one, other = (model.to_flat_dict(include_arrays=False) for model in (ours, theirs))
    keys = {key for key in one.keys() | other.keys() if key.startswith("meta.") and one.get(key) != other.get(key)}
    found += sorted(key for key in keys if key not in ("meta.date", "meta.filename"))
    if theirs.hasattr("int_times") and not np.array_equal(np.array(ours.int_times), np.array(theirs.int_times)):
        found.append("int_times")
    return found


def main(which):
    obs = tso.open_observation(RECIPES[which], progress=False)
    tso.detector1.load_steps()
    result = {}
    for detector in obs.detectors:
        for one_over_f in (True, False):
            begin = time.perf_counter()
            theirs = stock(obs, detector, one_over_f)
            middle = time.perf_counter()
            ours = pieces(obs, detector, one_over_f, cut=37)
            name = f"{detector} {'with' if one_over_f else 'without'} 1/f"
            result[name] = {
                "differences": [differences(a, b) for a, b in zip(ours, theirs, strict=True)],
                "jumps": int(((theirs[1].dq & 4) > 0).sum()),
                "stock": middle - begin,
                "ours": time.perf_counter() - middle,
            }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
