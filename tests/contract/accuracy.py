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
    {"photon_noise", "cosmic_rays", "ktc", "pedestal", "odd_even", "white_noise", "one_over_f", "spikes", "telegraph"}
)
QUIET = NOISE | {"charge_migration", "reference_errors"}
RECIPES = {
    "quiet": Recipe(integrations=(2,), groups=14, without=QUIET | {"ipc"}, plant=()),
    "coupled": Recipe(integrations=(2,), groups=14, without=QUIET, plant=()),
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
    return {name: _deviations(obs, name, *rates(obs, name)) for name in obs.detectors}


def coupled(obs):
    """With inter-pixel capacitance: against the true rates, and against what linearity must leave of the coupling."""
    found = {}
    for name in obs.detectors:
        data, error, flags, true = rates(obs, name)
        expected = np.array([linearised_rate(obs, name, i) for i in range(len(true))])
        found[name] = {
            "true": _deviations(obs, name, data, error, flags, true),
            "expected": _deviations(obs, name, data, error, flags, np.where(true > 50, expected, true)),
        }
    return found


def linearised_rate(obs, name, integration):
    """Rates of ramps whose neighbours are coupled by voltages, F + coupling of V, instead of by charges."""
    truth = obs.truth
    linear = truth.noiseless_ramp(name, 1, integration, without=("ipc", "settling")).astype(float)
    pixels, times = truth.maps(name), np.asarray(truth.recipe.times)
    voltage = detector.unlinearise(linear, pixels.c2, pixels.c3)
    ramp = linear + detector.couple(voltage) - voltage
    return np.tensordot(times - times.mean(), ramp, axes=1) / np.sum((times - times.mean()) ** 2)


def _deviations(obs, name, data, _, flags, true):
    trace = (true > 50) & ~((flags & 6) > 0).any(axis=1) & (obs.truth.maps(name).mask == 0)
    deviation = np.abs(data[trace] / true[trace] - 1)
    background = (true < 1) & (true > 0) & (obs.truth.maps(name).mask == 0)
    return {
        "median": float(np.median(deviation)),
        "99 %": float(np.percentile(deviation, 99)),
        "background, DN/s": float(np.nanmedian((data - true)[background])),
        "flagged on the trace": float(((flags & 4) > 0).any(axis=1)[true > 50].mean()),
    }


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
