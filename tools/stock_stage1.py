#!/usr/bin/env python
"""Stage 1 by the pipeline's own steps, one after the other on a whole segment in memory: what others are compared with.

    python tools/stock_stage1.py [--cores all] [--one-over-f] OUT UNCAL

With --cores, jump detection and ramp fitting use more than one. With --one-over-f, our correction stands at its place.
"""

import argparse
from pathlib import Path


def calibrate(out, uncal, cores, one_over_f):
    """Write the rates of a segment, as a user of the pipeline would."""
    from jwst.dark_current import DarkCurrentStep
    from jwst.dq_init import DQInitStep
    from jwst.gain_scale import GainScaleStep
    from jwst.jump import JumpStep
    from jwst.linearity import LinearityStep
    from jwst.ramp_fitting import RampFitStep
    from jwst.refpix import RefPixStep
    from jwst.saturation import SaturationStep
    from jwst.superbias import SuperBiasStep
    from stdatamodels.jwst import datamodels

    ramp = datamodels.RampModel(uncal)
    for step in (DQInitStep, SaturationStep, SuperBiasStep, RefPixStep, LinearityStep, DarkCurrentStep):
        ramp = step.call(ramp)
    if one_over_f:
        from tso_helpers import detector1

        ramp = detector1.apply(ramp, "one_over_f", copy=False)
    ramp = JumpStep.call(ramp, maximum_cores=cores)
    for kind, rates in zip(("rate", "rateints"), RampFitStep.call(ramp, maximum_cores=cores), strict=True):
        name = Path(uncal).name.replace("_uncal", f"_{kind}")
        GainScaleStep.call(rates).save(str(Path(out) / name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", default="none")
    parser.add_argument("--one-over-f", action="store_true")
    parser.add_argument("out")
    parser.add_argument("uncal")
    given = parser.parse_args()
    calibrate(given.out, given.uncal, given.cores, given.one_over_f)


if __name__ == "__main__":
    main()
