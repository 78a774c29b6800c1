#!/usr/bin/env python
"""Make the spectra of the simulated exposure at its full size that come with the package, or check a part of them.

    python tools/full_product.py make          an hour or two, 10 GB of disk; goes on where it stopped
    python tools/full_product.py compare       makes a few integrations again and compares them

For each segment of each detector the raw file is simulated, calibrated once for each correction of the 1/f noise as
`tso calibrate` does it, and its spectra are extracted; these parts are kept, the large files are deleted. When all
parts are there, the product is put together. See `tso_helpers.observation.full_size` for what is in it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product as every
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from astropy import units as u
from astropy.table import Table
from tqdm.auto import tqdm

import tso_helpers as tso
from tso_helpers import light_curve, rates, spectra, trace
from tso_helpers.detector1.steps import OPTIONAL, ORDER
from tso_helpers.files import atomic, level1b
from tso_helpers.instrument import NIRSPEC_G395H
from tso_helpers.observation import calibration, crds, full_size
from tso_helpers.observation.opening import Observation, Source
from tso_helpers.observation.places import data_root
from tso_helpers.observation.ramp_after import our_code
from tso_helpers.observation.simulated import RECIPES
from tso_helpers.simulation import exposure
from tso_helpers.simulation.recipe import Recipe

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

#: What is done about the 1/f noise, by name: what is left out of the pipeline's steps, added, and set.
CORRECTIONS = {
    "group": {},
    "none": {"skip": ["one_over_f"]},
    "clean": {"skip": ["one_over_f"], "extra": ["clean_flicker_noise"]},
    "clean_no_background": {
        "skip": ["one_over_f"],
        "extra": ["clean_flicker_noise"],
        "parameters": {"clean_flicker_noise": {"background_method": "None"}},
    },
}
#: The correction of the spectra.
SPECTRA = "group"
#: Segments, by detector, that are calibrated with the others too: before the transit, where noise can be compared.
COMPARED = {"NRS1": (1,)}
#: Columns in a bin.
WIDTH = 5
APERTURE = {
    "columns in a bin": WIDTH,
    "half-width of the aperture (rows)": spectra.HALF_WIDTH,
    "background further from the trace than (rows)": trace.HALF_WIDTH,
    "trace": "tso_helpers.instrument, the same for all integrations",
}
PACKAGES = ("jwst", "stcal", "stdatamodels", "numpy", "scipy", "astropy", "tso-helpers")


@dataclass(frozen=True)
class Making:
    """Where and how parts are made.

    Attributes
    ----------
    recipe : Recipe
    work : pathlib.Path
    workers : int
    memory : float
        Bytes of each.
    keep : bool
        Keep raw files and rates.
    """

    recipe: Recipe
    work: Path
    workers: int = 1
    memory: float = 1.5e9
    keep: bool = False
    code: str = field(default_factory=lambda: code())

    def part(self, detector, segment, correction) -> Path:
        """Return the path of a part, which tells what it was made of."""
        made_of = {"recipe": self.recipe.to_json(), "how": CORRECTIONS[correction], "code": self.code}
        made_of |= {"packages": packages(), "aperture": APERTURE}
        key = tso.products.digest(made_of)
        return self.work / "parts" / f"{detector}-segment{segment}-{correction}-{key}.npz"


def packages():
    """Versions of what has a part in the numbers."""
    return {name: version(name) for name in PACKAGES}


def code():
    """Digest of the code of the package that makes the numbers out of the recipe and the pipeline's steps."""
    digest = hashlib.sha256(our_code().encode())
    for module in (spectra, rates, light_curve):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:12]


# --- one part --------------------------------------------------------------------------------------------------


def is_part(correction, detector, segment) -> bool:
    """Whether a segment is calibrated with a correction."""
    return correction == SPECTRA or segment in COMPARED.get(detector, ())


def make_parts(making, detector, segment, corrections):
    """Make the parts of one segment that are not there yet."""
    wanted = [name for name in corrections if is_part(name, detector, segment)]
    missing = [name for name in wanted if not making.part(detector, segment, name).exists()]
    if not missing:
        return
    folder = making.work / "exposure"
    raw = exposure.build_segment(folder, making.recipe, detector, segment)
    for correction in missing:
        calibrated, log = calibrate(making, raw, correction)
        save_part(making.part(detector, segment, correction), *extract(calibrated), log)
        if not making.keep:
            atomic.remove_tree(calibrated.parent)
    if not making.keep:
        raw.unlink()


