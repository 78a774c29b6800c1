"""Build a simulated exposure: its uncal files, its references with their CRDS cache, and its truth."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from astropy.io import fits
from tqdm.auto import tqdm

from ..files import atomic, crds_cache, integrity, level1b, lock
from . import cosmic_rays, detector, integration, noise, references, scene
from . import level1b as uncal
from .recipe import Recipe

__all__ = [
    "NOTE",
    "RECORD",
    "Recipe",
    "build",
    "build_segment",
    "command",
    "is_complete",
    "problems",
    "recipe_key",
    "recipe_of",
]

#: Written last of all: the recipe, and size and checksum of every file.
RECORD = "complete.json"
NOTE = Path("truth", "recipe.json")
_PARTS = ("mastDownload", "crds", "truth")

#: Bytes that references and truth take beside the uncal files (measured; generous).
OVERHEAD = 120_000_000


def is_complete(folder: Path, recipe: Recipe, *, thorough: bool = False) -> bool:
    """Return True when ``folder`` holds the whole exposure of ``recipe``, every file as built; see `problems`."""
    record = _record(folder)
    return record.get("recipe") == json.loads(recipe.to_json()) and not problems(folder, thorough=thorough)


def problems(folder: Path, *, thorough: bool = True) -> list[str]:
    """Say what is wrong with the exposure in a folder, in words; an empty list when nothing is.

    Parameters
    ----------
    folder : path-like
    thorough : bool
        Compare the checksum of every file (0.5 s for the exposure of lesson size). Without, sizes are compared, and the
        checksums of the files that were changed after the exposure was finished.
    """
    folder, record = Path(folder), _record(folder)
    if not record:
        return [f"{RECORD} is missing or damaged: the exposure was never finished"]
    since = (folder / RECORD).stat().st_mtime
    found = integrity.problems(folder, record["files"], thorough=thorough, since=since)
    listed = {name for name in record["files"] if name.endswith("_uncal.fits")}
    extra = [path for path in level1b.paths(folder) if path.relative_to(folder).as_posix() not in listed]
    return found + [f"{path.relative_to(folder)} does not belong to it" for path in extra]


def recipe_of(folder: Path) -> Recipe | None:
    """Return the recipe of the exposure in a folder, finished or not; None where there is nothing that it would keep.

    Raises
    ------
    ValueError
        When the folder holds an exposure whose recipe is damaged, or is of another version of the simulation; the
        message says what to do.
    """
    folder, noted, wrong = Path(folder), [], []
    if record := _record(folder):
        noted.append((folder / RECORD, json.dumps(record["recipe"])))
    with contextlib.suppress(OSError):
        noted.append((folder / NOTE, (folder / NOTE).read_text(encoding="utf-8", errors="replace")))
    for path, text in noted:
        try:
            return Recipe.from_json(text)
        except ValueError as error:
            wrong.append(f"{path}: {error}")
    if not level1b.paths(folder):  # a build that failed before it began
        return None
    raise ValueError(
        f"{wrong[0] if wrong else f'{folder} holds uncal files, but no recipe of a simulated exposure'}. To build it "
        f"anew, delete the folder, then run {command(folder)} with the options that it was built with"
    )


def command(folder: Path) -> str:
    """Return the shell command that builds, or repairs, the exposure in a folder."""
    return f"`tso data --out {shlex.quote(str(folder))}`"


def build(
    folder: Path, recipe: Recipe, workers: int | None = None, progress: bool = True, *, thorough: bool = False
) -> bool:
    """Build the exposure of ``recipe`` in ``folder``; what is there already and whole is kept.

    Every file appears under its name only when complete, and ``complete.json`` last of all: an interrupted build is
    continued by calling this again. A second process that wants the same exposure waits for the first.

    Parameters
    ----------
    folder : path-like
        One exposure's folder; created if needed. It must not hold another recipe's exposure.
    recipe : Recipe
    workers : int, optional
        Threads; as many as there are processors by default. The result does not depend on it.
    progress : bool
        Show a progress bar.
    thorough : bool
        Compare the checksum of every file of an exposure that is there; see `problems`.

    Returns
    -------
    bool
        False when everything was there and whole.

    Raises
    ------
    FileExistsError
        When ``folder`` holds the exposure of another recipe, or uncal files or links that do not belong there.
    OSError
        When the folder cannot be written, or the disk is too small.
    ValueError
        When ``workers`` is not positive.
    """
    folder = Path(folder)
    if workers is not None and workers < 1:
        raise ValueError(f"workers={workers}: give 1 or more")
    if is_complete(folder, recipe, thorough=thorough):
        atomic.remove_leftovers(folder)
        return False
    with _writable(folder), lock.hold(folder / ".building"):
        if not is_complete(folder, recipe, thorough=thorough):  # another process may have built it meanwhile
            _build(folder, recipe, workers or os.cpu_count() or 1, progress)
    return True


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Make a folder, and say what to do where that, or writing in it, is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileExistsError(f"{folder} is a file, or a link that leads nowhere: choose another folder") from None
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"{error.filename or folder} cannot be written ({error.strerror}): set TSO_DATA, or --out, to a folder where "
        "the simulated exposure may be kept",
    )


def _record(folder: Path) -> dict:
    """What was noted when the exposure was finished, recipe and files; empty if it never was, or that is damaged."""
    try:
        record = integrity.read_json(integrity.inside(folder, RECORD, links=False))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record.get("recipe"), dict) and isinstance(record.get("files"), dict) else {}


def _build(folder: Path, recipe: Recipe, workers: int, progress: bool):
    _refuse_links(folder)
    _refuse_another(folder, recipe)
    atomic.remove_leftovers(folder)
    _drop_damaged(folder, recipe)
    _check_space(folder, recipe)
    atomic.write_text(folder / NOTE, recipe.to_json())
    total = len(recipe.detectors) * recipe.total
    with tqdm(total=total, desc="simulating WASP-39b", unit="integration", disable=not progress) as bar:
        for name in recipe.detectors:
            for segment in range(1, len(recipe.integrations) + 1):
                _build_segment(folder, recipe, name, segment, workers, bar.update)
        bar.set_postfix_str("target acquisition, references, truth")
        for exposure in (1, 2):
            _build_acquisition(folder, recipe, exposure)
        _write_references(folder, recipe)
        _write_hits(folder, recipe)
    _finish(folder, recipe)


def _refuse_links(folder: Path):
    """Nothing that a link leads to, outside the folder, is read, replaced or deleted."""
    for part in _PARTS:
        for path in (folder / part, *(folder / part).rglob("*")):
            if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                raise FileExistsError(
                    f"{path} is a link that leads out of {folder}: the files of a simulated exposure lie in its own "
                    "folder. Remove the link, or choose another folder with --out"
                )


def _refuse_another(folder: Path, recipe: Recipe):
    """An exposure of another recipe, finished or not, is neither continued nor replaced."""
    found = level1b.paths(folder)
    there = {key for path in found if (key := recipe_key(path))} - {recipe.key}
    if there:
        raise FileExistsError(
            f"{folder} holds the simulated exposure of another recipe, or of another version of the simulation "
            f"({', '.join(sorted(there))}; this one is {recipe.key}): choose another folder with --out, or delete this "
            "one first"
        )
    if strangers := sorted(set(found) - {level1b.archive_path(folder, name) for name in _names(recipe)}):
        raise FileExistsError(f"{strangers[0]} does not belong to the exposure in {folder}: move it elsewhere")


def _names(recipe: Recipe) -> list[str]:
    """The names (`level1b.obs_id`) of all uncal files of an exposure."""
    segments = range(1, len(recipe.integrations) + 1)
    science = [uncal.science_name(name, segment) for name in recipe.detectors for segment in segments]
    return science + [uncal.acquisition_name(exposure) for exposure in (1, 2)]


def recipe_key(path: Path) -> str | None:
    """Return the key of the recipe that an uncal file was made from, as its header has it; None if it is unreadable."""
    if integrity.fits_problem(path):
        return None
    return str(fits.getheader(path).get("SIMRECIP", f"no recipe in {Path(path).name}"))


def _drop_damaged(folder: Path, recipe: Recipe):
    """Remove what is not as it was built, so that it is built again.

    After a build that was finished the list of its files tells; else the checksums that uncal files carry themselves.
    """
    files = _record(folder).get("files", {})
    for name in files:
        with contextlib.suppress(ValueError):
            path = integrity.inside(folder, name, links=False)
            if path.is_file() and integrity.problems(folder, {name: files[name]}, thorough=True):
                path.unlink()
    if not _is_noted(folder, recipe):  # references and truth are of another recipe, or nobody knows of which
        atomic.remove_tree(folder / "crds")
        atomic.remove_tree(folder / "truth")
    (folder / RECORD).unlink(missing_ok=True)
    for path in level1b.paths(folder):
        if integrity.fits_problem(path) or not datasum_holds(path):
            path.unlink()
    if crds_cache.verify(folder / "crds", thorough=True):
        atomic.remove_tree(folder / "crds")
    for path in (folder / "truth").glob("hits_*.fits"):
        if path.relative_to(folder).as_posix() not in files:  # quickly made again, and nothing vouches for it
            path.unlink()


def _is_noted(folder: Path, recipe: Recipe) -> bool:
    """True when what lies in the folder was begun for this recipe."""
    try:
        return (folder / NOTE).read_bytes() == recipe.to_json().encode("utf-8")
    except OSError:
        return False


def datasum_holds(path: Path) -> bool:
    """True when the science data of an uncal file have the checksum that its header states, and it states one."""
    with fits.open(path, memmap=True) as hdus:
        if "SCI" not in hdus:
            return False
        header, place = hdus["SCI"].header, hdus["SCI"].fileinfo()
    datasum, left = 0, place["datSpan"]
    with open(path, "rb") as file:
        file.seek(place["datLoc"])
        while left and (block := file.read(min(left, 1 << 24))):
            datasum, left = uncal.add_to_datasum(datasum, block), left - len(block)
    return str(header.get("DATASUM", "")).strip() == str(datasum)


def _check_space(folder: Path, recipe: Recipe):
    pixels = detector.ROWS * (recipe.columns[1] - recipe.columns[0])
    wanted = 2 * pixels * recipe.groups * recipe.total * len(recipe.detectors) + OVERHEAD
    there = sum(path.stat().st_size for path in level1b.paths(folder))
    free = shutil.disk_usage(folder).free
    if free < wanted - there:
        raise OSError(
            f"no room for the simulated exposure in {folder}: {(wanted - there) / 1e6:.0f} MB needed, "
            f"{free / 1e6:.0f} MB free. Free some space, or point TSO_DATA to a larger disk."
        )


def build_segment(
    folder: Path, recipe: Recipe, name: str, segment: int, integrations: slice | None = None, progress: bool = True
) -> Path:
    """Build one segment of an exposure, or a part of it, and the references: where there is no room for the whole.

    The pixels are those of the whole exposure.

    Parameters
    ----------
    folder : path-like
        Created if needed; not the folder of a whole exposure, which this is none of.
    recipe : Recipe
    name : str
        Detector.
    segment : int
        From 1.
    integrations : slice, optional
        With a start and a stop; of the segment, from 0.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pathlib.Path
        The uncal file; one that is there, whole and of the same recipe and integrations, is kept.

    Raises
    ------
    FileExistsError
        When ``folder`` holds a whole exposure, or that of another recipe.
    """
    folder = Path(folder)
    first, last = recipe.locate(segment, 0), recipe.locate(segment, recipe.integrations[segment - 1] - 1)
    chosen = range(first, last + 1)[integrations or slice(None)]
    path = level1b.archive_path(folder, uncal.science_name(name, segment))
    with _writable(folder), lock.hold(folder / ".building"):
        if (folder / RECORD).exists():
            raise FileExistsError(f"{folder} holds a whole exposure: choose another folder for single segments")
        _refuse_another(folder, recipe)
        if not _is_noted(folder, recipe):
            atomic.remove_tree(folder / "crds")
            atomic.write_text(folder / NOTE, recipe.to_json())
        _write_references(folder, recipe)
        if not _holds(path, chosen):
            path.unlink(missing_ok=True)
            with tqdm(
                total=len(chosen), desc=f"simulating {path.stem}", unit="integration", disable=not progress
            ) as bar:
                _write_segment(path, recipe, name, segment, chosen, os.cpu_count() or 1, bar.update)
    return path


def _holds(path: Path, chosen: range) -> bool:
    """True when an uncal file is there, whole, and has the chosen integrations, counted through the exposure."""
    if not path.exists() or integrity.fits_problem(path):
        return False
    header = fits.getheader(path)
    return (header["INTSTART"], header["INTEND"]) == (chosen[0] + 1, chosen[-1] + 1) and datasum_holds(path)


def _build_segment(folder: Path, recipe: Recipe, name: str, segment: int, workers: int, done: Callable[[int], object]):
    path = level1b.archive_path(folder, uncal.science_name(name, segment))
    first, count = recipe.locate(segment, 0), recipe.integrations[segment - 1]
    if path.exists():
        done(count)
        return
    _write_segment(path, recipe, name, segment, range(first, first + count), workers, done)


def _write_segment(path: Path, recipe: Recipe, name: str, segment: int, chosen: range, workers: int, done: Callable):
    """Write the chosen integrations, counted through the exposure, of a segment."""
    blocks = ordered(lambda index: integration.raw_counts(recipe, name, index), chosen, workers)
    shape = (len(chosen), recipe.groups, detector.ROWS, recipe.columns[1] - recipe.columns[0])
    header, times = uncal.science_header(recipe, name, segment), uncal.integration_times(recipe, segment)
    header["INTSTART"], header["INTEND"] = chosen[0] + 1, chosen[-1] + 1
    first = recipe.locate(segment, 0)
    uncal.write(path, header, shape, _counted(blocks, done), times[chosen[0] - first : chosen[-1] + 1 - first])


def _counted(blocks, done):
    for block in blocks:
        yield block
        done(1)


def ordered(function: Callable, items, workers: int) -> Iterator:
    """Yield ``function(item)`` in order, ``workers`` at a time; never more than a few results wait in memory."""
    waiting = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _build_acquisition(folder: Path, recipe: Recipe, exposure: int):
    path = level1b.archive_path(folder, uncal.acquisition_name(exposure))
    if not path.exists():
        header = uncal.acquisition_header(recipe, exposure)
        uncal.write(path, header, (1, 3, 32, 32), [acquisition_counts(recipe, exposure)])


def acquisition_counts(recipe: Recipe, exposure: int) -> np.ndarray:
    """Raw counts of a target-acquisition exposure, shape (3, 32, 32), uint16; pixels of SUB2048, read fast."""
    det, pixels = detector.get("NRS1"), detector.maps("NRS1", recipe.seed).cut(uncal.ACQUISITION_COLUMNS)
    rng = noise.stream(recipe.seed, "acquisition", "NRS1", exposure)
    expected = scene.acquisition_image(exposure, recipe.has("slit")) * pixels.flat * detector.MODE.frame_time(32, 32)
    expected = np.broadcast_to(expected, (3, 32, 32))
    charge = np.cumsum(rng.poisson(expected) if recipe.has("photon_noise") else expected, axis=0, dtype=float)
    counts = np.minimum(charge, pixels.full_well) / det.gain
    if recipe.has("nonlinearity"):
        counts = detector.unlinearise(counts, pixels.c2, pixels.c3)
    counts = counts + (pixels.superbias if recipe.has("superbias") else det.bias)
    if recipe.has("white_noise"):
        counts = counts + rng.standard_normal((3, 32, 32)) * pixels.white_noise
    return np.clip(np.rint(counts), 0, detector.ADC_MAX).astype(np.uint16)


def _write_references(folder: Path, recipe: Recipe):
    """Write the CRDS cache, unless it is there; it appears at once or not at all."""
    start, stop = uncal.ACQUISITION_COLUMNS
    rows = detector.MODE.detector("NRS1").first_row
    acquisition = references.Window("SUB32", start + 1, rows, stop - start, detector.ROWS)
    if (folder / "crds").exists():
        return
    names = dict.fromkeys((*recipe.detectors, "NRS1"))  # the target acquisition is NRS1's, whatever else is wanted
    references.write_references(
        folder / "crds",
        tuple(names),
        recipe.seed,
        columns=recipe.columns,
        acquisition=acquisition,
        without=recipe.without,
    )


def _write_hits(folder: Path, recipe: Recipe):
    """Keep the list of all cosmic rays: the truth that the jump step is judged by."""
    columns = [("integration", "i4"), *[(n, cosmic_rays.HIT[n].str[1:]) for n in cosmic_rays.HIT.names]]
    for name in recipe.detectors:
        path = folder / "truth" / f"hits_{name.lower()}.fits"
        if path.exists():
            continue
        parts = []
        for index in range(recipe.total):
            found = integration.hits(recipe, name, index)
            part = np.empty(len(found), columns)
            part["integration"] = index
            for field in cosmic_rays.HIT.names:
                part[field] = found[field]
            parts.append(part)
        with atomic.file(path) as partial:
            fits.BinTableHDU(np.concatenate(parts), name="HITS").writeto(partial)


def _finish(folder: Path, recipe: Recipe):
    kept = [path for part in _PARTS for path in atomic.finished(folder / part)]
    record = {"recipe": json.loads(recipe.to_json()), "files": integrity.describe(folder, sorted(kept))}
    atomic.write_text(folder / RECORD, json.dumps(record, indent=1))
