"""Level 1b files on disk: which ones there are, whether they are whole, and some integrations of one as a ramp."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["Uncal", "describe", "find", "read"]

ACQUISITION = ("NRS_WATA", "NRS_TACQ", "NRS_TACONFIRM", "NRS_MSATA")
SCIENCE = "NRS_BRIGHTOBJ"


@dataclass(frozen=True)
class Uncal:
    """What the headers of an uncal file say."""

    path: Path
    exposure: str
    exposure_type: str
    detector: str
    segment: int
    segments: int
    shape: tuple[int, int, int, int]
    first_integration: int
    group_time: float
    target: str
    simulated: bool

    @property
    def identity(self) -> tuple:
        """What changes when the file does: name, size, time of its last change."""
        status = self.path.stat()
        return self.path.name, status.st_size, status.st_mtime_ns


def find(folder) -> list[Uncal]:
    """Describe all uncal files in a folder and the folders in it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no uncal file in it.
    OSError
        If a file is damaged; the message says which and how.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    paths = sorted(folder.rglob("*_uncal.fits"))
    if not paths:
        raise FileNotFoundError(f"no file named *_uncal.fits in {folder} or the folders in it")
    return [describe(path) for path in paths]


def describe(path) -> Uncal:
    """Read the headers of an uncal file and see whether the file is as long as they promise.

    Raises
    ------
    OSError
        If it is not a FITS file, has been cut short, or holds no ramps.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)  # "may have been truncated": measured below
            with fits.open(path) as hdus:
                header, science = hdus[0].header, hdus["SCI"].header
                last = hdus[len(hdus) - 1].fileinfo()
                promised = last["datLoc"] + last["datSpan"]
        shape = tuple(science[f"NAXIS{axis}"] for axis in (4, 3, 2, 1))
        described = _from_header(path, header, shape)
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise OSError(f"{path} cannot be read as an uncal file ({error}); delete it and fetch it again") from error
    if (length := path.stat().st_size) < promised:
        raise OSError(
            f"{path} was cut short: it has {length} bytes, its headers promise {promised}; delete it and fetch it again"
        )
    return described


def _from_header(path, header, shape) -> Uncal:
    exposure, _, _ = path.name.removesuffix("_uncal.fits").partition("-seg")
    return Uncal(
        path=path,
        exposure=exposure.removesuffix(f"_{header['DETECTOR'].lower()}"),
        exposure_type=header["EXP_TYPE"],
        detector=header["DETECTOR"],
        segment=header.get("EXSEGNUM", 1),
        segments=header.get("EXSEGTOT", 1),
        shape=shape,
        first_integration=header.get("INTSTART", 1),
        group_time=header["TGROUP"],
        target=header.get("TARGNAME") or header.get("TARGPROP") or "unknown target",
        simulated=bool(header.get("SIMULATD", False)),
    )


def read(path, integrations=None, kind="RampModel"):
    """Read some integrations of a file; the others are not touched, so the memory is that of those asked for.

    Parameters
    ----------
    path : path
        Uncal file, or a ramp that was saved by a step.
    integrations : slice, optional
        Zero-based, contiguous, within the file; all by default.
    kind : str
        Data model to read it as.

    Returns
    -------
    stdatamodels.jwst.datamodels.RampModel, or what ``kind`` names
        Wholly in memory: the file is closed. INTSTART, INTEND and the INT_TIMES table are those of the integrations
        that were read.
    """
    from stdatamodels.jwst import datamodels

    with fits.open(path, memmap=False) as hdus:
        # a model of Level 1b, or of a later ramp: what has one entry per integration is cut, everything else is kept
        axes = 4 if kind == "RampModel" else 3
        chosen = integrations or slice(None)
        parts = fits.HDUList([_take(hdu, axes, chosen) for hdu in hdus])
    model = getattr(datamodels, kind)(parts)
    if integrations is not None:
        _renumber(model, integrations)
    return model


def _take(hdu, axes, chosen):
    """Copy an HDU out of its file, cut to the chosen integrations if it has one entry for each."""
    if hdu.name == "INT_TIMES":
        return fits.BinTableHDU(np.array(hdu.data)[chosen], name="INT_TIMES")
    if isinstance(hdu, fits.ImageHDU) and hdu.header["NAXIS"] == axes:
        header = hdu.header.copy()
        data = hdu.section[chosen]
        for keyword in ("BSCALE", "BZERO"):
            header.remove(keyword, ignore_missing=True)
        return fits.ImageHDU(_native(data), header)
    return hdu.copy()


def _native(data):
    """Return counts as the floats that a ramp holds; flags as they are; in the byte order of this machine."""
    if data.dtype == np.uint16:
        return data.astype(np.float32)
    return np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))


def _renumber(model, integrations):
    exposure = model.meta.exposure
    first = (exposure.integration_start or 1) + integrations.start
    exposure.integration_start = first
    exposure.integration_end = first + (integrations.stop - integrations.start) - 1