def calibrate(making, raw, correction) -> tuple[Path, dict]:
    """Take a raw file through Stage 1, and return the path of its rates per integration and what that took."""
    folder = making.work / "exposure"
    source = Source("full size", folder, making.work / "scratch", crds.simulated(folder / "crds"))
    obs = Observation(source, [level1b.describe(raw)])
    out = making.work / f"rates-{correction}"
    how = calibration.settings(obs, **CORRECTIONS[correction])
    summary = calibration.calibrate(obs, out, how, workers=making.workers, memory=making.memory)
    entry = summary["segments"][0]
    log = {name: entry[name] for name in ("name", "seconds", "peak_memory", "saturated", "jumps", "method")}
    log |= {"workers": making.workers, "run seconds": summary.get("run seconds")}
    return out / tso.products.name_of(raw.name), log


def extract(path):
    """Return the spectra of a file of rates, column by column, and its white-light curves by sum."""
    from stdatamodels.jwst import datamodels

    with datamodels.CubeModel(path) as model:
        columns, rows = place(model)
        shape = model.shape[-2:]
        aperture = spectra.aperture(shape, rows)
        background = trace.background_mask(shape, rows)
        series = spectra.from_rates(model, aperture, background, columns)
        white = {
            "frame": light_curve.from_rates(model),
            "aperture": spectra.from_rates(model, aperture, columns=columns).light_curve(),
            "box": series.light_curve(),
        }
    assert set(white) == set(full_size.SUMS)
    return series, white


def place(model):
    """Columns of the frame that are extracted, as a slice, and the row of the trace in each column of the frame."""
    return placed(model.meta.instrument.detector, (model.meta.subarray.xstart or 1) - 1, model.shape[-1])


def placed(name, start, width):
    """The same for a window that begins with a column and is that many columns wide."""
    described = NIRSPEC_G395H.detector(name)
    first, last = (column - start for column in described.trace_columns)
    return slice(max(first, 0), min(last + 1, width)), described.trace(start + np.arange(width))


def save_part(path, series, white, log):
    """Keep what was extracted from one segment."""
    arrays = {name: getattr(series, name) for name in ("time", "wavelength", "flux", "error", "flags", "filled")}
    arrays |= {
        f"white-{kind}-{name}": getattr(curve, name) for kind, curve in white.items() for name in ("flux", "error")
    }
    with atomic.file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, log=json.dumps(log), **arrays)


def read_part(path):
    """The spectra and the white-light curves of one segment, and what its calibration took."""
    with np.load(path) as part:
        series = spectra.Spectra(*(part[name] for name in ("time", "wavelength", "flux", "error", "flags", "filled")))
        white = {
            kind: light_curve.LightCurve(series.time, part[f"white-{kind}-flux"], part[f"white-{kind}-error"])
            for kind in full_size.SUMS
        }
        return series, white, json.loads(str(part["log"]))


# --- all of them -----------------------------------------------------------------------------------------------


def put_together(making, corrections, command) -> full_size.FullSize:
    """Put all parts together to the product."""
    recipe, segments = making.recipe, range(1, len(making.recipe.integrations) + 1)
    series, bins, white, log = {}, {}, {}, []
    for name in recipe.detectors:
        parts = {
            correction: [
                read_part(making.part(name, number, correction))
                for number in segments
                if is_part(correction, name, number)
            ]
            for correction in corrections
        }
        series[name] = spectra.stitch(part for part, _, _ in parts[SPECTRA]).binned(WIDTH)
        bins[name] = describe_bins(name, recipe.columns, series[name].wavelength)
        white[name] = {
            correction: {kind: light_curve.stitch([curves[kind] for _, curves, _ in found]) for kind in full_size.SUMS}
            for correction, found in parts.items()
            if found
        }
        log += [took for _, _, took in parts[SPECTRA]]
    about = {"COMMAND": command, "CODE": making.code, "SPECTRA": SPECTRA, "RECIPE": json.loads(recipe.to_json())}
    about |= {
        "PACKAGES": packages(),
        "STEPS": {name: steps_of(name) for name in corrections},
        "APERTURE": APERTURE,
        "LOG": log,
    }
    return full_size.FullSize(series, bins, white, about)


def steps_of(correction) -> dict:
    """The steps of a correction in order, with the parameters that differ from the pipeline's."""
    how = CORRECTIONS[correction]
    left_out = {*how.get("skip", ()), *(set(OPTIONAL) - set(how.get("extra", ())))}
    parameters = how.get("parameters", {})
    return {step: parameters.get(step, {}) for step in ORDER if step not in left_out}


