"""Level 1b files on disk: where they lie, which ones there are, what their headers say, and whether they are whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from astropy.io import fits

from . import atomic, integrity

__all__ = ["Uncal", "archive_path", "describe", "find", "obs_id", "paths", "require_one_exposure"]

_ADVICE = "delete it and fetch it again"
#: The end of a name as the archive gives it.
_NAME = re.compile(r"-seg(?P<segment>\d{3})_(?P<detector>[a-z0-9]+)_uncal\.fits$", re.IGNORECASE)
_KINDS = {str: "text", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Uncal:
    """What the headers of an uncal file say.

    Attributes
    ----------
    path : pathlib.Path
    exposure : str
        Its name up to the segment, ``jw..._04101_00001``.
    exposure_type : str
        EXP_TYPE.
    detector : str
    segment : int
        From 1.
    segments : int
        How many the exposure has.
    shape : (int, int, int, int)
        Integrations, groups, rows, columns.
    first_integration : int
        From 1, in the exposure.
    group_time : float
        s.
    target : str
    simulated : bool
    times : int
        Rows of its INT_TIMES table.
    """

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
    times: int = 0

    @property
    def identity(self) -> tuple:
        """What changes when the file does: name, size, time of its last change."""
        status = self.path.stat()
        return self.path.name, status.st_size, status.st_mtime_ns


def obs_id(exposure: str, segment: int, detector: str) -> str:
    """Return the archive's name of one segment of one detector, ``jw..._04101_00001-seg001_nrs1``."""
    return f"{exposure}-seg{segment:03d}_{detector.lower()}"


def archive_path(folder, name: str) -> Path:
    """Return where the archive's downloader puts an uncal file.

    Parameters
    ----------
    folder : path-like
        That contains ``mastDownload/``.
    name : str
        An `obs_id`.

    Returns
    -------
    pathlib.Path
    """
    return Path(folder) / "mastDownload" / "JWST" / name / f"{name}_uncal.fits"


def paths(folder) -> list[Path]:
    """List the uncal files in a folder and the folders in it, but for those that are being written.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    list of pathlib.Path
        Sorted.
    """
    return sorted(path for path in atomic.finished(folder) if path.name.endswith("_uncal.fits"))


def find(folder) -> list[Uncal]:
    """Describe all uncal files in a folder and the folders in it.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    list of Uncal
        In the order of their paths.

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
    if packed := [path for path in atomic.finished(folder) if _is_packed(path)]:
        raise OSError(
            f"{packed[0]} is compressed, {len(packed)} files in all: integrations are read one by one, which gzip does "
            "not allow. Unpack them with gunzip"
        )
    if not found:
        raise FileNotFoundError(f"no file named *_uncal.fits in {folder} or the folders in it")
    return [describe(path) for path in found]


def _is_packed(path) -> bool:
    return path.name.endswith("_uncal.fits.gz") and not path.with_suffix("").exists()


def describe(path) -> Uncal:
    """Read the headers of an uncal file and see whether the file is as long as they promise.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Uncal

    Raises
    ------
    OSError
        If it is not a FITS file, has been cut short, or holds no ramps.
    """
    path = Path(path)
    if problem := integrity.fits_problem(path):
        raise OSError(f"{path} cannot be read as an uncal file ({problem}); {_ADVICE}")
    try:
        with fits.open(path) as hdus:
            header, science = hdus[0].header, hdus["SCI"].header
            shape = tuple(science[f"NAXIS{axis}"] for axis in (4, 3, 2, 1))
            times = hdus["INT_TIMES"].header["NAXIS2"] if "INT_TIMES" in hdus else 0
        return _from_header(path, header, shape, times)
    except (KeyError, ValueError, TypeError) as error:
        reason = error.args[0] if error.args else error  # str() of a KeyError has quotation marks around it
        raise OSError(f"{path} cannot be read as an uncal file ({reason}); {_ADVICE}") from error


def require_one_exposure(files, partial=False) -> None:
    """Check that files are the segments of one exposure: none twice, none missing, no integration in two of them.

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


def _from_header(path, header, shape, times) -> Uncal:
    exposure, _, _ = path.name.removesuffix("_uncal.fits").partition("-seg")
    detector, segment = _keyword(header, "DETECTOR", str), _keyword(header, "EXSEGNUM", int, 1)
    named = _NAME.search(path.name)
    if named and (int(named["segment"]), named["detector"].upper()) != (segment, detector):
        raise ValueError(
            f"its name says segment {int(named['segment'])} of {named['detector'].upper()}, its header segment "
            f"{segment} of {detector}"
        )
    if not 1 <= segment <= _keyword(header, "EXSEGTOT", int, segment):
        raise ValueError(f"EXSEGNUM is {segment}, EXSEGTOT {header['EXSEGTOT']}")
    return Uncal(
        path=path,
        exposure=exposure.removesuffix(f"_{detector.lower()}"),
        exposure_type=_keyword(header, "EXP_TYPE", str),
        detector=detector,
        segment=segment,
        segments=_keyword(header, "EXSEGTOT", int, segment),
        shape=shape,
        first_integration=_keyword(header, "INTSTART", int, 1),
        group_time=_keyword(header, "TGROUP", float),
        target=header.get("TARGNAME") or header.get("TARGPROP") or "unknown target",
        simulated=bool(header.get("SIMULATD", False)),
        times=times,
    )


def _keyword(header, name, kind, default=None):
    """The value of a keyword, which must be of a kind: text, a whole number, or a number."""
    value = header.get(name, default)
    if value is None:
        raise ValueError(f"its header has no {name}")
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is {value!r} in its header, not {_KINDS[kind]}")
    return value
