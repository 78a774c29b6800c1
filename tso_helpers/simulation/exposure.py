"""Build a simulated exposure: its uncal files, its references with their CRDS cache, and its truth."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from astropy.io import fits
from tqdm.auto import tqdm

from . import cosmic_rays, crds_cache, detector, integration, level1b, noise, references, scene
from .recipe import Recipe

__all__ = ["Recipe", "build", "is_complete"]

#: Bytes that references and truth take beside the uncal files (measured; generous).
OVERHEAD = 120_000_000


def is_complete(folder: Path, recipe: Recipe) -> bool:
    """True when ``folder`` holds the whole exposure of ``recipe``: every file, each of the size it was built with."""
    try:
        record = json.loads((Path(folder) / "complete.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    if record.get("recipe") != json.loads(recipe.to_json()):
        return False
    sizes = record["files"]
    return all((f := Path(folder) / name).is_file() and f.stat().st_size == size for name, size in sizes.items())


def build(folder: Path, recipe: Recipe, workers: int | None = None, progress: bool = True) -> None:
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

    Raises
    ------
    FileExistsError
        When ``folder`` holds the exposure of another recipe.
    OSError
        When the disk is too small.
    """
    folder = Path(folder)
    if is_complete(folder, recipe):
        return
    _claim(folder, recipe)
    with _only_one(folder / ".building"):
        if not is_complete(folder, recipe):  # another process may have built it meanwhile
            _build(folder, recipe, workers or os.cpu_count() or 1, progress)


def _build(folder: Path, recipe: Recipe, workers: int, progress: bool):
    _drop_damaged(folder)
    _check_space(folder, recipe)
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


@contextlib.contextmanager
def _only_one(path: Path):
    """Hold a lock that the system takes back when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # not on this system: two builds then do the same work twice, no harm done
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _claim(folder: Path, recipe: Recipe):
    """Write the recipe first: an unfinished build of another recipe is not continued."""
    note = folder / "truth" / "recipe.json"
    if note.exists() and json.loads(note.read_text()) != json.loads(recipe.to_json()):
        raise FileExistsError(
            f"{folder} holds the simulated exposure of another recipe ({note}): choose another folder, or delete it"
        )
    with level1b.atomic(note) as partial:
        partial.write_text(recipe.to_json())


def _drop_damaged(folder: Path):
    """Remove files that do not have the size they were built with, so that they are built again."""
    try:
        sizes = json.loads((folder / "complete.json").read_text())["files"]
    except (FileNotFoundError, ValueError, KeyError):
        return  # never finished: then every file that has its final name is whole
    for name, size in sizes.items():
        path = folder / name
        if path.is_file() and path.stat().st_size != size:
            path.unlink()
    (folder / "complete.json").unlink()


def _check_space(folder: Path, recipe: Recipe):
    pixels = detector.ROWS * (recipe.columns[1] - recipe.columns[0])
    wanted = 2 * pixels * recipe.groups * recipe.total * len(recipe.detectors) + OVERHEAD
    there = sum(f.stat().st_size for f in folder.rglob("*_uncal.fits"))
    free = shutil.disk_usage(folder).free
    if free < wanted - there:
        raise OSError(
            f"no room for the simulated exposure in {folder}: {(wanted - there) / 1e6:.0f} MB needed, "
            f"{free / 1e6:.0f} MB free. Free some space, or point TSO_DATA to a larger disk."
        )


def _build_segment(folder: Path, recipe: Recipe, name: str, segment: int, workers: int, done: Callable[[int], object]):
    path = level1b.path(folder, level1b.science_name(name, segment))
    count = recipe.integrations[segment - 1]
    if path.exists():
        done(count)
        return
    first = recipe.locate(segment, 0)
    blocks = ordered(lambda index: integration.raw_counts(recipe, name, index), range(first, first + count), workers)
    shape = (count, recipe.groups, detector.ROWS, recipe.columns[1] - recipe.columns[0])
    level1b.write(
        path,
        level1b.science_header(recipe, name, segment),
        shape,
        _counted(blocks, done),
        level1b.integration_times(recipe, segment),
    )


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
    path = level1b.path(folder, level1b.acquisition_name(exposure))
    if not path.exists():
        header = level1b.acquisition_header(recipe, exposure)
        level1b.write(path, header, (1, 3, 32, 32), [acquisition_counts(recipe, exposure)])


def acquisition_counts(recipe: Recipe, exposure: int) -> np.ndarray:
    """Raw counts of a target-acquisition exposure, shape (3, 32, 32), uint16; pixels of SUB2048, read fast."""
    det, pixels = detector.get("NRS1"), detector.maps("NRS1", recipe.seed).cut(level1b.ACQUISITION_COLUMNS)
    rng = noise.stream(recipe.seed, "acquisition", "NRS1", exposure)
    expected = scene.acquisition_image(exposure) * pixels.flat * noise.frame_time(32, 32)
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
    """Write the CRDS cache, unless it is there and whole; it appears at once or not at all."""
    start, stop = level1b.ACQUISITION_COLUMNS
    rows = detector.get("NRS1").substrt2
    acquisition = references.Window("SUB32", start + 1, rows, stop - start, detector.ROWS)
    if (folder / "crds").exists() and not crds_cache.verify(folder / "crds"):
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
        with level1b.atomic(path) as partial:
            fits.BinTableHDU(np.concatenate(parts), name="HITS").writeto(partial)


def _finish(folder: Path, recipe: Recipe):
    kept = [f for part in ("mastDownload", "crds", "truth") for f in sorted((folder / part).rglob("*")) if f.is_file()]
    sizes = {f.relative_to(folder).as_posix(): f.stat().st_size for f in kept if not f.name.endswith(".partial")}
    with level1b.atomic(folder / "complete.json") as partial:
        partial.write_text(json.dumps({"recipe": json.loads(recipe.to_json()), "files": sizes}, indent=1))