def describe_bins(name, window, wavelength) -> Table:
    """Wavelength, first and last column, and row of the trace of each bin."""
    columns, rows = placed(name, window[0], window[1] - window[0])
    first = window[0] + columns.start + WIDTH * np.arange(len(wavelength))
    table = Table({"WAVELENGTH": wavelength * u.um, "FIRST": first, "LAST": first + WIDTH - 1})
    table["ROW"] = spectra.bin_columns(rows[columns], WIDTH) / WIDTH
    return table


Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
Memory = Annotated[float, typer.Option(help="Memory of each, GB.")]
Names = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Only these, with commas; then nothing is put together.")
]


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="The product.")] = Path(str(full_size.PATH)),
    work: Annotated[Path | None, typer.Option(help="Folder for parts and large files. Default: in TSO_DATA.")] = None,
    workers: Workers = 1,
    memory: Memory = 1.5,
    detectors: Names = None,
    segments: Names = None,
    corrections: Names = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep raw files and rates.")] = False,
    recipe: Annotated[str | None, typer.Option(metavar="JSON", help="Another recipe: '{\"groups\": 14}'.")] = None,
):
    """Make the product. What is there and current is not made again."""
    chosen = Recipe(**json.loads(recipe)) if recipe else RECIPES["simulated-full"]
    making = Making(chosen, work or data_root() / "full-product", workers, memory * 1e9, keep)
    wanted = [
        chosen_of(detectors, chosen.detectors),
        [int(n) for n in chosen_of(segments, [str(k + 1) for k in range(len(chosen.integrations))])],
    ]
    some = chosen_of(corrections, list(CORRECTIONS))
    with tqdm(total=len(wanted[0]) * len(wanted[1]), desc="segments of detectors", unit="segment") as bar:
        for detector, segment in every(*wanted):
            make_parts(making, detector, segment, some)
            bar.update()
    if detectors or segments or corrections:
        typer.echo("The parts are made. Without --detectors, --segments and --corrections they are put together.")
        return
    command = shlex.join(["python", "tools/full_product.py", "make", *(["--recipe", recipe] if recipe else [])])
    full_size.write(put_together(making, some, command), out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB, numbers {full_size.content(full_size.read(out))}")


def chosen_of(text, valid):
    """Those of the valid names that an option gives; all without it."""
    if text is None:
        return list(valid)
    chosen = [name.strip() for name in text.split(",")]
    if wrong := sorted(set(chosen) - set(valid)):
        raise typer.BadParameter(f"{', '.join(wrong)}: choose from {', '.join(valid)}")
    return chosen


@app.command()
def compare(
    product: Annotated[
        Path | None, typer.Option(help="The product. Default: the one that comes with the package.")
    ] = None,
    work: Annotated[Path | None, typer.Option(help="Folder for large files. Default: in TSO_DATA.")] = None,
    detector: Annotated[str, typer.Option()] = "NRS1",
    segment: Annotated[int, typer.Option()] = 1,
    integrations: Annotated[str, typer.Option(metavar="START,STOP", help="Of the segment, from 0.")] = "152,155",
    workers: Workers = 1,
    memory: Memory = 1.5,
):
    """Make some integrations of a product again, and print how they compare with it, as JSON."""
    there = full_size.read(product)
    recipe = Recipe.from_json(json.dumps(there.about["RECIPE"]))
    chosen = slice(*(int(n) for n in integrations.split(",")))
    making = Making(recipe, work or data_root() / "full-product-part", workers, memory * 1e9)
    raw = exposure.build_segment(making.work / "exposure", recipe, detector, segment, chosen, progress=False)
    series, white = extract(calibrate(making, raw, there.about["SPECTRA"])[0])
    first = recipe.locate(segment, chosen.start)
    rows = slice(first, first + len(series))
    found = compared(series.binned(WIDTH), there.spectra[detector], rows)
    found["white light, furthest apart, in errors"] = furthest(
        white, there.white_light[detector][there.about["SPECTRA"]], rows
    )
    print(json.dumps(found, indent=1))


def furthest(again, there, rows) -> float:
    """How far white-light curves that were made again are from those in a product, at most, in errors."""
    return max(
        float(np.max(np.abs(again[kind].flux - curve.flux[rows]) / curve.error[rows])) for kind, curve in there.items()
    )


def compared(again, there, rows) -> dict:
    """How some integrations that were made again compare with those in a product."""
    same_flags = (again.filled == there.filled[rows]) & (again.flags == there.flags[rows])
    equal = np.isclose(again.flux, there.flux[rows], rtol=3e-7, atol=0)  # single precision in the product
    off = np.abs(again.flux - there.flux[rows]) / there.error[rows]
    return {
        "bins": int(equal.size),
        "times, furthest apart (d)": float(np.max(np.abs(again.time - there.time[rows]))),
        "wavelengths, furthest apart (um)": float(np.max(np.abs(again.wavelength - there.wavelength))),
        "with the same flags": float(same_flags.mean()),
        "equal": float(equal.mean()),
        "equal, of those with the same flags": float(equal[same_flags].mean()) if same_flags.any() else 0.0,
        "beyond one error": float(np.mean(off > 1)),
        "median difference, in errors": float(np.median(off)),
        "errors, median relative difference": float(np.median(np.abs(again.error / there.error[rows] - 1))),
    }


if __name__ == "__main__":
    app()
