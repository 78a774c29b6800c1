"""Spectra of the simulated exposure at its full size, as they come with the package: 465 integrations of 70 groups.

The whole exposure takes 8.5 GB and half an hour to calibrate. What lessons need of it is in a file of a few MB: the
spectra of both detectors in bins of columns, and white-light curves for several corrections of the 1/f noise. It is a
FITS file, which ``tools/full_product.py`` makes; its header says with which command, versions, steps and recipe.

========================  ==============================================================================================
``FLUX_<detector>``       DN/s, (integration, bin); losslessly compressed
``ERROR_<detector>``      the same, standard errors
``FLAGS_<detector>``      flags (DQ) that any pixel of the bin within the aperture has
``FILLED_<detector>``     how many of these pixels were bad and filled
``BINS_<detector>``       table: WAVELENGTH (um) on the trace, FIRST and LAST column (zero-based), ROW of the trace
``WHITE_<detector>``      table: TIME (BJD_TDB, d) of each integration; FLUX and ERROR for each correction and sum,
                          not-a-number where a segment was not calibrated with that correction
========================  ==============================================================================================
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..files import atomic, integrity
from ..light_curve import LightCurve
from ..spectra import Spectra

__all__ = ["PATH", "SUMS", "FullSize", "content", "read", "write"]

#: The file that comes with the package; beside it its checksum, ``.sha256``, in the format of sha256sum.
PATH = files("tso_helpers") / "data" / "simulated-full_spectra.fits"
#: How a white-light curve was added up.
SUMS = {
    "frame": "all pixels of the frame",
    "aperture": "the aperture of the spectra, no background subtracted",
    "box": "the aperture of the spectra, less the background of each column and integration",
}
_IMAGES = {
    "flux": (np.float32, "DN/s"),
    "error": (np.float32, "DN/s"),
    "flags": (np.int32, ""),
    "filled": (np.int16, ""),
}
_TEXT, _JSON = ("COMMAND", "CODE", "SPECTRA"), ("RECIPE", "PACKAGES", "STEPS", "APERTURE", "LOG")


@dataclass(frozen=True)
class FullSize:
    """Spectra and white-light curves of a whole exposure.

    Attributes
    ----------
    spectra : dict of str to Spectra
        By detector.
    bins : dict of str to astropy.table.Table
        By detector; of each bin ``WAVELENGTH`` (um), ``FIRST`` and ``LAST`` column, ``ROW`` of the trace.
    white_light : dict of str to dict of str to dict of str to LightCurve
        By detector, correction and sum (one of `SUMS`); DN/s. Corrections beside that of the spectra cover some
        segments only.
    about : dict
        Where it comes from: ``COMMAND``; ``CODE``, a digest of the code of the package that had a part in it;
        ``SPECTRA``, the correction of the spectra; and as dicts the ``RECIPE`` of the simulation, ``PACKAGES`` with
        their versions, ``STEPS`` of each correction with their parameters, the ``APERTURE``, and as a list the ``LOG``
        of the calibration: for each segment ``name``, ``seconds`` of work, ``peak_memory`` of a worker (bytes),
        ``saturated`` and ``jumps`` (samples), ``method``, ``workers``, and ``run seconds`` by the clock.
    """

    spectra: dict[str, Spectra]
    bins: dict[str, Table]
    white_light: dict[str, dict[str, dict[str, LightCurve]]]
    about: dict


def read(path=None) -> FullSize:
    """Read the spectra of the full-size exposure.

    Parameters
    ----------
    path : path-like, optional
        A file that `write` has written; the one that comes with the package by default, whose checksum is compared.

    Returns
    -------
    FullSize

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the file that comes with the package is not as it was shipped.
    """
    ours = path is None
    path = Path(str(PATH)) if ours else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: install the package again, or make it (tools/full_product.py)")
    if ours and integrity.checksum(path) != shipped_checksum():
        raise OSError(f"{path} is damaged, its checksum differs: install the package again")
    with fits.open(path, memmap=False) as hdus:
        detectors = [name.removeprefix("FLUX_") for name in (hdu.name for hdu in hdus) if name.startswith("FLUX_")]
        about = {name: hdus[0].header[name] for name in (*_TEXT, *_JSON)}
        about |= {name: json.loads(about[name]) for name in _JSON}
        tables = {name: np.array(hdus[f"WHITE_{name}"].data) for name in detectors}
        bins = {name: Table.read(hdus[f"BINS_{name}"]) for name in detectors}
        spectra = {
            name: Spectra(
                tables[name]["TIME"],
                bins[name]["WAVELENGTH"].value,
                *(np.array(hdus[f"{kind}_{name}"].data) for kind in _IMAGES),
            )
            for name in detectors
        }
    return FullSize(spectra, bins, {name: _curves(tables[name], about["STEPS"]) for name in detectors}, about)


def shipped_checksum() -> str:
    """Return the SHA-256 that stands beside the file that comes with the package."""
    return Path(f"{PATH}.sha256").read_text(encoding="utf-8").split()[0]


def write(product: FullSize, path) -> Path:
    """Write a product, and its checksum beside it.

    Parameters
    ----------
    product : FullSize
    path : path-like

    Returns
    -------
    pathlib.Path
    """
    path = Path(path)
    hdus = [_primary(product)]
    for name, spectra in product.spectra.items():
        hdus += [_image(kind, name, getattr(spectra, kind)) for kind in _IMAGES]
        bins = fits.table_to_hdu(product.bins[name])
        bins.name = f"BINS_{name}"
        hdus += [bins, _white(name, spectra.time, product.white_light[name])]
    with atomic.file(path) as unfinished:
        fits.HDUList(hdus).writeto(unfinished)
    atomic.write_text(Path(f"{path}.sha256"), f"{integrity.checksum(path)}  {path.name}\n")
    return path


def content(product: FullSize) -> str:
    """Return a digest of all numbers of a product.

    Parameters
    ----------
    product : FullSize
        As it is read; the file's own checksum differs from one making to the next, because gzip notes the time.

    Returns
    -------
    str
        Sixteen characters.
    """
    digest = hashlib.sha256()
    for name, spectra in sorted(product.spectra.items()):
        for kind in ("time", "wavelength", *_IMAGES):
            digest.update(np.ascontiguousarray(getattr(spectra, kind)).tobytes())
        for _, sums in sorted(product.white_light[name].items()):
            for _, curve in sorted(sums.items()):
                digest.update(curve.flux.tobytes() + curve.error.tobytes())
    return digest.hexdigest()[:16]


def _primary(product):
    header = fits.Header()
    header["OBJECT"], header["SIMULATD"] = "WASP-39", (True, "simulated, not observed")
    header["TIMESYS"], header["TIMEUNIT"] = ("TDB", "BJD_TDB, middle of each integration"), "d"
    header["BUNIT"], header["WAVEUNIT"] = ("DN/s", "after gain_scale"), "um"
    for name in _TEXT:
        header[name] = product.about[name]
    for name in _JSON:
        header[name] = json.dumps(product.about[name])
    for line in __doc__.splitlines():
        if line.startswith("``"):  # what the units of the file hold
            header.add_comment(line.replace("``", ""))
    return fits.PrimaryHDU(header=header)


def _image(kind, detector, values):
    dtype, unit = _IMAGES[kind]
    values = np.asarray(values).astype(dtype)
    compressed = fits.CompImageHDU(
        values, name=f"{kind}_{detector}", compression_type="GZIP_2", quantize_level=0, tile_shape=values.shape
    )
    compressed.header["BUNIT"] = unit
    return compressed


def _white(name, time, curves):
    columns = [fits.Column("TIME", "D", unit="d", array=time)]
    for correction, sums in curves.items():
        for kind, curve in sums.items():
            for what in ("flux", "error"):
                values = np.full(len(time), np.nan)
                values[np.isin(time, curve.time)] = getattr(curve, what)
                columns.append(fits.Column(f"{correction}.{kind}.{what.upper()}", "D", unit="DN/s", array=values))
    return fits.BinTableHDU.from_columns(columns, name=f"WHITE_{name}")


def _curves(table, steps):
    def curve(correction, kind):
        flux, error = (table[f"{correction}.{kind}.{what}"] for what in ("FLUX", "ERROR"))
        there = np.isfinite(flux)
        return LightCurve(table["TIME"][there], flux[there], error[there])

    made = [correction for correction in steps if f"{correction}.frame.FLUX" in table.dtype.names]
    return {correction: {kind: curve(correction, kind) for kind in SUMS} for correction in made}
