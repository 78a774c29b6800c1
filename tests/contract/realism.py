"""Measure on a simulated exposure what the published lesson saw on the real one; prints JSON.

Run as ``python realism.py lesson|full``, in a process of its own: a process works with one set of reference files.
``lesson`` is the exposure that the lessons use; ``full`` has 72 integrations of 70 groups, and needs about 12 GB.
"""

import json
import resource
import sys
import time

import numpy as np

import tso_helpers as tso
from tso_helpers.simulation import detector, noise
from tso_helpers.simulation.recipe import Recipe

SHAPES = {"lesson": Recipe(), "full": Recipe(integrations=(72,), groups=70, detectors=("NRS1",))}
LEFT, BACKGROUND, TRACE = np.s_[:, 20:480], np.s_[24:31, 1000:2000], np.s_[11, 1900:2000]


def measure(obs, steps):
    """All numbers of NRS1's first segment, step by step, one ramp in memory at a time."""
    found = {}
    model = obs.after("uncal", "NRS1", 1)
    found["raw last group, percentiles"] = np.percentile(model.data[10, -1], [1, 99]).tolist()
    before = None
    for step in steps:
        keep = step in ("saturation", "dark_current", "linearity", "jump")
        before, model = (model if keep else None), tso.detector1.apply(model, step, copy=keep)
        found |= globals()[f"after_{step}"](obs, before, model)
    return found


def after_dq_init(obs, _, model):
    return {"reference pixels": int(tso.dq.mask(model.pixeldq, "REFERENCE_PIXEL").sum())}


def after_saturation(obs, before, model):
    example, neighbour = obs.examples["saturated_by_cosmic_ray"], obs.examples["saturation_neighbour"]
    flagged = (model.groupdq & 2) > 0
    i = example.integration
    limit, halved = limits(before)
    return {
        "saturated in last group of integration 10, %": 100 * float(flagged[i, -1].mean()),
        "flagged with half the limit, %": 100 * float(((halved.groupdq[i, -1] & 2) > 0).mean()),
        "first saturated group": int(np.argmax(flagged[i, :, example.row, example.column])),
        "neighbour flagged from group": int(np.argmax(flagged[i, :, neighbour.row, neighbour.column])),
        "neighbour's highest count over its limit": float(
            model.data[i, :, neighbour.row, neighbour.column].max() / limit[neighbour.row, neighbour.column]
        ),
        "planted in group": example.group,
    }


def limits(model):
    """Saturation limit (row, column) of the reference, and integration 10 flagged with half of it (at index 10)."""
    from jwst import datamodels
    from jwst.lib.reffile_utils import get_subarray_model
    from jwst.saturation import SaturationStep

    few = model.copy()
    few.data, few.groupdq = few.data[:11], few.groupdq[:11]
    with datamodels.SaturationModel(SaturationStep().get_reference_file(model, "saturation")) as reference:
        limit = get_subarray_model(model, reference).data.copy()
        reference.data = reference.data / 2
        return limit, SaturationStep.call(few, override_saturation=reference)


def after_superbias(obs, _, model):
    return offsets(model, "superbias")


def after_refpix(obs, _, model):
    differences = np.diff(model.data[:12], axis=1)
    where = np.s_[..., 24:31, 1200:2000]
    rms = float(1.4826 * np.median(np.abs(differences[where] - np.median(differences[where]))))
    stripes = float(np.median(differences[where], axis=-2).std())
    found = {
        "CDS noise, DN": rms,
        "expected CDS noise, DN": expected_noise(obs),
        "scatter of column medians, DN": stripes,
    }
    return offsets(model, "refpix") | found


def expected_noise(obs, published=13.2):
    """Noise of group differences in the first 12 integrations (DN), from the published one of the whole exposure.

    The 1/f noise, what the published noise has beside the white one, is as strong there as the truth says; the waves of
    fixed frequency come on top.
    """
    gain, level = detector.get("NRS1").gain, obs.truth.one_over_f_level("NRS1")[:12]
    white = np.sqrt(2) * detector.get("NRS1").white_noise / gain
    waves = sum((amplitude / gain) ** 2 for _, amplitude in noise.SPIKES)  # of differences, at frequencies of any phase
    return float(np.sqrt(white**2 + np.mean(level**2) * (published**2 - white**2) + waves))


