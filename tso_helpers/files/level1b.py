"""Level 1b files on disk: where they lie, which ones there are, what their headers say, and whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from . import integrity
from .atomic import UNFINISHED

__all__ = ["Uncal", "archive_path", "describe", "find", "obs_id", "paths"]


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
    found = Path(folder).rglob("*_uncal.fits")
    return sorted(path for path in found if not any(part.startswith(UNFINISHED) for part in path.parts))


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
    if not found:
        raise FileNotFoundError(f"no file named *_uncal.fits in {folder} or the folders in it")
    return [describe(path) for path in found]


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
        raise OSError(f"{path} cannot be read as an uncal file ({problem}); delete it and fetch it again")
    try:
        with fits.open(path) as hdus:
            header, science = hdus[0].header, hdus["SCI"].header
            shape = tuple(science[f"NAXIS{axis}"] for axis in (4, 3, 2, 1))
        return _from_header(path, header, shape)
    except (KeyError, ValueError, TypeError) as error:
        raise OSError(f"{path} cannot be read as an uncal file ({error}); delete it and fetch it again") from error


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
