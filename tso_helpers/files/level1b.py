"""Level 1b files on disk: where they lie, which ones there are, what their headers say, and whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from astropy.io import fits

from . import integrity
from .atomic import UNFINISHED

__all__ = ["Uncal", "archive_path", "describe", "find", "obs_id", "paths", "require_one_exposure"]


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


def obs_id(exposure: str, segment: int, detector: str) -> str:
    """Return the archive's name of one segment of one detector, ``jw..._04101_00001-seg001_nrs1``."""
    return f"{exposure}-seg{segment:03d}_{detector.lower()}"


def archive_path(folder, name: str) -> Path:
    """Return where the archive's downloader puts the uncal file of ``name`` (an `obs_id`) below a folder."""
    return Path(folder) / "mastDownload" / "JWST" / name / f"{name}_uncal.fits"


def paths(folder) -> list[Path]:
    """Return the uncal files in a folder and the folders in it, in order, but for those that are being written."""
    found = Path(folder).rglob("*_uncal.fits")
    return sorted(path for path in found if not any(part.startswith(UNFINISHED) for part in path.parts))


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
    found = paths(folder)
    if not found:
        raise FileNotFoundError(f"no file named *_uncal.fits in {folder} or the folders in it")
    return [describe(path) for path in found]


def describe(path) -> Uncal:
    """Read the headers of an uncal file and see whether the file is as long as they promise.

    Raises
    ------
    OSError
        If it is not a FITS file, has been cut short, or holds no ramps.
    """
    path = Path(path)
    if problem := integrity.fits_problem(path):
        raise OSError(f"{path} cannot be read as an uncal file ({problem}); delete it and fetch it again")
    try:
        with fits.open(path) as hdus:
            header, science = hdus[0].header, hdus["SCI"].header
            shape = tuple(science[f"NAXIS{axis}"] for axis in (4, 3, 2, 1))
        return _from_header(path, header, shape)
    except (KeyError, ValueError, TypeError) as error:
        raise OSError(f"{path} cannot be read as an uncal file ({error}); delete it and fetch it again") from error


def require_one_exposure(files, partial=False) -> None:
    """See whether files are the segments of one exposure: none twice, none missing, no integration in two of them.

    Parameters
    ----------
    files : sequence of Uncal
    partial : bool
        Be content when segments are missing.

    Raises
    ------
    ValueError
        If they are not; the message names the files.
    FileNotFoundError
        If there is no file, or one is missing.
    """
    if not files:
        raise FileNotFoundError("there is no uncal file to calibrate")
    exposures = sorted({(file.exposure, file.exposure_type, file.simulated) for file in files})
    if len(exposures) > 1:
        listed = ", ".join(f"{name} ({kind}{', simulated' * simulated})" for name, kind, simulated in exposures)
        raise ValueError(f"these are files of {len(exposures)} exposures: {listed}. Calibrate one after the other")
    for detector in sorted({file.detector for file in files}):
        _require_one_detector([file for file in files if file.detector == detector], partial)


def _require_one_detector(files, partial) -> None:
    ordered = sorted(files, key=lambda file: (file.segment, file.first_integration))
    for one, other in pairwise(ordered):
        if one.segment == other.segment:
            raise ValueError(f"segment {one.segment} of {one.detector} is there twice: {one.path} and {other.path}")
        if other.first_integration < one.first_integration + one.shape[0]:
            raise ValueError(
                f"integrations overlap: {one.path.name} has {one.first_integration} to "
                f"{one.first_integration + one.shape[0] - 1}, and {other.path.name} begins with "
                f"{other.first_integration}. One of the two is not what its name says: fetch both again"
            )
    missing = sorted(set(range(1, max(file.segments for file in files) + 1)) - {file.segment for file in files})
    if missing and not partial:
        raise FileNotFoundError(
            f"{files[0].detector} has {files[0].segments} segments; missing: {', '.join(map(str, missing))}"
        )


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