def offsets(model, step):
    frame = model.data[10, -1]
    background = frame[20:31, 1000:2000]
    odd_even = float(np.median(frame[20:31:2, 1000:2000]) - np.median(frame[21:31:2, 1000:2000]))
    return {
        f"background after {step}, DN": float(np.median(background)),
        f"background after {step}, percentiles": np.percentile(background, [2, 98]).tolist(),
        f"even minus odd rows after {step}, DN": odd_even,
        f"background after {step}, last two groups, DN": [float(np.median(f[20:31, 250])) for f in model.data[10, -2:]],
    }


def after_linearity(obs, before, model):
    example = obs.examples["bright_nonlinear"]
    times = np.arange(model.data.shape[1])
    early = times <= round(20 / 70 * len(times))
    raw = before.data[10, :, example.row, example.column]
    line = np.polyval(np.polyfit(times[early], raw[early], 1), times[-1])
    found = {"bright pixel's last group over a line through the early ones": float(raw[-1] / line)}
    for name, ramp in (("before", before), ("after", model)):
        good = ~((ramp.groupdq > 0).any(axis=1) | (ramp.pixeldq > 0))
        data = ramp.data
        count = max(len(times) // 7, 1)
        first = data[:, count] - data[:, 0]
        ratio = (data[:, -1] - data[:, -1 - count]) / np.where(first > 50, first, np.nan)
        fluence = data[:, -1] - data[:, 0]
        for low, high in ((2_000, 6_000), (12_000, 18_000), (24_000, 32_000)):
            chosen = good & (fluence > low) & (fluence < high)
            found[f"last / first difference {name} linearity, {low}-{high} DN"] = float(np.nanmedian(ratio[chosen]))
    return found


def after_dark_current(obs, before, model):
    with np.errstate(all="ignore"):
        share = 100 * np.median((before.data[:, -1] - model.data[:, -1]) / model.data[:, -1], axis=0)
    places = {"left of column 500": LEFT, "background to the right": BACKGROUND, "on the spectrum": TRACE}
    return {f"dark {name}, %": float(np.median(share[where])) for name, where in places.items()}


def after_one_over_f(obs, _, model):
    differences = np.diff(model.data[:12], axis=1)[..., 24:31, 1200:2000]
    return {"CDS noise after 1/f removal, DN": float(1.4826 * np.median(np.abs(differences)))}


def after_jump(obs, before, model):
    example = obs.examples["clean_jump"]
    flagged = (model.groupdq & 4) > 0
    ramps = flagged[example.integration - 1 : example.integration + 2, :, example.row, example.column]
    truth, shape = obs.truth, flagged.shape
    hits = truth.hits("NRS1", 1)
    hit = np.zeros(shape, bool)
    hit[hits["integration"], hits["group"], hits["row"], hits["column"]] = True
    near = grown(hit)
    telegraph = truth.telegraph_pixels("NRS1") & ~near
    return {
        "jump flagged in groups": [np.flatnonzero(ramp).tolist() for ramp in ramps],
        "jump planted in group": example.group,
        "jumps per integration": float(flagged.sum() / shape[0]),
        "jumps, % of samples": 100 * float(flagged.mean()),
        "of them hits": float((flagged & hit).sum() / shape[0]),
        "of them beside or after hits": float((flagged & near & ~hit).sum() / shape[0]),
        "of them telegraph pixels": float((flagged & telegraph).sum() / shape[0]),
        "of them neither": float((flagged & ~near & ~telegraph).sum() / shape[0]),
    }


def grown(hit):
    """Hit samples with their eight neighbours, in the groups before and after too."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(hit, size=(1, 3, 3, 3))


if __name__ == "__main__":
    started = time.perf_counter()
    observation = tso.open_observation(SHAPES[sys.argv[1]], progress=False)
    built = time.perf_counter()
    everything = ("dq_init", "saturation", "superbias", "refpix", "linearity", "dark_current", "one_over_f", "jump")
    numbers = measure(observation, everything)
    numbers["seconds to build, to measure"] = [built - started, time.perf_counter() - built]
    numbers["peak memory, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(numbers, indent=1))
