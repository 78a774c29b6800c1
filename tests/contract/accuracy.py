"""Calibrate small exposures with the pipeline and compare with their truth; prints JSON; needs a process of its own."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import tso_helpers as tso
from tso_helpers.simulation import detector
from tso_helpers.simulation.recipe import Recipe

#: The effects that are noise: different in every integration and with no expectation value worth calibrating.
NOISE = frozenset(
    {"photon_noise", "cosmic_rays", "ktc", "pedestal", "odd_even", "white_noise", "one_over_f", "telegraph"}
)
QUIET = NOISE | {"charge_migration", "reference_errors"}
RECIPES = {
    "quiet": Recipe(integrations=(2,), groups=14, without=QUIET, plant=()),
    "noisy": Recipe(integrations=(12,), groups=14, without={"charge_migration"}),
}


def rates(obs, name):
    """Rates per integration (DN/s) of the pipeline's own Detector1 and the true ones, gain_scale undone."""
    from jwst import datamodels
    from jwst.pipeline import Detector1Pipeline

    folder = Path(tempfile.mkdtemp())
    Detector1Pipeline.call(
        str(obs.uncal(name, 1)), save_results=True, output_dir=str(folder), save_calibrated_ramp=True
    )
    true = np.array([obs.truth.rate(name, 1, i) for i in range(obs.shape(name, 1)[0])])
    with (
        datamodels.open(next(folder.glob("*_rateints.fits"))) as found,
        datamodels.open(next(folder.glob("*_ramp.fits"))) as ramp,
    ):
        factor = detector.get(name).gain_factor
        result = found.data / factor, found.err / factor, ramp.groupdq.copy()
    shutil.rmtree(folder)
    return *result, true


def quiet(obs):
    found = {}
    for name in obs.detectors:
        data, _, flags, true = rates(obs, name)
        trace = (true > 50) & ~((flags & 6) > 0).any(axis=1) & (obs.truth.maps(name).mask == 0)
        deviation = np.abs(data[trace] / true[trace] - 1)
        found[name] = {"median": float(np.median(deviation)), "99 %": float(np.percentile(deviation, 99))}
        background = (true < 1) & (true > 0) & (obs.truth.maps(name).mask == 0)
        found[name]["background, DN/s"] = float(np.nanmedian((data - true)[background]))
        found[name]["flagged on the trace"] = float(((flags & 4) > 0).any(axis=1)[true > 50].mean())
    return found


def noisy(obs):
    found = {}
    for name in obs.detectors:
        data, error, flags, true = rates(obs, name)
        flagged = ((flags & 6) > 0).any(axis=1)
        maps = obs.truth.maps(name)
        good = ~flagged & (maps.mask == 0) & ~maps.reference_pixel & (maps.telegraph == 0) & (maps.dark < 1)
        good &= np.isfinite(data) & (error > 0)
        pull = ((data - true) / error)[good]
        bright = (true > 50)[good]
        spread = lambda x: float(1.4826 * np.median(np.abs(x - np.median(x))))  # noqa: E731
        found[name] = {
            "all": spread(pull),
            "trace": spread(pull[bright]),
            "trace median": float(np.median(pull[bright])),
        }
    return found


if __name__ == "__main__":
    which = sys.argv[1]
    print(json.dumps(globals()[which](tso.open_observation(RECIPES[which], progress=False))))
